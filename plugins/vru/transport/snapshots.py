"""Which of a publisher's archives to fetch, where each holds the months up to the one that names it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from vru.periods import months_up_to, shifted


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
        found = [name for step in range(window_months) if (name := shifted(newest, step)) in available]
        if not found:
            missing.remove(newest)
            unavailable.append(newest)
            continue
        holds = {name: months_up_to(name, window_months) for name in found}
        best = max(found, key=lambda name: (len(missing & holds[name]), len(holds[name] - kept), name))
        archives.append(best)
        missing -= holds[best]
        kept |= holds[best]
    return Cover(tuple(archives), tuple(sorted(unavailable)))
