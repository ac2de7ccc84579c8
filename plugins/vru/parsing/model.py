"""What a parse hands over: chunks of typed rows, rows for quarantine, and why a file cannot be read at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import polars as pl


class Unreadable(Exception):  # noqa: N818 - it names a state of the file
    """The bytes cannot be read as the contract says. The message never holds a value of the data.

    `code` is a short reason code, `line` the physical line (header is 1), `column` the column or header meant;
    `where` is filled in by the reader: feed and file.
    """

    def __init__(self, code: str, message: str, *, line: int | None = None, column: str | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.line = line
        self.column = column
        self.where = ""

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.where, f"line {self.line}" if self.line else "") if part)
        return f"{place}: {self.message} [{self.code}]" if place else f"{self.message} [{self.code}]"


@dataclass(frozen=True, slots=True)
class Reject:
    """One reason why a row goes to quarantine; several may name one line and part.

    `part` is 0 for the whole record, else the row of a wide record. `column` is the contract column, '' if it is about
    no single one. `record` holds the cells as received by contract column. `reason` holds no value. `days` are the
    first and the last day on which the row may lie, None where nothing tells.
    """

    line_number: int
    column: str
    code: str
    reason: str
    record: dict[str, str]
    part: int = 0
    days: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class NulledCell:
    """A cell that became null because its value is unknown to the contract; its row still counts.

    `part` is 0 where the cell belongs to all rows that the record makes.
    """

    line_number: int
    column: str
    code: str
    reason: str
    received: str
    part: int = 0


@dataclass
class Cells:
    """Some records before typing: cells as received by contract column, and the records that are no rows.

    The cells under the headers of a wide record stand under their position (`HeaderMap.cells`). `lines` has the line
    of each record in `cells`; `records` counts these and the refused ones. `is_plain`: it is known that trimming
    changes none of the cells.
    """

    lines: pl.Series
    cells: dict[str, pl.Series]
    rejects: list[Reject]
    records: int
    is_plain: bool = False


@dataclass(slots=True)
class Chunk:
    """Consecutive records of one file.

    `frame` has one row per accepted row: `line_number` and `part`, then the columns of the raw table but `batch_id`.
    `part` is 0 where a record makes one row; the rows of a wide record count up from 1, header by header.
    Types: text, decimal and json String (a decimal as its digits, so that none is lost), integer Int64,
    boolean Boolean, date and month Date, timestamp Datetime in UTC. `records` counts the records read for
    this chunk, accepted or not.
    """

    frame: pl.DataFrame
    rejects: list[Reject] = field(default_factory=list)
    nulled: list[NulledCell] = field(default_factory=list)
    records: int = 0
