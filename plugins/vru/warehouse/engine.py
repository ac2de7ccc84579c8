"""How everything connects to the warehouse.

``url``, ``engine`` and ``raw_connection`` start the embedded server when it is not running, and use the one
of VRU_DATABASE_URL where that is set.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine

from vru.settings import settings
from vru.warehouse.server.embedded import Server
from vru.warehouse.server.external import ExternalServer

DRIVER = "postgresql+psycopg2"

# libpq takes the time zone of a session from it, before that of the database: instants would be told in another zone,
# and a page, a digest or a day of an instant would depend on who ran the command.
os.environ.pop("PGTZ", None)

_engines: dict[tuple[Any, ...], Engine] = {}
_external: dict[tuple[str, Path], ExternalServer] = {}


def server() -> Server | ExternalServer:
    """Return the server that the environment names, without starting it."""
    now = settings()
    if now.database_url is None:
        return Server(now.home)
    key = (now.database_url, now.home)
    if key not in _external:
        _external[key] = ExternalServer(now.database_url, now.home)
    return _external[key]


def url(role: str = "migrator", database: str = "vru", *, tcp: bool = False) -> URL:
    """Return the SQLAlchemy URL of ``role`` on ``database`` ('vru' or 'airflow').

    It is the form with a socket folder (``...@localhost/vru?host=/folder&port=N``), or with ``tcp`` the one
    on 127.0.0.1, for which a port has to be open. ``str(url)`` hides the password: use ``url_string`` for
    other programs. Raises WarehouseError.
    """
    return _url(server().ensure().connect_args(role, database, tcp=tcp))


def url_string(role: str = "migrator", database: str = "vru", *, tcp: bool = False) -> str:
    """``url`` as text with its password, for programs that take nothing else. Never log it.

    Slashes of the socket's folder stay plain, since ini files give ``%`` a meaning.
    """
    return url(role, database, tcp=tcp).render_as_string(hide_password=False).replace("%2F", "/")


def engine(role: str = "migrator", database: str = "vru") -> Engine:
    """Return this process's engine for ``role``: a small pool, its connections tested before use.

    A forked child gets one of its own and never touches its parent's connections. Raises WarehouseError.
    """
    target = url(role, database)
    key = (os.getpid(), target)
    found = _engines.get(key)
    if found is None:
        found = create_engine(
            target,
            pool_size=2,
            max_overflow=8,
            pool_pre_ping=True,
            connect_args={"application_name": application_name()},
        )
        _engines[key] = found
    return found


def raw_connection(role: str = "migrator", database: str = "vru", *, name: str | None = None) -> Connection:
    """Open one psycopg2 connection, which the caller closes; ``name`` tells others what it is for.

    Raises WarehouseError or psycopg2.OperationalError.
    """
    arguments = server().ensure().connect_args(role, database)
    connection: Connection = psycopg2.connect(**arguments, application_name=application_name(name))
    return connection


def dispose() -> None:
    """Close this process's pools, before a fork or the end of a test."""
    for key in [key for key in _engines if key[0] == os.getpid()]:
        _engines.pop(key).dispose()


def application_name(name: str | None = None) -> str:
    """What ``pg_stat_activity`` shows for this process: at most 63 bytes, no path."""
    return f"vru: {name or Path(sys.argv[0] or 'python').name}"[:63]


def _url(arguments: dict[str, Any]) -> URL:
    """Turn arguments of ``psycopg2.connect`` into a URL. It names a host: Great Expectations insists."""
    rest = dict(arguments)
    user, password, database = rest.pop("user"), rest.pop("password"), rest.pop("dbname")
    host, port = rest.pop("host"), rest.pop("port")
    query = {key: str(value) for key, value in rest.items()}
    if host.startswith("/"):
        query = {"host": host, "port": str(port), **query}
        host, port = "localhost", None
    return URL.create(DRIVER, user, password, host, port, database, query)
