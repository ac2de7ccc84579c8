"""What the person at the terminal gets: the exit code, and lines that name feed, file and line and hold no value."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from vru.cli import main
from vru.sandbox import SandboxServer

from tests.e2e.conftest import Home
from tests.faults import changes as c
from tests.faults.feeds import CANARY_LINE, Feed, named
from tests.faults.platform import Platform, environment, ledger

VICTIMS, STREET = named("mps_homicide_victims"), named("police_uk_street")


@dataclass
class Terminal:
    """The `vru` command's entry point in this process, where the slow imports are done already."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path, expect: int) -> tuple[str, str]:
        """Output and errors of a command that must end so."""
        self.capsys.readouterr()
        self.monkeypatch.setattr(sys, "argv", ["vru", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = self.capsys.readouterr()
        assert ended.value.code == expect, printed.err
        return printed.out, printed.err


@pytest.fixture
def vru(platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    """The `vru` command on the folder's warehouse."""
    yield Terminal(platform.home, monkeypatch, capsys)
    # the first command settles the profile of a state for ever; here others come after it
    with ledger().cursor() as cursor:
        cursor.execute("delete from ops.state")


def file(feed: Feed, content: bytes, folder: Path) -> Path:
    """The file in a folder of its own, with a manifest."""
    (folder / feed.file_name).write_bytes(content)
    (folder / "manifest.csv").write_text(f"file,vintage_at\n{feed.file_name},{feed.vintage}\n")
    return folder / feed.file_name


def assert_silent(feed: Feed, text: str) -> None:
    """No value of the data, and no traceback."""
    assert not [word for word in (*feed.canaries, "Traceback") if word in text]


def test_rejected_is_1(vru: Terminal, tmp_path: Path) -> None:
    """In a process of its own."""
    path = file(STREET, c.before_record(100, c.BOM)(STREET, STREET.clean), tmp_path)
    done = Home(vru.home, {"VRU_PROFILE": "files"})("ingest", STREET.name, "--file", path, expect=1)
    assert f"{STREET.name}, {STREET.file_name}" in done.stderr
    assert "rejected: bom_in_file: " in done.stderr
    assert "line 102" in done.stderr
    assert_silent(STREET, done.stderr + done.stdout)


@pytest.mark.parametrize(("feed", "code"), [(VICTIMS, 1), (STREET, 0)], ids=["held_is_1", "admitted_is_0"])
def test_a_row_in_quarantine_is_listed_with_its_line(feed: Feed, code: int, vru: Terminal, tmp_path: Path) -> None:
    path = file(feed, c.in_record(c.one_cell_less)(feed, feed.clean), tmp_path)
    output, errors = vru("ingest", feed.name, "--file", path, expect=code)
    listed, _ = vru("quarantine", feed.name, "--json", expect=0)
    in_quarantine = json.loads(listed)
    (row,) = (found for found in in_quarantine if found["kind"] == "row")
    assert row["received"] is None, "a row is never shown"
    assert (row["feed"], row["file"], row["line"]) == (feed.name, feed.file_name, CANARY_LINE)
    assert row["check"] == "too_few_cells"
    # of an open feed the word that the contract does not know is shown, in the place for it and nowhere else
    words = [found.pop("received") for found in in_quarantine if found["kind"] == "cell"]
    assert all(words)
    assert_silent(feed, output + errors + json.dumps(in_quarantine))
    if code:
        assert f"{feed.name}, {feed.file_name}" in errors
        assert "held: quarantine_over_tolerance: " in errors
        assert f"line {CANARY_LINE}" in errors


def test_the_same_file_again_is_0(vru: Terminal, tmp_path: Path) -> None:
    path = file(STREET, STREET.clean, tmp_path)
    vru("ingest", STREET.name, "--file", path, expect=0)
    output, errors = vru("ingest", STREET.name, "--file", path, expect=0)
    assert "nothing new, no batch made" in output
    assert errors == ""


@pytest.mark.parametrize(
    "arguments",
    [("ingest", "police_uk_street", "--file", "nothing.csv"), ("ingest", "no_such_feed"), ("ingest",)],
    ids=["no_file", "no_feed", "no_argument"],
)
def test_wrong_use_is_2(arguments: tuple[str, ...], vru: Terminal) -> None:
    _, errors = vru(*arguments, expect=2)
    assert any(word in errors for word in ("nothing.csv: no such file", "no such feed", "Missing argument"))


def test_a_connection_that_breaks_is_3_and_a_page_is_1(vru: Terminal, sandbox: SandboxServer) -> None:
    sandbox.fault("/data.london.gov.uk/api/*", "drop")
    sandbox.fault("/policeuk-data.s3.amazonaws.com/*", "html_200")
    with environment({"VRU_PROFILE": "sandbox", "VRU_SANDBOX_URL": sandbox.url}):
        _, errors = vru("ingest", VICTIMS.name, expect=3)
        assert f"{VICTIMS.name}, sandbox://data.london.gov.uk/api/dataset/2l1w8: failed: truncated: " in errors
        _, errors = vru("ingest", STREET.name, expect=1)
        assert f"{STREET.name}, sandbox://data.police.uk/data/archive/latest.zip: refused: html_page: " in errors
