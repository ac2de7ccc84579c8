"""What the table of cases needs to know of a feed: its clean file, its columns, and what raw must hold of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vru.sandbox import SandboxServer

    from tests.faults.partners import Partner

RECORDS = 200
"""Of every clean file."""
CANARY_RECORD = 120
"""From 0; it has words that stand nowhere else, and no message, log or result may repeat them."""
CANARY_LINE = CANARY_RECORD + 2
"""In a clean file of delimited text, which has one record to a line."""

RECORD_SEPARATOR = b"\x1e"
"""Stands before each page of an answer that was asked for page by page (RFC 7464)."""

Cells = dict[str, Any]
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
    """One resource of one feed: its clean file and what the table of cases needs to know about its columns."""

    name: str
    resource: str
    file_name: str
    vintage: str
    tolerance_pct: float
    """Of bad-inputs.md: 1 % of rows, which a contract may lower; 0 where a row is a person or a death."""
    content: Callable[[], bytes]
    """Makes the clean file."""
    note: str
    """Header of a column in which any words can stand, at worst as an unknown value that nulls the cell."""
    padded: str
    """Header of a column whose cells may have blanks and newlines around the value, or anywhere."""
    within: bool
    """Whether a newline may stand between words of `padded` and the value still be itself."""
    required: str
    """Header of a required column, for missing and renamed columns."""
    typed: str
    """Header of a column that must hold a month, a time or a number."""
    typed_check: str
    """What is wrong with words there."""
    key: str
    """Header of a column of the declared key; of a feed without a key, of one that tells records apart or in time."""
    swapped: tuple[str, str]
    """Two columns of the same type."""
    canaries: tuple[str, ...]
    raw_row: Callable[[Cells], RawRow]
    earlier: Callable[[Feed], list[Delivery]]
    """What was admitted before the file under test comes."""
    restated: Callable[[Feed, bytes, str], bytes]
    """The clean file restated: values_changed, rows_deleted, rows_added or all_replaced."""
    renamed: tuple[str, ...]
    """Other names under which the same file may come."""
    partner: Callable[[SandboxServer], Partner] | None
    """Who serves it; None for a file that comes by hand only."""
    shape: Literal["text", "geojson"] = "text"
    options: Mapping[str, Any] = field(default_factory=dict)
    """What `ingest` is told when the file is asked for over HTTP."""
    is_keyed: bool = False
    """Whether a row is one thing of a list: a second one of the same key, or a list without it, is a fault."""

    @property
    def label(self) -> str:
        """As a test is called: the feed, and the resource of the second file of a feed."""
        return self.name if self.partner else f"{self.name}.{self.resource}"

    @property
    def clean(self) -> bytes:
        """The bytes of the clean file."""
        return self.content()

    def line(self, record: int) -> int:
        """Where a record of the clean file stands: its line; of GeoJSON, which has no lines, its number from 1."""
        return record + (2 if self.shape == "text" else 1)

    def raw_rows(self, content: bytes) -> list[RawRow]:
        """What raw must hold of a sound file, its place in the file included, by Python's csv and json modules."""
        if self.shape == "geojson":
            found = list(enumerate(features(content), start=1))
            return [
                {"line_number": n, "part": 0, **self.raw_row({**f["properties"], "geometry": f["geometry"]})}
                for n, f in found
            ]
        header, *rows = located(content)
        names = [name.strip().lower() for name in header[1]]
        return [
            {"line_number": line, "part": 0, **self.raw_row(dict(zip(names, cells, strict=True)))}
            for line, cells in rows
        ]


def located(content: bytes) -> list[tuple[int, list[str]]]:
    """Records with the physical line on which each starts; only LF ends a line."""
    text = io.StringIO(content.decode("utf-8-sig"), newline="\n")
    reader = csv.reader(text, strict=True)
    found, line = [], 1
    for cells in reader:
        found.append((line, cells))
        line = reader.line_num + 1
    return found


def features(content: bytes) -> list[Any]:
    """The features of a collection, or of the pages of an answer."""
    pages = [page for page in content.split(RECORD_SEPARATOR) if page.strip()]
    return [feature for page in pages for feature in json.loads(page.decode("utf-8-sig"))["features"]]


def collection(found: list[Any]) -> bytes:
    """A collection of these features, as the services write it: compact, on one line."""
    text = json.dumps({"type": "FeatureCollection", "features": found}, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def records(content: bytes) -> list[list[str]]:
    """Header and records of a clean file."""
    return list(csv.reader(io.StringIO(content.decode(), newline="\n"), strict=True))


def written(rows: list[list[str]]) -> bytes:
    """A file of these records, quoted only where needed, lines ended by LF."""
    return "".join(",".join(map(_quoted, row)) + "\n" for row in rows).encode()


def _quoted(cell: str) -> str:
    # csv.writer leaves a lone CR bare where lines end in LF, and then nobody can tell it from a line's end
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(mark in cell for mark in ',"\r\n') else cell
