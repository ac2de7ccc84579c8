"""Cells to typed columns, a whole column at a time, with every cell that cannot be read named."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from vru.contracts import Column
from vru.contracts.columns import spellings
from vru.parsing.model import NulledCell, Reject
from vru.periods import LONDON, LONDON_NAME, read_time
from vru.spelling import compared, trimmed_cells

DTYPES: dict[str, Any] = {
    "text": pl.String,
    "integer": pl.Int64,
    "decimal": pl.String,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "month": pl.Date,
    "timestamp": pl.Datetime("us", "UTC"),
    "json": pl.String,
}

#: Why a cell cannot be read, by type: reason code and words.
_FAULTS = {
    "integer": ("not_an_integer", "not a whole number"),
    "decimal": ("not_a_decimal", "not a plain decimal number"),
    "boolean": ("not_a_boolean", "neither true nor false"),
    "date": ("not_a_date", "not a date in one of the contract's formats"),
    "month": ("not_a_month", "not a month in one of the contract's formats"),
    "timestamp": ("not_a_timestamp", "not a time in one of the contract's formats"),
    "json": ("not_json", "not JSON"),
    "text": ("unknown_value", "not among the values of the contract"),
}

#: Of a date, month or time that cannot be read because nobody can tell the day from the month.
_EITHER = ("day_month_swap", "could be day and month, or month and day")
_DAY_AND_MONTH = r"^([0-9]{1,2})[/. -]([0-9]{1,2})[/. -](?:[0-9]{4}|[0-9]{2})(?:$|[^0-9])"

#: What a spreadsheet writes where a formula has no value, and our own words where it has stored none.
NO_STORED_VALUE = "#NO_STORED_VALUE"
_SPREADSHEET_FAULT = (
    r"^\s*(?:#(?:NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|N/A|GETTING_DATA|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!"
    r"|BUSY!|NO_STORED_VALUE)|Err:[0-9]{3})\s*$"
)
_ERROR_CELL = ("error_cell", "a fault of the spreadsheet stands there in place of a value")
_ISO = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f")

_BLANK = "blank, but the contract wants a value"
_TRUTH = {"true": True, "yes": True, "1": True, "t": True, "false": False, "no": False, "0": False, "f": False}
_DECIMAL = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$"
#: A program writes small and large numbers so; with more than two digits it would be a text of endless noughts.
_POWER_OF_TEN = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]{1,2}$"
_MAX_REMEMBERED = 100_000
#: How like a word of the contract another one must be to be proposed, of 1, and of how many it is looked.
_NEAR = 0.8
_MAX_PROPOSED, _LONGEST_PROPOSED = 1_000, 100


@dataclass
class Typed:
    """The typed rows of some cells: `frame` of the accepted rows, and the cells at fault.

    `kept` tells which of the rows read were accepted; None where all were.
    """

    frame: pl.DataFrame
    rejects: list[Reject]
    nulled: list[NulledCell]
    kept: pl.Series | None = None


#: What to add to the reason for a cell as received: '; did you mean ...?', or nothing.
Propose = Callable[[str], str]


def _no_proposal(_received: str) -> str:
    return ""


@dataclass
class _Fault:
    """The rows whose cell of this column is at fault, and why; `propose` adds what a cell as received may mean."""

    column: Column
    code: str
    words: str
    bad: pl.Series
    propose: Propose = _no_proposal
    received: pl.Series | None = None


#: The cells as received of some rows, given by their places: one mapping per row.
Received = Callable[[pl.Series], list[dict[str, str]]]


class Typer:
    """Reads the cells of some columns; made once per file.

    `has_types`: the cells come from typed ones, so that a date stands there as ISO 8601 writes it, whatever the
    contract's formats, and a fault of a spreadsheet as its own text. `proposes`: where a word is unknown, the reason
    names the word of the contract that is nearest; not where words are personal data.
    """

    def __init__(self, columns: Sequence[Column], *, has_types: bool = False, proposes: bool = False) -> None:
        self._columns = [ColumnReader(c, has_types=has_types) for c in columns if not c.month_of]
        self._proposes = proposes
        self._derived = [c for c in columns if c.month_of]
        self._has_types = has_types
        self._order = ["line_number", "part", *(name for column in columns for name in stored_names(column))]

    def read(
        self,
        lines: pl.Series,
        cells: dict[str, pl.Series],
        *,
        parts: pl.Series | None = None,
        blank: pl.Series | None = None,
        received: Received | None = None,
        is_plain: bool = False,
    ) -> Typed:
        """Type one chunk. `cells` has a String series per column that stands in the file, as received.

        `is_plain`: trimming is known to change none of them. `blank` tells where nothing else stands in the record;
        a row without any cell is then refused as blank. `received` hands out what a refused row held, by default its
        `cells`.
        """
        height = len(lines)
        parts = pl.Series("part", [0], pl.Int64).new_from_index(0, height) if parts is None else parts
        out: dict[str, pl.Series] = {"line_number": lines.alias("line_number"), "part": parts.alias("part")}
        faults: list[_Fault] = []
        nulled: list[NulledCell] = []
        blank = pl.Series([True]).new_from_index(0, height) if blank is None else blank
        for reader in self._columns:
            column, cell = reader.column, cells.get(reader.column.name)
            if cell is None:
                out[column.name] = pl.Series(column.name, [None], DTYPES[column.type]).new_from_index(0, height)
                if column.source_name:
                    out[column.source_name] = pl.Series(column.source_name, [None], pl.String).new_from_index(0, height)
                continue
            kept, value = reader.read(cell, is_plain=is_plain)
            if blank.any():
                blank &= kept.is_null()
            out[column.name] = value.alias(column.name)
            if column.source_name:
                out[column.source_name] = kept.alias(column.source_name)
            if not column.nullable and kept.null_count():
                faults.append(_Fault(column, "blank_not_allowed", _BLANK, kept.is_null()))
            wrong = _spreadsheet_faults(kept) if self._has_types else None
            if wrong is not None and wrong.any():
                faults.append(_Fault(column, *_ERROR_CELL, wrong))
            if value.null_count() > kept.null_count():
                bad = value.is_null() & kept.is_not_null()
                if wrong is not None:
                    bad &= ~wrong
                propose = reader.proposed if self._proposes else _no_proposal
                if column.unmapped == "null_cell" and column.nullable:
                    nulled += _nulled(column, *_FAULTS[column.type], lines, parts, kept, bad, propose)
                else:
                    faults += _unreadable(column, kept, bad, propose)
        for column in self._derived:
            out[column.name] = month_in_london(out[str(column.month_of)]).alias(column.name)
            said_of_time = _any([fault.bad for fault in faults if fault.column.name == column.month_of], height)
            missing = out[column.name].is_null() & ~said_of_time
            if not column.nullable and missing.any():
                faults.append(_Fault(column, "blank_not_allowed", _BLANK, missing))
        frame = pl.DataFrame({name: out[name] for name in self._order})
        return _without_rejected(frame, received or _from(cells), faults, nulled, blank)


def stored_names(column: Column) -> list[str]:
    """The columns of the raw table that a column of the contract makes."""
    return [column.name, column.source_name] if column.source_name else [column.name]


def _from(cells: dict[str, pl.Series]) -> Received:
    def received(rows: pl.Series) -> list[dict[str, str]]:
        found = pl.DataFrame({name: cell.alias(name) for name, cell in cells.items()})[rows].to_dicts()
        return [{name: value or "" for name, value in row.items()} for row in found]

    return received


def _without_rejected(
    frame: pl.DataFrame, received: Received, faults: list[_Fault], nulled: list[NulledCell], blank: pl.Series
) -> Typed:
    if not faults and not blank.any():
        return Typed(frame, [], nulled)
    refused = _any([fault.bad for fault in faults], frame.height) | blank
    rows = refused.arg_true()
    at = list(zip(frame["line_number"].gather(rows).to_list(), frame["part"].gather(rows).to_list(), strict=True))
    records = received(rows)
    place = {row: i for i, row in enumerate(rows.to_list())}
    is_blank = set(blank.arg_true().to_list())
    rejects = []
    for row in sorted(is_blank):
        (line, part), record = at[place[row]], records[place[row]]
        rejects.append(Reject(line, "", "blank_row", "every cell of the record is blank", record, part))
    for fault in faults:
        name = fault.column.name
        for row in fault.bad.arg_true().to_list():
            if row not in is_blank:
                (line, part), record = at[place[row]], records[place[row]]
                meant = "" if fault.received is None else fault.propose(fault.received[row])
                rejects.append(Reject(line, name, fault.code, f"{name}: {fault.words}{meant}", record, part))
    gone = set(at)
    rejects.sort(key=lambda r: (r.line_number, r.part))
    return Typed(frame.filter(~refused), rejects, [n for n in nulled if (n.line_number, n.part) not in gone], ~refused)


def month_in_london(times: pl.Series) -> pl.Series:
    """First day of the month, in Europe/London, of each time."""
    return times.dt.convert_time_zone(LONDON_NAME).dt.date().dt.month_start()


def _any(masks: list[pl.Series], height: int) -> pl.Series:
    found = pl.Series([False]).new_from_index(0, height)
    for mask in masks:
        found |= mask
    return found


def _spreadsheet_faults(kept: pl.Series) -> pl.Series:
    """Where a cell holds what a spreadsheet writes in place of a value that it cannot work out."""
    return kept.str.contains(_SPREADSHEET_FAULT).fill_null(False)


def _unreadable(column: Column, kept: pl.Series, bad: pl.Series, propose: Propose) -> Iterator[_Fault]:
    """Why the bad cells of a column cannot be read, with the cells: by the type, or two readings of a day."""
    if column.type in ("date", "month", "timestamp"):
        parts = trimmed_cells(kept).str.extract_groups(_DAY_AND_MONTH)
        first, second = (parts.struct.field(name).cast(pl.Int64) for name in ("1", "2"))
        either = (bad & first.is_between(1, 12) & second.is_between(1, 12) & (first != second)).fill_null(False)
        yield _Fault(column, *_EITHER, either)
        bad = bad & ~either
    yield _Fault(column, *_FAULTS[column.type], bad, propose, kept if column.values is not None else None)


def _nulled(
    column: Column,
    code: str,
    words: str,
    lines: pl.Series,
    parts: pl.Series,
    kept: pl.Series,
    bad: pl.Series,
    propose: Propose,
) -> Iterator[NulledCell]:
    rows = bad.arg_true()
    where = zip(*(series.gather(rows).to_list() for series in (lines, parts, kept)), strict=True)
    for line, part, received in where:
        reason = f"{column.name}: {words}{propose(received)}; the cell was made null"
        yield NulledCell(line, column.name, code, reason, received, part)


class ColumnReader:
    """Reads the cells of one column. Spellings already met are remembered from chunk to chunk."""

    def __init__(self, column: Column, *, has_types: bool = False) -> None:
        self.column = column
        self._formats = [*column.formats, *(_ISO if has_types else ())]
        self._markers = {compared(marker) for marker in column.null_markers}
        self._longest_marker = 2 * max(map(len, self._markers), default=0) + 8
        self._remembered: dict[str, Any] = {}
        self._proposed: dict[str, str] = {}
        self._spellings = spellings(column.values or {})

    def read(self, cell: pl.Series, *, is_plain: bool = False) -> tuple[pl.Series, pl.Series]:
        """The cells as received, with null for blank ones, and the typed values, null where unreadable.

        `is_plain`: trimming is known to change nothing.
        """
        trimmed = cell if is_plain else self._trimmed(cell)
        blank = trimmed == ""
        if self._markers:
            blank |= self._is_marked(trimmed)
        if blank.any():
            cell = cell.set(blank, None)
            trimmed = trimmed.set(blank, None)
        return cell, self._typed(trimmed)

    def proposed(self, received: str) -> str:
        """The word of the contract that is nearest to an unknown one, as part of a reason; nothing if none is near."""
        if received not in self._proposed:
            if len(received) > _LONGEST_PROPOSED or len(self._proposed) >= _MAX_PROPOSED:
                return ""
            near = difflib.get_close_matches(compared(received), self._spellings, 1, _NEAR)
            self._proposed[received] = f"; did you mean '{self._spellings[near[0]]}'?" if near else ""
        return self._proposed[received]

    def _trimmed(self, cell: pl.Series) -> pl.Series:
        # blanks inside of JSON are its own
        return cell.str.strip_chars() if self.column.type == "json" else trimmed_cells(cell)

    def _is_marked(self, trimmed: pl.Series) -> pl.Series:
        """Where a spelling stands that means that no value was supplied; long texts are none."""
        found = trimmed.filter(trimmed.str.len_chars() <= self._longest_marker).unique().to_list()
        return trimmed.is_in([text for text in found if text and compared(text) in self._markers])

    def _typed(self, trimmed: pl.Series) -> pl.Series:
        match self.column.type:
            case "text":
                return trimmed if self.column.values is None else self._by_spelling(trimmed, self._canonical)
            case "integer":
                return trimmed.cast(pl.Int64, strict=False)
            case "decimal":
                return _decimals(trimmed)
            case "boolean":
                return self._by_spelling(trimmed, lambda text: _TRUTH.get(compared(text)))
            case "timestamp":
                return self._timestamps(trimmed)
            case "json":
                is_json = trimmed.map_elements(_is_json, return_dtype=pl.Boolean)
                return trimmed.set(~is_json, None)
            case "date":
                return self._by_spelling(trimmed, self._date)
            case "month":
                return self._by_spelling(trimmed, self._month)

    def _by_spelling(self, trimmed: pl.Series, meaning: Callable[[str], Any]) -> pl.Series:
        """Look every different spelling up once."""
        spellings = trimmed.unique().drop_nulls()
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.clear()
        for spelling in spellings.to_list():
            if spelling not in self._remembered:
                self._remembered[spelling] = meaning(spelling)
        meanings = pl.Series([self._remembered[s] for s in spellings.to_list()], dtype=DTYPES[self.column.type])
        return trimmed.replace_strict(spellings, meanings, default=None, return_dtype=DTYPES[self.column.type])

    def _canonical(self, text: str) -> str | None:
        return self._spellings.get(compared(text), text if self.column.unmapped == "keep" else None)

    def _date(self, text: str) -> date | None:
        found = read_time(text, self._formats)
        return found.date() if found else None

    def _month(self, text: str) -> date | None:
        found = read_time(text, self._formats)
        return found.date().replace(day=1) if found else None

    def _timestamps(self, trimmed: pl.Series) -> pl.Series:
        """UTC. A time without offset is London's: of a repeated hour the first, of a skipped one as in winter time."""
        out = pl.Series([None], dtype=DTYPES["timestamp"]).new_from_index(0, len(trimmed))
        first = self.column.formats[0]
        if first.endswith("%z"):
            out = trimmed.str.to_datetime(first, strict=False, time_unit="us", time_zone="UTC")
        left = out.is_null() & trimmed.is_not_null()
        if left.any():
            rows = left.arg_true()
            texts = trimmed.gather(rows)
            out = out.scatter(rows, self._by_spelling(texts, self._instant))
        return out

    def _instant(self, text: str) -> datetime | None:
        found = read_time(text, self._formats)
        if found is None:
            return None
        return (found if found.tzinfo else found.replace(tzinfo=LONDON)).astimezone(UTC)


def _decimals(trimmed: pl.Series) -> pl.Series:
    """Numbers as their digits; one that a program wrote with a power of ten is written out, exactly."""
    is_number = trimmed.str.contains(_DECIMAL)
    if is_number.all():
        return trimmed
    trimmed = trimmed.set(~(is_number | trimmed.str.contains(_POWER_OF_TEN)), None)
    rows = (~is_number & trimmed.is_not_null()).arg_true()
    return (
        trimmed.scatter(rows, [format(Decimal(text), "f") for text in trimmed.gather(rows)]) if len(rows) else trimmed
    )


def _is_json(text: str) -> bool:
    """Whether PostgreSQL takes the text as jsonb, which holds neither NaN nor NUL nor half a surrogate pair."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return "\\u0000" not in text


def _no_constant(_name: str) -> float:
    raise ValueError
