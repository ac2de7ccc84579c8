"""Row 17: what is too large is refused without being held in memory, by a reader in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults.feeds import SUBJECTS, Feed

MEGABYTES = 200
ROOM_MB = 96
"""More than the reader takes for a sound file: a block, a record or a page of what it may read, a few times over."""

READER = """
import itertools, json, resource, sys

from vru.contracts import load_contract
from vru.parsing import Unreadable, read

feed, resource_name, file_name, start, megabytes = sys.argv[1:]


class Endless:
    "A file with a start, and then so many megabytes without an end of line."

    def __init__(self):
        self.parts = itertools.chain([start.encode()], itertools.repeat(b"Quillfeather wood" * 61680, int(megabytes)))
        self.rest = b""

    def read(self, size=-1):
        while 0 <= len(self.rest) < size and (more := next(self.parts, None)):
            self.rest += more
        found, self.rest = self.rest[:size], self.rest[size:]
        return found


code = "sound"
try:
    for chunk in read(load_contract(feed), resource_name, Endless(), file_name=file_name):
        pass
except Unreadable as error:
    code = error.code
print(json.dumps([code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""
"""Prints what was found, and the most memory that the process ever had, in megabytes."""


def reader(feed: Feed, start: str, megabytes: int) -> tuple[str, int]:
    """What a reader says of such a file, and its peak of memory in megabytes."""
    arguments = [feed.name, feed.resource, feed.file_name, start, str(megabytes)]
    done = subprocess.run(
        [sys.executable, "-c", READER, *arguments], capture_output=True, text=True, check=True, timeout=240
    )
    code, peak = json.loads(done.stdout)
    return code, peak


def starts(feed: Feed) -> dict[str, str]:
    """Where a file may begin to have no end: in its header, in a cell, in a quoted cell; of GeoJSON in a name."""
    text = feed.clean.decode()
    if feed.shape == "geojson":
        return {"text": text[: text.index("Quill")]}
    header = text[: text.index("\n")]
    return {"header": header, "line": f"{header}\n", "quoted": f'{header}\n"'}


@pytest.mark.deep
@pytest.mark.parametrize(
    ("feed", "where"), [pytest.param(feed, w, id=f"{w}-{feed.label}") for feed in SUBJECTS for w in starts(feed)]
)
def test_200_mb_without_an_end_are_refused_in_bounded_memory(feed: Feed, where: str) -> None:
    sound, usual = reader(feed, feed.clean.decode(), 0)
    code, peak = reader(feed, starts(feed)[where], MEGABYTES)
    assert sound == "sound"
    assert code in ("header_too_long", "record_too_long", "cell_too_long", "bad_quote", "page_too_long")
    limit = ROOM_MB if feed.shape == "text" else 2 * ROOM_MB
    assert peak - usual < limit, f"{peak} MB, {usual} MB for a sound file"
