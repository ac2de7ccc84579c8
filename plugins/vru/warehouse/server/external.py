"""A PostgreSQL server that is not ours to start: the one that VRU_DATABASE_URL names.

The URL is that of a role which may create roles and databases. Its database becomes the warehouse. Our own
roles are made on it. Their passwords follow from the owner's password, so that several machines with the
same URL agree; where the URL holds no password they are random and stored in the state folder.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from vru.settings import private_dir, settings
from vru.warehouse import roles
from vru.warehouse.errors import WarehouseError
from vru.warehouse.server.embedded import Status
from vru.warehouse.server.passwords import derived_password, make_passwords
from vru.warehouse.server.private_files import locked

MINIMUM_VERSION = 18


class ExternalServer:
    """The server behind one owner's URL, with the same methods as the embedded one."""

    def __init__(self, owner_url: str, home: str | os.PathLike[str] | None = None) -> None:
        """``owner_url`` as in VRU_DATABASE_URL. Raises WarehouseError if it is not a PostgreSQL URL."""
        self.home = Path(os.path.realpath(home if home is not None else settings().home))
        try:
            self._url: URL = make_url(owner_url)
        except ArgumentError:
            raise WarehouseError(
                "VRU_DATABASE_URL is not a URL; write postgresql://user:password@host:5432/database"
            ) from None
        if self._url.get_backend_name() not in ("postgresql", "postgres"):
            raise WarehouseError("VRU_DATABASE_URL must begin with postgresql://")
        self._is_ready = False

    def ensure(self) -> ExternalServer:
        """Set up the roles and databases if that is still to do; return self.

        Raises WarehouseError if the server cannot be reached, is too old, or refuses.
        """
        if not self._is_ready:
            if not self._is_set_up():
                self._set_up()
            self._is_ready = True
        return self

    def is_running(self) -> bool:
        """Whether the owner can log in now."""
        return self._version() is not None

    @property
    def port(self) -> int | None:
        """The server's TCP port; None where it is reached by a socket."""
        return None if self._host.startswith("/") else self._url.port or 5432

    def open_port(self) -> int:
        """Return the server's TCP port. Raises WarehouseError if it is reached by a socket alone."""
        if self.port is None:
            raise WarehouseError("the server of VRU_DATABASE_URL is reached by a socket; give it a TCP address")
        return self.port

    def stop(self) -> None:
        """Do nothing: whoever runs that server stops it."""

    def status(self) -> Status:
        """How the server stands."""
        version = self._version()
        found = Status(self.home, version is not None, version is not None, port=self.port, version=version)
        if self.port is None:
            return replace(found, socket_dir=Path(self._host))
        return replace(found, host=self._host)

    def connect_args(self, role: str = "migrator", database: str = "vru", *, tcp: bool = False) -> dict[str, Any]:  # noqa: ARG002
        """Keyword arguments for ``psycopg2.connect``; ``tcp`` changes nothing here."""
        return {
            **{key: value for key, value in self._url.query.items() if key not in ("host", "port")},
            "host": self._host,
            "port": int(str(self._url.query.get("port") or self._url.port or 5432)),
            "user": role,
            "password": self.role_password(role),
            "dbname": self.database_name(database),
        }

    def owner_args(self, database: str) -> dict[str, Any]:
        """Keyword arguments for ``psycopg2.connect`` as the owner of the URL."""
        arguments = {**self.connect_args("migrator", database), "user": self._url.username}
        arguments["password"] = None if self._url.password is None else str(self._url.password)
        return {key: value for key, value in arguments.items() if value is not None}

    def role_password(self, role: str) -> str:
        """The password that ``role`` has on that server. Raises WarehouseError if the role is unknown."""
        if role not in roles.NAMES:
            raise WarehouseError(f"there is no role {role}; the roles are {', '.join(roles.NAMES)}")
        if self._url.password is not None:
            return derived_password(str(self._url.password), role)
        private_dir(self.home)
        with locked(self.home / "state" / "warehouse.lock"):
            return make_passwords(self.home, roles.NAMES)[role]

    def shared_secret(self, name: str) -> bytes | None:
        """32 bytes that every machine with this URL has; None where the URL holds no password to make them of."""
        if self._url.password is None:
            return None
        return bytes.fromhex(derived_password(str(self._url.password), name))

    def database_name(self, database: str) -> str:
        """The server's own name of ``vru`` (the URL's database) or ``airflow``."""
        return self._url.database or database if database == roles.WAREHOUSE else database

    @property
    def _host(self) -> str:
        return str(self._url.query.get("host") or self._url.host or "localhost")

    def _version(self) -> str | None:
        """The server's major version; None where the owner cannot log in."""
        try:
            connection = psycopg2.connect(**{"connect_timeout": 5, **self.owner_args("vru")})
        except psycopg2.Error:
            return None
        connection.close()
        return str(connection.server_version // 10_000)

    def _is_set_up(self) -> bool:
        """Whether a role can log in and carries the present version of the roles."""
        try:
            connection = psycopg2.connect(**self.connect_args("loader"))
        except psycopg2.OperationalError:
            return False
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = current_user")
                row = cursor.fetchone()
        finally:
            connection.close()
        return row is not None and str(row[0]).startswith(f"VRU roles {roles.VERSION}:")

    def _set_up(self) -> None:
        where = f"the server of VRU_DATABASE_URL ({self._host}, user {self._url.username})"
        try:
            connection = psycopg2.connect(**self.owner_args("postgres"))
            version = connection.server_version // 10_000
            connection.close()
        except psycopg2.OperationalError as error:
            raise WarehouseError(f"{where} cannot be reached: {str(error).strip()}") from None
        if version < MINIMUM_VERSION:
            raise WarehouseError(f"{where} is PostgreSQL {version}; {MINIMUM_VERSION} or later is needed")
        try:
            roles.bootstrap(self)
        except psycopg2.Error as error:
            raise WarehouseError(
                f"{where} refused to set up roles and databases: {str(error).strip()}; "
                "its user needs CREATEROLE and CREATEDB, or a superuser"
            ) from None
