"""The feeds as a report shows them: what came of each, and its quality score with the parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from vru.disclosure import rules
from vru.disclosure.policy import load_policy
from vru.disclosure.readers import rows
from vru.periods import LONDON

#: Parts of the quality score (definitions B18), in the order in which they are shown.
PARTS = ("timeliness", "completeness", "validity", "stability", "volume")

Row = dict[str, Any]


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


def read_feeds(connection: Connection, schema: str, month: date, contents: Sequence[Row]) -> list[Feed]:
    """Every feed by title, with its `contents` counted and its score for `month` or the newest before it."""
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
                rows_admitted=amount(
                    sum(c["rows_parsed"] - c["rows_quarantined"] for c in admitted), row["personal_data"], policy
                ),
                rows_quarantined=amount(sum(c["rows_quarantined"] for c in mine), row["personal_data"], policy),
                newest_data=max(ends, default=None),
                newest_vintage=max(vintages).astimezone(LONDON).date() if vintages else None,
            )
        )
    return found


#: One row is a feed: the mean over its resources and partitions, each by its newest period up to the month.
_SCORES = """
select q.feed, max(q.period_end) as scored_to, count(*) as scored_parts, avg(q.quality_score) as quality_score,
    avg(q.timeliness_score) as timeliness_score, avg(q.completeness_score) as completeness_score,
    avg(q.validity_score) as validity_score,
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


def _scores(connection: Connection, schema: str, month: date) -> dict[str, Row]:
    """Per feed its quality score and the parts of it."""
    query = sql.SQL(_SCORES).format(sql.Identifier(schema))
    return {row["feed"]: row for row in rows(connection, query, {"month": month})}


def amount(count: int, personal_data: bool, policy: Any) -> str:
    """A number of rows as it may be shown; that of personal data only after disclosure control."""
    cell = rules.protect(count, policy, is_exempt=not personal_data)
    return policy.marker if cell.value is None else f"{cell.value:,}"


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
