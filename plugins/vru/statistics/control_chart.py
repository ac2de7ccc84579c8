"""The c-chart of a monthly count that is rare (definitions B1 and B2), and what it says about the newest months.

The series is cut at known breaks (definitions A11); each part has its own baseline. A part is one or more
phases: the first rests on its first 24 usable points, and when 12 usable points in a row after a baseline lie on
one side of its centre, a new phase starts at the first of them ("sustained shift"). Months marked as unusual
(COVID-19 restrictions) are drawn and judged, but never enter a baseline and never make or break a shift.
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
VERSION = 1
BASELINE_POINTS = 24
BASELINE_MINIMUM = 12
SHIFT_POINTS = 12
RUN_POINTS = 7
MINIMUM_MEAN = 5.0
WIDE_DISPERSION = 1.5
WIDE_MEAN = 10.0

Rule = Literal["limit", "run", "trend", "two_of_three"]
Reason = Literal["start", "break", "sustained shift"]


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
    """The whole chart. ``phases`` is empty where the counts are too few, with the reason in ``why_none``."""

    points: tuple[Point, ...]
    phases: tuple[Phase, ...]
    why_none: str = ""


def c_chart(
    series: Sequence[tuple[date, int]],
    *,
    breaks: Collection[date] = (),
    is_excluded: Callable[[date], bool] = lambda _: False,
) -> Chart:
    """Chart ``series`` (first days of consecutive months in order, counts).

    ``breaks`` are the first months of new recording rules; ``is_excluded`` says which months stay out of every
    baseline. Raises ValueError if a month is missing or out of order: a gap must not be drawn over.
    """
    for (month, _), (following, _) in itertools.pairwise(series):
        if following != shifted(month, 1):
            raise ValueError(f"the series has a gap after {month:%B %Y}; chart only what has no gap")
    months = [month for month, _ in series]
    counts = [count for _, count in series]
    usable = [not is_excluded(month) for month in months]
    cuts = [0, *sorted(i for i, month in enumerate(months) if month in breaks and i > 0), len(series)]
    phase_of: list[Phase | None] = [None] * len(series)
    phases: list[Phase] = []
    for part, (first, last) in enumerate(itertools.pairwise(cuts)):
        start, reason = first, "start" if part == 0 else "break"
        while True:
            found = _phase(months, counts, usable, start, last, reason)
            if found is None:
                break
            phase, after_baseline = found
            shift = _sustained_shift(counts, usable, after_baseline, last, phase.centre)
            if shift is not None and _phase(months, counts, usable, shift, last, "sustained shift") is None:
                shift = None
            end = last if shift is None else shift
            phase = Phase(**{**phase.__dict__, "end": months[end - 1]})
            phases.append(phase)
            for i in range(start, end):
                phase_of[i] = phase
            if shift is None:
                break
            start, reason = shift, "sustained shift"
    rules = _rules(counts, phase_of)
    points = tuple(
        Point(month, count, phase, found, not good)
        for month, count, phase, found, good in zip(months, counts, phase_of, rules, usable, strict=True)
    )
    why = "" if phases and phase_of[-1] else f"fewer than {BASELINE_MINIMUM} months, or fewer than 5 expected a month"
    return Chart(points, tuple(phases), why)


def _phase(
    months: list[date], counts: list[int], usable: list[bool], start: int, last: int, reason: str
) -> tuple[Phase, int] | None:
    """The phase from ``start`` with its baseline, and the position after the baseline; None if it cannot be."""
    baseline = [i for i in range(start, last) if usable[i]][:BASELINE_POINTS]
    if len(baseline) < BASELINE_MINIMUM:
        return None
    values = [counts[i] for i in baseline]
    centre = sum(values) / len(values)
    if centre < MINIMUM_MEAN:
        return None
    dispersion = sum((v - centre) ** 2 for v in values) / (len(values) - 1) / centre
    lower, upper = map(float, poisson.limits(centre))
    is_widened = dispersion > WIDE_DISPERSION and centre >= WIDE_MEAN
    if is_widened:
        lower = max(0.0, centre - (centre - lower) * math.sqrt(dispersion))
        upper = centre + (upper - centre) * math.sqrt(dispersion)
    phase = Phase(
        start=months[start],
        end=months[last - 1],
        baseline_start=months[baseline[0]],
        baseline_end=months[baseline[-1]],
        baseline_points=len(baseline),
        baseline_total=sum(values),
        centre=centre,
        lower=lower,
        upper=upper,
        dispersion=dispersion,
        is_widened=is_widened,
        reason=reason,  # type: ignore[arg-type]
    )
    return phase, baseline[-1] + 1


def _sustained_shift(counts: list[int], usable: list[bool], start: int, last: int, centre: float) -> int | None:
    """Position of the first of 12 usable points in a row on one side of ``centre``; None if there are none."""
    run: list[int] = []
    for i in range(start, last):
        if not usable[i]:
            continue
        side = _sign(counts[i] - centre)
        if side == 0 or (run and side != _sign(counts[run[0]] - centre)):
            run = []
        if side != 0:
            run.append(i)
        if len(run) == SHIFT_POINTS:
            return run[0]
    return None


def _rules(counts: list[int], phase_of: list[Phase | None]) -> list[tuple[Rule, ...]]:
    """The rules (a)-(d) of definitions B1 that each point completes; no run crosses a change of phase."""
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
        # B1 (c): six same-sign differences, that is seven points.
        steps = {_sign(b - a) for a, b in itertools.pairwise(recent)}
        if len(recent) == RUN_POINTS and len(steps) == 1 and 0 not in steps:
            met.append("trend")
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
