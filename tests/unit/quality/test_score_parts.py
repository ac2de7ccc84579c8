"""Each part of the quality score (definitions B18) falls by deliveries that degrade it alone, through the real path.

Six months of one force stand, 200 records each, every one on time. The seventh comes as each case makes it. Expected
figures are worked out here from the definition: weights 0.30 timeliness, 0.35 completeness, 0.35 validity; stability
and volume are shown and weigh nothing, and what does not apply is left out.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from vru.transform.measures import load_measures

from tests.unit.quality.conftest import month_end
from tests.unit.quality.walk.files import FIXTURES, Change, Delivery, changed
from tests.unit.quality.walk.gate import Gate

if TYPE_CHECKING:
    from vru.warehouse.server.embedded import Server

CLEAN = (FIXTURES / "police_uk_street" / "2022-08-metropolitan-street.csv").read_bytes()
RECORDS = 200
NEWEST = date(2022, 8, 1)
CADENCE_DAYS, DUE_LAG_DAYS = 31, 62
WEIGHTS = {"timeliness": 0.30, "completeness": 0.35, "validity": 0.35}
PARTS = (*WEIGHTS, "stability", "volume")
BEST = {**dict.fromkeys(PARTS, 100.0), "stability": None}

T_99_OF_5 = 4.032
"""Two-sided 99 % quantile of Student's t with five degrees of freedom."""
HALF = T_99_OF_5 * math.sqrt(RECORDS) * math.sqrt(1 + 1 / 6)
"""Of the prediction interval: six equal counts vary at least as counts do, by the root of their mean."""


def month(first: date, *changes: Change, days: int = 50, force: str = "metropolitan") -> Delivery:
    """One month as the force states it so many days after its end."""
    content = changed(CLEAN, [{"set": {"Month": f"{first:%Y-%m}"}}, *changes])
    vintage = month_end(first) + timedelta(days=days)
    return Delivery("police_uk_street", f"{first:%Y-%m}-{force}-street.csv", content, vintage.isoformat())


@pytest.fixture(scope="module")
def history(migrated: Server) -> Iterator[tuple[Gate, dict[str, int]]]:
    """The warehouse with the six months, and what stands in it."""
    gate = Gate()
    for number in range(2, 8):
        assert gate.stand(gate.admitted(month(date(2022, number, 1)))).status == "admitted"
    yield gate, gate.mark()
    gate.close()


@pytest.fixture
def gate(history: tuple[Gate, dict[str, int]]) -> Iterator[Gate]:
    """The six months; what the test adds is gone afterwards."""
    found, mark = history
    yield found
    found.forget(mark)


def parts(gate: Gate, first: date = NEWEST, partition: str = "metropolitan") -> dict[str, Any]:
    """The score of the force's month with its parts."""
    (row,) = gate.query(
        f"select {', '.join(PARTS)}, quality_score, not_applied from ops.quality_score(null, null) "
        "where feed = 'police_uk_street' and partition = %s and period_start = %s", partition, first,
    )  # fmt: skip
    return {name: value if value is None or name == "not_applied" else float(value) for name, value in row.items()}


def admit(gate: Gate, *deliveries: Delivery) -> None:
    for each in deliveries:
        assert gate.stand(gate.admitted(each)).status == "admitted"


def expect(found: dict[str, Any], **other: float) -> None:
    """The parts are the best but for these, and the score is the weighted mean of those that apply."""
    wanted = {**BEST, **other}
    applied = {name: value for name, value in wanted.items() if value is not None and name in WEIGHTS}
    score = sum(WEIGHTS[name] * value for name, value in applied.items()) / sum(WEIGHTS[name] for name in applied)
    assert found == {
        **{name: value if value is None else pytest.approx(value, abs=0.005) for name, value in wanted.items()},
        "quality_score": pytest.approx(score, abs=0.005),
        "not_applied": sorted(name for name, value in wanted.items() if value is None),
    }


def test_a_month_on_time_whole_and_usual_is_worth_100(gate: Gate) -> None:
    admit(gate, month(NEWEST))
    expect(parts(gate))
    assert parts(gate)["quality_score"] == 100


