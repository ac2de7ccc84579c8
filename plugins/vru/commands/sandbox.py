"""`vru sandbox`: the synthetic partners."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The synthetic partners of profile sandbox.", no_args_is_help=True)
    group.command("next")(next_month)
    group.command("serve")(serve)
    group.command("status")(status)
    app.add_typer(group, name="sandbox")


def next_month(
    silent: Annotated[bool, typer.Option("--silent", help="A month in which nobody delivers.")] = False,
) -> None:
    """Move the synthetic today one month; partners deliver at the next run."""
    from vru import clock, sandbox
    from vru.profile import bind
    from vru.settings import settings
    from vru.warehouse.migrate import migrate

    migrate()
    _only_sandbox(bind(None))
    today = sandbox.advance(settings().ensure_home() / "sandbox", is_silent=silent)
    typer.echo(f"today is {today.isoformat()} (synthetic){'; nobody has delivered' if silent else ''}")
    clock.note("sandbox")


def serve(port: Annotated[int, typer.Option(help="Loopback port; 0 picks a free one.")] = 8900) -> None:
    """Serve the synthetic partners until Ctrl-C."""
    from vru.settings import settings

    state = settings().ensure_home() / "sandbox"
    raise typer.Exit(
        subprocess.call([sys.executable, "-m", "vru.sandbox", "serve", "--state", str(state), "--port", str(port)])
    )


def status() -> None:
    """The synthetic today and what the partners have to offer."""
    from vru import sandbox
    from vru.settings import settings

    typer.echo(json.dumps(sandbox.status(settings().ensure_home() / "sandbox"), indent=1, default=str))


def _only_sandbox(profile: str) -> None:
    if profile != "sandbox":
        raise ValueError(f"this state folder belongs to profile '{profile}'; the sandbox needs one of its own (--home)")
