"""Types of checks on a batch or mart as a whole."""

# ruff: noqa: ARG002, S608 # not every type needs all that it is given; every name is a contract's, every value a suite's, quoted here

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, StrictFloat, StrictInt, model_validator

from vru.contracts import Resource
from vru.contracts.base import Slug
from vru.contracts.values import SharedValues, shared_values
from vru.quality.checks.base import (
    SHARE_OF_ROWS_WHERE,
    AnyColumn,
    CheckType,
    Count,
    Names,
    NumberColumn,
    Pct,
    RowsCheck,
    Sql,
    StatementCheck,
    TextColumn,
)
from vru.quality.checks.rows import Value
from vru.quality.checks.sql import literal, quoted
from vru.quality.checks.subject import Subject
from vru.spelling import compared


class ShareCheck(RowsCheck):
    """At most `max_pct` per cent of the rows fail; which they are, one SQL form says."""

    level = "table"
    max_pct: Pct

    def limit(self, on: Subject) -> str:
        """The share."""
        return f"at most {self.max_pct:g} %"

    def expectation(self, on: Subject) -> tuple[str, dict[str, Any]]:
        """The share in the one aggregate."""
        return SHARE_OF_ROWS_WHERE, {"where": self.failing(on), "max_pct": self.max_pct}


class ShareWhere(ShareCheck):
    """The SQL condition `where`, which describes a fault, is true for at most `max_pct` per cent of the rows."""

    called = SHARE_OF_ROWS_WHERE
    where: Sql

    def failing(self, on: Subject) -> str:
        """The condition is true."""
        return f"(({on.filled(self.where)}) is true)"


class CodeIsThatOfName(ShareCheck):
    """The code in `column` is that of the name in `name`, by the list in `feeds/values/` that `values` names.

    A name may be spelled as in any contract. `strip` is a regular expression cut from it first. A name that is not in
    the list, or none, fails nothing.
    """

    called = "expect_code_to_be_that_of_name"
    is_for_marts = False
    column: TextColumn
    name: TextColumn
    values: str
    strip: str = ""
    max_pct: Pct = 0

    def misfits(self, resource: Resource) -> Iterator[str]:
        """Columns, and a list without codes."""
        yield from super().misfits(resource)
        try:
            if not self._listed().codes:
                yield f"feeds/values/{self.values}.yml gives no codes; draw it from a seed, or drop the check"
        except ValueError as error:
            yield str(error)

    def failing(self, on: Subject) -> str:
        """The name stands for another code."""
        listed = self._listed()
        name = quoted(self.name)
        if self.strip:
            name = f"regexp_replace(ops.trimmed({name}), {literal(self.strip)}, '')"
        codes = " ".join(
            f"when {literal(compared(spelling))} then {literal(compared(code))}"
            for value, code in listed.codes.items()
            for spelling in (value, *listed.spellings[value])
        )
        return f"((ops.compared({quoted(self.column)}) <> case ops.compared({name}) {codes} end) is true)"

    def _listed(self) -> SharedValues:
        return shared_values(self.values)


class NoRowsFromQuery(StatementCheck):
    """The SQL `query`, which looks for breaches, returns no row. `{batch}` names the rows, `{schema}` the schema.

    A column `told` of the query, text, says what was measured beside the limit; it never holds a value of the data.
    """

    called = "expect_query_to_return_no_rows"
    level = "table"
    is_for_marts = True
    query: Sql

    def statement(self, on: Subject) -> str:
        """Whether there is none, how many, and what the query says of the first."""
        return (
            "select count(*) = 0, count(*), "
            "case when count(*) = 0 then '' "
            "else coalesce(min(to_jsonb(q) ->> 'told'), count(*) || ' found against limit none') end "
            f"from ({on.filled(self.query)}) q"
        )


