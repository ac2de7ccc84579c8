"""Fixtures that every test may use. Nothing starts unless a test asks for it."""

from __future__ import annotations

import os
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
    before = {name: os.environ.get(name) for name in ("VRU_HOME", "VRU_DATABASE_URL")}
    os.environ["VRU_HOME"] = str(home)
    os.environ.pop("VRU_DATABASE_URL", None)
    yield home
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
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
