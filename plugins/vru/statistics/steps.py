"""Where the level of a monthly count changed for good: at most three steps in a part of a series (definitions B15a).

The counts are Poisson around one level for each segment of 12 months or more, in events a day; with 20 or more a month
also by month of the year. Months of a real change (COVID-19) are out, and known breaks part the series. Of all ways to
place three steps the likeliest is found by dynamic programming; while one of them is worth less than 12.1 (twice the
log-likelihood ratio over the dispersion: 1 % of series without a step have more), there is one step fewer. Steps are
looked for once a year: in what reaches to the newest December.
"""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from vru.statistics import exact

METHOD = "at most three steps, Poisson likelihood, dynamic programming, looked at once a year"
VERSION = 1
MOST = 3
SEGMENT_MONTHS = 12
CRITICAL = 12.1
FACTORS_FROM_MEAN = 20.0
YEAR_DAYS = 365.25


@dataclass(frozen=True)
class Step:
    """A change of level. Levels are events a year; every interval is of 95 %."""

    month: date
    """The first month of the new level."""
    earliest: date
    latest: date
    before: float
    after: float
    ratio: float
    ratio_low: float
    ratio_high: float
    statistic: float
    """Twice the log-likelihood ratio over the dispersion, against one level across it."""
    dispersion: float
    segment_start: date
    segment_end: date
    """The first and the last month of the two levels."""


def steps(
    series: Sequence[tuple[date, int]],
    *,
    breaks: Collection[date] = (),
    is_excluded: Callable[[date], bool] = lambda _: False,
) -> list[Step]:
    """The steps of ``series`` (first days of months in a row, counts), in order of time."""
    known = [i for i, (month, _) in enumerate(series) if month.month == 12]
    if not known:
        return []
    looked_at = series[: known[-1] + 1]
    cuts = [0, *(i for i, (month, _) in enumerate(looked_at) if month in breaks and i > 0), len(looked_at)]
    found: list[Step] = []
    for first, last in itertools.pairwise(cuts):
        found += _in_part([(m, n) for m, n in looked_at[first:last] if not is_excluded(m)])
    return found


def _in_part(part: Sequence[tuple[date, int]]) -> list[Step]:
    """The steps between two breaks; ``part`` may lack months."""
    import numpy as np

    most = min(MOST, len(part) // SEGMENT_MONTHS - 1)
    if most < 1 or not any(count for _, count in part):
        return []
    counts = np.array([count for _, count in part], dtype=float)
    sizes = _sizes(part, counts)
    events = np.concatenate([[0.0], counts.cumsum()])
    time = np.concatenate([[0.0], sizes.cumsum()])
    placed = _placed(events, time, most)
    dispersion = _dispersion(counts, sizes, placed[most])
    for number in range(most, 0, -1):
        ends = [0, *placed[number], len(counts)]
        worth = [
            2 * (_likelihood(events, time, a, b) + _likelihood(events, time, b, c) - _likelihood(events, time, a, c))
            / dispersion
            for a, b, c in zip(ends, ends[1:], ends[2:], strict=False)
        ]  # fmt: skip
        if min(worth) >= CRITICAL:
            break
    else:
        return []
    degrees = len(counts) - 2 * most - 1
    found = []
    for (a, b, c), statistic in zip(zip(ends, ends[1:], ends[2:], strict=False), worth, strict=True):
        earliest, latest = _when(events, time, a, b, c, dispersion)
        before, after = events[b] - events[a], events[c] - events[b]
        share = (time[c] - time[b]) / (time[c] - time[a])
        middle, low, high = (
            exact.ratio(int(after), int(before), share, dispersion, degrees)
            if before and after
            else (float("inf") if after else 0.0, 0.0, float("inf"))
        )
        found.append(
            Step(
                month=part[b][0], earliest=part[earliest][0], latest=part[latest][0],
                before=float(before / (time[b] - time[a])) * YEAR_DAYS,
                after=float(after / (time[c] - time[b])) * YEAR_DAYS,
                ratio=middle, ratio_low=low, ratio_high=high, statistic=float(statistic), dispersion=dispersion,
                segment_start=part[a][0], segment_end=part[c - 1][0],
            )
        )  # fmt: skip
    return found


def _sizes(part: Sequence[tuple[date, int]], counts: Any) -> Any:
    """How much each month weighs: its days, times its factor of the year where the counts are large enough for one."""
    import numpy as np

    days = np.array([calendar.monthrange(month.year, month.month)[1] for month, _ in part], dtype=float)
    if counts.mean() < FACTORS_FROM_MEAN:
        return days
    of_year = np.array([month.month for month, _ in part])
    rate = {m: counts[of_year == m].sum() / days[of_year == m].sum() for m in set(of_year)}
    weighted = days * np.array([rate[m] for m in of_year]) / (counts.sum() / days.sum())
    return weighted if (weighted > 0).all() else days


def _likelihood(events: Any, time: Any, first: Any, last: Any) -> Any:
    """The Poisson log-likelihood of one level from ``first`` to before ``last``, without what all share."""
    import numpy as np

    seen, size = events[last] - events[first], time[last] - time[first]
    return np.where(seen > 0, seen * np.log(np.maximum(seen, 1e-300) / size), 0.0)


def _placed(events: Any, time: Any, most: int) -> list[list[int]]:
    """For each number of steps up to ``most`` the positions at which they are likeliest."""
    import numpy as np

    n = len(events) - 1
    best = np.full((most + 1, n + 1), -np.inf)
    came_from = np.zeros((most + 1, n + 1), dtype=int)
    whole = np.arange(SEGMENT_MONTHS, n + 1)
    best[0, whole] = _likelihood(events, time, 0, whole)
    for number in range(1, most + 1):
        for last in range(SEGMENT_MONTHS * (number + 1), n + 1):
            at = np.arange(SEGMENT_MONTHS * number, last - SEGMENT_MONTHS + 1)
            found = best[number - 1, at] + _likelihood(events, time, at, last)
            chosen = int(found.argmax())
            best[number, last], came_from[number, last] = found[chosen], at[chosen]
    placed = []
    for number in range(most + 1):
        positions, last = [], n
        for level in range(number, 0, -1):
            last = int(came_from[level, last])
            positions.append(last)
        placed.append(positions[::-1])
    return placed


def _dispersion(counts: Any, sizes: Any, positions: Sequence[int]) -> float:
    """Pearson's, around the levels of the most steps; at least 1. Each step costs a level and a place."""
    ends = [0, *positions, len(counts)]
    total = 0.0
    for first, last in itertools.pairwise(ends):
        fitted = sizes[first:last] * counts[first:last].sum() / sizes[first:last].sum()
        total += float((((counts[first:last] - fitted) ** 2)[fitted > 0] / fitted[fitted > 0]).sum())
    return max(1.0, total / max(1, len(counts) - 2 * len(positions) - 1))


def _when(events: Any, time: Any, first: int, step: int, last: int, dispersion: float) -> tuple[int, int]:
    """The places that hold 95 % of the likelihood of the step between two others, as the first and the last of them."""
    import numpy as np

    at = np.arange(first + SEGMENT_MONTHS, last - SEGMENT_MONTHS + 1)
    found = (_likelihood(events, time, first, at) + _likelihood(events, time, at, last)) / dispersion
    weight = np.exp(found - found.max())
    order = weight.argsort()[::-1]
    enough = int(np.searchsorted(weight[order].cumsum(), 0.95 * weight.sum())) + 1
    held = [*at[order[:enough]].tolist(), step]
    return min(held), max(held)
