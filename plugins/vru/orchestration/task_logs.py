"""Keeps the log of each task of a headless run where Airflow's page looks for it.

`dag.test()` runs tasks in this process and leaves their words on standard output. While a task runs, standard output
and error therefore go to the file in which a worker would have written; what dbt and other libraries print is there
too. A listener hears of the beginning and the end of each task.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl


class TaskLogs:
    """The listener. Between tasks, words go where they went before."""

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """Turn standard output and error to the task's file."""
        from airflow.sdk.log import init_log_file

        self.turn_back()
        path = init_log_file(str(relative_path(task_instance)))
        self._before = os.dup(1), os.dup(2)
        with path.open("ab") as file:
            _turn((file.fileno(), file.fileno()))

    @hookimpl
    def on_task_instance_success(self) -> None:
        """The task is over."""
        self.turn_back()

    @hookimpl
    def on_task_instance_skipped(self) -> None:
        """The task is over."""
        self.turn_back()

    @hookimpl
    def on_task_instance_failed(self) -> None:
        """The task is over."""
        self.turn_back()

    def turn_back(self) -> None:
        """Turn standard output and error to where they were before the task."""
        if self._before is not None:
            _turn(self._before)
            for descriptor in self._before:
                os.close(descriptor)
            self._before = None


def relative_path(task_instance: Any) -> Path:
    """The task's log under Airflow's log folder, as Airflow's own file name template has it."""
    parts = [f"{name}={getattr(task_instance, name)}" for name in ("dag_id", "run_id", "task_id")]
    if task_instance.map_index >= 0:
        parts.append(f"map_index={task_instance.map_index}")
    return Path(*parts, f"attempt={task_instance.try_number}.log")


@contextmanager
def kept() -> Iterator[None]:
    """Keep the log of every task that runs in this process while the block does."""
    from airflow.sdk.listener import get_listener_manager

    logs = TaskLogs()
    get_listener_manager().pm.register(logs)
    try:
        yield
    finally:
        logs.turn_back()
        get_listener_manager().pm.unregister(logs)


def _turn(descriptors: tuple[int, int]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    for number, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, number)
