"""The `vru` command. Thin: it reads the command line, calls the platform, and turns what came back into words
and an exit code (0 done; 1 the data fell short; 2 wrong use; 3 something broke)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from vru.commands import check, confirm, data, db, mail, marts, new_feed, run, sandbox, status

app = typer.Typer(
    help="Violence Reduction Unit data platform: partners' data to checked marts and reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main_options(
    home: Annotated[
        Path | None, typer.Option(help="State folder (default: .vru in the checkout, or VRU_HOME).")
    ] = None,
) -> None:
    """Options of every command."""
    if home is not None:
        os.environ["VRU_HOME"] = str(home.expanduser().resolve())


for module in (status, run, data, check, confirm, marts, mail, db, sandbox, new_feed):
    module.register(app)


def main() -> None:
    """Entry point: every failure is one or a few plain lines, never a traceback."""
    from vru.commands.errors import exit_code

    try:
        result = app(standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except TyperException as error:
        error.show()  # type: ignore[attr-defined]
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("stopped; nothing is half done, run the same command again to go on\n")
        sys.exit(3)
    except Exception as error:  # noqa: BLE001 - the last place where an error can become words
        sys.exit(exit_code(error))
