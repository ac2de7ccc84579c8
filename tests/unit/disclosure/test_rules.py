"""Redaction, rounding and totals, with the worked example of five boroughs."""

from __future__ import annotations

import pytest
from vru.disclosure import rules
from vru.disclosure.policy import load_policy

POLICY = load_policy()

EXACT = {
    "A": [23, 9, 17, 8],
    "B": [8, 1, 8, 0],
    "C": [12, 14, 0, 31],
    "D": [5, 21, 6, 18],
    "E": [44, 38, 27, 33],
}


def shown(counts: list[int]) -> list[int | str | None]:
    return [cell.marker or cell.value for cell in (rules.protect(n, POLICY) for n in counts)]


def test_the_worked_example_is_redacted_then_rounded() -> None:
    assert {name: shown(counts) for name, counts in EXACT.items()} == {
        "A": [25, 10, 15, 10],
        "B": [10, "c", 10, 0],
        "C": [10, 15, 0, 30],
        "D": ["c", 20, "c", 20],
        "E": [45, 40, 25, 35],
    }


@pytest.mark.parametrize(
    ("name", "value", "hidden"), [("A", 60, 0), ("B", 20, 1), ("C", 55, 0), ("D", 40, 2), ("E", 145, 0)]
)
def test_totals_are_sums_of_what_is_visible(name: str, value: int, hidden: int) -> None:
    total = rules.total([rules.protect(n, POLICY) for n in EXACT[name]])
    assert (total.value, total.hidden_parts, total.is_partial) == (value, hidden, hidden > 0)


@pytest.mark.parametrize(("count", "seen"), [(0, 0), (1, "c"), (7, "c"), (8, 10), (12, 10), (13, 15), (17, 15)])
def test_borders_of_redaction_and_rounding(count: int, seen: int | str) -> None:
    cell = rules.protect(count, POLICY)
    assert (cell.marker or cell.value) == seen
    assert cell.is_suppressed == (seen == "c")
    assert (cell.value is None) == (seen == "c")


def test_an_exempt_cell_stays_exact_and_an_unknown_one_unknown() -> None:
    assert rules.protect(3, POLICY, is_exempt=True) == rules.Cell(3, is_exempt=True)
    assert rules.protect(None, POLICY) == rules.Cell(None)
