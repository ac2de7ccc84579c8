"""The checks of a suite run in the transaction in which their rows were made, which no other connection can see.

Each type has one SQL form, the one that Great Expectations runs and that quarantine uses; only what Great Expectations
has itself is written again here. A tenth of all damages is judged by both, and a test says that they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as Connection
from vru.quality.checks.base import NO_ROWS_WHERE, SHARE_OF_ROWS_WHERE, STATEMENT, Expectation, Outcome
from vru.quality.checks.sql import quoted

NATIVE = {
    "expect_table_row_count_to_be_between": "count(*)",
    "expect_column_unique_value_count_to_be_between": "count(distinct {column})",
    "expect_column_sum_to_be_between": "sum({column})",
}


def on(connection: Connection) -> Callable[[str, str, int | None, Iterable[Expectation]], dict[str, Outcome]]:
    """A runner like `vru.quality.gate.run`, within this connection's transaction."""

    def run(schema: str, table: str, batch_id: int | None, wanted: Iterable[Expectation]) -> dict[str, Outcome]:
        bundled = [item for item in wanted if item.type != STATEMENT]
        alone = [item for item in wanted if item.type == STATEMENT]
        found: dict[str, Outcome] = {}
        with connection.cursor() as cursor:
            asked = ", ".join(["count(*)", *(_figure(item) for item in bundled)])
            where = "" if batch_id is None else f" where batch_id = {batch_id:d}"
            cursor.execute(f"select {asked} from {quoted(schema)}.{quoted(table)}{where}")
            rows, *figures = cursor.fetchone() or ()
            for item, figure in zip(bundled, figures, strict=True):
                found[item.check_id] = Outcome(_holds(item, int(rows), figure), _number(figure))
            for item in alone:
                cursor.execute(item.kwargs["statement"])
                held, figure, remark, *more = cursor.fetchone() or ()
                found[item.check_id] = Outcome(bool(held), _number(figure), str(remark or ""), *more)
        return found

    return run


def _figure(item: Expectation) -> str:
    if item.type in (NO_ROWS_WHERE, SHARE_OF_ROWS_WHERE):
        return f"count(*) filter (where {item.kwargs['where']})"
    return NATIVE[item.type].format(column=quoted(item.kwargs.get("column", "")))


def _holds(item: Expectation, rows: int, figure: Any) -> bool:
    if item.type == NO_ROWS_WHERE:
        return int(figure) == 0
    if item.type == SHARE_OF_ROWS_WHERE:
        return bool(figure * 100 <= item.kwargs["max_pct"] * rows)
    least, most = item.kwargs.get("min_value"), item.kwargs.get("max_value")
    return figure is not None and (least is None or figure >= least) and (most is None or figure <= most)


def _number(figure: Any) -> float | None:
    return float(figure) if isinstance(figure, int | float | Decimal) else None
