"""R12, the public-source exemption: what anyone could count in one open release need not be hidden.

A cell is exempt only if all of this holds: every unit of its period was read from the same release; the feed is
open (a known open licence, no personal data, no column withheld); and the rows of the landed bytes, counted
again by their own columns, give exactly the same number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from vru.disclosure.policy import Policy, Recount

if TYPE_CHECKING:
    from vru.contracts import Contract
    from vru.landing import Landing


@dataclass(frozen=True)
class Release:
    """One file that a publisher issued, as we landed it."""

    batch_id: int
    feed: str
    resource: str
    sha256: str
    file_name: str
    url: str
    vintage_at: Any
    licence: str
    personal_data: bool
    container_sha256: str | None = None
    member_name: str | None = None

    def is_open(self, policy: Policy) -> bool:
        """Whether its licence lets anyone have it and no person stands in it by name or reference."""
        return self.licence in policy.open_licences and not self.personal_data


#: Sum of the count column by (period, area); an area of None is a blank cell.
Counted = Mapping[tuple[date, str | None], int]


def recount(release: Release, how: Recount, contract: Contract, landing: Landing) -> Counted:
    """Count the rows of the landed bytes of ``release`` again.

    Raises what landing and parsing raise when the bytes are gone, or no longer readable under the contract.
    """
    import vru.parsing

    counted: Counter[tuple[date, str | None]] = Counter()
    if release.container_sha256 is None:
        opened = landing.open(release.sha256)
    else:
        opened = landing.open_member(release.container_sha256, release.member_name or "")
    with opened as stream:
        for chunk in vru.parsing.read(contract, release.resource, stream, file_name=release.file_name):
            columns = [how.period_column, how.area_column, how.count_column]
            for period, area, count in chunk.frame.select(columns).iter_rows():
                counted[(period, area)] += int(count)
    return counted


def count_of(counted: Counted, months: Iterable[date], area: str | None = None) -> int:
    """Events of ``counted`` in ``months``, in one area or (None) in all of them."""
    wanted = set(months)
    return sum(n for (month, name), n in counted.items() if month in wanted and area in (None, name))


@dataclass(frozen=True)
class Evidence:
    """What the exemption of a measure is judged by.

    ``source_of``: (month, column) -> batches that the build read it from; column '' is the rows as a whole.
    ``counted``: batch -> its landed bytes counted again. ``releases``: batch -> the file.
    """

    how: Recount
    policy: Policy
    source_of: Mapping[tuple[date, str], frozenset[int]]
    counted: Mapping[int, Counted]
    releases: Mapping[int, Release]

    def release_of(self, months: Iterable[date], column: str = "") -> Release | None:
        """The one release behind all of ``months``; None where there are several, or none."""
        batches: set[int] = set()
        for month in months:
            found = self.source_of.get((month, column))
            if not found:
                return None
            batches |= found
        return self.releases.get(batches.pop()) if len(batches) == 1 else None

    def is_exempt(self, count: int | None, months: list[date], area: str | None = None) -> bool:
        """Whether ``count`` (events of ``months``, in ``area`` or in all areas) stands in one open release."""
        if count is None or not months:
            return False
        release = self.release_of(months, self.how.area_column if area is not None else "")
        if release is None or not release.is_open(self.policy) or release.batch_id not in self.counted:
            return False
        return count_of(self.counted[release.batch_id], months, area) == count
