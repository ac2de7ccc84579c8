"""One partner per kind of transport, as the sandbox server has it, with a file of ours in place of its own."""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import io
import json
import re
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from vru.contracts import Arcgis, Archive, Contract, Datastore, Inbox, Nomis, Pages, Resource
from vru.sandbox import SandboxServer

from tests.faults.feed import RECORD_SEPARATOR, named


@dataclass(frozen=True)
class Served:
    """A file that a partner answers with, and what becomes of it on the way."""

    content: bytes
    wire: Callable[[bytes], bytes] = bytes
    """What happens to the body after the partner has sealed it."""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    vintage: str | None = None
    rows_beyond: int = 0
    """Rows that the partner says there are besides those of the file."""
    is_sealed: bool = True
    """Whether a catalogue states the file's hash."""


class Partner(ABC):
    """The partner of one feed, as the sandbox serves it, with our own file in place of its own."""

    url_name: str
    """The last part of the address that is asked."""
    file_glob: str
    """The path of the file on the sandbox server."""
    others: Mapping[str, bytes] = {}
    """What the partner answers at addresses that are not under test."""
    others_vintage = "2021-02-01"

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
        return sum(self.is_for_file(target) for _, target, _ in self.server.requests)

    def is_for_file(self, target: str) -> bool:
        """Whether a request asks for the file itself."""
        return target.partition("?")[0] == self.file_glob and not self.is_count(target)

    def is_count(self, target: str) -> bool:
        """Whether a request asks only how many rows the file has."""
        return False

    def _replace(self, glob: str, body: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        self.server.fault(glob, "replace_body", body=body, content_type=content_type, headers=dict(headers))

    def _modified(self, file: Served) -> dict[str, str]:
        return {"Last-Modified": format_datetime(_moment(file.vintage or self.vintage), usegmt=True)}


class ArchivePartner(Partner):
    """ZIP archives: the latest one, at the store to which the publisher's address redirects."""

    def __init__(self, server: SandboxServer, vintage: str, source: Archive, store: str, member: str) -> None:
        super().__init__(server, vintage)
        self.member = member
        self.url_name = source.latest_url.rpartition("/")[2]
        self.file_glob = f"/{store}/archive/{self.url_name}"

    def _serve(self, file: Served) -> bytes:
        body = file.wire(zipped(self.member, file.content))
        standard = {"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"', **self._modified(file)}
        self._replace(self.file_glob, body, file.content_type or "application/zip", {**standard, **file.headers})
        return body


class CataloguePartner(Partner):
    """A dataset of a catalogue, which states the MD5 of its one file, unless `is_sealed` is false."""

    def __init__(self, server: SandboxServer, vintage: str, source: Datastore) -> None:
        super().__init__(server, vintage)
        self.catalogue = path_of(source.url)
        with urlopen(f"{server.url}{self.catalogue}") as answer:
            listed = json.load(answer)["resources"].values()
        chosen = [item for item in listed if re.search(source.title_pattern, item["title"])][-1]
        self._url, self._title = chosen["url"], chosen["title"]
        self.url_name = unquote(self._url.rpartition("/")[2])
        self.file_glob = path_of(self._url)

    def _serve(self, file: Served) -> bytes:
        entry = {"title": self._title, "url": self._url, "check_timestamp": "2022-10-14T03:00:00.000Z"}
        if file.is_sealed:
            entry["check_hash"] = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
        self._replace(self.catalogue, json.dumps({"resources": {"x77ud": entry}}).encode(), "application/json", {})
        body = file.wire(file.content)
        headers = {**self._modified(file), **file.headers}
        self._replace(self.file_glob, body, file.content_type or "text/csv", headers)
        return body


class PagedPartner(Partner):
    """Queries to a paged API, whose answers have no checksum; Last-Modified dates them.

    Ours is the query of one resource; the other queries answer the same every time. The count that the partner states is
    that of the file as it answers with it.
    """

    content_type = "text/csv"
    count_glob = "*select=record_count*"

    def __init__(self, server: SandboxServer, vintage: str, query: Pages, others: Mapping[str, bytes]) -> None:
        super().__init__(server, vintage)
        self.file_glob = path_of(query.url)
        self.url_name = self.file_glob.rpartition("/")[2]
        self.others = others
        self._asked_at = self.file_glob
        self._counts = {self._asked_at: b"", **{path: self._count_of(content) for path, content in others.items()}}
        self._state_counts()

    def is_count(self, target: str) -> bool:
        return fnmatch.fnmatchcase(target, self.count_glob)

    def _state_counts(self) -> None:
        """Answer how many rows there are, before any fault that is put into the way of the file itself."""
        for path in self._counts:
            self.server.fault(f"{path}{self.count_glob}", "alter", change=lambda _, at=path: self._counts[at])

    def states(self, content: bytes, rows_beyond: int = 0) -> None:
        """Say that there are the rows of this content and so many more, whatever the pages hold."""
        self._counts[self._asked_at] = self._count_of(content, rows_beyond)

    def serves_others(self) -> None:
        """Answer the queries that are not under test."""
        stated = {"Last-Modified": format_datetime(_moment(self.others_vintage), usegmt=True)}
        for path, content in self.others.items():
            self._replace(f"{path}*", content, self.content_type, stated)

    def _count_of(self, body: bytes, beyond: int = 0) -> bytes:
        """How the partner states the rows of a file: lines outside quotes, without the header."""
        rows = beyond + sum(part.count(b"\n") for part in body.rstrip(b"\r\n").split(b'"')[::2])
        return f'"RECORD_COUNT"\r\n{rows}\r\n'.encode() if rows else b'"RECORD_COUNT"\r\n'

    def _serve(self, file: Served) -> bytes:
        body = file.wire(file.content)
        headers = {**self._modified(file), **file.headers}
        is_packed = headers.get("Content-Encoding") == "gzip"
        self.states(gzip.decompress(body) if is_packed else body, file.rows_beyond)
        self._state_counts()
        self._replace(f"{self.file_glob}*", body, file.content_type or self.content_type, headers)
        self.serves_others()
        return body


class ArcgisPartner(PagedPartner):
    """Layers of a feature service; the pages of an answer are kept as a sequence."""

    content_type = "application/geo+json"
    count_glob = "*returnCountOnly=true*"

    def _count_of(self, body: bytes, beyond: int = 0) -> bytes:
        try:
            page = json.loads(body)
            return json.dumps({"count": beyond + len(page["features"])}).encode()
        except (ValueError, RecursionError, KeyError, TypeError):
            return b'{"count": 1}'

    def landed(self, content: bytes) -> bytes:
        return RECORD_SEPARATOR + content + b"\n"


Made = Callable[[SandboxServer], Partner]


def of(
    contract: Contract, resource: Resource, file_name: str, vintage: str, other: Callable[[Pages], bytes]
) -> Made | None:
    """Who serves the file, by the kind of the contract's transport; None for a file that is put into a folder.

    `other` makes the answer to a query that is not under test.
    """
    match contract.transport:
        case Inbox():
            return None
        case Archive() as source:
            period = named(resource, file_name)["period"]
            return lambda server: ArchivePartner(
                server, vintage, source, contract.allowed_hosts[-1], f"{period}/{file_name}"
            )
        case Datastore() as source:
            return lambda server: CataloguePartner(server, vintage, source)
        case Nomis() | Arcgis() as source:
            query = next(query for query in reversed(source.queries) if query.resource == resource.name)
            kind = ArcgisPartner if isinstance(source, Arcgis) else PagedPartner
            rest = [each for each in source.queries if path_of(each.url) != path_of(query.url)]
            # of two queries to one address the later one asks for more
            others = {path_of(each.url): other(each) for each in rest}
            return lambda server: kind(server, vintage, query, others)
        case unknown:
            raise AssertionError(f"no test partner for transport {unknown.kind}; write one beside these")


def path_of(url: str) -> str:
    """Where the sandbox serves an address, the host first."""
    parts = urlsplit(url)
    return f"/{parts.netloc}{parts.path}"


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
