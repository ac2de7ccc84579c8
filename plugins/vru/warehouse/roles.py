"""The database roles: who there is, and what each may do to the cluster as a whole.

What a role may do in each schema is granted where the schema is made, in the migrations. Here a role gets
its login, its limits, and the databases that it may enter; PUBLIC loses what PostgreSQL gives everyone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import encrypt_password

from vru.warehouse import locks

VERSION = 1  # raise it when anything below changes: servers are then set up again
WAREHOUSE = "vru"
AIRFLOW = "airflow"


@dataclass(frozen=True)
class Role:
    """One login role.

    ``databases`` it may enter; ``may_use_temp`` tables in the warehouse; ``may_lock`` calls advisory locks
    there; ``limits`` are its own server settings; ``connection_limit`` -1 means none.
    """

    name: str
    purpose: str
    databases: tuple[str, ...] = (WAREHOUSE,)
    may_use_temp: bool = False
    may_lock: bool = True
    connection_limit: int = -1
    limits: dict[str, str] = field(default_factory=dict)


def _reader(search_path: str) -> dict[str, str]:
    return {
        "statement_timeout": "60s",
        "idle_in_transaction_session_timeout": "60s",
        "default_transaction_read_only": "on",
        "search_path": search_path,
    }


ROLES: tuple[Role, ...] = (
    Role("migrator", "owns every object of the warehouse; makes and changes schemas", may_use_temp=True),
    Role("loader", "appends received rows and keeps the ledger", may_use_temp=True),
    Role("checker", "audits arrived data and marts; moves rows to quarantine", may_use_temp=True),
    Role("transformer", "builds staging and marts with dbt", may_use_temp=True),
    Role("publisher", "moves what passed disclosure control into publish"),
    Role(
        "analyst",
        "reads marts and publish, and nothing else",
        may_lock=False,
        connection_limit=20,
        limits=_reader("marts, publish"),
    ),
    Role(
        "analyst_restricted",
        "reads row-level marts of restricted feeds as well",
        may_lock=False,
        connection_limit=20,
        limits=_reader("marts, marts_restricted, publish"),
    ),
    Role(
        "report_reader",
        "reads what may leave the platform",
        connection_limit=20,
        limits={"default_transaction_read_only": "on", "search_path": "publish"},
    ),
    Role("airflow", "owns Airflow's own database", databases=(AIRFLOW,), may_lock=False),
)
NAMES: tuple[str, ...] = tuple(role.name for role in ROLES)
OWNERS = {WAREHOUSE: "migrator", AIRFLOW: "airflow"}

# Everyone may call these by default. They write (large objects) or stop the nightly swap (locks).
_LOCK_FUNCTIONS = "pg\\_%advisory\\_%lock%"
_WRITE_FUNCTIONS = ("lo_creat", "lo_create", "lo_from_bytea", "lo_put", "lo_import", "lowrite", "lo_truncate")


class BootstrapServer(Protocol):
    """What ``bootstrap`` needs of a server, embedded or not."""

    def owner_args(self, database: str) -> dict[str, Any]:
        """Arguments of ``psycopg2.connect`` for the role that may create roles and databases."""

    def role_password(self, role: str) -> str:
        """The password that ``role`` shall have."""

    def database_name(self, database: str) -> str:
        """The server's own name of ``vru`` or ``airflow``."""


