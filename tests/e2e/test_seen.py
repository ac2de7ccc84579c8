"""What a person sees of a file that is not sound: before it is sent, after it was refused, after it was let in."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import lists
from tests.e2e.conftest import Home
from tests.pages import words_of

VICTIMS = "mps_homicide_victims"
MISSPELT = "4 refused rows whose period could not be read may belong here"
FIGURES = """
    select area_kind, area_code, period_kind, to_char(period_start, 'YYYY-MM') as period, value_count, null_reason_code,
           null_reason, quarantined_count
    from marts.mart_measure where definition_id = 'homicide'
"""


def listing(home: Home, *arguments: str | Path, expect: int = 0) -> list[dict[str, Any]]:
    """What a command says with --json."""
    found: list[dict[str, Any]] = json.loads(home(*arguments, "--json", expect=expect).stdout)
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lists of these tests."""
    folder = tmp_path_factory.mktemp("lists")
    lists.write(folder / "sound.csv")
    lists.write(folder / "misspelt.csv", lists.said("Recorded Date", "Feb 2019", "Febraury 2019"))
    lists.write(folder / "new_word.csv", _one_new_word())
    lost = ("Apr", "Aug", "Feb")
    lists.write(folder / "fewer.csv", lambda row: None if row["Recorded Date"].startswith(lost) else row)
    return folder


def _one_new_word() -> Callable[[lists.Row], lists.Row]:
    """The first who was shot was killed in a way that the contract does not know."""
    met: list[lists.Row] = []

    def change(row: lists.Row) -> lists.Row:
        if row["Method of Killing"] != "Shooting" or met:
            return row
        met.append(row)
        return {**row, "Method of Killing": "Crossbow"}

    return change


@pytest.fixture(scope="module")
def home(new_home: Callable[..., Home]) -> Home:
    """A state folder with its databases and nothing in them."""
    return new_home(empty=True)


def picture(home: Home) -> dict[str, Any]:
    """Every row that stands in the warehouse, counted, and every file of the landing store."""
    tables = home.sql(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind = 'r' and n.nspname in ('ops', 'raw', 'quarantine', 'publish') order by 1"
    )
    counts = {name: home.sql(f"select count(*) from {name}", role="migrator")[0][0] for (name,) in tables}
    landed = sorted(str(path) for path in (home.path / "landing").rglob("*") if path.is_file())
    return {**counts, "landed": landed}


def test_a_file_is_judged_before_anything_stands(files: Path) -> None:
    """A partner has the checkout and no state: there is nothing to compare with, and nothing is left."""
    with tempfile.TemporaryDirectory(prefix="ve-") as folder:
        fresh = Home(Path(folder) / "state")
        done = fresh("check", VICTIMS, "--file", files / "sound.csv")
        assert "sound.csv: would be admitted" in done.stdout
        assert "compared with: nothing" in done.stdout
        (found,) = listing(fresh, "check", VICTIMS, "--file", files / "misspelt.csv", expect=1)
        assert not fresh.path.exists()
    assert (found["verdict"], found["rows_parsed"], found["rows_quarantined"]) == ("held", 96, 4)
    assert {(row["kind"], row["line"], row["column"], row["check"]) for row in found["kept_out"]} == {
        ("row", line, "recorded_month", "not_a_month") for line in (54, 55, 56, 57)
    }
    (failed,) = found["checks"]
    assert (failed["check_id"], failed["measured"]) == ("quarantine_over_tolerance", "4.17 % against limit 0 %")


def test_wrong_use_of_check_is_said(home: Home, files: Path) -> None:
    assert "no such file" in home("check", VICTIMS, "--file", files / "none.csv", expect=2).stderr
    assert "no such feed" in home("check", "moon_landings", "--file", files / "sound.csv", expect=2).stderr


@pytest.fixture(scope="module")
def standing(home: Home, files: Path) -> Home:
    """The same after a sound list was let in."""
    home("ingest", VICTIMS, "--file", files / "sound.csv")
    return home


def test_a_file_is_compared_with_what_stands_and_leaves_nothing(standing: Home, files: Path) -> None:
    before = picture(standing)
    (fewer,) = listing(standing, "check", VICTIMS, "--file", files / "fewer.csv", expect=1)
    assert (fewer["verdict"], fewer["compared_with"]) == ("held", "earlier delivery sound.csv")
    assert {check["check_id"] for check in fewer["checks"]} >= {"no_month_lost"}
    assert all(" against limit " in check["measured"] for check in fewer["checks"]), fewer["checks"]
    (short,) = listing(standing, "check", VICTIMS, "--file", files / "new_word.csv", "--rows", "99", expect=1)
    assert "manifest_rows_agree" in short["reason"]
    assert "96 rows read, 99 announced" in short["reason"]
    (word,) = listing(standing, "check", VICTIMS, "--file", files / "new_word.csv", "--vintage", "2026-01-31", expect=1)
    assert [(c["kind"], c["line"], c["column"], c["received"]) for c in word["kept_out"]] == [
        ("cell", 3, "method", "Crossbow")
    ]
    (known,) = listing(standing, "check", VICTIMS, "--file", files / "sound.csv")
    assert (known["is_sound"], known["known_as"]) == (True, "batch 1, admitted")
    assert picture(standing) == before


