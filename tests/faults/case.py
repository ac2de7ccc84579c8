"""What a case of the table is: a fault, how the file comes, and what must come of it.

Source: the bad-input table (44 rows of five variants), its scope words and rules, and the design's statuses and exit
codes; never what the code happens to do.

Scopes: File rejects where the bytes cannot be read and holds where a check fails; Row quarantines the row, and
holds the file over the feed's tolerance (1 % of rows, none where a row is a person); Accept loads exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, Literal

from tests.faults.feed import RECORDS, Change, Feed

Status = Literal["admitted", "held", "rejected", "refused", "failed"]
"""Of the file's batch; `refused` and `failed` are of the attempt, where no file came and no batch may be."""

EXIT_CODES = {"admitted": 0, "held": 1, "rejected": 1, "refused": 1, "failed": 3}
"""0 done; 1 the data fell short; 3 something broke (here the connection). 2, wrong use, no file can cause."""


class Channel(Enum):
    """How the file comes."""

    LOOSE = auto()
    """Given by hand, no manifest beside it."""
    DATED = auto()
    """Given by hand; the manifest states its vintage."""
    COUNTED = auto()
    """The manifest states also how many rows the clean file has."""
    SEALED = auto()
    """The manifest states also the sha256 of the clean file."""
    PROVED = auto()
    """The manifest states also the sha256 of the file as it is."""
    PARTNER = auto()
    """Over HTTP: the partner offers the changed file, in its catalogue or archive, whose checksums agree."""
    WIRE = auto()
    """Over HTTP: the body is changed on its way; catalogue, archive and Content-Length know nothing of it."""
    CATALOGUE = auto()
    """Over HTTP: the catalogue itself is answered with the changed body."""
    FAULT = auto()
    """Over HTTP: the sandbox's fault of the variant's name, or the case's `fault`, every time."""
    FAULT_ONCE = auto()
    """Over HTTP: it fails so once."""


BY_HAND = (Channel.LOOSE, Channel.DATED, Channel.COUNTED, Channel.SEALED, Channel.PROVED)


@dataclass(frozen=True)
class Expect:
    """What must come of one file.

    `codes`: one of them opens the reason of batch or attempt (for an admitted file with rows in quarantine: none).
    `records`: rows in the file, as far as it can be read; each is in raw or in quarantine. `lines`: those in
    quarantine, each for `check`. `lost`: records of the clean file that are therefore not in raw.
    """

    status: Status
    codes: tuple[str, ...] = ()
    line: int | None = None
    records: int = 0
    lines: tuple[int, ...] = ()
    check: str = ""
    also: tuple[tuple[int, str], ...] = ()
    """Lines in quarantine for another check: too, or instead."""
    lost: tuple[int, ...] = ()
    in_reason: tuple[str, ...] = ()
    warning: str = ""
    never_stored: tuple[str, ...] = ()
    tries: int | None = None
    is_exact: bool = False
    """Raw holds what Python's csv module reads from the very bytes, what is in quarantine apart."""
    is_clean: bool = False
    """And that is what it reads from the clean file, the lines apart."""


Expected = Callable[[Feed], Expect]


def rejected(*codes: str, line: int | None = None, tries: int | None = None, in_reason: str = "") -> Expected:
    """The bytes cannot be read as the contract says."""
    named = (in_reason,) if in_reason else ()
    return lambda feed: Expect("rejected", codes, line, tries=tries, in_reason=named)


def without_header(new: Callable[[str], str] | None = None) -> Expected:
    """A required header is missing: the reason names it, and the unknown one that stands there instead."""
    return lambda feed: Expect(
        "rejected", ("missing_column",), 1, in_reason=(feed.required, new(feed.required) if new else feed.required)
    )


def held(code: str, records: int, lost: tuple[int, ...] = ()) -> Expected:
    """Every record can be read, and a check of the whole fails."""
    return lambda feed: Expect("held", (code,), records=records, lost=lost)


