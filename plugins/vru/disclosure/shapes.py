"""The shapes of published tables: pure functions from protected cells to rows as they may leave. No database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from vru.disclosure import rules
from vru.disclosure.exemption import Evidence
from vru.disclosure.specification import Specification
from vru.periods import months_between, shifted, span
from vru.statistics import change, control_chart, poisson

LONDON_CODE = "E12000007"
NUMBERS = dict(enumerate(["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]))

Row = dict[str, Any]
Key = tuple[str, str, date, date]
"""Definition, area code, first and last day: what a count is the count of, in whatever table it stands."""


@dataclass(frozen=True)
class Fact:
    """A headline figure of the marts; ``count`` is None where the source says nothing."""

    definition_id: str
    source_feed: str
    area_kind: str
    area_code: str
    area_name: str
    period_start: date
    period_end: date
    count: int | None
    population: int | None = None
    population_series: str | None = None
    is_provisional: bool = False
    null_reason: str | None = None

    @property
    def key(self) -> Key:
        """What it counts."""
        return (self.definition_id, self.area_code, self.period_start, self.period_end)

    @property
    def months(self) -> list[date]:
        """First days of its months."""
        return span(self.period_start.replace(day=1), self.period_end.replace(day=1))

    @property
    def place(self) -> str | None:
        """The area by the name that the source's own column has; None for all areas."""
        return None if self.area_kind == "region" else self.area_name


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


def exact(spec: Specification, facts: Sequence[Fact]) -> list[Fact]:
    """The counts that a measured table shows, before protection and without margins: in order, each once."""
    if spec.shape == "series":
        return sorted(facts, key=lambda f: f.period_start)
    window = newest_window(facts, spec.window or 1)
    if spec.shape == "cross":
        return sorted(
            (f for f in facts if f.period_start in window),
            key=lambda f: (f.definition_id, f.area_code, f.period_start),
        )
    return [_over(group, window) for group in _by_area(facts).values()] if window else []


def newest_window(facts: Sequence[Fact], size: int) -> list[date]:
    """The newest ``size`` periods in a row, by first day, for which every area that is known at all is known."""
    by_area = _by_area(facts)
    covered = [group for group in by_area.values() if any(f.count is not None for f in group)]
    known = [{f.period_start for f in group if f.count is not None} for group in covered]
    ends = {f.period_start: f.period_end for f in facts}
    sound = sorted(set.intersection(*known)) if known else []
    for last in range(len(sound) - 1, size - 2, -1):
        run = sound[last - size + 1 : last + 1]
        if all(shifted(ends[a].replace(day=1), 1) == b for a, b in pairwise(run)):
            return run
    return []


def series(
    spec: Specification, facts: Sequence[Fact], cells: Mapping[Key, rules.Cell], breaks: Sequence[SeriesBreak]
) -> list[Row]:
    """One row for each period; with a c-chart where the periods are months.

    Centre lines and limits are published only where every charted month is exempt: they could be solved back
    to counts (R14).
    """
    rows: dict[date, Row] = {}
    for f in exact(spec, facts):
        rows[f.period_start] = {
            "area_code": f.area_code,
            "area_name": f.area_name,
            "period_start": f.period_start,
            **_cell(cells[f.key]),
            "null_reason": f.null_reason,
            "is_provisional": f.is_provisional,
            "is_outside_baseline": any(b.covers(f.period_start) for b in breaks),
            "series_note": "; ".join(b.title for b in breaks if b.start == f.period_start) or None,
            "chart_rules": None,
        }
    run = newest_run(facts)
    if spec.period_kind == "month" and run and all(rows[month]["is_exempt"] for month, _ in run):
        for point in chart_of(run, breaks).points:
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
    return [rows[start] for start in sorted(rows)]


