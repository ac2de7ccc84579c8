"""The one entrance: asks a feed's source, by the kind of transport that its contract names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from vru.contracts import Arcgis, Archive, Contract, Datastore, Nomis
from vru.periods import london_day
from vru.settings import PROFILES
from vru.transport import arcgis, archive, datastore, nomis
from vru.transport import inbox as from_inbox
from vru.transport.addresses import Addresses
from vru.transport.http import Http
from vru.transport.limits import Limits
from vru.transport.model import Asked, History, Landing, Progress
from vru.transport.source import Source


def fetch(
    contract: Contract,
    *,
    profile: str,
    base_url: str | None,
    landing: Landing,
    history: History,
    inbox: Path | None = None,
    file: Path | None = None,
    since: date | None = None,
    until: date | None = None,
    period: date | None = None,
    now: datetime,
    today: date | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> Iterator[Asked]:
    """Ask the feed's source, and yield one `Asked` for every question as soon as it is answered.

    `file` is taken whatever the profile; profile `files` reads `inbox/<feed>/`, and so does every profile for a feed
    that comes that way: where there is no inbox, nothing is due. Else `sandbox` and `live` use the contract's
    transport, the sandbox with every `https://HOST/PATH` at `base_url/HOST/PATH`. `since` alone asks for
    the present and for every month back to that one; `since` with `until`, or `period` for one month, for that past
    only (any day of a month stands for it). They limit what is asked for where a source states periods. `now` has
    a time zone; no vintage is later than it. `today` (that of `now` unless given) tells what should be published by
    now. What a source does wrong is an outcome; only a call that makes no sense raises ValueError.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile '{profile}' is unknown; use one of {', '.join(PROFILES)}")
    if now.tzinfo is None:
        raise ValueError("'now' needs a time zone; use datetime.now(UTC)")
    if period is not None:
        if since is not None or until is not None:
            raise ValueError("give 'since' or 'period', not both")
        since = until = period
    if until is not None and (since is None or since > until):
        raise ValueError("'until' is the last month of a range that 'since' begins")
    source = Source(
        contract,
        landing,
        history,
        limits,
        now,
        since.replace(day=1) if since else None,
        until.replace(day=1) if until else None,
        today or london_day(now),
    )
    if file is not None:
        return from_inbox.fetch_file(source, file)
    if profile == "files" or contract.transport.kind == "inbox":
        if inbox is None and profile == "files":
            raise ValueError(f"feed {contract.feed} is read from the inbox; give its folder (--inbox or VRU_INBOX)")
        return from_inbox.fetch_folder(source, inbox)
    if (profile == "sandbox") != (base_url is not None):
        raise ValueError("'base_url' is given exactly in profile sandbox")
    return _over_http(source, Addresses(contract.allowed_hosts, base_url), progress)


def has_only_the_present(contract: Contract) -> bool:
    """Whether every delivery of the feed replaces the one before, so that nothing can be asked for the past."""
    return all(resource.delivery == "snapshot" for resource in contract.resources)


def _over_http(source: Source, addresses: Addresses, progress: Progress | None) -> Iterator[Asked]:
    transport = source.contract.transport
    with Http(addresses, source.landing, source.limits, progress) as http:
        match transport:
            case Archive():
                yield from archive.fetch(source, transport, http)
            case Datastore():
                yield from datastore.fetch(source, transport, http)
            case Nomis():
                yield from nomis.fetch(source, transport, http)
            case Arcgis():
                yield from arcgis.fetch(source, transport, http)
