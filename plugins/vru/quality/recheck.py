"""Later vintages compared again, once a batch before them begins or ceases to count, and decided about again."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from vru.quality import restated, stability
from vru.quality.batch import load_batch
from vru.quality.checks import BetweenCheck, SaidCheck
from vru.quality.errors import QualityError
from vru.quality.quarantine import OF_ROWS
from vru.quality.settle import settle, settled_checks
from vru.quality.told import reason, told
from vru.quality.verdict import FailedCheck, one_line
from vru.quality.withholding import lift, withhold
from vru.warehouse import admission

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg2.extensions import cursor as Cursor

    from vru.quality.batch import Batch


MOST_ROUNDS = 20
"""Decisions that follow from each other come to rest long before."""


def recheck_stated_again(cursor: Cursor, delivery_ids: Sequence[int]) -> None:
    """Judge contents that were audited already again, now that these deliveries say something of them.

    What was said with them (rows announced, a proof that the file is whole) is compared with the rows. A batch is
    judged among vintages by the first delivery of its content: where that is one of these, it is compared again itself;
    one that was held may count now, and the other way round. What was stated after these deliveries is compared with
    it; what lies before them never was. `cursor` returns rows as dicts. Raises as `recheck_later` does.
    """
    cursor.execute(
        """
        select v.batch_id, v.status, v.delivery_id = any(%(stated)s) as is_first
        from ops.batch_vintage v
        where v.audited_at is not null and v.batch_id in (
            select b.batch_id from ops.delivery d join ops.batch b using (content_id)
            where d.delivery_id = any(%(stated)s)
        )
        order by v.batch_id
        """,
        {"stated": list(delivery_ids)},
    )
    found: list[Any] = cursor.fetchall()
    for row in found:
        has_changed = _recheck(cursor, row["batch_id"], only_said=not row["is_first"])
        if has_changed or row["status"] in ("parsed", "admitted"):
            recheck_later(cursor, row["batch_id"], stated_by=delivery_ids)


def recheck_later(
    cursor: Cursor, batch_id: int, *, stated_by: Sequence[int] = (), only_audited_before: bool = False
) -> None:
    """Compare every later vintage of the partition again, now that this one stands (or no longer stands) before it.

    A column may be withheld, or one that only such a check withheld be lifted. A batch that now fails is held, also
    where it counted until now, one that was held only for what is now sound is admitted, and its stability is measured
    again. What a person released, lifted or withdrew stays as that person left it.

    Oldest first, so that each is compared with what the last step left; where one changes, those stated after it are
    compared again too. `stated_by` leaves only those later than the first of these deliveries of the batch's content,
    `only_audited_before` those that were audited while this one was not yet sound. `cursor` returns rows as dicts; the
    transaction is the caller's. Raises SuiteError, ContractError and QualityError.
    """
    bring_to_rest(
        cursor,
        batch_id,
        _stated_later(cursor, batch_id, stated_by=stated_by, only_audited_before=only_audited_before),
    )


def bring_to_rest(cursor: Cursor, batch_id: int, waiting: set[tuple[Any, ...]] | None = None) -> None:
    """Decide about the partition of a batch until nothing follows from what was decided.

    Repeated statements, the vintages in `waiting` and those that rest on them, and columns on which lists disagree.
    Raises QualityError where there is no end to it.
    """
    waiting = waiting or set()
    for _ in range(MOST_ROUNDS):
        try:
            batch = load_batch(cursor, batch_id, date.max)
        except QualityError:
            return  # of a resource that is no more
        for of_batch, delivery_id in restated.judge(cursor, batch):
            waiting |= _stated_later(cursor, of_batch, stated_by=[delivery_id])
        while waiting:
            place = min(waiting)
            waiting.remove(place)
            later = place[-1]
            if _recheck(cursor, later):
                waiting |= {after for after in _stated_later(cursor, later) if after > place}
        moved = settle(cursor, batch)
        waiting = set().union(*(_stated_later(cursor, one) for one in moved)) if moved else set()
        if not waiting and not moved:
            return
    raise QualityError(
        f"feed {batch.contract.feed}, batch {batch_id}: decisions about its lists still follow from each other after "
        f"{MOST_ROUNDS} rounds, and nothing was written; withdraw one of the lists that disagree, and report it"
    )


def _stated_later(
    cursor: Cursor, batch_id: int, *, stated_by: Sequence[int] = (), only_audited_before: bool = False
) -> set[tuple[Any, ...]]:
    """Batches whose comparisons may rest on this one, each as its place in the order of statements; batch_id last."""
    cursor.execute(
        """
        select l.vintage_at, coalesce(l.period_start, date '0001-01-01') as period_start, l.manifest_line,
               l.received_at, l.delivery_id, l.batch_id
        from ops.batch b
        join ops.resource r on r.feed = b.feed and r.resource = b.resource
        cross join lateral (
            select d.vintage_at, coalesce(d.manifest_line, -1) as manifest_line, d.received_at, d.delivery_id
            from ops.delivery d
            where d.content_id = b.content_id
              and (%(stated_by)s = '{}' or d.delivery_id = any(%(stated_by)s))
            order by 1, 2, 3, 4 limit 1
        ) s
        join ops.batch_vintage l
          on l.feed = b.feed and l.resource = b.resource and l.partition = b.partition
         and l.batch_id <> b.batch_id and l.sha256 <> b.sha256
         and l.status in ('parsed', 'admitted', 'held', 'withdrawn')
         and l.audited_at < case when %(only_audited_before)s then b.audited_at else 'infinity' end
        where b.batch_id = %(batch_id)s
          and case
              -- a later period is judged by at most the 24 sound ones before it
              when r.delivery_mode = 'period' and l.period_start > b.period_start
              then l.vintage_at >= s.vintage_at and (
                  select count(distinct m.period_start) from ops.batch m
                  where m.feed = b.feed and m.resource = b.resource and m.partition = b.partition
                    and m.period_start >= b.period_start and m.period_start < l.period_start and ops.is_sound(m)
              ) <= 24
              else (l.vintage_at, l.manifest_line, l.received_at, l.delivery_id)
                 > (s.vintage_at, s.manifest_line, s.received_at, s.delivery_id)
                   and (r.delivery_mode <> 'period' or l.period_end >= b.period_start)
          end
        """,
        {"stated_by": list(stated_by), "only_audited_before": only_audited_before, "batch_id": batch_id},
    )
    rows: list[Any] = cursor.fetchall()
    return {tuple(row.values()) for row in rows}


def _recheck(cursor: Cursor, batch_id: int, *, only_said: bool = False) -> bool:
    """Compare one batch again and decide about it anew; whether any comparison has another outcome now.

    `only_said` compares it with what is said of it alone. Columns on which sound lists disagree are settled elsewhere;
    of one that does not count it is only noted.
    """
    cursor.execute("set local enable_nestloop = off")  # as in gate.py; until the transaction ends
    batch = load_batch(cursor, batch_id, date.max)  # no comparison asks for today
    cursor.execute(
        "select distinct on (check_id) check_id, is_success, severity, check_type, reason, detail, "
        "min(check_result_id) over (partition by check_id) as place from ops.check_result "
        "where batch_id = %s order by check_id, check_result_id desc",
        (batch_id,),
    )
    results: list[Any] = cursor.fetchall()
    known: dict[str, Any] = {row["check_id"]: row for row in results}
    settled = {check.id for check in settled_checks(batch.suite)}
    compared = [
        (check, check.kind)
        for check in batch.suite.checks
        if (isinstance(check.kind, SaidCheck) or (not only_said and isinstance(check.kind, BetweenCheck)))
        and check.id in known
        and (check.id not in settled or batch.status not in ("parsed", "admitted"))
    ]
    if not only_said:
        stability.measure(cursor, batch_id, batch.contract, batch.resource, batch.suite)
    changed = []
    has_another_outcome = False
    for check, kind in compared:
        cursor.execute(kind.named(batch.subject))
        now: Any = cursor.fetchone()
        held, detail = now["is_success"], told(now["remark"] or "", kind.limit(batch.subject))
        why = reason(check.reason, detail)
        moved = not held and check.id not in settled and withhold(cursor, batch_id, check, now["columns"], why)
        was = known[check.id]
        # what a failed check measured is part of the reason, which must not tell who came first
        if moved or held != was["is_success"] or (not held and detail != was["detail"]):
            has_another_outcome |= moved or held != was["is_success"]
            known[check.id] = {**was, "is_success": held, "detail": detail}
            changed.append((check, held, detail))
    if not changed:
        return False
    for check, held, detail in changed:
        cursor.execute(
            "insert into ops.check_result (batch_id, suite, check_id, check_type, column_name, severity, reason, "
            "is_success, element_count, detail) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (batch_id, batch.suite_name, check.id, check.type, check.column,
             check.severity_name, check.reason, held, batch.rows_in_raw, detail),
        )  # fmt: skip
        if held:
            lift(cursor, batch_id, check)
    _decide_again(cursor, batch, known)
    if batch.status in ("parsed", "admitted") and load_batch(cursor, batch_id, date.max).status == "held":
        _recheck(cursor, batch_id)  # what was settled among sound lists is noted of it as of one that does not count
    return has_another_outcome


def _decide_again(cursor: Cursor, batch: Batch, known: dict[str, Any]) -> None:
    """Bring the status in line with the newest results, unless a person has decided about the batch.

    What holds it is named in the order of its audit, so that the reason does not tell who came first.
    """
    cursor.execute(
        "select 1 from ops.decision where batch_id = %s and decision in ('release', 'withdraw')", (batch.batch_id,)
    )
    if cursor.fetchone() is not None:
        return
    of_rows = {check.id for check in batch.suite.checks if check.is_on_rows}
    holding = [
        FailedCheck(name, "critical", row["reason"], detail=row["detail"], is_told=row["check_type"] == OF_ROWS)
        for name, row in sorted(known.items(), key=lambda item: (item[1]["check_type"] != OF_ROWS, item[1]["place"]))
        if not row["is_success"] and row["severity"] == "critical" and name not in of_rows
    ]
    if holding and batch.status in ("parsed", "admitted", "held"):
        admission.hold(cursor, batch.batch_id, one_line(holding))
    elif not holding and batch.status == "held":
        admission.admit(cursor, batch.batch_id)
