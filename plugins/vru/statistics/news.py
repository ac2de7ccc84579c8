"""What is news: whether the newest months differ from their baseline by more than chance (definitions B15).

Windows are the newest 3, 12 and 24 months. Their baseline is the 60 months that end 24 months ago: whole years, at
least two, without a year that a real change (COVID-19) touches, and never across a break of the series. Three months
are compared with the same calendar months of each year, so that no season has to be modelled. The smallest of the
three p-values is calibrated by a seeded simulation of months without change, because three looks find more by chance
than one. What passes is a signal; it stands, with its first month, until 12 months have passed without one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal

from vru.periods import months_between
from vru.statistics import exact

METHOD = "exact conditional test, newest 3, 12 and 24 months against 60 months that end 24 months ago"
VERSION = 2
WINDOWS = (3, 12, 24)
BASELINE_YEARS = 5
BASELINE_MINIMUM_YEARS = 2
SIGNIFICANCE = 0.02
"""At which one series that is tested alone is a signal."""
STANDS_MONTHS = 12
NEAR = 0.025
"""A raw p-value above it cannot pass: three looks in one make it larger, so it is not worth a simulation."""
SIMULATIONS = 5_000
SEED = 20140101

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Window:
    """The newest ``months`` against what the baseline leads one to expect."""

    months: int
    total: int
    expected: float
    p_value: float
    """Before calibration."""


@dataclass(frozen=True)
class Look:
    """The test of one month. ``window`` has the smallest p-value of its own.

    ``p_value`` is calibrated; None in a month before the newest that cannot pass.
    """

    month: date
    p_value: float | None
    window: Window
    windows: tuple[Window, ...]
    baseline_start: date
    baseline_end: date
    baseline_months: int
    baseline_total: int
    dispersion: float

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the dispersion."""
        return self.baseline_months - 12

    @property
    def is_signal(self) -> bool:
        """Whether it passes."""
        return self.p_value is not None and self.p_value <= SIGNIFICANCE

    @property
    def direction(self) -> Direction:
        """Where the newest months lie."""
        return "higher" if self.window.total > self.window.expected else "lower"


@dataclass(frozen=True)
class Signal:
    """A signal that stands: its first month, and the newest look that passed."""

    direction: Direction
    since: date
    last: Look


def looks(
    series: Sequence[tuple[date, int]],
    *,
    breaks: Collection[date] = (),
    is_excluded: Callable[[date], bool] = lambda _: False,
) -> list[Look]:
    """The test of every month of ``series`` (first days of months in a row, counts) that has a baseline, in order.

    ``breaks`` are the first months of new recording rules; ``is_excluded`` tells the months of a real change.
    """
    import numpy as np

    months = [month for month, _ in series]
    counts = np.array([count for _, count in series], dtype=float)
    usable = [not is_excluded(month) for month in months]
    found: list[Look] = []
    by_years: dict[int, list[tuple[int, list[int]]]] = {}
    first = 0
    for i, month in enumerate(months):
        if month in breaks:
            first = i
        ends = [i - WINDOWS[-1] - 12 * back for back in range(BASELINE_YEARS)]
        years = [end for end in ends if end - 11 >= first and all(usable[end - 11 : end + 1])][::-1]
        if len(years) >= BASELINE_MINIMUM_YEARS:
            by_years.setdefault(len(years), []).append((i, years))
    for years_count, cases in by_years.items():
        at = np.array([i for i, _ in cases])
        baseline = np.stack([np.stack([counts[end - 11 : end + 1] for end in years]) for _, years in cases])
        recent = np.stack([np.stack([counts[at - k] for k in range(w)]).sum(axis=0) for w in WINDOWS], axis=1)
        p_values = raw_p_values(recent, baseline)
        spread = exact.dispersion(baseline)
        for n, (i, years) in enumerate(cases):
            total = int(baseline[n].sum())
            expected = [float(baseline[n][:, -w:].sum() if w < 12 else total * w / 12) / years_count for w in WINDOWS]
            windows = tuple(
                Window(w, int(recent[n, k]), expected[k], float(p_values[n, k])) for k, w in enumerate(WINDOWS)
            )
            best = min(windows, key=lambda window: window.p_value)
            is_near = best.p_value <= NEAR or i == len(months) - 1
            mean, dispersion = total / (12 * years_count), float(spread[n])
            found.append(
                Look(
                    month=months[i],
                    p_value=calibrated(best.p_value, mean, dispersion, years_count) if is_near else None,
                    window=best,
                    windows=windows,
                    baseline_start=months[years[0] - 11],
                    baseline_end=months[years[-1]],
                    baseline_months=12 * years_count,
                    baseline_total=total,
                    dispersion=dispersion,
                )
            )
    return sorted(found, key=lambda look: look.month)


