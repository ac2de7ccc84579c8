"""Every column of every contract is checked by something that can fail.

What counts as a check of a column:
- an expectation or a comparison of the feed's suite that names it: as its column, in its SQL, as a part of the key that
  must be unique, as the unit that must not be lost, or beside the column that it compares;
- a rule of the parse that this file proves: a cell of the column, changed in the clean file, sends its record to
  quarantine under the rule's code and under no other, or, where the contract nulls unknown words, is noted under it and
  counted by a check on noted cells.
A required header counts for nothing: it says that the column is there, not what stands in it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from vru.contracts import Column, Resource, load_contracts
from vru.parsing import read
from vru.quality.suites import Check, ResourceSuite, load_feed_suite

from tests.unit.quality.walk.files import changed, delivery

CONTRACTS = load_contracts()
RESOURCES = [(feed, resource.name) for feed, contract in CONTRACTS.items() for resource in contract.resources]

#: A cell that the parse cannot read as the type, and the code under which it says so.
UNREADABLE = {
    "integer": ("12.5", "not_an_integer"),
    "decimal": ("1,5", "not_a_decimal"),
    "boolean": ("perhaps", "not_a_boolean"),
    "date": ("no date", "not_a_date"),
    "month": ("no month", "not_a_month"),
    "timestamp": ("no time", "not_a_timestamp"),
}


@dataclass(frozen=True)
class Rule:
    """A rule of the parse for one column: a cell that breaks it, and what is said of it."""

    column: str
    cell: str | None
    code: str
    nulls_cell: bool = False


def rules(resource: Resource) -> Iterator[Rule]:
    """The rules of the parse that can fail for a single cell."""
    for column in resource.columns:
        if column.month_of is None:
            nulls = column.unmapped == "null_cell" and column.nullable
            if not column.nullable:
                yield Rule(column.name, None, "blank_not_allowed")
            if column.type in UNREADABLE:
                yield Rule(column.name, *UNREADABLE[column.type], nulls)
            if column.values is not None and column.unmapped != "keep":
                yield Rule(column.name, "not in the contract", "unknown_value", nulls)


def named(check: Check, resource: Resource) -> set[str]:
    """Columns that a check of a suite looks at."""
    found = {check.column, *check.withheld_columns, *(str(value) for value in check.kwargs.values())}
    if check.type == "expect_key_to_be_unique":
        found.update(resource.key)
    if check.type in ("between_vintages.no_unit_missing", "between_vintages.older_units_stable"):
        found.add(resource.unit_column)
    sql = re.sub(r"'[^']*'|\{\w+\}", " ", f"{check.where or ''} {check.query or ''}")
    return (found | set(re.findall(r"\w+", sql))) & {column.name for column in resource.columns}


def checked(resource: Resource, suite: ResourceSuite) -> set[str]:
    """Columns that have a check."""
    counts_noted = any(check.type == "delivery.unmapped_cells" for check in suite.checks)
    by_parse = {rule.column for rule in rules(resource) if counts_noted or not rule.nulls_cell}
    by_parse |= {column.name for column in resource.columns if column.month_of in by_parse}
    return by_parse.union(*(named(check, resource) for check in suite.checks))


@pytest.mark.parametrize(("feed", "resource"), RESOURCES)
def test_every_column_has_a_check(feed: str, resource: str) -> None:
    shape = CONTRACTS[feed].resource(resource)
    without = {column.name for column in shape.columns} - checked(shape, load_feed_suite(feed).resources[resource])
    assert without == set(), f"expectations/raw/{feed}.yml, resource {resource}: add a check of {sorted(without)}"


@pytest.mark.parametrize(("feed", "resource"), RESOURCES)
def test_every_rule_of_the_parse_is_broken_alone(feed: str, resource: str) -> None:
    shape = CONTRACTS[feed].resource(resource)
    clean = delivery(feed, resource, {})
    assert outcome(feed, resource, clean.content, clean.file_name) == ([], [])
    for rule in rules(shape):
        header = header_of(shape.column(rule.column), clean.content)
        content = changed(clean.content, [{"records": 2, "set": {header: rule.cell}}])
        line = 2 if clean.content.startswith(b"{") else 3
        found = [(line, rule.column, rule.code)]
        assert outcome(feed, resource, content, clean.file_name) == (
            ([], found) if rule.nulls_cell else (found, [])
        ), rule  # fmt: skip


Faults = list[tuple[int, str, str]]


def outcome(feed: str, resource: str, content: bytes, file_name: str) -> tuple[Faults, Faults]:
    """Rejected records and nulled cells: line, column and code."""
    rejects: Faults = []
    nulled: Faults = []
    for chunk in read(CONTRACTS[feed], resource, io.BytesIO(content), file_name=file_name):
        rejects += [(reject.line_number, reject.column, reject.code) for reject in chunk.rejects]
        nulled += [(cell.line_number, cell.column, cell.code) for cell in chunk.nulled]
    return rejects, nulled


def header_of(column: Column, content: bytes) -> str:
    """The header under which a column stands in the clean file."""
    if content.startswith(b"{"):
        headers = [*json.loads(content)["features"][0]["properties"], "geometry"]
    else:
        headers = next(csv.reader(io.StringIO(content.decode())))
    wanted = {names[0].lower() for names in column.headers if len(names) == 1}
    (found,) = [header for header in headers if header.lower() in wanted]
    return found
