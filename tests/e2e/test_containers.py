"""An inbox with workbooks and wide records through the real path: a batch for each chosen sheet, replayed from what landed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.books import ods, xlsx
from tests.e2e.conftest import Home
from tests.scratch import Scratch, scratch

CONTRACT = """\
feed: shelter_returns
title: Shelter returns
publisher: A partner
owner: The partner's data team
description: One row is the nights of one shelter and month, as a return with a sheet for each region states them.
licence: OGL v3.0
attribution: A partner
homepage: https://example.org
contract_version: 1
schedule: "0 6 * * 1"
cadence_days: 31
due_lag_days: 31
tolerance_pct: 1.0
transport:
  kind: inbox
when_red: Read the reason, then ask the partner.
resources:
  - name: night
    description: One row is a shelter and month.
    formats:
      - kind: workbook
        sheet_pattern: "^(?P<partition>north|south|east)$"
        header_row: 3
        merged_headers: fill
        ends_at: "^total"
    partition:
      column: region
    delivery: snapshot
    grain: month
    unit_column: month
    unpivot:
      headers: '\\d{6}'
      header_column: month
      cell_column: night_count
    columns:
      - name: region
        description: Region of the shelter.
        aliases: [Region]
      - name: shelter
        description: Name of the shelter.
        aliases: [Shelter]
        nullable: false
      - name: month
        description: Month of the nights.
        type: month
        formats: ["%Y%m"]
        nullable: false
      - name: night_count
        description: Nights that somebody slept there.
        type: integer
        null_markers: ["[c]"]
"""

SUITE = """\
feed: shelter_returns
resources:
  night:
    cells: [month, shelter]
    cell_value: night_count
    checks:
      - id: nights_are_a_count
        type: expect_column_values_to_be_between
        column: night_count
        kwargs: {min_value: 0}
        severity: critical
        reason: A count is never negative. Please send the correction as the corrected total.
