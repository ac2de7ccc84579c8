"""Records that an open quote has run together, found by what they were before: lines that each read as a record.

A quote that opens in one record and closes in a later one, both times in the same column, makes one record of the right
width out of several; nothing else in the file tells. So of every quoted cell with line ends in it, whose first line
has as many delimiters as were left of its record, and whose last has as many as stand before such a cell, the lines are
put together as they would stand without the two quotes. If each then has the table's width, and every value that the
contract can tell from words reads as one, they are records.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LF, QUOTE = 10, 34
Positions = NDArray[np.int64]

#: In a table at least so wide one value in the cell is enough, for no text has its delimiters so by chance.
MIN_WIDTH_OF_ONE = 5


@dataclass(frozen=True)
class Telling:
    """What tells a record from words: the columns by the places of their cells, and how these read.

    `read` is given records as cells; of each and of each column it says 1 for a value, 0 for a blank that may be, and
    -1 for anything else.
    """

    columns: list[tuple[int, ...]]
    read: Callable[[list[list[str]]], NDArray[np.int8]]


@dataclass(frozen=True)
class Cuts:
    """Where the bytes of a block are cut: every newline and delimiter, and those that count."""

    newlines: Positions
    delimiters: Positions
    separators: Positions
    starts: Positions
    ends: Positions


def merged_at(data: bytes, cuts: Cuts, width: int, delimiter: str, telling: Telling) -> int | None:
    """Where the first quote stands that has run records together; None if none has."""
    found = list(_candidates(data, cuts, width, delimiter))
    if not found:
        return None
    values = telling.read([record for one in found for record in one.records])
    at = 0
    for one in found:
        own = values[at : at + len(one.records)]
        at += len(one.records)
        if not (own < 0).any() and _count(own, one.column, telling) >= (1 if width >= MIN_WIDTH_OF_ONE else 2):
            return one.opening
    return None


@dataclass(frozen=True)
class _Candidate:
    """A quoted cell with line ends: where it opens, in which column it stands, and the records that it may be."""

    opening: int
    column: int
    records: list[list[str]]


def _candidates(data: bytes, cuts: Cuts, width: int, delimiter: str) -> Iterator[_Candidate]:
    a = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(a == QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    is_doubled = opening[1:] == closing[:-1] + 1  # two quotes inside of a cell
    opening, closing = opening[np.append(True, ~is_doubled)], closing[np.append(~is_doubled, True)]
    first, last = np.searchsorted(cuts.newlines, opening), np.searchsorted(cuts.newlines, closing) - 1
    has_lines = last >= first
    opening, closing, first, last = opening[has_lines], closing[has_lines], first[has_lines], last[has_lines]
    record = np.searchsorted(cuts.ends, opening)
    outside = cuts.separators[a[cuts.separators] != LF]
    column = np.searchsorted(outside, opening) - np.searchsorted(outside, cuts.starts[record])
    before = np.searchsorted(cuts.delimiters, cuts.newlines[first]) - np.searchsorted(cuts.delimiters, opening)
    after = np.searchsorted(cuts.delimiters, closing) - np.searchsorted(cuts.delimiters, cuts.newlines[last])
    for i in np.flatnonzero((before == width - 1 - column) & (after == column)).tolist():
        start, end = int(cuts.starts[record[i]]), int(cuts.ends[record[i]])
        opens, closes = int(opening[i]), int(closing[i])
        text = data[start:opens] + data[opens + 1 : closes] + data[closes + 1 : end]
        lines = [_cells(line.decode().removesuffix("\r"), delimiter) for line in text.split(b"\n")]
        # line ends in other cells of the record make lines of another width
        if all(len(cells) == width for cells in lines):
            yield _Candidate(opens, int(column[i]), lines)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _count(values: NDArray[np.int8], column: int, telling: Telling) -> int:
    """In how many columns a value stands that lies in the quoted cell itself."""
    is_value = values > 0
    for number, places in enumerate(telling.columns):
        is_value[0, number] &= min(places) > column
        is_value[-1, number] &= max(places) < column
    return int(is_value.any(axis=0).sum())