def sums(
    facts: Sequence[Fact], cells: Mapping[Key, rules.Cell], population: Mapping[int, int], evidence: Evidence
) -> list[Row]:
    """One row for each calendar year: the sum of the published months (R5), with the exact 95 % interval.

    A partial sum has neither interval nor rate; a part-year is not a year's rate (definitions B5).
    """
    by_year: dict[int, list[Fact]] = {}
    for f in facts:
        by_year.setdefault(f.period_start.year, []).append(f)
    rows = []
    for year, parts in sorted(by_year.items()):
        known = [f for f in parts if f.count is not None]
        if not known:
            continue
        shown = [cells[f.key] for f in known]
        months = [month for f in known for month in f.months]
        is_exempt = all(cell.is_exempt for cell in shown) and evidence.is_exempt(
            sum(f.count or 0 for f in known), months, known[0].place
        )
        summed = rules.total(shown)
        is_complete = len(months) == 12
        whole = None if summed.is_partial else summed.value
        rows.append(
            {
                "area_code": known[0].area_code,
                "area_name": known[0].area_name,
                "period_start": date(year, 1, 1),
                "month_count": len(months),
                "is_complete": is_complete,
                "value_count": summed.value,
                "is_exempt": is_exempt,
                "is_partial": summed.is_partial,
                "hidden_parts": summed.hidden_parts,
                "is_provisional": any(f.is_provisional for f in known),
                **_interval(whole),
                **_rate(whole if is_complete else None, population.get(year)),
            }
        )
    return rows


def areas(
    spec: Specification, facts: Sequence[Fact], cells: Mapping[Key, rules.Cell], *, is_withheld: bool
) -> list[Row]:
    """One row for each area over the newest sound periods in a row; empty where there are not enough of them."""
    window = newest_window(facts, spec.window or 1)
    if not window:
        return []
    number = NUMBERS.get(len(window), str(len(window)))
    in_window = [f for f in facts if f.period_start in window]
    # One population series per comparison: across a rebase a fall in residents looks like a rise (B19).
    kinds = {f.population_series for f in in_window if f.population is not None}
    rows = []
    for group in _by_area(facts).values():
        over = _over(group, window)
        cell = cells[over.key]
        parts = [f for f in group if f.period_start in window]
        sizes = [f.population for f in parts if f.population is not None]
        person_years = sum(sizes) if len(sizes) == len(window) and len(kinds) == 1 else None
        reasons = "; ".join(sorted({f.null_reason for f in parts if f.null_reason}))
        is_unknown = cell.value is None and not cell.is_suppressed
        rows.append(
            {
                "area_code": over.area_code,
                "area_name": over.area_name,
                "period_start": over.period_start,
                "period_end": over.period_end,
                **_cell(cell),
                "null_reason": (reasons or f"not known for all {number} years") if is_unknown else None,
                "population_years": person_years,
                "population_series": min(s or "" for s in kinds) if len(kinds) == 1 else None,
                "rate_null_reason": None
                if person_years or cell.value is None
                else f"no population estimate of one series for all {number} years",
                **_rate(cell.value, person_years),
                "is_table_withheld": is_withheld,
            }
        )
    return rows


def total(spec: Specification, rows: Sequence[Row]) -> list[Row]:
    """The one row that sums the visible rows of a table of areas."""
    if not rows:
        return []
    summed = rules.total(_cells(rows))
    return [
        {
            "area_code": LONDON_CODE,
            "area_name": spec.title,
            "period_start": rows[0]["period_start"],
            "period_end": rows[0]["period_end"],
            "value_count": summed.value,
            "is_partial": summed.is_partial,
            "hidden_parts": summed.hidden_parts,
        }
    ]


def cross(spec: Specification, facts: Sequence[Fact], cells: Mapping[Key, rules.Cell]) -> list[Row]:
    """Cells by area and period, with both margins and the grand total: sums of what is visible (R5)."""
    rows: list[Row] = []
    for definition in spec.measures:
        own = [f for f in exact(spec, facts) if f.definition_id == definition]
        inner = [
            {
                **_place(f.area_code, f.area_name, f.period_start, f.period_end, ""),
                **_cell(cells[f.key]),
                "is_partial": False,
                "hidden_parts": 0,
                "null_reason": f.null_reason if f.count is None else None,
            }
            for f in own
        ]
        if not inner:
            continue
        first, last = min(r["period_start"] for r in inner), max(r["period_end"] for r in inner)
        everywhere = ("all", f"All {spec.unit} shown")
        found = list(inner)
        for start, end in sorted({(r["period_start"], r["period_end"]) for r in inner}):
            found.append(_margin([r for r in inner if r["period_start"] == start], *everywhere, start, end, "area"))
        for code, name in sorted({(r["area_code"], r["area_name"]) for r in inner}):
            found.append(_margin([r for r in inner if r["area_code"] == code], code, name, first, last, "period"))
        found.append(_margin(inner, *everywhere, first, last, "all"))
        rows += [{"definition_id": definition, **row} for row in found]
    return rows


