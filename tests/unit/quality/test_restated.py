"""Rows that a later delivery states again are compared one by one, also where the shares of each column stay the same."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from vru import quality

from tests.unit.quality.conftest import TODAY, Row, Warehouse, crimes, estimates, month

TYPE = "between_vintages.rows_restated"


def searches(count: int = 120, **cells: Any) -> list[Row]:
    """Searches of one month, each unlike any other."""
    return [
        {"search_type": "Person search", "searched_at": f"2023-01-{1 + number % 28:02d}T12:{number % 60:02d}:00Z",
         "search_month": month("2023-01"), "gender": "Female" if number % 8 == 0 else "Male", "age_range": "18-24",
         "latitude": f"51.{500 + number}", "longitude": "-0.1", "outcome": "Arrest" if number % 3 else "Community resolution",
         **cells}
        for number in range(count)
    ]  # fmt: skip


def again(warehouse: Warehouse, before: list[Row], now: list[Row], **where: Any) -> tuple[dict[str, str], str]:
    """Checks of this type that fail for the second of two deliveries with their words, and its status."""
    first = warehouse.parsed(rows=before, vintage="2024-01-15", **where)
    assert quality.audit(first, today=TODAY).status == "passed"
    assert quality.admit(first)
    batch_id = warehouse.parsed(rows=now, vintage="2024-02-15", **where)
    verdict = quality.audit(batch_id, today=TODAY)
    found = warehouse.sql(
        "select severity, detail from ops.check_result where batch_id = %s and check_type = %s and not is_success",
        batch_id,
        TYPE,
    )
    return dict(found), verdict.status


STOPS: dict[str, Any] = {
    "feed": "police_uk_stop_search", "resource": "stop_search", "partition": "metropolitan", "period": date(2023, 1, 1)
}  # fmt: skip
STREET: dict[str, Any] = {
    "feed": "police_uk_street", "resource": "street", "partition": "city-of-london", "period": date(2023, 1, 1)
}  # fmt: skip
PEOPLE: dict[str, Any] = {"feed": "ons_population", "resource": "borough"}


def moved(rows: list[Row], column: str, every: int) -> list[Row]:
    """The cells of a column of every n-th row stand beside the next such row."""
    chosen = rows[::every]
    cells = [row[column] for row in chosen]
    by = {id(row): cell for row, cell in zip(chosen, [*cells[1:], cells[0]], strict=True)}
    return [{**row, column: by.get(id(row), row[column])} for row in rows]


def test_cells_beside_other_rows_are_seen_though_no_share_moved(warehouse: Warehouse) -> None:
    failed, status = again(warehouse, searches(), moved(searches(), "outcome", 1), **STOPS)
    assert status == "held"
    assert set(failed) == {"critical", "warning"}
    assert "outcome" in failed["critical"]


def test_few_rows_that_differ_are_a_correction(warehouse: Warehouse) -> None:
    now = searches()
    now[0]["outcome"] = "Arrest"
    assert again(warehouse, searches(), now, **STOPS) == ({}, "passed")


def test_some_rows_that_differ_are_noted(warehouse: Warehouse) -> None:
    now = [{**row, "gender": "Other"} if number % 25 == 0 else row for number, row in enumerate(searches())]
    failed, status = again(warehouse, searches(), now, **STOPS)
    assert (set(failed), status) == ({"warning"}, "passed")
    assert "gender" in failed["warning"]


def test_rows_that_are_gone_or_came_are_seen(warehouse: Warehouse) -> None:
    failed, status = again(warehouse, searches(), searches()[:100], **STOPS)
    assert (set(failed), status) == ({"critical", "warning"}, "held")


def test_what_releases_change_by_nature_may_change_but_not_go_blank(warehouse: Warehouse) -> None:
    known = [{**row, "last_outcome": "Local resolution"} for row in crimes()]
    assert again(warehouse, crimes(), known, **STREET) == ({}, "passed")


def test_what_goes_blank_is_seen(warehouse: Warehouse) -> None:
    blank = [{**row, "last_outcome": None} if number % 5 == 0 else row for number, row in enumerate(crimes())]
    failed, _ = again(warehouse, crimes(), blank, **STREET)
    assert "last_outcome" in failed["critical"]


@pytest.mark.parametrize(("factor", "expected"), [(1.02, set()), (10, {"critical", "warning"})])
def test_a_figure_of_the_same_key_moves_within_its_limit(
    warehouse: Warehouse, factor: float, expected: set[str]
) -> None:
    scaled = [{**row, "population_count": round(row["population_count"] * factor)} for row in estimates((2018, 2019))]
    failed, _ = again(warehouse, estimates((2018, 2019)), scaled, **PEOPLE)
    assert set(failed) == expected
    said = "0.00 % of rows are gone, cells differ most in population_count (100.00 %)"
    assert all(said in words for words in failed.values())


def test_keys_that_are_new_count_for_nothing(warehouse: Warehouse) -> None:
    assert again(warehouse, estimates((2018, 2019)), estimates((2018, 2019, 2020)), **PEOPLE) == ({}, "passed")
