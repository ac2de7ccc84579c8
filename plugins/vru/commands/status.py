"""`vru status`: one screen that says how everything stands and what to do next."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

import typer
from sqlalchemy import text

from vru.commands import output
from vru.errors import printable
from vru.warehouse.feed_status import FeedStatus, day

WIDTH = 80
BUILT = "select max(finished_at) from ops.build where status = 'swapped'"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, one object per feed.")] = False,
) -> None:
    """How each feed stands today, its last attempt, what to do next; age of the marts."""
    from vru import clock, profile, transform
    from vru.warehouse import feed_status
    from vru.warehouse.engine import engine
    from vru.warehouse.migrate import migrate

    migrate()
    now = profile.current()
    today = clock.today(now)
    feeds = feed_status.read_now(today)
    with engine("loader").connect() as connection:
        built_at: datetime | None = connection.execute(text(BUILT)).scalar_one_or_none()
    is_due = transform.is_due()
    if as_json:
        common: dict[str, Any] = {"today": today, "marts_built_at": built_at, "is_build_due": is_due}
        output.show([asdict(feed) | {"next_command": next_command(feed)} | common for feed in feeds], [], as_json=True)
        return
    for line in screen(now, today, feeds, marts(built_at, clock.now(), is_due=is_due)):
        typer.echo(line)


def screen(profile: str, today: date, feeds: list[FeedStatus], about_marts: str) -> list[str]:
    """The lines, none longer than 80 characters; what needs work first."""
    lines = [f"{profile}, {day(today)}" + (" (synthetic data)" if profile == "sandbox" else ""), about_marts, ""]
    width = max([len("feed"), *(len(feed.feed) for feed in feeds)])
    row = "{:{}}  {!s:10}  {!s:10}  {:>5} {:12} {}".format
    lines.append(row("feed", width, "data up to", "due", "late", "last attempt", "standing"))
    for feed in feeds:
        late = f"{feed.days_late} d" if feed.days_late else "-"
        told = (feed.data_up_to or "-", feed.due_on or "-", late, feed.outcome or "never", feed.standing)
        lines.append(row(feed.feed, width, *told))
        if not feed.is_on_time:
            lines += [f"  {feed.reason}"] if feed.reason else []
            lines.append(f"  next: {next_command(feed)}")
    return [line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in map(printable, lines)]


def next_command(feed: FeedStatus) -> str:
    """What to type about a feed; '' where nothing has to be done."""
    if feed.is_on_time:
        return ""
    return f"vru {'batches' if feed.standing in ('held', 'rejected') else 'ingest'} {feed.feed}"


def marts(built_at: datetime | None, now: datetime, *, is_due: bool) -> str:
    """How old the marts are, and whether a build is due."""
    if built_at is None:
        return "marts: none yet; next: vru run"
    hours = int((now - built_at).total_seconds() // 3600)
    age = "within the hour" if hours < 1 else f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"
    return f"marts: built {age}; {'a build is due; next: vru build' if is_due else 'nothing has changed since'}"
