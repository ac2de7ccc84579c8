"""The sentences about the figures. Each is computed from rows that left, and is gone where they do not bear it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import combinations, pairwise
from typing import Any

from vru.periods import last_day, months_between
from vru.reporting import charts
from vru.reporting.layout import month, span
from vru.reporting.model import Asked, Statement
from vru.reporting.reports.quality.content import SAID, Content
from vru.warehouse.feed_status import day, days

OLD_CADENCES = 2
"""Data older than so many cadences of their feed say nothing of today (definitions B15a)."""

Row = Mapping[str, Any]


def what_changed(content: Content, asked: Asked) -> Statement:
    """How old the figures are, what is news and what the level is, each with its period."""
    question = "What changed?"
    verdict = content.verdict
    if verdict is None or verdict["newest_month"] is None:
        return Statement(question, "Nothing can be said yet.", SAID["nothing_yet"])
    said = {"newest": month(verdict["newest_month"]), "age": age(verdict["newest_month"], asked.today)}
    parts = [news(verdict), level(content)]
    if is_old(content, asked):
        answer, first = SAID["old"].format(**said), " ".join(part for part in parts if part)
    else:
        answer, first = " ".join(part for part in parts if part), SAID["age"].format(**said)
    return Statement(question, answer, " ".join([first, *news_evidence(verdict), *level_evidence(content)[:1]]))


def details(content: Content) -> list[str]:
    """What the head of the page has no room for: the other window of the level, and the newest step."""
    return [*level_evidence(content)[1:], *step_evidence(content)]


def is_old(content: Content, asked: Asked) -> bool:
    """Whether the newest month ended more than twice the cadence of its feed before the report."""
    newest = content.verdict["newest_month"] if content.verdict else None
    cadence = next((f.cadence_days for f in content.feeds if f.feed == _source(content)), None)
    return newest is not None and cadence is not None and (asked.today - last_day(newest)).days > OLD_CADENCES * cadence


def age(newest: date, today: date) -> str:
    """How long ago the month ended: days, months, or years and months."""
    end = last_day(newest)
    whole = months_between(newest, today.replace(day=1)) - 1 + (last_day(today) == today)
    if whole < 2:
        return days(max(0, (today - end).days))
    years, rest = divmod(whole, 12)
    parts = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in ((years, "year"), (rest, "month")) if n]
    return " and ".join(parts)


def news(verdict: Row) -> str:
    """What the newest months were (definitions B15)."""
    said: str = SAID["answers"][verdict["verdict"]].format(
        newest=month(verdict["newest_month"]),
        since=month(verdict["signal_since"]),
        last=month(verdict["signal_month"]),
        why=verdict["why_none"],
    )
    return said


def level(content: Content) -> str:
    """How the newest years stand to 2014 and 2015 (definitions B15a); nothing where they cannot be compared."""
    if content.verdict is None or content.verdict["level_verdict"] is None:
        return ""
    word = content.verdict["level_verdict"]
    windows = sorted(content.levels, key=lambda row: row["p_value"])
    shown = windows[:1] if word != "no difference" else sorted(windows, key=lambda row: row["window_months"])
    months = " and ".join(str(row["window_months"]) for row in shown) or "newest 36 or 60"
    said: str = SAID["levels"][word].format(months=months, newest=month(content.verdict["newest_month"]))
    return said


def news_evidence(verdict: Row) -> list[str]:
    """The counts behind the news, with intervals and what was to be expected; none where they are not public."""
    found = []
    if verdict["verdict"] in ("higher", "lower") and verdict["window_count"] is not None:
        found.append(
            f"{_counted(verdict['window_count'])} in the {verdict['window_months']} months to "
            f"{month(verdict['window_end'])} (95 % interval {verdict['window_low']:.0f} to "
            f"{verdict['window_high']:.0f}); at the level of {month(verdict['baseline_start'])} to "
            f"{month(verdict['baseline_end'])} about {verdict['expected_count']:.0f} were to be expected."
        )
    is_shown = bool(found) and verdict["window_end"] == verdict["newest_month"]
    if verdict["year_count"] is not None and not is_shown:
        expected = ""
        if verdict["year_expected_count"] is not None:
            expected = (
                f"; at the level of {month(verdict['year_baseline_start'])} to {month(verdict['year_baseline_end'])} "
                f"about {verdict['year_expected_count']:.0f} were to be expected"
            )
        found.append(
            f"{_counted(verdict['year_count'])} in the 12 months to {month(verdict['newest_month'])} (95 % interval "
            f"{verdict['year_low']:.0f} to {verdict['year_high']:.0f}){expected}."
        )
    return found


def level_evidence(content: Content) -> list[str]:
    """The counts behind the level, the window with the smaller p-value first, beside the years before the reference."""
    found: list[str] = []
    for row in sorted(content.levels, key=lambda row: row["p_value"]):
        ratio = ""
        if row["rate_ratio"] is not None:
            ratio = (
                f" ({row['rate_ratio']:.2f} times, 95 % interval {row['ratio_low']:.2f} to {row['ratio_high']:.2f}, "
                f"p {row['p_value']:.3f})"
            )
        said = (
            f"{_counted(row['value_count'])} in the {row['window_months']} months to {month(row['period_end'])}, where "
            f"the rate of {_years(row['reference_start'], row['reference_end'])} gives "
            f"{row['expected_count']:.0f}{ratio}"
        )
        if not found and row["earlier_expected_count"] is not None:
            earlier = row["earlier_expected_count"] * row["window_months"] / _longest(content)
            years = _years(row["earlier_start"], row["earlier_end"])
            said += f" and that of {years} {earlier:,.0f}{_recorded_otherwise(row, content)}"
        found.append(f"{said}.")
    return found


def _longest(content: Content) -> int:
    return int(max(row["window_months"] for row in content.levels))


def _recorded_otherwise(row: Row, content: Content) -> str:
    """The breaks of the series between the years before the reference and the newest ones."""
    names = [
        m["phase_note"]
        for m in content.months
        if m["phase_reason"] == "break" and m["phase_start"] == m["period_start"] and m["phase_note"]
        and row["earlier_end"] < m["period_start"] <= row["period_end"]
    ]  # fmt: skip
    return f" (counted before this change: {'; '.join(names)})" if names else ""


def reference_low(content: Content) -> str:
    """That the reference holds the lowest year up to its end; nothing where it does not."""
    longest = max(content.levels, key=lambda row: row["window_months"], default=None)
    if longest is None or longest["earlier_count"] is None:
        return ""
    first, last = longest["reference_start"], longest["reference_end"]
    years = [
        y for y in content.years if y["is_complete"] and y["value_count"] is not None and y["period_start"] <= last
    ]
    lowest = min(years, key=lambda y: y["value_count"], default=None)
    if lowest is None or lowest["period_start"] < first:
        return ""
    beside = _years(longest["earlier_start"], longest["earlier_end"])
    return f"{lowest['period_start'].year} was the lowest year until then, so {beside} stand beside it."


def step_evidence(content: Content) -> list[str]:
    """The newest step of the level since 2014, with intervals for its date and size."""
    since = content.levels[0]["reference_start"] if content.levels else date.min
    newest = [row for row in content.steps if row["period_start"] >= since][-1:]
    return [
        f"The level stepped from {row['before_per_year']:.0f} to {row['after_per_year']:.0f} a year in "
        f"{month(row['period_start'])} (95 % interval {month(row['earliest'])} to {month(row['latest'])}; "
        f"{row['rate_ratio']:.2f} times, {row['ratio_low']:.2f} to {row['ratio_high']:.2f})."
        for row in newest
        if row["rate_ratio"] is not None
    ]


def how_sure(content: Content) -> Statement:
    """How old the figures are, what may still move, and what rests on an older file."""
    question = "How sure are we?"
    known = [m for m in content.months if m["value_count"] is not None or m["is_suppressed"]]
    if not known:
        return Statement(question, "There is nothing to be sure of yet.", "")
    newest = known[-1]
    parts = []
    if newest["release_vintage_at"] is not None:
        said = {"issued": day(newest["release_vintage_at"]), "newest": month(newest["period_start"])}
        parts.append(SAID["list"].format(**said))
    provisional = [m for m in known if m["is_provisional"]]
    if provisional:
        count = len(provisional)
        parts.append(f"The newest {'month' if count == 1 else f'{count} months'} may still be restated.")
    parts += [line for line in (boroughs_end(content),) if line]
    if newest["lower_limit"] is not None:
        parts.append(
            f"At the average of the present phase ({newest['centre_line']:.1f} a month) chance alone makes nearly "
            f"every month lie from {newest['lower_limit']:.0f} to {newest['upper_limit']:.0f}."
        )
    elif content.verdict and content.verdict["why_no_chart"]:
        parts.append(f"{month(newest['period_start'])} has no control limits: {content.verdict['why_no_chart']}.")
    answer = (
        "Counts are exact and public."
        if all(m["is_exempt"] for m in known)
        else "Some counts are rounded or hidden to protect people."
    )
    return Statement(question, answer, " ".join(parts))


def boroughs_end(content: Content) -> str:
    """Why the figures of boroughs end before London's; nothing where they do not."""
    total = content.borough_total
    if not content.boroughs or total is None or total["withheld_from"] is None:
        return ""
    reason = f": {total['withheld_reason']}" if total["withheld_reason"] else ""
    return (
        f"Borough figures end in {content.boroughs[0]['period_end'].year}; for {total['withheld_from'].year} London is "
        f"known and its boroughs are not{reason}."
    )


