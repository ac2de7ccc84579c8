"""One prepared state folder for all kills, and what it looks like after a run that nobody killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.kills import picture
from tests.faults.kills.picture import Picture
from tests.faults.kills.state import State, state_folder


@pytest.fixture(scope="session")
def prepared() -> Iterator[State]:
    """The state folder with the marts of an earlier day in use."""
    with state_folder() as state:
        yield state


@pytest.fixture(scope="session")
def never_killed(prepared: State) -> Picture:
    """The picture after a run that nobody killed."""
    prepared.put_back()
    prepared.run()
    return picture.taken(prepared)


@pytest.fixture
def state(prepared: State, never_killed: Picture) -> Iterator[State]:
    """The state folder before the run that is killed."""
    prepared.put_back()
    yield prepared
    prepared.close()
