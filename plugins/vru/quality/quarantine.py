"""Rows that fail: counted, taken out of raw, and when they are so many or so bad that the whole batch is held."""

# ruff: noqa: S608 # every name is a contract's; values are bound

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vru.quality.checks import RowCheck, RowsCheck
from vru.quality.checks.sql import quoted
from vru.quality.errors import QualityError
from vru.quality.told import SHOWN_LINES
from vru.quality.verdict import FailedCheck
from vru.warehouse.replace_keys import record_keys

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from vru.contracts import Resource
    from vru.quality.batch import Batch
    from vru.quality.checks.base import Outcome

TOLERANCE = "quarantine_over_tolerance"
BAD_KEY = "bad_value_in_key"
DAY_MONTH_SWAP = "day_month_swap"
"""As the parse calls it."""
OF_ROWS = "quarantine"
"""The type under which the ledger keeps that rows hold the whole batch."""
REPEATED = "repeated_row_of_a_key"
_REPEATED_REASON = "The same key with the same values stands in the file more than once; it is counted once."


@dataclass(frozen=True)
class Lines:
    """Records of the file that only the audit quarantined, whole or in part, by line."""

    all: set[int]
    repeated_only: set[int]
    """Second copies of a row of a keyed resource: taken out and counted, but no fault of the file."""


@dataclass(frozen=True)
class Failing:
    """Records with a row that fails one check: how many, and the first of their lines."""

    count: int = 0
    lines: tuple[int, ...] = ()


def failing_rows(cursor: Cursor, batch: Batch, outcomes: dict[str, Outcome]) -> dict[str, Failing]:
    """Which records have a row that fails, for each failed check on rows by its id.

    Raises QualityError where Great Expectations found failing rows (`outcomes`) and our SQL finds none.
    """
    failed = {
        check.id: check.kind.failing(batch.subject)
        for check in batch.suite.checks
        if not outcomes[check.id].is_success and isinstance(check.kind, RowsCheck)
    }
    if not failed:
        return {}
    found: dict[str, Failing] = {}
    for name, where in failed.items():
        cursor.execute(
            f"select count(*) as lines, (array_agg(line_number order by line_number))[1:{SHOWN_LINES}] as first "
            f"from (select distinct line_number from {batch.table} where batch_id = %s and {_escaped(where)}) f",
            (batch.batch_id,),
        )
        row: Any = cursor.fetchone()
        found[name] = Failing(row["lines"], tuple(row["first"] or ()))
    if wrong := [name for name, failing in found.items() if failing.count == 0]:
        raise QualityError(
            f"check {', '.join(wrong)}: Great Expectations finds failing rows and the quarantine none, by the "
            "same SQL; look whether someone else writes to the table"
        )
    return found


def move_out(cursor: Cursor, batch: Batch, outcomes: dict[str, Outcome]) -> Lines:
    """Move the rows that fail a critical check from raw to quarantine; a row failing several has a record for each."""
    taken = [
        (check.id, check.column or "", check.reason, check.kind.failing(batch.subject))
        for check in batch.suite.checks
        if isinstance(check.kind, RowCheck) and check.severity == "critical" and not outcomes[check.id].is_success
    ]
    if batch.subject.repeated:
        taken.append((REPEATED, "", _REPEATED_REASON, batch.subject.repeated))
    for check_id, column, reason, where in taken:
        first, last = _days(batch.resource, column)
        cursor.execute(
            "insert into quarantine.row (batch_id, line_number, part, column_name, check_id, stage, reason, record, "
            "unit_first, unit_last) "
            f"select r.batch_id, r.line_number, r.part, %s, %s, 'audit', %s, to_jsonb(r) - 'batch_id', {first}, {last} "
            f"from {batch.table} r where r.batch_id = %s and {_escaped(where)} on conflict do nothing",
            (column, check_id, reason, batch.batch_id),
        )
    if not taken:
        return Lines(set(), set())
    cursor.execute(
        "select line_number, bool_and(check_id = %s) as is_repeated from quarantine.row "
        "where batch_id = %s group by line_number having bool_and(stage = 'audit')",
        (REPEATED, batch.batch_id),
    )
    found: list[Any] = cursor.fetchall()
    cursor.execute(
        f"delete from {batch.table} r using quarantine.row q where r.batch_id = %s and q.batch_id = r.batch_id "
        "and (q.line_number, q.part) = (r.line_number, r.part) and q.stage = 'audit'",
        (batch.batch_id,),
    )
    record_keys(cursor, batch.contract, batch.resource.name, batch.batch_id)
    return Lines({row["line_number"] for row in found}, {row["line_number"] for row in found if row["is_repeated"]})


