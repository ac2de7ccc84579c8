"""What is done to the records of a clean file, of delimited text and of GeoJSON alike.

A record is its cells by header; of GeoJSON its properties, and `geometry` beside them. Numbers count from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.faults.feed import Change, Feed, Record, closed, opened

Edit = Callable[[Feed, Record], None]
"""Changes one record in place."""


def edited(edit: Edit, numbers: Iterable[int] | None = None) -> Change:
    """These records changed; all of them where none are named."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = opened(feed.shape, content)
        for number in range(len(found)) if numbers is None else numbers:
            before = dict(found[number])
            edit(feed, found[number])
            assert found[number] != before, "the record was so already"
        return closed(feed.shape, found)

    return change


def kept(is_kept: Callable[[Feed, Record], bool]) -> Change:
    """Only the records that are so; at least one is not."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = opened(feed.shape, content)
        left = [record for record in found if is_kept(feed, record)]
        assert 0 < len(left) < len(found)
        return closed(feed.shape, left)

    return change


def with_copies(number: int, *edits: Edit, at: int | None = None) -> Change:
    """Copies of one record, each changed by an edit, right behind it, or in front of the record `at`."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = opened(feed.shape, content)
        copies = []
        for edit in edits:
            copy = dict(found[number])
            edit(feed, copy)
            copies.append(copy)
        place = number + 1 if at is None else at
        return closed(feed.shape, [*found[:place], *copies, *found[place:]])

    return change


def alike(feed: Feed, record: Record) -> None:
    """A copy as it is."""


def cell(header: Callable[[Feed], str], value: Callable[[Feed, Any], Any]) -> Edit:
    """One cell: the column that plays a part, and what is made of its present value."""

    def edit(feed: Feed, record: Record) -> None:
        name = header(feed)
        assert name in record
        record[name] = value(feed, record[name])

    return edit


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(feed: Feed, record: Record) -> None:
        for one in edits:
            one(feed, record)

    return edit
