"""R9 and R10: which cells of a family of tables are hidden, so that no attacker narrows a hidden one too far.

The attacker knows all that was published, every known sum, the earlier releases, and this very procedure with its
tie-break. What keeps that knowledge harmless is that each step depends only on what the step before would have shown:

0. Counts in the range of R1 are hidden, and cells that an earlier release hid and that changed by few records since.
1. A table in which k cells were hidden second is *safe* if every hidden cell keeps enough possible values over exact
   tables that lead to the same picture: those whose hidden cells all are small, if the picture is safe for k = 0;
   else those in which k cells were hidden second. Each of these k is at least 8, and the procedure, run on such a
   table, must really arrive here: every step before must have been unsafe. What is safe for fewer than k is safe.
   Where several sums connect the cells, that search would cost too much: there a picture is also safe if every hidden
   cell keeps enough values for an attacker who is told which cells were hidden second (each at least 8 to them, and no
   larger than what stayed visible).
2. If it is not safe, the smallest visible cell that shares a sum with an unsafe one is hidden, by its published value;
   ties go to the first in order. Then step 1 again. Where no more can be hidden, the tables of the cells are withheld.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice, product

from vru.disclosure import rules
from vru.disclosure.attacker import ENDLESS, Bounds, Sum, attack, components
from vru.disclosure.policy import Policy

ANY = Bounds(0, ENDLESS)

SECONDS = 8
"""Cells of one connected part that may be hidden second before it is withheld: more are not worth their doubt."""
WORLDS = (0, 400, 400, 100, *[0] * (SECONDS - 3))
"""Tables that are tried for k = 1, 2, 3 ... cells hidden second before a picture counts as unsafe."""


@dataclass(frozen=True)
class Figure:
    """One exact count on its way out; None is unknown.

    ``window`` is what earlier releases of the same cell tell of the present count, ``is_kept_hidden`` whether one of
    them hid it and it changed by so few records since that it must stay hidden.
    """

    count: int | None
    is_exempt: bool = False
    window: Bounds = ANY
    is_kept_hidden: bool = False


@dataclass
class Protected:
    """Cells as they may be published; ``withheld`` are those that no suppression protects."""

    cells: list[rules.Cell]
    withheld: set[int] = field(default_factory=set)


def protect(figures: Sequence[Figure], sums: Sequence[Sum], policy: Policy) -> Protected:
    """Protect ``figures``, of which an attacker knows the ``sums``. Unknown figures take no part in any sum."""
    cells = [
        rules.hidden(policy)
        if f.is_kept_hidden and not f.is_exempt and f.count
        else rules.protect(f.count, policy, is_exempt=f.is_exempt)
        for f in figures
    ]
    done = Protected(cells)
    if not any(cell.is_suppressed for cell in cells):
        return done
    # whatever could be hidden connects, whether its present rounding leaves it a choice or not
    free = [Bounds(0, 0) if f.is_exempt or not f.count else Bounds(0, ENDLESS) for f in figures]
    for numbers, own in components(free, sums):
        if not any(cells[i].is_suppressed for i in numbers):
            continue
        part = _Part(figures, numbers, own, policy)
        hidden = part.settle()
        if hidden is None:
            done.withheld |= set(numbers)
            hidden = {i for i in numbers if figures[i].count and not figures[i].is_exempt}
        for i in hidden:
            done.cells[i] = rules.hidden(policy)
    return done


def attack_published(
    figures: Sequence[Figure], cells: Sequence[rules.Cell], sums: Sequence[Sum], policy: Policy
) -> dict[int, Bounds]:
    """Bounds of every hidden cell for an attacker who is told which were hidden for their own sake (R1).

    A cell that was hidden second may be any count to them, as the figures alone do not say which it is.
    """
    reach = []
    for figure, cell in zip(figures, cells, strict=True):
        if cell.is_suppressed:
            is_small = figure.count is not None and figure.count <= policy.redact_to
            high = policy.redact_to if is_small and not figure.is_kept_hidden else ENDLESS
            reach.append(Bounds(policy.redact_from, high).within(figure.window))
        else:
            reach.append(_reach(figure, cell, policy))
    return attack(reach, sums, [i for i, cell in enumerate(cells) if cell.is_suppressed])


def shown_bounds(value: int, policy: Policy) -> Bounds:
    """The counts that a rounded ``value`` may stand for."""
    if value == 0:
        return Bounds(0, 0)
    half = (policy.round_to - 1) // 2
    return Bounds(max(value - half, policy.redact_to + 1), value + half)


def _reach(figure: Figure, cell: rules.Cell, policy: Policy) -> Bounds:
    if cell.is_suppressed:
        if figure.is_kept_hidden:
            return Bounds(1, ENDLESS).within(figure.window)
        return Bounds(policy.redact_from, policy.redact_to).within(figure.window)
    if cell.value is None:
        return Bounds(0, 0)
    if cell.is_exempt:
        return Bounds(cell.value, cell.value)
    return shown_bounds(cell.value, policy).within(figure.window)


class _Part:
    """Cells that known sums connect, and how many of them must be hidden."""

    def __init__(self, figures: Sequence[Figure], numbers: Sequence[int], sums: Sequence[Sum], policy: Policy) -> None:
        self.policy = policy
        self.numbers = list(numbers)
        self.windows = {i: figures[i].window for i in numbers}
        self.kept = frozenset(i for i in numbers if figures[i].is_kept_hidden and not figures[i].is_exempt)
        self.fixed = {i: int(f.count or 0) for i, f in enumerate(figures) if f.is_exempt or not f.count}
        self.first = {
            i: None if i in self.kept or policy.redact_from <= int(figures[i].count or 0) <= policy.redact_to
            else rules.round_count(int(figures[i].count or 0), policy)
            for i in numbers
            if i not in self.fixed
        }  # fmt: skip
        self.sums = _merged(sums, self.fixed)
        self.is_simple = len(self.sums) <= 1
        self.size = len(figures)
        self.known: dict[tuple[frozenset[int], tuple[tuple[int, int], ...], int], frozenset[int]] = {}

    def settle(self) -> set[int] | None:
        """The cells to hide; None where even that does not protect them."""
        shown = {i: value for i, value in self.first.items() if value is not None}
        hidden = frozenset(i for i, value in self.first.items() if value is None)
        small = hidden
        for seconds in range(SECONDS + 1):
            if not self.unsafe(hidden, shown, seconds) or self.is_safe_if_told(small, hidden, shown):
                return set(hidden)
            choice = self.choice(hidden, shown)
            if choice is None:
                break
            hidden, shown = hidden | {choice}, {i: v for i, v in shown.items() if i != choice}
        return None

    def choice(self, hidden: frozenset[int], shown: Mapping[int, int]) -> int | None:
        """The smallest visible cell in a sum with an unsafe one; else the smallest of all; None where none is left."""
        unsafe = self.unsafe(hidden, shown, 0)
        near = {i for known in self.sums if unsafe & known.parts.keys() for i in known.parts if i in shown}
        candidates = [(shown[i], i) for i in (near or shown)]
        return min(candidates)[1] if candidates else None

    def unsafe(self, hidden: frozenset[int], shown: Mapping[int, int], seconds: int) -> frozenset[int]:
        """Hidden cells with too few possible values where ``seconds`` of them were hidden second."""
        key = (hidden, tuple(sorted(shown.items())), seconds)
        if key not in self.known:
            self.known[key] = self._unsafe(hidden, shown, seconds)
        return self.known[key]

    def _unsafe(self, hidden: frozenset[int], shown: Mapping[int, int], seconds: int) -> frozenset[int]:
        if seconds and not self.unsafe(hidden, shown, seconds - 1):
            return frozenset()
        if seconds and (not self.is_simple or not WORLDS[seconds]):
            return self.unsafe(hidden, shown, 0 if not self.is_simple else seconds - 1)
        enough = self.policy.minimum_possible_values
        small = Bounds(self.policy.redact_from, self.policy.redact_to)
        possible: dict[int, set[int]] = {i: set() for i in hidden}
        tried = islice(self.profiles(hidden, shown, seconds), WORLDS[seconds]) if seconds else iter([{}])
        for second in tried:
            if seconds and not self.arrives(hidden, shown, second):
                continue
            worlds = {i: shown_bounds(second[i], self.policy) if i in second else small for i in hidden}
            for i, bounds in self.attack(worlds, shown, enough).items():
                possible[i] |= set(range(bounds.low, min(bounds.high, bounds.low + 2 * enough) + 1))
            if all(len(values) >= enough for values in possible.values()):
                break
        return frozenset(i for i in hidden if len(possible[i]) < enough)

    def is_safe_if_told(self, small: frozenset[int], hidden: frozenset[int], shown: Mapping[int, int]) -> bool:
        """Whether even who is told which cells were hidden second cannot narrow a hidden one too far."""
        if self.is_simple:
            return False  # who knows the procedure may know more here: `unsafe` has tried that
        of_range = Bounds(self.policy.redact_from, self.policy.redact_to)
        near = {
            i: min((v for known in self.sums if i in known.parts for j, v in shown.items() if j in known.parts),
                   default=ENDLESS)
            for i in hidden - small
        }  # fmt: skip
        half = (self.policy.round_to - 1) // 2
        told = {i: of_range if i in small else Bounds(self.policy.redact_to + 1, near[i] + half) for i in hidden}
        enough = self.policy.minimum_possible_values
        return all(bounds.values >= enough for bounds in self.attack(told, shown, enough).values())

    def attack(self, worlds: Mapping[int, Bounds], shown: Mapping[int, int], enough: int) -> dict[int, Bounds]:
        """Bounds of the hidden cells in a world where each lies in its own range."""
        reach = [Bounds(self.fixed.get(i, 0), self.fixed.get(i, 0)) for i in range(self.size)]
        for i in self.first:
            if i in worlds:
                own = Bounds(1, ENDLESS) if i in self.kept and worlds[i].low <= self.policy.redact_to else worlds[i]
                reach[i] = own.within(self.windows[i])
            else:
                reach[i] = shown_bounds(shown[i], self.policy).within(self.windows[i])
        return attack(reach, self.sums, worlds, enough=enough)

    def profiles(self, hidden: frozenset[int], shown: Mapping[int, int], seconds: int) -> Iterator[dict[int, int]]:
        """Which hidden cells may have been hidden second, and as what they would have been shown."""
        may_be_second = sorted(hidden - self.kept)
        if len(may_be_second) < seconds:
            return
        highest = self.attack({i: Bounds(self.policy.redact_from, ENDLESS) for i in hidden}, shown, ENDLESS)
        smallest = min(shown.values(), default=ENDLESS)
        base, least = self.policy.round_to, rules.round_count(self.policy.redact_to + 1, self.policy)
        options = {
            i: range(least, min(highest[i].high + base, smallest, least + 40 * base) + 1, base) for i in may_be_second
        }
        for chosen in combinations(may_be_second, seconds):
            for values in product(*(options[i] for i in chosen)):
                yield dict(zip(chosen, values, strict=True))

    def arrives(self, hidden: frozenset[int], shown: Mapping[int, int], second: Mapping[int, int]) -> bool:
        """Whether the procedure, run on a table with these second cells, comes to hide exactly ``hidden``."""
        now, visible = hidden - set(second), {**shown, **second}
        if not now:
            return False  # nothing small, nothing to hide
        for seconds in range(len(second)):
            choice = self.choice(now, visible) if self.unsafe(now, visible, seconds) else None
            if choice is None or choice not in second:
                return False
            now, visible = now | {choice}, {i: v for i, v in visible.items() if i != choice}
        return True


def _merged(sums: Sequence[Sum], fixed: Mapping[int, int]) -> list[Sum]:
    """The sums without what is fixed; those of the same numbers as one."""
    found: dict[tuple[tuple[int, int], ...], Sum] = {}
    for known in sums:
        done = sum(w * fixed[i] for i, w in known.parts.items() if i in fixed)
        parts = {i: w for i, w in sorted(known.parts.items()) if i not in fixed}
        low, high = known.low - done, known.high - done
        if parts and next(iter(parts.values())) < 0:
            parts, low, high = {i: -w for i, w in parts.items()}, -high, -low
        key = tuple(parts.items())
        was = found.get(key, Sum(parts, low, high))
        found[key] = Sum(parts, max(low, was.low), min(high, was.high))
    return [known for key, known in found.items() if key]
