"""The command lines of initdb and pg_ctl: a cluster is made, its server started and stopped.

The caller holds the warehouse lock.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from pathlib import Path

from vru.warehouse.errors import WarehouseError
from vru.warehouse.server.binaries import programs, run_as
from vru.warehouse.server.cluster import user_of, write_as
from vru.warehouse.server.passwords import make_passwords
from vru.warehouse.server.process import is_ours, read_pid_file
from vru.warehouse.server.sockets import make_socket_dir, remove_socket_dir

SUPERUSER = "postgres"
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
    # Whoever was killed lets go of its locks, also while its statement computes or waits.
    "client_connection_check_interval": "2s",
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
"""What initdb writes into postgresql.conf: everything lasting. What depends on one start is in ``_options``."""


def log_file(cluster: Path) -> Path:
    """The server's own log."""
    return cluster / "server.log"


def initialise(home: Path, cluster: Path) -> None:
    """Run initdb in a folder aside and rename it when it is whole: half a cluster is never used.

    Raises WarehouseError if initdb fails, or if a damaged cluster with data stands there.
    """
    user = user_of(cluster)
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
    password = make_passwords(home, [SUPERUSER])[SUPERUSER]
    password_file = cluster / f"initdb-password-{os.getpid()}"
    scratch = cluster / f"initdb-{os.getpid()}"
    write_as(user, password_file, password + "\n")
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
        raise WarehouseError(f"initdb failed for {home}: {_last_lines(done.stdout)}")
    scratch.rename(data)


def start(home: Path, cluster: Path, *, port: int, listens: bool) -> None:
    """Start the server and wait until it takes connections; ``listens`` opens ``port`` on 127.0.0.1.

    Raises WarehouseError if it does not start.
    """
    user = user_of(cluster)
    log = log_file(cluster)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.rename(log.with_suffix(".log.1"))
    options = _options(make_socket_dir(cluster, user), port=port, listens=listens)
    command = [str(programs(user) / "pg_ctl"), "-D", str(cluster / "data"), "-l", str(log)]
    command += ["-w", "-t", str(START_SECONDS), "-o", options, "start"]
    deadline = time.monotonic() + 20
    while True:
        begin = log.stat().st_size if log.exists() else 0
        done = run_as(user, command)
        if done.returncode == 0:
            return
        said = _read_from(log, begin)
        # The children of a killed server need a moment to notice and let go of its memory.
        if "shared memory block" not in said or time.monotonic() > deadline:
            reason = _last_lines(said or done.stdout)
            raise WarehouseError(f"the server of {home} did not start: {reason} (log: {log})")
        time.sleep(0.2)


def stop(home: Path, cluster: Path, *, is_kept: bool = True) -> None:
    """End every session and stop the server. Harmless if it does not run, or if another process has its number.

    What lies in memory is not written where the cluster is about to be deleted, which is ``is_kept`` false.

    Raises WarehouseError if it does not stop, or if the cluster is another user's.
    """
    found = read_pid_file(cluster)
    if found is None or not is_ours(cluster, found.pid):
        return
    user = user_of(cluster)
    command = [str(programs(user) / "pg_ctl"), "-D", str(cluster / "data")]
    done = run_as(user, [*command, "-m", "fast" if is_kept else "immediate", "-w", "-t", "120", "stop"])
    if done.returncode != 0 and is_ours(cluster, found.pid):
        raise WarehouseError(f"the server of {home} did not stop: {_last_lines(done.stdout)}")
    remove_socket_dir(found.socket_dir)


def _options(socket_dir: Path, *, port: int, listens: bool) -> str:
    """The server's command line: what depends on this start. Everything lasting is in postgresql.conf."""
    chosen = {
        "port": str(port),
        "listen_addresses": "127.0.0.1" if listens else "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
    }
    if _is_shared_memory_small():
        chosen["dynamic_shared_memory_type"] = "sysv"
    return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in chosen.items())


def _is_shared_memory_small() -> bool:
    """Whether /dev/shm is too small for parallel queries, as in a container by default (64 MB)."""
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108 - asked about, not written to
    except OSError:
        return False
    return found.f_blocks * found.f_frsize < 512 * 1024 * 1024


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
