"""What a fetch may take at most; tests shrink these."""

from __future__ import annotations

from dataclasses import dataclass, field

from vru.landing.workbook import WorkbookLimits

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in bytes."""

    connect_seconds: float = 10.0
    idle_seconds: float = 60.0
    """Without one byte from the other side."""
    total_seconds: float = 1800.0
    """For one try of one address with its redirects, from connecting to the last byte."""
    attempts: int = 4
    backoff_seconds: float = 0.5
    """A wait is drawn between 0 and this, doubled after every try ("full jitter", AWS, 2015)."""
    backoff_cap_seconds: float = 30.0
    retry_after_cap_seconds: float = 120.0
    max_redirects: int = 5
    max_bytes: int = 4 * GIB
    """Of one file."""
    page_bytes: int = 256 * MIB
    """Of one answer that is held in memory: a page of an API, a catalogue."""
    max_pages: int = 10_000
    settle_seconds: float = 1.0
    """Between two looks at the files of a folder, which tell those that still grow."""
    quiet_seconds: float = 60.0
    """Without a write or any other change, after which a file needs no pause before the second look."""
    zip_members: int = 8_000
    """36 months of 44 forces and 3 kinds of file are about 4,800."""
    zip_member_bytes: int = 1 * GIB
    zip_total_bytes: int = 64 * GIB
    zip_ratio: int = 200
    """Unpacked to packed size of one member; police CSV is about 10."""
    zip_ratio_floor_bytes: int = 64 * KIB
    """Members that unpack to less are not judged by their ratio."""
    workbook: WorkbookLimits = field(default_factory=WorkbookLimits)
