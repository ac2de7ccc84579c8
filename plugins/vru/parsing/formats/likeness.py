"""Whether a line of text reads as a record of a narrow table: what the contract says of its columns tells.

In a wide table the number of cells is enough (`csv_structure`). In a narrow one a line of words may have as many
delimiters by chance, so that several in a row must read as records, with values in them that words are not.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vru.contracts import Column, Resource
from vru.parsing.formats.csv_structure import Flags, Likeness
from vru.parsing.formats.csv_swallowed import Telling
from vru.parsing.header import HeaderMap
from vru.parsing.values import ColumnReader

#: Lines in a row, where each must have two values that the contract tells from words; where it must have one, or none.
LINES_OF_TWO, LINES_OF_ONE = 3, 10
#: From this width on many lines with as many delimiters are records though no value must stand in them.
MIN_WIDTH_OF_WORDS = 4


def likeness(resource: Resource, columns: HeaderMap, delimiter: str) -> Likeness | None:
    """When lines in a quoted cell are records of this table; None where nothing tells them from words."""
    telling = [
        (ColumnReader(column), columns.positions[column.name])
        for column in resource.header_columns
        if column.name in columns.positions and is_telling(column)
    ]
    if columns.width < (2 if telling else MIN_WIDTH_OF_WORDS):
        return None
    is_wide = columns.width >= MIN_WIDTH_OF_WORDS
    due = min(2, sum(not (is_wide and reader.column.nullable) for reader, _ in telling))

    def is_record(lines: bytes) -> Flags:
        frame = pl.read_csv(
            lines.replace(b"\r\n", b"\n"),
            has_header=False,
            schema={str(p): pl.String for p in range(columns.width)},
            separator=delimiter,
            quote_char=None,
        )
        values = np.zeros(frame.height, np.int64)
        is_like = np.ones(frame.height, np.bool_)
        for reader, positions in telling:
            parts = [pl.col(str(p)).fill_null("") for p in positions]
            received, value = reader.read(frame.select(pl.concat_str(parts, separator=" ")).to_series())
            has_value, is_blank = value.is_not_null().to_numpy(), received.is_null().to_numpy()
            values += has_value
            is_like &= has_value | (is_blank & reader.column.nullable)
        return is_like & (values >= due)

    return Likeness(LINES_OF_TWO if due == 2 else LINES_OF_ONE, is_record)


def telling(resource: Resource, columns: HeaderMap) -> Telling | None:
    """What tells a record of this table from words, cell by cell; None where nothing does."""
    readers = [
        (ColumnReader(column), columns.positions[column.name])
        for column in resource.header_columns
        if column.name in columns.positions and is_telling(column)
    ]
    if not readers:
        return None

    def read(records: list[list[str]]) -> NDArray[np.int8]:
        out = np.zeros((len(records), len(readers)), np.int8)
        for number, (reader, places) in enumerate(readers):
            cells = pl.Series([" ".join(record[p] for p in places) for record in records], dtype=pl.String)
            received, value = reader.read(cells)
            is_blank = received.is_null().to_numpy() & reader.column.nullable
            out[:, number] = np.where(value.is_not_null().to_numpy(), 1, np.where(is_blank, 0, -1))
        return out

    return Telling([places for _, places in readers], read)


def is_telling(column: Column) -> bool:
    """Whether words do not read as a value of the column."""
    is_open = column.unmapped == "keep" or (column.unmapped == "null_cell" and column.nullable)
    return (column.type != "text" or column.values is not None) and not is_open
