"""Fixtures that every test may use. Nothing starts unless a test asks for it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vru.warehouse.embedded import Server


@pytest.fixture(scope="module")
def vru_home() -> Iterator[Path]:
    """A private state folder with a short path, named by VRU_HOME; one per test module, deleted at its end."""
    home = Path(tempfile.mkdtemp(prefix="vt-"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VRU_HOME", str(home))
        environment.delenv("VRU_DATABASE_URL", raising=False)
        yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(vru_home: Path) -> Iterator[Server]:
    """A running embedded server in ``vru_home`` with all roles; destroyed at the end of the module."""
    from vru.warehouse.embedded import Server
    from vru.warehouse.engine import dispose

    server = Server(vru_home).ensure()
    yield server
    dispose()
    server.destroy()
