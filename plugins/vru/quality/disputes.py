"""Which of several lists is used where they disagree on a column: a pure function of what they say.

Lists are taken in order of statement, whoever came first. Each joins the side of those that it agrees with; the first
one stands on the leading side. Only the leading side is in use, and until something decides it is disputed. A side is
confirmed once two of its lists are witnesses of their own, or a person released one of them; a list that has exactly
the disputed values of another is the same witness. A side that is confirmed while the leading one is not takes its
place. A list that fails a check of its own is neither used nor a witness.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import combinations
from typing import NamedTuple


class Days(NamedTuple):
    """From the first day up to, and without, the last."""

    first: date
    until: date

    def shares(self, other: Days) -> bool:
        """Whether both have a day in common."""
        return self.first < other.until and other.first < self.until

    def holds(self, other: Days) -> bool:
        """Whether the other lies within."""
        return self.first <= other.first and other.until <= self.until


ALWAYS = Days(date.min, date.max)
Cells = Mapping[tuple[date, Hashable], int]
"""Rows by unit and value of the column."""


@dataclass(frozen=True)
class Claim:
    """One sound list, in what it says of one column. `fails` are the days on which it fails a check of its own."""

    batch_id: int
    sha256: str
    fails: tuple[Days, ...] = ()
    is_released: bool = False


@dataclass(frozen=True)
class Difference:
    """How a later list compares with an earlier one: the days on which a check finds that they differ, by that check.

    `is_comparable` is False where nothing in common could be compared.
    """

    differs: Mapping[str, tuple[Days, ...]] = field(default_factory=dict)
    is_comparable: bool = True


@dataclass(frozen=True)
class Standing:
    """How a list stands on some days: in use, perhaps disputed by others, or withheld as it differs from `against`."""

    days: Days
    is_withheld: bool = False
    check_id: str = ""
    against: int | None = None
    is_open: bool = False
    """Nothing has decided yet."""
    disputed_by: tuple[int, ...] = ()


Compare = Callable[[Claim, Claim], Difference]
"""The later list, then the earlier one."""


def standings(claims: Sequence[Claim], compare: Compare, cells: Callable[[Claim], Cells]) -> dict[int, list[Standing]]:
    """How each list stands, by batch_id, in stretches of days that follow each other from ever to ever.

    `claims` are in order of statement. `compare` and `cells` are asked only for what is needed.
    """
    found: dict[int, list[Standing]] = {claim.batch_id: [] for claim in claims}
    waiting = [ALWAYS]
    while waiting:
        days = waiting.pop(0)
        try:
            settled = _Settled(days, compare, cells).of(claims)
        except _NotAlike as cut:
            waiting[:0] = [Days(days.first, cut.at), Days(cut.at, days.until)]
            continue
        for batch_id, standing in settled.items():
            found[batch_id].append(standing)
    return {batch_id: list(_joined(parts)) for batch_id, parts in found.items()}


def _joined(parts: Iterable[Standing]) -> Iterator[Standing]:
    """Neighbouring stretches that say the same, as one."""
    last: Standing | None = None
    for part in parts:
        if last is not None and replace(part, days=last.days) == last:
            last = replace(last, days=Days(last.days.first, part.days.until))
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


class _NotAlike(Exception):  # noqa: N818 # no error: where a stretch must be cut
    def __init__(self, at: date) -> None:
        self.at = at


@dataclass
class _Side:
    members: list[Claim]
    check_id: str = ""
    against: int | None = None
    """The check by which its first list differs, and from which one."""
    is_released: bool = False


class _Settled:
    """The sides on some days, on which every answer is one answer."""

    def __init__(self, days: Days, compare: Compare, cells: Callable[[Claim], Cells]) -> None:
        self._days, self._compare, self._cells = days, compare, cells
        self._sides: list[_Side] = []
        self._leader = 0

    def of(self, claims: Sequence[Claim]) -> dict[int, Standing]:
        """Raises _NotAlike where the stretch must be cut."""
        for claim in claims:
            self._place(claim)
        found: dict[int, Standing] = {}
        for side in self._sides:
            leader = self._sides[self._leader]
            others = [o for o in self._sides if o is not leader and self._is_open(leader, o)]
            for claim in side.members:
                if side is leader:
                    by = () if self._fails(claim) else tuple(self._witnesses(o)[0].batch_id for o in others)
                    found[claim.batch_id] = Standing(self._days, disputed_by=by)
                elif claim.is_released:
                    found[claim.batch_id] = Standing(self._days)
                else:
                    check_id, against = self._why(side, leader)
                    found[claim.batch_id] = Standing(
                        self._days, is_withheld=True, check_id=check_id, against=against,
                        is_open=side in others or not self._witnesses(leader),
                    )  # fmt: skip
        return found

    def _place(self, claim: Claim) -> None:
        if not self._sides:
            self._sides.append(_Side([claim], is_released=claim.is_released))
            return
        by_rank = [self._sides[self._leader]]
        by_rank += [s for s in reversed(self._sides) if s is not by_rank[0]]
        why, against = "", None
        for side in by_rank:
            check_id, other = self._differs(claim, side)
            if side is by_rank[0]:
                why, against = check_id, other
            if not check_id and (other is not None or side is by_rank[0]):
                home = side
                home.members.append(claim)
                break
        else:
            home = _Side([claim], why, against)
            self._sides.append(home)
        leader = self._sides[self._leader]
        if claim.is_released:
            home.is_released = True
            self._leader = self._sides.index(home)
        elif home is not leader and self._is_confirmed(home, leader) and not self._is_confirmed(leader, home):
            self._leader = self._sides.index(home)

    def _differs(self, claim: Claim, side: _Side) -> tuple[str, int | None]:
        """The check that tells the claim from a side ('' if none does), and which list told; None if none could."""
        members = side.members
        for member in sorted(members, key=lambda m: (not self._fails(m), members.index(m)), reverse=True):
            if member.sha256 == claim.sha256:
                return "", member.batch_id
            found = self._compare(claim, member)
            if found.is_comparable:
                check_id = next((name for name, days in found.differs.items() if self._is_within(days)), "")
                return check_id, member.batch_id
        return "", None

    def _is_open(self, leader: _Side, other: _Side) -> bool:
        """Whether nothing has decided between the leading side and another."""
        return bool(self._witnesses(other)) and not self._is_confirmed(leader, other)

    def _is_confirmed(self, side: _Side, other: _Side) -> bool:
        """Whether a person released one of the side's lists, or two of them are witnesses of their own."""
        if side.is_released:
            return True
        against = (self._witnesses(other) or other.members)[0]
        return any(self._is_another(one, two, against) for one, two in combinations(self._witnesses(side), 2))

    def _is_another(self, one: Claim, two: Claim, against: Claim) -> bool:
        """Whether the second is no mere copy of what the first says where that one and a third differ."""
        if one.sha256 == two.sha256:
            return False
        mine, again, other = (self._cells(claim) for claim in (one, two, against))
        known = {unit for unit, _ in mine} & {unit for unit, _ in again} & {unit for unit, _ in other}
        return any(
            mine.get(cell, 0) != again.get(cell, 0)
            for cell in {*mine, *other}
            if cell[0] in known
            and self._days.first <= cell[0] < self._days.until
            and mine.get(cell, 0) != other.get(cell, 0)
        )

    def _why(self, side: _Side, leader: _Side) -> tuple[str, int | None]:
        """Why a side is withheld: the check by which it and the leading one differ, and from which list."""
        if side.check_id:
            return side.check_id, leader.members[0].batch_id
        return leader.check_id, leader.members[0].batch_id

    def _witnesses(self, side: _Side) -> list[Claim]:
        return [claim for claim in side.members if not self._fails(claim)]

    def _fails(self, claim: Claim) -> bool:
        return self._is_within(claim.fails)

    def _is_within(self, stretches: Iterable[Days]) -> bool:
        """Whether some days hold the whole of these. Raises _NotAlike where they hold a part."""
        for days in stretches:
            if days.holds(self._days):
                return True
            if days.shares(self._days):
                raise _NotAlike(days.first if days.first > self._days.first else days.until)
        return False
