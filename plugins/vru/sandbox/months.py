"""Arithmetic on months; a month is the date of its first day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def first_day(day: date) -> date:
    """The month that holds this day."""
    return day.replace(day=1)


def add_months(month: date, count: int) -> date:
    """The month that lies `count` months after this one."""
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)


def months_between(start: date, end: date) -> int:
    """How many months lie from `start` to `end`; negative if `end` is earlier."""
    return (end.year - start.year) * 12 + end.month - start.month


def month_range(start: date, end: date) -> Iterator[date]:
    """Every month from `start` to `end`, both included."""
    for step in range(months_between(start, end) + 1):
        yield add_months(start, step)


def last_day(month: date) -> date:
    """The last day of the month."""
    return add_months(month, 1) - timedelta(days=1)


def month_text(month: date) -> str:
    """`YYYY-MM`."""
    return f"{month.year:04d}-{month.month:02d}"


def parse_month(text: str) -> date | None:
    """The month that `YYYY-MM` names, or None if it names none."""
    year, dash, month = text.partition("-")
    if dash and len(year) == 4 and len(month) == 2 and (year + month).isdigit() and 1 <= int(month) <= 12:
        return date(int(year), int(month), 1) if int(year) else None
    return None
