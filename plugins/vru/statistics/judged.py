"""Everything that is said of one monthly series, worked out once: its chart, its steps and what is news."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from vru.statistics import control_chart, news
from vru.statistics.control_chart import Chart
from vru.statistics.news import Look, Signal
from vru.statistics.steps import Step, steps

Verdict = Literal["higher", "lower", "to watch", "no change", "too few to judge"]


@dataclass(frozen=True)
class Judged:
    """One series with all that was found in it. ``signal`` is the one that stands in its newest month."""

    series: tuple[tuple[date, int], ...]
    chart: Chart
    steps: tuple[Step, ...]
    looks: tuple[Look, ...]
    signal: Signal | None

    @property
    def newest(self) -> date | None:
        """The newest month."""
        return self.series[-1][0] if self.series else None

    @property
    def look(self) -> Look | None:
        """The test of the newest month; None where it has no baseline."""
        return self.looks[-1] if self.looks and self.looks[-1].month == self.newest else None

    @property
    def verdict(self) -> Verdict:
        """The word for the newest months: only a signal is news, and chart rules alone are 'to watch'."""
        if self.signal is not None:
            return self.signal.direction
        if self.series and self.chart.points[-1].rules:
            return "to watch"
        return "no change" if self.look is not None else "too few to judge"

    @property
    def why_none(self) -> str:
        """Why the newest month has no test; empty where it has one."""
        if self.look is not None:
            return ""
        return (
            "a test needs two whole years of one way of recording, without a real change, that ended 24 months ago"
            if self.series
            else "no month is known"
        )


def judge(
    series: Sequence[tuple[date, int]],
    *,
    breaks: Collection[date] = (),
    is_excluded: Callable[[date], bool] = lambda _: False,
) -> Judged:
    """Judge ``series`` (first days of consecutive months in order, counts). Raises ValueError if a month is missing."""
    found = tuple(steps(series, breaks=breaks, is_excluded=is_excluded))
    chart = control_chart.c_chart(series, breaks=breaks, steps=[s.month for s in found], is_excluded=is_excluded)
    looks = tuple(news.looks(series, breaks=breaks, is_excluded=is_excluded))
    signal = news.standing(looks, series[-1][0]) if series else None
    return Judged(tuple(series), chart, found, looks, signal)
