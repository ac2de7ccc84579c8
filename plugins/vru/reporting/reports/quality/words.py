"""The sentences of a report. They follow the chart's verdict and never say more than it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vru.reporting.layout import month
from vru.reporting.model import Asked, Statement
from vru.reporting.reports.quality.content import SAID, Content
from vru.reporting.reports.quality.feeds import Feed
from vru.reporting.reports.quality.troubles import Trouble
from vru.statistics import poisson
from vru.warehouse.feed_status import day

KINDS = {
    "withheld": ("Column withheld", "Withheld", "column withheld", "columns withheld"),
    "disputed": ("Column disputed", "Disputed", "column disputed", "columns disputed"),
    "held": ("File held", "Held", "file held", "files held"),
    "restated": ("Repeated statement held", "Held", "repeated statement held", "repeated statements held"),
    "rejected": ("File rejected", "Rejected", "file rejected", "files rejected"),
    "refused": ("Download refused", "Refused", "download refused", "downloads refused"),
    "failed": ("Source not reached", "Not reached", "source not reached", "sources not reached"),
    "withdrawn": ("File withdrawn", "Withdrawn", "file withdrawn", "files withdrawn"),
    "quarantined": ("Rows quarantined", "Quarantined", "", ""),
}
"""Heading, verb, and how one and many are counted, of each kind of trouble."""
POOR_SCORE = 90.0
OVERDUE_QUESTION = "Who has not delivered?"


def statements(content: Content, asked: Asked) -> list[Statement]:
    """The head of the report. Who owes something comes first, where anybody does."""
    return [*overdue(content, asked), what_changed(content), how_sure(content), whose_data(content)]


def overdue(content: Content, asked: Asked) -> list[Statement]:
    """Who is silent, late or never came, and whether the figures lag behind what was let in; nothing if neither."""
    owing = sorted((f.status for f in content.feeds if f.status.is_overdue), key=lambda s: (s.severity, s.title))
    told = []
    for standing, one, many in (
        ("silent", "is silent", "are silent"),
        ("late", "is late", "are late"),
        ("nothing yet", "has sent nothing yet", "have sent nothing yet"),
    ):
        count = sum(status.standing == standing for status in owing)
        if count:
            told.append(f"{count} {one if count == 1 else many}")
    answer = f"Of {len(content.feeds)} feeds {_and(told)}." if told else ""
    old = "Newer data was let in than the figures below hold: a build is due." if asked.are_marts_old else ""
    if not answer and not old:
        return []
    lines = [f"{s.title}: {s.words}{f', data up to {month(s.data_up_to)}' if s.data_up_to else ''}." for s in owing]
    return [Statement(OVERDUE_QUESTION, answer or old, old if answer else "", tuple(lines))]


def what_changed(content: Content) -> Statement:
    """The answer of London's chart, in words that claim no more than it shows."""
    question = "What changed?"
    verdict = content.verdict
    if verdict is None or verdict["newest_month"] is None:
        return Statement(question, "Nothing can be said yet.", SAID["nothing_yet"])
    newest = verdict["newest_month"]
    word = verdict["verdict"]
    answer = SAID["answers"][word]
    evidence = ""
    if verdict["p_value"] is not None and word in ("higher", "lower"):
        count, low, high = verdict["window_count"], verdict["window_low"], verdict["window_high"]
        evidence = (
            f"{_victims(count)} in the {_months(verdict['window_months'])} to {month(newest)} "
            f"(95 % interval {low:.0f} to {high:.0f}). At the level of {month(verdict['baseline_start'])} to "
            f"{month(verdict['baseline_end'])} about {verdict['expected_count']:.0f} were to be expected."
        )
    elif verdict["p_value"] is not None:
        year = _last_twelve(content.months)
        if year is not None:
            low, high = poisson.interval(year)
            evidence = (
                f"{_victims(year)} in the 12 months to {month(newest)} (95 % interval {low:.0f} to {high:.0f}). "
                f"At the level of {month(verdict['baseline_start'])} to {month(verdict['baseline_end'])} about "
                f"{verdict['baseline_mean'] * 12:.0f} were to be expected."
            )
    elif word == "too few to chart":
        evidence = f"{verdict['why_none'] or 'There are too few months before the newest twelve'}."
    return Statement(question, answer, evidence)


def how_sure(content: Content) -> Statement:
    """How old the figures are, what may still move, and what rests on an older file."""
    question = "How sure are we?"
    if not content.months:
        return Statement(question, "There is nothing to be sure of yet.", "")
    known = [m for m in content.months if m["value_count"] is not None or m["is_suppressed"]]
    newest = known[-1] if known else None
    vintage = newest["release_vintage_at"] if newest else None
    provisional = [m for m in known if m["is_provisional"]]
    parts = []
    if vintage is not None and newest is not None:
        parts.append(f"The police file of {day(vintage.date())} reaches to {month(newest['period_start'])}.")
    if provisional:
        parts.append(f"The newest {_months(len(provisional))} may still be restated.")
    if content.boroughs:
        end = content.boroughs[0]["period_end"]
        parts.append(f"Borough figures stop at {end.year}, the last year whose boroughs can be trusted.")
    is_exact = bool(known) and all(m["is_exempt"] for m in known)
    answer = (
        "Counts are exact and public; a single month is mostly chance."
        if is_exact
        else "Some counts are rounded or hidden to protect people; a single month is mostly chance."
    )
    return Statement(question, answer, " ".join(parts))


