"""`vru confirm`: a person says that bytes loaded by hand are the publisher's own."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("confirm")(confirm)


def confirm(
    batch: Annotated[int, typer.Argument(help="Batch; `vru batches` lists them.")],
    url: Annotated[str, typer.Option(help="Where anyone can get these very bytes, https://…")],
    reason: Annotated[str, typer.Option(help="How you know; kept with your name.")],
) -> None:
    """Say that a batch loaded by hand holds the publisher's own bytes, so that its counts may be shown exactly."""
    from vru.warehouse import decisions
    from vru.warehouse.engine import raw_connection
    from vru.warehouse.migrate import migrate

    migrate()
    connection = raw_connection("loader", name=f"confirm {batch}")
    try:
        with connection:
            sha256 = decisions.confirm(connection, batch, url, reason, getpass.getuser())
    finally:
        connection.close()
    typer.echo(
        f"batch {batch}: confirmed as the publisher's own bytes (SHA-256 {sha256[:12]}); next: vru report quality"
    )
