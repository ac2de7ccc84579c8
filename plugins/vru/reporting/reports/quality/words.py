"""The sentences about partners and their data; those about the figures are in `figures`."""

from __future__ import annotations

from collections.abc import Sequence

from vru.reporting.layout import month
from vru.reporting.model import Asked, Statement
from vru.reporting.reports.quality import figures
from vru.reporting.reports.quality.content import Content
from vru.reporting.reports.quality.feeds import Feed
from vru.reporting.reports.quality.troubles import Trouble
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
    "nulled": ("Cells left empty", "Left empty", "", ""),
    "warned": ("Warnings", "Warned of", "", ""),
    "decided": ("What people decided", "Decided", "", ""),
}
"""Heading, verb, and how one and many are counted, of each kind of trouble."""
POOR_SCORE = 90.0
FULL_SCORE = 99.5
"""Shown as 100."""
OVERDUE_QUESTION = "Who has not delivered?"


def statements(content: Content, asked: Asked) -> list[Statement]:
    """The head of the report. Who owes something comes first, where anybody does."""
    return [
        *overdue(content, asked),
        figures.what_changed(content, asked),
        figures.how_sure(content),
        whose_data(content),
    ]


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


def whose_data(content: Content) -> Statement:
    """Which partner's data is poor: lowest score first, then what was refused."""
    question = "Whose data needs work?"
    refused = [t for t in content.troubles if KINDS[t.kind][2]]
    statuses = [f.status for f in content.feeds]
    scored = sorted(((s.score, s.title, s) for s in statuses if s.score is not None), key=lambda each: each[:2])
    if not scored and not refused:
        return Statement(question, "No feed has been scored yet.", "")
    parts = []
    if scored and scored[0][0] < POOR_SCORE:
        score, title, poorest = scored[0]
        answer = f"{title} scores lowest: {score:.0f} of 100."
        if poorest.lowest_part:
            parts.append(f"Its lowest part is {poorest.lowest_part} ({getattr(poorest, poorest.lowest_part):.0f}).")
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


def due(feed: Feed) -> str:
    """When the next delivery of a feed is or was due, as on the day of the report."""
    status = feed.status
    if status.is_overdue:
        return status.words
    if status.due_on:
        return f"next due on {day(status.due_on)}"
    return "nothing more is due" if status.newest_issue else "nothing let in yet"


def all_let_in(content: Content) -> str:
    """What stands where nothing was held, withheld or refused: no more than the ledger bears out."""
    waiting = sum(feed.files["waiting"] for feed in content.feeds)
    if waiting:
        return f"Nothing; {waiting} {'file waits' if waiting == 1 else 'files wait'} for the audit."
    if not any(feed.files["admitted"] for feed in content.feeds):
        return "Nothing: no file has come."
    return "Nothing: every file that came was let in, with all its columns and rows."


def nothing_missing(content: Content) -> str:
    """What stands where no period is missing: of the feeds that owe something the head of the page tells."""
    owing = [feed.title for feed in content.feeds if feed.status.is_overdue]
    return f"Late, as said above: {_and(owing)}." if owing else "Nothing that was due."


def lowest(feed: Feed) -> str:
    """The lowest part of a score, by name; nothing where no part is below the full mark."""
    part = feed.status.lowest_part
    if part is None or (value := feed.parts[part]) is None or value >= FULL_SCORE:
        return ""
    return f"lowest: {part} ({value:.0f})"


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
