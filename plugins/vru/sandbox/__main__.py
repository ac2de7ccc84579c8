"""`python -m vru.sandbox serve|next|status`: the synthetic partners from the command line."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from vru.sandbox import SandboxServer, advance, status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vru.sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the synthetic partners on 127.0.0.1 until stopped")
    serve.add_argument("--port", type=int, default=0, help="0 takes any free port")
    serve.add_argument("--until-stdin-closes", action="store_true", help="stop when the one who started it ends")
    step = commands.add_parser("next", help="move the synthetic today one month")
    step.add_argument("--silent", action="store_true", help="a month in which nobody delivers")
    show = commands.add_parser("status", help="show today and what is late, restated or broken")
    for command in (serve, step, show):
        command.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder of the clock")
    return parser


def _serve(state: Path, port: int, *, until_stdin_closes: bool) -> int:
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        server = SandboxServer(state, port).start()
    except OSError as error:
        print(f"sandbox: port {port} cannot be used: {error.strerror}", file=sys.stderr)
        return 3
    try:
        print(f"synthetic partners at {server.url}", flush=True)
        if until_stdin_closes:
            threading.Thread(target=_wait_for_stdin, args=(stopped,), daemon=True).start()
        stopped.wait()
    finally:
        server.stop()
    return 0


def _wait_for_stdin(closed: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    closed.set()


def main(arguments: list[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    asked = _parser().parse_args(arguments)
    match asked.command:
        case "serve":
            return _serve(asked.state, asked.port, until_stdin_closes=asked.until_stdin_closes)
        case "next":
            print(advance(asked.state, is_silent=asked.silent).isoformat())
        case _:
            print(json.dumps(status(asked.state), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
