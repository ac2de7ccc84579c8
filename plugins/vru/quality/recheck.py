"""Later vintages compared again, once a batch before them begins or ceases to count, and decided about again."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg2.extras import RealDictCursor

from vru.quality import stability, vintages
from vru.quality.batch import load_batch
from vru.quality.quarantine import OF_ROWS
from vru.quality.verdict import FailedCheck, one_line
from vru.quality.withholding import lift, withhold
from vru.warehouse import admission
from vru.warehouse.engine import raw_connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg2.extensions import cursor as Cursor

    from vru.quality.batch import Batch


def recheck_later(batch_id: int) -> None:
    """Compare every later vintage of the partition again, now that this one stands (or no longer stands) before it.

    A column may be withheld, or one that only such a check withheld be lifted. A batch that now fails is held, also
    where it counted until now, one that was held only for what is now sound is admitted, and its stability is measured
    again. What a person released, lifted or withdrew stays as that person left it. Raises SuiteError, ContractError and
    QualityError, and writes nothing then.
    """
    connection = raw_connection("loader", name="recheck")
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            recheck_later_vintages(cursor, batch_id)
    finally:
        connection.close()


def recheck_stated_again(batch_id: int, delivery_ids: Sequence[int]) -> None:
    """Compare every later vintage again, now that these deliveries state the content of a batch once more.

    A batch is judged by the first delivery of its content. Where that is one of these, it is compared again itself:
    one that was held may count now, and the other way round. Otherwise as `recheck_later`.
    """
    connection = raw_connection("loader", name="recheck")
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(
                "select status, delivery_id = any(%s) as is_first from ops.batch_vintage "
                "where batch_id = %s and audited_at is not null",
                (list(delivery_ids), batch_id),
            )
            found: Any = cursor.fetchone()
            if found is None:
                return
            has_changed = found["is_first"] and _recheck(cursor, batch_id)
            if has_changed or found["status"] == "admitted":
                recheck_later_vintages(cursor, batch_id)
    finally:
        connection.close()


def recheck_later_vintages(cursor: Cursor, batch_id: int, *, only_audited_before: bool = False) -> None:
    """Compare batches stated later again, oldest first, so that each is compared with what the last step left.

    Where one of them changes, those stated after it are compared again too. With `only_audited_before`, only those
    that were audited while this one was not yet sound. `cursor` returns rows as dicts. Raises as `recheck_later` does.
    """
    waiting = _stated_later(cursor, batch_id, only_audited_before=only_audited_before)
    while waiting:
        place = min(waiting)
        waiting.remove(place)
        later = place[-1]
        if _recheck(cursor, later):
            waiting |= {after for after in _stated_later(cursor, later) if after > place}


def _stated_later(cursor: Cursor, batch_id: int, *, only_audited_before: bool = False) -> set[tuple[Any, ...]]:
    """Batches whose comparisons may rest on this one, each as its place in the order of statements; batch_id last."""
    cursor.execute(
        """
        select l.vintage_at, coalesce(l.period_start, date '0001-01-01') as period_start, l.manifest_line,
               l.received_at, l.delivery_id, l.batch_id
        from ops.batch_vintage b
        join ops.resource r on r.feed = b.feed and r.resource = b.resource
        join ops.batch_vintage l
          on l.feed = b.feed and l.resource = b.resource and l.partition = b.partition
         and l.batch_id <> b.batch_id and l.sha256 <> b.sha256
         and l.status in ('parsed', 'admitted', 'held', 'withdrawn')
         and l.audited_at < case when %s then b.audited_at else 'infinity' end
        where b.batch_id = %s
          and case
              -- a later period is judged by at most the 24 sound ones before it
              when r.delivery_mode = 'period' and l.period_start > b.period_start
              then l.vintage_at >= b.vintage_at and (
                  select count(distinct m.period_start) from ops.batch m
                  where m.feed = b.feed and m.resource = b.resource and m.partition = b.partition
                    and m.period_start >= b.period_start and m.period_start < l.period_start and ops.is_sound(m)
              ) <= 24
              else (l.vintage_at, l.manifest_line, l.received_at, l.delivery_id)
                 > (b.vintage_at, b.manifest_line, b.received_at, b.delivery_id)
                   and (r.delivery_mode <> 'period' or l.period_end >= b.period_start)
          end
        """,
        (only_audited_before, batch_id),
    )
    rows: list[Any] = cursor.fetchall()
    return {tuple(row.values()) for row in rows}


def _recheck(cursor: Cursor, batch_id: int) -> bool:
    """Compare one batch again and decide about it anew; whether any comparison has another outcome now."""
    batch = load_batch(cursor, batch_id, date.max)  # no comparison asks for today
    cursor.execute(
        "select distinct on (check_id) check_id, is_success, severity, check_type, reason, "
        "min(check_result_id) over (partition by check_id) as place from ops.check_result "
        "where batch_id = %s order by check_id, check_result_id desc",
        (batch_id,),
    )
    results: list[Any] = cursor.fetchall()
    known: dict[str, Any] = {row["check_id"]: row for row in results}
    compared = [check for check in batch.suite.checks if check.is_between and check.id in known]
    stability.measure(cursor, batch_id, batch.contract, batch.resource, batch.suite)
    changed = []
    for check in compared:
        cursor.execute(
            vintages.statement(
                check, batch_id, batch.contract, batch.resource, has_rows_taken_out=batch.rows_quarantined > 0
            )
        )
        now: Any = cursor.fetchone()
        if now["is_success"] != known[check.id]["is_success"]:
            known[check.id] = {**known[check.id], "is_success": now["is_success"]}
            changed.append((check, now["is_success"], now["remark"]))
    if not changed:
        return False
    for check, held, remark in changed:
        cursor.execute(
            "insert into ops.check_result (batch_id, suite, check_id, check_type, column_name, severity, reason, "
            "is_success, element_count, detail) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (batch_id, batch.suite_name, check.id, check.type, check.column,
             check.severity_name, check.reason, held, batch.rows_in_raw, remark or ""),
        )  # fmt: skip
        if held:
            lift(cursor, batch_id, check)
        else:
            withhold(cursor, batch_id, check)
    _decide_again(cursor, batch, known)
    return True


def _decide_again(cursor: Cursor, batch: Batch, known: dict[str, Any]) -> None:
    """Bring the status in line with the newest results, unless a person has decided about the batch.

    What holds it is named in the order of its audit, so that the reason does not tell who came first.
    """
    cursor.execute(
        "select 1 from ops.decision where batch_id = %s and decision in ('release', 'withdraw')", (batch.batch_id,)
    )
    if cursor.fetchone() is not None:
        return
    of_rows = {check.id for check in batch.suite.checks if check.level == "row"}
    holding = [
        FailedCheck(name, "critical", row["reason"])
        for name, row in sorted(known.items(), key=lambda item: (item[1]["check_type"] != OF_ROWS, item[1]["place"]))
        if not row["is_success"] and row["severity"] == "critical" and name not in of_rows
    ]
    if holding and batch.status in ("parsed", "admitted", "held"):
        admission.hold(cursor, batch.batch_id, one_line(holding))
    elif not holding and batch.status == "held":
        admission.admit(cursor, batch.batch_id)