def whose_data(content: Content) -> Statement:
    """Which partner's data is poor: lowest score first, then what was refused."""
    question = "Whose data needs work?"
    refused = [t for t in content.troubles if t.kind != "quarantined"]
    statuses = [f.status for f in content.feeds]
    scored = sorted(((s.score, s.title, s) for s in statuses if s.score is not None), key=lambda each: each[:2])
    if not scored and not refused:
        return Statement(question, "No feed has been scored yet.", "")
    parts = []
    if scored and scored[0][0] < POOR_SCORE:
        score, title, lowest = scored[0]
        answer = f"{title} scores lowest: {score:.0f} of 100."
        if lowest.lowest_part:
            parts.append(f"Its lowest part is {lowest.lowest_part} ({getattr(lowest, lowest.lowest_part):.0f}).")
    elif refused:
        answer = f"{refused[0].feed_title}: {KINDS[refused[0].kind][0].lower()}."
    else:
        answer = f"No feed that has come scores below {POOR_SCORE:.0f} of 100."
    if refused:
        first = refused[0]
        what = f"{first.what} of {first.feed_title}" if first.kind in ("withheld", "disputed") else first.feed_title
        parts.append(f"{KINDS[first.kind][1]}: {what}.")
    if len(refused) > 1:
        parts.append(_refused(refused))
    return Statement(question, answer, " ".join(parts))


def trend_heading(verdict: Mapping[str, Any] | None) -> str:
    """The heading of the chart."""
    words = {
        "higher": "above its earlier level",
        "lower": "below its earlier level",
        "to watch": "one to watch",
        "no change": "no change beyond chance",
        "too few to chart": "too few to judge",
    }
    return f"{SAID['trend_heading']}: {words[verdict['verdict']] if verdict else 'nothing known yet'}"


def trend_description(content: Content) -> str:
    """What the chart shows, for those who do not see it."""
    known = [m for m in content.months if m["value_count"] is not None]
    if not known:
        return "No month can be shown."
    newest = known[-1]
    words = f"{SAID['trend_shows']}, up to {month(newest['period_start'])}, when there were {newest['value_count']}."
    if newest["centre_line"] is not None:
        words += (
            f" The average of the present phase is {newest['centre_line']:.1f} a month; by chance alone nearly every "
            f"month lies from {newest['lower_limit']:.0f} to {newest['upper_limit']:.0f}."
        )
    outside = [m["period_start"] for m in known if "limit" in (m["chart_rules"] or "").split(",")]
    if outside:
        words += f" Outside the limits: {', '.join(month(m) for m in outside[-6:])}."
    shifts = sorted({m["phase_start"] for m in known if m["phase_reason"] == "sustained shift"})
    if shifts:
        words += f" The average moved for good in {', '.join(month(m) for m in shifts)}."
    return words


def map_description(boroughs: Sequence[Mapping[str, Any]]) -> str:
    """What the map shows, for those who do not see it."""
    rated = [b for b in boroughs if b["rate_per_100k"] is not None]
    if not rated:
        return "No borough has a rate that can be shown."
    lowest, highest = (
        min(rated, key=lambda b: (b["rate_per_100k"], b["area_name"])),
        max(rated, key=lambda b: (b["rate_per_100k"], b["area_name"])),
    )
    return (
        f"{SAID['map_shows']} Lowest {lowest['rate_per_100k']:.1f} "
        f"({lowest['area_name']}), highest {highest['rate_per_100k']:.1f} ({highest['area_name']}). "
        "The table beside it gives every borough with its interval."
    )


def due(feed: Feed) -> str:
    """When the next delivery of a feed is or was due, as on the day of the report."""
    status = feed.status
    if status.is_overdue:
        return status.words
    if status.due_on:
        return f"next due on {day(status.due_on)}"
    return "nothing more is due" if status.newest_issue else "nothing let in yet"


def troubles_of(troubles: Sequence[Trouble]) -> list[tuple[str, list[Trouble]]]:
    """Troubles by kind, in their order."""
    return [(KINDS[kind][0], found) for kind in KINDS if (found := [t for t in troubles if t.kind == kind])]


def _refused(refused: Sequence[Trouble]) -> str:
    counts = []
    for kind, (_, _, one, many) in KINDS.items():
        count = sum(t.kind == kind for t in refused)
        if count:
            counts.append(f"{count} {one if count == 1 else many}")
    return f"In all: {', '.join(counts)}."


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _last_twelve(months: Sequence[Mapping[str, Any]]) -> int | None:
    newest = [m["value_count"] for m in months if m["value_count"] is not None][-12:]
    return sum(newest) if len(newest) == 12 else None


def _months(count: int) -> str:
    return "month" if count == 1 else f"{count} months"


def _victims(count: int) -> str:
    return "1 victim" if count == 1 else f"{count} victims"