def standing(found: Sequence[Look], newest: date) -> Signal | None:
    """The signal that stands in the month ``newest``; None where there is none."""
    signal: Signal | None = None
    for look in found:
        if signal and months_between(signal.last.month, look.month) > STANDS_MONTHS:
            signal = None
        if look.is_signal:
            is_same = signal is not None and signal.direction == look.direction
            signal = Signal(look.direction, signal.since if is_same and signal else look.month, look)
    return signal if signal and months_between(signal.last.month, newest) < STANDS_MONTHS else None


def raw_p_values(recent: Any, baseline: Any) -> Any:
    """P-values of each window, before calibration.

    ``recent``: array (cases, windows) of events in the newest months; ``baseline``: array (cases, years, 12) of monthly
    counts, each year ending with the calendar month that the newest one has.
    """
    import numpy as np

    years = baseline.shape[1]
    spread, degrees = exact.dispersion(baseline), 12 * (years - 1)
    total, same = baseline.sum(axis=(1, 2)), baseline[:, :, -WINDOWS[0] :].sum(axis=(1, 2))
    found = []
    for k, window in enumerate(WINDOWS):
        reference, size = (same, window * years) if window < 12 else (total, 12 * years)
        found.append(exact.p_value(recent[:, k], reference, window / (window + size), spread, degrees))
    return np.stack(found, axis=1)


def calibrated(smallest: float, mean: float, dispersion: float, years: int) -> float:
    """How often the smallest of the p-values is at most ``smallest`` where nothing changed. Never 0."""
    import numpy as np

    minima = null_minima(_near_mean(mean), _near_dispersion(dispersion), years)
    below = int(np.searchsorted(minima, smallest * (1 + 1e-12), side="right"))
    return (below + 1) / (len(minima) + 1)


@lru_cache(maxsize=512)
def null_minima(mean: float, dispersion: float, years: int) -> Any:
    """The smallest p-values of simulated series without change, in order: its cost does not grow with the counts."""
    import numpy as np

    random = np.random.default_rng(SEED)
    baseline = counts(random, mean, dispersion, (SIMULATIONS, years, 12))
    # sums of months of one law follow the same law
    parts = np.stack([counts(random, mean * n, dispersion, (SIMULATIONS,)) for n in (3, 9, 12)], axis=1)
    return np.sort(raw_p_values(parts.cumsum(axis=1), baseline).min(axis=1))


def counts(random: Any, mean: Any, dispersion: float, shape: tuple[int, ...]) -> Any:
    """Poisson counts, or negative binomial ones with variance ``dispersion`` times the mean."""
    import numpy as np

    if dispersion <= 1:
        return random.poisson(mean, shape).astype(float)
    return random.negative_binomial(np.asarray(mean) / (dispersion - 1), 1 / dispersion, shape).astype(float)


def _near_mean(mean: float) -> float:
    """The mean to an eighth of itself, so that near cases share a simulation; beyond 1,000 nothing changes any more."""
    return min(1000.0, round(1.25 ** round(math.log(max(mean, 0.1), 1.25)), 3))


def _near_dispersion(dispersion: float) -> float:
    """The dispersion to a quarter, from 2 on to a half; at least 1."""
    parts = 4 if dispersion < 2 else 2
    return max(1.0, round(dispersion * parts) / parts)
