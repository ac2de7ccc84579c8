"""The rule of what is current, in plain Python, to be read beside the design.

It is written from the design's "What is received, and what is current" and "A check may withhold a column", in their
order and their words, and never from the SQL that it is compared with. An instant is a whole number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import inf
from typing import NamedTuple

Period = tuple[date, date]
"""First and last day."""

COUNTS = "admitted"
"""The one status in which a batch counts."""


@dataclass(frozen=True)
class Resource:
    """What its contract says of it."""

    mode: str
    grain: str
    withholdable: tuple[str, ...] = ()
    has_children: bool = False
    """Of an upsert: a second resource, of the same mode, has rows that belong to the records of this one."""


OF_CHILDREN = "children"
"""The second resource; the first is ''."""


@dataclass(frozen=True)
class Content:
    """These bytes for this partition and period, as far as these are stated; two empty months are two contents."""

    text: str
    partition: str | None = None
    period: Period | None = None
    of: str = ""
    """The resource."""

    @property
    def stated(self) -> tuple[str | None, Period | None]:
        """What is stated about the bytes."""
        return self.partition, self.period

    def __str__(self) -> str:
        return " ".join(
            [
                *([self.of] if self.of else []),
                self.text,
                *([] if self.partition is None else [repr(self.partition), days(self.period)]),
            ]
        )


@dataclass(frozen=True)
class Delivery:
    """A partner's statement: this content is how things stood at `vintage_at`."""

    content: Content
    vintage_at: int
    received_at: int
    line: int | None = None

    @property
    def place(self) -> tuple[int, float, int]:
        """Newest is the highest of these; a line in a manifest is above none."""
        return self.vintage_at, -inf if self.line is None else self.line, self.received_at


@dataclass(frozen=True)
class Parse:
    """What one contract version reads from a content."""

    partition: str = ""
    period: Period | None = None
    holds: frozenset[str] = frozenset()
    """Replace keys of which it has rows."""
    removes: frozenset[str] = frozenset()
    """Replace keys of which it has a withdrawn marker."""

    def __str__(self) -> str:
        keys = [f"{word} {', '.join(sorted(which))}" for word, which in
                (("rows of", self.holds), ("a marker of", self.removes)) if which]  # fmt: skip
        return " ".join([repr(self.partition), days(self.period), *keys])


@dataclass
class Batch:
    """One content, parsed once under one contract version, with what became of it and since when."""

    number: int
    content: Content
    version: int
    parse: Parse
    statuses: list[tuple[int, str]]
    withheld: list[tuple[str, int, int | None]] = field(default_factory=list)
    """Column, withheld at, lifted at (None: never)."""
    audited_at: int | None = None

    def status_at(self, instant: float) -> str | None:
        """The status that it had then; None before it was there."""
        return next((status for since, status in reversed(self.statuses) if since <= instant), None)

    def withheld_at(self, instant: float) -> frozenset[str]:
        """The columns that no measure might use then."""
        return frozenset(
            column for column, since, until in self.withheld if since <= instant and (until is None or until > instant)
        )

    @property
    def status(self) -> str:
        """The status that it has."""
        return self.statuses[-1][1]

    @property
    def is_sound(self) -> bool:
        """Whether later vintages may be compared with it: it counts, or passed and waits to."""
        return self.status == COUNTS or (self.status == "parsed" and self.audited_at is not None)


class Current(NamedTuple):
    """One unit and the batch that it comes from.

    `column` is '' for the rows, whose `withheld` columns are not to be read, else the column that measures need.
    """

    of: str
    column: str
    partition: str
    first_day: date | None
    last_day: date | None
    key: str
    batch: int
    vintage_at: int
    withheld: frozenset[str]


class Counting(NamedTuple):
    """A delivery that counts, with the batch that its content stands for."""

    delivery: Delivery
    batch: Batch


