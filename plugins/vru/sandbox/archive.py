"""The data.police.uk archive: one ZIP per release, a complete snapshot of up to 36 months."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from vru.sandbox import events, months, police, stop_search, street

COMPRESSION_LEVEL = 6
UNIX = 3


def members(seed: int, release: date) -> Iterator[tuple[str, bytes]]:
    """Name and content of every member, in the order of the archive; what was not submitted is absent."""
    for month in police.window(release):
        folder = months.month_text(month)
        for force in police.FORCES:
            for kind in (events.OUTCOMES, events.STOP_AND_SEARCH, events.STREET):
                if events.is_missing(force.slug, kind, month, release):
                    continue
                if kind == events.STREET:
                    content = street.street_csv(seed, force, month, release)
                elif kind == events.OUTCOMES:
                    content = street.outcomes_csv(seed, force, month)
                else:
                    content = stop_search.stop_search_csv(seed, force, month)
                yield f"{folder}/{folder}-{force.slug}-{kind}.csv", content


@lru_cache(maxsize=8)
def archive_zip(seed: int, release: date) -> bytes:
    """The bytes of one archive; every member carries the time of the release, so they never vary."""
    stamp = police.released_at(release)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL) as target:
        for name, content in members(seed, release):
            entry = zipfile.ZipInfo(name, (stamp.year, stamp.month, stamp.day, stamp.hour, stamp.minute, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = UNIX
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content)
    return buffer.getvalue()


def truncated(content: bytes) -> bytes:
    """A file that was cut while it was written: the central directory is gone, the length agrees."""
    return content[: len(content) * 3 // 5]
