"""The c-chart: baselines, breaks, phases, rules, and what it never does with noise."""

from __future__ import annotations

from datetime import date

import pytest
from vru.statistics.control_chart import c_chart


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


def test_a_step_starts_a_phase_and_a_run_does_not() -> None:
    counts = ALTERNATING[:24] + [14, 13] * 8
    assert [p.reason for p in c_chart(months(counts)).phases] == ["start"]
    stepped = c_chart(months(counts), steps=[date(2016, 1, 1)])
    assert [(p.start, p.reason) for p in stepped.phases] == [
        (date(2014, 1, 1), "start"),
        (date(2016, 1, 1), "sustained shift"),
    ]
    assert stepped.phases[1].centre == 13.5
    assert stepped.phases[0].end == date(2015, 12, 1)
    assert not stepped.points[-1].rules, "the newest points are judged against the phase that they are in"


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


def test_months_of_a_real_change_belong_to_no_phase_and_no_rule_and_nothing_spans_them() -> None:
    def is_excluded(month: date) -> bool:
        return date(2016, 1, 1) <= month <= date(2016, 12, 1)

    counts = ALTERNATING[:17] + [9] + [11] * 6 + [40] * 12 + [11] * 3 + ALTERNATING[:21]
    chart = c_chart(months(counts), is_excluded=is_excluded)
    assert [(p.start, p.end, p.reason) for p in chart.phases] == [
        (date(2014, 1, 1), date(2015, 12, 1), "start"),
        (date(2017, 1, 1), date(2018, 12, 1), "after a real change"),
    ]
    within = [p for p in chart.points if p.is_excluded]
    assert [(p.phase, p.rules) for p in within] == [(None, ())] * 12, "30 more than expected are no rule there"
    assert not any("run" in p.rules for p in chart.points), "9 months above the mean lie on both sides of the change"


def test_after_a_real_change_there_are_no_lines_until_a_year_has_passed() -> None:
    def is_excluded(month: date) -> bool:
        return date(2016, 1, 1) <= month <= date(2016, 3, 1)

    def with_months_after(count: int) -> str:
        return c_chart(months(ALTERNATING[: 27 + count]), is_excluded=is_excluded).why_none

    assert with_months_after(11) == "a phase began in April 2016 and has 11 months of the 12 that it needs"
    assert with_months_after(12) == ""
    assert with_months_after(0) == "the newest month lies in the time of a real change"


@pytest.mark.parametrize(("tail", "rule"), [([11] * 7, "run"), ([18, 10, 18], "two_of_three")])
def test_the_rules_fire_at_their_length_and_not_before(tail: list[int], rule: str) -> None:
    before = [11, 9] * 12
    assert rule in c_chart(months(before + tail)).points[-1].rules
    assert rule not in c_chart(months(before + tail[:-1])).points[-1].rules


def test_rising_in_a_row_is_no_rule_of_a_chart_of_counts() -> None:
    assert not c_chart(months([11, 9] * 12 + [7, 8, 9, 10, 11, 12, 13])).points[-1].rules


def test_a_point_on_the_mean_breaks_a_run() -> None:
    assert "run" not in c_chart(months([10] * 24 + [11] * 6 + [10] + [11] * 6)).points[-1].rules


def test_no_chart_below_five_expected() -> None:
    chart = c_chart(months([4, 5] * 20))
    assert not chart.phases
    assert chart.why_none == "fewer than 5 a month since January 2014"


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