def test_the_gate_says_the_same_of_a_file_that_is_sent(standing: Home, files: Path) -> None:
    (said,) = listing(standing, "check", VICTIMS, "--file", files / "misspelt.csv", expect=1)
    standing("ingest", VICTIMS, "--file", files / "misspelt.csv", expect=1)
    batch = listing(standing, "batches", VICTIMS)[-1]
    assert (batch["status"], batch["reason"]) == (said["verdict"], said["reason"])
    checks = listing(standing, "checks", str(batch["batch_id"]))
    assert len(checks) > 10
    assert [(c["check"], c["measured"]) for c in checks if not c["is_success"]] == [
        (c["check_id"], c["measured"]) for c in said["checks"]
    ]
    assert {c["check"] for c in listing(standing, "checks")} == {c["check_id"] for c in said["checks"]}
    assert "no batch 77" in standing("checks", "77", expect=2).stderr


@pytest.fixture(scope="module")
def released(standing: Home, files: Path) -> Home:
    """A list of which nobody can read four months, let in by a person all the same, and its marts."""
    standing("ingest", VICTIMS, "--file", files / "misspelt.csv", expect=None)
    batch = next(b for b in listing(standing, "batches", VICTIMS) if b["file_name"] == "misspelt.csv")
    standing("release", str(batch["batch_id"]), "--reason", "The partner will send it again in March")
    standing("build")
    return standing


def figures(home: Home) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    """By area, kind of period and period: count, code and reason of none, rows refused."""
    return {
        (code, period_kind, period): (count, reason_code, reason, refused)
        for _, code, period_kind, period, count, reason_code, reason, refused in home.sql(FIGURES, role="analyst")
    }


def test_what_nobody_can_place_is_unknown_and_never_0(released: Home) -> None:
    found = figures(released)
    for month in range(1, 13):
        for area in ("E12000007", "E09000004", "E09000005"):  # London, a borough without victims, one with
            assert found[area, "month", f"2019-{month:02}"] == (None, "period_unreadable", MISSPELT, 4)
    assert found["E12000007", "calendar_year", "2019-01"] == (None, "period_unreadable", MISSPELT, 4)
    assert found["E12000007", "financial_year", "2018-04"][1] == "period_unreadable"
    assert found["E12000007", "calendar_year", "2018-01"] == (48, None, None, 0)
    assert found["E09000004", "calendar_year", "2018-01"] == (0, None, None, 0)
    assert found["E12000007", "month", "2018-12"] == (4, None, None, 0)


def test_the_report_says_what_is_unknown_and_who_let_it_in(released: Home, tmp_path: Path) -> None:
    done = released("report", "quality", "--out", tmp_path)
    page = words_of(next(tmp_path.glob("*.html")))
    assert done.returncode == 0
    assert f"not known: 12 periods from January 2019 to December 2019 ({MISSPELT})" in page
    assert "The partner will send it again in March" in page


def test_cells_left_empty_are_seen_everywhere(released: Home, files: Path, tmp_path: Path) -> None:
    released("ingest", VICTIMS, "--file", files / "new_word.csv", expect=None)
    batch = listing(released, "batches", VICTIMS)[-1]
    if batch["status"] == "held":  # one row in 96 is more than one in a hundred
        released("release", str(batch["batch_id"]), "--reason", "A new way of killing")
    released("build")
    cells = [row for row in listing(released, "quarantine", VICTIMS) if row["kind"] == "cell"]
    assert [(c["line"], c["column"], c["received"]) for c in cells] == [(3, "method", "Crossbow")]
    seen = released.sql("select line_number, column_name, received_value from ops.v_quarantine_cell", role="analyst")
    assert seen == [(3, "method", "Crossbow")]
    nulled = released.sql(
        "select method, null_reason from marts.fct_homicide_victim where line_number = 3", role="analyst"
    )
    assert nulled == [(None, "method: word unknown to the contract")]
    released("report", "quality", "--out", tmp_path)
    page = words_of(next(tmp_path.glob("*.html")))
    assert "cells, column method 1 cell " in page
    assert "A new way of killing" in page
    assert "Crossbow" not in page
