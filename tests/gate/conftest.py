"""Worlds, each made once per run and copied for each test that damages its files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.gate import worlds
from tests.gate.bench import Bench
from tests.real_data import IS_HERE, MISSING


@pytest.fixture
def world() -> Callable[[str], AbstractContextManager[Bench]]:
    """Opens a copy of a world, with the bench on it."""

    @contextmanager
    def opened(name: str) -> Iterator[Bench]:
        if name == "real" and not IS_HERE:
            pytest.skip(MISSING)
        home = Path(tempfile.mkdtemp(prefix="vg-"))
        try:
            with worlds.opened(name, home) as bench:
                yield bench
        finally:
            shutil.rmtree(home, ignore_errors=True)

    return opened
