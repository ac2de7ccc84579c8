"""One warehouse for the whole folder, with earlier files of every feed standing in it, and the synthetic partners."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from vru.sandbox import SandboxServer, configure

from tests.faults.feeds import FEEDS, RawRow
from tests.faults.platform import Platform, environment, ledger


@pytest.fixture(scope="session")
def fault_home() -> Iterator[Path]:
    """The state folder of this folder's tests, migrated; the environment names it only while one of them runs."""
    from vru.warehouse.embedded import Server
    from vru.warehouse.engine import dispose
    from vru.warehouse.migrate import migrate

    home = Path(tempfile.mkdtemp(prefix="vf-"))
    with environment({"VRU_HOME": str(home), "VRU_DATABASE_URL": None}):
        server = Server(home).ensure()
        migrate()
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
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Platform]:
    """The platform with the earlier files of every feed admitted; what the test adds is gone afterwards."""
    variables = {"VRU_HOME": str(fault_home), "VRU_DATABASE_URL": None, "VRU_PROFILE": "files", "VRU_INBOX": None}
    with environment(variables):
        found = Platform(fault_home, tmp_path, capsys, caplog, settled)
        if not settled:
            for feed in FEEDS:
                for delivery in feed.earlier(feed):
                    answer = found.deliver(feed, delivery)
                    assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message
            found.mark()
            settled.update(found.marks)
        yield found
        found.forget()


@pytest.fixture(scope="session")
def clean_rows() -> dict[str, list[RawRow]]:
    """Raw rows of the clean file of each feed, as Python's csv module reads it, without their lines."""
    return {feed.name: without_lines(feed.raw_rows(feed.clean)) for feed in FEEDS}


def without_lines(rows: list[RawRow]) -> list[RawRow]:
    """The rows without their line numbers."""
    return [{name: value for name, value in row.items() if name != "line_number"} for row in rows]


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report the acceptance rate: quarantining everything must not pass."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if ("recoverable", True) in getattr(report, "user_properties", []) and report.when == "call"
    ]
    if reports:
        good = sum(report.passed for report in reports)
        terminalreporter.write_line(
            f"recoverable inputs: {good} of {len(reports)} loaded exactly ({100 * good / len(reports):.1f} %)"
        )
