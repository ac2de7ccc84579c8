"""Checks against what was stated with a delivery, against earlier vintages and earlier periods, in any order."""

from __future__ import annotations

import time
from datetime import date

import pytest
from vru import pipeline, quality

from tests.real_data import REAL, needs_real_data
from tests.unit.quality.conftest import TODAY, Row, Warehouse, crimes, victims


def load(warehouse: Warehouse, batch: int) -> quality.Verdict:
    """Audit a batch and admit it if it passed."""
    verdict = quality.audit(batch, today=TODAY)
    quality.admit(batch)
    return verdict


def failed(verdict: quality.Verdict) -> list[str]:
    """Ids of the checks that failed."""
    return [found.check_id for found in verdict.failed]


def swapped(rows: list[Row], source: str, target: str, count: int) -> list[Row]:
    """The list with so many victims of one borough moved to another."""
    found, left = [], count
    for row in rows:
        if left and row["borough_name"] == source:
            row, left = {**row, "borough_name": target}, left - 1
        found.append(row)
    return found


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"warnings": ("no_final_newline: the last line has no end",)}, "held"),
        ({"warnings": ("no_final_newline: the last line has no end",), "manifest_rows": 120}, "passed"),
        ({"warnings": ("no_final_newline: the last line has no end",), "is_whole": True}, "passed"),
        ({"warnings": ("no_final_newline: the last line has no end",), "is_whole": False}, "held"),
        ({"warnings": ("unknown column 'x' was left out",)}, "passed"),
        ({"manifest_rows": 121}, "held"),
        ({"manifest_rows": 120}, "passed"),
    ],
)
def test_what_was_stated_with_the_file(warehouse: Warehouse, options: dict[str, object], status: str) -> None:
    assert load(warehouse, warehouse.homicides(victims(), **options)).status == status  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "check"),
    [
        (victims(11), "no_month_lost"),
        ([row for row in victims() if row["recorded_month"] != date(2020, 5, 1)], "no_month_lost"),
        (victims(12, 3), "total_is_plausible"),
        (victims(12, 41), "total_is_plausible"),
    ],
)
def test_implausible_list_is_held(warehouse: Warehouse, rows: list[Row], check: str) -> None:
    load(warehouse, warehouse.homicides(victims(), "2024-01-01"))
    verdict = load(warehouse, warehouse.homicides(rows, "2024-02-01"))
    assert verdict.status == "held"
    assert verdict.reason.startswith(f"{check}: ")
    assert warehouse.sql("select status from ops.batch order by batch_id") == [("admitted",), ("held",)]


def test_a_held_list_is_never_compared_with(warehouse: Warehouse) -> None:
    load(warehouse, warehouse.homicides(victims(6), "2024-01-01"))
    assert (
        load(warehouse, warehouse.homicides(victims(12, manifest := 10), "2024-01-02", manifest_rows=manifest)).status
        == "held"
    )
    assert load(warehouse, warehouse.homicides(victims(7), "2024-01-03")).status == "passed"


def test_unknown_words_hold_above_one_row_in_a_hundred(warehouse: Warehouse) -> None:
    for count, status, check in ((1, "passed", "unknown_words_noted"), (2, "held", "unknown_words_few")):
        batch = warehouse.homicides(victims())
        for line in range(2, 2 + count):
            warehouse.sql(
                "insert into quarantine.cell (batch_id, line_number, column_name, check_id, reason, received_value) "
                "values (%s, %s, 'method', 'unmapped', 'new word', 'x')",
                batch,
                line,
            )
        verdict = quality.audit(batch, today=TODAY)
        assert verdict.status == status
        assert failed(verdict) == [check]


def test_borough_shift_withholds_the_column_only(warehouse: Warehouse) -> None:
    good = victims()
    load(warehouse, warehouse.homicides(good, "2024-01-01"))
    natural = warehouse.homicides(swapped(good, "Barnet", "Ealing", 2), "2024-02-01")
    assert load(warehouse, natural).withheld == [], "2 of 120 victims are 1.7 %"
    wrong = warehouse.homicides(swapped(good, "Bexley", "Ealing", 6), "2024-03-01")
    verdict = load(warehouse, wrong)
    assert (verdict.status, verdict.withheld, failed(verdict)) == ("passed", ["borough_name"], ["borough_shares_shift"])
    measured = "its shares moved by 5.000 % against limit 2 %"
    assert measured in verdict.failed[0].detail
    told = warehouse.sql("select reason from ops.withheld_column where batch_id = %s", wrong)
    assert measured in told[0][0]
    later = warehouse.homicides(swapped(good, "Barnet", "Ealing", 3), "2024-04-01")
    assert load(warehouse, later).withheld == [], "compared with the newest list whose borough is sound"


