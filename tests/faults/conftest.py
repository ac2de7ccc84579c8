"""One warehouse for the whole folder, with earlier files of every feed standing in it, and the synthetic partners."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from vru.sandbox import SandboxServer, configure

from tests import ready
from tests.faults.feeds import SERVED, SUBJECTS, RawRow
from tests.faults.platform import Platform, environment, ledger, raw_tables


@pytest.fixture(scope="session")
def fault_home() -> Iterator[Path]:
    """The state folder of this folder's tests, migrated; the environment names it only while one of them runs."""
    from vru.warehouse.engine import dispose
    from vru.warehouse.server.embedded import Server

    home = Path(tempfile.mkdtemp(prefix="vf-"))
    ready.put("migrated", home, ready.migrated)
    with environment({"VRU_HOME": str(home), "VRU_DATABASE_URL": None}):
        server = Server(home).ensure()
    yield home
    with environment({"VRU_HOME": str(home), "VRU_DATABASE_URL": None}):
        ledger().close()
        ledger.cache_clear()
        dispose()
        server.destroy()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def settled() -> dict[str, int]:
    """The newest ids of what stands; filled by the first test."""
    return {}


@pytest.fixture
def platform(
    fault_home: Path,
    settled: dict[str, int],
    running_sandbox: SandboxServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> Iterator[Platform]:
    """The platform with the earlier files of every feed admitted; what the test adds is gone afterwards."""
    variables = {"VRU_HOME": str(fault_home), "VRU_DATABASE_URL": None, "VRU_PROFILE": "files", "VRU_INBOX": None}
    with environment(variables):
        found = Platform(fault_home, tmp_path, capsys, caplog, settled)
        if not settled:
            settle(found, running_sandbox)
            settled.update(found.marks)
        found.noted = request.node.user_properties
        yield found
        found.forget()


def settle(platform: Platform, sandbox: SandboxServer) -> None:
    """Let the earlier files in, and the layers of areas that no test is about."""
    for feed in SUBJECTS:
        for delivery in feed.earlier(feed):
            answer = platform.deliver(feed, delivery)
            assert answer.exit_code == 0, answer.message
            assert answer.batch["status"] == "admitted"
    for feed in SERVED:
        if feed.partner is None or not (partner := feed.partner(sandbox)).others:
            continue
        partner.serves(feed.earlier(feed)[0].content, vintage=partner.others_vintage)
        answer = platform.fetch(feed, sandbox.url)
        assert {batch["status"] for batch in answer.batches} == {"admitted"}, answer.message
    sandbox.clear_faults()
    sandbox.clear_requests()
    with ledger().cursor() as cursor:
        for table in raw_tables():  # the planner then takes a new batch for a row or two, as in a warehouse in use
            cursor.execute(f"analyze raw.{table}")
    platform.mark()


@pytest.fixture(scope="session")
def clean_rows() -> dict[str, list[RawRow]]:
    """Raw rows of the clean file of each feed, as Python's csv module reads it, without their lines."""
    return {feed.label: without_lines(feed.raw_rows(feed.clean)) for feed in SUBJECTS}


def without_lines(rows: list[RawRow]) -> list[RawRow]:
    """The rows without their place in the file."""
    return [{name: value for name, value in row.items() if name not in ("line_number", "part")} for row in rows]


@pytest.fixture(scope="session")
def sandbox_folder() -> Iterator[Path]:
    """The state folder of the synthetic partners."""
    folder = Path(tempfile.mkdtemp(prefix="vs-"))
    configure(folder, today=date(2022, 11, 15))  # the archive of August 2022 is the newest
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def running_sandbox(sandbox_folder: Path) -> Iterator[SandboxServer]:
    """The synthetic partners."""
    with SandboxServer(sandbox_folder) as server:
        yield server


@pytest.fixture
def sandbox(running_sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The synthetic partners, healthy at the start of every test."""
    running_sandbox.clear_faults()
    running_sandbox.clear_requests()
    yield running_sandbox
    running_sandbox.clear_faults()


SHARE, SHARE_OF_STORIES = 0.06, 0.3
"""Of the table, and of the cases of a story, that `make test` runs; all of them run in `make test-faults`."""
SEED = 20181104
STORIES = ("test_same_again.py", "test_restated.py", "test_late.py", "test_volume.py", "test_members.py")
RECOVERABLE_PCT = 99
"""Of the inputs that can be loaded must be, exactly: quarantining everything must not pass."""
OUTCOMES = {
    "admitted": "accepted", "held": "held", "rejected": "rejected", "refused": "refused", "failed": "failed",
    "unchanged": "known already", "not_modified": "not modified", "not_yet": "not there yet", "nothing": "without effect",
}  # fmt: skip
"""Of a file, and of an attempt that brought none."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as deep what is not in the seeded share: at least one case of each row, feed and story is."""
    draw = random.Random(SEED)
    told = [item for item in items if item.path.name in STORIES and hasattr(item, "callspec")]
    draw.shuffle(told)
    stories: set[str] = set()
    for item in told:
        story = item.nodeid.partition("[")[0]
        if story in stories and draw.random() >= SHARE_OF_STORIES:
            item.add_marker(pytest.mark.deep)
        stories.add(story)
    table = [item for item in items if item.path.name == "test_bad_input.py" and hasattr(item, "callspec")]
    draw.shuffle(table)
    rows: set[int] = set()
    feeds: set[str] = set()
    for item in table:
        drawn: Mapping[str, Any] = getattr(item, "callspec").params  # noqa: B009 - not every item has one
        case, feed = drawn["case"], drawn["feed"]
        is_wanted = draw.random() < SHARE or case.row not in rows or feed.label not in feeds
        if is_wanted and not case.is_deep:
            rows.add(case.row)
            feeds.add(feed.label)
        else:
            item.add_marker(pytest.mark.deep)


def _reports(config: pytest.Config) -> list[pytest.TestReport]:
    """Of the tests that brought files; with xdist the controller has those of all workers."""
    stats: dict[str, list[Any]] = getattr(config.pluginmanager.get_plugin("terminalreporter"), "stats", {})
    found = [report for outcome in ("passed", "failed") for report in stats.get(outcome, [])]
    return [report for report in found if report.when == "call" and "came" in dict(report.user_properties)]


def _recovered(reports: list[pytest.TestReport]) -> tuple[int, int]:
    """How many of the recoverable inputs loaded exactly, and how many there were."""
    found = [report for report in reports if ("recoverable", True) in report.user_properties]
    return sum(report.passed for report in found), len(found)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The run fails where too few of the recoverable inputs loaded."""
    good, count = _recovered(_reports(session.config))
    if good * 100 < RECOVERABLE_PCT * count:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What came of the files, how many cases ended as the table expects, and the acceptance rate."""
    reports = _reports(terminalreporter.config)
    if not reports:
        return
    came = Counter(value for report in reports for name, value in report.user_properties if name == "came")
    terminalreporter.write_line(
        f"files brought: {', '.join(f'{came[outcome]} {word}' for outcome, word in OUTCOMES.items() if came[outcome])}; "
        f"cases as expected: {sum(report.passed for report in reports)} of {len(reports)}"
    )
    good, count = _recovered(reports)
    if count:
        terminalreporter.write_line(
            f"recoverable inputs: {good} of {count} loaded exactly ({100 * good / count:.1f} %, "
            f"{RECOVERABLE_PCT} % are due)"
        )
