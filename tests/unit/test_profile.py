"""A state folder belongs to the profile of its first run."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from vru import profile
from vru.profile import ProfileError, bind


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh state folder and nothing said by the environment."""
    for name in ("VRU_PROFILE", "VRU_INBOX", profile.SANDBOX_URL):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VRU_HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_fresh_folder_is_of_the_sandbox_unless_something_else_is_said(fresh: Path) -> None:
    assert profile.current() == "sandbox"
    assert bind(None) == "sandbox"


def test_an_inbox_or_a_file_means_files(fresh: Path) -> None:
    assert bind(None, fresh) == "files"
    assert profile.source().inbox == fresh


def test_a_file_means_files(fresh: Path) -> None:
    assert bind(None, has_file=True) == "files"


def test_the_first_profile_stays_and_another_is_refused(fresh: Path) -> None:
    bind("files", fresh)
    assert bind(None) == "files"
    with pytest.raises(ProfileError, match=r"belongs to profile 'files'.*--home"):
        bind("sandbox")
    assert profile.source().inbox == fresh, "the inbox is remembered"


def test_a_sandbox_has_no_inbox(fresh: Path) -> None:
    bind("sandbox")
    with pytest.raises(ProfileError, match="no inbox"):
        bind(None, fresh)


def test_what_does_not_exist_is_refused(fresh: Path) -> None:
    with pytest.raises(ProfileError, match="sandbox, files, live"):
        bind("moon")
    with pytest.raises(ProfileError, match="is no folder"):
        bind(None, fresh / "none")


def test_the_sandbox_runs_while_it_is_needed_and_ends_with_it(fresh: Path) -> None:
    bind("sandbox")
    with profile.sandbox_running() as url:
        assert profile.source().base_url == url
        with profile.sandbox_running() as again:
            assert again == url, "a second one uses the first"
    with pytest.raises(ProfileError, match="does not run"):
        profile.source()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_the_sandbox_ends_with_a_command_that_is_killed(fresh: Path) -> None:
    program = (
        "import time\nfrom vru import profile\nprofile.bind('sandbox')\n"
        "with profile.sandbox_running() as url:\n    print(url, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as command:
        assert command.stdout is not None
        port = int(command.stdout.readline().decode().strip().rpartition(":")[2])
        assert listens(port)
        command.kill()
    deadline = time.monotonic() + 30
    while listens(port):
        assert time.monotonic() < deadline
    assert not list((fresh / "home" / "run").glob("*"))


def test_the_state_is_closed_to_others(fresh: Path) -> None:
    bind("sandbox")
    for path in (fresh / "home").rglob("*"):
        assert not path.stat().st_mode & 0o077, path