def test_pseudo_boroughs_stay_out_of_the_shift(warehouse: Warehouse) -> None:
    good = victims()
    load(warehouse, warehouse.homicides(good, "2024-01-01"))
    moved = [
        {**row, "borough_name": "Unknown"} if index % 10 == 0 and index < 60 else row for index, row in enumerate(good)
    ]
    verdict = load(warehouse, warehouse.homicides(moved, "2024-02-01"))
    (told,) = [found.detail for found in verdict.failed if found.check_id == "borough_shares_shift"]
    share = float(told.partition("shares moved by ")[2].split(" ")[0])
    assert share == pytest.approx(100 * (12 / 120 - 6 / 114), abs=0.01), "shares are of victims with a real borough"


def test_audited_together_then_admitted(warehouse: Warehouse) -> None:
    """As the pipeline does it: a batch that passed and waits is sound already."""
    first = warehouse.homicides(victims(), "2024-01-01")
    second = warehouse.homicides(victims(11), "2024-02-01")
    assert [quality.audit(batch, today=TODAY).status for batch in (first, second)] == ["passed", "held"]


def test_what_a_person_lifted_or_released_stays(warehouse: Warehouse) -> None:
    good = victims()
    wrong = warehouse.homicides(swapped(good, "Bexley", "Ealing", 8), "2024-02-01")
    short = warehouse.homicides(victims(11), "2024-03-01")
    for batch in (wrong, short):
        load(warehouse, batch)
    first = warehouse.homicides(good, "2023-12-01")
    assert warehouse.status(short)[0] == "held"
    for batch, decision, column in ((wrong, "release_column", "borough_name"), (short, "release", None)):
        warehouse.sql(
            "insert into ops.decision (batch_id, decision, column_name, reason, decided_by) values (%s, %s, %s, 'seen', 'me')",
            batch, decision, column,
        )  # fmt: skip
    warehouse.sql("update ops.batch set status = 'admitted', admitted_at = now() where batch_id = %s", short)
    load(warehouse, first)
    assert warehouse.status(wrong) == ("admitted", [])
    assert warehouse.status(short)[0] == "admitted"


def test_released_batch_is_what_later_ones_are_compared_with(warehouse: Warehouse) -> None:
    """The publisher really ended the series one month earlier: once a person agrees, its next list is sound as well."""
    load(warehouse, warehouse.homicides(victims(12), "2024-01-01"))
    released = warehouse.homicides(victims(11), "2024-02-01")
    later = warehouse.homicides(swapped(victims(11), "Barnet", "Ealing", 1), "2024-03-01")
    assert [load(warehouse, batch).status for batch in (released, later)] == ["held", "held"]
    pipeline.release(released, "confirmed in writing", "engineer")
    assert warehouse.status(later)[0] == "admitted"


def test_volume_against_earlier_months(warehouse: Warehouse) -> None:
    for number in range(1, 7):
        assert (
            load(warehouse, warehouse.street(crimes(100, f"2023-{number:02d}"), f"2023-{number:02d}")).status
            == "passed"
        )
    low = load(warehouse, warehouse.street(crimes(39, "2023-07"), "2023-07"))
    assert low.status == "held"
    assert low.reason.startswith("volume_against_earlier_months: ")
    assert load(warehouse, warehouse.street(crimes(401, "2023-08"), "2023-08")).status == "held"
    assert load(warehouse, warehouse.street(crimes(60, "2023-09"), "2023-09")).status == "passed"


def test_volume_that_sinks_over_months_is_seen(warehouse: Warehouse) -> None:
    sizes = [200] * 8 + [166, 138, 115, 95, 79]
    ended = []
    for index, size in enumerate(sizes):
        first = f"{2022 + index // 12}-{index % 12 + 1:02d}"
        ended.append(load(warehouse, warehouse.street(crimes(size, first), first)).status)
    assert ended == ["passed"] * 12 + ["held"]


def test_too_little_history_judges_nothing(warehouse: Warehouse) -> None:
    for number in range(1, 6):
        load(warehouse, warehouse.street(crimes(100, f"2023-{number:02d}"), f"2023-{number:02d}"))
    assert load(warehouse, warehouse.street(crimes(10, "2023-06"), "2023-06")).status == "passed"


