"""The table with which `vru run` ends: feeds, batches, checks, and where the report is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from sqlalchemy import text

from vru.commands import output
from vru.commands.errors import say
from vru.warehouse import feed_status
from vru.warehouse.engine import engine

if TYPE_CHECKING:
    from datetime import date

    from vru.orchestration.headless import DagOutcome
    from vru.warehouse.feed_status import FeedStatus

FEEDS = """
    select
        f.feed,
        count(b.batch_id) as batches,
        count(*) filter (where b.status = 'admitted') as admitted,
        count(*) filter (where b.status = 'held') as held,
        count(*) filter (where b.status = 'rejected') as rejected,
        coalesce(sum(b.rows_admitted) filter (where b.status = 'admitted'), 0)::bigint as rows_admitted,
        coalesce(sum(b.rows_quarantined), 0)::bigint as rows_quarantined,
        (select count(*) from ops.check_result c join ops.batch x using (batch_id) where x.feed = f.feed) as checks,
        (select count(*) from ops.check_result c join ops.batch x using (batch_id)
         where x.feed = f.feed and not c.is_success) as checks_failed
    from ops.feed f left join ops.batch b using (feed)
    group by f.feed order by f.feed
"""
NOT_TAKEN = """
    select feed || ': ' || reason from ops.attempt
    where substring(reason from '^[a-z_]+') in ('unavailable', 'left_alone', 'growing')
        and started_at > now() - make_interval(secs => :seconds)
    order by attempt_id
"""


def batch_count() -> int:
    """Batches there are."""
    with engine("loader").connect() as connection:
        return int(connection.execute(text("select count(*) from ops.batch")).scalar_one())


def overdue(feeds: list[str], today: date) -> list[FeedStatus]:
    """Which of these feeds owe something today, the worst first."""
    return [status for status in feed_status.read_now(today) if status.feed in feeds and status.is_overdue]


def falls_short(status: FeedStatus, profile: str) -> bool:
    """Whether a run ends with 1 for it. In `files` nobody is expected; in the sandbox who has no server is not."""
    return profile == "live" or (profile == "sandbox" and status.asked_on is not None)


def show(outcomes: list[DagOutcome], before: int, seconds: float) -> None:
    """Print the table, what fell short, what is new, and the path of the report."""
    with engine("loader").connect() as connection:
        rows = [dict(r) for r in connection.execute(text(FEEDS)).mappings()]
        report = connection.execute(
            text("select file_name from ops.report order by report_id desc limit 1")
        ).scalar_one_or_none()
        not_taken = connection.execute(text(NOT_TAKEN), {"seconds": seconds}).all()
    for (line,) in not_taken:
        say(str(line))
    for outcome in outcomes:
        for line in outcome.fell_short:
            say(line)
        if outcome.is_broken:
            say(f"{outcome.dag_id}: task {', '.join(outcome.failed)} broke; see {outcome.logs[0]}")
    typer.echo("")
    output.show(rows, list(rows[0]) if rows else [], as_json=False)
    made = batch_count() - before
    typer.echo("")
    typer.echo(f"{made} new batches" if made else "every source was asked again; nothing is new, no batch was made")
    slowest = ", ".join(f"{o.dag_id} {o.seconds:.0f} s" for o in sorted(outcomes, key=lambda o: -o.seconds)[:3])
    typer.echo(f"took {seconds:.0f} s (longest: {slowest})")
    if report:
        from vru.settings import settings

        typer.echo(f"report: {settings().reports_dir / report}")
