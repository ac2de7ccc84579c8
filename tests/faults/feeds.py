"""The feeds under test: a clean file of each, what its raw rows must be, and how the partner serves it.

The clean files in `tests/fixtures` are invented, in the wire formats of the partners: 200 records each, one to a
line. What raw must hold is worked out here with Python's csv module, so that reader and test cannot agree by
construction. Record CANARY_RECORD has words that stand nowhere else: no message, log or result may repeat them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.request import urlopen

from vru.sandbox import SandboxServer

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
RECORDS = 200
CANARY_RECORD = 120
CANARY_LINE = CANARY_RECORD + 2

Cells = dict[str, str]
RawRow = dict[str, Any]
Change = Callable[["Feed", bytes], bytes]


@dataclass(frozen=True)
class Delivery:
    """A file as it is delivered: its name, its bytes, and the vintage that a manifest states (None: no manifest)."""

    file_name: str
    content: bytes
    vintage: str | None = None
    rows: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Feed:
    """One feed: its clean file and what the table of cases needs to know about its columns."""

    name: str
    file_name: str
    vintage: str
    tolerance_pct: float
    """Of bad-inputs.md: 1 % of rows, 0 where a row is a person or a death."""
    note: str
    """Header of a column in which any words can stand, at worst as an unknown value that nulls the cell."""
    padded: str
    """Header of a column whose cells may have blanks and newlines around the value, or anywhere."""
    within: bool
    """Whether a newline may stand between words of `padded` and the value still be itself."""
    required: str
    """Header of a required column of several words, for missing and renamed columns."""
    month: str
    """Header of a column that must hold a month."""
    canaries: tuple[str, ...]
    raw_row: Callable[[Cells], RawRow]
    earlier: Callable[[Feed], list[Delivery]]
    """What was admitted before the file under test comes."""
    restated: Callable[[Feed, bytes, str], bytes]
    """The clean file restated: values_changed, rows_deleted, rows_added or all_replaced."""
    renamed: tuple[str, ...]
    """Other names under which the same file may come."""
    partner: Callable[[SandboxServer], Partner]
    options: Mapping[str, Any] = field(default_factory=dict)
    """What `ingest` is told when the file is asked for over HTTP."""

    @property
    def clean(self) -> bytes:
        """The bytes of the clean file."""
        return (FIXTURES / self.name / self.file_name).read_bytes()

    def raw_rows(self, content: bytes) -> list[RawRow]:
        """What raw must hold of a sound file, `line_number` included, by Python's csv module."""
        header, *records = located(content)
        names = [name.strip().lower() for name in header[1]]
        return [{"line_number": line, **self.raw_row(dict(zip(names, cells, strict=True)))} for line, cells in records]


