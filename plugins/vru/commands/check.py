"""`vru check`: what the gate would say of a file, without landing it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vru.commands import output
from vru.commands.errors import FELL_SHORT

if TYPE_CHECKING:
    from vru.trial import Judged

CHECKS = ["check_id", "severity", "column", "measured", "lines", "reason"]
KEPT_OUT = ["kind", "line", "column", "check", "received", "reason"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    feed: Annotated[str, typer.Argument(help="Feed slug; `vru feeds` lists them.")],
    file: Annotated[Path, typer.Option(help="The file to judge, under the name that it would be sent with.")],
    vintage: Annotated[str | None, typer.Option(help="Date of issue, as a manifest would state it.")] = None,
    rows: Annotated[int | None, typer.Option(min=0, help="Number of rows, as a manifest would announce it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array with everything.")] = False,
) -> None:
    """Say what the gate would say of a file, without landing it: for who sends one, and for who mends a contract.

    Ends with 0 if all of it would count, with 1 if it would be held or rejected or a column withheld.
    """
    from vru import clock, trial
    from vru.contracts import load_contract

    load_contract(feed)
    if not file.is_file():
        raise ValueError(f"{file}: no such file")
    judged = trial.judge(feed, file, vintage_at=clock.instant(vintage) if vintage else None, rows=rows)
    if as_json:
        output.show([{**asdict(one), "is_sound": one.is_sound} for one in judged], [], as_json=True)
    else:
        for one in judged:
            _show(one)
    if not all(one.is_sound for one in judged):
        raise typer.Exit(FELL_SHORT)


def _show(one: Judged) -> None:
    """One content for a person: the verdict first."""
    verdict = f"would be {one.verdict}" + (
        f", without column {', '.join(one.withheld_columns)}" if one.withheld_columns else ""
    )
    _say(f"{one.file}: {verdict}")
    if one.reason:
        _say(f"  {one.reason}")
    if one.rows_parsed:
        period = f", {one.period_start} to {one.period_end}" if one.period_start else ""
        _say(
            f"  {one.resource}{f', {one.partition}' if one.partition else ''}{period}: {one.rows_parsed:,} rows read, "
            f"{one.rows_quarantined:,} kept out, {one.cells_nulled:,} cells left empty"
        )
        _say(f"  compared with: {one.compared_with or 'nothing; no earlier delivery stands here'}")
    if one.known_as:
        _say(f"  these bytes have come already: {one.known_as}")
    for warning in one.warnings:
        _say(f"  warning: {warning}")
    if one.checks:
        typer.echo("\nChecks that fail:")
        output.show(one.checks, CHECKS, as_json=False)
    if one.kept_out:
        from vru.trial import LINES

        more = len(one.kept_out) - LINES
        typer.echo("\nRows and cells that would not count:")
        output.show(one.kept_out[:LINES], KEPT_OUT, as_json=False)
        if more > 0:
            typer.echo(f"and {more:,} more; --json lists all")


def _say(line: str) -> None:
    from vru.errors import printable

    typer.echo(printable(line))
