"""Reads what a report says: published tables, the marts' quality scores, and the ledger at (K, W).

Nothing here is a wall-clock time, a number of our own database (batch, delivery, build), or a cell value of a
partner, so the same input always gives the same page. Counts of files and rows of open feeds are exact; those of
feeds with personal data go through disclosure control.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from vru.disclosure import rules
from vru.disclosure.policy import load_policy
from vru.disclosure.publish import table_name
from vru.disclosure.readers import rows

LONDON = ZoneInfo("Europe/London")

#: Parts of the quality score (definitions B18), in the order in which they are shown.
PARTS = ("timeliness", "completeness", "validity", "consistency", "stability", "volume")

Row = dict[str, Any]


class ReportError(Exception):
    """A report that cannot be written. The message says what is missing and how to get it."""


@dataclass(frozen=True)
class Feed:
    """One partner feed: what it is, how good it is, what came."""

    feed: str
    title: str
    publisher: str
    licence: str
    attribution: str
    cadence_days: int
    personal_data: bool
    score: float | None
    parts: Mapping[str, float | None]
    scored_to: date | None
    scored_parts: int
    files: Mapping[str, int]
    rows_admitted: str
    rows_quarantined: str
    newest_data: date | None
    newest_vintage: date | None

    @property
    def not_applied(self) -> list[str]:
        """Parts of the score that do not apply to this feed."""
        return [name for name in PARTS if self.parts[name] is None]

    @property
    def weakest(self) -> tuple[str, float] | None:
        """Name and value of the lowest part; None where nothing is scored."""
        known = [(value, PARTS.index(name), name) for name, value in self.parts.items() if value is not None]
        return (min(known)[2], min(known)[0]) if known else None


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


@dataclass(frozen=True)
class Content:
    """Everything that the page shows."""

    feeds: Sequence[Feed]
    troubles: Sequence[Trouble]
    months: Sequence[Row]
    years: Sequence[Row]
    boroughs: Sequence[Row]
    borough_total: Row | None
    verdict: Row | None
    boundaries: Sequence[Row]
    provenance: Sequence[Row]
    build_id: int | None = None
    missing: Sequence[str] = field(default_factory=list)


def read_content(
    connection: Connection,
    *,
    schema: str,
    month: date,
    known_at: datetime | None = None,
    admitted_at: datetime | None = None,
) -> Content:
    """Read everything for a report on ``month`` from the build in ``schema``.

    Raises ReportError where the build has not been published.
    """
    at = {"known_at": known_at, "admitted_at": admitted_at}
    published = {
        name: _published(connection, schema, name, order)
        for name, order in (
            ("homicide_london_month", "period_start"),
            ("homicide_london_year", "period_start"),
            ("homicide_borough_period", "area_name"),
            ("homicide_borough_total", "area_code"),
            ("homicide_london_verdict", "area_code"),
            ("borough_boundary", "area_code"),
            ("provenance", "table_name, release_vintage_at, release_sha256"),
        )
    }
    contents = rows(connection, _CONTENTS, at)
    feeds = _feeds(connection, schema, month, contents)
    troubles = _troubles(connection, contents, feeds, at)
    totals, verdicts = published["homicide_borough_total"], published["homicide_london_verdict"]
    return Content(
        feeds=feeds,
        troubles=troubles,
        months=published["homicide_london_month"],
        years=published["homicide_london_year"],
        boroughs=published["homicide_borough_period"],
        borough_total=totals[0] if totals else None,
        verdict=verdicts[0] if verdicts else None,
        boundaries=published["borough_boundary"],
        provenance=published["provenance"],
        build_id=_build_id(connection, schema),
        missing=_not_come(connection, schema, month) + _missing(feeds, published),
    )


#: One row is a content as it stood at (K, W): its newest batch, the state of that, and its newest vintage.
_CONTENTS = """
select distinct on (b.feed, b.resource, b.content_key, b.sha256)
    b.batch_id, b.feed, b.resource, b.partition, b.period_start, b.period_end, b.file_name, b.sha256, s.reason,
    b.rows_parsed, b.rows_quarantined,
    case s.status when 'parsed' then 'waiting' else s.status end as state,
    (
        select max(d.vintage_at) from ops.delivery d
        where d.feed = b.feed and d.resource = b.resource and d.content_key = b.content_key
          and d.sha256 = b.sha256 and d.vintage_source <> 'received'
          and d.vintage_at <= coalesce(%(known_at)s, 'infinity'::timestamptz)
          and d.received_at <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
    ) as vintage_at
