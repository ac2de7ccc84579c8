"""Whether the level differs from that of 2014 and 2015, when the review begins (definitions B15a).

The newest 36 and 60 whole months are compared with the calendar years 2014 and 2015, per resident on one population
series, by the exact conditional test; the smaller p-value must be 0.005 or less. The dispersion is the variance between
years within calendar month over the mean, as for news: of the reference and the newest 36 months together, each around
its own level, so that what changed between or long after them is not taken for noise. 2014 was the low point of the
series, so each comparison also gives the years 2003 to 2008.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from vru.periods import months_between, shifted, span
from vru.statistics import exact

METHOD = "exact conditional test, newest 36 and 60 months against 2014 and 2015, per resident"
VERSION = 1
WINDOWS = (36, 60)
REFERENCE = (date(2014, 1, 1), date(2015, 12, 1))
EARLIER = (date(2003, 1, 1), date(2008, 12, 1))
SIGNIFICANCE = 0.005
OLDEST_ESTIMATE_YEARS = 3
"""A year without an estimate takes one that is at most this much older (definitions B19)."""

Verdict = Literal["higher", "lower", "no difference"]


@dataclass(frozen=True)
class Comparison:
    """One window against the reference. Expected counts are at the reference's rate, for the window's residents."""

    months: int
    start: date
    end: date
    total: int
    expected: float
    p_value: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


@dataclass(frozen=True)
class Level:
    """What the level is. ``earlier_*`` are of 2003 to 2008, None where a month or an estimate is missing."""

    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    dispersion: float
    degrees: int
    reference_total: int
    population_series: str | None
    """The one series behind the comparison; None where it is of counts alone."""
    earlier_total: int | None
    earlier_expected: float | None
    """At the rate of 2003 to 2008, in the longest window."""

    @property
    def chosen(self) -> Comparison:
        """The comparison with the smaller p-value."""
        return min(self.comparisons, key=lambda c: c.p_value)


def level(
    series: Sequence[tuple[date, int]],
    population: Mapping[str, Mapping[int, int]],
    windows: Sequence[int] = WINDOWS,
) -> Level | str:
    """The level of ``series`` (first days of months in a row, counts), or in words why there is none.

    ``population`` is series of estimates -> mid-year -> residents.
    """
    import numpy as np

    counts = dict(series)
    reference = span(*REFERENCE)
    if not series or any(month not in counts for month in reference):
        return "the months of 2014 and 2015 are not all known"
    newest = series[-1][0]
    known = [w for w in windows if months_between(REFERENCE[1], newest) >= w and shifted(newest, 1 - w) in counts]
    if not known:
        return f"fewer than {min(windows)} months since 2015"
    reference_total = sum(counts[month] for month in reference)
    if not reference_total:
        return "nothing was counted in 2014 and 2015"
    spans = {w: span(shifted(newest, 1 - w), newest) for w in known}
    name, residents = _one_series(population, [*reference, *spans[known[-1]]])
    if name is None:
        return "no one series of population estimates covers both"
    groups = [reference, *([spans[36]] if 36 in spans else [])]
    spread, degrees = _dispersion([np.array([counts[m] for m in group], float).reshape(-1, 12) for group in groups])
    base = sum(residents[month.year] for month in reference)
    comparisons = []
    for w, window in spans.items():
        size, total = sum(residents[month.year] for month in window), sum(counts[month] for month in window)
        share = size / (size + base)
        middle, low, high = exact.ratio(total, reference_total, share, spread, degrees) if total else (None, None, None)
        comparisons.append(
            Comparison(
                w, window[0], newest, total, reference_total * size / base,
                float(exact.p_value(total, reference_total, share, spread, degrees)), middle, low, high,
            )
        )  # fmt: skip
    best = min(comparisons, key=lambda c: c.p_value)
    verdict: Verdict = "no difference"
    if best.p_value <= SIGNIFICANCE:
        verdict = "higher" if best.total > best.expected else "lower"
    earlier = _earlier(counts, population[name], sum(residents[month.year] for month in spans[known[-1]]))
    return Level(verdict, tuple(comparisons), spread, degrees, reference_total, name, *earlier)


def _one_series(
    population: Mapping[str, Mapping[int, int]], months: Sequence[date]
) -> tuple[str | None, dict[int, int]]:
    """The series whose newest estimate is newest of those that cover all years, and its estimate for each of them."""
    found: list[tuple[int, str, dict[int, int]]] = []
    for name, estimates in population.items():
        years = {year: _estimate(estimates, year) for year in {month.year for month in months}}
        whole = {year: value for year, value in years.items() if value is not None}
        if len(whole) == len(years):
            found.append((max(estimates), name, whole))
    if not found:
        return None, {}
    _, name, residents = max(found, key=lambda each: each[:2])
    return name, residents


def _estimate(estimates: Mapping[int, int], year: int) -> int | None:
    fitting = [y for y in estimates if year - OLDEST_ESTIMATE_YEARS <= y <= year]
    return estimates[max(fitting)] if fitting else None


def _dispersion(groups: Sequence[object]) -> tuple[float, int]:
    """Of groups of whole years, each around its own months and over its own mean, pooled by degrees of freedom."""
    import numpy as np

    total, degrees = 0.0, 0
    for group in groups:
        years = len(np.asarray(group))
        total += float(exact.dispersion(group)) * 12 * (years - 1)
        degrees += 12 * (years - 1)
    return total / degrees, degrees


def _earlier(counts: Mapping[date, int], estimates: Mapping[int, int], size: int) -> tuple[int | None, float | None]:
    months = span(*EARLIER)
    if any(month not in counts for month in months):
        return None, None
    total = sum(counts[month] for month in months)
    base = [_estimate(estimates, month.year) for month in months]
    known = [value for value in base if value is not None]
    return total, total * size / sum(known) if len(known) == len(base) else None
