"""The shapes of published tables: pure functions from protected cells to rows as they may leave. No database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from vru.disclosure import rules
from vru.disclosure.exemption import Evidence, count_of
from vru.disclosure.specification import Specification
from vru.periods import months_between, shifted, span
from vru.statistics import control_chart, level, news, poisson, steps
from vru.statistics.judged import Judged, judge

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

    @property
    def name(self) -> str:
        """What it is called: its title up to the colon."""
        return self.title.partition(":")[0]

    def covers(self, month: date) -> bool:
        """Whether ``month`` lies in the time of a real change."""
        return self.is_real_change and self.start.replace(day=1) <= month <= (self.end or date.max)


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
    spec: Specification,
    facts: Sequence[Fact],
    cells: Mapping[Key, rules.Cell],
    breaks: Sequence[SeriesBreak],
    judged: Judged,
) -> list[Row]:
    """One row for each period; with a c-chart, and what was news, where the periods are months.

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
            "outside_note": "; ".join(b.name for b in breaks if b.covers(f.period_start)) or None,
            "series_note": "; ".join(b.title for b in breaks if b.start.replace(day=1) == f.period_start) or None,
            "chart_rules": None,
        }
    if spec.period_kind == "month" and judged.series and all(rows[month]["is_exempt"] for month, _ in judged.series):
        signals = {look.month for look in judged.looks if look.is_signal}
        for point in judged.chart.points:
            phase = point.phase
            rows[point.month] |= {"chart_rules": ",".join(point.rules), "is_signal": point.month in signals}
            if phase is not None:
                rows[point.month] |= {
                    "centre_line": phase.centre,
                    "lower_limit": phase.lower,
                    "upper_limit": phase.upper,
                    "phase_start": phase.start,
                    "phase_reason": phase.reason,
                    "phase_note": _begun_by(phase, breaks, judged.steps),
                    "baseline_start": phase.baseline_start,
                    "baseline_end": phase.baseline_end,
                }
    return [rows[start] for start in sorted(rows)]


