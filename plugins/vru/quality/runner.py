"""Runs checks on one connection of the caller's, without Great Expectations: the same SQL, and the same outcomes.

For rows that are not committed, which nobody else can see. A test holds every outcome to that of Great Expectations.
"""

# ruff: noqa: S608 # every name is a contract's, every value a suite's, quoted where the check was made

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vru.quality.checks.base import NO_ROWS_WHERE, SHARE_OF_ROWS_WHERE, STATEMENT, Expectation, Outcome
from vru.quality.checks.sql import quoted
from vru.quality.checks.tables import ColumnSum, RowCount, UniqueValueCount
from vru.quality.errors import QualityError

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from vru.quality.batch import Batch


def run(cursor: Cursor, batch: Batch, wanted: Iterable[Expectation]) -> dict[str, Outcome]:
    """Outcomes by check id, on the rows of the batch. `cursor` returns rows as dicts.

    Raises QualityError for a form that only Great Expectations has.
    """
    items = list(wanted)
    alone = [item for item in items if item.type == STATEMENT]
    bundled = [item for item in items if item.type != STATEMENT]
    outcomes: dict[str, Outcome] = {}
    with cursor.connection.cursor() as by_place:  # columns of a statement need no names
        for item in alone:
            by_place.execute(item.kwargs["statement"])
            held, observed, remark, *columns = by_place.fetchone() or (False, None, "")
            observed = None if observed is None else float(observed)
            outcomes[item.check_id] = Outcome(bool(held), observed, str(remark or ""), *columns)
    figures = ", ".join(["count(*)", *(_figure(item) for item in bundled)])
    # an array of one type: sums of decimals are compared with limits as floats are, as Great Expectations does
    cursor.execute(f"select array[{figures}]::numeric[] as figures from {batch.subject.received} r")
    found: Any = cursor.fetchone()
    row_count, *measured = found["figures"]
    for item, figure in zip(bundled, measured, strict=True):
        observed = None if figure is None else float(figure)
        outcomes[item.check_id] = Outcome(_holds(item, observed, float(row_count)), observed)
    return outcomes


def _figure(item: Expectation) -> str:
    """SQL of the aggregate that the expectation looks at."""
    match item.type:
        case t if t in (NO_ROWS_WHERE, SHARE_OF_ROWS_WHERE):
            return f"count(*) filter (where {item.kwargs['where']})"
        case RowCount.called:
            return "count(*)"
        case UniqueValueCount.called:
            return f"count(distinct {quoted(item.kwargs['column'])})"
        case ColumnSum.called:
            return f"sum({quoted(item.kwargs['column'])})"
    raise QualityError(f"check {item.check_id}: {item.type} cannot be run on rows that are not committed")


def _holds(item: Expectation, observed: float | None, row_count: float) -> bool:
    if observed is None:
        return False
    if item.type == NO_ROWS_WHERE:
        return observed == 0
    if item.type == SHARE_OF_ROWS_WHERE:
        return bool(observed * 100 <= item.kwargs["max_pct"] * row_count)
    least, most = item.kwargs.get("min_value"), item.kwargs.get("max_value")
    return (least is None or observed >= least) and (most is None or observed <= most)
