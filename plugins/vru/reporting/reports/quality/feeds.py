"""The feeds as a report shows them: what came of each, and how it stands on the day of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection

from vru.disclosure import rules
from vru.disclosure.policy import load_policy
from vru.disclosure.readers import rows
from vru.periods import london_day
from vru.reporting.model import Asked
from vru.warehouse import feed_status
from vru.warehouse.feed_status import FeedStatus

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
    personal_data: bool
    cadence_days: int
    status: FeedStatus
    files: Mapping[str, int]
    rows_admitted: str
    rows_quarantined: str
    newest_vintage: date | None

    @property
    def not_applied(self) -> list[str]:
        """Parts of the score that do not apply to this feed."""
        return [name for name in PARTS if self.parts[name] is None]

    @property
    def parts(self) -> dict[str, float | None]:
        """Each part of its score; None where it does not apply."""
        return {name: getattr(self.status, name) for name in PARTS}


def read_feeds(connection: Connection, asked: Asked, contents: Sequence[Row]) -> list[Feed]:
    """Every feed by title, with its `contents` counted, as it stands on the day of the report."""
    policy = load_policy()
    standing = {s.feed: s for s in feed_status.read(connection, asked.today, asked.known_at, asked.admitted_at)}
    found = []
    for row in rows(
        connection,
        "select feed, title, publisher, licence, attribution, personal_data, cadence_days from ops.feed order by title",
    ):
        mine = [c for c in contents if c["feed"] == row["feed"]]
        admitted = [c for c in mine if c["state"] == "admitted"]
        vintages = [c["vintage_at"] for c in admitted if c["vintage_at"]]
        # whether the newest answer was new or unchanged is not told, so that it makes no other page
        status = replace(standing[row["feed"]], outcome=None)
        if status.reason:
            status = replace(status, reason=reason_of(status.reason, row["personal_data"]))
        found.append(
            Feed(
                **row,
                status=status,
                files={
                    state: sum(c["state"] == state for c in mine)
                    for state in ("admitted", "held", "rejected", "withdrawn", "waiting")
                },
                rows_admitted=amount(
                    sum(c["rows_parsed"] - c["rows_quarantined"] for c in admitted), row["personal_data"], policy
                ),
                rows_quarantined=amount(sum(c["rows_quarantined"] for c in mine), row["personal_data"], policy),
                newest_vintage=london_day(max(vintages)) if vintages else None,
            )
        )
    return found


def reason_of(reason: str, personal_data: bool) -> str:
    """Why, in full; of personal data only the name of the check, since the words may count its rows (R12a)."""
    if personal_data:
        named = re.match(r"([a-z0-9_]+):", reason)
        return named[1] if named else "not shown"
    return reason or "no reason recorded"


def amount(count: int, personal_data: bool, policy: Any) -> str:
    """A number of rows as it may be shown; that of personal data only after disclosure control."""
    cell = rules.protect(count, policy, is_exempt=not personal_data)
    return policy.marker if cell.value is None else f"{cell.value:,}"
