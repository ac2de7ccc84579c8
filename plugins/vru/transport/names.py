"""What a file name says about its content."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath

from vru.contracts import Contract
from vru.contracts.model import Grain
from vru.transport.model import Named

_BLANKS = re.compile(r"[_\s]+")


def base_name(file_name: str) -> str:
    """The last part of a path, whichever slashes it is written with."""
    return PurePosixPath(file_name.replace("\\", "/")).name


def match(contract: Contract, file_name: str) -> Named | None:
    """What the first fitting pattern of the contract reads from this name; None if none fits.

    A name whose period is no date does not fit.
    """
    name = _BLANKS.sub("-", base_name(file_name))
    for resource in contract.resources:
        for known in resource.names:
            found = re.search(known.pattern, name, re.IGNORECASE)
            if found is None:
                continue
            groups = found.groupdict()
            partition, text = groups.get("partition"), groups.get("period")
            start = end = None
            if text is not None:
                try:
                    day = datetime.strptime(text, known.period_format).date()  # noqa: DTZ007 - a date has no zone
                except ValueError:
                    continue
                start, end = unit(day, resource.grain)
            return Named(resource.name, partition.lower() if partition else None, start, end)
    return None


def named(contract: Contract, file_name: str) -> Named | None:
    """As `match`; a feed with one resource gives that one whatever the name."""
    found = match(contract, file_name)
    if found is None and len(contract.resources) == 1:
        return Named(contract.resources[0].name, None, None, None)
    return found


def unit(day: date, grain: Grain) -> tuple[date, date | None]:
    """First and last day of the unit of this grain that holds the day; grain none has no last day."""
    if grain == "month":
        return day.replace(day=1), last_day(day)
    if grain == "quarter":
        start = date(day.year, day.month - (day.month - 1) % 3, 1)
        return start, add_months(start, 3) - timedelta(days=1)
    if grain == "year":
        return date(day.year, 1, 1), date(day.year, 12, 31)
    return day, day if grain == "day" else None


def last_day(month: date) -> date:
    """The last day of the month that holds this day."""
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def add_months(month: date, count: int) -> date:
    """The first day of the month `count` months after this one."""
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)
