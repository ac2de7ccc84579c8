"""What the table of cases needs to know of a feed: its clean file, the parts its columns play, and what raw must hold."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from vru.contracts import Resource
from vru.contracts.columns import Column

from tests.faults.reader import CODES, raw_row, read
from tests.faults.suite import Suite

if TYPE_CHECKING:
    from vru.sandbox import SandboxServer

    from tests.faults.partners import Partner

RECORDS = 200
"""Of every clean file."""
CANARY_RECORD = 120
"""From 0; it has words that stand nowhere else, and no message, log or result may repeat them."""
CANARY_LINE = CANARY_RECORD + 2
"""In a clean file of delimited text, which has one record to a line."""
CANARY = "Quillfeather"

RECORD_SEPARATOR = b"\x1e"
"""Stands before each page of an answer that was asked for page by page (RFC 7464)."""

Record = dict[str, Any]
"""Cells by header; of GeoJSON the properties, and `geometry` beside them."""
RawRow = dict[str, Any]
Change = Callable[["Feed", bytes], bytes]
Restatement = Callable[["Feed", bytes, str], bytes]
Shape = Literal["text", "geojson"]


@dataclass(frozen=True)
class Delivery:
    """A file as it is delivered: its name, its bytes, and the vintage that a manifest states (None: no manifest)."""

    file_name: str
    content: bytes
    vintage: str | None = None
    rows: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, eq=False)
class Feed:
    """One resource of one feed, as `derive.py` finds it from contract, suite and fixture.

    Columns are named by their header in the clean file; a part that no column can play is an empty text.
    """

    name: str
    resource: str
    is_first: bool
    """Whether it stands for the whole feed in the table; the others run for what the shape of a file is about."""
    declared: Resource
    suite: Suite
    kind: str
    """Of its transport."""
    shape: Shape
    file_name: str
    clean: bytes
    vintage: str
    """Stated for the clean file."""
    tolerance_pct: float
    """Of bad-inputs.md: 1 % of rows, which a contract may lower; 0 where a row is a person or a death."""
    note: str
    """A column in which any words can stand, at worst as an unknown value that nulls the cell; else any but the key."""
    is_free: bool
    """Whether `note` is such a column."""
    padded: str
    """A column whose cells may have blanks and newlines around the value, or anywhere."""
    within: bool
    """Whether a newline may stand between words of `padded` and the value still be itself."""
    required: str
    """A required column, for missing and renamed columns."""
    typed: str
    """A column that must hold a month, a time, a number or a shape."""
    typed_check: str
    """What is wrong with words there."""
    key: str
    """A column of the declared key; of a feed without a key, of one that tells records apart or in time."""
    key_check: str
    """The row check of the suite that says how `key` is written; empty where nothing does."""
    date: str
    """The column by which a record belongs to a time."""
    swapped: tuple[str, ...]
    """Two columns of the same type."""
    blank: str
    """A column that may be blank and is not in the record that comes twice."""
    filled: str
    """A column that may not be blank, apart from the key."""
    canaries: tuple[str, ...]
    renamed: tuple[str, ...]
    """Other names under which the same file may come."""
    partner: Callable[[SandboxServer], Partner] | None
    """Who serves it; None for a file that comes by hand only."""
    earlier: Callable[[Feed], list[Delivery]]
    """What was admitted before the file under test comes."""
    restated: Restatement
    """The clean file restated: values_changed, rows_deleted, rows_added or all_replaced."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What `ingest` is told when the file is asked for over HTTP."""

    def __repr__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """As a test is called: the feed, and the resource of the second file of a feed."""
        return self.name if self.is_first else f"{self.name}.{self.resource}"

    @property
    def is_keyed(self) -> bool:
        """Whether a row is one thing of a list: a second one of the same key is a fault."""
        return bool(self.declared.key)

    @property
    def is_period(self) -> bool:
        """Whether a file is of one period, rather than of all of them."""
        return self.declared.delivery == "period"

    @property
    def period(self) -> str:
        """The period of the clean file as its name says it; empty where it says none."""
        return named(self.declared, self.file_name).get("period") or ""

    @property
    def partition(self) -> str:
        """The partition of the clean file as its name says it; empty where it says none."""
        return named(self.declared, self.file_name).get("partition") or ""

    def day(self, number: int) -> str:
        """When the clean file and what follows it is stated: so many months after its own vintage."""
        return (date.fromisoformat(self.vintage) + timedelta(days=30 * number)).isoformat()

    def column(self, header: str) -> Column:
        """The column that comes under a header."""
        return next(c for c in self.declared.columns if header.lower() in spelled(c))

    def header(self, name: str) -> str:
        """The header of the clean file under which a column comes; empty where it does not."""
        wanted = spelled(self.declared.column(name))
        return next((h for h in headers(self.shape, self.clean) if h.lower() in wanted), "")

    @property
    def is_telling(self) -> bool:
        """Whether a column of the clean file always has a value, and one that words are not."""
        found = opened(self.shape, self.clean)
        words = dict.fromkeys(found[0], "words")
        return any(self.fault(h, words) in CODES.values() and all(record[h] for record in found) for h in words)

    def telling_count(self, record: int) -> int:
        """In how many columns beside the note a record has a value that words are not."""
        found = opened(self.shape, self.clean)[record]
        words = dict.fromkeys(found, "words")
        return sum(bool(found[h]) and h != self.note and self.fault(h, words) in CODES.values() for h in found)

    def line(self, record: int) -> int:
        """Where a record of the clean file stands: its line; of GeoJSON, which has no lines, its number from 1."""
        return record + (2 if self.shape == "text" else 1)

    def fault(self, header: str, record: Mapping[str, Any]) -> str:
        """What sends a record of a text to quarantine because of one of its cells: the contract, or a row check."""
        column = next((c for c in self.declared.columns if header.lower() in spelled(c, in_part=True)), None)
        if column is None:
            return ""
        value, code = read(column, record)
        return code or self.suite.refusing(column.name, value)

    def raw_rows(self, content: bytes, aside: Collection[int] = ()) -> list[RawRow]:
        """What raw must hold of a file, its place in the file included, by Python's csv and json modules.

        `aside` are the places of records that are in quarantine; every other one is sound.
        """
        if self.shape == "geojson":
            found = [(n, {**f["properties"], "geometry": f["geometry"]}) for n, f in enumerate(features(content), 1)]
        else:
            (_, header), *rows = located(content)
            found = [(line, dict(zip(header, cells, strict=True))) for line, cells in rows]
        sound = [(line, cells) for line, cells in found if line not in aside]
        return [{"line_number": line, "part": 0, **raw_row(self.declared, cells)} for line, cells in sound]