def located(content: bytes) -> list[tuple[int, list[str]]]:
    """Records with the physical line on which each starts; only LF ends a line."""
    text = io.StringIO(content.decode("utf-8-sig"), newline="\n")
    reader = csv.reader(text, strict=True)
    found, line = [], 1
    for cells in reader:
        found.append((line, cells))
        line = reader.line_num + 1
    return found


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

    def __init__(self, server: SandboxServer) -> None:
        self.server = server

    def serves(self, content: bytes, **how: Any) -> bytes:
        """Answer with this file; `how` is what else a `Served` has. The body sent."""
        return self._serve(Served(content, **how))

    @abstractmethod
    def _serve(self, file: Served) -> bytes:
        """Put the file in the place of the sandbox's own; the body sent."""

    @property
    def tries(self) -> int:
        """How often the file itself was asked for."""
        return sum(target == self.file_glob for _, target, _ in self.server.requests)

    def _replace(self, glob: str, body: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        self.server.fault(glob, "replace_body", body=body, content_type=content_type, headers=dict(headers))


class ArchivePartner(Partner):
    """data.police.uk: one ZIP per month, at the store to which its archive redirects."""

    url_name = "2022-08.zip"
    file_glob = "/policeuk-data.s3.amazonaws.com/archive/2022-08.zip"
    member = "2022-08/2022-08-metropolitan-street.csv"

    def _serve(self, file: Served) -> bytes:
        body = file.wire(zipped(self.member, file.content))
        stated = _moment(file.vintage or STREET.vintage)
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        standard = {"ETag": etag, "Last-Modified": format_datetime(stated, usegmt=True)}
        self._replace(self.file_glob, body, file.content_type or "application/zip", {**standard, **file.headers})
        return body


class CataloguePartner(Partner):
    """The London Datastore: a catalogue with the MD5 of its one file, unless `is_sealed` is false."""

    catalogue = "/data.london.gov.uk/api/dataset/2l1w8"

    def __init__(self, server: SandboxServer) -> None:
        super().__init__(server)
        with urlopen(f"{server.url}{self.catalogue}") as answer:
            listed = json.load(answer)["resources"].values()
        self._url = [item["url"] for item in listed if "Victims" in item["title"]][-1]
        self.url_name = unquote(self._url.rpartition("/")[2])
        self.file_glob = f"/{self._url.removeprefix('https://')}"

    def _serve(self, file: Served) -> bytes:
        stated = _moment(file.vintage or VICTIMS.vintage).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        entry = {"title": "Homicide Victims (made for a test)", "url": self._url, "check_timestamp": stated}
        if file.is_sealed:
            entry["check_hash"] = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
        self._replace(self.catalogue, json.dumps({"resources": {"x77ud": entry}}).encode(), "application/json", {})
        body = file.wire(file.content)
        self._replace(self.file_glob, body, file.content_type or "text/csv", file.headers)
        return body


def zipped(member: str, content: bytes, *, compression: int = zipfile.ZIP_DEFLATED, level: int = 6) -> bytes:
    """A ZIP with one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        entry = zipfile.ZipInfo(member, (2022, 10, 28, 9, 30, 0))
        entry.compress_type = compression
        target.writestr(entry, content, compresslevel=level)
    return buffer.getvalue()


def records(content: bytes) -> list[list[str]]:
    """Header and records of a clean file."""
    return list(csv.reader(io.StringIO(content.decode(), newline="\n"), strict=True))


def written(rows: list[list[str]]) -> bytes:
    """A file of these records, quoted only where needed, lines ended by LF."""
    return "".join(",".join(map(_quoted, row)) + "\n" for row in rows).encode()


def _quoted(cell: str) -> str:
    # csv.writer leaves a lone CR bare where lines end in LF, and then nobody can tell it from a line's end
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(mark in cell for mark in ',"\r\n') else cell


def _moment(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(hour=9, minute=30, tzinfo=UTC)


def _cell(text: str) -> str | None:
    return text if text.strip() else None


def _month(text: str, form: str) -> date:
    return datetime.strptime(text.strip(), form).replace(tzinfo=UTC).date()


MEANS = {
    "domestic_abuse": {"Yes": "Domestic Abuse", "No": "Not Domestic Abuse"},
    "ethnicity": {"Not Recorded / Unknown": "Not Recorded"},
    "borough_name": {
        "Hammersmith & Fulham": "Hammersmith and Fulham", "Richmond Upon Thames": "Richmond upon Thames",
        "Quillfeather Parish": None,
    },
}  # fmt: skip
"""What spellings of the clean file mean that are not the agreed ones; None is unknown."""

VICTIM_HEADERS = {
    "age_group": "age group", "sex": "sex", "method": "method of killing", "domestic_abuse": "domestic abuse",
    "offence": "homicide offence type", "solved_status": "solved status", "borough_name": "borough",
    "ethnicity": "officer observed ethnicity",
}  # fmt: skip


def _victim(cells: Cells) -> RawRow:
    row: RawRow = {
        "victim_count": int(cells["count of victims"]),
        "recorded_month": _month(cells["recorded date"], "%b %Y"),
        "homicide_id": None,
    }
    for name, header in VICTIM_HEADERS.items():
        trimmed = cells[header].strip()
        row[name] = MEANS.get(name, {}).get(trimmed, trimmed)
        row[f"{name}_source"] = cells[header]
    return row


def _crime(cells: Cells) -> RawRow:
    longitude, latitude = _cell(cells["longitude"]), _cell(cells["latitude"])
    return {
        "crime_id": _cell(cells["crime id"]),
        "month": _month(cells["month"], "%Y-%m"),
        "reported_by": _cell(cells["reported by"]),
        "falls_within": _cell(cells["falls within"]),
        "longitude": Decimal(longitude) if longitude else None,
        "latitude": Decimal(latitude) if latitude else None,
        "location": _cell(cells["location"]),
        "lsoa_code": _cell(cells["lsoa code"]),
        "lsoa_name": _cell(cells["lsoa name"]),
        "crime_type": _cell(cells["crime type"]),
        "last_outcome": _cell(cells["last outcome category"]),
        "context": _cell(cells["context"]),
    }


def _earlier_victims(feed: Feed) -> list[Delivery]:
    """The list of a quarter before: without the last victims."""
    rows = records(feed.clean)
    return [Delivery(feed.file_name, written(rows[:-6]), "2021-02-05")]


def _earlier_crimes(feed: Feed) -> list[Delivery]:
    """The month before, and the month under test as an earlier release held it."""
    july = feed.clean.replace(b",2022-08,", b",2022-07,")
    return [
        Delivery("2022-07-metropolitan-street.csv", july, "2022-09-28"),
        Delivery(feed.file_name, written(records(feed.clean)[:-6]), "2022-10-01"),
    ]


def _restated_victims(feed: Feed, content: bytes, how: str) -> bytes:
    header, *rows = records(content)
    solved, method, borough = (header.index(name) for name in ("Solved Status", "Method of Killing", "Borough"))
    # a borough's total stays as it is, or the column would rightly be withheld (definitions B20)
    match how:
        case "values_changed":
            for row, other in zip(rows[::40], rows[9::40], strict=True):
                row[borough], other[borough] = other[borough], row[borough]
                row[solved] = "Unsolved" if row[solved] == "Solved" else "Solved"
        case "rows_deleted":
            del rows[30::40]
        case "rows_added":
            rows += [row for row in rows[::25] if row[borough] != "Quillfeather Parish"]
        case _:
            boroughs = [row[borough] for row in rows]
            for row, moved in zip(rows, [*boroughs[9:], *boroughs[:9]], strict=True):
                row[borough] = moved
                row[method] = "Shooting" if row[method] != "Shooting" else "Blunt Implement"
                row[solved] = "Unsolved" if row[solved] == "Solved" else "Solved"
    return written([header, *rows])


def _restated_crimes(feed: Feed, content: bytes, how: str) -> bytes:
    header, *rows = records(content)
    names = ("Last outcome category", "Location", "Crime type", "Longitude")
    outcome, place, kind, longitude = (header.index(name) for name in names)
    match how:
        case "values_changed":
            for row in rows[::9]:
                if row[outcome]:
                    row[outcome], row[kind] = "Local resolution", "Public order"
        case "rows_deleted":
            del rows[30::40]
        case "rows_added":
            rows += [row for row in rows[::25] if "Quillfeather" not in row[place]]
        case _:
            for row in rows:
                row[0] = row[0] and hashlib.sha256(row[0].encode()).hexdigest()
                row[outcome] = row[outcome] and "Formal action is not in the public interest"
                row[kind] = "Bicycle theft" if row[0] else row[kind]
                row[place] = "On or near Another Place" if row[longitude] else row[place]
    return written([header, *rows])


VICTIMS = Feed(
    name="mps_homicide_victims",
    file_name="homicide_victims.csv",
    vintage="2021-05-05",
    tolerance_pct=0.0,
    note="Borough",
    padded="Solved Status",
    within=False,
    required="Solved Status",
    month="Recorded Date",
    canaries=("Quillfeather",),
    raw_row=_victim,
    earlier=_earlier_victims,
    restated=_restated_victims,
    renamed=("Homicide Victims (1).csv", "download.csv"),
    partner=CataloguePartner,
)
STREET = Feed(
    name="police_uk_street",
    file_name="2022-08-metropolitan-street.csv",
    vintage="2022-10-28",
    tolerance_pct=1.0,
    note="Location",
    padded="Location",
    within=True,
    required="Crime type",
    month="Month",
    canaries=("Quillfeather", "ef6481e8ea39bb46816cc7faf7f22cb3736f6309d306ce5483eb56803639856e"),
    raw_row=_crime,
    earlier=_earlier_crimes,
    restated=_restated_crimes,
    renamed=("2022_08_metropolitan_street.csv", "download.csv"),
    partner=ArchivePartner,
    options={"period": date(2022, 8, 1)},
)
FEEDS = (VICTIMS, STREET)