class DistinctValuesContain(StatementCheck):
    """Every value of `value_set` stands in the column."""

    # Great Expectations' own of this name cannot be run on some of a table's rows (1.24 with SQLAlchemy 2.1).
    called = "expect_column_distinct_values_to_contain_set"
    level = "table"
    is_for_marts = True
    column: AnyColumn
    value_set: Annotated[list[Value], Field(min_length=1)]

    def statement(self, on: Subject) -> str:
        """How many of them do not."""
        missing = " + ".join(
            f"(count(*) filter (where {quoted(self.column)} = {on.literal(value)}) = 0)::integer"
            for value in self.value_set
        )
        return f"select m.n = 0, m.n, m.n || ' values missing' from (select {missing} as n from {on.rows} r) m"

    def limit(self, on: Subject) -> str:
        """None may be missing."""
        return "none"


class NativeCheck(CheckType):
    """A check that Great Expectations has itself; its parameters are the kwargs there."""

    level = "table"
    is_for_marts = True

    def expectation(self, on: Subject) -> tuple[str, dict[str, Any]]:
        """As it is."""
        return self.called, self.model_dump(exclude_none=True)


class _Limited(NativeCheck):
    def limit(self, on: Subject) -> str:
        """From the least to the most."""
        least, most = getattr(self, "min_value", None), getattr(self, "max_value", None)
        if least is None or most is None:
            return f"at least {least:,}" if most is None else f"at most {most:,}"
        return f"{least:,} to {most:,}"

    @model_validator(mode="after")
    def _has_limit(self) -> _Limited:
        least, most = getattr(self, "min_value", None), getattr(self, "max_value", None)
        if least is None and most is None:
            raise ValueError("give 'min_value', 'max_value' or both")
        if least is not None and most is not None and least > most:
            raise ValueError("'min_value' is above 'max_value'; no figure would pass")
        return self


class RowCount(_Limited):
    """There are between `min_value` and `max_value` rows."""

    called = "expect_table_row_count_to_be_between"
    min_value: Count | None = None
    max_value: Count | None = None


class UniqueValueCount(_Limited):
    """The column holds between `min_value` and `max_value` different values."""

    called = "expect_column_unique_value_count_to_be_between"
    column: AnyColumn
    min_value: Count | None = None
    max_value: Count | None = None


class ColumnSum(_Limited):
    """The column adds up to between `min_value` and `max_value`."""

    called = "expect_column_sum_to_be_between"
    column: NumberColumn
    min_value: StrictInt | StrictFloat | None = None
    max_value: StrictInt | StrictFloat | None = None


class OneValueForEach(StatementCheck):
    """`column` has one value for each combination of `columns`, but for `max_pct` per cent of the rows.

    Counted are rows that do not have the value that most rows of their combination have. A blank anywhere counts not.
    """

    called = "expect_one_value_for_each"
    level = "table"
    column: AnyColumn
    columns: Annotated[list[Annotated[Slug, Names()]], Field(min_length=1)]
    max_pct: Pct = 1

    def misfits(self, resource: Resource) -> Iterator[str]:
        """Columns."""
        yield from super().misfits(resource)
        names = {column.name for column in resource.columns}
        for name in self.columns:
            if name not in names:
                yield f"columns: '{name}' is no column of the resource; it has {', '.join(sorted(names))}"

    def statement(self, on: Subject) -> str:
        """The share of rows with another value than most of their combination."""
        each = ", ".join(f"r.{quoted(name)}" for name in self.columns)
        filled = " and ".join(f"r.{quoted(name)} is not null" for name in [*self.columns, self.column])
        return f"""
            with pair as (
                select {each}, count(*) as n from {on.rows} r where {filled} group by {each}, r.{quoted(self.column)}
            ),
            each as (select sum(n) as n, max(n) as most from pair r group by {each}),
            told as (select coalesce(sum(n), 0) as n, coalesce(sum(n - most), 0) as others from each)
            select others * 100 <= {literal(self.max_pct)} * n, round(100 * others / nullif(n, 0), 2),
                   others || ' of ' || n || ' rows have another value than their like against limit '
                       || {literal(self.max_pct)} || ' %'
            from told
        """
