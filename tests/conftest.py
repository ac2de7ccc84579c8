"""Fixtures that every test may use. Nothing starts unless a test asks for it."""

from __future__ import annotations

import gc
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from vru.__main__ import spare_the_collector
from xdist.scheduler import LoadScopeScheduling

from tests import ready
from tests.pages import NAMES, Open

FAULTS = Path(__file__).with_name("faults")

os.environ["VRU_ENV_FILE"] = ""  # what a developer's own .env says is not for tests

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from vru.warehouse.server.embedded import Server
    from xdist.remote import Producer


pytest_plugins = ["tests.cost"]


class CasesApart(LoadScopeScheduling):
    """The tests of a file stay in one process, but those of faults and damages, which need nothing of each other."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(("tests/faults/", "tests/gate/")) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """How `--dist loadscope` spreads the tests."""
    return CasesApart(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_configure(config: pytest.Config) -> None:
    """Begin the folder of ready states, once, in the process that starts the others."""
    spare_the_collector()
    if not hasattr(config, "workerinput"):
        ready.begin()


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Delete it."""
    gc.freeze()  # pytest looks ten times through all that was imported
    if not hasattr(config, "workerinput"):
        ready.end()


SEED = 20181104
SHARES = {
    "tests/faults/test_volume.py": 0.4,
    "tests/unit/quality/test_every_check.py": 0.25,
    "tests/unit/warehouse/server/test_embedded.py": 0.25,
    "tests/warehouse/test_build_absent_feeds.py": 0.2,
}
"""Of files of many long proofs that need nothing of each other: what `make test` runs; `make test-faults` runs them all."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what proves that faults do no harm, and as deep what is not in the seeded share of a long file.

    Whether a test is drawn follows from its name; the first of each parametrised proof is in the share.
    """
    seen: set[str] = set()
    for item in items:
        if FAULTS in item.path.parents:
            item.add_marker(pytest.mark.fault)
        file, _, name = item.nodeid.partition("::")
        if file in SHARES and "[" in name:
            drawn = random.Random(f"{SEED} {item.nodeid}").random() < SHARES[file]
            proof = item.nodeid.partition("[")[0]
            if proof in seen and not drawn:
                item.add_marker(pytest.mark.deep)
            seen.add(proof)


@pytest.fixture(scope="module")
def vru_home() -> Iterator[Path]:
    """A private state folder with a short path, named by VRU_HOME; one per test module, deleted at its end."""
    home = Path(tempfile.mkdtemp(prefix="vt-"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VRU_HOME", str(home))
        environment.delenv("VRU_DATABASE_URL", raising=False)
        yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(vru_home: Path) -> Iterator[Server]:
    """A running embedded server in ``vru_home`` with all roles; destroyed at the end of the module."""
    yield from _running("cluster", ready.cluster, vru_home)


@pytest.fixture(scope="module")
def migrated_cluster(vru_home: Path) -> Iterator[Server]:
    """The same with every table of the platform and of the contracts."""
    yield from _running("migrated", ready.migrated, vru_home)


def _running(name: str, make: Callable[[], None], home: Path) -> Iterator[Server]:
    from vru.warehouse.engine import dispose
    from vru.warehouse.server.embedded import Server

    ready.put(name, home, make)
    server = Server(home).ensure()
    yield server
    dispose()
    server.destroy()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium, headless: nothing is downloaded."""
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium; install the package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # a sandbox of its own needs rights that a container's root has not
        opened = playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens files as a phone or a screen of that width would, each in a context of its own."""
    contexts = []

    def open_(file: Path, width: int, asked: list[str] | None = None, complaints: list[str] | None = None) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 780}, is_mobile=width < 500)
        contexts.append(context)
        page = context.new_page()
        if asked is not None:
            page.on("request", lambda request: asked.append(request.url))
        if complaints is not None:
            page.on("console", lambda message: complaints.append(message.text))
        page.goto(file.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
