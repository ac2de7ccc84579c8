"""How each feed stands on a day: read from `ops.feed_status`, which alone works it out, and said in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from vru.periods import london_day

OVERDUE = ("silent", "nothing yet", "late")
"""Standings of a feed that owes something."""


@dataclass(frozen=True)
class FeedStatus:
    """One feed on a day; fields are the columns of `ops.feed_status`. Parts and score are 0 to 100."""

    feed: str
    title: str
    standing: str
    data_up_to: date | None
    newest_issue: date | None
    due_on: date | None
    days_late: int
    late_partitions: list[str]
    partition_count: int
    owed_count: int
    asked_on: date | None
    outcome: str | None
    reason: str
    timeliness: float | None
    completeness: float | None
    validity: float | None
    stability: float | None
    volume: float | None
    lowest_part: str | None
    score: float | None
    weight_version: int
    severity: int

    @property
    def is_on_time(self) -> bool:
        """Whether nothing has to be said of it."""
        return self.standing == "on time"

    @property
    def is_overdue(self) -> bool:
        """Whether it owes something today."""
        return self.standing in OVERDUE

    @property
    def headline(self) -> str:
        """One line, as in 'Title: silent, 226 days late'; '' where nothing is the matter."""
        return "" if self.is_on_time else f"{self.title}: {self.words}"

    @property
    def words(self) -> str:
        """What is the matter, without the feed's name; '' where nothing is."""
        return _WORDS[self.standing](self) + (f" ({self.reason})" if self.reason and self.is_overdue else "")


def read(
    connection: Connection, today: date, known_at: datetime | None = None, admitted_at: datetime | None = None
) -> list[FeedStatus]:
    """Every feed as it stands on the day, at (K, W), the one that needs work most first."""
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute("select * from ops.feed_status(%s, %s, %s)", (known_at, admitted_at, today))
        return [FeedStatus(**{name: _plain(name, value) for name, value in row.items()}) for row in cursor.fetchall()]


def read_now(today: date) -> list[FeedStatus]:
    """Every feed as it stands on the day, by what is known now."""
    from vru.warehouse.engine import raw_connection

    connection = raw_connection("loader", name="status of feeds")
    try:
        return read(connection, today)
    finally:
        connection.close()


def _plain(name: str, value: Any) -> Any:
    numeric = ("timeliness", "completeness", "validity", "stability", "volume", "score")
    return float(value) if name in numeric and value is not None else value


def _late(feed: FeedStatus) -> str:
    whose = ""
    if 0 < len(feed.late_partitions) < feed.partition_count:
        whose = f"{', '.join(feed.late_partitions)} "
    return f"{whose}{days(feed.days_late)} late, due on {day(feed.due_on)}"


def _nothing(feed: FeedStatus) -> str:
    return "nothing has come yet" if feed.asked_on is None else "asked for, and nothing has come yet"


_WORDS: dict[str, Callable[[FeedStatus], str]] = {
    "silent": lambda feed: f"silent, {days(feed.days_late)} late",
    "nothing yet": _nothing,
    "late": _late,
    "held": lambda feed: f"newest file held: {feed.reason}",
    "rejected": lambda feed: f"newest file rejected: {feed.reason}",
    "refused": lambda feed: f"newest download refused: {feed.reason}",
    "failed": lambda feed: f"could not be asked: {feed.reason}",
    "on time": lambda _: "",
}


def days(count: int) -> str:
    """1 day, or 1,234 days."""
    return "1 day" if count == 1 else f"{count:,} days"


def day(value: date | datetime | None) -> str:
    """1 March 2022; of an instant its day in London."""
    if value is None:
        return "an unknown day"
    found = london_day(value)
    return f"{found.day} {found:%B %Y}"
