"""Columns that a failed check keeps out of every measure, while the rest of the batch counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vru.quality.told import reason

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from vru.quality.suites import Check


def withhold(cursor: Cursor, batch_id: int, check: Check, detail: str) -> None:
    """Withhold the columns that the check names, but for those withheld by it already or released by a person.

    `detail` is what the check measured beside its limit.
    """
    for column in check.withheld_columns:
        cursor.execute(
            "insert into ops.withheld_column (batch_id, column_name, check_id, reason, withheld_at) "
            "select w.batch_id, w.column_name, w.check_id, %s, ops.stamp() "
            "from (select %s::bigint as batch_id, %s as column_name, %s as check_id) w "
            "where not exists (select 1 from ops.withheld_column h where h.batch_id = w.batch_id "
            "and h.column_name = w.column_name and h.check_id = w.check_id and h.lifted_at is null) "
            "and not exists (select 1 from ops.decision d where d.batch_id = w.batch_id "
            "and d.column_name = w.column_name and d.decision = 'release_column')",
            (reason(check.reason, detail), batch_id, column, check.id),
        )


def lift(cursor: Cursor, batch_id: int, check: Check) -> None:
    """Lift what the check withheld."""
    cursor.execute(
        "update ops.withheld_column set lifted_at = ops.stamp() "
        "where batch_id = %s and check_id = %s and lifted_at is null",
        (batch_id, check.id),
    )