def test_restated_month_is_compared_with_the_same_month(warehouse: Warehouse) -> None:
    load(warehouse, warehouse.street(crimes(400, "2023-01"), "2023-01", "2023-03-01"))
    load(warehouse, warehouse.street(crimes(60, "2023-02"), "2023-02", "2023-04-01"))
    again = load(warehouse, warehouse.street(crimes(100, "2023-01"), "2023-01", "2023-04-01"))
    assert again.status == "held"
    assert again.reason.startswith("volume_against_earlier_vintage: ")


def test_a_borough_without_records_holds_the_month(warehouse: Warehouse) -> None:
    both = crimes(400)
    for row in both[:200]:
        row.update(lsoa_code="E01004195", lsoa_name="Tower Hamlets 001B", longitude="-0.05")
    for number in range(1, 4):
        rows = [{**row, "month": date(2023, number, 1)} for row in both]
        assert load(warehouse, warehouse.street(rows, f"2023-{number:02d}")).status == "passed"
    verdict = load(warehouse, warehouse.street(crimes(400, "2023-04"), "2023-04"))
    assert verdict.reason.startswith("no_area_vanished: ")


def test_months_loaded_newest_first_end_the_same(warehouse: Warehouse) -> None:
    sizes = dict.fromkeys(range(1, 8), 100) | {7: 20}
    batches = {}
    for number in sorted(sizes, reverse=True):
        batches[number] = warehouse.street(crimes(sizes[number], f"2023-{number:02d}"), f"2023-{number:02d}")
        load(warehouse, batches[number])
    assert warehouse.status(batches[7])[0] == "held"
    reason = warehouse.sql("select reason from ops.batch where batch_id = %s", batches[7])
    assert reason[0][0].startswith("volume_against_earlier_months: ")
    assert {warehouse.status(batches[number])[0] for number in range(1, 7)} == {"admitted"}


def test_lifting_a_column_by_hand_clears_what_was_only_compared_without_it(warehouse: Warehouse) -> None:
    """The publisher really moved its boroughs: once a person says so, the next list has moved nothing."""
    from vru import pipeline

    moved = swapped(victims(), "Bexley", "Ealing", 8)
    load(warehouse, warehouse.homicides(victims(), "2024-01-01"))
    first = warehouse.homicides(moved, "2024-02-01")
    later = warehouse.homicides(swapped(moved, "Barnet", "Brent", 1), "2024-03-01")
    assert [load(warehouse, batch).withheld for batch in (first, later)] == [["borough_name"], ["borough_name"]]
    pipeline.release(first, "confirmed in writing", "engineer", "borough_name")
    assert [warehouse.status(batch) for batch in (first, later)] == [("admitted", []), ("admitted", [])]


def test_a_late_period_reaches_those_judged_by_what_it_changed(warehouse: Warehouse) -> None:
    """One month in four: the first, which comes last, takes back the seventh, and the eighth was judged by that one."""
    sizes = {"2020-05": 40, "2020-09": 60, "2021-01": 100, "2021-05": 160, "2021-09": 250, "2022-01": 30, "2022-05": 35}
    batches = {first: warehouse.street(crimes(size, first), first) for first, size in sizes.items()}
    assert [load(warehouse, batch).status for batch in batches.values()] == ["passed"] * 7
    load(warehouse, warehouse.street(crimes(100, "2020-01"), "2020-01"))
    ended = {first: warehouse.status(batch)[0] for first, batch in batches.items()}
    assert [first for first, status in ended.items() if status != "admitted"] == ["2022-01", "2022-05"]


def test_a_held_list_names_what_still_holds_it(warehouse: Warehouse) -> None:
    """Its comparison was mended by a list that came later; the row count that contradicts the manifest was not."""
    load(warehouse, warehouse.homicides(victims(12), "2024-01-01"))
    wrong = warehouse.homicides(victims(10), "2024-03-01", manifest_rows=99)
    short = warehouse.homicides(victims(10), "2024-02-01")
    assert [load(warehouse, batch).status for batch in (wrong, short)] == ["held", "held"]
    reason = "select reason from ops.batch where batch_id = %s"
    ((before,),) = warehouse.sql(reason, wrong)
    assert "(and 1 more)" in before
    pipeline.release(short, "confirmed in writing", "engineer")
    assert warehouse.status(wrong)[0] == "held"
    ((after,),) = warehouse.sql(reason, wrong)
    assert after.startswith("manifest_rows_agree: ")
    assert "more)" not in after


