"""The embedded PostgreSQL server: made, started and stopped by PostgreSQL's own programs.

One state folder has one cluster. Its server outlives the command that started it.

- Every role logs in by SCRAM, on the local socket too. Passwords are random and stored in the state folder.
- The socket lies in a folder that only its owner can enter, and always under a short path.
- No TCP port is open unless ``open_port`` was called; then one on 127.0.0.1.
- As root the server runs as a system user of its own. Where that user cannot enter the state folder, the
  cluster lies under ``/var/lib/vru``. No folder that stands already has its permissions changed.
- Durability settings are as PostgreSQL ships them. No statement, parameter or row value is ever logged.

Files: ``<home>/secrets/warehouse.json`` passwords, ``<home>/state/warehouse.json`` where the cluster is,
``<home>/postgres`` or ``/var/lib/vru/<hash of home>`` the cluster (``data``, ``run``, ``server.log``).

Here is what callers use, and the order of the steps. The steps themselves, each importing only what stands
before it: ``sockets`` where a server listens, ``cluster`` which cluster a state folder has, ``process``
whether its server runs, ``programs`` initdb and pg_ctl with the server's settings.
"""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vru.settings import private_dir, settings
from vru.warehouse import roles
from vru.warehouse.errors import WarehouseError
from vru.warehouse.server import process, programs
from vru.warehouse.server.cluster import (
    choose_cluster_dir,
    cluster_dir,
    follow_move,
    is_made,
    read_state,
    state_file,
    update_state,
    user_of,
)
from vru.warehouse.server.passwords import make_passwords, password_of, passwords_file
from vru.warehouse.server.private_files import locked
from vru.warehouse.server.process import PidFile
from vru.warehouse.server.sockets import free_port, is_free


@dataclass(frozen=True)
class Status:
    """How one server stands. ``port`` is its open TCP port at ``host``, or None; ``user`` runs an embedded one."""

    home: Path
    is_created: bool
    is_running: bool
    pid: int | None = None
    port: int | None = None
    cluster_dir: Path | None = None
    socket_dir: Path | None = None
    user: str | None = None
    version: str | None = None
    started_at: datetime | None = None
    size_bytes: int | None = None
    host: str = "127.0.0.1"

    def __str__(self) -> str:
        """Version and place, on one line for a person."""
        if not self.is_running:
            return "does not run"
        where = f"{self.host}:{self.port}" if self.port else f"socket folder {self.socket_dir}"
        run_by = f", running as {self.user}" if self.user else ""
        data = f", data in {self.cluster_dir}" if self.cluster_dir else ""
        return f"{self.version}, {where}{run_by}{data}"


