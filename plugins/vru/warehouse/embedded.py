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
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vru.settings import private_dir, settings
from vru.warehouse import roles
from vru.warehouse.binaries import (
    ServerUser,
    can_enter,
    programs,
    run_as,
    server_user,
    system_root,
    user_by_id,
)
from vru.warehouse.errors import WarehouseError
from vru.warehouse.passwords import make_passwords, password_of, passwords_file
from vru.warehouse.private_files import locked, read_json, write_json

log = logging.getLogger(__name__)

SUPERUSER = "postgres"
SOCKET_PATH_LIMIT = 100  # bytes; the kernel takes 107 for folder and file name together
LOG_LIMIT = 10_000_000  # bytes; a longer server.log is moved aside at the next start
START_SECONDS = 600  # recovery after a crash may have to read max_wal_size

CONFIGURATION = {
    "max_connections": "80",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    # An error's text can quote a row: errors go to the client alone, the log keeps the server's own events.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True)
class Status:
    """How one embedded server stands. ``port`` is the open TCP port on 127.0.0.1, or None."""

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


@dataclass(frozen=True)
class _PidFile:
    """What PostgreSQL's postmaster.pid says."""

    pid: int
    data_dir: Path
    started_at: datetime
    port: int
    socket_dir: Path
    listens: bool
    is_ready: bool


class Server:
    """The embedded server of one state folder. Making the object touches nothing."""

    def __init__(self, home: str | os.PathLike[str] | None = None) -> None:
        """``home`` is the state folder; None takes the one that the environment names."""
        self.home = Path(os.path.realpath(home if home is not None else settings().home))
        self._state_file = self.home / "state" / "warehouse.json"
        self._lock_file = self.home / "state" / "warehouse.lock"

    # ------------------------------------------------------------------ what callers use

    def ensure(self) -> Server:
        """Make the cluster, start it and set up its roles, whatever of that is missing; return self.

        Safe to call at any time, from many processes at once, and after any crash.
        Raises WarehouseError.
        """
        if not self._is_usable():
            private_dir(self.home)
            with locked(self._lock_file):
                self._ensure_locked()
        return self

    def stop(self) -> None:
        """End every session and stop the server; the next start opens no TCP port. Harmless if stopped.

        Raises WarehouseError.
        """
        if not self._lock_file.parent.is_dir():
            return
        with locked(self._lock_file):
            if self._cluster_dir() is None:
                return
            self._stop_locked()
            self._update_state(listen=False)

    def is_running(self) -> bool:
        """Whether this state folder's server takes connections on its socket."""
        found = self._pid_file()
        if found is None or not found.is_ready or not self._is_ours(found.pid):
            return False
        return (found.socket_dir / f".s.PGSQL.{found.port}").exists()

    @property
    def port(self) -> int | None:
        """The TCP port on 127.0.0.1, or None while none is open."""
        found = self._pid_file()
        return found.port if found and found.listens and self.is_running() else None

    def open_port(self) -> int:
        """Open a TCP port on 127.0.0.1 and return it; the same one each time, unless something took it.

        Opening it restarts the server, which ends open sessions; if it is open already nothing happens.
        Raises WarehouseError.
        """
        self.ensure()
        with locked(self._lock_file):
            if self.port is None:
                self._update_state(listen=True)
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
        found = self._pid_file()
        if found is None or not self.is_running():
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
        """``connect_args`` of the superuser; for setting up and tests, never for daily work."""
        return self.connect_args(SUPERUSER, database)

    def role_password(self, role: str) -> str:
        """The stored password of ``role``. Raises WarehouseError if there is none."""
        return password_of(self.home, role)

    def database_name(self, database: str) -> str:
        """The server's name of ``vru`` or ``airflow``: here the same."""
        return database

    def status(self) -> Status:
        """How the server stands, without starting or changing anything."""
        cluster = self._cluster_dir()
        if cluster is None or not (cluster / "data").is_dir():
            return Status(self.home, is_created=False, is_running=False)
        running = self.is_running()
        found = self._pid_file() if running else None
        return Status(
            self.home,
            is_created=True,
            is_running=running,
            pid=found.pid if found else None,
            port=found.port if found and found.listens else None,
            cluster_dir=cluster,
            socket_dir=found.socket_dir if found else None,
            user=self._user().name,
            version=(cluster / "data" / "PG_VERSION").read_text().strip(),
            started_at=found.started_at if found else None,
            size_bytes=_size_bytes(cluster / "data"),
        )

    def destroy(self) -> None:
        """Stop the server and delete the cluster with all its data and passwords. There is no way back."""
        if not self._lock_file.parent.is_dir():
            return
        with locked(self._lock_file):
            cluster = self._cluster_dir()
            if cluster is not None:
                self._stop_locked()
                shutil.rmtree(cluster)
            passwords_file(self.home).unlink(missing_ok=True)
            self._state_file.unlink(missing_ok=True)

    @property
    def log_file(self) -> Path:
        """The server's own log: starts, stops, checkpoints, refused logins; never a statement or a value."""
        return (self._cluster_dir() or self.home / "postgres") / "server.log"

    # ------------------------------------------------------------------ where the cluster is

    def _state(self) -> dict[str, Any]:
        return read_json(self._state_file)

    def _update_state(self, **changes: Any) -> None:
        write_json(self._state_file, {**self._state(), **changes})

    def _cluster_dir(self) -> Path | None:
        """The folder that holds this state folder's cluster, or None if it has none yet."""
        state = self._state()
        if not state:
            return None
        if state["place"] == "home":
            return self.home / "postgres"
        cluster = Path(state["place"])
        # A copied state folder must not use the cluster of the one it was copied from; a moved one may.
        if state["home"] != str(self.home) and Path(state["home"]).exists():
            return None
        return cluster if _record(cluster)[0] == state["identity"] else None

    def _choose_cluster_dir(self) -> Path:
        """Return the folder for the cluster, owned by the server's user, mode 0700, and remember it.

        It is empty, unless a cluster stands there whose passwords we still have: that one is taken up again.
        """
        user = server_user()
        identity = secrets.token_hex(8)
        if can_enter(user, self.home):
            cluster, place = self.home / "postgres", "home"
        else:
            cluster = system_root() / hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
            if _record(cluster)[1] not in ("", str(self.home)):  # of a folder that was here and moved away
                cluster = cluster.with_name(f"{cluster.name}-{identity}")
            place = str(cluster)
        is_old = (cluster / "data" / "PG_VERSION").is_file()
        if is_old and passwords_file(self.home).exists():
            identity = _record(cluster)[0] or identity
        elif is_old and place == "home":
            raise WarehouseError(
                f"{cluster} holds a database but its passwords are gone; restore {passwords_file(self.home)} "
                "from a backup, or delete that folder to begin again"
            )
        else:
            if place != "home":
                _set_aside(cluster)
            passwords_file(self.home).unlink(missing_ok=True)
        cluster.mkdir(mode=0o700, exist_ok=True)
        if not user.is_self and cluster.stat().st_uid == os.geteuid():  # just made
            os.chown(cluster, user.uid, user.gid)
        _write_record(user, cluster, identity, self.home)
        write_json(
            self._state_file,
            {
                "identity": identity,
                "place": place,
                "home": str(self.home),
                "port": _free_port(),
                "listen": False,
            },
        )
        if place != "home" and not is_old:
            log.warning("%s may not enter %s, so its database is kept in %s", user.name, self.home, cluster)
        return cluster

    def _user(self) -> ServerUser:
        """The owner of the cluster; whoever it is runs the server, also when root gives the command."""
        cluster = self._cluster_dir()
        if cluster is None:
            return server_user()
        owner = cluster.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise WarehouseError(
                f"the database in {cluster} belongs to user {user_by_id(owner).name}; "
                "run as that user, or choose another state folder with VRU_HOME"
            )
        return user_by_id(owner)

    # ------------------------------------------------------------------ make, start, stop (lock held)

    def _is_usable(self) -> bool:
        state = self._state()
        return state.get("roles") == roles.VERSION and state["home"] == str(self.home) and self.is_running()

    def _ensure_locked(self) -> None:
        if self._is_usable():
            return
        cluster = self._cluster_dir() or self._choose_cluster_dir()
        if self._state()["home"] != str(self.home):  # the state folder was moved, its cluster goes with it
            _write_record(self._user(), cluster, self._state()["identity"], self.home)
            self._update_state(home=str(self.home))
        if not (cluster / "data" / "PG_VERSION").is_file():
            self._initialise(cluster)
        if not self.is_running():
            self._stop_locked()  # it may run, but with its socket's folder gone
            self._start_locked(cluster)
        if self._state().get("roles") != roles.VERSION:
            make_passwords(self.home, roles.NAMES)
            roles.bootstrap(self)
            self._update_state(roles=roles.VERSION)

    def _initialise(self, cluster: Path) -> None:
        """Run initdb in a folder aside and rename it when it is whole: half a cluster is never used."""
        user = self._user()
        for leftover in cluster.glob("initdb-*"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        data = cluster / "data"
        if data.exists():
            if (data / "base").exists():
                raise WarehouseError(
                    f"{data} holds a damaged cluster (PG_VERSION is missing); restore it from a backup, "
                    "or delete the state folder to begin again"
                )
            shutil.rmtree(data)
        password = make_passwords(self.home, [SUPERUSER])[SUPERUSER]
        password_file = cluster / f"initdb-password-{os.getpid()}"
        scratch = cluster / f"initdb-{os.getpid()}"
        _write_as(user, password_file, password + "\n")
        command = [str(programs(user) / "initdb"), "-D", str(scratch), "-U", SUPERUSER]
        command += ["--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={password_file}"]
        command += ["--data-checksums", "--encoding=UTF8", "--locale=C"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--text-search-config=english"]
        for name, value in CONFIGURATION.items():
            command += ["-c", f"{name}={value}"]
        try:
            done = run_as(user, command)
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            shutil.rmtree(scratch, ignore_errors=True)
            raise WarehouseError(f"initdb failed for {self.home}: {_last_lines(done.stdout)}")
        scratch.rename(data)

    def _start_locked(self, cluster: Path) -> None:
        user = self._user()
        found = self._pid_file()
        if found and found.data_dir == cluster / "data" and _takes_connections(found):
            raise WarehouseError(f"a server that cannot be seen from here runs on {cluster}; stop it there first")
        _clear_stale_pid(cluster / "data", found)
        log_file = cluster / "server.log"
        if log_file.exists() and log_file.stat().st_size > LOG_LIMIT:
            log_file.rename(log_file.with_suffix(".log.1"))
        state = self._state()
        if state["listen"] and not _is_free(state["port"]):
            self._update_state(port=_free_port())
        socket_dir = self._make_socket_dir(cluster, user)
        command = [str(programs(user) / "pg_ctl"), "-D", str(cluster / "data"), "-l", str(log_file)]
        command += ["-w", "-t", str(START_SECONDS), "-o", self._options(socket_dir), "start"]
        deadline = time.monotonic() + 20
        while True:
            begin = log_file.stat().st_size if log_file.exists() else 0
            done = run_as(user, command)
            if done.returncode == 0:
                return
            said = _read_from(log_file, begin)
            # The children of a killed server need a moment to notice and let go of its memory.
            if "shared memory block" not in said or time.monotonic() > deadline:
                reason = _last_lines(said or done.stdout)
                raise WarehouseError(f"the server of {self.home} did not start: {reason} (log: {log_file})")
            time.sleep(0.2)

    def _options(self, socket_dir: Path) -> str:
        """The server's command line: what depends on this start. Everything lasting is in postgresql.conf."""
        state = self._state()
        chosen = {
            "port": str(state["port"]),
            "listen_addresses": "127.0.0.1" if state["listen"] else "",
            "unix_socket_directories": str(socket_dir),
            "unix_socket_permissions": "0700",
        }
        if _is_shared_memory_small():
            chosen["dynamic_shared_memory_type"] = "sysv"
        return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in chosen.items())

    def _stop_locked(self) -> None:
        cluster = self._cluster_dir()
        found = self._pid_file()
        if cluster is None or found is None or not self._is_ours(found.pid):
            return
        user = self._user()
        command = [str(programs(user) / "pg_ctl"), "-D", str(cluster / "data")]
        done = run_as(user, [*command, "-m", "fast", "-w", "-t", "120", "stop"])
        if done.returncode != 0 and self._is_ours(found.pid):
            raise WarehouseError(f"the server of {self.home} did not stop: {_last_lines(done.stdout)}")
        if found.socket_dir.name.startswith("vru-"):
            shutil.rmtree(found.socket_dir, ignore_errors=True)

    def _make_socket_dir(self, cluster: Path, user: ServerUser) -> Path:
        """Return a private folder for the socket under a short path.

        The cluster's own ``run`` folder where its path is short; else a new one in XDG_RUNTIME_DIR or in the
        temporary folder. The running server's own file says which it is, so nothing has to be guessed.
        """
        inside = cluster / "run"
        if _is_short(inside):
            inside.mkdir(mode=0o700, exist_ok=True)
            if inside.stat().st_uid != user.uid:
                os.chown(inside, user.uid, user.gid, follow_symlinks=False)
            for leftover in inside.glob(".s.PGSQL.*"):  # of a server that was killed or moved
                leftover.unlink()
            return inside
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        candidates = [Path(runtime)] if runtime and _is_private(Path(runtime), user) else []
        candidates += [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - a private folder is made inside
        for parent in candidates:
            if parent.is_dir() and _is_short(parent / "vru-12345678"):
                folder = Path(tempfile.mkdtemp(dir=parent, prefix="vru-"))
                if not user.is_self:
                    os.chown(folder, user.uid, user.gid)
                return folder
        raise WarehouseError("no folder with a short path was found for the server's socket; set TMPDIR to one")

    # ------------------------------------------------------------------ is it alive

    def _pid_file(self) -> _PidFile | None:
        """What the server says of itself, or None. It may be stale: see ``_is_ours``."""
        cluster = self._cluster_dir()
        if cluster is None:
            return None
        try:
            lines = (cluster / "data" / "postmaster.pid").read_text().splitlines()
            return _PidFile(
                pid=abs(int(lines[0])),
                data_dir=Path(lines[1]),
                started_at=datetime.fromtimestamp(int(lines[2]), UTC),
                port=int(lines[3]),
                socket_dir=Path(lines[4]),
                listens=bool(lines[5].strip()),
                is_ready=len(lines) > 7 and lines[7].strip() == "ready",
            )
        except (FileNotFoundError, IndexError, ValueError):
            return None
        except PermissionError:
            self._user()  # says whose it is
            raise

    def _is_ours(self, pid: int) -> bool:
        """Whether process ``pid`` lives and is this cluster's server, not a later process of that number.

        A server's folder is its data; that holds even when the state folder was moved under it.
        """
        cluster = self._cluster_dir()
        if cluster is None or not _is_alive(pid):
            return False
        data = str(cluster / "data")
        if data in _command_line(pid):
            return True
        same = ["/bin/sh", "-c", 'test "/proc/$1/cwd" -ef "$2"', "sh", str(pid), data]
        return run_as(self._user(), same).returncode == 0


# ---------------------------------------------------------------------- helpers


def _record(cluster: Path) -> tuple[str, str]:
    """Return a cluster's identity and the state folder it belongs to; empty texts if it has no record."""
    try:
        identity, home = (cluster / "identity").read_text().split("\n", 1)
    except (OSError, ValueError):
        return "", ""
    return identity, home.removesuffix("\n")


def _write_record(user: ServerUser, cluster: Path, identity: str, home: Path) -> None:
    (cluster / "identity").unlink(missing_ok=True)
    _write_as(user, cluster / "identity", f"{identity}\n{home}\n")


def _set_aside(cluster: Path) -> None:
    """Move a cluster away whose state folder was deleted; one such is kept, the one before it is dropped."""
    if not cluster.exists():
        return
    data = cluster / "data"
    if (data / "postmaster.pid").exists():
        user = user_by_id(cluster.stat().st_uid)
        run_as(user, [str(programs(user) / "pg_ctl"), "-D", str(data), "-m", "fast", "-w", "stop"])
    aside = cluster.with_name(f"{cluster.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)
    cluster.rename(aside)
    log.warning("a database whose state folder is gone was moved to %s; delete it if nobody misses it", aside)


def _write_as(user: ServerUser, path: Path, text: str) -> None:
    """Write a new file, mode 0600, that belongs to ``user``. Raises FileExistsError if it stands already."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        if not user.is_self:
            os.fchown(file.fileno(), user.uid, user.gid)
        file.write(text)


def _clear_stale_pid(data: Path, found: _PidFile | None) -> None:
    """Drop what a server that is no more left behind. The caller knows that none runs on ``data``.

    PostgreSQL copes with a dead process, but takes any living one of its number for its server.
    """
    path = data / "postmaster.pid"
    if found is None or found.data_dir != data:
        path.unlink(missing_ok=True)
        return
    if _is_alive(found.pid):
        path.unlink(missing_ok=True)
    if found.socket_dir.name.startswith("vru-"):
        shutil.rmtree(found.socket_dir, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        done = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True, check=False)
        return done.stdout


def _takes_connections(found: _PidFile) -> bool:
    path = found.socket_dir / f".s.PGSQL.{found.port}"
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _is_short(folder: Path) -> bool:
    """Whether libpq can name a socket in ``folder``: short, and no character that it gives a meaning to."""
    name = str(folder)
    return len(os.fsencode(name)) + len("/.s.PGSQL.65535") <= SOCKET_PATH_LIMIT and bool(
        re.fullmatch(r"/[A-Za-z0-9/._@+-]*", name)
    )


def _is_private(folder: Path, user: ServerUser) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user.uid and not found.st_mode & 0o077


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    """A port that nothing uses, below the range from which systems take their outgoing ones."""
    for _ in range(200):
        port = 20000 + secrets.randbelow(12000)
        if _is_free(port):
            return port
    raise WarehouseError("no free TCP port was found between 20000 and 32000 on 127.0.0.1; close some programs")


def _is_shared_memory_small() -> bool:
    """Whether /dev/shm is too small for parallel queries, as in a container by default (64 MB)."""
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108 - asked about, not written to
    except OSError:
        return False
    return found.f_blocks * found.f_frsize < 512 * 1024 * 1024


def _size_bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _read_from(path: Path, begin: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(begin)
            return file.read(100_000).decode(errors="replace")
    except FileNotFoundError:
        return ""


def _last_lines(text: str, count: int = 3) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-count:]) or "it gave no reason"
