"""Where the `vru` command starts, also as `python -m vru`; the command itself is `vru.cli`."""

from __future__ import annotations

import atexit
import gc


def main() -> None:
    """Spare the garbage collector, then import and run the command line."""
    spare_the_collector()
    from vru.cli import main as command_line

    command_line()


def spare_the_collector() -> None:
    """Imports make up to a million objects that all stay until the process ends.

    Looking through them at every 700th new one is a fifth of a command's processor time; once more at its end, as much.
    """
    gc.set_threshold(50_000, 20, 50)
    # the last one registered runs first, so these run after whatever the imports register
    atexit.register(gc.disable)
    atexit.register(gc.freeze)


if __name__ == "__main__":
    main()