def rows(
    check: str,
    *lines: int,
    records: int = RECORDS,
    lost: tuple[int, ...] = (),
    never_stored: tuple[str, ...] = (),
) -> Expected:
    """These lines go to quarantine; over the tolerance of the feed the file is held."""

    def expect(feed: Feed) -> Expect:
        found = Expect("admitted", records=records, lines=lines, check=check, lost=lost, never_stored=never_stored)
        if len(lines) * 100 <= feed.tolerance_pct * records:
            return found
        return replace(found, status="held", codes=("quarantine_over_tolerance",), line=lines[0])

    return expect


def of_cell(feed: Feed, record: int, header: str, check: str, records: int = RECORDS) -> Expect:
    """A record goes to quarantine for one of its cells.

    A bad value of the key, or a day that may be a month, holds the file, however few they are.
    """
    found = rows(check, feed.line(record), records=records, lost=(record,))(feed)
    if found.status == "admitted" and feed.column(header).name in feed.declared.key:
        return replace(found, status="held", codes=("bad_value_in_key",))
    if found.status == "admitted" and check == "day_month_swap":
        return replace(found, status="held", codes=(check,), line=feed.line(record))
    return found


def with_cell(feed: Feed, record: int, header: str, cells: Mapping[str, Any], records: int = RECORDS) -> Expect:
    """What becomes of a file whose record now has these cells, of which one changed: whether it can stay."""
    check = feed.fault(header, cells)
    return (
        of_cell(feed, record, header, check, records) if check else Expect("admitted", records=records, is_exact=True)
    )


def and_held(code: str, found: Expect) -> Expect:
    """A check of the whole fails too, but what is wrong with rows is said first; raw holds every other record exactly."""
    exactly = replace(found, is_exact=True, is_clean=False)
    return exactly if found.status == "held" else replace(exactly, status="held", codes=(code,), line=None)


def exact(
    *, is_clean: bool = True, warning: str = "", never_stored: tuple[str, ...] = (), tries: int | None = None
) -> Expected:
    """Every record is loaded exactly."""
    found = Expect(
        "admitted", records=RECORDS, warning=warning, never_stored=never_stored, tries=tries, is_exact=True,
        is_clean=is_clean,
    )  # fmt: skip
    return lambda feed: found


def refused(*codes: str, tries: int = 1) -> Expected:
    """The partner answered, but not with what is due."""
    return lambda feed: Expect("refused", codes, tries=tries)


def failed(*codes: str, tries: int = 4) -> Expected:
    """The partner gave no whole answer, however often it was asked."""
    return lambda feed: Expect("failed", codes, tries=tries)


def by_feed(expected: Mapping[str, Expected]) -> Expected:
    """Another answer for each feed."""
    return lambda feed: expected[feed.label](feed)


def to(feeds: Iterable[Feed], expected: Expected) -> dict[str, Expected]:
    """The same answer for some feeds, for `by_feed`."""
    return {feed.label: expected for feed in feeds}


@dataclass(frozen=True)
class Case:
    """One line of the table; it runs for every feed, or for those of `only`."""

    row: int
    variant: str
    change: Change
    expect: Expected
    channel: Channel = Channel.DATED
    note: str = ""
    content_type: str | None = None
    fault: str = ""
    """Kind of the sandbox's fault, where it is not called like the variant."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Of the fault."""
    file_name: str = ""
    """Where it is not the feed's own."""
    is_deep: bool = False
    """Too long for the share that `make test` runs."""
    only: tuple[Feed, ...] | None = None
    """None: every feed."""

    @property
    def name(self) -> str:
        """`bi<row>_<variant>`, and the note."""
        return f"bi{self.row}_{self.variant}" + (f"-{self.note}" if self.note else "")


Variants = dict[int, tuple[str, ...]]
"""The five variants of each row."""