def reconciliation(content: Content) -> str:
    """How the boroughs and London's own figure fit together, from the rows; nothing where that is not public."""
    total = content.borough_total
    if total is None or total["release_count"] is None:
        return ""
    unplaced = total["unplaced_count"]
    where = f" {unplaced} lie in no borough ({total['unplaced_names']})." if unplaced else " None lies in no borough."
    said = f"The list that the boroughs come from has {_counted(total['release_count'])} in these years.{where}"
    if total["newest_count"] is None:
        return said
    moved = total["newest_count"] - total["release_count"]
    if not moved:
        return f"{said} London’s newest list has the same number."
    more = "more" if moved > 0 else "fewer"
    return f"{said} London’s newest list has {total['newest_count']:,}, {abs(moved)} {more}: restated since."


def overlap(content: Content) -> str:
    """How many pairs of boroughs a table of rates tells apart."""
    rated = [b for b in content.boroughs if b["rate_low"] is not None]
    pairs = list(combinations(rated, 2))
    if not pairs:
        return ""
    apart = sum(a["rate_low"] > b["rate_high"] or b["rate_low"] > a["rate_high"] for a, b in pairs)
    return (
        f"Of {len(pairs):,} pairs of boroughs {apart:,} have intervals that do not overlap; of the others the map does "
        "not say which is the more dangerous."
    )