def spelled(column: Column, *, in_part: bool = False) -> set[str]:
    """Every header under which a column may come by itself, or also with others, in small letters."""
    aliases = column.aliases or [column.name]
    parts = {part.lower() for alias in aliases if not isinstance(alias, str) for part in alias}
    return {alias.lower() for alias in aliases if isinstance(alias, str)} | (parts if in_part else set())


def named(resource: Resource, file_name: str) -> dict[str, str | None]:
    """What the contract's patterns read from a file name."""
    plain = re.sub(r"[_ ]", "-", file_name)
    found = (re.search(name.pattern, plain, re.IGNORECASE) for name in resource.names)
    return next((match.groupdict() for match in found if match), {})


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


def opened(shape: Shape, content: bytes) -> list[Record]:
    """The records of a clean file."""
    if shape == "geojson":
        return [{**feature["properties"], "geometry": feature["geometry"]} for feature in features(content)]
    header, *rows = records(content)
    return [dict(zip(header, row, strict=True)) for row in rows]


def closed(shape: Shape, found: list[Record]) -> bytes:
    """A file of these records."""
    if shape == "text":
        return written([list(found[0]), *(list(record.values()) for record in found)])
    return collection(
        [
            {
                "type": "Feature",
                "geometry": record["geometry"],
                "properties": {name: value for name, value in record.items() if name != "geometry"},
            }
            for record in found
        ]
    )


def headers(shape: Shape, content: bytes) -> list[str]:
    """The headers of a clean file in its order."""
    return list(opened(shape, content)[0]) if shape == "geojson" else records(content.split(b"\n", 1)[0])[0]


def parsed(column: Column, text: str) -> datetime:
    """The month, day or instant that a cell of a clean file says, by the first of the contract's formats that fits."""
    for form in column.formats:
        try:
            return datetime.strptime(text.strip(), form)  # noqa: DTZ007 - a month has no time zone
        except ValueError:
            continue
    raise AssertionError(f"{column.name}: the clean file has a cell that none of the contract's formats reads")


def told(column: Column, moment: date, like: str) -> str:
    """Another month, day or instant in the words of a cell of the clean file."""
    form = next(form for form in column.formats if _fits(form, like))
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, 12, tzinfo=parsed(column, like).tzinfo)
    return re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", moment.strftime(form)) if "%z" in form else moment.strftime(form)


def _fits(form: str, text: str) -> bool:
    try:
        datetime.strptime(text.strip(), form)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return True
