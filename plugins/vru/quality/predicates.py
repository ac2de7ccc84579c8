"""The one place that turns a check on rows into SQL: what quarantine takes, and what our own expectations count."""

# ruff: noqa: S608 # every name is a contract's, every value a suite's, quoted here

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from vru.contracts import Column, Resource
from vru.quality.suites import Check

_NAME = re.compile(r"\{(today|period_start|period_end|partition|batch|schema)\}")


@dataclass(frozen=True)
class Facts:
    """What a check may refer to by name."""

    today: date
    period_start: date | None = None
    period_end: date | None = None
    partition: str = ""
    schema: str = "raw"
    table: str = ""
    batch_id: int | None = None
    repeated: str = ""
    """True for rows that only repeat another one of a keyed resource: they are taken out and count for nothing."""

    @property
    def received(self) -> str:
        """All rows of the batch (of the table, if there is none), as a sub-select."""
        where = "" if self.batch_id is None else f" where batch_id = {self.batch_id:d}"
        return f"(select * from {quoted(self.schema)}.{quoted(self.table)}{where})"

    @property
    def rows(self) -> str:
        """The rows that stand for something, as a sub-select."""
        return f"(select * from {self.received} r where not {self.repeated})" if self.repeated else self.received


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A value of a suite or contract as an SQL literal. Raises TypeError for what has none."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"a {type(value).__name__} cannot be written into SQL")


def filled(text: str, facts: Facts) -> str:
    """SQL of a suite with the names it refers to put in as literals."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name == "batch":
            return facts.rows
        if name == "schema":
            return quoted(facts.schema)
        return literal(getattr(facts, name))

    return _NAME.sub(value, text)


def plain_kwargs(check: Check, facts: Facts) -> dict[str, Any]:
    """`kwargs` for Great Expectations: a text that is just a name, such as `{today}`, becomes its value."""
    return {key: _plain(value, facts) for key, value in check.kwargs.items()}


def failing(check: Check, facts: Facts, resource: Resource | None = None) -> str:
    """SQL that is true for exactly the rows that fail; ValueError if the check is not on rows.

    A null passes every check but that it is not null, as in Great Expectations.
    """
    if check.where is not None:
        return f"(({filled(check.where, facts)}) is true)"
    if check.type == "expect_key_to_be_unique":
        if resource is None or not resource.key:
            raise ValueError(f"check {check.id}: the contract declares no key for this resource")
        return conflicting_key(resource, facts)
    column = quoted(check.column or "")
    kwargs = plain_kwargs(check, facts)
    match check.type:
        case "expect_column_values_to_not_be_null":
            return f"({column} is null)"
        case "expect_column_values_to_be_in_set":
            values = ", ".join(literal(value) for value in kwargs["value_set"])
            return f"({column} is not null and {column} not in ({values}))"
        case "expect_column_values_to_match_regex":
            return f"({column} is not null and not ({column} ~ {literal(kwargs['regex'])}))"
        case "expect_column_values_to_be_between":
            return f"({column} is not null and not ({_between(column, kwargs)}))"
        case "expect_column_value_lengths_to_be_between":
            return f"({column} is not null and not ({_between(f'length({column})', kwargs)}))"
    raise ValueError(f"check {check.id}: {check.type} does not name rows")


def conflicting_key(resource: Resource, facts: Facts) -> str:
    """True for rows whose key stands in the batch with different values as well (bad inputs, row 28).

    What the parse could not read has other values than what it could, so that its key leaves no row standing either.
    """
    names = [quoted(name) for name in resource.key]
    compared = f"md5({_content(resource)}::text)"
    standing = (
        f"({_key(resource)}) in (select {_key(resource)} from {facts.received} k "
        f"where {' and '.join(f'{name} is not null' for name in names)} "
        f"group by {_key(resource)} having count(distinct {compared}) > 1)"
    )
    if facts.batch_id is None:
        return f"({standing})"
    as_text = ", ".join(f"lower(btrim({name}::text))" for name in names)
    received = [f"lower(btrim(record ->> {literal(name)}))" for name in resource.key]
    unread = (
        f"select {', '.join(received)} from quarantine.row where batch_id = {facts.batch_id:d} and stage = 'parse' "
        f"and {' and '.join(f'{cell} is not null' for cell in received)}"
    )
    return f"({standing} or ({as_text}) in ({unread}))"


def repeated_key(resource: Resource, facts: Facts) -> str:
    """True for the second and later of rows with the same key and the same values (bad inputs, row 27)."""
    partition = f"{_key(resource)}, md5({_content(resource)}::text)"
    nulls = " and ".join(f"{quoted(name)} is not null" for name in resource.key)
    return (
        "((line_number, part) in (select line_number, part from (select line_number, part, "
        f"row_number() over (partition by {partition} order by line_number, part) as nth "
        f"from {facts.received} k where {nulls}) n where nth > 1))"
    )


def _key(resource: Resource) -> str:
    """The key as compared: text trimmed and without case, so that a variant in spelling is no second key."""
    return ", ".join(_compared(resource.column(name), ignore_case=True) for name in resource.key)


def _content(resource: Resource) -> str:
    others: Sequence[str] = [_compared(c) for c in resource.columns if c.name not in resource.key]
    return f"row({', '.join(others)})"


def _compared(column: Column, *, ignore_case: bool = False) -> str:
    name = quoted(column.name)
    if column.sql_type != "text":
        return name
    return f"lower(btrim({name}))" if ignore_case else f"btrim({name})"


def _between(expression: str, kwargs: dict[str, Any]) -> str:
    limits = []
    if kwargs.get("min_value") is not None:
        limits.append(f"{expression} >= {literal(kwargs['min_value'])}")
    if kwargs.get("max_value") is not None:
        limits.append(f"{expression} <= {literal(kwargs['max_value'])}")
    return " and ".join(limits)


def _plain(value: Any, facts: Facts) -> Any:
    if isinstance(value, str) and (found := _NAME.fullmatch(value)):
        plain = getattr(facts, found.group(1))
        return plain.isoformat() if isinstance(plain, date) else plain
    return value