"""

FEED = "shelter_returns"
MONTHS = ["202401", 202402, "202403"]
SHELTERS = 120


def region(name: str, change: int = 0) -> list[list[Any]]:
    """A sheet: a title over the table, a suppressed cell, and a total that is no record."""
    rows: list[list[Any]] = [["Nights by shelter"], [], ["Region", "Shelter", *MONTHS]]
    for number in range(SHELTERS):
        rows.append(
            [name, f"Shelter {number}", number, "[c]" if number == 7 else 2, 1 + (change if number == 9 else 0)]
        )
    return [*rows, ["Total", None, 1, 2, 3]]


def book(change: int = 0, *, bad: bool = False) -> bytes:
    east = region("east")
    if bad:
        east[20][3] = "two"
    sheets = {"Cover": [["Read me"]], "north": region("north"), "south": region("south", change), "east": east}
    return xlsx(sheets, merged={"north": ["A1:C1"]})


class Platform:
    """A checkout with the feed, a state folder, and an inbox."""

    def __init__(self, place: Scratch, home: Home, inbox: Path) -> None:
        self.place, self.home, self.inbox = place, home, inbox / FEED
        self.inbox.mkdir(parents=True)

    def put(self, name: str, content: bytes) -> None:
        for old in self.inbox.iterdir():
            old.unlink()
        (self.inbox / name).write_bytes(content)

    def __call__(self, *arguments: str, expect: int = 0) -> str:
        done = self.place.run(
            "vru", *arguments, home=self.home.path, VRU_PROFILE="files", VRU_INBOX=str(self.inbox.parent),
            VRU_ENV_FILE="",
        )  # fmt: skip
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def batches(self) -> list[dict[str, Any]]:
        columns = (
            "batch_id", "partition", "status", "file_name", "sha256", "contract_version", "rows_parsed",
            "rows_admitted", "rows_quarantined",
        )  # fmt: skip
        found = self.home.sql(
            f"select {', '.join(columns)} from ops.v_batch where feed = '{FEED}' order by batch_id", role="analyst"
        )
        return [dict(zip(columns, row, strict=True)) for row in found]


@pytest.fixture(scope="module")
def vru(tmp_path_factory: pytest.TempPathFactory, new_home: Callable[..., Home]) -> Platform:
    place = scratch(tmp_path_factory.mktemp("checkout"))
    (place.folder / f"feeds/{FEED}.yml").write_text(CONTRACT, encoding="utf-8")
    (place.folder / f"expectations/raw/{FEED}.yml").write_text(SUITE, encoding="utf-8")
    return Platform(place, new_home(), tmp_path_factory.mktemp("inbox"))


def test_each_chosen_sheet_is_a_batch(vru: Platform) -> None:
    vru.put("returns.xlsx", book())
    vru("ingest", FEED)
    batches = vru.batches()
    assert [(b["partition"], b["status"], b["rows_parsed"], b["rows_admitted"], b["file_name"]) for b in batches] == [
        (name, "admitted", SHELTERS, SHELTERS, f"returns.xlsx#{name}") for name in ("north", "south", "east")
    ]
    assert len({b["sha256"] for b in batches}) == 3
    sums = vru.home.sql(
        "select r.region, count(*), sum(r.night_count), count(*) filter (where r.night_count is null), min(r.line_number), "
        f"max(r.line_number), min(r.part), max(r.part) from raw.{FEED} r group by 1 order by 1"
    )
    nights = SHELTERS * (SHELTERS - 1) // 2 + 2 * (SHELTERS - 1) + SHELTERS
    assert sums == [(name, 3 * SHELTERS, nights, 1, 4, 3 + SHELTERS, 1, 3) for name in ("east", "north", "south")]
    assert vru.home.sql(f"select distinct month from raw.{FEED} order by 1") == [
        (date(2024, month, 1),) for month in (1, 2, 3)
    ]


def test_a_workbook_saved_again_is_the_sheet_that_changed(vru: Platform) -> None:
    vru.put("returns.xlsx", book(change=100))
    vru("ingest", FEED)
    assert [b["partition"] for b in vru.batches()] == ["north", "south", "east", "south"]
    vru.put("returns.ods", ods({"east": region("east")}))
    assert "no batch made" in vru("ingest", FEED), "the same cells in another packing are the same content"


def test_a_bad_cell_is_one_row_in_quarantine_and_one_record_of_the_file(vru: Platform) -> None:
    vru.put("returns.xlsx", book(bad=True))
    vru("ingest", FEED)
    batch = vru.batches()[-1]
    assert (batch["partition"], batch["rows_parsed"], batch["rows_quarantined"], batch["rows_admitted"]) == (
        "east", SHELTERS, 1, SHELTERS - 1,
    )  # fmt: skip
    number = batch["batch_id"]
    assert vru.home.sql(f"select count(*) from raw.{FEED} where batch_id = {number}") == [(3 * SHELTERS - 1,)]
    assert vru.home.sql(f"select line_number, part, column_name from quarantine.row where batch_id = {number}") == [
        (21, 2, "night_count")
    ]


def test_each_sheet_is_replayed_from_the_landed_workbook(vru: Platform) -> None:
    shutil.rmtree(vru.inbox)
    before = vru.batches()
    vru.place.change(f"feeds/{FEED}.yml", "contract_version: 1", "contract_version: 2")
    vru.place.change(f"feeds/{FEED}.yml", 'null_markers: ["[c]"]', 'null_markers: ["[c]", two]')
    vru("replay", FEED)
    after = [b for b in vru.batches() if b["contract_version"] == 2]
    assert [b["sha256"] for b in after] == [b["sha256"] for b in before]
    assert {(b["status"], b["rows_admitted"]) for b in after} == {("admitted", SHELTERS)}


def test_a_workbook_without_its_sheets_is_refused_and_says_so(vru: Platform) -> None:
    vru.inbox.mkdir()
    vru.put("returns.xlsx", xlsx({"Cover": [["Read me"]], "west": region("west")}))
    said = vru("ingest", FEED, expect=1)
    assert "no_sheet" in said and "none of its 2 sheets" in said
