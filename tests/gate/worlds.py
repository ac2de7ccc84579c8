"""State folders whose sound files are damaged: the real open data, and the sandbox's files of a seed.

Which files belong to a feed follows from what is there: the folders and manifests of the real data, the answers of the
sandbox's partners. A new feed takes part by its contract alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection
from vru import clock, pipeline, profile
from vru.contracts import load_contracts
from vru.profile import Source
from vru.sandbox import SandboxServer, configure
from vru.settings import settings
from vru.warehouse.engine import dispose, raw_connection
from vru.warehouse.server.embedded import Server

from tests import ready
from tests.faults.platform import environment
from tests.gate.bench import Bench
from tests.real_data import REAL

SEEDS = (2014, 7, 1888, 20221015)
"""The first is the sandbox's own."""
SINCE = date(2021, 7, 1)
"""The sandbox's first month here: the last of its months has twelve before it."""
WORLDS = ("real", *(f"seed-{seed}" for seed in SEEDS))


def make(world: str) -> None:
    """Load every sound file of a world where VRU_HOME says."""
    ready.migrated()
    name = "files" if world == "real" else "sandbox"
    with environment({"VRU_PROFILE": name, "VRU_INBOX": None}):
        profile.bind(name)
        if world == "real":
            for feed in feeds():
                pipeline.ingest(feed, Source("files", inbox=REAL))
            return
        state = settings().home / "sandbox"
        configure(state, seed=int(world.removeprefix("seed-")))
        with SandboxServer(state) as server:
            for feed in feeds():
                pipeline.ingest(feed, Source("sandbox", base_url=server.url), **_since(feed))


def feeds() -> list[str]:
    """Every feed, those first on which others rest: places before what lies in them."""
    found = load_contracts()
    return sorted(found, key=lambda feed: (found[feed].cadence_days != "never", feed))


def _since(feed: str) -> dict[str, Any]:
    contract = load_contracts()[feed]
    return {"since": SINCE} if any(r.delivery == "period" for r in contract.resources) else {}


@contextmanager
def opened(world: str, home: Path) -> Iterator[Bench]:
    """A copy of the world in an empty folder, with the bench on it; the server is destroyed at the end."""
    ready.put(f"gate-{world}", home, lambda: make(world))
    name = "files" if world == "real" else "sandbox"
    with environment({"VRU_HOME": str(home), "VRU_DATABASE_URL": None, "VRU_PROFILE": name, "VRU_INBOX": None}):
        dispose()
        server = Server(home).ensure()
        connection: Connection = raw_connection("migrator", name="gate")
        try:
            yield Bench(connection, world, clock.today(name))
        finally:
            connection.close()
            dispose()
            server.destroy()