def new_series_years(content: Content) -> set[int]:
    """Years whose rate rests on another series of population estimates than the rate of the year before."""
    rated = [row for row in content.years if row["rate_per_100k"] is not None]
    return {
        after["period_start"].year
        for before, after in pairwise(rated)
        if before["population_series"] != after["population_series"]
    }


def trend_heading(content: Content, asked: Asked) -> str:
    """The heading of the chart; of old data without a verdict."""
    verdict = content.verdict
    if verdict is None or verdict["newest_month"] is None:
        return f"{SAID['trend_heading']}: nothing known yet"
    words = f"{SAID['trend_heading']}, to {month(verdict['newest_month'])}"
    return words if is_old(content, asked) else f"{words}: {SAID['headings'][verdict['verdict']]}"


def trend_description(content: Content) -> str:
    """What the chart shows, for those who do not see it: each thing that is drawn, and no other."""
    drawn = charts.drawn(content.months)
    known = [m for m in drawn if m["value_count"] is not None]
    if not known:
        return "No month can be shown."
    lowest, highest = min(known, key=lambda m: m["value_count"]), max(known, key=lambda m: m["value_count"])
    words = [
        f"{SAID['trend_shows']}, {month(known[0]['period_start'])} to {month(known[-1]['period_start'])}: a dot for "
        f"each month, from {lowest['value_count']} in {month(lowest['period_start'])} to {highest['value_count']} in "
        f"{month(highest['period_start'])}; the last is {known[-1]['value_count']}."
    ]
    for stretch in charts.levels(drawn):
        begun = f" ({stretch['words']})" if stretch["words"] else ""
        words.append(
            f"From {month(date.fromisoformat(stretch['start']))}{begun} a line at the average of "
            f"{stretch['centre']:.1f} a month, and dashed ones at {stretch['lower']:.0f} and {stretch['upper']:.0f}."
        )
    words += [f"Shaded: {span((a, b))} ({name})." for a, b, name in charts.bands(drawn)]
    for label, marked in (
        ("Diamonds, outside the limits", charts.outside(known)),
        ("Ticks at the foot, months that were news", [m for m in known if m["is_signal"]]),
        ("Hollow dots, may be restated", [m for m in known if m["is_provisional"]]),
    ):
        if marked:
            words.append(f"{label}: {', '.join(span(run) for run in _runs([m['period_start'] for m in marked]))}.")
    return " ".join(words)


def map_description(boroughs: Sequence[Row]) -> str:
    """What the map shows, for those who do not see it."""
    rated = [b for b in boroughs if b["rate_per_100k"] is not None]
    if not rated:
        return "No borough has a rate that can be shown."
    lowest = min(rated, key=lambda b: (b["rate_per_100k"], b["area_name"]))
    highest = max(rated, key=lambda b: (b["rate_per_100k"], b["area_name"]))
    first, last = boroughs[0]["period_start"].year, boroughs[0]["period_end"].year
    classes = [sum(charts.class_of(b["rate_per_100k"]) == n for b in rated) for n in range(len(charts.class_labels()))]
    shades = ", ".join(
        f"{count} at {label}" for count, (label, _) in zip(classes, charts.class_labels(), strict=True) if count
    )
    white = len(boroughs) - len(rated)
    return (
        f"{SAID['map_shows']}, {first} to {last}; the darker, the higher. Boroughs by rate: {shades}"
        f"{f'; {white} white, without a rate' if white else ''}. Lowest {lowest['rate_per_100k']:.1f} "
        f"({lowest['area_name']}), highest {highest['rate_per_100k']:.1f} ({highest['area_name']})."
    )


def _source(content: Content) -> str | None:
    """The feed that the series comes from."""
    return next((m["source_feed"] for m in content.months), None)


def _runs(months: Sequence[date]) -> list[tuple[date, date]]:
    """Months as stretches without a gap."""
    found: list[tuple[date, date]] = []
    for each in months:
        if found and months_between(found[-1][1], each) == 1:
            found[-1] = (found[-1][0], each)
        else:
            found.append((each, each))
    return found


def _years(first: date, last: date) -> str:
    years = f"{first.year} and {last.year}" if last.year - first.year == 1 else f"{first.year} to {last.year}"
    return years if (first.month, last.month) == (1, 12) else f"{month(first)} to {month(last)}"


def _counted(count: int) -> str:
    return f"{count:,} {SAID['unit']['one' if count == 1 else 'many']}"
