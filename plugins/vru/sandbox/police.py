"""What the data.police.uk files share: the forces, the release calendar and the 36-month window.

Sources: the layout of the archive and its names as in a public copy of data.police.uk/data/archive;
line ends as in the real copies (City of London CRLF, Metropolitan LF; for the others assumed).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from vru.sandbox import events, months

WINDOW_MONTHS = 36
RELEASE_LAG_MONTHS, RELEASE_DAY = 2, 28


@dataclass(frozen=True)
class Force:
    """A police force as data.police.uk names and formats it."""

    slug: str
    name: str
    newline: str
    street_rows: int
    stop_rows: int
    no_location: str


FORCES: tuple[Force, ...] = (
    Force("btp", "British Transport Police", "\r\n", 15, 10, "No location"),
    Force("city-of-london", "City of London Police", "\r\n", 25, 10, "No Location"),
    Force("kent", "Kent Police", "\n", 12, 6, "No Location"),
    Force("metropolitan", "Metropolitan Police Service", "\n", 250, 120, "No location"),
)


def released_at(release: date) -> datetime:
    """When the release whose newest month is `release` was published."""
    month = months.add_months(release, RELEASE_LAG_MONTHS)
    return datetime(month.year, month.month, RELEASE_DAY, 9, 30, tzinfo=UTC)


def latest_release(today: date) -> date:
    """The newest month published by this day."""
    release = months.add_months(months.first_day(today), -RELEASE_LAG_MONTHS)
    return release if released_at(release).date() <= today else months.add_months(release, -1)


def is_published(release: date, today: date) -> bool:
    """Whether an archive of this name exists on this day."""
    return events.FIRST_MONTH <= release <= latest_release(today)


def window(release: date) -> list[date]:
    """The months in one archive, oldest first."""
    start = max(months.add_months(release, 1 - WINDOW_MONTHS), events.FIRST_MONTH)
    return list(months.month_range(start, release))
