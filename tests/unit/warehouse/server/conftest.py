"""A server as the platform makes it, with the settings as shipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vru.warehouse.server.embedded import Server


@pytest.fixture(scope="module")
def cluster(vru_home: Path) -> Iterator[Server]:
    """A running embedded server in ``vru_home`` with all roles and the settings as shipped."""
    from vru.warehouse.engine import dispose
    from vru.warehouse.server.embedded import Server

    server = Server(vru_home).ensure()
    yield server
    dispose()
    server.destroy()
