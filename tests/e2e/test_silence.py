"""Months in which nobody delivers: every place that says how a feed stands says so first, and a run ends with 1."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from vru import sandbox
from vru.commands.status import WIDTH

from tests.e2e.conftest import Home

VICTIMS, SEARCHES = "mps_homicide_victims", "police_uk_stop_search"
TITLE = "Homicide victims (Metropolitan Police Service)"
SILENT = f"{TITLE}: silent, 168 days late"


def silent_months(home: Home, count: int) -> None:
    """Time passes; the last month by the command, so that the database hears of it."""
    for _ in range(count - 1):
        sandbox.advance(home.path / "sandbox", is_silent=True)
    assert "nobody has delivered" in home("sandbox", "next", "--silent").stdout


def scores(home: Home) -> dict[str, float]:
    return {row["feed"]: row["score"] for row in json.loads(home("feeds", "--json").stdout)}


def test_who_falls_silent_is_named_first_everywhere(new_home: Callable[..., Home]) -> None:
    home = new_home()
    home("ingest", VICTIMS)
    before = scores(home)
    assert before[VICTIMS] > 99
    assert before[SEARCHES] is None, "what was never asked for has no score"
    silent_months(home, 8)
    assert "nothing new" in home("ingest", VICTIMS).stdout

    assert scores(home)[VICTIMS] < before[VICTIMS] - 5
    (first, *_) = json.loads(home("feeds", "--json").stdout)
    assert (first["feed"], first["standing"], first["days_late"]) == (VICTIMS, "silent", 168)
    assert (first["due"], first["data_up_to"], first["status"]) == ("2022-12-29", "2022-06-30", "admitted")
    assert home("feeds").stdout.splitlines()[0] == SILENT
    assert home.sql("select feed, standing, days_late from ops.v_feed_status limit 1", role="analyst") == [
        (VICTIMS, "silent", 168)
    ]
    screen = home("status").stdout.splitlines()
    assert max(map(len, screen)) <= WIDTH
    assert screen[:2] == ["sandbox, 15 June 2023 (synthetic data)", "marts: none yet; next: vru run"]
    row = next(place for place, line in enumerate(screen) if line.startswith("feed "))
    assert re.fullmatch(rf"{VICTIMS} +2022-06-30  2022-12-29  168 d unchanged +silent", screen[row + 1])
    assert screen[row + 2] == f"  next: vru ingest {VICTIMS}"
    (said, *_) = json.loads(home("status", "--json").stdout)
    assert (said["feed"], said["next_command"], said["is_build_due"]) == (VICTIMS, f"vru ingest {VICTIMS}", True)

    home("sandbox", "next")
    home("ingest", VICTIMS)
    after = next(row for row in json.loads(home("feeds", "--json").stdout) if row["feed"] == VICTIMS)
    assert (after["standing"], after["data_up_to"]) == ("on time", "2023-03-31"), "they deliver what was missed"
    late = "select timeliness from ops.quality_score(null, null) where feed = %s and period_end = '2023-03-31'"
    assert home.sql(late, VICTIMS) == [(100,)], "that quarter was due on the last day of June"


@pytest.mark.deep
def test_a_run_ends_with_1_and_its_report_says_first_who_is_silent(new_home: Callable[..., Home]) -> None:
    home = new_home()
    done = home("run", "--feed", VICTIMS)
    assert "silent" not in done.stderr
    silent_months(home, 8)
    done = home("run", "--feed", VICTIMS, expect=1)
    assert SILENT in done.stderr.splitlines()
    page = (home.path / "reports" / "quality-2023-05.html").read_text(encoding="utf-8")
    head = re.sub(r"<[^>]+>", " ", page.split("<body", 1)[1].split("<h2", 1)[0])
    assert f"{SILENT}, data up to June 2022." in head
    assert "No feed" not in page
    (summary,) = home.sql(
        "select summary -> 'statements' -> 0 ->> 'answer' from ops.report order by report_id desc limit 1"
    )[0]
    assert summary == "Of 5 feeds 1 is silent and 4 have sent nothing yet.", "the mail says so first, too"
