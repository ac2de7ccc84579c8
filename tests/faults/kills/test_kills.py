"""`kill -9` of `vru run`, and of PostgreSQL under it, in every stage; running again ends as if nothing had been killed."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.faults.kills import picture
from tests.faults.kills.picture import Picture
from tests.faults.kills.places import OF_SERVER, PLACES, Place
from tests.faults.kills.state import BEFORE, WAIT_SECONDS, State, family, until

pytestmark = pytest.mark.timeout(900)
NEW_BATCHES = (
    "select status || case when status = 'parsed' and audited_at is not null then ' audited' else '' end "
    "from ops.batch where batch_id > %s order by 1"
)
BUILDS, STANDING = len(BEFORE), 4
"""Builds and batches of the days before."""
GONE_SECONDS = 30
"""Within which the server notices that a session's client is dead, though its statement waits for a lock."""


def test_there_are_five_places_in_each_stage() -> None:
    stages = ("fetch", "parse", "audit", "admit", "build", "swap")
    assert [sum(place.stage == stage for place in PLACES) for stage in stages] == [5] * 6
    assert len(OF_SERVER) == 10
    assert len({str(place) for place in PLACES}) == len(PLACES)


@pytest.mark.deep
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_run_that_is_killed_and_run_again(place: Place, state: State, never_killed: Picture) -> None:
    before = state.mart_hash()
    with place.hold(state) as seen:
        run = state.start()
        try:
            assert_there(place, state, until(lambda: seen() or ended(run, state), f"stopped in {place}"))
        finally:
            run.kill()
            run.wait()
        until(lambda: not family(run), "its children end with it", GONE_SECONDS)
        until(lambda: not state.sessions(), "its sessions end with it, whatever they wait for", GONE_SECONDS)
    assert state.mart_hash() == before, "readers still see the marts of before"

    assert_as_never_killed(state, never_killed)


@pytest.mark.deep
@pytest.mark.parametrize("place", OF_SERVER, ids=str)
def test_postgresql_is_killed_under_a_run_and_it_is_run_again(
    place: Place, state: State, never_killed: Picture
) -> None:
    with place.hold(state) as seen:
        run = state.start()
        try:
            assert_there(place, state, until(lambda: seen() or ended(run, state), f"stopped in {place}"))
            pid = state.server.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            code = run.wait(WAIT_SECONDS)
        finally:
            run.kill()
            run.wait()
    assert code == 3, f"something broke, and it says so: {state.said()}"
    assert not family(run)

    assert_as_never_killed(state, never_killed)


def assert_there(place: Place, state: State, waiting: tuple[str, str]) -> None:
    """The run stands in its stage, as the ledger and pg_stat_activity say."""
    session, statement = waiting
    assert session == place.session
    assert statement.strip().lower().startswith(place.statement), statement
    assert [status for (status,) in state.rows(NEW_BATCHES, STANDING)] == list(place.batches)
    builds = state.rows("select build_id, status from ops.build where build_id > %s", BUILDS)
    done = state.rows(
        "select node from ops.model_run where build_id > %s and status = 'success' and node ~ '^(domain|audit)'", BUILDS
    )
    assert builds == ([] if place.steps is None else [(BUILDS + 1, "running")])
    assert sorted(node for (node,) in done) == sorted(place.steps or ())


def assert_as_never_killed(state: State, never_killed: Picture) -> None:
    """Running again leaves nothing behind, and everything as it would be."""
    state.run()
    assert picture.left(state) == {}
    assert picture.difference(picture.taken(state), never_killed) == {}


def ended(run: subprocess.Popen[bytes], state: State) -> None:
    """Nothing, unless the run has ended by itself, which proves nothing."""
    assert run.poll() is None, f"the run ended before it was killed: {state.said()}"
