"""A feed as `vru new-feed` writes it, on a copy of the checkout: it runs in every profile, and every test takes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Home
from tests.scratch import Scratch, scratch

FEED = "shelter_visits"
PICKED_UP_BY = {
    "tests/contract/test_contracts.py", "tests/contract/test_gate_columns.py", "tests/contract/test_suites.py",
    "tests/faults/test_bad_input.py", "tests/faults/test_bounded_memory.py", "tests/faults/test_derived.py",
    "tests/faults/test_late.py", "tests/faults/test_restated.py", "tests/faults/test_same_again.py",
    "tests/faults/test_volume.py", "tests/unit/quality/test_any_order.py", "tests/unit/quality/test_every_check.py",
}  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A copy of the checkout with one feed more."""
    copy = scratch(tmp_path_factory.mktemp("checkout"), with_tests=True)
    done = copy.run("vru", "new-feed", FEED, home=tmp_path_factory.mktemp("home"))
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


@pytest.fixture
def home(new_home: Callable[..., Home]) -> Iterator[Home]:
    """A migrated state folder that belongs to no profile yet."""
    found = new_home()
    yield found
    found.destroy()


@pytest.fixture(scope="module")
def inbox(checkout: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of deliveries with one of the new feed, under a name that its contract knows."""
    folder = tmp_path_factory.mktemp("inbox")
    (folder / FEED).mkdir()
    shutil.copy(checkout.folder / "tests" / "fixtures" / FEED / "sample.csv", folder / FEED / f"{FEED}_2022-02.csv")
    return folder


def said(checkout: Scratch, home: Home, *arguments: str | Path, **more: str) -> str:
    """What `vru` of the copy says; it must end well."""
    done = checkout.run("vru", *arguments, home=home.path, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def came(home: Home) -> tuple[list[tuple[str, str]], list[tuple[str, int]]]:
    """Outcome and reason of every attempt, status and rows of every batch."""
    attempts = home.sql(
        "select outcome, split_part(reason, ':', 1) from ops.attempt where feed = %s order by attempt_id", FEED
    )
    return attempts, home.sql("select status, rows_admitted from ops.batch where feed = %s", FEED)


@pytest.mark.deep
def test_in_the_sandbox_nothing_is_due(checkout: Scratch, home: Home) -> None:
    """Nobody puts a file into a folder there: no error, and the run ends well."""
    said(checkout, home, "run", "--feed", FEED)
    assert came(home) == ([("not_yet", "no_inbox")], [])


@pytest.mark.parametrize("profile", ["files", pytest.param("live", marks=pytest.mark.deep)])
def test_from_an_inbox_it_is_loaded(profile: str, checkout: Scratch, home: Home, inbox: Path) -> None:
    for _ in range(2):
        said(checkout, home, "ingest", FEED, VRU_PROFILE=profile, VRU_INBOX=str(inbox))
        attempts, batches = came(home)
        assert batches == [("admitted", 200)]
    assert [outcome for outcome, _ in attempts] == ["new", "unchanged"]


def test_live_without_an_inbox_has_nothing_due(checkout: Scratch, home: Home) -> None:
    said(checkout, home, "ingest", FEED, VRU_PROFILE="live")
    assert came(home) == ([("not_yet", "no_inbox")], [])


def test_every_kind_of_test_takes_it_by_itself(checkout: Scratch) -> None:
    done = checkout.run("pytest", "--collect-only", "--assert=plain", "-q", "-k", FEED, "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(line.split(": ") for line in done.stdout.splitlines() if line.startswith("tests/"))
    assert set(counts) >= PICKED_UP_BY
    assert int(counts["tests/faults/test_bad_input.py"]) >= 100


@pytest.mark.deep
@pytest.mark.timeout(1500)
def test_it_passes_all_of_them(checkout: Scratch) -> None:
    """As `vru new-feed` wrote it, nothing filled in."""
    done = checkout.run("pytest", "-q", "-k", FEED, "tests", seconds=1400)
    assert done.returncode == 0, done.stdout + done.stderr
