"""Which cluster a state folder has: where it lies, whose it is, and how the two know each other again.

The state folder keeps ``<home>/state/warehouse.json``: where its cluster is, the cluster's identity, its own
path when that was written, and the server's port. The cluster keeps a record, ``identity``: the same
identity and the path of its state folder. From the two follows whether a state folder was moved (its
cluster goes with it), copied (it gets a cluster of its own) or deleted (its cluster is set aside).

``home`` is always the real path of a state folder, as ``Server.home`` is. What changes anything is called
with the warehouse lock held.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from vru.warehouse.errors import WarehouseError
from vru.warehouse.server.binaries import ServerUser, can_enter, programs, run_as, server_user, system_root, user_by_id
from vru.warehouse.server.passwords import passwords_file
from vru.warehouse.server.private_files import read_json, write_json
from vru.warehouse.server.sockets import free_port

log = logging.getLogger(__name__)


# ---------------------------------------------------------------------- what the state folder remembers


def state_file(home: Path) -> Path:
    """Where a state folder remembers its cluster."""
    return home / "state" / "warehouse.json"


def read_state(home: Path) -> dict[str, Any]:
    """What the state folder remembers; empty if it has no cluster yet. Raises WarehouseError if it is damaged."""
    return read_json(state_file(home))


def update_state(home: Path, /, **changes: Any) -> None:
    """Remember ``changes`` beside what is known already. Raises WarehouseError if that is damaged."""
    write_json(state_file(home), {**read_state(home), **changes})


# ---------------------------------------------------------------------- where the cluster is


def cluster_dir(home: Path) -> Path | None:
    """The folder that holds this state folder's cluster, or None if it has none yet.

    Raises WarehouseError if the state is damaged.
    """
    state = read_state(home)
    if not state:
        return None
    if state["place"] == "home":
        return home / "postgres"
    cluster = Path(state["place"])
    # A copied state folder must not use the cluster of the one it was copied from; a moved one may.
    if state["home"] != str(home) and Path(state["home"]).exists():
        return None
    return cluster if _record(cluster)[0] == state["identity"] else None


def is_made(cluster: Path) -> bool:
    """Whether ``initdb`` has done its work there."""
    return (cluster / "data" / "PG_VERSION").is_file()


def user_of(cluster: Path) -> ServerUser:
    """The owner of the cluster; whoever it is runs the server, also when root gives the command.

    Raises WarehouseError if we are neither that user nor root.
    """
    owner = cluster.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise WarehouseError(
            f"the database in {cluster} belongs to user {user_by_id(owner).name}; "
            "run as that user, or choose another state folder with VRU_HOME"
        )
    return user_by_id(owner)


def choose_cluster_dir(home: Path) -> Path:
    """Return the folder for the cluster, owned by the server's user, mode 0700, and remember it.

    It is empty, unless a cluster stands there whose passwords we still have: that one is taken up again.
    Raises WarehouseError if its passwords are gone, or if no place for it can be had.
    """
    user = server_user()
    identity = secrets.token_hex(8)
    is_inside = can_enter(user, home)
    cluster = home / "postgres" if is_inside else _place_outside(home, identity)
    is_old = is_made(cluster)
    if is_old and passwords_file(home).exists():
        identity = _record(cluster)[0] or identity
    elif is_old and is_inside:
        raise WarehouseError(
            f"{cluster} holds a database but its passwords are gone; restore {passwords_file(home)} "
            "from a backup, or delete that folder to begin again"
        )
    else:
        if not is_inside:
            _set_aside(cluster)
        passwords_file(home).unlink(missing_ok=True)
    cluster.mkdir(mode=0o700, exist_ok=True)
    if not user.is_self and cluster.stat().st_uid == os.geteuid():  # just made
        os.chown(cluster, user.uid, user.gid)
    _write_record(user, cluster, identity, home)
    write_json(
        state_file(home),
        {
            "identity": identity,
            "place": "home" if is_inside else str(cluster),
            "home": str(home),
            "port": free_port(),
            "listen": False,
        },
    )
    if not is_inside and not is_old:
        log.warning("%s may not enter %s, so its database is kept in %s", user.name, home, cluster)
    return cluster


def follow_move(home: Path, cluster: Path) -> None:
    """Where the state folder was moved, say so in its state and in the record of its cluster.

    Raises WarehouseError if the cluster is another user's.
    """
    state = read_state(home)
    if state["home"] != str(home):
        _write_record(user_of(cluster), cluster, state["identity"], home)
        update_state(home, home=str(home))


def write_as(user: ServerUser, path: Path, text: str) -> None:
    """Write a new file, mode 0600, that belongs to ``user``. Raises FileExistsError if it stands already."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        if not user.is_self:
            os.fchown(file.fileno(), user.uid, user.gid)
        file.write(text)


def _place_outside(home: Path, identity: str) -> Path:
    """The folder under root's own for a state folder that the server's user cannot enter."""
    cluster = system_root() / hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    if _record(cluster)[1] not in ("", str(home)):  # of a folder that was here and moved away
        return cluster.with_name(f"{cluster.name}-{identity}")
    return cluster


def _record(cluster: Path) -> tuple[str, str]:
    """Return a cluster's identity and the state folder it belongs to; empty texts if it has no record."""
    try:
        identity, home = (cluster / "identity").read_text().split("\n", 1)
    except (OSError, ValueError):
        return "", ""
    return identity, home.removesuffix("\n")


def _write_record(user: ServerUser, cluster: Path, identity: str, home: Path) -> None:
    (cluster / "identity").unlink(missing_ok=True)
    write_as(user, cluster / "identity", f"{identity}\n{home}\n")


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
