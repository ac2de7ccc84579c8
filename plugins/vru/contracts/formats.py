"""What the bytes of a resource may be: one model per kind, and how a wide record becomes rows."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from vru.contracts.base import Slug, Strict


class Csv(Strict):
    """A delimited text file."""

    kind: Literal["csv"]
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    allow_empty: bool = False
    """A file with a header and no rows is a statement of zero rather than a fault."""


class Geojson(Strict):
    """A GeoJSON feature collection; columns are properties, and `geometry` is the feature's geometry."""

    kind: Literal["geojson"]


class Json(Strict):
    """A JSON array of objects, or one object a line, or a sequence of either (RFC 7464).

    Columns are the names of values; those of an object within an object are joined by a dot (`address.postcode`). A
    column of type `json` takes the value as it is, an object or a list too.
    """

    kind: Literal["json"]


class Workbook(Strict):
    """A table on a sheet of a workbook, XLSX or ODS; the sheet is a member of the file and a content by itself.

    Rows are numbered as the sheet numbers them. A cell that holds a date is read as one whatever the column's
    `formats`; what a formula last gave is its value.
    """

    kind: Literal["workbook"]
    sheet: str | None = None
    """Name of the sheet (compared trimmed, case-insensitively)."""
    sheet_pattern: str | None = None
    """Case-insensitive regular expression, searched in the names of sheets; each that fits is a content. Groups
    `period` (a date in `period_format`) and `partition` are read from the name."""
    period_format: str = "%Y-%m"
    header_row: int = Field(default=1, ge=1)
    header_rows: int = Field(default=1, ge=1, le=5)
    """Rows that make up the header; the cells above each other are joined by a blank, equal ones once."""
    skip_rows: list[int] = Field(default_factory=list)
    """Rows below the header that are no records, by the sheet's own numbers (units, notes)."""
    ends_at: str | None = None
    """Case-insensitive regular expression; the table ends above the first row whose first filled cell fits."""
    merged_headers: Literal["refuse", "fill"] = "refuse"
    """Merged cells in the header: refused, or each of them holds the text of the whole."""
    merged_cells: Literal["refuse", "fill"] = "refuse"
    """Merged cells below the header: refused, or each of them holds the value of the whole."""
    allow_empty: bool = False
    """A header without rows is a statement of zero rather than a fault."""

    @field_validator("sheet_pattern", "ends_at")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return value if value is None else _pattern(value, {"period", "partition"})

    @model_validator(mode="after")
    def _one(self) -> Workbook:
        if (self.sheet is None) == (self.sheet_pattern is None):
            raise ValueError("give either 'sheet' or 'sheet_pattern'")
        return self


class Zip(Strict):
    """A ZIP archive; each of its files whose name fits the resource is a content, in one of the other formats."""

    kind: Literal["zip"]


Format = Annotated[Csv | Geojson | Json | Workbook | Zip, Field(discriminator="kind")]


class Unpivot(Strict):
    """One record makes several rows: one for each header that the pattern fits whole.

    What its group holds, or the header where it has none, is the cell of `header_column`; what stands under it is the
    cell of `cell_column`. Neither column has aliases of its own.
    """

    headers: str
    header_column: Slug
    cell_column: Slug

    @field_validator("headers")
    @classmethod
    def _compiles(cls, value: str) -> str:
        if re.compile(_pattern(value, set())).groups > 1:
            raise ValueError("at most one group: what it holds goes into 'header_column'")
        return value


def _pattern(value: str, groups: set[str]) -> str:
    """The pattern itself. Raises ValueError if it is none, or names other groups."""
    try:
        names = set(re.compile(value).groupindex)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    if unknown := names - groups:
        raise ValueError(f"unknown group {sorted(unknown)}; only {sorted(groups)} are read")
    return value