def over_tolerance(cursor: Cursor, batch: Batch, lines: Lines) -> FailedCheck | None:
    """Why the batch is held, if more rows are at fault than the contract tolerates; rejects of the parse count."""
    faulty = batch.rows_quarantined + len(lines.all - lines.repeated_only)
    tolerance_pct = batch.contract.tolerance_pct
    if faulty * 100 <= tolerance_pct * batch.rows_parsed:
        return None
    cursor.execute(
        "select check_id, min(line_number) as first_line from quarantine.row where batch_id = %s and check_id <> %s "
        "group by check_id order by count(distinct line_number) desc, check_id limit 1",
        (batch.batch_id, REPEATED),
    )
    most: Any = cursor.fetchone()
    share = 100 * faulty / batch.rows_parsed if batch.rows_parsed else 100.0
    by = f"{most['check_id']} (first on line {most['first_line']})" if most else "of the parse"
    return FailedCheck(
        TOLERANCE,
        "critical",
        f"{faulty} of {batch.rows_parsed} rows ({share:.2f} %) against limit {tolerance_pct:g} %, most by check {by}",
        faulty,
        f"{share:.2f} % against limit {tolerance_pct:g} %",
        is_told=True,
    )


def bad_key(cursor: Cursor, batch: Batch) -> FailedCheck | None:
    """A bad value in a key column makes the file unusable, however few rows it is in."""
    cursor.execute(
        "select column_name, count(distinct line_number) as lines from quarantine.row "
        "where batch_id = %s and column_name = any(%s) group by column_name order by 2 desc, 1 limit 1",
        (batch.batch_id, list(batch.resource.key)),
    )
    found: Any = cursor.fetchone()
    if found is None:
        return None
    return FailedCheck(
        BAD_KEY,
        "critical",
        f"column {found['column_name']} is part of the key and has a bad value in {found['lines']} rows "
        "against limit none",
        found["lines"],
        f"{found['lines']} rows against limit none",
        is_told=True,
    )


def day_month_swap(cursor: Cursor, batch: Batch) -> FailedCheck | None:
    """Where one day and month may have changed places, others may have where nobody can see it."""
    cursor.execute(
        "select column_name, count(distinct line_number) as lines, min(line_number) as first_line from quarantine.row "
        "where batch_id = %s and check_id = %s group by column_name order by 2 desc, 1 limit 1",
        (batch.batch_id, DAY_MONTH_SWAP),
    )
    found: Any = cursor.fetchone()
    if found is None:
        return None
    return FailedCheck(
        DAY_MONTH_SWAP,
        "critical",
        f"column {found['column_name']} has a day and a month that nobody can tell apart in {found['lines']} rows "
        f"against limit none (first on line {found['first_line']})",
        found["lines"],
        f"{found['lines']} rows against limit none",
        is_told=True,
    )


def _days(resource: Resource, column: str) -> tuple[str, str]:
    """SQL of the first and last day of the unit in which a row lies; null where its date is what is at fault."""
    unit = resource.unit_column
    if unit is None or column in (unit, resource.column(unit).month_of):
        return "null::date", "null::date"
    day = f"r.{quoted(unit)}::date"
    if resource.grain in ("day", "none"):
        return day, day
    first = f"date_trunc('{resource.grain}', {day}::timestamp)::date"
    return first, f"(ops.next_unit({first}, '{resource.grain}') - 1)"


def _escaped(sql: str) -> str:
    """SQL with literals beside psycopg2's own placeholders."""
    return sql.replace("%", "%%")
