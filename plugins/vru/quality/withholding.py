"""Columns that a failed check keeps out of every measure, in some units or all, while the rest of the batch counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg2.extensions import cursor as Cursor

    from vru.quality.suites import Check

EVERY_DAY = "{(,)}"
"""A `datemultirange` without a bound."""


def withhold(cursor: Cursor, batch_id: int, check: Check, columns: Mapping[str, str] | None, why: str) -> bool:
    """Withhold what the check says and lift what it withheld before and says no more; whether anything changed.

    `columns` are those that fail, each with its days as a `datemultirange`; None is every column that the check names,
    on all days; `why` is the reason, with what was measured. A column that a person released stays in use.
    """
    failing = dict.fromkeys(check.withheld_columns, EVERY_DAY) if columns is None else dict(columns)
    has_changed = False
    for column in check.withheld_columns:
        asked = {"batch": batch_id, "column": column, "check": check.id, "reason": why,
                 "days": failing.get(column, "{}")}  # fmt: skip
        cursor.execute(_LIFT_OTHERS, asked)
        has_changed |= cursor.rowcount > 0
        cursor.execute(_WITHHOLD, asked)
        has_changed |= cursor.rowcount > 0
    return has_changed


def lift(cursor: Cursor, batch_id: int, check: Check) -> None:
    """Lift what the check withheld."""
    cursor.execute(
        "update ops.withheld_column set lifted_at = ops.stamp() "
        "where batch_id = %s and check_id = %s and lifted_at is null",
        (batch_id, check.id),
    )


_LIFT_OTHERS = """
    update ops.withheld_column w set lifted_at = ops.stamp()
    where w.batch_id = %(batch)s and w.column_name = %(column)s and w.check_id = %(check)s and w.lifted_at is null
      and not exists (
          select 1 from unnest(%(days)s::datemultirange) as s (days)
          where daterange(w.unit_start, w.unit_end, '[]') = s.days and w.reason = %(reason)s
      )
"""

_WITHHOLD = """
    insert into ops.withheld_column (batch_id, column_name, check_id, reason, withheld_at, unit_start, unit_end)
    select %(batch)s, %(column)s, %(check)s, %(reason)s, ops.stamp(), lower(s.days), upper(s.days) - 1
    from unnest(%(days)s::datemultirange) as s (days)
    where not exists (
        select 1 from ops.withheld_column h
        where h.batch_id = %(batch)s and h.column_name = %(column)s and h.check_id = %(check)s and h.lifted_at is null
          and daterange(h.unit_start, h.unit_end, '[]') = s.days
    )
    and not exists (
        select 1 from ops.decision d
        where d.batch_id = %(batch)s and d.column_name = %(column)s and d.decision = 'release_column'
    )
"""
