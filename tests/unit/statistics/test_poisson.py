"""Exact Poisson limits and intervals, against printed tables and the law itself."""

from __future__ import annotations

import math

import pytest
from vru.statistics import poisson


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Exact 95 % intervals as printed in tables of vital statistics.
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (100, 81.364, 121.627)],
)
def test_intervals_are_those_of_printed_tables(count: int, low: float, high: float) -> None:
    assert poisson.interval(count) == pytest.approx((low, high), abs=0.001)


@pytest.mark.parametrize("mean", [0.4, 5.0, 9.17, 16.8, 120.0])
def test_limits_leave_the_stated_tails_outside(mean: float) -> None:
    lower, upper = poisson.limits(mean)

    def at_most(count: int) -> float:
        return math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))

    assert at_most(lower) >= 0.00135
    assert lower == 0 or at_most(lower - 1) < 0.00135
    assert at_most(upper) >= 0.99865
    assert at_most(upper - 1) < 0.99865


def test_a_rate_of_nothing_still_has_an_upper_end() -> None:
    assert poisson.rate(0, 100_000) == pytest.approx((0, 0, 3.689), abs=0.001)


@pytest.mark.parametrize(("count", "population"), [(3, 0), (-1, 10)])
def test_what_has_no_rate_is_refused(count: int, population: int) -> None:
    with pytest.raises(ValueError, match=r"population|negative"):
        poisson.rate(count, population)
