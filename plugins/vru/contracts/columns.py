"""Columns: under which headers they come, how a cell is read, which spellings stand for one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, model_validator

from vru.contracts.base import Slug, Strict
from vru.spelling import compared

ColumnType = Literal["text", "integer", "decimal", "boolean", "date", "month", "timestamp", "json"]

#: Columns that the platform itself writes into every raw table.
SYSTEM_COLUMNS = ("batch_id", "line_number", "part", "unit_key")

SQL_TYPES: dict[str, str] = {
    "text": "text",
    "integer": "bigint",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "month": "date",
    "timestamp": "timestamptz",
    "json": "jsonb",
}


class Column(Strict):
    """One column of a resource.

    `aliases` are the headers under which partners have sent it, compared after trimming and lower-casing. An
    alias that is a list names several headers whose cells are joined by one blank (`[Recorded Year, Recorded
    Month]`). Every cell is trimmed first (`vru.spelling`). A column with `values` holds the canonical value, and
    `<name>_source` beside it the cell as received.
    """

    name: Slug
    type: ColumnType = "text"
    description: str = Field(min_length=10)
    aliases: list[str | list[str]] = Field(default_factory=list)
    required: bool = True
    """The header must be there; a file without it is refused."""
    nullable: bool = True
    """A blank cell is allowed; otherwise the row goes to quarantine."""
    mandatory: bool = False
    """Blank cells lower the completeness part of the quality score."""
    formats: list[str] = Field(default_factory=list)
    """strptime formats of a date, month or timestamp, tried in order."""
    values: dict[str, list[str]] | None = None
    """Canonical value -> other spellings of it. What differs in blanks, case, dashes, full stops or `&` is no other
    spelling (`vru.spelling.compared`)."""
    values_from: Slug | None = None
    """Name of a shared map in `feeds/values/`."""
    unmapped: Literal["reject", "null_cell", "keep"] = "reject"
    """What an unknown spelling does: the row goes to quarantine, the cell becomes null with a reason, or the word is
    kept as received, trimmed, and the suite says how bad that is (`expect_word_to_be_known`)."""
    null_markers: list[str] = Field(default_factory=list)
    """Spellings that mean no value was supplied (compared as those of values)."""
    month_of: Slug | None = None
    """Not in the file: the month, in Europe/London, of this timestamp column."""

    @property
    def headers(self) -> list[list[str]]:
        """Every way in which the column can stand in a file, each as the list of headers it needs; none if derived."""
        if self.month_of:
            return []
        return [[alias] if isinstance(alias, str) else list(alias) for alias in self.aliases or [self.name]]

    @property
    def source_name(self) -> str | None:
        """Name of the column beside a mapped one that keeps the cell as received."""
        return f"{self.name}_source" if self.values is not None else None

    @property
    def sql_type(self) -> str:
        """PostgreSQL type of the column in its raw table."""
        return SQL_TYPES[self.type]

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if self.name in SYSTEM_COLUMNS:
            raise ValueError(f"'{self.name}' is a name that the platform uses itself; choose another")
        if self.formats and self.type not in ("date", "month", "timestamp"):
            raise ValueError(f"'formats' is only for date, month and timestamp, not for {self.type}; remove it")
        if self.month_of and (self.type != "month" or self.aliases or self.formats):
            raise ValueError("'month_of' makes a month of another column: type month, without aliases and formats")
        if self.type in ("date", "month", "timestamp") and not self.formats and not self.month_of:
            raise ValueError(f"a {self.type} needs 'formats', for example ['%Y-%m-%d']")
        if (self.values is not None or self.values_from) and self.type != "text":
            raise ValueError("'values' is only for text; remove it or change the type")
        if self.unmapped == "keep" and self.values is None and not self.values_from:
            raise ValueError("'unmapped: keep' keeps words beyond a list; give 'values' or 'values_from', or remove it")
        if self.values is not None and self.values_from:
            raise ValueError("give 'values' or 'values_from', not both")
        spellings(self.values or {})
        return self


def spellings(values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The canonical value of every spelling, as spellings are compared. Raises ValueError if one has two."""
    found: dict[str, str] = {}
    for canonical, others in values.items():
        for spelling in (canonical, *others):
            if found.setdefault(compared(spelling), canonical) != canonical:
                raise ValueError(
                    f"'{spelling}' is compared as '{compared(spelling)}' and so stands for two values, "
                    f"'{found[compared(spelling)]}' and '{canonical}'; take it from one"
                )
    return found