class Server:
    """The embedded server of one state folder. Making the object touches nothing."""

    def __init__(self, home: str | os.PathLike[str] | None = None) -> None:
        """``home`` is the state folder; None takes the one that the environment names."""
        self.home = Path(os.path.realpath(home if home is not None else settings().home))
        self._lock_file = self.home / "state" / "warehouse.lock"

    def ensure(self) -> Server:
        """Make the cluster, start it and set up its roles, whatever of that is missing; return self.

        Safe to call at any time, from many processes at once, and after any crash.
        Raises WarehouseError.
        """
        if not self._is_usable():
            private_dir(self.home)
            with self._locked():
                self._ensure_locked()
        return self

    def stop(self) -> None:
        """End every session and stop the server; the next start opens no TCP port. Harmless if stopped.

        Raises WarehouseError.
        """
        if not self._lock_file.parent.is_dir():
            return
        with self._locked():
            if cluster_dir(self.home) is None:
                return
            self._stop_locked()
            update_state(self.home, listen=False)

    def is_running(self) -> bool:
        """Whether this state folder's server takes connections on its socket.

        Raises WarehouseError if it is another user's, or the state is damaged.
        """
        return self._running() is not None

    @property
    def port(self) -> int | None:
        """The TCP port on 127.0.0.1, or None while none is open. Raises WarehouseError as ``is_running`` does."""
        found = self._running()
        return found.port if found and found.listens else None

    def open_port(self) -> int:
        """Open a TCP port on 127.0.0.1 and return it; the same one each time, unless something took it.

        Opening it restarts the server, which ends open sessions; if it is open already nothing happens.
        Raises WarehouseError.
        """
        self.ensure()
        with self._locked():
            if self.port is None:
                self._ensure_locked()  # another process may have stopped or destroyed it just now
                update_state(self.home, listen=True)
                self._stop_locked()
                self._ensure_locked()
            port = self.port
        if port is None:
            raise WarehouseError(f"the server of {self.home} opened no port; see {self.log_file}")
        return port

    def connect_args(self, role: str = "migrator", database: str = "vru", *, tcp: bool = False) -> dict[str, Any]:
        """Keyword arguments for ``psycopg2.connect``: host, port, user, password, dbname.

        ``host`` is the socket's folder, or 127.0.0.1 with ``tcp``. Raises WarehouseError if the server does
        not run, the role is unknown, or ``tcp`` is asked for while no port is open.
        """
        found = self._running()
        if found is None:
            raise WarehouseError(f"the server of {self.home} is not running; `vru db up` starts it")
        if tcp and not found.listens:
            raise WarehouseError(f"the server of {self.home} has no TCP port open; `vru db up` opens one")
        return {
            "host": "127.0.0.1" if tcp else str(found.socket_dir),
            "port": found.port,
            "user": role,
            "password": password_of(self.home, role),
            "dbname": database,
        }

    def owner_args(self, database: str) -> dict[str, Any]:
        """``connect_args`` of the superuser; for setting up and tests, never for daily work. Raises WarehouseError."""
        return self.connect_args(programs.SUPERUSER, database)

    def shared_secret(self, name: str) -> bytes | None:  # noqa: ARG002
        """None: this server belongs to one state folder, which can keep its secrets itself."""
        return None

    def role_password(self, role: str) -> str:
        """The stored password of ``role``. Raises WarehouseError if there is none."""
        return password_of(self.home, role)

    def database_name(self, database: str) -> str:
        """The server's name of ``vru`` or ``airflow``: here the same."""
        return database

    def status(self) -> Status:
        """How the server stands, without starting or changing anything.

        Raises WarehouseError as ``is_running`` does.
        """
        cluster = cluster_dir(self.home)
        if cluster is None or not is_made(cluster):
            return Status(self.home, is_created=False, is_running=False)
        found = process.running(cluster)
        return Status(
            self.home,
            is_created=True,
            is_running=found is not None,
            pid=found.pid if found else None,
            port=found.port if found and found.listens else None,
            cluster_dir=cluster,
            socket_dir=found.socket_dir if found else None,
            user=user_of(cluster).name,
            version=(cluster / "data" / "PG_VERSION").read_text().strip(),
            started_at=found.started_at if found else None,
            size_bytes=_size_bytes(cluster / "data"),
        )

    def destroy(self) -> None:
        """Stop the server and delete the cluster with all its data and passwords. There is no way back.

        Raises WarehouseError if it does not stop, or is another user's.
        """
        if not self._lock_file.parent.is_dir():
            return
        with self._locked():
            cluster = cluster_dir(self.home)
            if cluster is not None:
                programs.stop(self.home, cluster, is_kept=False)
                shutil.rmtree(cluster, ignore_errors=not cluster.exists())
            passwords_file(self.home).unlink(missing_ok=True)
            state_file(self.home).unlink(missing_ok=True)

    @property
    def log_file(self) -> Path:
        """The server's own log: starts, stops, checkpoints, refused logins; never a statement or a value."""
        return programs.log_file(cluster_dir(self.home) or self.home / "postgres")

    # ------------------------------------------------------------------ the order of the steps

    def _locked(self) -> AbstractContextManager[None]:
        """The lock of this state folder; whoever waits must outwait a recovery."""
        return locked(self._lock_file, timeout_seconds=programs.START_SECONDS + 60)

    def _running(self) -> PidFile | None:
        cluster = cluster_dir(self.home)
        return None if cluster is None else process.running(cluster)

    def _is_usable(self) -> bool:
        state = read_state(self.home)
        return state.get("roles") == roles.VERSION and state["home"] == str(self.home) and self.is_running()

    def _ensure_locked(self) -> None:
        if self._is_usable():
            return
        cluster = cluster_dir(self.home) or choose_cluster_dir(self.home)
        if "roles" in read_state(self.home) and not (cluster / "data").exists():
            raise WarehouseError(
                f"the database in {cluster} is gone; restore it from a backup, or begin again with "
                "`vru db destroy --yes` (what partners delivered is kept in the landing folder)"
            )
        follow_move(self.home, cluster)
        if not is_made(cluster):
            programs.initialise(self.home, cluster)
        if not self.is_running():
            self._stop_locked()  # it may run, but with its socket's folder gone
            self._start_locked(cluster)
        if read_state(self.home).get("roles") != roles.VERSION:
            make_passwords(self.home, roles.NAMES)
            roles.bootstrap(self)
            update_state(self.home, roles=roles.VERSION)

    def _start_locked(self, cluster: Path) -> None:
        process.clear_remains(cluster)
        state = read_state(self.home)
        if state["listen"] and not is_free(state["port"]):
            state["port"] = free_port()
            update_state(self.home, port=state["port"])
        programs.start(self.home, cluster, port=state["port"], listens=state["listen"])

    def _stop_locked(self) -> None:
        cluster = cluster_dir(self.home)
        if cluster is not None:
            programs.stop(self.home, cluster)


def _size_bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total
