"""Reads what a report says: published tables, how the feeds stand, and the ledger at (K, W).

Every number is as on the day of the report. Nothing here is a wall-clock time, a number of our own database (batch,
delivery, build), or a cell value of a partner, so the same input always gives the same page. Counts of files and rows
of open feeds are exact; those of feeds with personal data go through disclosure control.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from vru import documents
from vru.disclosure.publish import table_name
from vru.disclosure.readers import rows
from vru.periods import span
from vru.reporting.model import Asked, ReportError
from vru.reporting.reports.quality.feeds import Feed, Row, read_feeds
from vru.reporting.reports.quality.troubles import Trouble, read_troubles

SAID: dict[str, Any] = documents.read(Path(__file__).with_name("templates") / "words.yml")
"""Which published tables the report shows, and the sentences that name what they count."""


NO_BOROUGHS = "not enough calendar years in a row of which the boroughs are sound."


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
    levels: Sequence[Row]
    steps: Sequence[Row]
    weighted_parts: Sequence[str]
    boundaries: Sequence[Row]
    provenance: Sequence[Row]
    missing: Sequence[str] = field(default_factory=list)


def read_content(connection: Connection, asked: Asked) -> Content:
    """Read everything for a report from the build in its schema.

    Raises ReportError where the build has not been published.
    """
    at = {"known_at": asked.known_at, "admitted_at": asked.admitted_at, "today": asked.today}
    published = {
        name: _published(connection, asked.schema, SAID["tables"].get(name, name), order)
        for name, order in (
            ("months", "period_start"),
            ("years", "period_start"),
            ("boroughs", "area_name"),
            ("borough_total", "area_code"),
            ("verdict", "area_code"),
            ("levels", "window_months"),
            ("steps", "period_start"),
            ("boundaries", "area_code"),
            ("provenance", "table_name, release_vintage_at, release_id"),
            ("withheld_table", "table_name"),
        )
    }
    contents = rows(connection, _CONTENTS, at)
    feeds = read_feeds(connection, asked, contents)
    troubles = read_troubles(connection, contents, feeds, at)
    totals, verdicts = published["borough_total"], published["verdict"]
    return Content(
        feeds=feeds,
        troubles=troubles,
        months=published["months"],
        years=published["years"],
        boroughs=published["boroughs"],
        borough_total=totals[0] if totals else None,
        verdict=verdicts[0] if verdicts else None,
        levels=published["levels"],
        steps=published["steps"],
        weighted_parts=[row["part"] for row in rows(connection, _WEIGHTED, at)],
        boundaries=published["boundaries"],
        provenance=published["provenance"],
        missing=_not_come(connection, at) + _missing(feeds, published),
    )


#: One row is a part that counts in the score, by the newest weights that were valid at K.
_WEIGHTED = """
select w.part from ops.score_weight w
where w.version = (
    select max(n.version) from ops.score_weight n where n.valid_from <= coalesce(%(known_at)s, 'infinity'::timestamptz)
)
order by w.part
"""


#: One row is a content as it stood at (K, W): its newest batch, the state of that, and its newest vintage.
_CONTENTS = """
select distinct on (b.content_id)
    b.batch_id, b.feed, b.resource, b.partition, b.period_start, b.period_end, b.file_name, b.sha256, s.reason,
    b.rows_parsed, b.rows_quarantined,
    case s.status when 'parsed' then 'waiting' else s.status end as state,
    (
        select max(d.vintage_at) from ops.delivery d
        where d.content_id = b.content_id and d.vintage_source <> 'received'
          and d.vintage_at <= coalesce(%(known_at)s, 'infinity'::timestamptz)
          and d.received_at <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
          and not exists (
              select 1 from ops.held_deliveries(%(admitted_at)s) h where h.delivery_id = d.delivery_id
          )
    ) as vintage_at
from ops.batch b
cross join lateral (
    select h.status, h.reason from ops.batch_status h
    where h.batch_id = b.batch_id and h.since <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
    order by h.since desc, h.batch_status_id desc limit 1
) s
where exists (
    select 1 from ops.delivery d
    where d.content_id = b.content_id
      and d.vintage_at <= coalesce(%(known_at)s, 'infinity'::timestamptz)
      and d.received_at <= coalesce(%(admitted_at)s, 'infinity'::timestamptz)
)
order by b.content_id, b.contract_version desc
"""


def _published(connection: Connection, schema: str, name: str, order: str) -> list[Row]:
    full = table_name(name, schema)
    if rows(connection, "select to_regclass(%s) as found", (f"publish.{full}",))[0]["found"] is None:
        raise ReportError(f"publish.{full} is not there; publish the build in {schema} first, then write the report")
    return rows(
        connection,
        sql.SQL("select * from {} order by {}").format(sql.Identifier("publish", full), sql.SQL(order)),
    )


#: One row is a feed, resource and partition with periods that were due and did not come.
_NOT_COME = """
select f.title, o.partition, array_agg(distinct o.period_start order by o.period_start) as periods
from ops.owed(%(known_at)s, %(admitted_at)s, %(today)s) o
join ops.feed f on f.feed = o.feed
group by f.title, o.resource, o.partition
order by f.title, o.resource, o.partition
"""


def _not_come(connection: Connection, at: Mapping[str, Any]) -> list[str]:
    """What was due and did not come, in words."""
    found = []
    for row in rows(connection, _NOT_COME, at):
        where = f" ({row['partition']})" if row["partition"] else ""
        found.append(f"{row['title']}{where}: due and not here: {_in_words(row['periods'])}.")
    return found


def _missing(feeds: Sequence[Feed], published: Mapping[str, Sequence[Row]]) -> list[str]:
    """What a reader might look for and not find, in words."""
    found = [
        f"{feed.title}: nothing has been let in yet, so nothing here rests on it."
        for feed in feeds
        if not feed.files["admitted"]
    ]
    for row in published["withheld_table"]:
        found.append(f"Table {row['table_name']}: withheld: {row['reason']}.")
    gaps: dict[str, list[date]] = {}
    for row in published["months"]:
        if row["value_count"] is None and not row["is_suppressed"]:
            gaps.setdefault(row["null_reason"] or "no reason recorded", []).append(row["period_start"])
    for reason, gap in sorted(gaps.items()):
        found.append(f"{SAID['subject']}: not known: {_in_words(gap)} ({reason}).")
    for row in published["boroughs"]:
        if row["value_count"] is None and not row["is_suppressed"]:
            found.append(f"{row['area_name']}: {row['null_reason']}.")
    if not published["boroughs"]:
        found.append(f"Boroughs: {NO_BOROUGHS}")
    if not published["boundaries"]:
        found.append("Borough map: this build has no boundaries to draw.")
    return found


def _in_words(periods: Sequence[date]) -> str:
    """One period by name; several with their number, and as from and to only where none between them is lacking."""
    first, last = f"{periods[0]:%B %Y}", f"{periods[-1]:%B %Y}"
    if len(periods) == 1:
        return first
    lies = f"from {first} to" if len(span(periods[0], periods[-1])) == len(periods) else f"between {first} and"
    return f"{len(periods)} periods {lies} {last}"
