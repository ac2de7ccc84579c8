"""Each part of the quality score (definitions B18) falls by deliveries that degrade it alone, through the real path.

Six months of one force stand, 200 records each, every one on time. The seventh comes as each case makes it. Expected
figures are worked out here from the definition: weights 0.20 timeliness, 0.25 completeness, 0.25 validity, 0.10 each
for consistency, stability and volume, and what does not apply left out.
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
TODAY = date(2022, 11, 20)
CADENCE_DAYS, DUE_LAG_DAYS = 31, 62
WEIGHTS = {
    "timeliness": 0.20, "completeness": 0.25, "validity": 0.25, "consistency": 0.10, "stability": 0.10, "volume": 0.10,
}  # fmt: skip
BEST = {**dict.fromkeys(WEIGHTS, 100.0), "consistency": None, "stability": None}

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


def parts(gate: Gate, first: date = NEWEST, today: date = TODAY) -> dict[str, Any]:
    """The score of the force's month with its parts."""
    (row,) = gate.query(
        f"select {', '.join(WEIGHTS)}, quality_score, not_applied from ops.quality_score(null, null, %s) "
        "where feed = 'police_uk_street' and partition = 'metropolitan' and period_start = %s", today, first,
    )  # fmt: skip
    return {name: value if value is None or name == "not_applied" else float(value) for name, value in row.items()}


def admit(gate: Gate, *deliveries: Delivery) -> None:
    for each in deliveries:
        assert gate.stand(gate.admitted(each)).status == "admitted"


def expect(found: dict[str, Any], **other: float) -> None:
    """The parts are the best but for these, and the score is the weighted mean of those that apply."""
    wanted = {**BEST, **other}
    applied = {name: value for name, value in wanted.items() if value is not None}
    score = sum(WEIGHTS[name] * value for name, value in applied.items()) / sum(WEIGHTS[name] for name in applied)
    assert found == {
        **{name: value if value is None else pytest.approx(value, abs=0.005) for name, value in wanted.items()},
        "quality_score": pytest.approx(score, abs=0.005),
        "not_applied": sorted(set(WEIGHTS) - set(applied)),
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
        (month(NEWEST, {"records": [1, 80], "set": {"Falls within": ""}}), "completeness", 100 * (1 - 80 / 800)),
        # one record that the parse cannot read, and one that the audit takes out
        (
            month(NEWEST, {"records": 1, "set": {"Month": "no month"}}, {"records": 2, "set": {"Crime type": "Piracy"}}),
            "validity",
            100 * (1 - 2 / RECORDS),
        ),
        (month(NEWEST, {"records": [101, 200], "drop": True}), "volume", 100 * 100 / (RECORDS - HALF)),
        (month(NEWEST, {"copies": 1}), "volume", 100 * (RECORDS + HALF) / 400),
    ],
    ids=["ten_days_late", "a_cadence_late", "blank_cells", "bad_rows", "half_the_rows", "twice_the_rows"],
)  # fmt: skip
def test_a_part_degraded_falls_alone(gate: Gate, delivery: Delivery, part: str, value: float) -> None:
    admit(gate, delivery)
    expect(parts(gate), **{part: value})
    expect(parts(gate, date(2022, 7, 1)), volume=None)  # type: ignore[arg-type] # five months before it are too few


def test_a_force_that_did_not_come_halves_completeness_once_it_is_due(gate: Gate) -> None:
    city = {"set": {"Reported by": "City of London Police", "Falls within": "City of London Police"}}
    admit(gate, month(NEWEST), month(date(2022, 7, 1), city, force="city-of-london"))
    due = month_end(NEWEST) + timedelta(days=DUE_LAG_DAYS)
    expect(parts(gate, today=due))
    expect(parts(gate, today=due + timedelta(days=1)), completeness=50)


def test_older_figures_that_change_lower_stability_alone(gate: Gate) -> None:
    """The month again more than three months after its end: first with other outcomes only, then with other types."""
    admit(gate, month(NEWEST))
    restated = {"records": 2, "set": {"Last outcome category": "Local resolution"}}
    outcomes = month(NEWEST, {"records": [1, 9], "set": {"Last outcome category": "Under investigation"}}, days=120)
    admit(gate, outcomes)
    expect(parts(gate), stability=100)
    types = month(NEWEST, restated, {"records": [1, 30], "set": {"Crime type": "Bicycle theft"}}, days=130)
    admit(gate, types)
    before, after = cells(outcomes), cells(types)
    unchanged = sum(after[cell] == count for cell, count in before.items())
    assert unchanged < len(before)
    expect(parts(gate), stability=100 * unchanged / len(before))


def test_stability_does_not_depend_on_who_came_first(gate: Gate) -> None:
    first = month(NEWEST)
    types = month(NEWEST, {"records": [1, 30], "set": {"Crime type": "Bicycle theft"}}, days=130)
    admit(gate, types)
    (came,) = gate.query("select clock_timestamp() as at")
    admit(gate, first)
    unchanged = sum(cells(types)[cell] == count for cell, count in cells(first).items())
    expect(parts(gate), stability=100 * unchanged / len(cells(first)))
    (then,) = gate.query(
        "select stability from ops.quality_score(null, %s, %s) where period_start = %s", came["at"], TODAY, NEWEST
    )
    assert then["stability"] is None, "a past score stays as it was"


def cells(delivery: Delivery) -> Counter[tuple[str, str]]:
    """Records of each crime type and small area."""
    rows = csv.DictReader(io.StringIO(delivery.content.decode()))
    return Counter((row["Crime type"], row["LSOA code"]) for row in rows)


def test_consistency_does_not_apply_while_each_figure_has_one_source(gate: Gate) -> None:
    """It is the difference from the other feed of the same figure, and no two of these feeds state the same one."""
    sources = Counter(measure.definition_id for source in load_measures() for measure in source.measures)
    assert set(sources.values()) == {1}, "a figure has two sources now: consistency can be worked out"
    admit(gate, month(NEWEST))
    found = gate.query("select distinct consistency, 'consistency' = any(not_applied) as is_told "
                       "from ops.quality_score(null, null, %s)", TODAY)  # fmt: skip
    assert found == [{"consistency": None, "is_told": True}]
