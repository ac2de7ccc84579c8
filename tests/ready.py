"""State folders that many tests begin with, made once per run of the tests and copied for each that wants one.

To make a cluster, its roles, tables and marts takes seconds to half a minute of processor time; a copy takes a part of a
second. The first process that asks for a state makes it, the others wait. Copies of a state forget what they wrote when
the machine stops (`fsync` is off); what proves how a server survives a crash makes a server of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = "TESTS_READY"
"""Names the folder of this run's states to all its processes; not `VRU_…`, which tests take out of the environment."""
WAIT_SECONDS = 280
UNSAFE = "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n"


def begin() -> None:
    """Called once, before any test process starts."""
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="vr-")


def end() -> None:
    """Delete every state of this run."""
    from vru.warehouse.server.embedded import Server

    folder = Path(os.environ.pop(FOLDER))
    for home in folder.glob("*.home"):
        Server(home).destroy()
    shutil.rmtree(folder, ignore_errors=True)


def put(name: str, home: Path, make: Callable[[], None]) -> None:
    """Let ``home``, an empty folder, be the state of that name; ``make`` makes it where VRU_HOME then says."""
    _copy(_ready(name, make), home)


def cluster() -> None:
    """A cluster with its roles."""
    from vru.warehouse.server.embedded import Server

    Server().ensure()


def migrated() -> None:
    """And every table of the platform and of the contracts."""
    from vru.warehouse.migrate import migrate

    cluster()
    migrate()


def with_airflow() -> None:
    """And Airflow's own tables; its settings stay in a process of their own."""
    migrated()
    subprocess.run(
        [sys.executable, "-c", "from vru.orchestration.headless import migrate_airflow; migrate_airflow()"], check=True
    )


def _ready(name: str, make: Callable[[], None]) -> Path:
    """The state folder of that name, its server stopped."""
    from vru.warehouse.engine import dispose
    from vru.warehouse.server.cluster import cluster_dir
    from vru.warehouse.server.embedded import Server
    from vru.warehouse.server.private_files import locked

    folder = Path(os.environ[FOLDER])
    home = folder / f"{name}.home"
    with locked(folder / f"{name}.lock", timeout_seconds=WAIT_SECONDS):
        if (folder / f"{name}.made").exists():
            return home
        home.mkdir(mode=0o700)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("VRU_HOME", str(home))
            environment.delenv("VRU_DATABASE_URL", raising=False)
            dispose()
            make()
            dispose()
        Server(home).stop()
        place = cluster_dir(home)
        assert place is not None
        with (place / "data" / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(UNSAFE)
        (folder / f"{name}.made").touch()
    return home


def _copy(ready: Path, home: Path) -> None:
    """Copy a state folder, and its cluster where that lies outside; the copy is a state folder of its own."""
    from vru.warehouse.server.cluster import follow_move, read_state, update_state
    from vru.warehouse.server.sockets import free_port

    _copy_tree(ready, home)
    state = read_state(home)
    if state["place"] != "home":
        place = Path(state["place"])
        own = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{place.name}-"))
        _copy_tree(place, own)
        update_state(home, place=str(own))
        follow_move(home, own)
    else:
        follow_move(home, home / "postgres")
    update_state(home, port=free_port())


def _copy_tree(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/.", str(target)], check=True)
