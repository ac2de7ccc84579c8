"""Where bytes come from: the sandbox, a folder of files, or the partners' public addresses.

A state belongs to the profile of its first run, so that synthetic and real figures never meet in it. The profile lies
in the database with the data, so that every machine that works on the state agrees.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg2.errors import UndefinedTable

from vru.settings import PROFILES, private_dir, settings
from vru.warehouse.engine import raw_connection, server

SANDBOX_URL = "VRU_SANDBOX_URL"
STARTUP_SECONDS = 30


class ProfileError(Exception):
    """A profile that does not fit the state, or does not work. The message says what to do."""


@dataclass(frozen=True)
class Source:
    """Where a run takes its bytes from: profile, the sandbox's address or the inbox folder."""

    profile: str
    base_url: str | None = None
    inbox: Path | None = None


def current() -> str:
    """The profile of this state: that of its first run, else of the environment, else the sandbox."""
    return (_bound() or (settings().profile or "sandbox", None))[0]


def bound() -> str | None:
    """The profile of this state's first run; None where there was none yet. Makes no server and no table."""
    if settings().database_url is None and not server().status().is_created:
        return None
    found = _bound()
    return found[0] if found else None


def bind(profile: str | None, inbox: Path | None = None, *, has_file: bool = False) -> str:
    """Settle the profile of this state, for ever; an inbox or a file means `files` in a fresh one.

    The database has been migrated. Raises ProfileError if the state belongs to another profile.
    """
    check(profile, inbox)
    wanted = profile or settings().profile
    bound = _bound() or _first(wanted or ("files" if inbox or has_file else "sandbox"))
    if wanted and wanted != bound[0]:
        raise ProfileError(f"{_belongs(bound[0])}; {_another()} for '{wanted}'")
    if inbox and bound[0] == "sandbox":
        raise ProfileError(f"{_belongs(bound[0])}, which has no inbox; {_another()}")
    keep = inbox or settings().inbox
    if keep and str(keep.resolve()) != bound[1]:
        _query("update ops.state set inbox = %s returning profile, inbox", str(keep.resolve()))
    return bound[0]


def check(profile: str | None, inbox: Path | None = None) -> None:
    """Raise ProfileError if there is no such profile or folder, before anything is made."""
    if profile is not None and profile not in PROFILES:
        raise ProfileError(f"no profile '{profile}'; there are {', '.join(PROFILES)}")
    if inbox and not inbox.is_dir():
        raise ProfileError(f"{inbox} is no folder; --inbox needs one with a sub-folder per feed")


def source() -> Source:
    """Where bytes come from now. Raises ProfileError if the sandbox does not run."""
    profile = current()
    if profile == "sandbox":
        url = settings().sandbox_url
        if not url:
            raise ProfileError("the sandbox server does not run; start it with: vru sandbox serve")
        return Source(profile, base_url=url)
    inbox = (_bound() or (profile, None))[1]
    return Source(profile, inbox=Path(inbox) if inbox else None)


@contextmanager
def sandbox_running() -> Iterator[str | None]:
    """The sandbox's address while its server runs, started here if no one else did; None in other profiles."""
    if current() != "sandbox":
        yield None
        return
    url = settings().sandbox_url
    if url and _answers(url):
        yield url
        return
    home = settings().ensure_home()
    command = [sys.executable, "-m", "vru.sandbox", "serve", "--state", str(home / "sandbox"), "--port", "0"]
    with (private_dir(home / "logs") / "sandbox.log").open("ab") as log:
        server = subprocess.Popen(
            [*command, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
    with server:
        try:
            os.environ[SANDBOX_URL] = url = _address(server)
            yield url
        finally:
            os.environ.pop(SANDBOX_URL, None)
            server.terminate()


def _address(server: subprocess.Popen[bytes]) -> str:
    """What the server says first: its address."""
    ready, _, _ = select.select([server.stdout], [], [], STARTUP_SECONDS)
    words = server.stdout.readline().decode().split() if ready and server.stdout else []
    if not words:
        raise ProfileError(f"the sandbox server did not start; see {settings().logs_dir / 'sandbox.log'}")
    return words[-1]


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - a loopback address of our own
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _bound() -> tuple[str, str | None] | None:
    """Profile and inbox of the state; None where no run has bound it yet."""
    return _query("select profile, inbox from ops.state")


def _first(profile: str) -> tuple[str, str | None]:
    """Bind the state, unless another process did at this moment; profile and inbox."""
    found = _query(
        "insert into ops.state (profile) values (%s) on conflict (is_only) do update set is_only = true "
        "returning profile, inbox",
        profile,
    )
    if found is None:
        raise ProfileError("the database has no tables of the platform; make them with: vru build")
    return found


def _query(query: str, *values: str) -> tuple[str, str | None] | None:
    """One row of `ops.state`; None where there is none, or no such table yet."""
    connection = raw_connection("loader", name="profile")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query, values or None)
            row = cursor.fetchone()
    except UndefinedTable:
        return None
    finally:
        connection.close()
    return (row[0], row[1]) if row else None


def _belongs(profile: str) -> str:
    where = settings().home if settings().database_url is None else "the database of VRU_DATABASE_URL"
    return f"{where} belongs to profile '{profile}'"


def _another() -> str:
    return "give another folder with --home" if settings().database_url is None else "give another VRU_DATABASE_URL"