from ops.batch b
cross join lateral (
    select h.status, h.reason from ops.batch_status h
    where h.batch_id = b.batch_id and h.since <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
    order by h.since desc, h.batch_status_id desc limit 1
) s
where exists (
    select 1 from ops.delivery d
    where d.feed = b.feed and d.resource = b.resource and d.content_key = b.content_key and d.sha256 = b.sha256
      and d.vintage_at <= coalesce(%(known_at)s, 'infinity'::timestamptz)
      and d.received_at <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
)
order by b.feed, b.resource, b.content_key, b.sha256, b.contract_version desc
"""

#: One row is a kind of fault in quarantined rows of the contents of _CONTENTS.
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


def _published(connection: Connection, schema: str, name: str, order: str) -> list[Row]:
    full = table_name(name, schema)
    if rows(connection, "select to_regclass(%s) as found", (f"publish.{full}",))[0]["found"] is None:
        raise ReportError(f"publish.{full} is not there; publish the build in {schema} first, then write the report")
    return rows(
        connection,
        sql.SQL("select * from {} order by {}").format(sql.Identifier("publish", full), sql.SQL(order)),
    )


def _feeds(connection: Connection, schema: str, month: date, contents: Sequence[Row]) -> list[Feed]:
    policy = load_policy()
    scores = _scores(connection, schema, month)
    found = []
    for row in rows(
        connection,
        "select feed, title, publisher, licence, attribution, cadence_days, personal_data from ops.feed order by title",
    ):
        mine = [c for c in contents if c["feed"] == row["feed"]]
        admitted = [c for c in mine if c["state"] == "admitted"]
        vintages = [c["vintage_at"] for c in admitted if c["vintage_at"]]
        ends = [c["period_end"] for c in admitted if c["period_end"]]
        score = scores.get(row["feed"])
        found.append(
            Feed(
                **row,
                score=None if score is None else _number(score["quality_score"]),
                parts={p: None if score is None else _number(score[f"{p}_score"]) for p in PARTS},
                scored_to=None if score is None else score["scored_to"],
                scored_parts=0 if score is None else score["scored_parts"],
                files={
                    state: sum(c["state"] == state for c in mine)
                    for state in ("admitted", "held", "rejected", "withdrawn", "waiting")
                },
                rows_admitted=_amount(
                    sum(c["rows_parsed"] - c["rows_quarantined"] for c in admitted), row["personal_data"], policy
                ),
                rows_quarantined=_amount(sum(c["rows_quarantined"] for c in mine), row["personal_data"], policy),
                newest_data=max(ends, default=None),
                newest_vintage=max(vintages).astimezone(LONDON).date() if vintages else None,
            )
        )
    return found


#: One row is a feed: the mean over its resources and partitions, each by its newest period up to the month.
_SCORES = """
select q.feed, max(q.period_end) as scored_to, count(*) as scored_parts, avg(q.quality_score) as quality_score,
    avg(q.timeliness_score) as timeliness_score, avg(q.completeness_score) as completeness_score,
    avg(q.validity_score) as validity_score, avg(q.consistency_score) as consistency_score,
    avg(q.stability_score) as stability_score, avg(q.volume_score) as volume_score
from (
    select distinct on (n.feed, n.resource, n.source_partition) n.*
    from {}.mart_feed_quality n
    where n.period_start <= %(month)s or n.period_start is null
    order by n.feed, n.resource, n.source_partition, n.period_start desc nulls last, n.batch_id desc
) q
where q.quality_score is not null
group by q.feed
"""

#: One row is a feed, resource and partition with periods that were due and did not come.
_NOT_COME = """
select q.feed_title, q.source_partition, count(*) as period_count,
    min(q.period_start) as first_period, max(q.period_start) as last_period
