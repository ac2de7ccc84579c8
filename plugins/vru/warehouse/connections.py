"""Ready-made connection lines for the tools that analysts use."""

from __future__ import annotations

import os
import shlex
import shutil
from urllib.parse import quote, urlencode

from vru.warehouse import roles
from vru.warehouse.engine import server, url_string
from vru.warehouse.errors import WarehouseError
from vru.warehouse.server.binaries import wheel_bin

FORMS = ("psql", "dbeaver", "pandas")


def connection_lines(role: str, for_: str | None = None, *, database: str | None = None) -> list[str]:
    """Return the lines that connect ``role`` from one tool, its password among them.

    ``for_`` is None for one SQLAlchemy URL, or one of ``FORMS``. The loopback port is used where one is open
    and the local socket where none is; DBeaver knows no sockets, so it needs the port.
    Raises WarehouseError for an unknown role or tool, or DBeaver without a port.
    """
    if role not in roles.NAMES:
        raise WarehouseError(f"there is no role {role}; the roles are {', '.join(roles.NAMES)}")
    if for_ is not None and for_ not in FORMS:
        raise WarehouseError(f"no connection line is known for {for_}; choose one of {', '.join(FORMS)}")
    database = database or (roles.AIRFLOW if role == roles.AIRFLOW else roles.WAREHOUSE)
    running = server().ensure()
    tcp = running.port is not None
    if for_ is None:
        return [url_string(role, database, tcp=tcp)]
    if for_ == "pandas":
        target = url_string(role, database, tcp=tcp)
        return [
            "import pandas, sqlalchemy; "  # noqa: S608 - a line for a person to copy
            f'df = pandas.read_sql("SELECT * FROM marts.build_info", sqlalchemy.create_engine("{target}"))'
        ]
    found = running.connect_args(role, database, tcp=tcp)
    if for_ == "psql":
        return [f"{_psql()} '{_libpq_url(found)}'"]
    if not tcp:
        raise WarehouseError("DBeaver needs a TCP port and none is open; run `vru db up`, then ask again")
    return [
        f"jdbc:postgresql://{found['host']}:{found['port']}/{found['dbname']}",
        f"user: {found['user']}",
        f"password: {found['password']}",
    ]


def _libpq_url(found: dict[str, object]) -> str:
    """One URL as libpq reads it; a socket's folder stands in the query."""
    rest = {key: str(value) for key, value in found.items() if key not in ("user", "password", "dbname")}
    login = f"{quote(str(found['user']), safe='')}:{quote(str(found['password']), safe='')}"
    address = ""
    if not rest["host"].startswith("/"):
        address = f"{rest.pop('host')}:{rest.pop('port')}"
    query = f"?{urlencode(rest, safe='/')}" if rest else ""
    return f"postgresql://{login}@{address}/{quote(str(found['dbname']), safe='')}{query}"


def _psql() -> str:
    """The psql on the path, else the one that came with the embedded server."""
    if shutil.which("psql"):
        return "psql"
    try:
        bundled = wheel_bin() / "psql"
    except WarehouseError:
        return "psql"
    return shlex.quote(str(bundled)) if os.access(bundled, os.X_OK) else "psql"


def psql_command(role: str) -> tuple[list[str], dict[str, str]]:
    """The command line of psql and the environment that logs it in; no password on the command line."""
    found = server().ensure().connect_args(role, roles.WAREHOUSE)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    login = {names[key]: str(value) for key, value in found.items() if key in names}
    return shlex.split(_psql()), {**os.environ, **login}
