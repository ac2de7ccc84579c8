"""Types of checks on single rows."""

# ruff: noqa: ARG002, S608 # not every type needs all that it is given; every name is a contract's, every value a suite's, quoted here

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from vru.contracts import Column, Resource
from vru.quality.checks.base import AnyColumn, Count, OrderedColumn, RowCheck, Sql, TextColumn
from vru.quality.checks.sql import literal, quoted
from vru.quality.checks.subject import Subject

Limit = StrictInt | StrictFloat | date | StrictStr
Value = StrictBool | StrictInt | StrictFloat | date | StrictStr
DAYS = ("{today}", "{period_start}", "{period_end}")


class NotNull(RowCheck):
    """The cell is filled."""

    called = "expect_column_values_to_not_be_null"
    column: AnyColumn

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Noted, for each column of free text that may be empty; what may not, the parse sees to."""
        for column in resource.columns:
            if column.type == "text" and column.nullable and column.values is None:
                yield {
                    "id": f"{column.name}_is_filled", "type": cls.called, "column": column.name, "severity": "warning",
                    "reason": "A cell is empty that is usually filled. It is counted all the same; please fill it.",
                }  # fmt: skip

    def failing(self, on: Subject) -> str:
        """The cell is null."""
        return f"({quoted(self.column)} is null)"


class InSet(RowCheck):
    """The cell is one of `value_set`."""

    called = "expect_column_values_to_be_in_set"
    column: AnyColumn
    value_set: Annotated[list[Value], Field(min_length=1)]

    def failing(self, on: Subject) -> str:
        """The cell is none of them."""
        return _unless(
            quoted(self.column), f"{quoted(self.column)} in ({', '.join(on.literal(v) for v in self.value_set)})"
        )


class WordIsKnown(RowCheck):
    """The word is one of the values that the contract lists for the column, or a spelling of one.

    For columns of `unmapped: keep`. Critical where an unknown word must not count as anything; else it is kept and
    noted.
    """

    called = "expect_word_to_be_known"
    is_for_marts = False
    column: TextColumn

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Noted, wherever the parse keeps words that the contract does not list."""
        for column in resource.columns:
            if column.unmapped == "keep":
                yield {
                    "id": f"{column.name}_is_known", "type": cls.called, "column": column.name, "severity": "warning",
                    "reason": "A word was not seen before. It is kept as it is; please tell us what it means.",
                }  # fmt: skip

    def column_misfits(self, column: Column) -> Iterator[str]:
        """A column whose unknown words never get here."""
        if column.unmapped != "keep":
            yield f"column '{column.name}' keeps no unknown word, so it cannot fail; say 'unmapped: keep', or drop it"

    def failing(self, on: Subject) -> str:
        """The parse found no value that the word stands for."""
        known = ", ".join(literal(value) for value in on.shape.column(self.column).values or {})
        return _unless(quoted(self.column), f"{quoted(self.column)} in ({known})")


class Matches(RowCheck):
    """The text holds a match of the regular expression `regex` (PostgreSQL's; anchor it with `^` and `$`)."""

    called = "expect_column_values_to_match_regex"
    column: TextColumn
    regex: Annotated[StrictStr, Field(min_length=1)]

    def failing(self, on: Subject) -> str:
        """The text has no match."""
        return _unless(quoted(self.column), f"{quoted(self.column)} ~ {literal(self.regex)}")


class Between(RowCheck):
    """The number or day lies between `min_value` and `max_value`, both included; one of them may be missing."""

    called = "expect_column_values_to_be_between"
    column: OrderedColumn
    min_value: Limit | None = None
    max_value: Limit | None = None

    @model_validator(mode="after")
    def _limited(self) -> Between:
        _refuse_no_limit(self.min_value, self.max_value)
        return self

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """No day to come or from before the series, and no count below zero (columns that end in `_count`)."""
        for column in resource.columns:
            if column.type in ("date", "month"):
                yield {
                    "id": f"{column.name}_not_in_future", "type": cls.called, "column": column.name,
                    "kwargs": {"max_value": "{today}"}, "severity": "critical",
                    "reason": "What has not begun cannot have been recorded. Please correct the date.",
                }  # fmt: skip
                yield {
                    "id": f"{column.name}_not_before_series", "type": cls.called, "column": column.name,
                    "kwargs": {"min_value": "2000-01-01"}, "severity": "critical",
                    "reason": "The date lies before the first that the agreement with you covers. Please correct it.",
                }  # fmt: skip
            elif column.type == "integer" and column.name.endswith("_count"):
                yield {
                    "id": f"{column.name}_is_a_count", "type": cls.called, "column": column.name,
                    "kwargs": {"min_value": 0}, "severity": "critical",
                    "reason": "A count is never negative. Please send the correction as the corrected total.",
                }  # fmt: skip

    def column_misfits(self, column: Column) -> Iterator[str]:
        """A limit that cannot be compared with the column."""
        is_number = column.type in ("integer", "decimal")
        for name, limit in (("min_value", self.min_value), ("max_value", self.max_value)):
            if limit is None:
                continue
            if is_number and not isinstance(limit, int | float):
                yield f"{name} must be a number, as column '{column.name}' is"
            if not is_number and not _is_day(limit):
                yield f"{name} must be a day such as '2010-12-01', or one of {', '.join(DAYS)}"

    def failing(self, on: Subject) -> str:
        """The value lies outside."""
        return _unless(quoted(self.column), _within(quoted(self.column), on, self.min_value, self.max_value))


