"""The rules of disclosure control on single cells and totals.

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
