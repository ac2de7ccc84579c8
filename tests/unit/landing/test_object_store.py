"""Landing in an object store: whole contents under their sha256, or nothing, over the store's own protocol."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from upath import UPath
from vru import files
from vru.landing import Landing, LandingError
from vru.settings import place

from tests.object_store import ObjectStore, running

PARTS = 3 * files.BLOCK_BYTES + 1
"""Bytes that are put in several parts."""


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    with running() as store:
        yield store


@pytest.fixture
def store(server: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """The store, empty, seen from a machine with a fresh state folder."""
    monkeypatch.setenv("VRU_HOME", str(tmp_path / "home"))
    yield server
    for key in server.objects():
        server.client.delete_object(Bucket="vru", Key=key)


@pytest.fixture
def landing(store: ObjectStore) -> Landing:
    return Landing("s3://vru/landing")


def land(landing: Landing, content: bytes) -> str:
    with landing.receive() as receiver:
        receiver.write(content)
        return receiver.commit().sha256


def key(content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    return f"landing/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def scratch(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [0, 1000, PARTS], ids=["empty", "one put", "in parts"])
def test_a_content_is_found_under_its_sha256(size: int, landing: Landing, store: ObjectStore, tmp_path: Path) -> None:
    content = os.urandom(size)
    sha256 = land(landing, content)
    assert store.objects() == {key(content): size}
    assert scratch(tmp_path) == []
    assert Landing("s3://vru/landing").exists(sha256)
    assert landing.size(sha256) == size
    with landing.open(sha256) as stream:
        assert stream.read() == content
    with pytest.raises(LandingError, match="is not in the landing store"):
        landing.open("0" * 64)


def test_a_member_is_read_from_its_archive(landing: Landing) -> None:
    target, content = io.BytesIO(), os.urandom(300_000)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as writing:
        writing.writestr("a.csv", content)
        writing.writestr("b.csv", b"other")
    with landing.open_member(land(landing, target.getvalue()), "a.csv") as stream:
        assert stream.read() == content


@pytest.mark.parametrize("size", [1000, PARTS], ids=["one put", "in parts"])
def test_two_who_land_the_same_bytes_agree(
    size: int, landing: Landing, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second asks whether it is there, the first puts it, the second puts it."""
    content = os.urandom(size)
    first, second = landing.receive(), Landing("s3://vru/landing").receive()
    with first, second:
        first.write(content)
        second.write(content)
        landed = first.commit()
        before = store.client.head_object(Bucket="vru", Key=key(content))["LastModified"]
        with monkeypatch.context() as a_moment_before:
            a_moment_before.setattr(type(place("s3://vru/x")), "exists", lambda _: False)
            assert second.commit() == landed
    assert store.objects() == {key(content): size}
    assert store.client.head_object(Bucket="vru", Key=key(content))["LastModified"] == before, "it was put once"
    assert store.uploads() == 0


def test_what_has_a_name_never_changes(store: ObjectStore, tmp_path: Path) -> None:
    for name, data in (("first", b"1"), ("second", b"2")):
        (tmp_path / name).write_bytes(data)
    target = place("s3://vru/landing/x")
    files.add(tmp_path / "first", target)
    with pytest.raises(FileExistsError):
        files.add(tmp_path / "second", target)
    assert target.read_bytes() == b"1"
    assert (tmp_path / "second").exists()


KILLED = """
import sys
from vru.landing import Landing
with Landing("s3://vru/landing").receive() as receiver:
    for _ in range(8):
        receiver.write(bytes(4 << 20))
    print("received", flush=True)
    sys.stdin.readline()
    receiver.commit()
"""


@pytest.mark.parametrize("when", ["while it receives", "while it puts"])
def test_what_kill_9_leaves_is_no_object(when: str, landing: Landing, store: ObjectStore, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"received\n"
        if when == "while it puts":
            child.stdin.write(b"\n")
            child.stdin.flush()
            deadline = time.monotonic() + 30
            while not store.uploads():
                assert time.monotonic() < deadline
        assert landing.remove_stale() == 0, "what is being received stays"
        child.send_signal(signal.SIGKILL)
    assert store.objects() == {}
    assert store.uploads() == (when == "while it puts"), "parts that a rule of the bucket ends; nobody can read them"
    assert landing.remove_stale() == 1
    assert scratch(tmp_path) == []
    assert land(landing, bytes(32 << 20)), "the next one lands it"
    assert len(store.objects()) == 1


def test_a_report_is_replaced_whole(store: ObjectStore) -> None:
    reports = place("s3://vru/reports")
    assert isinstance(reports, UPath)
    path = reports / "quality-2024-01.html"
    for page in (b"<p>first</p>", b"<p>and longer</p>"):
        files.write(path, page)
        assert path.read_bytes() == page
    assert str(path) == "s3://vru/reports/quality-2024-01.html"
    assert store.objects() == {"reports/quality-2024-01.html": len(page)}
