"""Whether the newest months differ from their baseline by more than chance (definitions B15).

For the last 1, 3, 6 and 12 months the exact conditional test: given that X events fell in w months and S in the
n months of the baseline, X is binomial with share w / (w + n), or beta-binomial where the baseline's dispersion
exceeds 1.2. The smallest of the four p-values is calibrated by a seeded simulation, because four looks find
more by chance than one. Over the family of all series drawn in a report, Benjamini-Hochberg at 0.10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from vru.statistics.control_chart import Chart

METHOD = "exact conditional test, last 1, 3, 6 and 12 months, simulated minimum"
VERSION = 1
WINDOWS = (1, 3, 6, 12)
SIMULATIONS = 20_000
SEED = 20140101
FALSE_DISCOVERY_RATE = 0.10
BETA_BINOMIAL_ABOVE = 1.2

Verdict = Literal["higher", "lower", "to watch", "no change", "too few to chart"]


@dataclass(frozen=True)
class Baseline:
    """The months against which the newest are tested."""

    start: date
    end: date
    months: int
    total: int
    dispersion: float

    @property
    def mean(self) -> float:
        """Events per month."""
        return self.total / self.months


@dataclass(frozen=True)
class Change:
    """What was found. ``window`` is the number of newest months with the smallest p-value, ``total`` their events."""

    p_value: float
    window: int
    total: int
    expected: float
    baseline: Baseline


def p_values(recent: Any, baseline_total: Any, months: int, dispersion: float) -> Any:
    """Two-sided p-values, one column per window.

    ``recent``: array (simulations, 12) of the newest counts in order of time; ``baseline_total``: array
    (simulations,). Two-sided is twice the smaller tail, at most 1.
    """
    import numpy as np
    from scipy.special import bdtr

    found = []
    for window in WINDOWS:
        seen = recent[:, -window:].sum(axis=1)
        both = seen + baseline_total
        share = window / (window + months)
        if dispersion > BETA_BINOMIAL_ABOVE:
            lower, upper = _beta_binomial_tails(seen, both, share, dispersion)
        else:
            lower, upper = bdtr(seen, both, share), 1 - bdtr(seen - 1, both, share)
        tail = np.minimum(lower, np.where(seen == 0, 1.0, upper))
        found.append(np.minimum(1.0, 2 * tail))
    return np.stack(found, axis=1)


def compare(recent: Sequence[int], baseline: Baseline, *, simulations: int = SIMULATIONS) -> Change:
    """Test the newest 12 counts, in order of time, against ``baseline``. Raises ValueError unless there are 12.

    The same input gives the same p-value: the simulation is seeded.
    """
    import numpy as np

    if len(recent) != max(WINDOWS):
        raise ValueError(f"the test needs the newest {max(WINDOWS)} months")
    observed = p_values(np.array([recent]), np.array([baseline.total]), baseline.months, baseline.dispersion)[0]
    best = int(observed.argmin())
    random = np.random.default_rng(SEED)
    spread = baseline.dispersion if baseline.dispersion > BETA_BINOMIAL_ABOVE else 1.0
    made = _counts(random, baseline.mean, spread, (simulations, max(WINDOWS) + baseline.months))
    simulated = p_values(
        made[:, : max(WINDOWS)], made[:, max(WINDOWS) :].sum(axis=1), baseline.months, baseline.dispersion
    ).min(axis=1)
    # r + 1 over P + 1: a simulated p-value is never 0.
    p_value = (int((simulated <= observed[best]).sum()) + 1) / (simulations + 1)
    window = WINDOWS[best]
    return Change(p_value, window, sum(recent[-window:]), baseline.mean * window, baseline)


def passes(p_of_series: Sequence[float], rate: float = FALSE_DISCOVERY_RATE) -> list[bool]:
    """Benjamini-Hochberg: which of the family's p-values pass at false discovery rate ``rate``."""
    order = sorted(range(len(p_of_series)), key=lambda i: p_of_series[i])
    last = max((rank for rank, i in enumerate(order, 1) if p_of_series[i] <= rate * rank / len(order)), default=0)
    passing = set(order[:last])
    return [i in passing for i in range(len(p_of_series))]


def baseline_of(chart: Chart) -> Baseline | None:
    """The baseline by which the newest month of ``chart`` is judged; None where it has none.

    Give the chart of the series *before* the months to be tested, so that these never judge themselves.
    """
    phase = chart.points[-1].phase if chart.points else None
    if phase is None:
        return None
    return Baseline(
        phase.baseline_start, phase.baseline_end, phase.baseline_points, phase.baseline_total, phase.dispersion
    )


def verdict(chart: Chart, change: Change | None, *, is_passing: bool) -> Verdict:
    """The word for the newest months: a signal only if the family test passes; chart rules alone are 'to watch'."""
    if change is None or chart.why_none:
        return "too few to chart"
    if is_passing:
        return "higher" if change.total > change.expected else "lower"
    if chart.points[-1].rules:
        return "to watch"
    return "no change"


def _beta_binomial_tails(seen: Any, both: Any, share: float, dispersion: float) -> tuple[Any, Any]:
    """P(X <= seen) and P(X >= seen) for each pair; a variance ``dispersion`` times the binomial one."""
    import numpy as np
    from scipy.stats import betabinom

    lower, upper = np.ones(len(seen)), np.ones(len(seen))
    for size in np.unique(both):
        strength = 1 / min(0.999, (dispersion - 1) / max(1, size - 1)) - 1
        mass = betabinom.pmf(np.arange(size + 1), size, share * strength, (1 - share) * strength)
        below = np.cumsum(mass)
        here = both == size
        lower[here] = below[seen[here]]
        upper[here] = 1 - below[seen[here]] + mass[seen[here]]
    return lower, upper


def _counts(random: Any, mean: float, dispersion: float, shape: tuple[int, int]) -> Any:
    """Poisson counts, or negative binomial ones with variance ``dispersion`` times the mean."""
    if dispersion <= 1:
        return random.poisson(mean, shape)
    return random.negative_binomial(mean / (dispersion - 1), 1 / dispersion, shape)
