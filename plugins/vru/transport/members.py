"""The files of a feed inside a landed archive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from vru.received import Named, Received
from vru.transport.model import Landed
from vru.transport.names import base_name, match
from vru.transport.source import Source, Vintage, joined, vintage
from vru.transport.ziparchive import ZipArchive


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds of a feed."""

    received: tuple[Received, ...]
    """The members asked for."""
    months: tuple[date, ...]
    """Every period of which it has a member of the feed, asked for or not; ascending."""
    is_filtered: bool
    """Some members were not asked for."""


def read_members(
    source: Source,
    landed: Landed,
    *,
    source_url: str,
    stated: Vintage,
    manifest_line: int | None = None,
    warning: str = "",
) -> Contents:
    """Every member whose base name fits a pattern of the contract and whose period is wanted, in name order.

    Where nothing outside states a vintage, the newest time written in the archive does. Raises SourceError
    for an archive that is damaged or not safe to read; then none of its members counts.
    """
    contract = source.contract
    with source.landing.open(landed.sha256) as stream:
        archive = ZipArchive(stream, landed, source.limits)
        found = {name: says for name in sorted(archive.names) if (says := match(contract, name))}
        wanted = [name for name, says in found.items() if source.wants(says.period_start, says.period_end)]
        if stated.at is None and not stated.warning:
            stated = vintage(archive.written_at, "last_modified", source.now)
        received = tuple(
            Received(
                resource=found[member.name].resource,
                partition=found[member.name].partition,
                period_start=found[member.name].period_start,
                period_end=found[member.name].period_end,
                sha256=member.sha256,
                size_bytes=member.size_bytes,
                file_name=base_name(member.name),
                source_url=source_url,
                vintage_at=stated.at,
                vintage_source=stated.source,
                manifest_line=manifest_line,
                # the directory states size and CRC of every member, and both hold
                is_whole=True,
                container_sha256=landed.sha256,
                member_name=member.name,
                warning=joined(stated.warning, warning),
            )
            for member in archive.read(wanted)
        )
    return Contents(received, _periods(found), len(wanted) < len(found))


def list_periods(source: Source, landed: Landed) -> tuple[date, ...]:
    """The periods of which a landed archive has a member of the feed; ascending. Raises SourceError."""
    with source.landing.open(landed.sha256) as stream:
        names = ZipArchive(stream, landed, source.limits).names
    return _periods({name: says for name in names if (says := match(source.contract, name))})


def _periods(found: dict[str, Named]) -> tuple[date, ...]:
    return tuple(sorted({says.period_start for says in found.values() if says.period_start}))
