"""The quality score (definitions B18): what it must not depend on. Its parts are in test_score_parts.py."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from vru import quality

from tests.unit.quality.conftest import Warehouse, crimes, estimates, month_end, victims

PARTS = ("timeliness", "completeness", "validity", "stability", "volume")
TODAY = date(2024, 3, 1)
"""The last month was due on 2 March."""


def score(warehouse: Warehouse, feed: str, first: date) -> dict[str, Any]:
    """The parts of a feed's score of one period."""
    row = warehouse.sql(
        f"select {', '.join(PARTS)} from ops.quality_score(null, null) where feed = %s and period_start = %s",
        feed, first, role="publisher",
    )  # fmt: skip
    assert len(row) == 1
    return {part: None if value is None else float(value) for part, value in zip(PARTS, row[0], strict=True)}


@pytest.fixture
def perfect(warehouse: Warehouse) -> Warehouse:
    """Twelve months of one force, each on time."""
    for number in range(1, 13):
        first = date(2023, number, 1)
        vintage = (month_end(first) + timedelta(days=50)).isoformat()
        batch = warehouse.street(crimes(200 + number % 3, f"{first:%Y-%m}"), f"{first:%Y-%m}", vintage)
        quality.audit(batch, today=TODAY)
        assert quality.admit(batch), quality.audit(batch, today=TODAY).reason
    return warehouse


def test_older_cells_of_a_list_that_change_lower_stability_alone(warehouse: Warehouse) -> None:
    ended = []
    for restated in (0, 6):
        warehouse.sql("delete from ops.batch_measure")
        base = victims(24)
        first = warehouse.homicides(base, f"2022-01-0{1 + (restated > 0)}")
        changed = [{**row, "borough_name": "Sutton"} if row["borough_name"] == "Ealing" and index < restated * 10 else row
                   for index, row in enumerate(base)]  # fmt: skip
        second = warehouse.homicides(changed, f"2022-02-0{1 + (restated > 0)}")
        for batch in (first, second):
            quality.audit(batch, today=TODAY)
            quality.admit(batch)
        ended.append(score(warehouse, "mps_homicide_victims", date(2020, 1, 1)))
        assert ended[-1]["stability"] is not None
    assert {part for part in PARTS if ended[0][part] != ended[1][part]} == {"stability"}
    cells = 22 * 10  # of months before November 2021; Ealing and Sutton of six months differ
    assert ended[0]["stability"] == 100
    assert ended[1]["stability"] == pytest.approx(100 * (cells - 12) / cells, abs=0.01)


def test_asking_often_changes_no_score(perfect: Warehouse) -> None:
    query = "select feed, score from ops.feed_status(null, null, %s) where score is not null"
    before = perfect.sql(query, TODAY)
    for _ in range(3):
        perfect.sql(
            "insert into ops.attempt (feed, resource, source_url, started_at, finished_at, outcome) "
            "values ('police_uk_street', 'street', '', now(), now(), 'failed')"
        )
    assert perfect.sql(query, TODAY) == before == [("police_uk_street", 100)]


def test_a_past_score_stays(perfect: Warehouse) -> None:
    query = "select * from ops.quality_score(%s, null) order by 1, 2, 3, 4"
    past = "2023-12-31"
    before = perfect.sql(query, past)
    assert len(before) == 10
    batch = perfect.street(crimes(150, "2023-05"), "2023-05", "2024-02-25")
    quality.audit(batch, today=TODAY)
    quality.admit(batch)
    assert perfect.sql(query, past) == before


def test_weights_are_a_version(warehouse: Warehouse) -> None:
    found = warehouse.sql("select version, count(*), sum(weight) from ops.score_weight group by version")
    assert [(version, parts, float(total)) for version, parts, total in found] == [(1, 3, 1.0)]


def test_timeliness_of_a_delivery_does_not_apply_to_a_list_without_a_period(warehouse: Warehouse) -> None:
    batch = warehouse.population(estimates())
    quality.audit(batch, today=TODAY)
    assert quality.admit(batch)
    ((timeliness, score, not_applied),) = warehouse.sql(
        "select timeliness, quality_score::float, not_applied from ops.quality_score(null, null) "
        "where feed = 'ons_population'",
        role="publisher",
    )
    assert timeliness is None
    assert "timeliness" in not_applied
    assert score == 100