class Length(RowCheck):
    """The text has between `min_value` and `max_value` characters, both included; one of them may be missing."""

    called = "expect_column_value_lengths_to_be_between"
    column: TextColumn
    min_value: Count | None = None
    max_value: Count | None = None

    @model_validator(mode="after")
    def _limited(self) -> Length:
        _refuse_no_limit(self.min_value, self.max_value)
        return self

    def failing(self, on: Subject) -> str:
        """The text is shorter or longer."""
        length = f"length({quoted(self.column)})"
        return _unless(quoted(self.column), _within(length, on, self.min_value, self.max_value))


class NoRowsWhere(RowCheck):
    """The SQL condition `where`, which describes a fault, is not true."""

    called = "expect_no_rows_where"
    where: Sql

    def failing(self, on: Subject) -> str:
        """The condition is true."""
        return f"(({on.filled(self.where)}) is true)"


class KeyIsUnique(RowCheck):
    """The contract's key does not stand in the batch with other values as well (bad inputs, rows 27 and 28).

    Rows of one key that differ all fail. Those that repeat both key and values are taken out and counted once. What
    the parse could not read has other values than what it could, so that its key leaves no row standing either.
    """

    called = "expect_key_to_be_unique"
    is_needed = True
    is_alone = True
    is_for_marts = False

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Wherever rows have a key."""
        if resource.key:
            yield {
                "id": "one_row_per_key", "type": cls.called, "severity": "critical",
                "reason": "The file says two different things of the same subject and nobody can say which is right. "
                "Please send one.",
            }  # fmt: skip

    def misfits(self, resource: Resource) -> Iterator[str]:
        """A resource without a key."""
        if not resource.key:
            yield "the contract declares no key for this resource; declare 'row_identity: key' with a 'key', or drop it"

    def failing(self, on: Subject) -> str:
        """The key stands with other values, too."""
        shape = on.shape
        names = [quoted(name) for name in shape.key]
        standing = (
            f"({_key(shape)}) in (select {_key(shape)} from {on.received} k "
            f"where {' and '.join(f'{name} is not null' for name in names)} "
            f"group by {_key(shape)} having count(distinct {_content(shape)}) > 1)"
        )
        as_text = ", ".join(f"ops.compared({name}::text)" for name in names)
        received = [f"ops.compared(record ->> {literal(name)})" for name in shape.key]
        unread = (
            f"select {', '.join(received)} from quarantine.row where batch_id = {on.batch:d} and stage = 'parse' "
            f"and {' and '.join(f'{cell} is not null' for cell in received)}"
        )
        return f"({standing} or ({as_text}) in ({unread}))"

    def repeated(self, on: Subject) -> str:
        """The second and later of rows with the same key and the same values."""
        shape = on.shape
        nulls = " and ".join(f"{quoted(name)} is not null" for name in shape.key)
        return (
            "((line_number, part) in (select line_number, part from (select line_number, part, "
            f"row_number() over (partition by {_key(shape)}, {_content(shape)} order by line_number, part) as nth "
            f"from {on.received} k where {nulls}) n where nth > 1))"
        )


def _unless(column: str, condition: str) -> str:
    """A filled cell of which the condition is not true."""
    return f"({column} is not null and not ({condition}))"


def _within(expression: str, on: Subject, least: object, most: object) -> str:
    limits = [f"{expression} >= {on.literal(least)}"] if least is not None else []
    limits += [f"{expression} <= {on.literal(most)}"] if most is not None else []
    return " and ".join(limits)


def _refuse_no_limit(least: object, most: object) -> None:
    if least is None and most is None:
        raise ValueError("give 'min_value', 'max_value' or both")
    if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
        raise ValueError("'min_value' is above 'max_value'; no value would pass")


def _is_day(limit: object) -> bool:
    if not isinstance(limit, str):
        return isinstance(limit, date)
    try:
        return limit in DAYS or bool(date.fromisoformat(limit))
    except ValueError:
        return False


def _key(resource: Resource) -> str:
    """The key as compared, so that a variant in spelling is no second key."""
    return ", ".join(_compared(resource.column(name)) for name in resource.key)


def _content(resource: Resource) -> str:
    others: Sequence[str] = [_compared(c) for c in resource.columns if c.name not in resource.key]
    return f"md5(row({', '.join(others)})::text)"


def _compared(column: Column) -> str:
    name = quoted(column.name)
    return f"ops.compared({name})" if column.sql_type == "text" else name
