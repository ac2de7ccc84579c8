"""Which of a publisher's archives to fetch, where each holds the months up to the one that names it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from vru.transport.names import add_months


@dataclass(frozen=True, slots=True)
class Cover:
    """The fewest archives that hold all that is wanted, as far as any does."""

    archives: tuple[date, ...]
    """Newest month inside each, newest first."""
    unavailable: tuple[date, ...]
    """Wanted months that no archive holds, ascending."""


def cover(
    wanted: Collection[date], available: Collection[date], window_months: int, held: Collection[date] = ()
) -> Cover:
    """The fewest of the `available` archives that hold the `wanted` months; a month is its first day.

    An archive holds `window_months` months and is named by the newest. From the newest month backwards the archive
    that holds most of what is wanted is taken: of intervals of one length no fewer suffice. Among equals it is the one
    with the most months that are not `held`, so that asking month by month, forwards or backwards, ends in as few
    archives as asking for the whole range; and then the latest, whose months are the most settled.
    """
    missing, kept = set(wanted), set(held)
    archives: list[date] = []
    unavailable: list[date] = []
    while missing:
        newest = max(missing)
        found = [name for step in range(window_months) if (name := add_months(newest, step)) in available]
        if not found:
            missing.remove(newest)
            unavailable.append(newest)
            continue
        holds = {name: months(name, window_months) for name in found}
        best = max(found, key=lambda name: (len(missing & holds[name]), len(holds[name] - kept), name))
        archives.append(best)
        missing -= holds[best]
        kept |= holds[best]
    return Cover(tuple(archives), tuple(sorted(unavailable)))


def months(newest: date, count: int) -> set[date]:
    """So many months up to this one."""
    return {add_months(newest, -step) for step in range(count)}


def span(first: date, last: date) -> list[date]:
    """Every month from the first to the last, ascending; none where the last is the earlier one."""
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [add_months(first, step) for step in range(count)]


def newest_due(today: date, lag_days: int) -> date:
    """The newest month of which a publisher should have an archive, so many days after the month's end."""
    return add_months((today - timedelta(days=lag_days)).replace(day=1), -1)


def in_words(wanted: Collection[date]) -> str:
    """Months as text, as in `2014-01 to 2014-08, 2015-02`."""
    runs: list[list[date]] = []
    for month in sorted(wanted):
        if runs and add_months(runs[-1][-1], 1) == month:
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(f"{run[0]:%Y-%m}" + (f" to {run[-1]:%Y-%m}" if len(run) > 1 else "") for run in runs)