def real_list(name: str) -> list[Row]:
    """The rows of a real list as the parse reads them."""
    from vru.contracts import load_contract
    from vru.parsing import read

    with (REAL / "mps_homicide_victims" / f"homicide_victims_vintage_{name}.csv").open("rb") as stream:
        reading = read(
            load_contract("mps_homicide_victims"), "victims", stream, file_name=f"homicide_victims_{name}.csv"
        )
        found = [row for chunk in reading for row in chunk.frame.to_dicts()]
    for row in found:
        row.pop("line_number")
    return found


@needs_real_data
def test_the_real_lists_of_victims(warehouse: Warehouse) -> None:
    """B20: the copy of 2022 moves 4.3 % of victims to other boroughs; its totals are good."""
    verdicts = []
    for name, vintage, rows in (("2021_05", "2021-05-05", 2544), ("2022", "2022-03-01", 2686)):
        found = real_list(name)
        assert len(found) == rows
        verdicts.append(load(warehouse, warehouse.homicides(found, vintage, manifest_rows=rows)))
    assert [v.status for v in verdicts] == ["passed", "passed"]
    assert [v.rows_quarantined for v in verdicts] == [0, 0]
    assert (failed(verdicts[0]), verdicts[0].withheld) == ([], [])
    assert (failed(verdicts[1]), verdicts[1].withheld) == (["borough_shares_shift"], ["borough_name"])
    assert verdicts[1].failed[0].detail.startswith("borough_name differs in 91 of 2129 older rows")


@needs_real_data
def test_a_damaged_real_list_is_held_or_loses_the_column_where_it_is_wrong(warehouse: Warehouse) -> None:
    """Each against the list of May 2021; the boroughs of the list of 2022 are withheld in any case."""
    load(warehouse, warehouse.homicides(real_list("2021_05"), "2021-05-05"))
    rows = real_list("2022")

    def in_years(row: Row, first: int, last: int = 9999) -> bool:
        return first <= row["recorded_month"].year <= last

    def with_cell(column: str, value: str | None, first: int, last: int = 9999) -> list[Row]:
        return [{**row, column: value} if in_years(row, first, last) else row for row in rows]

    every_second = [row for place, row in enumerate(rows) if place % 2 or not in_years(row, 2019, 2019)]
    for damaged, check in (
        (rows * 2, "few_victims_twice"),
        ([*rows, *(row for row in rows if in_years(row, 2018, 2018))], "every_year_kept"),
        ([row for row in rows if row["sex"] == "Male"], "every_year_kept"),
        (every_second, "every_year_kept"),
        ([row for place, row in enumerate(rows) if place % 10], "every_year_kept"),
    ):
        verdict = load(warehouse, warehouse.homicides(damaged, "2022-03-01"))
        assert (verdict.status, check in failed(verdict)) == ("held", True), check
    for column, value, years, unit_start in (
        ("method", "Knife or Sharp Implement", (2016,), date(2016, 1, 1)),
        ("sex", "Male", (2003,), None),
        ("solved_status", "Solved", (2010, 2017), date(2010, 1, 1)),
        ("ethnicity", None, (2018, 2018), date(2018, 1, 1)),
    ):
        batch = warehouse.homicides(with_cell(column, value, *years), "2022-03-01")
        assert load(warehouse, batch).withheld == sorted(["borough_name", column])
        first = "select min(unit_start) from ops.withheld_column where batch_id = %s and column_name = %s"
        assert warehouse.sql(first, batch, column) == [(unit_start,)]
        warehouse.sql("update ops.batch set status = 'held', admitted_at = null where batch_id = %s", batch)


def test_a_small_batch_is_cheap(warehouse: Warehouse) -> None:
    """A first run has some 200 small batches. The bound is loose: machines that run tests are busy."""
    load(warehouse, warehouse.street(crimes(50, "2023-01"), "2023-01"))
    took = []
    for number in range(2, 7):
        batch = warehouse.street(crimes(50, f"2023-{number:02d}"), f"2023-{number:02d}")
        begun = time.process_time()
        quality.audit(batch, today=TODAY)
        took.append(time.process_time() - begun)
    assert sorted(took)[2] < 0.4
