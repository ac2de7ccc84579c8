"""Progress on a terminal; nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def downloads() -> Iterator[Callable[[str, int, int | None], None] | None]:
    """A bar per download while the block runs; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, object] = {}

        def show(source_url: str, received_bytes: int, total_bytes: int | None) -> None:
            if source_url not in tasks:
                tasks[source_url] = bars.add_task(source_url.split("?")[0][-50:], total=total_bytes)
            bars.update(tasks[source_url], completed=received_bytes, total=total_bytes)  # type: ignore[arg-type]

        yield show


@contextmanager
def steps(terminal: TextIO, total: int) -> Iterator[Callable[[str], None]]:
    """Told the name of each step as it starts: a bar on a terminal, a plain line elsewhere."""
    if not terminal.isatty():
        yield lambda name: print(f"  {name}", file=terminal, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(file=terminal), transient=True) as bars:
        task = bars.add_task("starting Airflow", total=total)
        begun = 0

        def show(name: str) -> None:
            nonlocal begun
            bars.update(task, completed=begun, description=name)
            begun += 1

        yield show
