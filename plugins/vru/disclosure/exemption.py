"""R12, the public-source exemption: what anyone could count in one open release need not be hidden.

A cell is exempt only if all of this holds: every unit of its period was read from the same release; the feed is
open (a known open licence, no personal data, no column withheld); its bytes are the publisher's own, because we fetched
them from the publisher's public address or a person confirmed it; and the rows of the landed bytes, counted again by
their own columns, give exactly the same number. Where they give another, the mart is wrong and its table is withheld.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vru.disclosure.policy import Policy, Recount

if TYPE_CHECKING:
    from vru.contracts import Contract
    from vru.landing import Landing


@dataclass(frozen=True)
class Release:
    """One file that a publisher issued, as we landed it. ``public_id`` is its name where its own must not be shown."""

    batch_id: int
    feed: str
    resource: str
    sha256: str
    file_name: str
    url: str
    vintage_at: Any
    licence: str
    personal_data: bool
    is_publishers: bool
    public_id: str
    container_sha256: str | None = None
    member_name: str | None = None

    def is_countable(self, policy: Policy) -> bool:
        """Whether its licence lets anyone have it and no person stands in it by name or reference."""
        return self.licence in policy.open_licences and not self.personal_data

    def is_open(self, policy: Policy) -> bool:
        """Whether anyone can have these very bytes: the exemption may rest on it."""
        return self.is_countable(policy) and self.is_publishers


def is_public_address(url: str, contract: Contract) -> bool:
    """Whether bytes from this address are the publisher's: its own https host, or the sandbox in its place."""
    parts = urlsplit(url)
    return parts.scheme == "sandbox" or (parts.scheme == "https" and parts.hostname in contract.allowed_hosts)


#: Sum of the count column by (period, area); an area of None is a blank cell.
Counted = Mapping[tuple[date, str | None], int]


def recount(release: Release, how: Recount, contract: Contract, landing: Landing) -> Counted:
    """Count the rows of the landed bytes of ``release`` again.

    Raises what landing and parsing raise when the bytes are gone, or no longer readable under the contract.
    """
    import polars as pl

    import vru.parsing

    counted: Counter[tuple[date, str | None]] = Counter()
    if release.container_sha256 is None:
        opened = landing.open(release.sha256)
    else:
        opened = landing.open_member(release.container_sha256, release.member_name or "")
    with opened as stream:
        for chunk in vru.parsing.read(contract, release.resource, stream, file_name=release.file_name):
            rows = chunk.frame
            for column, values in how.where.items():
                rows = rows.filter(pl.col(column).is_in(values))
            columns = [how.period_column, how.area_column, how.count_column]
            for period, area, count in rows.select(columns).iter_rows():
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
    ``counted``: batch -> its landed bytes counted again. ``releases``: batch -> the file. Without ``how`` nothing is
    exempt.
    """

    how: Recount | None
    policy: Policy
    source_of: Mapping[tuple[date, str], frozenset[int]]
    counted: Mapping[int, Counted]
    releases: Mapping[int, Release]

    def release_of(self, months: Iterable[date], area: str | None = None) -> Release | None:
        """The one release behind all of ``months`` (of one area: behind its column); None for several, or none."""
        column = self.how.area_column if area is not None and self.how else ""
        batches: set[int] = set()
        for month in months:
            found = self.source_of.get((month, column))
            if not found:
                return None
            batches |= found
        return self.releases.get(batches.pop()) if len(batches) == 1 else None

    def is_exempt(self, count: int | None, months: list[date], area: str | None = None) -> bool:
        """Whether ``count`` (events of ``months``, in ``area`` or in all areas) stands in one open release."""
        release = self._counted_release(count, months, area)
        return (
            release is not None and release.is_open(self.policy)
            and count_of(self.counted[release.batch_id], months, area) == count
        )  # fmt: skip

    def differs(self, count: int | None, months: list[date], area: str | None = None) -> bool:
        """Whether the one release behind ``count`` says another number."""
        release = self._counted_release(count, months, area)
        return release is not None and count_of(self.counted[release.batch_id], months, area) != count

    def _counted_release(self, count: int | None, months: list[date], area: str | None) -> Release | None:
        if count is None or not months:
            return None
        release = self.release_of(months, area)
        return release if release is not None and release.batch_id in self.counted else None
