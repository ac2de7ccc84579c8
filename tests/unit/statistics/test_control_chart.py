"""The c-chart: baselines, breaks, phases, rules, and what it never does with noise."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, datetime

import numpy as np
import pytest
from vru.statistics import change
from vru.statistics.control_chart import c_chart

from tests.real_data import REAL, needs_real_data


def months(counts: list[int], start: date = date(2014, 1, 1)) -> list[tuple[date, int]]:
    first = start.year * 12 + start.month - 1
    return [(date((first + i) // 12, (first + i) % 12 + 1, 1), count) for i, count in enumerate(counts)]


ALTERNATING = [9, 11] * 30


def test_the_baseline_is_the_first_24_points() -> None:
    chart = c_chart(months([10] * 24 + [9, 11] * 12))
    phase = chart.phases[0]
    assert (phase.baseline_points, phase.baseline_total, phase.centre) == (24, 240, 10.0)
    assert (phase.baseline_start, phase.baseline_end) == (date(2014, 1, 1), date(2015, 12, 1))
    assert (phase.lower, phase.upper) == (2, 21)


def test_a_point_on_a_limit_is_no_signal_and_one_beyond_it_is() -> None:
    on, beyond = [*ALTERNATING[:24], 21], [*ALTERNATING[:24], 22]
    assert "limit" not in c_chart(months(on)).points[-1].rules
    assert "limit" in c_chart(months(beyond)).points[-1].rules


def test_twelve_points_on_one_side_start_a_phase_and_eleven_do_not() -> None:
    eleven = c_chart(months(ALTERNATING[:24] + [14] * 11 + [9] + [9, 11] * 6))
    assert len(eleven.phases) == 1
    twelve = c_chart(months(ALTERNATING[:24] + [14] * 12))
    assert [p.reason for p in twelve.phases] == ["start", "sustained shift"]
    assert twelve.phases[1].start == date(2016, 1, 1)
    assert twelve.phases[1].centre == 14
    assert twelve.phases[0].end == date(2015, 12, 1)


def test_a_break_starts_the_baseline_again_and_no_run_crosses_it() -> None:
    counts = ALTERNATING[:30] + [20, 22] * 12
    chart = c_chart(months(counts), breaks=[date(2016, 7, 1)])
    assert [(p.start, p.reason) for p in chart.phases] == [
        (date(2014, 1, 1), "start"),
        (date(2016, 7, 1), "break"),
    ]
    assert chart.phases[1].centre == 21
    assert all(not point.rules for point in chart.points)


def test_a_break_with_too_few_points_after_it_has_no_lines() -> None:
    chart = c_chart(months(ALTERNATING[:35]), breaks=[date(2016, 1, 1)])
    assert chart.points[-1].phase is None
    assert chart.why_none


def test_excluded_months_stay_out_of_baseline_and_make_no_shift() -> None:
    def is_excluded(month: date) -> bool:
        return date(2015, 1, 1) <= month <= date(2015, 12, 1)

    counts = ALTERNATING[:12] + [40] * 12 + ALTERNATING[:36]
    chart = c_chart(months(counts), is_excluded=is_excluded)
    assert len(chart.phases) == 1
    assert chart.phases[0].centre == 10
    assert chart.phases[0].baseline_end == date(2016, 12, 1)
    assert "limit" in chart.points[12].rules, "an excluded month is judged all the same"


@pytest.mark.parametrize(
    ("tail", "rule"),
    [
        ([11] * 7, "run"),
        ([7, 8, 9, 10, 11, 12, 13], "trend"),
        ([18, 10, 18], "two_of_three"),
    ],
)
def test_the_rules_fire_at_their_length_and_not_before(tail: list[int], rule: str) -> None:
    before = [11, 9] * 12
    assert rule in c_chart(months(before + tail)).points[-1].rules
    assert rule not in c_chart(months(before + tail[:-1])).points[-1].rules


def test_a_point_on_the_mean_breaks_a_run() -> None:
    assert "run" not in c_chart(months([10] * 24 + [11] * 6 + [10] + [11] * 6)).points[-1].rules


def test_no_chart_below_five_expected() -> None:
    chart = c_chart(months([4, 5] * 20))
    assert not chart.phases
    assert change.verdict(chart, None, is_passing=False) == "too few to chart"


def test_an_overdispersed_baseline_widens_the_limits() -> None:
    calm, wild = c_chart(months(ALTERNATING[:24])).phases[0], c_chart(months([4, 16] * 12)).phases[0]
    assert wild.is_widened
    assert not calm.is_widened
    assert calm.centre == wild.centre
    assert wild.upper > calm.upper
    assert wild.lower >= 0


def test_a_gap_is_refused() -> None:
    series = months(ALTERNATING)
    with pytest.raises(ValueError, match="gap after December 2014"):
        c_chart(series[:12] + series[13:])


def test_the_same_input_gives_the_same_p_value_and_a_rise_is_found() -> None:
    baseline = change.Baseline(date(2014, 1, 1), date(2015, 12, 1), 24, 240, 1.0)
    quiet, loud = change.compare([10] * 12, baseline), change.compare([16] * 12, baseline)
    assert quiet == change.compare([10] * 12, baseline)
    assert quiet.p_value > 0.5
    assert loud.p_value < 0.001
    assert change.passes([loud.p_value, quiet.p_value]) == [True, False]


def test_quiet_months_make_news_about_as_often_as_the_rate_allows() -> None:
    random = np.random.default_rng(7)
    found = 0
    for _ in range(200):
        baseline = change.Baseline(date(2014, 1, 1), date(2015, 12, 1), 24, int(random.poisson(10, 24).sum()), 1.0)
        p = change.compare([int(n) for n in random.poisson(10, 12)], baseline, simulations=2000).p_value
        found += change.passes([p])[0]
    # 10 % of 200 is 20; 35 would be a rate of 17 %, far beyond what chance leaves for a calibrated test.
    assert 5 <= found <= 35


def test_a_dispersed_baseline_needs_more_to_be_news() -> None:
    calm = change.Baseline(date(2014, 1, 1), date(2015, 12, 1), 24, 240, 1.0)
    wild = change.Baseline(date(2014, 1, 1), date(2015, 12, 1), 24, 240, 3.0)
    recent = [13] * 12
    assert change.compare(recent, wild).p_value > change.compare(recent, calm).p_value


def test_benjamini_hochberg_passes_all_below_the_last_that_holds() -> None:
    assert change.passes([0.09, 0.01, 0.06, 0.5]) == [False, True, False, False]
    assert change.passes([0.04, 0.01, 0.07, 0.5]) == [True, True, True, False]
    assert change.passes([]) == []


@needs_real_data
def test_the_rise_of_2017_is_found_by_june_in_the_real_file() -> None:
    path = REAL / "mps_homicide_victims" / "homicide_victims_vintage_2022.csv"
    with path.open(encoding="utf-8", newline="") as file:
        counted = Counter(datetime.strptime(r["Recorded Date"], "%b-%y").date() for r in csv.DictReader(file))  # noqa: DTZ007
    series = [(m, counted[m]) for m, _ in months([0] * 174, date(2003, 1, 1))]
    assert series[-1][0] == date(2017, 6, 1)
    breaks = [date(2012, 4, 1)]
    baseline = change.baseline_of(c_chart(series[:-12], breaks=breaks))
    assert baseline is not None
    found = change.compare([n for _, n in series[-12:]], baseline)
    assert (
        change.verdict(c_chart(series, breaks=breaks), found, is_passing=change.passes([found.p_value])[0]) == "higher"
    )
