"""What the tests cost: by file if asked for (`--cost`), and what one more feed would, always.

A test whose name holds a feed runs for every feed, so the mean of what those tests take for a feed is what the next feed
will take. Processor time is that of the test process and of the programs that it waited for, without the database's.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator, Iterable
from dataclasses import dataclass

import pytest
from vru.contracts import load_contracts

MARK = pytest.StashKey[float]()
PROCESSOR = "processor"
"""Of a report's properties: seconds."""


@dataclass(frozen=True)
class Cost:
    """Seconds of tests: of the clock, and of processors."""

    clock: float
    processor: float


def used() -> float:
    """Processor seconds of this process and of the programs that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what the part of the test took, with what the process did since the part before."""
    report = yield
    now = used()
    report.user_properties.append((PROCESSOR, now - item.config.stash.get(MARK, now)))
    item.config.stash[MARK] = now
    return report


def of_reports(reports: Iterable[pytest.TestReport]) -> dict[str, Cost]:
    """By test."""
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for report in reports:
        found[report.nodeid][0] += report.duration
        found[report.nodeid][1] += sum(float(str(v)) for name, v in report.user_properties if name == PROCESSOR)
    return {name: Cost(*values) for name, values in found.items()}


def of_one_more_feed(costs: dict[str, Cost], feeds: Iterable[str]) -> Cost | None:
    """The mean over the feeds that tests are named after; None where none is."""
    by_feed: dict[str, list[Cost]] = defaultdict(list)
    for name, cost in costs.items():
        parameters = name.partition("[")[2]
        for feed in feeds:
            if feed in parameters:
                by_feed[feed].append(cost)
    if not by_feed:
        return None
    every = [cost for found in by_feed.values() for cost in found]
    return Cost(sum(c.clock for c in every) / len(by_feed), sum(c.processor for c in every) / len(by_feed))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--cost`."""
    parser.addoption("--cost", action="store_true", help="list what each file of tests costs")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The cost of one more feed; of every file if asked for."""
    config = terminalreporter.config
    reports = [r for found in terminalreporter.stats.values() for r in found if isinstance(r, pytest.TestReport)]
    costs = of_reports(reports)
    if config.getoption("--cost"):
        files: dict[str, list[Cost]] = defaultdict(list)
        for name, cost in costs.items():
            files[name.partition("::")[0]].append(cost)
        sums = {
            file: Cost(sum(c.clock for c in found), sum(c.processor for c in found)) for file, found in files.items()
        }
        for file, cost in sorted(sums.items(), key=lambda pair: -pair[1].processor):
            terminalreporter.write_line(f"{cost.processor:8.1f} s of processor {cost.clock:8.1f} s of clock  {file}")
    one_more = of_one_more_feed(costs, load_contracts())
    if one_more is not None:
        processes = config.getoption("numprocesses", None) or 1
        terminalreporter.write_line(
            f"one more feed costs about {one_more.processor:.0f} s of processor time, and "
            f"{one_more.clock / processes:.0f} s of the clock with {processes} processes"
        )
