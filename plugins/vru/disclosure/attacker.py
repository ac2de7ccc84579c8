"""The attacker: between which bounds each hidden count must lie, given everything that is known about it.

What is known is a set of whole numbers with bounds, and sums of them with bounds: margins, months and their year, areas
and their region, what earlier releases showed. The bounds of each hidden number are the optima of two integer
programmes, solved by HiGHS through scipy. Numbers that no sum connects are attacked apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

ENDLESS = 10**6
"""An upper bound where none is known: above every count of ours, and small enough for exact arithmetic in doubles."""


@dataclass(frozen=True)
class Bounds:
    """The smallest and largest count that an attacker must still think possible."""

    low: int
    high: int

    @property
    def values(self) -> int:
        """How many counts are possible."""
        return max(0, self.high - self.low + 1)

    def within(self, other: Bounds) -> Bounds:
        """What both allow."""
        return Bounds(max(self.low, other.low), min(self.high, other.high))


@dataclass(frozen=True)
class Sum:
    """A known sum: ``low`` <= sum of weight times number <= ``high``; ``parts`` maps a number's index to its weight."""

    parts: Mapping[int, int]
    low: int
    high: int


def attack(
    reach: Sequence[Bounds], sums: Sequence[Sum], wanted: Iterable[int], *, enough: int = ENDLESS
) -> dict[int, Bounds]:
    """Bounds of the ``wanted`` numbers. Where they can be ``enough`` values apart, no wider bounds are looked for.

    ``reach`` is what is known of each number by itself. Impossible knowledge gives bounds without values.
    """
    found: dict[int, Bounds] = {}
    remaining = set(wanted)
    for numbers, own in components(reach, sums):
        targets = sorted(remaining & set(numbers))
        if not targets:
            continue
        if not own:
            found |= {i: reach[i] for i in targets}
        elif len(own) == 1 and all(abs(weight) == 1 for weight in own[0].parts.values()):
            found |= _by_hand(reach, own[0], targets)
        else:
            found |= _by_programme(reach, numbers, own, targets, enough)
    return found


def components(reach: Sequence[Bounds], sums: Sequence[Sum]) -> list[tuple[list[int], list[Sum]]]:
    """Numbers that sums connect, and those sums; what is known exactly connects nothing."""
    parent = list(range(len(reach)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for known in sums:
        free = [i for i in known.parts if reach[i].low != reach[i].high]
        for i in free[1:]:
            parent[root(i)] = root(free[0])
    numbers: dict[int, list[int]] = {}
    for i in range(len(reach)):
        numbers.setdefault(root(i), []).append(i)
    own: dict[int, list[Sum]] = {}
    for known in sums:
        free = [i for i in known.parts if reach[i].low != reach[i].high]
        if free:
            own.setdefault(root(free[0]), []).append(known)
    return [(found, own.get(key, [])) for key, found in sorted(numbers.items())]


def _by_hand(reach: Sequence[Bounds], known: Sum, targets: Sequence[int]) -> dict[int, Bounds]:
    """One sum: what the others leave. Exact, since every weight is one."""
    lows = sum(min(w * reach[i].low, w * reach[i].high) for i, w in known.parts.items())
    highs = sum(max(w * reach[i].low, w * reach[i].high) for i, w in known.parts.items())
    if lows > known.high or highs < known.low or any(reach[i].values == 0 for i in known.parts):
        return {i: Bounds(1, 0) for i in targets}
    found = {}
    for i in targets:
        if i not in known.parts:
            found[i] = reach[i]
            continue
        weight = known.parts[i]
        ends = sorted((weight * reach[i].low, weight * reach[i].high))
        least, most = known.low - (highs - ends[1]), known.high - (lows - ends[0])
        left = Bounds(least, most) if weight == 1 else Bounds(-most, -least)
        found[i] = reach[i].within(left)
    return found


def _by_programme(
    reach: Sequence[Bounds], numbers: Sequence[int], sums: Sequence[Sum], targets: Sequence[int], enough: int
) -> dict[int, Bounds]:
    """Two programmes for each target: first linear, as integers only where a vertex is not whole."""
    from scipy.optimize import Bounds as Box
    from scipy.optimize import LinearConstraint, milp

    free = [i for i in numbers if reach[i].low != reach[i].high]
    if any(reach[i].values == 0 for known in sums for i in known.parts):
        return {i: Bounds(1, 0) for i in targets}
    column = {i: j for j, i in enumerate(free)}
    matrix = np.zeros((len(sums), len(free)))
    low, high = np.empty(len(sums)), np.empty(len(sums))
    for row, known in enumerate(sums):
        fixed = sum(w * reach[i].low for i, w in known.parts.items() if i not in column)
        low[row], high[row] = known.low - fixed, known.high - fixed
        for i, weight in known.parts.items():
            if i in column:
                matrix[row, column[i]] = weight
    box = Box(np.array([reach[i].low for i in free]), np.array([reach[i].high for i in free]))
    rule = LinearConstraint(matrix, low, high)
    seen: dict[int, Bounds] = {}

    def solve(target: int, sign: int) -> int | None:
        aim = np.zeros(len(free))
        aim[column[target]] = sign
        for whole in (0, 1):
            done = milp(aim, integrality=np.full(len(free), whole), bounds=box, constraints=rule)
            if done.x is None:
                return None
            nearest = np.rint(done.x)
            if whole or np.abs(done.x - nearest).max() < 1e-6:
                break
        for i, j in column.items():
            value = int(nearest[j])
            was = seen.get(i, Bounds(value, value))
            seen[i] = Bounds(min(was.low, value), max(was.high, value))
        return int(nearest[column[target]])

    found: dict[int, Bounds] = {}
    for i in targets:
        if i not in column:
            found[i] = reach[i]
            continue
        if i in seen and seen[i].values >= enough:
            found[i] = seen[i]
            continue
        least = solve(i, 1)
        if least is None:
            return {i: Bounds(1, 0) for i in targets}
        if seen[i].values >= enough:
            found[i] = seen[i]
            continue
        most = solve(i, -1)
        found[i] = Bounds(least, math.floor(most if most is not None else least - 1))
    return found
