"""A feed under test, worked out of its contract, its suite and its fixture: nobody describes it for the table.

The clean file is the resource's largest fixture, lengthened to 200 records, or made of the contract's columns where there
is no fixture. Which column plays which part follows from types, keys, value maps and from what the suite checks.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from vru.contracts import Contract, Pages, Resource
from vru.contracts.columns import Column
from vru.settings import CHECKOUT

from tests.faults import partners
from tests.faults.feed import (
    CANARY,
    CANARY_RECORD,
    RECORDS,
    Delivery,
    Feed,
    Record,
    Shape,
    closed,
    opened,
    parsed,
    spelled,
    told,
)
from tests.faults.suite import suite_of

FIXTURES = CHECKOUT / "tests" / "fixtures"
RECORD = 50
"""The one that comes again."""
UNDATED = date(2021, 6, 25)
"""When a list of no time was stated."""
CORRECTED = 33
"""One record in so many is corrected: 3.5 % of them, of which a restatement may be noted, but does not wait for a person."""
TYPED = {"integer": "not_an_integer", "decimal": "not_a_decimal", "boolean": "not_a_boolean", "date": "not_a_date",
         "month": "not_a_month", "timestamp": "not_a_timestamp"}  # fmt: skip
SHAPES: dict[str, Shape] = {"csv": "text", "geojson": "geojson"}
"""Kinds of format for which the table has cases."""


def feed_of(contract: Contract, resource: Resource, **own: Any) -> Feed:
    """The resource as the table takes it; `own` are parts that are exceptions."""
    file_name, fixture, shape = source_of(contract, resource)
    suite = suite_of(contract.feed, resource.name)
    content = own.pop("clean", None) or lengthened(resource, shape, fixture)
    parts = _Parts(resource, suite, shape, opened(shape, content))
    content = parts.with_canary()
    vintage = _vintage(parts)
    is_first = resource is _first(contract)
    partner = partners.of(contract, resource, file_name, vintage, partial(_other, contract)) if is_first else None
    found: dict[str, Any] = {
        "name": contract.feed, "resource": resource.name, "is_first": is_first, "declared": resource, "suite": suite,
        "kind": contract.transport.kind, "shape": shape, "file_name": file_name, "clean": content, "vintage": vintage,
        "tolerance_pct": min(contract.tolerance_pct, 1.0), "partner": partner, "earlier": earlier,
        "restated": restated, "renamed": tuple(_renamed(resource, file_name)), **parts.found(),
    }  # fmt: skip
    return Feed(**{**found, **own})


def _other(contract: Contract, query: Pages) -> bytes:
    """What a query answers that is not under test: the records of its resource, as features where it asks for them."""
    resource = contract.resource(query.resource)
    _, content, shape = source_of(contract, resource)
    is_geojson = any(form.kind == "geojson" for form in resource.formats)
    if shape == "geojson" or not is_geojson:
        return content
    found = opened(shape, lengthened(resource, shape, content))
    return closed(
        "geojson", [{**_of_partition(resource, record, query.partition), "geometry": None} for record in found]
    )


def _of_partition(resource: Resource, record: Record, partition: str) -> Record:
    """The record under the headers that name its partition."""
    pattern = resource.partition.header if resource.partition else None
    for header in list(record) if pattern else []:
        match = re.match(pattern or "", header)
        if match:
            digits = partition[-len(match[1]) :]
            return {
                name.replace(header[: match.end(1)], header[: match.start(1)] + digits): v for name, v in record.items()
            }
    return record


def source_of(contract: Contract, resource: Resource) -> tuple[str, bytes, Shape]:
    """Name, bytes and shape of the resource's largest fixture; of a file made of its columns where there is none."""
    folder = FIXTURES / contract.feed
    own = [path for path in sorted(folder.glob("*")) if _is_of(contract, resource, path)]
    if own:
        largest = max(own, key=lambda path: path.stat().st_size)
        shape: Shape = "geojson" if largest.suffix == ".geojson" else "text"
        # a name that the contract does not read says neither period nor partition
        return largest.name, largest.read_bytes(), shape
    shape = SHAPES[resource.formats[0].kind]
    name = f"{contract.feed}-{resource.name}.{'csv' if shape == 'text' else 'geojson'}"
    return name, closed(shape, made(resource)), shape


