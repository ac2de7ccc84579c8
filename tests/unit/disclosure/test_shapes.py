"""The shapes of published tables, from cells that are exempt, rounded or hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import pytest
from vru.disclosure import rules, shapes
from vru.disclosure.columns import VERDICT
from vru.disclosure.exemption import Evidence
from vru.disclosure.policy import load_policy
from vru.disclosure.shapes import Fact
from vru.disclosure.specification import Specification, load_specifications
from vru.periods import last_day
from vru.statistics import level

POLICY = load_policy()
SPECS = load_specifications()
YEARS = range(2016, 2021)
NOBODY = Evidence(None, POLICY, {}, {}, {})
AREAS = SPECS["homicide_borough_period"]
PEOPLE = {2018: (9_000_000, 2018, "mye")}


def borough(code: str, name: str, year: int, count: int | None, series: str = "mye", reason: str | None = None) -> Fact:
    return Fact("homicide", "feed", "borough", code, name, date(year, 1, 1), date(year, 12, 31), count, 330_000, series,
                null_reason=reason)  # fmt: skip


def month(first: date, count: int | None) -> Fact:
    return Fact("homicide", "feed", "region", "E12000007", "London", first, last_day(first), count)


def shown(facts: Sequence[Fact], is_exempt: Callable[[Fact], bool] = lambda f: False) -> dict[shapes.Key, rules.Cell]:
    return {f.key: rules.protect(f.count, POLICY, is_exempt=f.count is not None and is_exempt(f)) for f in facts}


def over_years(facts: Sequence[Fact], *, is_exempt: bool) -> list[shapes.Row]:
    cells = shown(shapes.exact(AREAS, facts), lambda f: is_exempt)
    return shapes.areas(AREAS, facts, cells, is_withheld=False)


def test_exempt_five_years_are_exact() -> None:
    (row,) = over_years([borough("E09000005", "Brent", year, 12) for year in YEARS], is_exempt=True)
    assert (row["value_count"], row["is_exempt"]) == (60, True)
    assert row["rate_per_100k"] == pytest.approx(60 / (5 * 330_000) * 100_000)
    (total,) = shapes.total(SPECS["homicide_borough_total"], [row], [], [], NOBODY)
    assert (total["value_count"], total["area_name"], total["is_partial"]) == (60, "All boroughs shown", False)


def test_the_rate_of_a_rounded_count_rests_on_the_rounded_one() -> None:
    counts = [12] * 4 + [14]
    facts = [borough("E09000005", "Brent", year, n) for year, n in zip(YEARS, counts, strict=True)]
    (row,) = over_years(facts, is_exempt=False)
    assert row["value_count"] == 60, "62 rounded"
    assert row["rate_per_100k"] == pytest.approx(60 / (5 * 330_000) * 100_000)


def test_a_hidden_count_leaves_no_number_in_its_row_and_makes_the_total_partial() -> None:
    facts = [borough("E09000005", "Brent", year, 1) for year in YEARS]
    facts += [borough("E09000006", "Bromley", year, 20) for year in YEARS]
    brent, bromley = over_years(facts, is_exempt=False)
    assert (brent["is_suppressed"], brent["marker"]) == (True, "c")
    assert [brent[key] for key in ("value_count", "rate_per_100k", "rate_low", "rate_high")] == [None] * 4
    (total,) = shapes.total(SPECS["homicide_borough_total"], [brent, bromley], [], [], NOBODY)
    assert (total["value_count"], total["hidden_parts"], total["is_partial"]) == (100, 1, True)


def test_rates_never_mix_two_population_series() -> None:
    facts = [borough("E09000005", "Brent", y, 12, "old" if y < 2018 else "rebased") for y in YEARS]
    (row,) = over_years(facts, is_exempt=True)
    assert (row["value_count"], row["rate_per_100k"]) == (60, None)
    assert row["rate_null_reason"] == "no population estimate of one series for all five years"


def test_the_window_ends_with_the_last_year_that_is_sound_for_every_covered_area() -> None:
    facts = [borough("E09000005", "Brent", y, 2 if y < 2021 else None, reason="withheld") for y in range(2014, 2023)]
    facts += [
        borough("E09000001", "City of London", y, None, reason="not covered by this source") for y in range(2014, 2023)
    ]
    rows = over_years(facts, is_exempt=True)
    assert {(row["period_start"], row["period_end"]) for row in rows} == {(date(2016, 1, 1), date(2020, 12, 31))}
    assert rows[0]["null_reason"] == "not covered by this source"


def test_chart_limits_news_level_and_steps_leave_only_where_every_month_is_exempt() -> None:
    spec = SPECS["homicide_london_month"]
    starts = [date(year, m, 1) for year in range(2010, 2021) for m in range(1, 13)]
    facts = [month(first, (15 if first.year > 2016 else 8) + first.month % 3) for first in starts]
    judged, compared = shapes.judge_series(facts, []), level.Level("higher", (), 1.0, 36, 214, "mye", None, None)
    rows = shapes.series(spec, facts, shown(facts, lambda f: True), [], judged)
    assert rows[-1]["upper_limit"] == 29
    assert rows[-1]["phase_note"].startswith("108 → 192 a year")
    (verdict,) = shapes.verdict(facts, rows, judged, compared)
    assert verdict["p_value"] is not None
    (step,) = shapes.step_rows(facts, rows, judged)
    values = {type(value).__module__ for row in (step, verdict, *rows) for value in row.values()}
    assert values <= {"builtins", "datetime"}, "a driver cannot write what numpy made"
    cells = shown(facts, lambda f: f.period_start != date(2018, 5, 1))
    rows = shapes.series(spec, facts, cells, [], judged)
    drawn = ("centre_line", "upper_limit", "lower_limit", "chart_rules", "phase_note", "is_signal")
    assert not any(row.get(key) for row in rows for key in drawn)
    (hidden,) = shapes.verdict(facts, rows, judged, compared)
    assert (hidden["verdict"], hidden["level_verdict"]) == (verdict["verdict"], "higher")
    numbers = {c.name for c in VERDICT.columns if c.sql_type in ("double precision", "integer")}
    assert {"p_value", "window_count", "expected_count", "year_count", "year_expected_count", "dispersion"} <= numbers
    assert [hidden.get(key) for key in numbers] == [None] * len(numbers)
    assert shapes.step_rows(facts, rows, judged) == []
    assert shapes.levels(facts, rows, judged, compared) == []


def test_a_partial_year_has_neither_rate_nor_interval() -> None:
    """R5: from an interval around the visible months the hidden ones can be bounded."""
    facts = [month(date(2018, m, 1), 3 if m == 4 else 20) for m in range(1, 13)]
    (row,) = shapes.sums(facts, shown(facts), PEOPLE, NOBODY)
    assert (row["value_count"], row["is_partial"], row["hidden_parts"], row["is_complete"]) == (220, True, 1, True)
    assert [row[k] for k in ("count_low", "count_high", "rate_per_100k", "rate_low", "rate_high")] == [None] * 5
    whole = [month(date(2018, m, 1), 20) for m in range(1, 13)]
    (row,) = shapes.sums(whole, shown(whole), PEOPLE, NOBODY)
    assert row["count_low"] is not None
    assert row["rate_per_100k"] == pytest.approx(240 / 9_000_000 * 100_000)
    assert (row["population_year"], row["population_series"]) == (2018, "mye")


def test_margins_of_a_cross_table_are_sums_of_what_is_visible() -> None:
    spec = Specification(table="t", comment="A made-up cross-table of areas.", shape="cross", measures=["homicide"],
                         area_kind="borough", period_kind="calendar_year", window=2, unit="boroughs")  # fmt: skip
    facts = [borough("E09000005", "Brent", 2019, 3), borough("E09000005", "Brent", 2020, 9)]
    facts += [borough("E09000006", "Bromley", 2019, 12), borough("E09000006", "Bromley", 2020, 0)]
    rows = shapes.cross(spec, facts, shown(facts))
    found = {(r["area_name"], r["period_start"].year, r["margin"]): (r["value_count"], r["hidden_parts"]) for r in rows}
    assert found == {
        ("Brent", 2019, ""): (None, 0), ("Brent", 2020, ""): (10, 0), ("Bromley", 2019, ""): (10, 0),
        ("Bromley", 2020, ""): (0, 0), ("All boroughs shown", 2019, "area"): (10, 1),
        ("All boroughs shown", 2020, "area"): (10, 0), ("Brent", 2019, "period"): (10, 1),
        ("Bromley", 2019, "period"): (10, 0), ("All boroughs shown", 2019, "all"): (20, 1),
    }  # fmt: skip