@dataclass
class Ledger:
    """What was received of one resource, and of the rows that belong to its records."""

    resource: Resource
    deliveries: list[Delivery] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)

    def receive(self, at: int, content: Content, vintage_at: int | None, line: int | None = None) -> None:
        """Note a statement; without a date it is one only if its content is not what was stated last already."""
        if vintage_at is None and self._is_stated_last(content):
            return
        vintage_at = at if vintage_at is None else min(vintage_at, at)
        if not any((d.content, d.vintage_at) == (content, vintage_at) for d in self.deliveries):
            self.deliveries.append(Delivery(content, vintage_at, at, line))

    def _is_stated_last(self, content: Content) -> bool:
        """Whether nothing that counts was stated after this content, of the same partition and period."""
        counts = {b.content for b in self.batches if b.status == COUNTS} | {content}
        places = [(d.place, d.content) for d in self.deliveries if d.content in counts]
        same = [(place, c) for place, c in places if (c.of, c.stated) == (content.of, content.stated)]
        return bool(same) and max(same, key=lambda found: found[0])[1] == content

    def parsed(self, content: Content, version: int) -> Batch | None:
        """The batch of a content under a contract version: the same bytes are never parsed twice under one."""
        return next((b for b in self.batches if (b.content, b.version) == (content, version)), None)

    def earlier_sound(self, batch: Batch, column: str = "") -> int | None:
        """The batch of the newest sound vintage stated before its own, with which it is compared; None if none was.

        It was stated first before; what is compared is other bytes of the same partition and, where each delivery is a
        period of its own, of some of the same days.
        """
        own = min(delivery.place for delivery in self.deliveries if delivery.content == batch.content)
        standing = {b.content: b for b in sorted(self.batches, key=lambda b: b.version) if b.is_sound}
        before = [
            (d.place, standing[d.content])
            for d in self.deliveries
            if d.place < own
            and d.content in standing
            and d.content.of == batch.content.of
            and d.content.text != batch.content.text
        ]
        comparable = [
            (place, other)
            for place, other in before
            if other.parse.partition == batch.parse.partition
            and column not in other.withheld_at(inf)
            and (self.resource.mode != "period" or share_days(other.parse.period, batch.parse.period))
        ]
        return max(comparable, key=lambda found: found[0])[1].number if comparable else None

    def current(self, known_at: int | None = None, admitted_at: int | None = None) -> set[Current]:
        """What is current at (K, W); None is now."""
        known = inf if known_at is None else known_at
        admitted = inf if admitted_at is None else admitted_at
        return set(self._current(known, admitted))

    def _current(self, known: float, admitted: float) -> Iterator[Current]:
        # What partners had stated by K, of what we had received by W
        stated = [d for d in self.deliveries if d.vintage_at <= known and d.received_at <= admitted]
        # 1. A content stands for its admitted batch with the newest contract version;
        #    deliveries of contents that have none do not count.
        standing = self._standing(admitted)
        counts = [Counting(d, standing[d.content]) for d in stated if d.content in standing]
        counts.sort(key=lambda one: one.delivery.place, reverse=True)
        for of in ("", OF_CHILDREN):
            yield from self._current_of(of, [one for one in counts if one.delivery.content.of == of], counts, admitted)

    def _current_of(
        self, of: str, counting: list[Counting], everything: list[Counting], admitted: float
    ) -> Iterator[Current]:
        for column in ("", *self.resource.withholdable):
            # measures that need a column come from the newest delivery where it is sound
            sound = [one for one in counting if column not in one.batch.withheld_at(admitted)]
            # 2. Then by the delivery mode, per partition
            for partition in sorted({one.batch.parse.partition for one in sound}):
                newest_first = [one for one in sound if one.batch.parse.partition == partition]
                for first_day, last_day, key, (delivery, batch) in self._by_mode(of, newest_first, everything):
                    yield Current(
                        of, column, partition, first_day, last_day, key, batch.number, delivery.vintage_at,
                        frozenset() if column else batch.withheld_at(admitted),
                    )  # fmt: skip

    def _standing(self, admitted: float) -> dict[Content, Batch]:
        in_order = sorted(self.batches, key=lambda batch: batch.version)
        return {batch.content: batch for batch in in_order if batch.status_at(admitted) == COUNTS}

    def _by_mode(
        self, of: str, newest_first: list[Counting], everything: list[Counting]
    ) -> Iterator[tuple[date | None, date | None, str, Counting]]:
        """First and last day, replace key and what is current there."""
        mode, grain = self.resource.mode, self.resource.grain
        if mode in ("snapshot", "period") and grain != "none":
            # for each unit of the grain within the period, the newest delivery that covers it
            for first_day, last_day in sorted(
                {u for one in newest_first for u in units(one.batch.parse.period, grain)}
            ):
                covers = (one for one in newest_first if (first_day, last_day) in units(one.batch.parse.period, grain))
                yield first_day, last_day, "", next(covers)
        elif mode in ("snapshot", "period"):
            # with grain none, the newest delivery
            for one in newest_first[:1]:
                yield *whole(one), "", one
        elif mode == "append":
            # every content, once
            for content in {one.delivery.content for one in newest_first}:
                one = next(one for one in newest_first if one.delivery.content == content)
                yield *whole(one), "", one
        elif of == OF_CHILDREN:
            # child tables whole, per parent key: of each record from the newest delivery that holds it, be it by rows
            # that belong to it or because it came with the record; with a withdrawn record they are gone
            parents = [one for one in everything if one.delivery.content.of == ""]
            for key in sorted({key for one in newest_first for key in said_of(one, parents)}):
                one = next(one for one in newest_first if key in said_of(one, parents))
                same = [p for p in parents if p.batch.parse.partition == one.batch.parse.partition]
                newest = next((p for p in same if key in all_keys(p)), None)
                if newest is None or key not in newest.batch.parse.removes:
                    yield *whole(one), key, one
        elif mode == "upsert":
            # for each replace key, the rows of the newest delivery that holds it; a withdrawn marker removes it
            for key in sorted({key for one in newest_first for key in all_keys(one)}):
                one = next(one for one in newest_first if key in all_keys(one))
                if key not in one.batch.parse.removes:
                    yield *whole(one), key, one


