"""The quality score (definitions B18): each part, degraded in turn, moves that part and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from vru import quality

from tests.unit.quality.conftest import Row, Warehouse, crimes, estimates, month_end, victims

PARTS = ("timeliness", "completeness", "validity", "consistency", "stability", "volume")
NEWEST = date(2023, 12, 1)
TODAY = date(2024, 3, 1)
"""The last month was due on 2 March."""


def months() -> list[date]:
    return [date(2023, number, 1) for number in range(1, 13)]


def history(warehouse: Warehouse, change: Callable[[date, dict[str, Any]], None] | None = None) -> None:
    """Twelve months of one force, each on time, the newest one as `change` makes it."""
    for first in months():
        options: dict[str, Any] = {
            "rows": crimes(200 + first.month % 3, first.isoformat()[:7]),
            "vintage": (month_end(first) + timedelta(days=50)).isoformat(),
        }
        if change is not None:
            change(first, options)
        batch = warehouse.street(options.pop("rows"), first.isoformat()[:7], **options)
        quality.audit(batch, today=TODAY)
        assert quality.admit(batch), quality.audit(batch, today=TODAY).reason


def score(
    warehouse: Warehouse, feed: str = "police_uk_street", first: date = NEWEST, today: date = TODAY
) -> dict[str, Any]:
    """The parts of a feed's score of one period, with the score and what did not apply."""
    row = warehouse.sql(
        f"select {', '.join(PARTS)}, quality_score, not_applied from ops.quality_score(null, null, %s) "
        "where feed = %s and period_start = %s and partition in ('', 'city-of-london')",
        today, feed, first, role="publisher",
    )  # fmt: skip
    assert len(row) == 1
    figures = [None if value is None else float(value) for value in row[0][:-1]]
    return dict(zip([*PARTS, "score", "not_applied"], [*figures, row[0][-1]], strict=True))


def moved(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Parts that differ."""
    return {part for part in PARTS if before[part] != after[part]}


def late(first: date, options: dict[str, Any]) -> None:
    if first == NEWEST:
        options["vintage"] = (month_end(first) + timedelta(days=62 + 10)).isoformat()


def blank(first: date, options: dict[str, Any]) -> None:
    if first == NEWEST:
        options["blank_cells"] = 200


def rejected(first: date, options: dict[str, Any]) -> None:
    if first == NEWEST:
        rows: list[Row] = options["rows"]
        rows[0]["lsoa_code"] = "no code"


def small(first: date, options: dict[str, Any]) -> None:
    if first == NEWEST:
        options["rows"] = options["rows"][:100]


@pytest.fixture
def perfect(warehouse: Warehouse) -> Warehouse:
    history(warehouse)
    return warehouse


def test_everything_on_time_and_whole_scores_100(perfect: Warehouse) -> None:
    found = score(perfect)
    assert {part: found[part] for part in PARTS} == {
        "timeliness": 100, "completeness": 100, "validity": 100, "consistency": None, "stability": None, "volume": 100,
    }  # fmt: skip
    assert found["score"] == 100
    assert found["not_applied"] == ["consistency", "stability"]


@pytest.mark.parametrize(
    ("change", "part", "value"),
    [
        (late, "timeliness", 67.74),
        (blank, "completeness", 90.00),
        (rejected, "validity", 99.50),
        (small, "volume", 64.87),
    ],
    ids=["timeliness", "completeness", "validity", "volume"],
)
def test_a_part_degraded_moves_alone(
    warehouse: Warehouse, change: Callable[[date, dict[str, Any]], None], part: str, value: float
) -> None:
    best = {
        "timeliness": 100,
        "completeness": 100,
        "validity": 100,
        "consistency": None,
        "stability": None,
        "volume": 100,
    }
    history(warehouse, change)
    found = score(warehouse, today=TODAY)
    assert moved(best, found) == {part}
    assert found[part] == pytest.approx(value, abs=0.01)
    assert found["score"] < 100
    earlier = score(warehouse, first=date(2023, 11, 1))
    assert moved(best, earlier) == set(), "the month before is as it was"


def test_a_force_that_did_not_come_lowers_completeness_of_the_month(perfect: Warehouse) -> None:
    before = score(perfect)
    for first in months()[:-1]:
        batch = perfect.street(
            crimes(200, first.isoformat()[:7], reported_by="Metropolitan Police Service"), first.isoformat()[:7],
            (month_end(first) + timedelta(days=50)).isoformat(), partition="metropolitan",
        )  # fmt: skip
        quality.audit(batch, today=TODAY)
        quality.admit(batch)
    assert moved(before, score(perfect, today=TODAY)) == set(), "the Met's December is due tomorrow"
    after = score(perfect, today=TODAY + timedelta(days=2))
    assert (moved(before, after), after["completeness"]) == ({"completeness"}, 50)
    missing = perfect.sql(
        "select batch_id, timeliness::float, completeness::float, validity from ops.quality_score(null, null, %s) "
        "where partition = 'metropolitan' and period_start = %s", TODAY + timedelta(days=2), NEWEST,
    )  # fmt: skip
    assert missing == [(None, pytest.approx(96.77, abs=0.01), 0, None)]


def test_older_cells_that_change_lower_stability_only(warehouse: Warehouse) -> None:
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
        ended.append(score(warehouse, "mps_homicide_victims", date(2020, 1, 1), date(2022, 2, 3)))
        assert ended[-1]["stability"] is not None
    assert moved(*ended) == {"stability"}
    cells = 22 * 10  # of months before November 2021; Ealing and Sutton of six months differ
    assert ended[0]["stability"] == 100
    assert ended[1]["stability"] == pytest.approx(100 * (cells - 12) / cells, abs=0.01)


def test_asking_often_changes_no_score(perfect: Warehouse) -> None:
    before = perfect.sql("select * from ops.feed_score(null, null, %s)", TODAY)
    for _ in range(3):
        perfect.sql(
            "insert into ops.attempt (feed, resource, source_url, started_at, finished_at, outcome) "
            "values ('police_uk_street', 'street', '', now(), now(), 'failed')"
        )
    assert perfect.sql("select * from ops.feed_score(null, null, %s)", TODAY) == before
    assert [row[-1] for row in before] == [100]


def test_a_past_score_stays(perfect: Warehouse) -> None:
    query = "select * from ops.quality_score(%s, null, %s) order by 1, 2, 3, 4"
    past = "2023-12-31"
    before = perfect.sql(query, past, date(2023, 12, 31))
    assert len(before) == 10
    batch = perfect.street(crimes(150, "2023-05"), "2023-05", "2024-02-25")
    quality.audit(batch, today=TODAY)
    quality.admit(batch)
    assert perfect.sql(query, past, date(2023, 12, 31)) == before


def test_weights_are_a_version(warehouse: Warehouse) -> None:
    found = warehouse.sql("select version, count(*), sum(weight) from ops.score_weight group by version")
    assert [(version, parts, float(total)) for version, parts, total in found] == [(1, 6, 1.0)]


def test_timeliness_does_not_apply_to_a_list_without_a_period(warehouse: Warehouse) -> None:
    batch = warehouse.population(estimates())
    quality.audit(batch, today=TODAY)
    assert quality.admit(batch)
    ((timeliness, score, not_applied),) = warehouse.sql(
        "select timeliness, quality_score::float, not_applied from ops.quality_score(null, null, %s) "
        "where feed = 'ons_population'",
        TODAY,
        role="publisher",
    )
    assert timeliness is None
    assert "timeliness" in not_applied
    assert score == 100
