"""What goes wrong at which partner in which month.

A month of the sandbox is counted from its first today: tick 0 is October 2022, each `next` adds one.
Up to tick 0 only what is known of the real feeds happens (the City of London Police delivered October and
November 2017 two or more months late: economicpolicycentre.com). From then on every month one delivery
is late and one earlier month is restated, and every third month one partner's file is broken; it is
sound again a month later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from vru.sandbox import months
from vru.sandbox.clock import FIRST_TODAY

STREET, OUTCOMES, STOP_AND_SEARCH = "street", "outcomes", "stop-and-search"
FIRST_MONTH = date(2014, 1, 1)
FIRST_RELEASE_AFTER_START = date(2022, 8, 1)
BROKEN_PARTNERS = ("homicide", "police_archive", "nomis", "arcgis")

_LATE_IN_2017 = {date(2017, 10, 1), date(2017, 11, 1)}
_LATE_2017_ARRIVE = date(2018, 1, 1)


@dataclass(frozen=True)
class LateDelivery:
    """One force whose newest month is missing in the release where it was due."""

    force: str
    kinds: tuple[str, ...]


def tick(today: date) -> int:
    """How often `next` was asked for."""
    return months.months_between(FIRST_TODAY, today)


def late_delivery(release: date) -> LateDelivery | None:
    """Who is late with the newest month of this data.police.uk release."""
    number = months.months_between(FIRST_RELEASE_AFTER_START, release)
    if number < 0:
        return None
    return (
        LateDelivery("city-of-london", (STREET, OUTCOMES, STOP_AND_SEARCH)),
        LateDelivery("btp", (STREET, OUTCOMES, STOP_AND_SEARCH)),
        LateDelivery("metropolitan", (STOP_AND_SEARCH,)),
    )[number % 3]


def is_missing(force: str, kind: str, month: date, release: date) -> bool:
    """Whether this release lacks the member because the force had not submitted it yet."""
    if force == "city-of-london" and month in _LATE_IN_2017:
        return release < _LATE_2017_ARRIVE
    late = late_delivery(release) if month == release else None
    return late is not None and late.force == force and kind in late.kinds


def restated_month(release: date) -> tuple[str, date] | None:
    """The force and the settled month that this release restates; none before there is one."""
    number = months.months_between(FIRST_MONTH, release)
    month = months.add_months(release, -5 - number * 3 % 7)
    if month < FIRST_MONTH:
        return None
    return ("city-of-london" if number % 5 == 0 else "metropolitan"), month


def broken_partner(today: date) -> str | None:
    """The partner whose file is broken this month."""
    number = tick(today)
    if number < 2 or number % 3 != 2:
        return None
    return BROKEN_PARTNERS[number // 3 % len(BROKEN_PARTNERS)]


def is_homicide_late(quarter_end_year: int, quarter: int) -> bool:
    """Whether the homicide file for this quarter comes a month late (the fourth, in every second year)."""
    return quarter == 4 and quarter_end_year >= 2022 and quarter_end_year % 2 == 0
