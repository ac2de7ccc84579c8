"""Where a server listens: its socket's private folder under a short path, and free TCP ports."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
from pathlib import Path

from vru.warehouse.errors import WarehouseError
from vru.warehouse.server.binaries import ServerUser

SOCKET_PATH_LIMIT = 100  # bytes; the kernel takes 107 for folder and file name together
PREFIX = "vru-"  # of the folders that were made for a socket alone


def socket_file(folder: Path, port: int) -> Path:
    """The socket in ``folder``, as PostgreSQL names it."""
    return folder / f".s.PGSQL.{port}"


def takes_connections(path: Path) -> bool:
    """Whether some process answers on the socket ``path``."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def make_socket_dir(cluster: Path, user: ServerUser) -> Path:
    """Return a folder of ``user``, mode 0700, for the socket under a short path.

    The cluster's own ``run`` folder where its path is short; else a new one in XDG_RUNTIME_DIR or in the
    temporary folder. The running server's own file says which it is, so nothing has to be guessed.
    Raises WarehouseError if no path is short enough.
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
        if parent.is_dir() and _is_short(parent / f"{PREFIX}12345678"):
            folder = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
            if not user.is_self:
                os.chown(folder, user.uid, user.gid)
            return folder
    raise WarehouseError("no folder with a short path was found for the server's socket; set TMPDIR to one")


def remove_socket_dir(folder: Path) -> None:
    """Delete ``folder`` if it was made for a socket alone; a cluster's own ``run`` folder stays."""
    if folder.name.startswith(PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def is_free(port: int) -> bool:
    """Whether a server could open ``port`` on 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nothing uses, below the range from which systems take their outgoing ones.

    Raises WarehouseError if none is found.
    """
    for _ in range(200):
        port = 20000 + secrets.randbelow(12000)
        if is_free(port):
            return port
    raise WarehouseError("no free TCP port was found between 20000 and 32000 on 127.0.0.1; close some programs")


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
