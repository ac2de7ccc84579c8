"""A sheet of a workbook, as the landing store hands it out (`vru.landing.workbook`): numbered rows of typed cells."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from vru.contracts import Resource, Workbook
from vru.landing.workbook import MAGIC
from vru.parsing.formats.base import Opened, Sizes
from vru.parsing.header import HeaderMap, fits, match_header
from vru.parsing.model import Cells, Reject, Unreadable
from vru.parsing.stream import MAX_COLUMNS, MAX_FIELD_BYTES, Source, foreign, read_exactly
from vru.parsing.unnamed import blank_columns
from vru.spelling import trimmed

WORDS = "a sheet of a workbook"
READ_BYTES = 1 << 20
PREAMBLE_ROWS = 20
MAX_BLANK_ROWS = 1_000
MAX_NOTES = 10_000
#: What a cell may not hold, as a line of a sheet writes it.
_TO_LOOK_AT = re.compile(r"\\u00|\\b|\\f|[\x7f-\x9f\ufeff]")
MIN_WIDTH_OF_NOTE = 3  # in a narrower table a row with one filled cell is a record like any other


class Row(NamedTuple):
    """A row that holds anything: the sheet's own number, its cells as text from column A, whether to look at them."""

    number: int
    cells: list[str | None]
    is_odd: bool = False


def sniff(head: bytes) -> bool:
    """Whether this is a sheet."""
    return head.startswith(MAGIC)


def headers(head: bytes, _resource: Resource, form: Workbook) -> list[str]:
    """The headers of a sheet, from its first bytes. Raises Unreadable."""
    whole, _, _ = head.rpartition(b"\n")
    return [name for name in _Sheet(iter([whole + b"\n"]), form).header() if name]


def read(stream: Source, resource: Resource, form: Workbook, _file_name: str, sizes: Sizes) -> Opened:
    """Start to read a sheet; raises Unreadable if its header cannot be used."""
    sheet = _Sheet(iter(lambda: read_exactly(stream, READ_BYTES), b""), form)
    names = sheet.header()
    try:
        columns = _match(resource, names, sheet.header_end)
    except Unreadable as error:
        if error.code == "missing_column":
            _refuse_preamble(resource, sheet)
        raise
    warnings: list[str] = []
    unnamed = {position for position, name in enumerate(names) if not name}
    return Opened(
        [name for name in names if name],
        columns,
        iter(_Reader(columns, unnamed, sheet, columns.records(sizes.chunk_rows), warnings)),
        warnings,
        allow_empty=form.allow_empty,
        has_types=True,
    )


def _match(resource: Resource, names: list[str], line: int) -> HeaderMap:
    """The contract's columns; one without a header is none as long as nothing stands in it. Raises Unreadable."""
    at = [position for position, name in enumerate(names) if name]
    if len(at) > MAX_COLUMNS:
        raise Unreadable(
            "too_many_columns", f"the header has {len(at)} columns; at most {MAX_COLUMNS} are read", line=line
        )
    found = match_header(resource, [names[position] for position in at], line=line)
    return HeaderMap(
        {column: tuple(at[p] for p in positions) for column, positions in found.positions.items()},
        len(names),
        found.unknown,
        (),
        {at[p]: text for p, text in found.wide.items()},
        line,
    )


def _refuse_preamble(resource: Resource, sheet: _Sheet) -> None:
    """Raise Unreadable if the header stands on another row."""
    for row in [*sheet.above, *itertools.islice(sheet.rows, PREAMBLE_ROWS)]:
        if fits(resource, [cell or "" for cell in row.cells]):
            raise Unreadable(
                "preamble",
                f"the header stands on row {row.number}, not where the contract has it; mend 'header_row', or ask the "
                "partner which is meant",
                line=sheet.header_end,
            )


