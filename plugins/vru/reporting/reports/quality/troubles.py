"""What does not count, or not as it came, and why; what counts for now although another list disagrees.

Also what was warned of, and what people decided about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from psycopg2.extensions import connection as Connection

from vru.disclosure.policy import load_policy
from vru.disclosure.readers import rows
from vru.periods import LONDON
from vru.quality.told import reason
from vru.reporting.reports.quality.feeds import Feed, Row, amount, reason_of
from vru.warehouse.feed_status import day


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

    @property
    def is_of_file(self) -> bool:
        """Whether it is about one file; else about all that came of a feed."""
        return self.kind not in OF_FEED


OF_FEED = ("quarantined", "nulled", "warned")


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

#: One row is a kind of cell that was left empty in the contents of a report.
_NULLED = """
select q.feed, q.column_name, q.check_id, min(q.reason) as reason, count(*) as cell_count
from ops.v_quarantine_cell q
where q.batch_id = any(%(batches)s)
group by q.feed, q.column_name, q.check_id
"""

#: One row is a check that warns of files that count, or what the reading or the coming of files warned of.
_WARNED = """
with result as (
    select distinct on (c.batch_id, c.check_id) c.batch_id, c.check_id, c.severity, c.reason, c.detail, c.is_success
    from ops.check_result c
    where c.batch_id = any(%(admitted)s) and c.checked_at <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
    order by c.batch_id, c.check_id, c.check_result_id desc
),
warning as (
    select r.batch_id, r.check_id as name, r.reason, r.detail
    from result r where r.severity = 'warning' and not r.is_success
    union all
    select b.batch_id, split_part(w.words, ': ', 1), w.words, ''
    from ops.batch b cross join lateral unnest(b.warnings) as w (words)
    where b.batch_id = any(%(admitted)s)
    union all
    select b.batch_id, split_part(d.warning, ': ', 1), d.warning, ''
    from ops.delivery d join ops.batch b on b.content_id = d.content_id
    where b.batch_id = any(%(admitted)s) and d.warning <> ''
      and d.vintage_at <= coalesce(%(known_at)s, 'infinity'::timestamptz)
      and d.received_at <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
)
select b.feed, w.name, w.reason, count(distinct w.batch_id) as file_count, max(w.detail) as detail
from warning w join ops.batch b on b.batch_id = w.batch_id
group by b.feed, w.name, w.reason
"""

#: One row is what a person decided about a content of a report.
_DECIDED = """
select d.batch_id, d.decision, d.column_name, d.reason, d.decided_by, d.decided_at
from ops.decision d
where d.batch_id = any(%(batches)s) and d.decided_at <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
order by d.decision_id
"""
DECISIONS = {
    "release": "released",
    "release_column": "column {column} released",
    "release_delivery": "later statement released",
    "withdraw": "withdrawn",
}

#: One row is a column of a content that is in use although another list disagrees, as the report's W has it.
_DISPUTED = """
select c.batch_id, c.column_name, min(c.reason) as reason
from ops.v_disputed_column c
where c.batch_id = any(%(batches)s)
  and c.since <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
  and (c.until is null or c.until > coalesce(%(admitted_at)s, 'infinity'::timestamptz))
group by c.batch_id, c.column_name
"""

#: One row is a later statement of a content that did not count at the report's W, while the content did.
_RESTATED = """
select b.batch_id, h.reason, (d.vintage_at at time zone 'Europe/London')::date as stated_on
from ops.held_deliveries(%(admitted_at)s) h
join ops.delivery d on d.delivery_id = h.delivery_id
join ops.batch b on b.content_id = d.content_id
where b.batch_id = any(%(batches)s)
  and d.vintage_at <= coalesce(%(known_at)s, 'infinity'::timestamptz)
