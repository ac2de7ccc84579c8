"""What does not count, and why: columns withheld, files held, rejected or withdrawn, rows quarantined."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection

from vru.disclosure.policy import load_policy
from vru.disclosure.readers import rows
from vru.reporting.feeds import Feed, Row, amount


@dataclass(frozen=True)
class Trouble:
    """One file, column or kind of row that does not count, and why. ``amount`` is ready to show."""

    kind: str
    feed: str
    feed_title: str
    file_name: str
    period: tuple[date, date] | None
    what: str
    reason: str
    amount: str


#: One row is a kind of fault in quarantined rows of the contents of a report.
_QUARANTINED = """
select q.feed, q.column_name, q.check_id, min(q.reason) as reason,
    count(distinct (q.batch_id, q.line_number)) as row_count
from ops.v_quarantine q
where q.batch_id = any(%(batches)s)
group by q.feed, q.column_name, q.check_id
"""

_WITHHELD = """
select w.batch_id, w.column_name, min(w.reason) as reason
from ops.v_withheld_column w
where w.batch_id = any(%(batches)s)
  and w.withheld_at <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
  and (w.lifted_at is null or w.lifted_at > coalesce(%(admitted_at)s, 'infinity'::timestamptz))
group by w.batch_id, w.column_name
"""


def read_troubles(
    connection: Connection, contents: Sequence[Row], feeds: Sequence[Feed], at: Mapping[str, Any]
) -> list[Trouble]:
    """Every trouble of these contents at (K, W), the `known_at` and `admitted_at` of `at`, in order of weight."""
    policy = load_policy()
    by_feed = {feed.feed: feed for feed in feeds}
    by_batch = {c["batch_id"]: c for c in contents}
    found: list[Trouble] = []
    for c in contents:
        if c["state"] not in ("held", "rejected", "withdrawn"):
            continue
        feed = by_feed[c["feed"]]
        found.append(
            Trouble(
                kind=c["state"],
                feed=feed.feed,
                feed_title=feed.title,
                file_name=_file_name(c, feed),
                period=_period(c),
                what="whole file",
                reason=_reason(c["reason"], feed),
                amount=""
                if c["state"] == "rejected"
                else f"{amount(c['rows_parsed'], feed.personal_data, policy)} rows",
            )
        )
    batches = {"batches": sorted(by_batch), **at}
    for w in rows(connection, _WITHHELD, batches):
        c = by_batch[w["batch_id"]]
        if c["state"] != "admitted":
            continue
        feed = by_feed[c["feed"]]
        found.append(
            Trouble(
                kind="withheld",
                feed=feed.feed,
                feed_title=feed.title,
                file_name=_file_name(c, feed),
                period=_period(c),
                what=f"column {w['column_name']}",
                reason=w["reason"],
                amount=f"{amount(c['rows_parsed'], feed.personal_data, policy)} rows",
            )
        )
    for q in rows(connection, _QUARANTINED, batches):
        feed = by_feed[q["feed"]]
        found.append(
            Trouble(
                kind="quarantined",
                feed=feed.feed,
                feed_title=feed.title,
                file_name="",
                period=None,
                what=f"rows, column {q['column_name']}" if q["column_name"] else "rows",
                reason=q["reason"],
                amount=f"{amount(q['row_count'], feed.personal_data, policy)} rows",
            )
        )
    order = ("withheld", "held", "rejected", "withdrawn", "quarantined")
    return sorted(
        found, key=lambda t: (order.index(t.kind), t.feed_title, t.period or (), t.file_name, t.what, t.reason)
    )


def _reason(reason: str, feed: Feed) -> str:
    """Why, in full; of a restricted feed only the name of the check, since the words may count its rows (R12a)."""
    if feed.personal_data:
        named = re.match(r"([a-z0-9_]+):", reason)
        return named[1] if named else "not shown"
    return reason or "no reason recorded"


def _file_name(content: Row, feed: Feed) -> str:
    """A restricted partner's file name may tell a count or a place (R1)."""
    return "" if feed.personal_data else str(content["file_name"])


def _period(content: Row) -> tuple[date, date] | None:
    if content["period_start"] is None:
        return None
    return content["period_start"], content["period_end"] or content["period_start"]