def _is_of(contract: Contract, resource: Resource, path: Path) -> bool:
    plain = re.sub(r"[_ ]", "-", path.name)
    if any(re.search(name.pattern, plain, re.IGNORECASE) for name in resource.names):
        return True
    return len(contract.resources) == 1


def _first(contract: Contract) -> Resource:
    """The resource that stands for the feed: the one that its partner serves last, or the first."""
    queries = list(getattr(contract.transport, "queries", []))
    return contract.resource(queries[-1].resource) if queries else contract.resources[0]


# The clean file


def made(resource: Resource) -> list[Record]:
    """Records as the contract describes them, the same every time."""
    draw = Random(f"{resource.name} {RECORDS}")
    columns = [column for column in resource.columns if not column.month_of]
    found = []
    for number in range(RECORDS):
        record: Record = {}
        for column in columns:
            alias = (column.aliases or [column.name])[0]
            value = _made(column, number, draw)
            for header, part in zip(*_split(alias, value), strict=True):
                record[header] = part
        found.append(record)
    if resource.formats[0].kind == "geojson" and "geometry" not in found[0]:
        found = [{**record, "geometry": None} for record in found]
    return found


def _split(alias: str | list[str], value: Any) -> tuple[list[str], list[Any]]:
    return ([alias], [value]) if isinstance(alias, str) else (alias, str(value).split(" ", len(alias) - 1))


