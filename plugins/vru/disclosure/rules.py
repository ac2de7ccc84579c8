"""The rules of disclosure control on single cells, totals and one-way tables.

Order (R1-R5): redact first, then round; a total is the sum of the rounded visible cells. An exempt cell (R12)
keeps its exact count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vru.disclosure.policy import Policy


@dataclass(frozen=True)
class Cell:
    """One published cell. ``value`` is None where it is suppressed or where nothing is known.

    Primary and secondary suppression look the same: nothing here tells them apart.
    """

    value: int | None
    is_suppressed: bool = False
    is_exempt: bool = False
    marker: str | None = None


@dataclass(frozen=True)
class Total:
    """The sum of visible cells, and how many of its parts are hidden."""

    value: int | None
    is_partial: bool
    hidden_parts: int


def protect(count: int | None, policy: Policy, *, is_exempt: bool = False) -> Cell:
    """One count as it may be published; None stays unknown. Raises ValueError for a negative count."""
    if count is None:
        return Cell(None)
    if count < 0:
        raise ValueError("a count cannot be negative")
    if is_exempt:
        return Cell(count, is_exempt=True)
    if policy.redact_from <= count <= policy.redact_to:
        return hidden(policy)
    return Cell(round_count(count, policy))


def hidden(policy: Policy) -> Cell:
    """The suppressed cell."""
    return Cell(None, is_suppressed=True, marker=policy.marker)


def round_count(count: int, policy: Policy) -> int:
    """``count`` to the nearest multiple of the base; halves go up (an odd base has none)."""
    return math.floor(count / policy.round_to + 0.5) * policy.round_to


def total(cells: Sequence[Cell]) -> Total:
    """R5: the sum of the cells as published. Unknown parts make it partial too; nothing visible makes it None."""
    visible = [cell.value for cell in cells if cell.value is not None]
    hidden_parts = sum(cell.is_suppressed for cell in cells)
    is_partial = len(visible) < len(cells)
    return Total(sum(visible) if visible else None, is_partial, hidden_parts)


@dataclass(frozen=True)
class Bounds:
    """The smallest and largest count that an attacker must still think possible for one cell."""

    low: int
    high: int

    @property
    def values(self) -> int:
        """How many counts are possible."""
        return max(0, self.high - self.low + 1)


def attack(cells: Sequence[Cell], primary: Sequence[bool], known_total: int, policy: Policy) -> list[Bounds]:
    """What can be solved for each cell of a one-way table whose exact total is known.

    The attacker knows the policy and, to be on the safe side, which cells are primary (``primary``).
    """
    reach: list[Bounds] = []
    for cell, is_primary in zip(cells, primary, strict=True):
        if cell.is_suppressed:
            reach.append(Bounds(policy.redact_from, policy.redact_to if is_primary else known_total))
        elif cell.value is None:
            reach.append(Bounds(0, 0))  # unknown: no part of the known total
        elif cell.is_exempt:
            reach.append(Bounds(cell.value, cell.value))
        elif cell.value == 0:
            reach.append(Bounds(0, 0))
        else:
            low = math.ceil(cell.value - policy.round_to / 2)
            reach.append(Bounds(max(low, policy.redact_to + 1), cell.value + (policy.round_to - 1) // 2))
    lows, highs = sum(b.low for b in reach), sum(b.high for b in reach)
    return [
        Bounds(max(b.low, known_total - (highs - b.high)), min(b.high, known_total - (lows - b.low))) for b in reach
    ]


def protect_table(counts: Sequence[int | None], exempt: Sequence[bool], policy: Policy) -> list[Cell] | None:
    """Protect a one-way table whose exact total the attacker is taken to know (R1-R4, R9).

    The smallest visible cells are hidden one by one (ties: the first in order) until no hidden cell can be
    bounded to fewer values than the policy allows. None where even that does not help: the table is withheld.
    """
    cells = [protect(n, policy, is_exempt=e) for n, e in zip(counts, exempt, strict=True)]
    primary = [cell.is_suppressed for cell in cells]
    known_total = sum(n for n in counts if n is not None)
    while any(cell.is_suppressed for cell in cells):
        bounds = attack(cells, primary, known_total, policy)
        if all(
            b.values >= policy.minimum_possible_values for b, c in zip(bounds, cells, strict=True) if c.is_suppressed
        ):
            return cells
        # A public cell hides nothing, and neither does a true zero.
        candidates = [
            (count, i)
            for i, count in enumerate(counts)
            if count and not cells[i].is_suppressed and not cells[i].is_exempt
        ]
        if not candidates:
            return None
        cells[min(candidates)[1]] = hidden(policy)
    return cells
