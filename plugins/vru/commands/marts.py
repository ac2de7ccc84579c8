"""`vru build`, `report`, `sql`: from admitted data to figures."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vru.commands.errors import say
from vru.errors import ShortfallError

if TYPE_CHECKING:
    from vru.transform import Result

KnownAt = Annotated[
    str | None, typer.Option(help="What partners had stated by then; a bare date is its end in London.")
]
AdmittedAt = Annotated[str | None, typer.Option(help="What we had let in by then.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (build, report, sql):
        app.command(command.__name__)(command)


def build(as_known_at: KnownAt = None, as_admitted_at: AdmittedAt = None) -> None:
    """Build the marts from what is current, or a past state into a schema of its own."""
    from vru import transform
    from vru.warehouse.migrate import migrate

    known_at, admitted_at = _instants(as_known_at, as_admitted_at)
    migrate()
    result = transform.build(known_at, admitted_at)
    typer.echo(_built(result) if result else "the marts are built from what is current; nothing to do")


def report(
    kind: Annotated[str, typer.Argument(help="Kind of report; a wrong one is answered with those there are.")],
    month: Annotated[str | None, typer.Option(help="Month of the report, YYYY-MM.")] = None,
    as_known_at: KnownAt = None,
    as_admitted_at: AdmittedAt = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to.")] = None,
) -> None:
    """Write a report."""
    from vru import clock, profile, reporting
    from vru.warehouse.migrate import migrate

    known_at, admitted_at = _instants(as_known_at, as_admitted_at)
    if kind not in reporting.kinds():
        raise ValueError(f"no report '{kind}'; there is: {', '.join(reporting.kinds())}")
    migrate()
    now = profile.current()
    today = clock.today_at(now, known_at, admitted_at)
    ready = reporting.make_ready(known_at, admitted_at)
    path = reporting.write_report(
        kind, profile=now, today=today, month=clock.month(month) if month else None, schema=ready.schema,
        known_at=known_at, admitted_at=admitted_at, are_marts_old=ready.are_marts_old, out_dir=out,
    )  # fmt: skip
    typer.echo(path)
    if ready.fell_short:
        raise ShortfallError("\n".join(ready.fell_short))


def sql(
    command: Annotated[str | None, typer.Option("-c", "--command", help="One query instead of a prompt.")] = None,
    csv: Annotated[
        bool,
        typer.Option("--csv", help="CSV with a header; text that begins with = + - @ or a tab gets a ' in front."),
    ] = False,
) -> None:
    """SQL as the read-only analyst: a prompt, or one query."""
    from vru.commands.analyst import interactive, query

    if command is None and sys.stdin.isatty():
        raise typer.Exit(interactive())
    text = command if command is not None else sys.stdin.read()
    error = query(text, as_csv=csv)
    if error:
        say(error)
        raise typer.Exit(2)


def _built(result: Result) -> str:
    from vru.periods import LONDON

    what = "everything" if result.is_full else f"the {result.unit_count} units that differ"
    known_at, admitted_at = (f"{at.astimezone(LONDON):%Y-%m-%d %H:%M}" for at in (result.known_at, result.admitted_at))
    return (
        f"build {result.build_id}: {what} in {result.seconds:.0f} s; as known at {known_at}, "
        f"as admitted at {admitted_at} (London); schema {result.schema}"
    )


def _instants(known: str | None, admitted: str | None) -> tuple[datetime | None, datetime | None]:
    from vru import clock

    return clock.instant(known) if known else None, clock.instant(admitted) if admitted else None
