"""What a test says to open a page in a real browser; the fixtures stand in the conftest of all tests."""

from __future__ import annotations

import html
import re
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


def words_of(page: Path) -> str:
    """What a reader reads, without drawings, as one line."""
    text = re.sub(r"<(svg|style|script)\b.*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
