"""`vru run` killed while it loads, and run again, ends in the marts of a run that was never killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.e2e.conftest import VRU, Home
from tests.e2e.inboxes import fill


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic inbox."""
    return fill(tmp_path_factory.mktemp("inbox"), date(2022, 10, 15))


def mart_hash(home: Home) -> str:
    """The hash of every mart of a state folder."""
    program = "from vru.transform import mart_hash; print(mart_hash('marts'))"
    done = subprocess.run(
        [str(VRU.with_name("python")), "-c", program], env=home.variables, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_killed_while_it_loads_and_run_again(new_home: Callable[[], Home], inbox: Path) -> None:
    clean = new_home()
    clean("run", "--profile", "files", "--inbox", inbox)
    batches = clean.sql("select sha256, status, rows_admitted from ops.batch order by 1")

    killed = new_home()
    killed("db", "up")
    process = subprocess.Popen(
        [str(VRU), "run", "--profile", "files", "--inbox", str(inbox)], env=killed.variables, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    loading: list[tuple[object, ...]] = []
    while time.monotonic() < deadline and process.poll() is None and not loading:
        loading = killed.sql("select 1 from ops.batch where status = 'parsed' limit 1")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert loading, "the run was never seen loading"
    begun = killed.sql("select count(*) from ops.batch where status = 'admitted'")[0][0]
    assert begun < len(batches), "the kill came too late to prove anything"

    killed("run")
    assert killed.sql("select sha256, status, rows_admitted from ops.batch order by 1") == batches
    assert mart_hash(killed) == mart_hash(clean)
    assert [p for p in (killed.path / "landing" / "tmp").glob("*") if p.is_file()] == []
    assert killed.sql("select count(*) from ops.lease") == [(0,)]
