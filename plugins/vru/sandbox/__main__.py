"""`python -m vru.sandbox serve|next|status`: the synthetic partners from the command line."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType

from vru.sandbox import SandboxServer, advance, status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vru.sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the synthetic partners on 127.0.0.1 until stopped")
    serve.add_argument("--port", type=int, default=0, help="0 takes any free port")
    serve.add_argument("--ready-file", type=Path, help="the bound port is written here once listening")
    step = commands.add_parser("next", help="move the synthetic today one month")
    show = commands.add_parser("status", help="show today and what is late, restated or broken")
    for command in (serve, step, show):
        command.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder of the clock")
    return parser


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
    Path(name).replace(path)


def _serve(state: Path, port: int, ready_file: Path | None) -> int:
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
        if ready_file is not None:
            _write_whole(ready_file, f"{server.port}\n")
        stopped.wait()
    finally:
        server.stop()
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    asked = _parser().parse_args(arguments)
    match asked.command:
        case "serve":
            return _serve(asked.state, asked.port, asked.ready_file)
        case "next":
            print(advance(asked.state).isoformat())
        case _:
            print(json.dumps(status(asked.state), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
