"""The feeds under test: every resource of every contract, but those that `exceptions.py` leaves out with a reason."""

from __future__ import annotations

from vru.contracts import load_contracts

from tests.faults import derive
from tests.faults.exceptions import UNTESTED, own
from tests.faults.feed import CANARY_LINE, CANARY_RECORD, RECORDS, Change, Delivery, Feed, RawRow, records, written
from tests.faults.partners import ArchivePartner, Partner, zipped

__all__ = [
    "ARCHIVES", "CANARY_LINE", "CANARY_RECORD", "CATALOGUED", "DELIMITED", "FEEDS", "JSON", "KEYED", "PAGED", "PERIODS",
    "RECORDS", "RECORD_LIKE", "SERVED", "SERVED_TEXT", "SUBJECTS", "UNKEYED", "WIDE", "ArchivePartner", "Change", "Delivery", "Feed",
    "Partner", "RawRow", "named", "records", "written", "zipped",
]  # fmt: skip


def _subjects() -> tuple[Feed, ...]:
    return tuple(
        derive.feed_of(contract, resource, **own(contract.feed, resource.name))
        for contract in load_contracts().values()
        for resource in contract.resources
        if (contract.feed, resource.name) not in UNTESTED
    )


SUBJECTS = _subjects()
"""Every resource: the faults that are about the shape of a file."""
FEEDS = tuple(feed for feed in SUBJECTS if feed.is_first)
"""One resource of each feed: everything else."""
DELIMITED = tuple(feed for feed in SUBJECTS if feed.shape == "text")
WIDE = tuple(feed for feed in DELIMITED if feed.clean.split(b"\n", 1)[0].count(b",") >= 3)
"""With columns enough that a line of words with a comma is not taken for a record."""
RECORD_LIKE = tuple(feed for feed in DELIMITED if feed in WIDE or feed.is_telling)
"""With columns enough, or one whose values are no words: ninety lines that read as records are no text."""
JSON = tuple(feed for feed in SUBJECTS if feed.shape == "geojson")
SERVED = tuple(feed for feed in FEEDS if feed.partner)
"""Over HTTP."""
SERVED_TEXT = tuple(feed for feed in SERVED if feed.shape == "text")
ARCHIVES = tuple(feed for feed in SERVED if feed.kind == "archive")
CATALOGUED = tuple(feed for feed in SERVED if feed.kind == "datastore")
"""Beside a checksum."""
PAGED = tuple(feed for feed in SERVED if feed.kind in ("nomis", "arcgis"))
"""Page by page, with no checksum."""
KEYED = tuple(feed for feed in FEEDS if feed.is_keyed)
UNKEYED = tuple(feed for feed in FEEDS if not feed.is_keyed)
"""Rule 5: what looks like a repetition there is another event, and every row is kept."""
PERIODS = tuple(feed for feed in FEEDS if feed.is_period)
"""A file of one month."""


def named(label: str) -> Feed:
    """The feed that a test of its own is about."""
    return next(feed for feed in SUBJECTS if feed.label == label)
