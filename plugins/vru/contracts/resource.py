"""A resource: files of one shape, how they are named, cut into deliveries and restated."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from vru.contracts.base import Slug, Strict
from vru.contracts.columns import Column
from vru.contracts.formats import Format, Unpivot
from vru.periods import Grain

DeliveryMode = Literal["snapshot", "period", "append", "upsert"]


class Name(Strict):
    """How a file name of this resource looks.

    `pattern` is a case-insensitive regular expression, searched in the base name after `_` and blanks are
    turned into `-`. Named groups `period` (a date in `period_format`) and `partition` are read from it.
    """

    pattern: str
    period_format: str = "%Y-%m"

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            names = set(re.compile(value).groupindex)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if unknown := names - {"period", "partition"}:
            raise ValueError(f"unknown group {sorted(unknown)}; only 'period' and 'partition' are read")
        return value


class Partition(Strict):
    """Where the partition comes from when the file name does not say it.

    `header`: a pattern over the header names with one group; `format` makes the partition of it.
    `column`: the one value of this column in the file (`map` turns it into the slug).
    """

    header: str | None = None
    format: str = "{}"
    column: Slug | None = None
    map: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one(self) -> Partition:
        if (self.header is None) == (self.column is None):
            raise ValueError("give either 'header' or 'column'")
        return self


class Withholdable(Strict):
    """A column that a check between vintages may withhold, and how (definitions B20)."""

    column: Slug
    max_shift_pct: float = Field(gt=0, le=100)
    apart: list[str] = Field(default_factory=list)
    """Values that are no real area and stay out of the comparison."""
    reason: str = Field(min_length=20)


class Parent(Strict):
    """The resource of the same feed to whose records these rows belong; they are replaced whole with each of them.

    `key` says which column here holds which column of the parent's key, in the order of that key.
    """

    resource: Slug
    key: dict[Slug, Slug] = Field(min_length=1)


class Withdrawn(Strict):
    """Records that say that they are withdrawn: `column` holds one of `values`, as the contract names them."""

    column: Slug
    values: list[str] = Field(min_length=1)


class Resource(Strict):
    """Files of one shape within a feed; its rows stand in one raw table."""

    name: Slug
    description: str = Field(min_length=10)
    names: list[Name] = Field(default_factory=list)
    partition: Partition | None = None
    formats: list[Format] = Field(min_length=1)
    """What the bytes may be, at most one of a kind; the content tells which."""
    delivery: DeliveryMode
    grain: Grain = "none"
    unit_column: Slug | None = None
    """The column by which a row belongs to a unit of the grain."""
    row_identity: Literal["none", "key"] = "none"
    key: list[Slug] = Field(default_factory=list)
    rolling_window: bool = False
    """A snapshot may lack units that the one before it covers."""
    parent: Parent | None = None
    """Of an upsert: rows that belong to the records of another resource, which says when they are replaced."""
    withdrawn: Withdrawn | None = None
    """Of an upsert: what marks a record as withdrawn; it counts no more, nor do rows that belong to it."""
    withholdable: list[Withholdable] = Field(default_factory=list)
    unpivot: Unpivot | None = None
    """A record is wide: several of its headers are values of one column."""
    columns: list[Column] = Field(min_length=1)

    @property
    def header_columns(self) -> list[Column]:
        """The columns that stand under headers of their own: neither derived, nor made of a wide record's headers."""
        wide = (self.unpivot.header_column, self.unpivot.cell_column) if self.unpivot else ()
        return [c for c in self.columns if not c.month_of and c.name not in wide]

    @property
    def replace_key(self) -> list[str]:
        """The columns by whose value rows are replaced; none but for an upsert."""
        if self.delivery != "upsert":
            return []
        return list(self.parent.key.values()) if self.parent else self.key

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @model_validator(mode="after")
    def _consistent(self) -> Resource:
        names = [c.name for c in self.columns]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"column {twice} is declared twice")
        seen: dict[tuple[str, ...], str] = {}
        for column in self.header_columns:
            for headers in column.headers:
                key = tuple(h.strip().lower() for h in headers)
                if key in seen:
                    raise ValueError(f"header {list(key)} is claimed by both '{seen[key]}' and '{column.name}'")
                seen[key] = column.name
        for column in self.columns:
            if column.month_of and (column.month_of not in names or self.column(column.month_of).type != "timestamp"):
                raise ValueError(f"month_of '{column.month_of}' must name a timestamp column of this resource")
        if (self.grain == "none") != (self.unit_column is None):
            raise ValueError("'unit_column' is needed exactly when 'grain' is not none")
        if self.delivery == "period" and self.grain == "none":
            raise ValueError("delivery 'period' needs a grain")
        if self.unit_column is not None and self.unit_column not in names:
            raise ValueError(f"unit_column '{self.unit_column}' is not among the columns")
        if (self.row_identity == "key") != bool(self.key):
            raise ValueError("'key' is needed exactly when 'row_identity' is key")
        for name in [*self.key, *self.replace_key, *(w.column for w in self.withholdable)]:
            if name not in names:
                raise ValueError(f"'{name}' is not among the columns")
        if self.partition and self.partition.column and self.partition.column not in names:
            raise ValueError(f"partition column '{self.partition.column}' is not among the columns")
        kinds = [form.kind for form in self.formats]
        if len(set(kinds)) < len(kinds) or set(kinds) == {"zip"}:
            raise ValueError("'formats' needs one entry per kind, and beside zip what the files in it are")
        self._check_unpivot()
        self._check_units()
        self._check_upsert()
        return self

    def _check_units(self) -> None:
        """Rows that could belong to no unit would never be current."""
        if self.withholdable and self.unit_column is None:
            raise ValueError("'withholdable' compares unit by unit; it needs a grain and a 'unit_column'")
        if self.rolling_window and self.delivery != "snapshot":
            raise ValueError("'rolling_window' is for delivery 'snapshot'")
        if self.unit_column is None:
            return
        unit = self.column(self.unit_column)
        if unit.type not in ("date", "month"):
            raise ValueError(
                f"unit_column '{unit.name}' must be a date or a month ('month_of' makes one of a timestamp)"
            )
        if unit.nullable:
            raise ValueError(f"unit_column '{unit.name}' must not be nullable: a row without a unit would never count")

    def _check_upsert(self) -> None:
        """Rows without a replace key, or with one that nothing else has, would never be current."""
        if self.delivery != "upsert":
            if self.parent or self.withdrawn:
                raise ValueError("'parent' and 'withdrawn' are for delivery 'upsert'")
            return
        if not self.replace_key:
            raise ValueError("delivery 'upsert' needs 'row_identity: key' and a 'key', or a 'parent'")
        for name in self.replace_key:
            column = self.column(name)
            if column.nullable:
                raise ValueError(f"column '{name}' of the replace key must not be nullable")
            if column.type == "json":
                raise ValueError(f"column '{name}' of the replace key must not be json")
        if self.withdrawn is None:
            return
        if self.parent:
            raise ValueError(
                "'withdrawn' belongs to the parent: its record is withdrawn with all rows that belong to it"
            )
        if self.withdrawn.column not in {c.name for c in self.columns}:
            raise ValueError(f"withdrawn column '{self.withdrawn.column}' is not among the columns")
        marker = self.column(self.withdrawn.column)
        if marker.type != "text" or marker.name in self.key:
            raise ValueError(f"withdrawn column '{marker.name}' must be text and no part of the key")
        if marker.values is None or (unknown := set(self.withdrawn.values) - set(marker.values)):
            raise ValueError(
                f"withdrawn column '{marker.name}' needs 'values' with each of its markers among them"
                + (f"; {sorted(unknown)} are not" if marker.values is not None else "")
            )

    def _check_unpivot(self) -> None:
        if self.unpivot is None:
            return
        header, cell = self.unpivot.header_column, self.unpivot.cell_column
        names = [c.name for c in self.columns]
        if header == cell or header not in names or cell not in names:
            raise ValueError("'unpivot' needs two of the columns: one for the header, one for the cell")
        if self.column(header).aliases or self.column(cell).aliases:
            raise ValueError("the columns of 'unpivot' stand under no header of their own; remove their aliases")
        if any(c.month_of in (header, cell) for c in self.columns):
            raise ValueError("'month_of' cannot name a column of 'unpivot'")
        if unfit := {form.kind for form in self.formats} - {"csv", "workbook", "zip"}:
            raise ValueError(f"'unpivot' is for tables, not for {sorted(unfit)}")
