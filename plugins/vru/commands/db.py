"""`vru db`: the embedded server on a loopback port."""

from __future__ import annotations

from typing import Annotated

import typer

from vru.commands.errors import BROKE


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The embedded PostgreSQL.", no_args_is_help=True)
    for command in (up, down, status, url, destroy):
        group.command(command.__name__)(command)
    app.add_typer(group, name="db")


def up() -> None:
    """Start it, open a loopback port, and print connection lines for each role and tool."""
    from vru.warehouse.connections import connection_lines
    from vru.warehouse.engine import server
    from vru.warehouse.migrate import migrate

    migrate()
    port = server().ensure().open_port()
    typer.echo(f"PostgreSQL listens on {server().status().host}:{port}")
    for role in ("analyst", "report_reader", "migrator"):
        typer.echo(f"\n{role}")
        for tool in ("psql", "dbeaver", "pandas"):
            for line in connection_lines(role, tool):
                typer.echo(f"  {tool + ':':9} {line}")


def destroy(
    is_sure: Annotated[bool, typer.Option("--yes", help="Delete the warehouse and all it holds.")] = False,
) -> None:
    """Stop it and delete its data folder, wherever that is."""
    from vru.settings import settings
    from vru.warehouse.server.embedded import Server

    _refuse_external("delete")
    if not is_sure:
        raise ValueError("this deletes the warehouse and all it holds; say --yes if you mean it")
    Server().destroy()
    (settings().home / "airflow" / "migrated").unlink(missing_ok=True)  # Airflow's database went with it
    typer.echo("deleted")


def down() -> None:
    """Stop it."""
    from vru.warehouse.engine import server

    _refuse_external("stop")
    server().stop()
    typer.echo("stopped")


def _refuse_external(verb: str) -> None:
    from vru.settings import settings

    if settings().database_url is not None:
        raise ValueError(f"the server of VRU_DATABASE_URL is not ours to {verb}; unset it to {verb} the embedded one")


def status() -> None:
    """Whether it runs, and where."""
    from vru.warehouse.engine import server

    found = server().status()
    if not found.is_running:
        typer.echo("it does not run; start it with: vru db up")
        raise typer.Exit(BROKE)
    typer.echo(f"PostgreSQL {found}")


def url(
    role: Annotated[str, typer.Option(help="Database role.")],
    for_: Annotated[str | None, typer.Option("--for", help="psql, dbeaver or pandas.")] = None,
) -> None:
    """One SQLAlchemy URL that names its installed driver, or the form for a tool."""
    from vru.warehouse.connections import connection_lines

    for line in connection_lines(role, for_):
        typer.echo(line)