@dataclass
class _Merged:
    """One merged range, rows and columns counted from 1, and the cell of its first place once that was met."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int
    text: str | None = None


class _Sheet:
    """The rows of a sheet in order, blank ones left out; merged cells are refused or filled as the contract says.

    `above` has the rows down to the end of the header, `rows` those that were not handed out yet.
    """

    def __init__(self, pieces: Iterator[bytes], form: Workbook) -> None:
        lines = _lines(pieces)
        next(lines, "")  # the magic
        self.form = form
        self.header_end = form.header_row + form.header_rows - 1
        self._merged = [_Merged(*one) for one in json.loads(next(lines, '{"merged":[]}'))["merged"]]
        self.rows: Iterator[Row] = map(_row, lines)
        self.above: list[Row] = []

    def header(self) -> list[str]:
        """The headers by column, those of several rows joined by a blank. Raises Unreadable for merged ones."""
        for row in self.rows:
            if row.number > self.header_end:
                self.rows = itertools.chain([row], self.rows)
                break
            self.above.append(row)
        rows = {row.number: list(row.cells) for row in self.above}
        for one in self._merged:
            if one.first_row > self.header_end or one.last_row < self.form.header_row:
                continue
            if self.form.merged_headers == "refuse" or one.last_row > self.header_end:
                raise Unreadable(
                    "merged_header",
                    "cells of the header are merged; if each column under them bears their text, say 'merged_headers: "
                    "fill' in the contract, otherwise ask the partner for plain headers",
                    line=one.first_row,
                )
            text = _at(rows.get(one.first_row, []), one.first_column)
            for number in range(one.first_row, one.last_row + 1):
                _fill(rows.setdefault(number, []), one, text)
        own = [rows[number] for number in sorted(rows) if number >= self.form.header_row]
        width = max(map(len, own), default=0)
        names = []
        for column in range(1, width + 1):
            texts = [(_at(cells, column) or "").strip() for cells in own]
            names.append(" ".join(dict.fromkeys(text for text in texts if text)))
        while names and not names[-1]:
            names.pop()
        return names

    def records(self) -> Iterator[Row]:
        """The rows below the header, as far as the table goes. Raises Unreadable for merged ones."""
        ends_at = re.compile(self.form.ends_at, re.IGNORECASE) if self.form.ends_at else None
        skipped = set(self.form.skip_rows)
        merged = sorted((one for one in self._merged if one.first_row > self.header_end), key=lambda m: -m.first_row)
        active: list[_Merged] = []
        for row in self.rows:
            first = next((text for cell in row.cells if cell and (text := trimmed(cell))), "")
            if ends_at and ends_at.search(first):
                return
            while merged and merged[-1].first_row <= row.number:
                active.append(merged.pop())
            active = [one for one in active if one.last_row >= row.number]
            if active and row.number not in skipped and self.form.merged_cells == "refuse":
                raise Unreadable(
                    "merged_cells",
                    "cells of the table are merged; if each of them has the value of the whole, say 'merged_cells: "
                    "fill' in the contract, otherwise ask the partner for a plain table",
                    line=active[0].first_row,
                )
            for one in active:
                if one.first_row == row.number:
                    one.text = _at(row.cells, one.first_column)
                _fill(row.cells, one, one.text)
            if row.number not in skipped:
                yield row


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode() for line in whole)


def _row(line: str) -> Row:
    number, *cells = json.loads(line, parse_int=str, parse_float=str)
    texts = [_text(cell) for cell in cells]
    if len(line) > MAX_FIELD_BYTES and any(text and len(text) > MAX_FIELD_BYTES for text in texts):
        raise Unreadable(
            "cell_too_long",
            f"a cell is longer than {MAX_FIELD_BYTES >> 20} MiB; ask the partner whether the file is whole",
            line=int(number),
        )
    return Row(int(number), texts, _TO_LOOK_AT.search(line) is not None)


def _text(cell: Any) -> str | None:
    """A typed cell as the text that a text table would hold."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(next(iter(cell.values())))


def _at(cells: list[str | None], column: int) -> str | None:
    return cells[column - 1] if column <= len(cells) else None


def _fill(cells: list[str | None], merged: _Merged, text: str | None) -> None:
    cells += [None] * (merged.last_column - len(cells))
    for column in range(merged.first_column, merged.last_column + 1):
        cells[column - 1] = text


