"""What a parse hands over: chunks of typed rows, rows for quarantine, and why a file cannot be read at all."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    """One reason why one record goes to quarantine; several may name one line.

    `column` is the contract column, '' if it is about the whole record. `record` holds the cells as received
    by contract column. `reason` holds no value.
    """

    line_number: int
    column: str
    code: str
    reason: str
    record: dict[str, str]


@dataclass(frozen=True, slots=True)
class NulledCell:
    """A cell that became null because its value is unknown to the contract; its row still counts."""

    line_number: int
    column: str
    code: str
    reason: str
    received: str


@dataclass(slots=True)
class Chunk:
    """Consecutive records of one file.

    `frame` has one row per accepted record: `line_number`, then the columns of the raw table but `batch_id`.
    Types: text, decimal and json String (a decimal as its digits, so that none is lost), integer Int64,
    boolean Boolean, date and month Date, timestamp Datetime in UTC. `records` counts the records read for
    this chunk, accepted or not.
    """

    frame: pl.DataFrame
    rejects: list[Reject] = field(default_factory=list)
    nulled: list[NulledCell] = field(default_factory=list)
    records: int = 0