from {}.mart_feed_quality q
where not q.has_come and q.period_start <= %(month)s
group by q.feed_title, q.resource, q.source_partition
order by q.feed_title, q.resource, q.source_partition
"""


def _scores(connection: Connection, schema: str, month: date) -> dict[str, Row]:
    """Per feed its quality score and the parts of it."""
    query = sql.SQL(_SCORES).format(sql.Identifier(schema))
    return {row["feed"]: row for row in rows(connection, query, {"month": month})}


def _not_come(connection: Connection, schema: str, month: date) -> list[str]:
    """What was due and did not come, in words."""
    query = sql.SQL(_NOT_COME).format(sql.Identifier(schema))
    found = []
    for row in rows(connection, query, {"month": month}):
        where = f" ({row['source_partition']})" if row["source_partition"] else ""
        first, last = f"{row['first_period']:%B %Y}", f"{row['last_period']:%B %Y}"
        which = first if row["period_count"] == 1 else f"{row['period_count']} periods from {first} to {last}"
        found.append(f"{row['feed_title']}{where}: due and not here: {which}.")
    return found


def _troubles(
    connection: Connection, contents: Sequence[Row], feeds: Sequence[Feed], at: Mapping[str, Any]
) -> list[Trouble]:
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
                reason=c["reason"] or "no reason recorded",
                amount=""
                if c["state"] == "rejected"
                else f"{_amount(c['rows_parsed'], feed.personal_data, policy)} rows",
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
                amount=f"{_amount(c['rows_parsed'], feed.personal_data, policy)} rows",
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
                amount=f"{_amount(q['row_count'], feed.personal_data, policy)} rows",
            )
        )
    order = ("withheld", "held", "rejected", "withdrawn", "quarantined")
    return sorted(
        found, key=lambda t: (order.index(t.kind), t.feed_title, t.period or (), t.file_name, t.what, t.reason)
    )


def _missing(feeds: Sequence[Feed], published: Mapping[str, Sequence[Row]]) -> list[str]:
    """What a reader might look for and not find, in words."""
    found = [
        f"{feed.title}: nothing has been let in yet, so nothing here rests on it."
        for feed in feeds
        if not feed.files["admitted"]
    ]
    for feed in feeds:
        if feed.files["admitted"] and feed.score is None:
            found.append(f"{feed.title}: no quality score for this month or any before it.")
    gaps: dict[str, list[date]] = {}
    for row in published["homicide_london_month"]:
        if row["value_count"] is None and not row["is_suppressed"]:
            gaps.setdefault(row["null_reason"] or "no reason recorded", []).append(row["period_start"])
    for reason, gap in sorted(gaps.items()):
        found.append(f"London homicide: {len(gap)} months are unknown, {gap[0]:%B %Y} to {gap[-1]:%B %Y} ({reason}).")
    for row in published["homicide_borough_period"]:
        if row["value_count"] is None and not row["is_suppressed"]:
            found.append(f"{row['area_name']}: {row['null_reason']}.")
    if not published["homicide_borough_period"]:
        found.append("Boroughs: no five calendar years in a row for which the source's borough column is sound.")
    if not published["borough_boundary"]:
        found.append("Borough map: this build has no boundaries to draw.")
    return found


def _build_id(connection: Connection, schema: str) -> int | None:
    if rows(connection, "select to_regclass(%s) as found", (f"{schema}.build_info",))[0]["found"] is None:
        return None
    found = rows(connection, sql.SQL("select build_id from {}.build_info").format(sql.Identifier(schema)))
    return int(found[0]["build_id"]) if found else None


def _amount(count: int, personal_data: bool, policy: Any) -> str:
    """A number of rows as it may be shown."""
    cell = rules.protect(count, policy, is_exempt=not personal_data)
    return policy.marker if cell.value is None else f"{cell.value:,}"


def _file_name(content: Row, feed: Feed) -> str:
    """A restricted partner's file name may tell a count or a place (R1)."""
    return "" if feed.personal_data else str(content["file_name"])


def _period(content: Row) -> tuple[date, date] | None:
    if content["period_start"] is None:
        return None
    return content["period_start"], content["period_end"] or content["period_start"]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
