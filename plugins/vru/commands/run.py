"""`vru run`, `vru ingest`, `vru doctor`: making the platform work."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from vru.commands.errors import BROKE, FELL_SHORT, say


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("ingest")(ingest)
    app.command("up")(up)
    words = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    app.command("airflow", context_settings=words, add_help_option=False)(airflow)
    app.command("doctor")(doctor)


def run(
    profile: Annotated[str | None, typer.Option(help="sandbox, files or live; kept for the state folder.")] = None,
    inbox: Annotated[Path | None, typer.Option(help="Folder of deliveries, one sub-folder per feed.")] = None,
    since: Annotated[str | None, typer.Option(help="First month to fetch, YYYY-MM.")] = None,
    feed: Annotated[list[str] | None, typer.Option(help="Ingest only this feed; may be given several times.")] = None,
) -> None:
    """Ingest every feed, build the marts, write the report: once, through Airflow."""
    from vru import clock
    from vru.commands import summary
    from vru.commands.progress import steps
    from vru.contracts import load_contract, load_contracts
    from vru.profile import bind, check, sandbox_running, source

    if since:
        clock.month(since)
    check(profile, inbox)
    known = list(load_contracts())
    feeds = sorted({load_contract(name).feed for name in feed}) if feed else known
    started = time.monotonic()
    _prepare()
    chosen = bind(profile, inbox)
    from vru.orchestration.headless import migrate_airflow, run_dags

    migrate_airflow()
    skipped = _folders_without_feed(source_inbox(chosen), known)
    if skipped:
        say(f"skipped, no such feed: {', '.join(skipped)}")
    before = summary.batch_count()
    with sandbox_running():
        source()
        outcomes = run_dags(feeds, {"since": since} if since else {}, steps)
    summary.show(outcomes, before, time.monotonic() - started)
    overdue = summary.overdue(feeds, clock.today(chosen))
    for status in overdue:
        say(status.headline)
    if any(o.is_broken for o in outcomes):
        raise typer.Exit(BROKE)
    if any(o.fell_short for o in outcomes) or any(summary.falls_short(s, chosen) for s in overdue):
        raise typer.Exit(FELL_SHORT)


def ingest(
    feed: Annotated[str, typer.Argument(help="Feed slug; `vru feeds` lists them.")],
    file: Annotated[Path | None, typer.Option(help="One file of this feed instead of asking the partner.")] = None,
    period: Annotated[str | None, typer.Option(help="Only this month, YYYY-MM.")] = None,
) -> None:
    """Fetch, parse, audit and admit one feed, or one file of it."""
    from vru import clock, pipeline
    from vru.commands.progress import downloads
    from vru.contracts import load_contract
    from vru.orchestration.events import emit_raw
    from vru.profile import Source, bind, sandbox_running, source

    load_contract(feed)
    if file is not None and not file.is_file():
        raise ValueError(f"{file}: no such file")
    _prepare()
    profile = bind(None, None, has_file=file is not None)
    started = clock.now()
    options: dict[str, Any] = {"file": file, "period": clock.month(period) if period else None}
    with sandbox_running():
        given = Source(profile) if file is not None else source()
        with downloads() as progress:
            done = pipeline.ingest(feed, given, **options, progress=progress)
    if done.admitted.batches or pipeline.has_news(feed, started):
        emit_raw(feed)
    for line in done.fetched.lacking:
        say(line)
    admitted = len(done.admitted.batches)
    typer.echo(
        f"{feed}: {len(done.fetched.new)} new deliveries, {len(done.parsed.batches)} parsed, {admitted} admitted"
        + ("" if done.parsed.batches or admitted else "; nothing new, no batch made")
    )
    done.check()


def up() -> None:
    """Start Airflow's web page, scheduler and the rest on the embedded PostgreSQL, until Ctrl-C."""
    from vru.orchestration.service import serve
    from vru.profile import bind

    _prepare()
    bind(None)
    serve()


def airflow(context: typer.Context) -> None:
    """Airflow's own command line on this state folder, as in: vru airflow backfill create --help."""
    from vru.orchestration import environment

    environment.apply()
    os.execv(sys.executable, [sys.executable, "-m", "airflow", *context.args])  # noqa: S606 - a list of the user's own


def doctor() -> None:
    """Check what is installed, reachable and configured, and say how to mend it."""
    from vru.commands.checks import run_checks

    short = 0
    for check in run_checks():
        typer.echo(f"{'ok  ' if check.is_ok else 'MEND'}  {check.name}: {check.found}")
        if not check.is_ok:
            typer.echo(f"      {check.mend}")
            short += 1
    if short:
        raise typer.Exit(BROKE)


def _prepare() -> None:
    """The warehouse as the migrations and contracts say."""
    from vru.landing import Landing
    from vru.settings import settings
    from vru.warehouse.migrate import migrate

    settings().ensure_home()
    migrate()
    Landing(settings().landing_dir).remove_stale()


def source_inbox(profile: str) -> Path | None:
    """The inbox of profile `files`; None in the others. Raises ProfileError if it is missing."""
    from vru.profile import ProfileError, source

    if profile != "files":
        return None
    inbox = source().inbox
    if inbox is None or not inbox.is_dir():
        raise ProfileError("profile 'files' needs a folder of deliveries: give it with --inbox DIR or VRU_INBOX")
    return inbox


def _folders_without_feed(inbox: Path | None, feeds: list[str]) -> list[str]:
    if inbox is None:
        return []
    return sorted(p.name for p in inbox.iterdir() if p.is_dir() and not p.name.startswith(".") and p.name not in feeds)
