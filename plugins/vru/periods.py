"""Days, months, quarters and years: all arithmetic on calendar units, and the time zone in which a day is a day.

A month is written as its first day. Nothing here knows of feeds or of the database.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from vru.spelling import hyphenated

LONDON_NAME = "Europe/London"
LONDON = ZoneInfo(LONDON_NAME)
"""The day of an instant is its day in London."""

Grain = Literal["none", "day", "month", "quarter", "year"]
"""The unit in which a partner restates."""

_MONTHS = {"month": 1, "quarter": 3, "year": 12}

_NAMES = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
_NAME = re.compile(rf"(?<![a-z])({'|'.join(f'{name[:3]}(?:{name[3:]})?' for name in _NAMES)}|sept)(?![a-z])\.?", re.I)
"""A month by its name or a short form of it: newer British exports write `Sept`, and some a full stop behind."""


def unit_start(day: date, grain: Grain) -> date:
    """First day of the unit of the grain that holds the day; the day itself for grain none."""
    match grain:
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
        case "day" | "none":
            return day


def unit_end(day: date, grain: Grain) -> date:
    """Last day of the unit of the grain that holds the day; the day itself for grain none."""
    if grain in ("day", "none"):
        return day
    return last_day(shifted(unit_start(day, grain), _MONTHS[grain] - 1))


def last_day(month: date) -> date:
    """The last day of the month that holds this day."""
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def london_day(instant: date | datetime) -> date:
    """The day of an instant in London; a date is its own."""
    return instant.astimezone(LONDON).date() if isinstance(instant, datetime) else instant


def shifted(month: date, count: int) -> date:
    """The first day of the month `count` months after (before, if negative) the one that holds this day."""
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)


def months_between(earlier: date, later: date) -> int:
    """How many months the second lies after the first."""
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def months_up_to(newest: date, count: int) -> set[date]:
    """So many months up to this one."""
    return {shifted(newest, -step) for step in range(count)}


def span(first: date, last: date) -> list[date]:
    """Every month from the first to the last, ascending; none where the last is the earlier one."""
    return [shifted(first, step) for step in range(months_between(first, last) + 1)]


def newest_due(today: date, lag_days: int) -> date:
    """The newest month that is due today, where a month is due so many days after its end."""
    return shifted(today - timedelta(days=lag_days), -1)


def in_words(months: Collection[date]) -> str:
    """Months as text, as in `2014-01 to 2014-08, 2015-02`."""
    runs: list[list[date]] = []
    for month in sorted(months):
        if runs and shifted(runs[-1][-1], 1) == month:
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(f"{run[0]:%Y-%m}" + (f" to {run[-1]:%Y-%m}" if len(run) > 1 else "") for run in runs)


def read_time(text: str, formats: Iterable[str]) -> datetime | None:
    """What the first of some strptime formats that fits reads in the text; None where none fits.

    A month may stand there by its name or any short form of it, whichever the format has; a dash of any kind is a
    hyphen. Two-digit years 00-68 are 2000-2068 (POSIX). Digits are 0 to 9.
    """
    text = hyphenated(text)
    if not text.isascii():
        return None
    short = _NAME.sub(lambda found: _named(found)[:3], text)
    long = _NAME.sub(_named, text)
    for spelled in dict.fromkeys((text, short, long)):
        for form in formats:
            try:
                return datetime.strptime(spelled, form)  # noqa: DTZ007 - the caller adds the zone
            except ValueError:
                continue
    return None


def _named(found: re.Match[str]) -> str:
    """The month's whole name."""
    return next(name for name in _NAMES if name.lower().startswith(found[1][:3].lower()))