@pytest.mark.parametrize(
    ("delivery", "part", "value"),
    [
        (month(NEWEST, days=DUE_LAG_DAYS + 10), "timeliness", 100 * (1 - 10 / CADENCE_DAYS)),
        (month(NEWEST, days=DUE_LAG_DAYS + 40), "timeliness", 0),
        # month, reporting force, force and crime type must be filled
        (month(NEWEST, {"records": [1, 9], "set": {"Falls within": ""}}), "completeness", 100 * (1 - 9 / 800)),
        # one record that the parse cannot read, and one that the audit takes out
        (
            month(NEWEST, {"records": 1, "set": {"Month": "no month"}}, {"records": 2, "set": {"Crime type": "Piracy"}}),
            "validity",
            100 * (1 - 2 / RECORDS),
        ),
        (month(NEWEST, {"records": [101, 200], "drop": True}), "volume", 100 * 100 / (RECORDS - HALF)),
        (month(NEWEST, {"copies": 1, "set": {"Crime ID": "a{n:063x}"}}), "volume", 100 * (RECORDS + HALF) / 400),
    ],
    ids=["ten_days_late", "a_cadence_late", "blank_cells", "bad_rows", "half_the_rows", "twice_the_rows"],
)  # fmt: skip
def test_a_part_degraded_falls_alone(gate: Gate, delivery: Delivery, part: str, value: float) -> None:
    admit(gate, delivery)
    expect(parts(gate), **{part: value})
    expect(parts(gate, date(2022, 7, 1)), volume=None)  # type: ignore[arg-type] # five months before it are too few


def test_a_force_that_delivered_in_full_is_not_marked_down_for_another(gate: Gate) -> None:
    """The other force has a row of its own for the month that it did not deliver."""
    city = {"set": {"Reported by": "City of London Police", "Falls within": "City of London Police"}}
    admit(gate, month(NEWEST), month(date(2022, 7, 1), city, force="city-of-london"))
    expect(parts(gate))
    nothing = {**dict.fromkeys(PARTS), "completeness": 0.0, "quality_score": 0.0}
    assert parts(gate, partition="city-of-london") == {
        **nothing, "not_applied": ["stability", "timeliness", "validity", "volume"],
    }  # fmt: skip


def test_a_history_that_is_loaded_is_not_late(gate: Gate) -> None:
    """Two months of before the feed's first delivery, and a year of it in one download."""
    admit(gate, month(NEWEST), month(date(2021, 3, 1), days=400), month(date(2021, 4, 1), days=369))
    before = parts(gate, date(2021, 3, 1))
    assert before["timeliness"] is None, "nobody can say when it first was to be had"
    assert before["quality_score"] == 100
    assert parts(gate, date(2022, 2, 1))["timeliness"] == 100, "what was in time stays so"


def test_older_figures_that_change_lower_stability_alone(gate: Gate) -> None:
    """The month again more than three months after its end: first with other outcomes only, then with other types."""
    admit(gate, month(NEWEST))
    restated = {"records": 2, "set": {"Last outcome category": "Local resolution"}}
    outcomes = month(NEWEST, {"records": [1, 9], "set": {"Last outcome category": "Under investigation"}}, days=120)
    admit(gate, outcomes)
    expect(parts(gate), stability=100)
    types = month(NEWEST, restated, {"records": [1, 12], "set": {"Crime type": "Bicycle theft"}}, days=130)
    admit(gate, types)
    before, after = cells(outcomes), cells(types)
    unchanged = sum(after[cell] == count for cell, count in before.items())
    assert unchanged < len(before)
    expect(parts(gate), stability=100 * unchanged / len(before))


def test_stability_does_not_depend_on_who_came_first(gate: Gate) -> None:
    first = month(NEWEST)
    types = month(NEWEST, {"records": [1, 12], "set": {"Crime type": "Bicycle theft"}}, days=130)
    admit(gate, types)
    (came,) = gate.query("select clock_timestamp() as at")
    admit(gate, first)
    unchanged = sum(cells(types)[cell] == count for cell, count in cells(first).items())
    expect(parts(gate), stability=100 * unchanged / len(cells(first)))
    (then,) = gate.query(
        "select stability from ops.quality_score(null, %s) where period_start = %s", came["at"], NEWEST
    )
    assert then["stability"] is None, "a past score stays as it was"


def cells(delivery: Delivery) -> Counter[tuple[str, str]]:
    """Records of each crime type and small area."""
    rows = csv.DictReader(io.StringIO(delivery.content.decode()))
    return Counter((row["Crime type"], row["LSOA code"]) for row in rows)


def test_no_part_of_the_score_needs_two_feeds_of_one_figure() -> None:
    """Consistency is the difference from another feed of the same figure, and no two of these feeds state the same."""
    sources = Counter(measure.definition_id for source in load_measures() for measure in source.measures)
    assert set(sources.values()) == {1}, "a figure has two sources now: consistency can be worked out"