def bootstrap(server: BootstrapServer) -> None:
    """Create or mend every role, both databases and what PUBLIC may do; repeatable at any time.

    Plain passwords never reach the server: it is sent their SCRAM verifiers. Raises psycopg2.Error.
    """
    with _session(server, "postgres") as cluster:
        with cluster.connection.cursor() as cursor:
            locks.take(cursor, locks.BOOTSTRAP)
        is_superuser = cluster.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        for role in ROLES:
            _make_role(cluster, role, server.role_password(role.name), is_superuser=is_superuser)
        # The owner of a schema alone may rename it: the swap of marts works on what dbt made.
        cluster.execute("GRANT transformer TO migrator")
        for database, owner in OWNERS.items():
            _make_database(cluster, server.database_name(database), database, owner)
        if is_superuser:
            for database in ("postgres", "template1"):
                cluster.execute("REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
        for database, owner in OWNERS.items():
            with _session(server, server.database_name(database)) as inside:
                _close_schema_public(inside, owner)
                if is_superuser and database == WAREHOUSE:
                    _close_functions(inside)
        for role in ROLES:  # last, since it says that all is done
            cluster.execute("COMMENT ON ROLE {} IS %s", role.name, values=(comment(role),))


def comment(role: Role) -> str:
    """What stands as the role's comment in the server once it is set up by this version."""
    return f"VRU roles {VERSION}: {role.purpose}"


def _make_role(cluster: _Session, role: Role, password: str, *, is_superuser: bool) -> None:
    if not cluster.value("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role.name):
        cluster.execute("CREATE ROLE {}", role.name)
    if not is_superuser:  # the creator may then hand databases over to it
        cluster.execute("GRANT {} TO CURRENT_USER", role.name)
    else:
        cluster.execute("ALTER ROLE {} NOSUPERUSER NOREPLICATION NOBYPASSRLS", role.name)
    verifier = encrypt_password(password, role.name, cluster.connection, "scram-sha-256")
    cluster.execute(
        "ALTER ROLE {} LOGIN NOCREATEDB NOCREATEROLE INHERIT CONNECTION LIMIT %s PASSWORD %s",
        role.name,
        values=(role.connection_limit, verifier),
    )
    cluster.execute("ALTER ROLE {} RESET ALL", role.name)
    for setting, value in role.limits.items():
        # A list of schemas must stay a list, not become one quoted name.
        parts = [part.strip() for part in value.split(",")]
        cluster.execute("ALTER ROLE {} SET {} = " + ", ".join(["%s"] * len(parts)), role.name, setting, values=parts)


def _make_database(cluster: _Session, name: str, database: str, owner: str) -> None:
    if not cluster.value("SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)", name):
        cluster.execute("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'", name, owner)
    elif cluster.value("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", name) != owner:
        cluster.execute("ALTER DATABASE {} OWNER TO {}", name, owner)
    cluster.execute("REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
    for role in ROLES:
        if role.name == owner:
            continue
        cluster.execute("REVOKE ALL ON DATABASE {} FROM {}", name, role.name)
        if database in role.databases:
            cluster.execute("GRANT CONNECT ON DATABASE {} TO {}", name, role.name)
            if role.may_use_temp:
                cluster.execute("GRANT TEMPORARY ON DATABASE {} TO {}", name, role.name)
    if database == WAREHOUSE:
        cluster.execute("GRANT CREATE ON DATABASE {} TO transformer", name)
    cluster.execute("ALTER DATABASE {} SET timezone = 'UTC'", name)


def _close_schema_public(inside: _Session, owner: str) -> None:
    inside.execute("SET ROLE {}", owner)
    inside.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    inside.execute("RESET ROLE")


def _close_functions(inside: _Session) -> None:
    """Take from PUBLIC the functions that write large objects or hold locks that others wait for."""
    found = inside.rows(
        "SELECT oid::regprocedure::text, proname LIKE %s FROM pg_proc "
        "WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname LIKE %s OR proname = ANY (%s))",
        (_LOCK_FUNCTIONS, _LOCK_FUNCTIONS, list(_WRITE_FUNCTIONS)),
    )
    lockers = sql.SQL(", ").join(sql.Identifier(role.name) for role in ROLES if role.may_lock)
    for signature, is_lock in found:
        function = sql.SQL(signature)  # written by the server itself
        inside.run(sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(function))
        if is_lock:
            inside.run(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(function, lockers))


class _Session:
    """One autocommit connection of the owner, with names quoted as names and values as values."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def run(self, statement: sql.Composable) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def execute(self, text: str, *names: Any, values: Any = None) -> None:
        """Run ``text`` with each ``{}`` replaced by a quoted name and each ``%s`` by a value."""
        if values is None and "%s" in text:
            values, names = names, ()
        with self.connection.cursor() as cursor:
            cursor.execute(sql.SQL(text).format(*[sql.Identifier(*n.split(".")) for n in names]), values)

    def rows(self, text: str, values: Any = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall()

    def value(self, text: str, *values: Any) -> Any:
        return self.rows(text, values or None)[0][0]


def _session(server: BootstrapServer, database: str) -> _Session:
    connection = psycopg2.connect(**server.owner_args(database), application_name="vru: roles")
    connection.autocommit = True
    return _Session(connection)
