"""Whether a cluster's server runs: what its pid file says, and whether that is still true."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vru.warehouse.errors import WarehouseError
from vru.warehouse.server.binaries import run_as
from vru.warehouse.server.cluster import user_of
from vru.warehouse.server.sockets import remove_socket_dir, socket_file, takes_connections


@dataclass(frozen=True)
class PidFile:
    """What PostgreSQL's postmaster.pid says. It may be stale: see ``is_ours`` and ``running``."""

    pid: int
    data_dir: Path
    started_at: datetime
    port: int
    socket_dir: Path
    listens: bool
    is_ready: bool

    @property
    def socket(self) -> Path:
        """The socket that the server made when it started."""
        return socket_file(self.socket_dir, self.port)


def read_pid_file(cluster: Path) -> PidFile | None:
    """What the server says of itself, or None if it says nothing whole.

    Raises WarehouseError if the cluster is another user's.
    """
    try:
        lines = (cluster / "data" / "postmaster.pid").read_text().splitlines()
        return PidFile(
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
        user_of(cluster)  # says whose it is
        raise


def running(cluster: Path) -> PidFile | None:
    """The cluster's server if it takes connections on its socket, else None.

    Raises WarehouseError if the cluster is another user's.
    """
    found = read_pid_file(cluster)
    if found is None or not found.is_ready or not is_ours(cluster, found.pid):
        return None
    return found if found.socket.exists() else None


def is_ours(cluster: Path, pid: int) -> bool:
    """Whether process ``pid`` lives and is this cluster's server, not a later process of that number.

    A server's folder is its data; that holds even when the state folder was moved under it.
    Raises WarehouseError if the cluster is another user's.
    """
    if not _is_alive(pid):
        return False
    data = str(cluster / "data")
    program, *arguments = _command_line(pid) or [""]
    if program.endswith("postgres") and data in arguments:
        return True
    same = ["/bin/sh", "-c", 'test "/proc/$1/cwd" -ef "$2"', "sh", str(pid), data]
    return run_as(user_of(cluster), same).returncode == 0


def clear_remains(cluster: Path) -> None:
    """Drop what a server that is no more left behind. The caller saw that none of ours runs.

    PostgreSQL copes with a dead process, but takes any living one of its number for its server.
    Raises WarehouseError if one runs after all that cannot be seen from here, as in another container.
    """
    data = cluster / "data"
    path = data / "postmaster.pid"
    found = read_pid_file(cluster)
    if found is None or found.data_dir != data:  # the latter of a moved or copied folder: its socket is not ours
        path.unlink(missing_ok=True)
        return
    if takes_connections(found.socket):
        raise WarehouseError(f"a server that cannot be seen from here runs on {cluster}; stop it there first")
    if _is_alive(found.pid):
        path.unlink(missing_ok=True)
    remove_socket_dir(found.socket_dir)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _command_line(pid: int) -> list[str]:
    """Program and arguments; empty if the process is gone or has none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        done = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True, check=False)
        return done.stdout.split()