class _Reader:
    """Records of a sheet as cells by contract column.

    Rows with one filled cell wait until a full one follows: at the end of the sheet they are notes and no records.
    """

    def __init__(
        self, columns: HeaderMap, unnamed: set[int], sheet: _Sheet, chunk_records: int, warnings: list[str]
    ) -> None:
        self._columns, self._unnamed, self._sheet = columns, unnamed, sheet
        self._chunk_records, self._warnings = chunk_records, warnings
        self._index: tuple[int, int] | None = None
        self._count = 0
        self._rows: list[Row] = []
        self._rejects: list[Reject] = []

    def __iter__(self) -> Iterator[Cells]:
        before, has_full = self._sheet.header_end, False
        notes: list[Row] = []
        skipped = sorted(self._sheet.form.skip_rows)
        for row in self._sheet.records():
            self._note_blank(before, row.number, skipped)
            before = row.number
            if self._columns.width >= MIN_WIDTH_OF_NOTE and sum(bool(c and trimmed(c)) for c in row.cells) == 1:
                notes.append(row)
                if len(notes) <= MAX_NOTES:
                    continue
                taken, notes = notes, []
            else:
                taken, notes, has_full = [*notes, row], [], True
            for one in taken:
                self._take(one)
            if len(self._rows) >= self._chunk_records:
                yield self._cells()
        if notes and has_full:
            raise Unreadable(
                "footnote",
                f"{len(notes)} row(s) with one filled cell follow the last full record: notes or a second table; say "
                "where the table ends ('ends_at') in the contract, or ask the partner for the table alone",
                line=notes[0].number,
            )
        for one in notes:
            self._take(one)
        margin = min((p for at in self._columns.cells.values() for p in at), default=0)  # left of the table
        index = self._index[0] if self._index else None
        self._warnings += blank_columns(p for p in self._unnamed if p > margin and p != index)
        if self._rows or self._rejects:
            yield self._cells()

    def _note_blank(self, before: int, number: int, skipped: list[int]) -> None:
        blank = [n for n in range(before + 1, min(number, before + MAX_BLANK_ROWS + 2)) if n not in skipped]
        if len(blank) > MAX_BLANK_ROWS:
            raise Unreadable(
                "second_table",
                f"more than {MAX_BLANK_ROWS} blank rows stand between records: a second table? Ask the partner for one "
                "table per sheet",
                line=number,
            )
        self._rejects += [Reject(n, "", "blank_row", "a blank row stands between records", {}) for n in blank]

    def _take(self, row: Row) -> None:
        """Keep a record, or its reject."""
        self._count += 1
        self._refuse_unnamed(row)
        found = foreign(cell for cell in row.cells if cell) if row.is_odd else None
        if found:
            positions = self._columns.positions
            record = {name: self._joined(row, at) or "" for name, at in positions.items()}
            column = next((name for name, text in record.items() if foreign([text])), "")
            self._rejects.append(Reject(row.number, column, found[0], f"the record holds {found[1]}", record))
        else:
            self._rows.append(row)

    def _refuse_unnamed(self, row: Row) -> None:
        """A column without a header may hold nothing but running integers, and of those there may be one."""
        if len(row.cells) <= self._columns.width and not self._unnamed:
            return
        found = [
            position
            for position, cell in enumerate(row.cells)
            if cell and trimmed(cell) and (position in self._unnamed or position >= self._columns.width)
        ]
        text = row.cells[found[0]] if len(found) == 1 else None
        index = (found[0], int(text) - self._count) if text and text.lstrip("-").isdigit() else None
        if self._count == 1 and index is not None:
            self._index = index
            self._warnings.append(f"column {index[0] + 1} without a name is a running index; left out")
        elif (found or self._index) and (index is None or index != self._index):
            raise Unreadable(
                "blank_header",
                f"column {found[0] + 1 if found else 0} holds cells and has no name; ask the partner to name it",
                line=row.number,
            )

    def _cells(self) -> Cells:
        rows, rejects = self._rows, self._rejects
        self._rows, self._rejects = [], []
        cells = {
            name: pl.Series(name, [self._joined(row, at) for row in rows], dtype=pl.String)
            for name, at in self._columns.cells.items()
        }
        lines = pl.Series("line_number", [row.number for row in rows], dtype=pl.Int64)
        return Cells(lines, cells, rejects, len(rows) + len(rejects))

    @staticmethod
    def _joined(row: Row, at: tuple[int, ...]) -> str | None:
        if len(at) == 1:
            return row.cells[at[0]] if at[0] < len(row.cells) else None
        return " ".join((_at(row.cells, position + 1) or "").strip() for position in at)
