"""State folders of the bench: each with an embedded server as shipped, migrated, and deleted at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg2.extensions import connection as Connection
from vru.sandbox import SandboxServer


def use(home: Path) -> None:
    """Make this the state folder of the process; connections to another one are closed."""
    from vru.warehouse.engine import dispose

    dispose()
    os.environ["VRU_HOME"] = str(home)
    os.environ.pop("VRU_DATABASE_URL", None)


@contextmanager
def fresh(profile: str = "files") -> Iterator[Path]:
    """A migrated warehouse of its own, in use while the block runs."""
    from vru.profile import bind
    from vru.warehouse.engine import dispose
    from vru.warehouse.migrate import migrate
    from vru.warehouse.server.embedded import Server

    home = Path(tempfile.mkdtemp(prefix="vru-bench-"))
    use(home)
    os.environ["VRU_PROFILE"] = profile
    server = Server(home).ensure()
    try:
        migrate()
        bind(profile)
        yield home
    finally:
        dispose()
        server.destroy()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def partners(folder: Path) -> Iterator[str]:
    """The synthetic partners, for feeds of which the bench makes no files; their address."""
    with SandboxServer(folder) as server:
        yield server.url


@contextmanager
def connected(role: str = "migrator") -> Iterator[Connection]:
    """A connection to the warehouse in use; commits at the end."""
    from vru.warehouse.engine import raw_connection

    connection = raw_connection(role, name="bench")
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def checkpoint() -> None:
    """Let the server write what it has, so that it does not do so while the next thing is timed."""
    import psycopg2
    from vru.warehouse.engine import server

    connection = psycopg2.connect(**server().owner_args("vru"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("checkpoint")
    connection.close()
