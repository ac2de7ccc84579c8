"""A build that was killed in one of its steps holds the next one up for no longer than the server needs to notice."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
from vru.transform import lease
from vru.warehouse.engine import raw_connection

from tests.faults.kills.state import State
from tests.faults.platform import environment

pytestmark = pytest.mark.deep


def test_a_lease_ends_with_the_session_that_works_under_it(prepared: State) -> None:
    prepared.put_back()
    with environment({"VRU_HOME": str(prepared.home), "VRU_DATABASE_URL": None}):
        killed = raw_connection("transformer")
        lease.take(killed, "marts_build")
        killed.close()
        started = time.monotonic()
        with closing(raw_connection("transformer")) as other:
            owner = lease.take(other, "marts_build")
            assert time.monotonic() - started < lease.DEAD_SECONDS / 2
            assert lease.is_held(other, "marts_build", owner)


def test_a_lease_between_two_steps_outlives_its_session(prepared: State) -> None:
    prepared.put_back()
    with environment({"VRU_HOME": str(prepared.home), "VRU_DATABASE_URL": None}):
        with closing(raw_connection("transformer")) as first:
            lease.hand_over(first, "marts_build", lease.take(first, "marts_build"), "build 3")
        with closing(raw_connection("transformer")) as other:
            waiting = threading.Thread(target=lease.take, args=(other, "marts_build"), daemon=True)
            waiting.start()
            waiting.join(3)
            assert waiting.is_alive()
            assert prepared.rows("select owner from ops.lease") == [("build 3",)]
            with closing(raw_connection("transformer")) as first:
                lease.release(first, "marts_build", "build 3")
            waiting.join(20)
            assert not waiting.is_alive()
