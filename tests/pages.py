"""What a test says to open a page in a real browser; the fixtures stand in the conftest of all tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Open(Protocol):
    """Opens a file; keeps the addresses that it asks for and what the console says, where lists are given."""

    def __call__(
        self, file: Path, width: int, asked: list[str] | None = None, complaints: list[str] | None = None
    ) -> Page: ...