"""

#: One row is an address that at the last asking did not give what was due.
_UNANSWERED = """
select u.feed, u.outcome, u.reason, u.source_url from ops.unanswered(%(known_at)s, %(admitted_at)s, %(today)s) u
order by u.feed, u.source_url
"""


def read_troubles(
    connection: Connection, contents: Sequence[Row], feeds: Sequence[Feed], at: Mapping[str, Any]
) -> list[Trouble]:
    """Every trouble of these contents and of the last askings, at the K, W and today of `at`, in order of weight."""
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
                reason=reason_of(c["reason"], feed.personal_data),
                amount=""
                if c["state"] == "rejected"
                else f"{amount(c['rows_parsed'], feed.personal_data, policy)} rows",
            )
        )
    batches = {"batches": sorted(by_batch), **at}
    marked = [("withheld", w) for w in rows(connection, _WITHHELD, batches)]
    marked += [("disputed", w) for w in rows(connection, _DISPUTED, batches)]
    for kind, w in marked:
        c = by_batch[w["batch_id"]]
        if c["state"] != "admitted":
            continue
        feed = by_feed[c["feed"]]
        found.append(
            Trouble(
                kind=kind,
                feed=feed.feed,
                feed_title=feed.title,
                file_name=_file_name(c, feed),
                period=_period(c),
                what=f"column {w['column_name']}",
                reason=w["reason"],
                amount=f"{amount(c['rows_parsed'], feed.personal_data, policy)} rows",
            )
        )
    for r in rows(connection, _RESTATED, batches):
        c = by_batch[r["batch_id"]]
        if c["state"] != "admitted":
            continue
        feed = by_feed[c["feed"]]
        found.append(
            Trouble(
                kind="restated",
                feed=feed.feed,
                feed_title=feed.title,
                file_name=_file_name(c, feed),
                period=_period(c),
                what=f"statement of {r['stated_on']:%-d %B %Y}",
                reason=reason_of(r["reason"], feed.personal_data),
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
    for q in rows(connection, _NULLED, batches):
        feed = by_feed[q["feed"]]
        found.append(
            _of_feed(
                feed,
                "nulled",
                f"cells, column {q['column_name']}",
                q["reason"],
                "" if feed.personal_data else _many(q["cell_count"], "cell"),
            )
        )
    admitted = [number for number, content in by_batch.items() if content["state"] == "admitted"]
    for w in rows(connection, _WARNED, {"admitted": sorted(admitted), **at}):
        feed, count = by_feed[w["feed"]], w["file_count"]
        words = reason(w["reason"], w["detail"] if count == 1 else "")
        files = "" if feed.personal_data else _many(count, "file")
        found.append(
            _of_feed(feed, "warned", w["name"].replace("_", " "), w["name"] if feed.personal_data else words, files)
        )
    for d in rows(connection, _DECIDED, batches):
        c = by_batch[d["batch_id"]]
        feed = by_feed[c["feed"]]
        who = f"{d['decided_by']}, {day(d['decided_at'].astimezone(LONDON).date())}"
        found.append(
            Trouble(
                kind="decided",
                feed=feed.feed,
                feed_title=feed.title,
                file_name=_file_name(c, feed),
                period=_period(c),
                what=DECISIONS[d["decision"]].format(column=d["column_name"]),
                reason=who if feed.personal_data else f"{who}: {d['reason']}",
                amount="",
            )
        )
    for u in rows(connection, _UNANSWERED, at):
        feed = by_feed[u["feed"]]
        found.append(
            Trouble(
                kind=u["outcome"],
                feed=feed.feed,
                feed_title=feed.title,
                file_name="" if feed.personal_data else _last_part(u["source_url"]),
                period=None,
                what="download",
                reason=reason_of(u["reason"], feed.personal_data),
                amount="",
            )
        )
    order = (
        "withheld", "disputed", "held", "restated", "rejected", "refused", "failed", "withdrawn", *OF_FEED, "decided"
    )  # fmt: skip
    return sorted(
        found, key=lambda t: (order.index(t.kind), t.feed_title, t.period or (), t.file_name, t.what, t.reason)
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _of_feed(feed: Feed, kind: str, what: str, why: str, much: str) -> Trouble:
    """A trouble that is not of one file."""
    return Trouble(kind, feed.feed, feed.title, "", None, what, why, much)


def _last_part(source_url: str) -> str:
    """What an address ends in, without what was asked of it."""
    return urlsplit(source_url).path.rstrip("/").rpartition("/")[2] or source_url


def _file_name(content: Row, feed: Feed) -> str:
    """A restricted partner's file name may tell a count or a place (R1)."""
    return "" if feed.personal_data else str(content["file_name"])


def _period(content: Row) -> tuple[date, date] | None:
    if content["period_start"] is None:
        return None
    return content["period_start"], content["period_end"] or content["period_start"]
