"""What the person at the terminal gets: the exit code, and one line that names feed, file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from vru.sandbox import SandboxServer

from tests.e2e.conftest import Home
from tests.faults import changes as c
from tests.faults.feeds import CANARY_LINE, STREET, VICTIMS, Feed
from tests.faults.platform import Platform


@pytest.fixture
def home(platform: Platform) -> Iterator[Home]:
    """The `vru` command on the folder's warehouse, in profile `files`."""
    yield Home(platform.home, {"VRU_PROFILE": "files"})
    # the first command settles the profile of a state folder for ever; here others come after it
    (platform.home / "state" / "profile.json").unlink(missing_ok=True)


def file(feed: Feed, content: bytes, folder: Path) -> Path:
    """The file in a folder of its own, with a manifest."""
    (folder / feed.file_name).write_bytes(content)
    (folder / "manifest.csv").write_text(f"file,vintage_at\n{feed.file_name},{feed.vintage}\n")
    return folder / feed.file_name


def assert_silent(feed: Feed, text: str) -> None:
    """No value of the data, and no traceback."""
    assert not [word for word in (*feed.canaries, "Traceback") if word in text]


def test_rejected_is_1(home: Home, tmp_path: Path) -> None:
    done = home("ingest", STREET.name, "--file", file(STREET, c.before_record(100, c.BOM)(STREET, STREET.clean), tmp_path),
                expect=1)  # fmt: skip
    assert f"{STREET.name}, {STREET.file_name}" in done.stderr
    assert "rejected: bom_in_file: " in done.stderr
    assert "line 102" in done.stderr
    assert_silent(STREET, done.stderr + done.stdout)


def test_admitted_is_0_and_the_row_in_quarantine_is_listed(home: Home, tmp_path: Path) -> None:
    short = c.in_record(c.one_cell_less)(STREET, STREET.clean)
    done = home("ingest", STREET.name, "--file", file(STREET, short, tmp_path))
    assert "1 parsed, 1 admitted" in done.stdout
    listed = home("quarantine", STREET.name, "--json").stdout
    (row,) = json.loads(listed)
    assert (row["feed"], row["file"], row["line"]) == (STREET.name, STREET.file_name, CANARY_LINE)
    assert row["check"] == "too_few_cells"
    assert_silent(STREET, done.stderr + done.stdout + listed)


def test_wrong_use_is_2(home: Home, tmp_path: Path) -> None:
    done = home("ingest", STREET.name, "--file", tmp_path / "nothing.csv", expect=2)
    assert "nothing.csv: no such file" in done.stderr
    assert_silent(STREET, done.stderr)


def test_a_connection_that_breaks_is_3_and_a_page_is_1(home: Home, sandbox: SandboxServer) -> None:
    # each feed by its own partner, so that neither waits for the other
    sandbox.fault("/data.london.gov.uk/api/*", "short_of_content_length")
    sandbox.fault("/policeuk-data.s3.amazonaws.com/*", "html_200")
    asked = Home(home.path, {"VRU_PROFILE": "sandbox", "VRU_SANDBOX_URL": sandbox.url})
    done = asked("ingest", VICTIMS.name, expect=3)
    assert f"{VICTIMS.name}, sandbox://data.london.gov.uk/api/dataset/2l1w8: failed: truncated: " in done.stderr
    done = asked("ingest", STREET.name, "--period", "2022-08", expect=1)
    assert f"{STREET.name}, sandbox://data.police.uk/data/archive/2022-08.zip: refused: html_page: " in done.stderr
