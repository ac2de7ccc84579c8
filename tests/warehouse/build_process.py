"""Builds in processes of their own, forked from one that has dbt and Great Expectations loaded already."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WAIT_SECONDS = 120
POLL_SECONDS = 0.5

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.postgres", "great_expectations", "vru.transform"])


class BuildProcess:
    """A build of the marts that writes what it says to a file; ``domains`` of them done, it dies of its own accord."""

    def __init__(self, log: Path, domains: int | None = None) -> None:
        self._log = log
        self._process = _processes.Process(target=_build, args=(os.environ["VRU_HOME"], log, domains))
        self._process.start()

    def is_waiting(self) -> bool:
        """Whether it waits for another build."""
        return self._log.exists() and "another build of marts_build is at work" in self._log.read_text()

    def is_ended(self) -> bool:
        """Whether it has come to its end."""
        return not self._process.is_alive()

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._process.join()

    def die(self) -> None:
        """Wait for its sudden end."""
        until(self.is_ended)
        assert self._process.exitcode == -signal.SIGKILL, self._log.read_text()

    def finish(self) -> None:
        """Wait for its good end."""
        until(self.is_ended)
        assert self._process.exitcode == 0, self._log.read_text()


def until(condition: Callable[[], Any]) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(POLL_SECONDS)


def _build(home: str, log: Path, domains: int | None) -> None:
    os.environ["VRU_HOME"] = home
    from vru import transform

    logging.basicConfig(filename=log, level="INFO", force=True)
    if domains is None:
        transform.build()
        return
    plan = transform.prepare()
    assert plan is not None
    for domain in transform.domains()[:domains]:
        transform.run_domain(plan.build_id, domain)
    os.kill(os.getpid(), signal.SIGKILL)