def whole(one: Counting) -> tuple[date | None, date | None]:
    """The whole period of a batch, which is not cut into units."""
    return one.batch.parse.period or (None, None)


def all_keys(one: Counting) -> frozenset[str]:
    """The replace keys that a batch says anything of."""
    return one.batch.parse.holds | one.batch.parse.removes


def said_of(child: Counting, parents: list[Counting]) -> frozenset[str]:
    """The records of which a batch of rows that belong to them says everything, if only that there are none."""
    came_together = [
        all_keys(parent)
        for parent in parents
        if parent.batch.parse.partition == child.batch.parse.partition
        and parent.delivery.vintage_at == child.delivery.vintage_at
    ]
    return child.batch.parse.holds.union(*came_together)


def share_days(one: Period | None, other: Period | None) -> bool:
    """Whether two periods have a day in common."""
    return one is not None and other is not None and one[0] <= other[1] and other[0] <= one[1]


def units(period: Period | None, grain: str) -> list[Period]:
    """First and last day of each unit of the grain within a period, which is one of whole units."""
    if period is None:
        return []
    found = []
    first_day = period[0]
    while first_day <= period[1]:
        next_first = following(first_day, grain)
        found.append((first_day, next_first - timedelta(days=1)))
        first_day = next_first
    return found


def days(period: Period | None) -> str:
    """First and last day, for a message."""
    return f"{period[0]}..{period[1]}" if period else "no days"


def following(first_day: date, grain: str) -> date:
    """The first day of the unit after the one that begins on this day."""
    if grain == "day":
        return first_day + timedelta(days=1)
    months = {"month": 1, "quarter": 3, "year": 12}[grain]
    month = first_day.month - 1 + months
    return date(first_day.year + month // 12, month % 12 + 1, 1)


def described(rows: Iterable[Current]) -> list[str]:
    """Rows in words, for a message."""
    return [
        f"{row.of} {row.column or 'rows'}: partition {row.partition!r}, {row.first_day}..{row.last_day}"
        f"{f', key {row.key}' if row.key else ''} <- batch {row.batch}, vintage {row.vintage_at}"
        f"{f', withheld {sorted(row.withheld)}' if row.withheld else ''}"
        for row in sorted(rows, key=str)
    ]
