"""What an error means for the person at the terminal: words and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

from vru.errors import printable

DONE, FELL_SHORT, WRONG_USE, BROKE = 0, 1, 2, 3


def exit_code(error: Exception) -> int:
    """Print the error in plain words and return the exit code for it."""
    from vru.contracts import ContractError
    from vru.errors import ShortfallError
    from vru.profile import ProfileError

    if isinstance(error, ShortfallError):
        say(str(error))
        return FELL_SHORT
    if isinstance(error, ContractError | ProfileError | ValueError):
        say(str(error))
        return WRONG_USE
    say(f"{type(error).__name__}: {error}")
    if os.environ.get("VRU_DEBUG"):
        traceback.print_exc()
    else:
        say("something broke; VRU_DEBUG=1 shows where, `vru doctor` checks the installation")
    return BROKE


def say(text: str) -> None:
    """One message to the terminal, apart from the command's own output."""
    sys.stderr.write("\n".join(map(printable, text.rstrip("\n").split("\n"))) + "\n")
