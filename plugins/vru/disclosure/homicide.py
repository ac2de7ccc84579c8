"""Makes the published homicide tables out of exact counts: pure functions, no database.

Every function takes exact counts and the evidence for their exemption, and returns rows as they may leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from vru.disclosure import rules
from vru.disclosure.exemption import Evidence
from vru.periods import months_between
from vru.statistics import change, control_chart, poisson

LONDON_CODE, LONDON_NAME = "E12000007", "London"
BOROUGH_YEARS = 5
CITY_NOTE = "not covered by this source"
NO_POPULATION = "no population estimate of one series for all five years"

Row = dict[str, Any]


@dataclass(frozen=True)
class Month:
    """London in one month; ``count`` is None where the source says nothing."""

    month: date
    count: int | None
    is_provisional: bool = False
    null_reason: str | None = None


@dataclass(frozen=True)
class BoroughYear:
    """One borough in one calendar year."""

    area_code: str
    area_name: str
    year: int
    count: int | None
    population: int | None
    population_series: str | None
    null_reason: str | None = None


@dataclass(frozen=True)
class SeriesBreak:
    """A date or a time that a chart must know (definitions A11).

    A change of recording starts the baseline again at ``start``; a real change (``is_real_change``) stays out of
    every baseline from ``start`` to ``end``.
    """

    start: date
    end: date | None
    title: str
    is_real_change: bool

    def covers(self, month: date) -> bool:
        """Whether ``month`` lies in the time of a real change."""
        return self.is_real_change and self.start <= month <= (self.end or date.max)


def london_months(months: Sequence[Month], breaks: Sequence[SeriesBreak], evidence: Evidence) -> tuple[list[Row], Row]:
    """Rows of `homicide_london_month`, and the one row of `homicide_london_verdict`.

    Centre lines and limits are published only where every charted month is exempt: they could be solved back
    to counts (R14). The verdict word stands alone otherwise.
    """
    rows: dict[date, Row] = {}
    for m in months:
        cell = rules.protect(m.count, evidence.policy, is_exempt=evidence.is_exempt(m.count, [m.month]))
        rows[m.month] = {
            "area_code": LONDON_CODE,
            "area_name": LONDON_NAME,
            "period_start": m.month,
            **_cell(cell),
            "null_reason": m.null_reason,
            "is_provisional": m.is_provisional,
            "is_outside_baseline": any(b.covers(m.month) for b in breaks),
            "series_note": "; ".join(b.title for b in breaks if b.start == m.month) or None,
            "centre_line": None,
            "lower_limit": None,
            "upper_limit": None,
            "phase_start": None,
            "phase_reason": None,
            "baseline_start": None,
            "baseline_end": None,
            "chart_rules": None,
        }
    series = newest_run(months)
    chart = _chart(series, breaks)
    is_public = bool(series) and all(rows[month]["is_exempt"] for month, _ in series)
    if is_public:
        for point in chart.points:
            phase = point.phase
            rows[point.month]["chart_rules"] = ",".join(point.rules)
            if phase is not None:
                rows[point.month] |= {
                    "centre_line": phase.centre,
                    "lower_limit": phase.lower,
                    "upper_limit": phase.upper,
                    "phase_start": phase.start,
                    "phase_reason": phase.reason,
                    "baseline_start": phase.baseline_start,
                    "baseline_end": phase.baseline_end,
                }
    return [rows[month] for month in sorted(rows)], _verdict(series, chart, breaks, is_public=is_public)


def london_years(months: Sequence[Month], population: Mapping[int, int], evidence: Evidence) -> list[Row]:
    """Rows of `homicide_london_year`: the sum of the published months (R5), with the exact 95 % interval."""
    by_year: dict[int, list[Month]] = {}
    for m in months:
        by_year.setdefault(m.month.year, []).append(m)
    rows = []
    for year, parts in sorted(by_year.items()):
        known = [m for m in parts if m.count is not None]
        if not known:
            continue
        cells = [
            rules.protect(m.count, evidence.policy, is_exempt=evidence.is_exempt(m.count, [m.month])) for m in known
        ]
        exact = sum(m.count or 0 for m in known)
        if evidence.is_exempt(exact, [m.month for m in known]):
            summed = rules.Total(exact, is_partial=False, hidden_parts=0)
            is_exempt = True
        else:
            summed, is_exempt = rules.total(cells), False
        is_complete = len(known) == 12
        rows.append(
            {
                "area_code": LONDON_CODE,
                "area_name": LONDON_NAME,
                "period_start": date(year, 1, 1),
                "month_count": len(known),
                "is_complete": is_complete,
                "value_count": summed.value,
                "is_exempt": is_exempt,
                "is_partial": summed.is_partial,
                "hidden_parts": summed.hidden_parts,
                "is_provisional": any(m.is_provisional for m in known),
                **_interval(summed.value),
                # A part-year is not a year's rate (definitions B5).
                **_rate(summed.value if is_complete else None, population.get(year)),
            }
        )
    return rows


def borough_period(years: Sequence[BoroughYear], evidence: Evidence) -> tuple[list[Row], Row | None]:
    """Rows of `homicide_borough_period` over the newest five sound calendar years, and their total.

    Empty where no five years in a row are known for every area that is known at all. The whole table is
    withheld (values None, marker) where suppression cannot protect it.
    """
    areas = sorted({(y.area_code, y.area_name) for y in years})
    by_cell = {(y.area_code, y.year): y for y in years}
    covered = [a for a in areas if any(by_cell[k].count is not None for k in by_cell if k[0] == a[0])]
    sound = sorted(
        year
        for year in {y.year for y in years}
        if covered and all((c := by_cell.get((a[0], year))) and c.count is not None for a in covered)
    )
    window = _newest_in_a_row(sound, BOROUGH_YEARS)
    if not window:
        return [], None
    months = [date(year, month, 1) for year in window for month in range(1, 13)]
    counts: list[int | None] = []
    exempt: list[bool] = []
    for code, name in areas:
        parts = [by_cell.get((code, year)) for year in window]
        known = [p.count for p in parts if p is not None and p.count is not None]
        count = sum(known) if len(known) == len(window) else None
        counts.append(count)
        exempt.append(evidence.is_exempt(count, months, name))
    cells = rules.protect_table(counts, exempt, evidence.policy)
    is_withheld = cells is None
    cells = cells or [rules.Cell(None) if n is None else rules.hidden(evidence.policy) for n in counts]
    # One population series per comparison: across the 2021 rebase a fall in residents looks like a rise (B19).
    series = {y.population_series for y in years if y.year in window and y.population is not None}
    rows = []
    for (code, name), cell in zip(areas, cells, strict=True):
        yearly = [by_cell.get((code, year)) for year in window]
        sizes = [p.population for p in yearly if p is not None and p.population is not None]
        person_years = sum(sizes) if len(sizes) == len(window) and len(series) == 1 else None
        reasons = {p.null_reason for p in yearly if p is not None and p.null_reason}
        rows.append(
            {
                "area_code": code,
                "area_name": name,
                "period_start": date(window[0], 1, 1),
                "period_end": date(window[-1], 12, 31),
                **_cell(cell),
                "null_reason": None if cell.is_suppressed or cell.value is not None else _reason(name, reasons),
                "population_years": person_years,
                "population_series": min(s or "" for s in series) if len(series) == 1 else None,
                "rate_null_reason": None if person_years or cell.value is None else NO_POPULATION,
                **_rate(cell.value, person_years),
                "is_table_withheld": is_withheld,
            }
        )
    summed = rules.total([c for c in cells if c.value is not None or c.is_suppressed])
    total_row = {
        "area_code": LONDON_CODE,
        "area_name": "All boroughs shown",
        "period_start": date(window[0], 1, 1),
        "period_end": date(window[-1], 12, 31),
        "value_count": summed.value,
        "is_partial": summed.is_partial,
        "hidden_parts": summed.hidden_parts,
    }
    return rows, total_row


def newest_run(months: Sequence[Month]) -> list[tuple[date, int]]:
    """The newest months in a row whose count is known, in order; a chart must not be drawn over a gap."""
    run: list[tuple[date, int]] = []
    for m in sorted(months, key=lambda m: m.month, reverse=True):
        if m.count is None:
            if run:
                break
            continue
        if run and months_between(m.month, run[-1][0]) != 1:
            break
        run.append((m.month, m.count))
    return run[::-1]


def _chart(series: Sequence[tuple[date, int]], breaks: Sequence[SeriesBreak]) -> control_chart.Chart:
    return control_chart.c_chart(
        series,
        breaks=[b.start for b in breaks if not b.is_real_change],
        is_excluded=lambda month: any(b.covers(month) for b in breaks),
    )


def _verdict(
    series: Sequence[tuple[date, int]],
    chart: control_chart.Chart,
    breaks: Sequence[SeriesBreak],
    *,
    is_public: bool,
) -> Row:
    """What the newest months say. Numbers other than the word leave only where every month is exempt."""
    newest = max(change.WINDOWS)
    baseline = change.baseline_of(_chart(series[:-newest], breaks)) if len(series) > newest else None
    found = change.compare([n for _, n in series[-newest:]], baseline) if baseline else None
    word = change.verdict(chart, found, is_passing=found is not None and change.passes([found.p_value])[0])
    shown = found if is_public else None
    low_high = poisson.interval(shown.total) if shown else (None, None)
    return {
        "area_code": LONDON_CODE,
        "newest_month": series[-1][0] if series else None,
        "verdict": word,
        "why_none": chart.why_none or None,
        "chart_method": control_chart.METHOD,
        "chart_version": control_chart.VERSION,
        "test_method": change.METHOD,
        "test_version": change.VERSION,
        "test_seed": change.SEED,
        "test_family_size": 1,
        "false_discovery_rate": change.FALSE_DISCOVERY_RATE,
        "p_value": shown.p_value if shown else None,
        "window_months": shown.window if shown else None,
        "window_count": shown.total if shown else None,
        "window_low": low_high[0],
        "window_high": low_high[1],
        "expected_count": shown.expected if shown else None,
        "baseline_start": shown.baseline.start if shown else None,
        "baseline_end": shown.baseline.end if shown else None,
        "baseline_mean": shown.baseline.mean if shown else None,
        "dispersion": shown.baseline.dispersion if shown else None,
    }


def _cell(cell: rules.Cell) -> Row:
    return {
        "value_count": cell.value,
        "is_exempt": cell.is_exempt,
        "is_suppressed": cell.is_suppressed,
        "marker": cell.marker,
    }


def _interval(count: int | None) -> Row:
    low, high = (None, None) if count is None else poisson.interval(count)
    return {"count_low": low, "count_high": high}


def _rate(count: int | None, population: int | None) -> Row:
    """R7: from the count as published, and a published population."""
    if count is None or not population:
        return {"rate_per_100k": None, "rate_low": None, "rate_high": None}
    rate, low, high = poisson.rate(count, population)
    return {"rate_per_100k": rate, "rate_low": low, "rate_high": high}


def _reason(area_name: str, reasons: set[str]) -> str:
    if area_name == "City of London":
        return CITY_NOTE
    return "; ".join(sorted(reasons)) or "not known for all five years"


def _newest_in_a_row(years: Sequence[int], size: int) -> list[int]:
    """The newest ``size`` consecutive years; empty if there are none."""
    for end in sorted(years, reverse=True):
        if all(year in years for year in range(end - size + 1, end + 1)):
            return list(range(end - size + 1, end + 1))
    return []