def sums(
    facts: Sequence[Fact],
    cells: Mapping[Key, rules.Cell],
    population: Mapping[int, tuple[int, int, str]],
    evidence: Evidence,
) -> list[Row]:
    """One row for each calendar year: the sum of the published months (R5), with the exact 95 % interval.

    A partial sum has neither interval nor rate; a part-year is not a year's rate (definitions B5). ``population``
    is calendar year -> residents, mid-year and series of the estimate.
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
                "population_year": population[year][1] if year in population else None,
                "population_series": population[year][2] if year in population else None,
                **_rate(whole if is_complete else None, population[year][0] if year in population else None),
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


def total(
    spec: Specification, rows: Sequence[Row], whole: Sequence[Fact], parts: Sequence[Fact], evidence: Evidence
) -> list[Row]:
    """The one row that sums the visible rows of a table of areas, and reconciles them with the whole.

    ``whole`` are the monthly facts of all areas together, ``parts`` the yearly ones of each. What the release behind
    the areas counts and does not place, and what the newest release counts, leave only where every count is exempt.
    """
    if not rows:
        return []
    start, end = rows[0]["period_start"], rows[0]["period_end"]
    summed = rules.total(_cells(rows))
    shown = [r for r in rows if r["value_count"] is not None]
    is_exempt = not summed.is_partial and all(r["is_exempt"] for r in shown)
    months = span(start.replace(day=1), end.replace(day=1))
    release = evidence.release_of(months, shown[0]["area_name"]) if is_exempt and shown else None
    row: Row = {
        "area_code": LONDON_CODE,
        "area_name": spec.title,
        "period_start": start,
        "period_end": end,
        "value_count": summed.value,
        "is_exempt": is_exempt,
        "is_partial": summed.is_partial,
        "hidden_parts": summed.hidden_parts,
    }
    if release is not None and release.batch_id in evidence.counted:
        counted = evidence.counted[release.batch_id]
        names = {r["area_name"] for r in shown}
        elsewhere: dict[str, int] = {}
        for (month, name), count in counted.items():
            if start <= month <= end and name not in names and count:
                elsewhere[name or "blank"] = elsewhere.get(name or "blank", 0) + count
        row["release_count"] = count_of(counted, months)
        row["unplaced_count"] = sum(elsewhere.values())
        row["unplaced_names"] = ", ".join(f"{count} {name}" for name, count in sorted(elsewhere.items())) or None
        known = {f.period_start: f.count for f in whole}
        newest = [known.get(month) for month in months]
        together = sum(n for n in newest if n is not None)
        if None not in newest and evidence.is_exempt(together, months):
            row["newest_count"] = together
    row |= _withheld_later(end, whole, parts)
    return [row]


def _withheld_later(end: date, whole: Sequence[Fact], parts: Sequence[Fact]) -> Row:
    """The first year after ``end`` of which every month of the whole is known and an area is not, and why it is not."""
    known = {month for f in whole if f.count is not None for month in f.months}
    covered = {f.area_code for f in parts if f.count is not None}
    for year in sorted({f.period_start.year for f in parts if f.period_start > end}):
        missing = [f for f in parts if f.period_start.year == year and f.count is None and f.area_code in covered]
        if missing and known.issuperset(span(date(year, 1, 1), date(year, 12, 1))):
            reasons = sorted({f.null_reason for f in missing if f.null_reason})
            return {"withheld_from": date(year, 1, 1), "withheld_reason": "; ".join(reasons) or None}
    return {}


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


def verdict(facts: Sequence[Fact], rows: Sequence[Row], judged: Judged, compared: level.Level | str) -> list[Row]:
    """What the newest months of a series say. Numbers other than the words leave only where every month is exempt."""
    is_public = _is_public(rows, judged)
    newest, signal = judged.look, judged.signal
    shown = (signal.last if signal else newest) if is_public else None
    year = [count for _, count in judged.series[-12:]] if is_public and len(judged.series) >= 12 else None
    row: Row = {
        "area_code": facts[0].area_code if facts else LONDON_CODE,
        "newest_month": judged.newest,
        "verdict": judged.verdict,
        "signal_since": signal.since if signal else None,
        "signal_month": signal.last.month if signal else None,
        "why_none": judged.why_none or None,
        "why_no_chart": judged.chart.why_none or None,
        "chart_method": control_chart.METHOD,
        "chart_version": control_chart.VERSION,
        "test_method": news.METHOD,
        "test_version": news.VERSION,
        "test_seed": news.SEED,
        "significance": news.SIGNIFICANCE,
        "is_exempt": is_public,
        "level_verdict": compared.verdict if isinstance(compared, level.Level) else None,
        "level_why_none": compared if isinstance(compared, str) else None,
    }
    if shown is not None:
        low, high = poisson.interval(shown.window.total)
        row |= {
            "p_value": shown.p_value,
            "window_months": shown.window.months,
            "window_end": shown.month,
            "window_count": shown.window.total,
            "window_low": low,
            "window_high": high,
            "expected_count": shown.window.expected,
            "baseline_start": shown.baseline_start,
            "baseline_end": shown.baseline_end,
            "baseline_months": shown.baseline_months,
            "baseline_mean": shown.baseline_total / shown.baseline_months,
            "dispersion": shown.dispersion,
        }
    if year is not None:
        low, high = poisson.interval(sum(year))
        row |= {"year_count": sum(year), "year_low": low, "year_high": high}
        if newest is not None:
            row |= {
                "year_expected_count": newest.baseline_total / newest.baseline_months * 12,
                "year_baseline_start": newest.baseline_start,
                "year_baseline_end": newest.baseline_end,
            }
    return [row]


def levels(facts: Sequence[Fact], rows: Sequence[Row], judged: Judged, compared: level.Level | str) -> list[Row]:
    """One row for each window that is compared with the reference; none unless every month is exempt (R14)."""
    if isinstance(compared, str) or not _is_public(rows, judged):
        return []
    has_earlier = compared.earlier_total is not None
    return [
        {
            "area_code": facts[0].area_code,
            "area_name": facts[0].area_name,
            "window_months": window.months,
            "period_start": window.start,
            "period_end": window.end,
            "value_count": window.total,
            "is_exempt": True,
            "expected_count": window.expected,
            "p_value": window.p_value,
            "significance": level.SIGNIFICANCE,
            "rate_ratio": window.ratio,
            "ratio_low": window.ratio_low,
            "ratio_high": window.ratio_high,
            "reference_start": level.REFERENCE[0],
            "reference_end": level.REFERENCE[1],
            "reference_count": compared.reference_total,
            "earlier_start": level.EARLIER[0] if has_earlier else None,
            "earlier_end": level.EARLIER[1] if has_earlier else None,
            "earlier_count": compared.earlier_total,
            "earlier_expected_count": compared.earlier_expected,
            "population_series": compared.population_series,
            "dispersion": compared.dispersion,
            "degrees": compared.degrees,
            "method": level.METHOD,
            "version": level.VERSION,
        }
        for window in compared.comparisons
    ]


def step_rows(facts: Sequence[Fact], rows: Sequence[Row], judged: Judged) -> list[Row]:
    """One row for each step in the level; none unless every month is exempt (R14)."""
    if not _is_public(rows, judged):
        return []
    return [
        {
            "area_code": facts[0].area_code,
            "area_name": facts[0].area_name,
            "period_start": step.month,
            "earliest": step.earliest,
            "latest": step.latest,
            "is_exempt": True,
            "before_per_year": step.before,
            "after_per_year": step.after,
            "rate_ratio": step.ratio,
            "ratio_low": step.ratio_low,
            "ratio_high": step.ratio_high,
            "level_start": step.segment_start,
            "level_end": step.segment_end,
            "statistic": step.statistic,
            "dispersion": step.dispersion,
            "method": steps.METHOD,
            "version": steps.VERSION,
        }
        for step in judged.steps
    ]


def _is_public(rows: Sequence[Row], judged: Judged) -> bool:
    """Whether every month that was judged is exempt: then nothing is told that anyone could not work out."""
    exempt = {r["period_start"] for r in rows if r["is_exempt"]}
    return bool(judged.series) and all(month in exempt for month, _ in judged.series)


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


def judge_series(facts: Sequence[Fact], breaks: Sequence[SeriesBreak]) -> Judged:
    """Everything that is said of the newest months in a row."""
    return judge(
        newest_run(facts),
        breaks={b.start.replace(day=1) for b in breaks if not b.is_real_change},
        is_excluded=lambda month: any(b.covers(month) for b in breaks),
    )


def _begun_by(phase: control_chart.Phase, breaks: Sequence[SeriesBreak], found: Sequence[steps.Step]) -> str | None:
    """What a phase begins with: the step and its size, the break in its first month, or the real change before it."""
    if phase.reason == "break":
        names = [b.name for b in breaks if not b.is_real_change and b.start.replace(day=1) == phase.start]
    elif phase.reason == "after a real change":
        names = [f"after {b.name}" for b in breaks if b.covers(shifted(phase.start, -1))]
    else:
        names = [
            f"{s.before:.0f} → {s.after:.0f} a year ({s.ratio_low:.2f} to {s.ratio_high:.2f} times)"
            for s in found
            if s.month == phase.start
        ]
    return "; ".join(names) or None


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
