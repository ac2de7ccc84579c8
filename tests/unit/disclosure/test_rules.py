"""Redaction, rounding, totals and secondary suppression, with the worked example of five boroughs."""

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


def test_the_attacker_wins_against_a_row_that_only_rounding_protects() -> None:
    cells = [rules.protect(n, POLICY) for n in EXACT["B"]]
    primary = [cell.is_suppressed for cell in cells]
    bounds = rules.attack(cells, primary, 17, POLICY)
    assert (bounds[1].low, bounds[1].high) == (1, 1)


def test_one_more_hidden_cell_protects_the_row_whose_total_is_public() -> None:
    cells = rules.protect_table(EXACT["B"], [False] * 4, POLICY)
    assert cells is not None
    assert [cell.marker or cell.value for cell in cells] == ["c", "c", 10, 0]
    bounds = rules.attack(cells, [False, True, False, False], 17, POLICY)
    assert [(b.low, b.high) for b in bounds[:2]] == [(1, 8), (1, 7)]


def test_primary_and_secondary_look_the_same() -> None:
    cells = rules.protect_table(EXACT["B"], [False] * 4, POLICY)
    assert cells is not None
    assert cells[0] == cells[1]


def test_a_table_that_cannot_be_protected_is_withheld() -> None:
    assert rules.protect_table([3, 0, 0], [False] * 3, POLICY) is None
    assert rules.protect_table([3, 20], [False, True], POLICY) is None


def test_a_hidden_cell_among_many_rounded_ones_needs_no_other() -> None:
    cells = rules.protect_table([4, *range(20, 50)], [False] * 31, POLICY)
    assert cells is not None
    assert sum(cell.is_suppressed for cell in cells) == 1
