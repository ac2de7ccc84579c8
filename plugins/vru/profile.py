"""Where bytes come from: the sandbox, a folder of files, or the partners' public addresses.

A state folder belongs to the profile of its first run, so that synthetic and real figures never meet in it.
"""

from __future__ import annotations

import json
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

from vru.settings import private_dir, settings
from vru.warehouse.server.private_files import write_json

PROFILES = ("sandbox", "files", "live")
SANDBOX_URL = "VRU_SANDBOX_URL"
STARTUP_SECONDS = 30


class ProfileError(Exception):
    """A profile that does not fit the state folder, or does not work. The message says what to do."""


@dataclass(frozen=True)
class Source:
    """Where a run takes its bytes from: profile, the sandbox's address or the inbox folder."""

    profile: str
    base_url: str | None = None
    inbox: Path | None = None


def current() -> str:
    """The profile of this state folder: that of its first run, else of the environment, else the sandbox."""
    return _bound().get("profile") or settings().profile or "sandbox"


def bind(profile: str | None, inbox: Path | None = None, *, has_file: bool = False) -> str:
    """Settle the profile of this state folder, for ever; an inbox or a file means `files` in a fresh folder.

    Raises ProfileError if the folder belongs to another one.
    """
    if profile is not None and profile not in PROFILES:
        raise ProfileError(f"no profile '{profile}'; there are {', '.join(PROFILES)}")
    bound = _bound()
    wanted = profile or settings().profile
    home = settings().home
    if bound:
        if wanted and wanted != bound["profile"]:
            raise ProfileError(
                f"{home} belongs to profile '{bound['profile']}'; give another folder with --home for '{wanted}'"
            )
        if inbox and bound["profile"] == "sandbox":
            raise ProfileError(
                f"{home} belongs to profile '{bound['profile']}', which has no inbox; give another folder with --home"
            )
        chosen = bound["profile"]
    else:
        chosen = wanted or ("files" if inbox or has_file else "sandbox")
    if inbox and not inbox.is_dir():
        raise ProfileError(f"{inbox} is no folder; --inbox needs one with a sub-folder per feed")
    known = Path(bound["inbox"]) if bound.get("inbox") else None
    keep = inbox or settings().inbox or known
    settings().ensure_home()
    new = {"profile": chosen, **({"inbox": str(keep.resolve())} if keep else {})}
    if new != bound:
        write_json(settings().state_dir / "profile.json", new)
    return chosen


def source() -> Source:
    """Where bytes come from now. Raises ProfileError if the sandbox does not run."""
    profile = current()
    if profile == "sandbox":
        url = os.environ.get(SANDBOX_URL)
        if not url:
            raise ProfileError("the sandbox server does not run; start it with: vru sandbox serve")
        return Source(profile, base_url=url)
    inbox = _bound().get("inbox")
    return Source(profile, inbox=Path(inbox) if inbox else None)


@contextmanager
def sandbox_running() -> Iterator[str | None]:
    """The sandbox's address while its server runs, started here if no one else did; None in other profiles."""
    if current() != "sandbox":
        yield None
        return
    url = os.environ.get(SANDBOX_URL)
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


def _bound() -> dict[str, str]:
    path = settings().state_dir / "profile.json"
    if not path.exists():
        return {}
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found