def verdict(facts: Sequence[Fact], rows: Sequence[Row], breaks: Sequence[SeriesBreak]) -> list[Row]:
    """What the newest months of a series say. Numbers other than the word leave only where every month is exempt."""
    run = newest_run(facts)
    exempt = {r["period_start"] for r in rows if r["is_exempt"]}
    is_public = bool(run) and all(month in exempt for month, _ in run)
    chart = chart_of(run, breaks)
    newest = max(change.WINDOWS)
    baseline = change.baseline_of(chart_of(run[:-newest], breaks)) if len(run) > newest else None
    found = change.compare([n for _, n in run[-newest:]], baseline) if baseline else None
    word = change.verdict(chart, found, is_passing=found is not None and change.passes([found.p_value])[0])
    shown = found if is_public else None
    low_high = poisson.interval(shown.total) if shown else (None, None)
    return [
        {
            "area_code": facts[0].area_code if facts else LONDON_CODE,
            "newest_month": run[-1][0] if run else None,
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
    ]


def newest_run(facts: Sequence[Fact]) -> list[tuple[date, int]]:
    """The newest months in a row whose count is known, in order; a chart must not be drawn over a gap."""
    run: list[tuple[date, int]] = []
    for f in sorted(facts, key=lambda f: f.period_start, reverse=True):
        if f.count is None:
            if run:
                break
            continue
        if run and months_between(f.period_start, run[-1][0]) != 1:
            break
        run.append((f.period_start, f.count))
    return run[::-1]


def chart_of(run: Sequence[tuple[date, int]], breaks: Sequence[SeriesBreak]) -> control_chart.Chart:
    """The c-chart of months in a row."""
    return control_chart.c_chart(
        run,
        breaks=[b.start for b in breaks if not b.is_real_change],
        is_excluded=lambda month: any(b.covers(month) for b in breaks),
    )


def _by_area(facts: Iterable[Fact]) -> dict[tuple[str, str], list[Fact]]:
    found: dict[tuple[str, str], list[Fact]] = {}
    for f in sorted(facts, key=lambda f: (f.area_code, f.area_name, f.period_start)):
        found.setdefault((f.area_code, f.area_name), []).append(f)
    return found


def _over(group: Sequence[Fact], window: Sequence[date]) -> Fact:
    """The figure of one area over all periods of the window; unknown if one of them is."""
    parts = [f for f in group if f.period_start in window]
    known = [f.count for f in parts if f.count is not None]
    first = group[0]
    return Fact(
        first.definition_id, first.source_feed, first.area_kind, first.area_code, first.area_name, window[0],
        parts[-1].period_end if parts else window[-1], sum(known) if len(known) == len(window) else None,
    )  # fmt: skip


def _place(code: str, name: str, start: date, end: date, margin: str) -> Row:
    return {"area_code": code, "area_name": name, "period_start": start, "period_end": end, "margin": margin}


def _margin(parts: Sequence[Row], code: str, name: str, start: date, end: date, margin: str) -> Row:
    """R5: the sum of the visible cells, flagged as partial where others are hidden or unknown."""
    summed = rules.total(_cells(parts))
    is_exempt = not summed.is_partial and all(r["is_exempt"] for r in parts)
    return {
        **_place(code, name, start, end, margin),
        **_cell(rules.Cell(summed.value, is_exempt=is_exempt)),
        "is_partial": summed.is_partial,
        "hidden_parts": summed.hidden_parts,
        "null_reason": "nothing visible to add" if summed.value is None else None,
    }


def _cells(rows: Iterable[Row]) -> list[rules.Cell]:
    """The cells of rows that are known; an area that the source does not cover is no part of a sum."""
    return [
        rules.Cell(r["value_count"], r["is_suppressed"], r["is_exempt"], r["marker"])
        for r in rows
        if r["value_count"] is not None or r["is_suppressed"]
    ]


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
