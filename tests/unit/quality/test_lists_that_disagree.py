"""Lists that disagree on a column, by the real steps: the end is the same in whatever order they come and go."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from vru import pipeline, quality

from tests.unit.quality.conftest import TODAY, Row, Warehouse, empty, victims

COLUMN = "borough_name"


def moved(count: int, source: str = "Bexley", target: str = "Ealing", of: list[Row] | None = None) -> list[Row]:
    """A list of 120 victims with so many moved from one borough to another."""
    found, left = [], count
    for row in of or victims():
        if left and row[COLUMN] == source:
            row, left = {**row, COLUMN: target}, left - 1
        found.append(row)
    return found


def natural(of: list[Row], month: int) -> list[Row]:
    """The list with one victim of Bexley of that month in Sutton instead: a restatement of its own."""
    found = [dict(row) for row in of]
    row = next(r for r in found if r["recorded_month"].month == month and r[COLUMN] in ("Bexley", "Ealing"))
    row[COLUMN] = "Sutton"
    return found


RIGHT = [{**row, "age_group": f"group {number % 10}"} for number, row in enumerate(victims())]
"""Whoever is moved is like nobody there."""
WRONG = moved(8, of=RIGHT)
SAID: dict[str, list[Row]] = {
    "right": RIGHT,
    "right again": natural(RIGHT, 3),
    "right, sent again": RIGHT,
    "right, elsewhere restated": moved(1, "Barnet", "Camden", RIGHT),
    "wrong": WRONG,
    "wrong again": natural(WRONG, 2),
    "wrong, sent again": WRONG,
    "wrong, elsewhere restated": moved(1, "Barnet", "Camden", WRONG),
    "otherwise": moved(8, "Newham", "Hackney", RIGHT),
}
CASES: list[tuple[dict[str, str], Any]] = [
    ({"right": "disputed", "wrong": "withheld"}, None),
    ({"wrong": "disputed", "right": "withheld"}, None),
    ({"right": "used", "wrong": "withheld", "right again": "used"}, None),
    ({"wrong": "withheld", "right": "used", "right again": "used"}, None),
    ({"right": "withheld", "wrong": "used", "wrong again": "used"}, None),
    ({"right": "disputed", "wrong": "withheld", "right, sent again": "disputed"}, None),
    ({"right": "disputed", "wrong": "withheld", "wrong, sent again": "withheld"}, None),
    ({"right": "disputed", "wrong": "withheld", "wrong, elsewhere restated": "withheld"}, None),
    ({"right": "disputed", "wrong": "withheld", "right, elsewhere restated": "disputed"}, None),
    ({"right": "disputed", "wrong": "withheld", "otherwise": "withheld"}, None),
    ({"right": "used", "wrong": "withheld"}, "right"),
    ({"right": "withheld", "wrong": "used"}, "wrong"),
]


@pytest.fixture
def clean(warehouse: Warehouse) -> Callable[[], Warehouse]:
    """An empty warehouse, as often as it is asked for."""

    def again() -> Warehouse:
        empty()
        return warehouse

    return again


def load(warehouse: Warehouse, name: str, order: list[str]) -> int:
    """Let a list in; it was stated at its place in the order."""
    batch = warehouse.homicides(SAID[name], f"2024-{order.index(name) + 1:02d}-01")
    quality.audit(batch, today=TODAY)
    quality.admit(batch)
    return batch


def stands(warehouse: Warehouse, batch: int) -> str:
    """How the column of a list stands."""
    ((is_withheld, is_disputed, status),) = warehouse.sql(
        "select exists (select 1 from ops.withheld_column w where w.batch_id = b.batch_id and w.column_name = %s and lifted_at is null), "
        "exists (select 1 from ops.disputed_column d where d.batch_id = b.batch_id and d.column_name = %s and until is null), "
        "status from ops.batch b where batch_id = %s",
        COLUMN, COLUMN, batch,
    )  # fmt: skip
    assert status == "admitted"
    assert not (is_withheld and is_disputed)
    return "withheld" if is_withheld else "disputed" if is_disputed else "used"


def newest_results(warehouse: Warehouse, batch: int) -> dict[str, bool]:
    """The checks on a list by their newest results."""
    found = warehouse.sql(
        "select distinct on (check_id) check_id, is_success from ops.check_result where batch_id = %s "
        "order by check_id, check_result_id desc", batch,
    )  # fmt: skip
    return dict(found)


@pytest.mark.parametrize(("ends", "decided_for"), CASES, ids=[", ".join(ends) + f" {who}" for ends, who in CASES])
def test_the_end_is_the_same_in_any_order_of_arrival(
    clean: Callable[[], Warehouse], ends: dict[str, str], decided_for: str | None
) -> None:
    order = list(ends)
    results = {}
    for arrival in permutations(order):
        warehouse = clean()
        batches = {name: load(warehouse, name, order) for name in arrival}
        if decided_for:
            pipeline.release(batches[decided_for], "the publisher confirmed it", "engineer", COLUMN)
        assert {name: stands(warehouse, batches[name]) for name in order} == ends, f"arrived in order {arrival}"
        results[arrival] = [newest_results(warehouse, batches[name]) for name in order]
    for arrival, found in results.items():
        assert found == results[tuple(order)], f"arrived in order {arrival}"
    for name, found in zip(order, results[tuple(order)], strict=True):
        assert found["borough_shares_shift"] == (ends[name] != "withheld")


@pytest.mark.parametrize("gone", ["right", "wrong", "right again"])
def test_a_list_that_is_withdrawn_might_never_have_come(clean: Callable[[], Warehouse], gone: str) -> None:
    order = ["right", "wrong", "right again"]
    left = [name for name in order if name != gone]
    warehouse = clean()
    batches = {name: load(warehouse, name, order) for name in left}
    expected = {name: stands(warehouse, batches[name]) for name in left}
    for arrival in permutations(order):
        warehouse = clean()
        batches = {name: load(warehouse, name, order) for name in arrival}
        pipeline.withdraw(batches[gone], "sent by mistake", "engineer")
        assert {name: stands(warehouse, batches[name]) for name in left} == expected, f"arrived in order {arrival}"
