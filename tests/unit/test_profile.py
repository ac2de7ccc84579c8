"""A state belongs to the profile of its first run, whichever machine works on it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from vru import profile
from vru.commands.errors import exit_code
from vru.profile import ProfileError, bind, check
from vru.settings import settings
from vru.warehouse.engine import raw_connection
from vru.warehouse.migrate import migrate
from vru.warehouse.server.embedded import Server


@pytest.fixture(scope="module", autouse=True)
def warehouse(cluster: Server) -> Server:
    """A database that nobody has migrated."""
    return cluster


@pytest.fixture(autouse=True)
def unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said by the environment."""
    for name in ("VRU_PROFILE", "VRU_INBOX", profile.SANDBOX_URL):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """A state that no run has bound; a folder."""
    migrate()
    yield tmp_path
    connection = raw_connection()
    with connection, connection.cursor() as cursor:
        cursor.execute("delete from ops.state")
    connection.close()


def test_before_the_first_run_the_environment_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert profile.current() == "sandbox"
    monkeypatch.setenv("VRU_PROFILE", "files")
    assert profile.current() == "files"


def test_a_fresh_state_is_of_the_sandbox_unless_something_else_is_said(fresh: Path) -> None:
    assert profile.current() == "sandbox"
    assert bind(None) == "sandbox"


def test_an_inbox_or_a_file_means_files(fresh: Path) -> None:
    assert bind(None, fresh) == "files"
    assert profile.source().inbox == fresh


def test_a_file_means_files(fresh: Path) -> None:
    assert bind(None, has_file=True) == "files"
    assert profile.source().inbox is None


def test_the_first_profile_stays_and_another_is_refused(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bind("files", fresh)
    assert bind(None) == "files"
    with pytest.raises(ProfileError, match=r"belongs to profile 'files'.*--home") as refused:
        bind("sandbox")
    assert exit_code(refused.value) == 2
    monkeypatch.setenv("VRU_PROFILE", "live")
    with pytest.raises(ProfileError, match="belongs to profile 'files'"):
        bind(None)
    assert profile.current() == "files"
    assert profile.source().inbox == fresh, "the inbox is remembered"


@pytest.fixture
def shared() -> Iterator[str]:
    """The owner's URL of a server that is nobody's own."""
    home = Path(tempfile.mkdtemp(prefix="vt-"))
    server = Server(home).ensure()
    owner = server.owner_args("vru")
    yield f"postgresql://{owner['user']}:{owner['password']}@/vru?host={owner['host']}&port={owner['port']}"
    server.destroy()
    shutil.rmtree(home, ignore_errors=True)


def test_two_machines_with_one_database_agree(shared: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each has a state folder of its own, and nothing of the other's."""
    monkeypatch.setenv("VRU_DATABASE_URL", shared)
    monkeypatch.setenv("VRU_HOME", str(tmp_path / "one"))
    migrate()
    bind("files", tmp_path)
    monkeypatch.setenv("VRU_HOME", str(tmp_path / "two"))
    assert profile.current() == "files"
    assert profile.source().inbox == tmp_path
    with pytest.raises(
        ProfileError, match=r"database of VRU_DATABASE_URL belongs to profile 'files'; give another VRU_"
    ):
        bind("sandbox")
    assert not (tmp_path / "one").exists(), "it lies in the database"


def test_a_sandbox_has_no_inbox(fresh: Path) -> None:
    bind("sandbox")
    with pytest.raises(ProfileError, match="no inbox"):
        bind(None, fresh)


def test_what_does_not_exist_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VRU_HOME", str(tmp_path / "home"))
    with pytest.raises(ProfileError, match="sandbox, files, live"):
        check("moon")
    with pytest.raises(ProfileError, match="is no folder"):
        check(None, tmp_path / "none")
    assert not (tmp_path / "home").exists()


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
    assert not list(settings().run_dir.glob("*"))


def test_the_state_is_closed_to_others(fresh: Path) -> None:
    bind("sandbox")
    with profile.sandbox_running():
        pass
    for path in (settings().home, settings().logs_dir):
        assert not path.stat().st_mode & 0o077, path