def _made(column: Column, number: int, draw: Random) -> Any:
    month = date(2022, 1 + number * 6 // RECORDS, 1)
    match column.type:
        case "text" if column.values:
            return draw.choice(list(column.values))
        case "text":
            return f"{column.name.replace('_', ' ').capitalize()} {1000 + number}"
        case "integer":
            return str(draw.randrange(1, 100))
        case "decimal":
            return f"{draw.random():.4f}"
        case "boolean":
            return draw.choice(["true", "false"])
        case "json":
            corners = ((0, 0), (0.01, 0), (0.01, 0.01), (0, 0.01), (0, 0))
            west, south = -0.5 + number % 40 / 50, 51.3 + number // 40 / 15
            ring = [[round(west + x, 4), round(south + y, 4)] for x, y in corners]
            return {"type": "Polygon", "coordinates": [ring]}
        case _:
            return datetime(month.year, month.month, 1, tzinfo=UTC).strftime(column.formats[0])


def lengthened(resource: Resource, shape: Shape, content: bytes) -> bytes:
    """The fixture with 200 records: the same events again, or other things of the list under keys of their own."""
    found = opened(shape, content)
    if len(found) == RECORDS:
        return content
    return closed(shape, list(itertools.islice(again(resource, found), RECORDS)))


def again(resource: Resource, found: list[Record], since: int = 0) -> Iterator[Record]:
    """The records without end, block by block; of a list with a key each block has keys of its own.

    Of other lists each block has seconds of its own, or a place a hand's breadth away, or where there is none other
    identifiers: events are alike, not the same.
    """
    header = growing(resource, found)
    apart, named = ("", "") if resource.key else (_telling_apart(resource, found), _identifier(resource, found))
    numbers = [int(re.search(r"\d+$", str(r[header]))[0]) for r in found] if header else []  # type: ignore[index]
    span = max(numbers) - min(numbers) + 1 if header else 0
    for block in itertools.count(since):
        for record in found:
            copy = dict(record)
            if header and block:
                copy[header] = _counted_on(record[header], span * block)
            elif apart and block and copy[apart]:
                # by another step than a shorter list was lengthened by before
                copy[apart] = _moved(str(copy[apart]), block * (len(found) % 59 or 1))
            elif named and block:
                at = block % max(len(copy[named]), 1)
                copy[named] = copy[named][at:] + copy[named][:at]
            yield copy


def _telling_apart(resource: Resource, found: list[Record]) -> str:
    """The header of an instant, else of a decimal number; empty where there is neither."""
    columns = {h: c for h in found[0] for c in resource.columns if h.lower() in spelled(c)}
    return next((h for kind in ("timestamp", "decimal") for h, c in columns.items() if c.type == kind), "")


def _identifier(resource: Resource, found: list[Record]) -> str:
    """The header of words without meaning, all of one length; empty where there is none."""
    columns = {h: c for h in found[0] for c in resource.columns if h.lower() in spelled(c)}
    for header, column in columns.items():
        cells = [str(record[header]) for record in found if record[header]]
        is_one_word = {len(cell.split()) for cell in cells} == {1} and len({len(cell) for cell in cells}) == 1
        if column.type == "text" and column.values is None and is_one_word and len(cells[0]) >= 16:
            return header
    return ""


def _moved(cell: str, by: int) -> str:
    """An instant so many seconds later in its minute, a number so many millionths larger."""
    if found := re.search(r":(\d\d)(?=[+-]|$)", cell):
        return f"{cell[: found.start(1)]}{(int(found[1]) + by) % 60:02d}{cell[found.end(1) :]}"
    return str(Decimal(cell) + by * Decimal("0.000001"))


def growing(resource: Resource, found: list[Record]) -> str:
    """The header of the key column of which there can be more: a number, else a code that ends in digits."""
    columns = sorted((resource.column(name) for name in resource.key), key=lambda column: column.type != "integer")
    return next((h for column in columns for h in found[0] if h.lower() in spelled(column)), "")


def _counted_on(value: Any, by: int) -> Any:
    if isinstance(value, int):
        return value + by
    match = re.search(r"\d+$", value)
    assert match, "a key that ends in no digits cannot be counted on"
    return f"{value[: match.start()]}{int(match[0]) + by:0{len(match[0])}d}"


# The parts that columns play


class _Parts:
    """Which column of the clean file plays which part."""

    def __init__(self, resource: Resource, suite: Any, shape: Shape, found: list[Record]) -> None:
        self.resource, self.suite, self.shape, self.records = resource, suite, shape, found
        self.columns: dict[str, Column] = {}
        for header in found[0]:
            column = next((c for c in resource.columns if header.lower() in spelled(c)), None)
            if column is not None:
                self.columns[header] = column
        key = [header for header, column in self.columns.items() if column.name in resource.key]
        self.keys = sorted(key, key=lambda header: self.columns[header].type != "text")
        parted = resource.partition.column if resource.partition else None
        self.others = {h: c for h, c in self.columns.items() if h not in self.keys and c.name != parted}
        self.date = self._date()
        self.note, self.is_free = self._note()

    def _date(self) -> str:
        """The unit of the grain or the instant that it is worked out from, else a year in the key."""
        name = self.resource.unit_column
        if name is not None:
            name = self.resource.column(name).month_of or name
        dated = [h for h, c in self.columns.items() if c.name == name]
        years = [h for h in self.keys if self.columns[h].type == "integer"]
        return next(iter([*dated, *years]), "")

    def _note(self) -> tuple[str, bool]:
        """Where any words can stand: where the fixture has its canary, else what no check is about, else any column."""
        text = [h for h, c in self.others.items() if c.type == "text"]
        with_canary = [
            h for h in text if len(self.records) > CANARY_RECORD and CANARY in str(self.records[CANARY_RECORD][h])
        ]
        free = [h for h in text if self.columns[h].values is None and self.suite.is_free(self.columns[h].name)]
        named = [h for h in text if self.columns[h].values is None and not self.suite.of_rows(self.columns[h].name)]
        nulled = [h for h in text if self.columns[h].values is not None and self.columns[h].unmapped == "null_cell"]
        chosen = next(iter([*with_canary, *free, *named, *nulled]), "")
        return chosen or next(h for h in reversed(self.others) if h != self.date), bool(chosen)

    def with_canary(self) -> bytes:
        """The clean file with words in one record that stand nowhere else."""
        words = str(self.records[CANARY_RECORD][self.note] or "")
        if self.is_free and CANARY not in words:
            self.records[CANARY_RECORD] = {**self.records[CANARY_RECORD], self.note: f"{CANARY} Parish 001A"}
        return closed(self.shape, self.records)

    def found(self) -> dict[str, Any]:
        """The parts by name."""
        mapped = [h for h, c in self.columns.items() if c.values is not None and h != self.note]
        is_words = self.is_free and self.columns[self.note].values is None
        within = is_words and " " in str(self.records[CANARY_RECORD][self.note])
        typed = self._typed()
        column = self.columns[typed]
        check = TYPED.get(column.type) or self.suite.of_rows(column.name)
        key, key_check = self._key(typed)
        return {
            "note": self.note, "is_free": self.is_free, "within": within,
            "padded": self.note if within else next(iter([*reversed(mapped), *reversed(self.others)])),
            "required": self._required(), "typed": typed, "typed_check": check, "key": key, "key_check": key_check,
            "date": self.date, "swapped": self._swapped(), "blank": self._blank(),
            "filled": next((h for h, c in self.others.items() if not c.nullable), ""), "canaries": self._canaries(key),
        }  # fmt: skip

    def _typed(self) -> str:
        numbers = [h for h, c in self.columns.items() if c.type in ("integer", "decimal")]
        numbers.sort(key=lambda h: not self.columns[h].mandatory)
        dated = [self.date] if self.date and self.columns[self.date].type in TYPED else []
        shapes = [h for h, c in self.columns.items() if c.type == "json"]
        return next(iter([*dated, *numbers, *shapes]))

    def _key(self, typed: str) -> tuple[str, str]:
        ids = [
            h for h, c in self.others.items()
            if c.type == "text" and c.values is None and h != self.note and self._is_telling(h)
        ]  # fmt: skip
        key = next(iter([*self.keys, *ids, typed]))
        is_text = self.columns[key].type == "text"
        return key, self.suite.of_rows(self.columns[key].name) if is_text else ""

    def _is_telling(self, header: str) -> bool:
        """Whether hardly two records have the same value: an identifier."""
        values = [str(record[header]) for record in self.records if record[header]]
        return len(values) * 2 > len(self.records) and len({*values}) * 10 > len(values) * 9

    def _required(self) -> str:
        """One whose name is another with two letters swapped, and that no earlier header holds."""
        line, found = ",".join(self.columns), []
        for number, (header, column) in enumerate(self.columns.items()):
            is_own = line.find(header) == len("".join(f"{name}," for name in list(self.columns)[:number]))
            if column.required and column.type != "json" and is_own and len(header) > 4 and header[2] != header[3]:
                found.append((header not in self.keys, column.mandatory, header != self.note, number, header))
        return max(found)[-1]

    def _swapped(self) -> tuple[str, ...]:
        pairs = itertools.combinations(self.columns, 2)
        return next((p for p in pairs if self.columns[p[0]].type == self.columns[p[1]].type), ())

    def _blank(self) -> str:
        may = [h for h, c in self.others.items() if c.nullable and c.type == "text" and self.records[RECORD][h]]
        free = [h for h in may if self.suite.is_free(self.columns[h].name) or self.columns[h].values is not None]
        return next(iter([*free, *may]), "")

    def _canaries(self, key: str) -> tuple[str, ...]:
        ids = self.records[CANARY_RECORD][key]
        is_long = not self.keys and self.columns[key].type == "text" and len(str(ids)) >= 16
        return (CANARY, ids) if is_long else (CANARY,)


def _vintage(parts: _Parts) -> str:
    """Two months after the newest record; of a list of no time, or one of years, the usual day."""
    if not parts.date or not parts.columns[parts.date].formats:
        return UNDATED.isoformat()
    column = parts.columns[parts.date]
    newest = max(parsed(column, record[parts.date]).date() for record in parts.records)
    return ((newest.replace(day=1) + timedelta(days=31)).replace(day=1) + timedelta(days=57)).isoformat()


def _renamed(resource: Resource, file_name: str) -> Iterator[str]:
    """Names that say the same, and one that says nothing where the file itself says enough."""
    yield file_name.replace("-", "_") if "-" in file_name else file_name.replace("_", " ")
    needs = {name for each in resource.names for name in re.compile(each.pattern).groupindex}
    if not needs or resource.partition is not None:
        stem, _, suffix = file_name.rpartition(".")
        if not needs:
            yield f"{stem} (1).{suffix}"
        yield f"download.{suffix}"


# What came before, and what comes after


def earlier(feed: Feed) -> list[Delivery]:
    """What stands before the file under test: one that lacks six records; of a period, the one before it too."""
    found = opened(feed.shape, feed.clean)
    stated = date.fromisoformat(feed.vintage)
    before = [(stated - timedelta(days=days)).isoformat() for days in (30, 27)]
    if feed.is_keyed:
        return [Delivery(feed.file_name, closed(feed.shape, [*found[:40], *found[46:]]), before[0])]
    short = Delivery(feed.file_name, closed(feed.shape, found[:-6]), before[1])
    if not feed.is_period:
        return [short]
    month = (date.fromisoformat(f"{feed.period}-01") - timedelta(days=1)).replace(day=1)
    return [of_month(feed, f"{month:%Y-%m}", found, before[0]), short]


def of_month(feed: Feed, month: str, found: list[Record], vintage: str) -> Delivery:
    """Records as the file of another month, each on its day as far as every month has it."""
    column = feed.column(feed.date)
    moved = []
    for record in found:
        at = parsed(column, record[feed.date])
        now = date.fromisoformat(f"{month}-{min(at.day, 28):02d}")
        day = f"{at:%Y-%m-%d}"
        # an instant keeps its time of day
        is_instant = column.type == "timestamp" and day in str(record[feed.date])
        cell = (
            str(record[feed.date]).replace(day, now.isoformat()) if is_instant else told(column, now, record[feed.date])
        )
        moved.append({**record, feed.date: cell})
    return Delivery(feed.file_name.replace(feed.period, month), closed(feed.shape, moved), vintage)


def restated(feed: Feed, content: bytes, how: str) -> bytes:
    """The file restated: some or all figures changed, records taken out, records added."""
    found = opened(feed.shape, content)
    match how:
        case "values_changed":
            _change(feed, found, slice(None, None, CORRECTED), 1)
        case "rows_deleted":
            del found[30::40]
        case "rows_added" if feed.is_keyed:
            found += itertools.islice(again(feed.declared, found, since=1), 5)
        case "rows_added":
            found += _others(feed, found)
        case _:
            _change(feed, found, slice(None), 1000)
    return closed(feed.shape, found)


def _others(feed: Feed, found: list[Record]) -> Iterator[Record]:
    """Five more events of a list without a key. None is one of the list again, which would be a row that came twice."""
    apart = _telling_apart(feed.declared, found)
    listed = next((h for h in found[0] if h.lower() in _with_words(feed) and h != feed.date), "")
    words = sorted({str(record[listed]) for record in found}) if listed else []
    chosen = [record for record in found[::15] if CANARY not in str(record.values())]
    if apart:
        chosen = [{**record, apart: _moved(str(record[apart]), 13)} for record in chosen if record[apart]]
    else:
        chosen = [
            {**record, listed: words[(words.index(record[listed]) + number) % len(words)]}
            for number, record in enumerate(chosen, start=1)
        ]
    return itertools.islice((record for record in chosen if record not in found), 5)


def _with_words(feed: Feed) -> set[str]:
    """Headers of the columns with a closed list of values."""
    return {name for column in feed.declared.columns if column.values is not None for name in spelled(column)}


def _change(feed: Feed, found: list[Record], which: slice, by: int) -> None:
    """Change what is counted: the figure, or the place of an event, whose totals stay; of a list without figures, words."""
    figure = feed.header(feed.suite.cell_value) if feed.suite.cell_value else ""
    named = (feed.header(name) for name in feed.suite.cells)
    cells = [h for h in named if h and h not in (feed.key, feed.date) and feed.column(h).type == "text"]
    chosen = found[which]
    if figure:
        for record in chosen:
            record[figure] = str(int(record[figure]) + by)
    elif feed.is_keyed or not cells:
        for record in chosen:
            record[feed.note] = f"{record[feed.note]} (renamed)"
    else:
        apart = [record for record in chosen if CANARY not in str(record.values())]
        values = [record[cells[0]] for record in apart]
        for record, value in zip(apart, [*values[5:], *values[:5]], strict=True):
            record[cells[0]] = value
