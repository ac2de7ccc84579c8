"""A real Chromium, driven by Playwright; skipped where none is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Open(Protocol):
    """Opens a file; keeps the addresses that it asks for and what the console says, where lists are given."""

    def __call__(
        self, file: Path, width: int, asked: list[str] | None = None, complaints: list[str] | None = None
    ) -> Page: ...


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
