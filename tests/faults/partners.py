"""How the partner of each feed serves it on the sandbox server, with a file of ours in place of its own."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote
from urllib.request import urlopen

from vru.sandbox import SandboxServer

from tests.faults import clean
from tests.faults.feed import RECORD_SEPARATOR


@dataclass(frozen=True)
class Served:
    """A file that a partner answers with, and what becomes of it on the way."""

    content: bytes
    wire: Callable[[bytes], bytes] = bytes
    """What happens to the body after the partner has sealed it."""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    vintage: str | None = None
    is_sealed: bool = True
    """Whether a catalogue states the file's hash."""


class Partner(ABC):
    """The partner of one feed, as the sandbox serves it, with our own file in place of its own."""

    url_name: str
    """The last part of the address that is asked."""
    file_glob: str
    """The path of the file on the sandbox server."""

    def __init__(self, server: SandboxServer, vintage: str) -> None:
        self.server = server
        self.vintage = vintage

    def serves(self, content: bytes, **how: Any) -> bytes:
        """Answer with this file; `how` is what else a `Served` has. The body sent."""
        return self._serve(Served(content, **how))

    @abstractmethod
    def _serve(self, file: Served) -> bytes:
        """Put the file in the place of the sandbox's own; the body sent."""

    def landed(self, content: bytes) -> bytes:
        """The content as it is kept when it was accepted."""
        return content

    @property
    def tries(self) -> int:
        """How often the file itself was asked for."""
        return sum(target.partition("?")[0] == self.file_glob for _, target, _ in self.server.requests)

    def _replace(self, glob: str, body: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        self.server.fault(glob, "replace_body", body=body, content_type=content_type, headers=dict(headers))

    def _modified(self, file: Served) -> dict[str, str]:
        return {"Last-Modified": format_datetime(_moment(file.vintage or self.vintage), usegmt=True)}


class ArchivePartner(Partner):
    """data.police.uk: the latest ZIP, at the store to which its archive redirects."""

    url_name = "latest.zip"
    file_glob = "/policeuk-data.s3.amazonaws.com/archive/latest.zip"

    def __init__(self, server: SandboxServer, vintage: str, kind: str) -> None:
        super().__init__(server, vintage)
        self.member = f"2022-08/2022-08-metropolitan-{kind}.csv"

    def _serve(self, file: Served) -> bytes:
        body = file.wire(zipped(self.member, file.content))
        standard = {"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"', **self._modified(file)}
        self._replace(self.file_glob, body, file.content_type or "application/zip", {**standard, **file.headers})
        return body


class CataloguePartner(Partner):
    """The London Datastore: a catalogue with the MD5 of its one file, unless `is_sealed` is false."""

    catalogue = "/data.london.gov.uk/api/dataset/2l1w8"

    def __init__(self, server: SandboxServer, vintage: str) -> None:
        super().__init__(server, vintage)
        with urlopen(f"{server.url}{self.catalogue}") as answer:
            listed = json.load(answer)["resources"].values()
        self._url = [item["url"] for item in listed if "Victims" in item["title"]][-1]
        self.url_name = unquote(self._url.rpartition("/")[2])
        self.file_glob = f"/{self._url.removeprefix('https://')}"

    def _serve(self, file: Served) -> bytes:
        stated = _moment(file.vintage or self.vintage).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        entry = {"title": "Homicide Victims (made for a test)", "url": self._url, "check_timestamp": stated}
        if file.is_sealed:
            entry["check_hash"] = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
        self._replace(self.catalogue, json.dumps({"resources": {"x77ud": entry}}).encode(), "application/json", {})
        body = file.wire(file.content)
        self._replace(self.file_glob, body, file.content_type or "text/csv", file.headers)
        return body


class NomisPartner(Partner):
    """Nomis: one query, whose answer has no checksum; its Last-Modified dates it."""

    url_name = "NM_2002_1.data.csv"
    file_glob = "/www.nomisweb.co.uk/api/v01/dataset/NM_2002_1.data.csv"

    def _serve(self, file: Served) -> bytes:
        body = file.wire(file.content)
        self._replace(
            f"{self.file_glob}*", body, file.content_type or "text/csv", {**self._modified(file), **file.headers}
        )
        return body


SERVICES = "/services1.arcgis.com/ESMARspQHYMw9BZ9/arcgis/rest/services"


class ArcgisPartner(Partner):
    """Open Geography: five layers, of which ours is the boundaries of LSOAs; the others answer the same every time."""

    url_name = "query"
    file_glob = f"{SERVICES}/LSOA_2021_EW_BGC/FeatureServer/0/query"
    others: Mapping[str, Callable[[], bytes]] = {
        "Local_Authority_Districts_December_2022_UK_BGC_V2": clean.authorities,
        "LSOA11_MSOA11_LAD11_RGN11_EW_LU": lambda: clean.lookup("11"),
        "LSOA21_MSOA21_LAD22_EW_LU": lambda: clean.lookup("21"),
    }
    others_vintage = "2021-02-01"

    def serves_others(self) -> None:
        """Answer for the layers that are not under test."""
        stated = {"Last-Modified": format_datetime(_moment(self.others_vintage), usegmt=True)}
        for layer, content in self.others.items():
            self._replace(f"{SERVICES}/{layer}/FeatureServer/0/query*", content(), "application/geo+json", stated)

    def _serve(self, file: Served) -> bytes:
        body = file.wire(file.content)
        headers = {**self._modified(file), **file.headers}
        self._replace(f"{self.file_glob}*", body, file.content_type or "application/geo+json", headers)
        self.serves_others()
        return body

    def landed(self, content: bytes) -> bytes:
        return RECORD_SEPARATOR + content + b"\n"


def zipped(member: str, content: bytes, *, compression: int = zipfile.ZIP_DEFLATED, level: int = 6) -> bytes:
    """A ZIP with one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        entry = zipfile.ZipInfo(member, (2022, 10, 28, 9, 30, 0))
        entry.compress_type = compression
        target.writestr(entry, content, compresslevel=level)
    return buffer.getvalue()


def _moment(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(hour=9, minute=30, tzinfo=UTC)
