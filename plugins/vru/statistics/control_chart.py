"""The c-chart of a monthly count that is rare (definitions B1 and B2), and what it says about the newest months.

The series is cut into phases: at known breaks (definitions A11), at the steps of `vru.statistics.steps` ("sustained
shift"), and around the months of a real change (COVID-19), which belong to no phase and no run, so that neither spans
them. A phase is judged by its first 24 points, at least 12; where it has fewer, its points have no lines. Rising and
falling points in a row are no rule here: on counts they find next to nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from vru.periods import shifted
from vru.statistics import poisson

METHOD = "c-chart"
VERSION = 2
BASELINE_POINTS = 24
BASELINE_MINIMUM = 12
RUN_POINTS = 7
MINIMUM_MEAN = 5.0
WIDE_DISPERSION = 1.5
WIDE_MEAN = 10.0

Rule = Literal["limit", "run", "two_of_three"]
Reason = Literal["start", "break", "sustained shift", "after a real change"]


@dataclass(frozen=True)
class Phase:
    """A stretch judged by one centre line and one pair of limits (counts per month)."""

    start: date
    end: date
    baseline_start: date
    baseline_end: date
    baseline_points: int
    baseline_total: int
    centre: float
    lower: float
    upper: float
    dispersion: float
    is_widened: bool
    reason: Reason


@dataclass(frozen=True)
class Point:
    """One month: its count, its phase (None where no baseline exists) and the rules that it meets."""

    month: date
    count: int
    phase: Phase | None
    rules: tuple[Rule, ...]
    is_excluded: bool


@dataclass(frozen=True)
class Chart:
    """The whole chart. ``why_none`` says why the newest month has no lines; empty where it has."""

    points: tuple[Point, ...]
    phases: tuple[Phase, ...]
    why_none: str = ""


def c_chart(
    series: Sequence[tuple[date, int]],
    *,
    breaks: Collection[date] = (),
    steps: Collection[date] = (),
    is_excluded: Callable[[date], bool] = lambda _: False,
) -> Chart:
    """Chart ``series`` (first days of consecutive months in order, counts).

    ``breaks`` are the first months of new recording rules, ``steps`` those of a new level; ``is_excluded`` says which
    months are those of a real change. Raises ValueError if a month is missing or out of order: a gap must not be
    drawn over.
    """
    for (month, _), (following, _) in itertools.pairwise(series):
        if following != shifted(month, 1):
            raise ValueError(f"the series has a gap after {month:%B %Y}; chart only what has no gap")
    phase_of: list[Phase | None] = [None] * len(series)
    phases: list[Phase] = []
    why = "no month is known" if not series else ""
    for first, last, reason in _stretches(series, breaks, steps, is_excluded):
        phase, why = _phase(series[first:last], reason)
        if phase is not None:
            phases.append(phase)
            phase_of[first:last] = [phase] * (last - first)
    if series and is_excluded(series[-1][0]):
        why = "the newest month lies in the time of a real change"
    rules = _rules([count for _, count in series], phase_of)
    points = tuple(
        Point(month, count, phase, found, is_excluded(month))
        for (month, count), phase, found in zip(series, phase_of, rules, strict=True)
    )
    return Chart(points, tuple(phases), why)


def _stretches(
    series: Sequence[tuple[date, int]],
    breaks: Collection[date],
    steps: Collection[date],
    is_excluded: Callable[[date], bool],
) -> list[tuple[int, int, Reason]]:
    """First position, the one after the last, and what each phase begins with."""
    found: list[tuple[int, int, Reason]] = []
    begins: Reason | None = "start"
    for i, (month, _) in enumerate(series):
        if is_excluded(month):
            begins = begins if begins in ("start", "break") else "after a real change"
            begins = "break" if month in breaks else begins
            continue
        if month in breaks and i > 0:
            begins = "break"
        elif month in steps:
            begins = "sustained shift"
        if begins:
            found.append((i, i + 1, begins))
            begins = None
        else:
            found[-1] = (found[-1][0], i + 1, found[-1][2])
    return found


def _phase(part: Sequence[tuple[date, int]], reason: Reason) -> tuple[Phase | None, str]:
    """The phase that is ``part``; None, and why, if it cannot be."""
    baseline = part[:BASELINE_POINTS]
    since = f"{part[0][0]:%B %Y}"
    if len(baseline) < BASELINE_MINIMUM:
        return None, f"a phase began in {since} and has {len(baseline)} months of the {BASELINE_MINIMUM} that it needs"
    values = [count for _, count in baseline]
    centre = sum(values) / len(values)
    if centre < MINIMUM_MEAN:
        return None, f"fewer than {MINIMUM_MEAN:.0f} a month since {since}"
    dispersion = sum((v - centre) ** 2 for v in values) / (len(values) - 1) / centre
    lower, upper = map(float, poisson.limits(centre))
    is_widened = dispersion > WIDE_DISPERSION and centre >= WIDE_MEAN
    if is_widened:
        lower = max(0.0, centre - (centre - lower) * math.sqrt(dispersion))
        upper = centre + (upper - centre) * math.sqrt(dispersion)
    phase = Phase(
        start=part[0][0],
        end=part[-1][0],
        baseline_start=baseline[0][0],
        baseline_end=baseline[-1][0],
        baseline_points=len(baseline),
        baseline_total=sum(values),
        centre=centre,
        lower=lower,
        upper=upper,
        dispersion=dispersion,
        is_widened=is_widened,
        reason=reason,
    )
    return phase, ""


def _rules(counts: list[int], phase_of: list[Phase | None]) -> list[tuple[Rule, ...]]:
    """The rules (a), (b) and (d) of definitions B1 that each point completes; no run crosses a change of phase."""
    found: list[tuple[Rule, ...]] = []
    for i, phase in enumerate(phase_of):
        if phase is None:
            found.append(())
            continue
        met: list[Rule] = []
        if counts[i] < phase.lower or counts[i] > phase.upper:
            met.append("limit")
        recent = _recent(counts, phase_of, i, RUN_POINTS)
        sides = {_sign(c - phase.centre) for c in recent}
        if len(recent) == RUN_POINTS and len(sides) == 1 and 0 not in sides:
            met.append("run")
        three = _recent(counts, phase_of, i, 3)
        high = phase.centre + (phase.upper - phase.centre) * 2 / 3
        low = phase.centre - (phase.centre - phase.lower) * 2 / 3
        if len(three) == 3 and (
            (three[-1] > high and sum(c > high for c in three) >= 2)
            or (three[-1] < low and sum(c < low for c in three) >= 2)
        ):
            met.append("two_of_three")
        found.append(tuple(met))
    return found


def _recent(counts: list[int], phase_of: list[Phase | None], i: int, size: int) -> list[int]:
    """The up to ``size`` counts that end at ``i`` and belong to its phase."""
    first = max(0, i - size + 1)
    return [counts[j] for j in range(first, i + 1) if phase_of[j] is phase_of[i]]


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
