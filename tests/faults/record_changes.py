"""What is done to the records of a clean file, of delimited text and of GeoJSON alike.

A record is its cells by header; of GeoJSON its properties, and `geometry` beside them. Numbers count from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.faults.feed import Change, Feed, collection, features, records, written

Record = dict[str, Any]
Edit = Callable[[Feed, Record], None]
"""Changes one record in place."""


def opened(feed: Feed, content: bytes) -> list[Record]:
    """The records of a clean file."""
    if feed.shape == "geojson":
        return [{**feature["properties"], "geometry": feature["geometry"]} for feature in features(content)]
    header, *rows = records(content)
    return [dict(zip(header, row, strict=True)) for row in rows]


def closed(feed: Feed, found: list[Record]) -> bytes:
    """A file of these records."""
    if feed.shape == "text":
        return written([list(found[0]), *(list(record.values()) for record in found)])
    return collection(
        [
            {
                "type": "Feature",
                "geometry": record["geometry"],
                "properties": {name: value for name, value in record.items() if name != "geometry"},
            }
            for record in found
        ]
    )


def edited(edit: Edit, numbers: Iterable[int] | None = None) -> Change:
    """These records changed; all of them where none are named."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = opened(feed, content)
        for number in range(len(found)) if numbers is None else numbers:
            before = dict(found[number])
            edit(feed, found[number])
            assert found[number] != before, "the record was so already"
        return closed(feed, found)

    return change


def kept(is_kept: Callable[[Feed, Record], bool]) -> Change:
    """Only the records that are so; at least one is not."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = opened(feed, content)
        left = [record for record in found if is_kept(feed, record)]
        assert 0 < len(left) < len(found)
        return closed(feed, left)

    return change


def with_copies(number: int, *edits: Edit, at: int | None = None) -> Change:
    """Copies of one record, each changed by an edit, right behind it, or in front of the record `at`."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = opened(feed, content)
        copies = []
        for edit in edits:
            copy = dict(found[number])
            edit(feed, copy)
            copies.append(copy)
        place = number + 1 if at is None else at
        return closed(feed, [*found[:place], *copies, *found[place:]])

    return change


def alike(feed: Feed, record: Record) -> None:
    """A copy as it is."""


def cell(values: dict[str, tuple[str, Any]]) -> Edit:
    """One cell by feed: its header, and the value that is put there or the function that makes it of the present one."""

    def edit(feed: Feed, record: Record) -> None:
        header, value = values[feed.label]
        assert header in record
        record[header] = value(record[header]) if callable(value) else value

    return edit


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(feed: Feed, record: Record) -> None:
        for one in edits:
            one(feed, record)

    return edit
