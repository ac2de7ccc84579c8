"""Contents that count already and are stated anew behind a newer one: judged as a new vintage of that day would be.

A delivery that does not pass is held by itself: what the content stated before goes on to count, and what it would have
displaced stays current.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vru.quality.checks import VintageCheck
from vru.quality.told import told
from vru.quality.verdict import FailedCheck, one_line

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from vru.quality.batch import Batch


def judge(cursor: Cursor, batch: Batch) -> list[tuple[int, int]]:
    """Decide anew about every repeated statement of a partition; batch_id and delivery_id of those decided otherwise.

    Oldest first, so that each is compared with what stands before it. What a person let count stays. `cursor` returns
    rows as dicts; the transaction is the caller's.
    """
    cursor.execute(_PLACES, {"batch": batch.batch_id})
    places: list[Any] = cursor.fetchall()
    if not any(place["is_again"] for place in places):
        return []
    changed, standing = [], list[Any]()
    for place in places:
        reason = ""
        before = next((p for p in reversed(standing) if _share_days(p, place)), None)
        if place["is_again"] and not place["is_released"] and before and before["sha256"] != place["sha256"]:
            reason = _why_held(cursor, batch, place, before)
        if not reason:
            standing.append(place)
        if reason != (place["held_for"] or ""):
            cursor.execute(
                "insert into ops.delivery_verdict (delivery_id, status, reason) values (%s, %s, %s)",
                (place["delivery_id"], "held" if reason else "counts", reason),
            )
            if bool(reason) != bool(place["held_for"]):
                changed.append((place["batch_id"], place["delivery_id"]))
    return changed


def _why_held(cursor: Cursor, batch: Batch, place: Any, before: Any) -> str:
    """What the content fails in comparison with what stands before this statement of it; '' if nothing."""
    on = replace(
        batch.subject,
        batch_id=place["batch_id"], period_start=place["period_start"], period_end=place["period_end"],
        against=before["batch_id"], has_rows_taken_out=place["has_rows_taken_out"],
    )  # fmt: skip
    failed = []
    cursor.execute("set local enable_nestloop = off")  # as in gate.py; until the transaction ends
    for check in batch.suite.checks:
        if isinstance(check.kind, VintageCheck) and check.severity == "critical":
            cursor.execute(check.kind.named(on))
            now: Any = cursor.fetchone()
            if not now["is_success"]:
                detail = told(now["remark"] or "", check.kind.limit(on))
                failed.append(FailedCheck(check.id, "critical", check.reason, detail=detail))
    if not failed:
        return ""
    return (
        f"{one_line(failed)} It was stated before and is stated again as of {place['stated_on']}, after the delivery "
        f"of {before['stated_on']}, which stays current."
    )


def _share_days(one: Any, other: Any) -> bool:
    if not one["is_period"]:
        return True
    return bool(one["period_start"] <= other["period_end"] and other["period_start"] <= one["period_end"])


_PLACES = """
    select
        d.delivery_id, b.batch_id, b.sha256, b.period_start, b.period_end, r.delivery_mode = 'period' as is_period,
        b.audited_at is not null and b.rows_quarantined > 0 as has_rows_taken_out,
        (d.vintage_at at time zone 'Europe/London')::date as stated_on,
        row_number() over (
            partition by b.sha256 order by d.vintage_at, coalesce(d.manifest_line, -1), d.received_at, d.delivery_id
        ) > 1 as is_again,
        h.reason as held_for,
        exists (
            select 1 from ops.decision p where p.delivery_id = d.delivery_id and p.decision = 'release_delivery'
        ) as is_released
    from ops.batch o
    join ops.resource r on r.feed = o.feed and r.resource = o.resource
    join ops.batch b on b.feed = o.feed and b.resource = o.resource and b.partition = o.partition
    join ops.delivery d on d.content_id = b.content_id
    left join ops.held_deliveries() h on h.delivery_id = d.delivery_id
    where o.batch_id = %(batch)s and ops.is_sound(b) and not ops.is_displaced(b)
      and (r.delivery_mode <> 'period' or (b.period_start <= o.period_end and o.period_start <= b.period_end))
    order by d.vintage_at, coalesce(d.manifest_line, -1), d.received_at, d.delivery_id
"""
