"""The landing store: whole contents under their sha256, or nothing."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import stat
import subprocess
import sys
import threading
import uuid
import zipfile
from pathlib import Path

import pytest
from vru.landing import Landing, LandingError

CONTENT = b"Month,Crime type\r\n2024-01,Robbery\r\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["folder", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("VRU_HOME", str(tmp_path / "home"))
    return str(tmp_path / "landing") if request.param == "folder" else f"memory://{uuid.uuid4().hex}"


def land(landing: Landing, content: bytes) -> str:
    with landing.receive() as receiver:
        receiver.write(content)
        return receiver.commit().sha256


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_content_is_found_under_its_sha256(root: str) -> None:
    landing = Landing(root)
    assert not landing.exists(SHA256)
    with landing.receive() as receiver:
        for at in range(0, len(CONTENT), 7):
            receiver.write(CONTENT[at : at + 7])
        landed = receiver.commit()
    assert (landed.sha256, landed.size_bytes) == (SHA256, len(CONTENT))
    assert landing.exists(SHA256)
    assert landing.size(SHA256) == len(CONTENT)
    with Landing(root).open(SHA256) as stream:
        assert stream.read() == CONTENT


def test_the_same_content_twice_is_one_file(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    assert land(landing, CONTENT) == land(landing, CONTENT) == SHA256
    assert files(tmp_path) == [tmp_path / SHA256[:2] / SHA256[2:4] / SHA256]


def test_a_content_that_was_cut_on_disk_is_put_right(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    land(landing, CONTENT)
    (path,) = files(tmp_path)
    path.chmod(0o600)
    path.write_bytes(CONTENT[:5])
    land(landing, CONTENT)
    assert path.read_bytes() == CONTENT


def test_leaving_without_commit_leaves_nothing(root: str, tmp_path: Path) -> None:
    landing = Landing(root)
    with landing.receive() as receiver:
        receiver.write(CONTENT)
    assert not landing.exists(SHA256)
    assert landing.remove_stale() == 0
    assert files(tmp_path) == []


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        landing = Landing(tmp_path / "a" / "landing")
        with landing.receive() as receiver:
            receiver.write(CONTENT)
            (partial,) = files(tmp_path)
            assert stat.S_IMODE(partial.stat().st_mode) == 0o600
            receiver.commit()
    finally:
        os.umask(before)
    (landed,) = files(tmp_path)
    assert stat.S_IMODE(landed.stat().st_mode) == 0o400
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_what_kill_9_leaves_is_ignored_and_removed(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom vru.landing import Landing\n"
        "with Landing(sys.argv[1]).receive() as receiver:\n"
        "    receiver.write(b'x' * 1_000_000)\n    print('writing', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"writing\n"
        landing = Landing(tmp_path)
        assert landing.remove_stale() == 0, "a file that is being written stays"
        child.send_signal(signal.SIGKILL)
    assert len(files(tmp_path)) == 1
    assert not landing.exists(hashlib.sha256(b"x" * 1_000_000).hexdigest())
    assert landing.remove_stale() == 1, "one that nobody will finish goes at once"
    assert files(tmp_path) == []


def test_one_who_tidies_up_takes_no_file_from_one_who_receives(tmp_path: Path) -> None:
    landing, other = Landing(tmp_path), Landing(tmp_path)
    done = threading.Event()

    def tidy() -> None:
        while not done.is_set():
            other.remove_stale()

    tidying = threading.Thread(target=tidy)
    tidying.start()
    try:
        for number in range(60):
            land(landing, b"%d" % number)
    finally:
        done.set()
        tidying.join()
    assert len(files(tmp_path)) == 60


def test_a_disk_that_refuses_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import resource, signal, sys\nfrom vru.landing import Landing\n"
        "landing = Landing(sys.argv[1])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try:\n"
        "    with landing.receive() as receiver:\n"
        "        for _ in range(100):\n            receiver.write(b'x' * 10_000)\n"
        "        receiver.commit()\n"
        "except OSError as error:\n    print(error.strerror)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n"
    assert files(tmp_path) == []


def test_a_name_that_is_no_sha256_is_refused(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    for name in ("../../etc/passwd", "", "A" * 64, SHA256 + "\n"):
        with pytest.raises(LandingError, match="64 hexadecimal"):
            landing.open(name)


def test_a_missing_content_says_what_to_do(root: str) -> None:
    with pytest.raises(LandingError, match=f"{SHA256} is not in the landing store"):
        Landing(root).open(SHA256)
    with pytest.raises(LandingError, match="is not in the landing store"):
        Landing(root).size(SHA256)


def archive(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as writing:
        writing.writestr("2024-01/2024-01-metropolitan-street.csv", content)
        writing.writestr("2024-01/other.csv", b"other")
    return target.getvalue()


def test_a_member_is_read_from_its_archive(root: str) -> None:
    landing = Landing(root)
    content = bytes(range(256)) * 5000
    container = land(landing, archive(content))
    with landing.open_member(container, "2024-01/2024-01-metropolitan-street.csv") as stream:
        assert stream.read(10) == content[:10]
        assert stream.read() == content[10:]
        stream.seek(0)
        assert hashlib.sha256(stream.read()).digest() == hashlib.sha256(content).digest()


def test_closing_a_member_closes_the_archive(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    container = land(landing, archive(CONTENT))
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0
    for _ in range(20):
        landing.open_member(container, "2024-01/other.csv").close()
        with pytest.raises(LandingError, match="no member of that name"):
            landing.open_member(container, "missing.csv")
    after = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0
    assert after == before


def test_a_damaged_member_is_noticed_at_its_end(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as writing:
        writing.writestr("a.csv", CONTENT)
    damaged = target.getvalue().replace(b"Robbery", b"robbery", 1)
    container = land(landing, damaged)
    with landing.open_member(container, "a.csv") as stream, pytest.raises(zipfile.BadZipFile, match="CRC"):
        stream.read()
    with pytest.raises(zipfile.BadZipFile):
        landing.open_member(land(landing, CONTENT), "a.csv")
