"""The audit of one batch: what it finds, what it moves, what it holds."""

from __future__ import annotations

import threading
import time

import psycopg2
import pytest
from vru import quality
from vru.quality.suites import load_feed_suite

from tests.unit.quality.conftest import TODAY, Warehouse, crimes, estimates, month, victims

SECRET = "Zzyzx-4711"
"""A cell value that must turn up in quarantine and nowhere else."""


def test_sound_batch_passes_and_is_admitted(warehouse: Warehouse) -> None:
    batch = warehouse.homicides(victims())
    verdict = quality.audit(batch, today=TODAY)
    assert (verdict.status, verdict.reason, verdict.failed, verdict.rows_quarantined) == ("passed", "", [], 0)
    assert warehouse.sql("select status, audited_at is not null from ops.batch") == [("parsed", True)]
    results = warehouse.sql("select count(*), bool_and(is_success) from ops.check_result where batch_id = %s", batch)
    assert results == [(len(load_feed_suite("mps_homicide_victims").resources["victims"].checks), True)]
    assert quality.admit(batch)
    assert warehouse.sql("select status, rows_admitted, admitted_at is not null from ops.batch") == [
        ("admitted", 120, True)
    ]


def test_admit_is_idempotent_and_refuses_the_rest(warehouse: Warehouse) -> None:
    batch = warehouse.homicides(victims())
    assert not quality.admit(batch), "it was not audited"
    quality.audit(batch, today=TODAY)
    quality.admit(batch)
    before = warehouse.sql("select admitted_at from ops.batch")
    assert quality.admit(batch)
    assert warehouse.sql("select admitted_at from ops.batch") == before
    held = warehouse.homicides([])
    assert quality.audit(held, today=TODAY).status == "held"
    assert not quality.admit(held)
    with pytest.raises(quality.QualityError, match="no batch 999"):
        quality.admit(999)


def test_failing_row_goes_to_quarantine_with_line_check_and_reason(warehouse: Warehouse) -> None:
    rows = crimes(200)
    rows[7]["lsoa_code"] = SECRET
    batch = warehouse.street(rows)
    verdict = quality.audit(batch, today=TODAY)
    assert (verdict.status, verdict.rows_quarantined) == ("passed", 1)
    found = warehouse.sql(
        "select line_number, column_name, check_id, stage, reason, record ->> 'lsoa_code' from quarantine.row"
    )
    assert found[0][:4] == (9, "lsoa_code", "lsoa_code_is_a_code", "audit")
    assert found[0][4].startswith("The area code is no code of a small area")
    assert found[0][5] == SECRET
    assert warehouse.sql("select count(*), bool_or(line_number = 9) from raw.police_uk_street") == [(199, False)]
    assert quality.admit(batch)
    assert warehouse.sql("select rows_parsed, rows_admitted, rows_quarantined from ops.batch") == [(200, 199, 1)]


def test_a_record_of_many_rows_counts_once_and_keeps_its_sound_ones(warehouse: Warehouse) -> None:
    """300 rows of 100 records: two rows of one record fail, one of another that the parse had refused in part."""
    rows = [{**row, "line_number": 2 + number // 3, "part": 1 + number % 3} for number, row in enumerate(crimes(300))]
    for number in (3, 4, 6):
        rows[number]["lsoa_code"] = SECRET
    batch = warehouse.street(rows, rejected={4: "month"})
    verdict = quality.audit(batch, today=TODAY)
    assert verdict.rows_quarantined == 2
    assert warehouse.sql("select line_number, part from quarantine.row where stage = 'audit' order by 1, 2") == [
        (3, 1), (3, 2), (4, 1),
    ]  # fmt: skip
    assert warehouse.sql("select line_number, part from raw.police_uk_street where line_number in (3, 4)") == [
        (3, 3), (4, 2), (4, 3),
    ]  # fmt: skip
    warehouse.sql("update ops.batch set status = 'parsed' where batch_id = %s", batch)
    assert quality.admit(batch)
    assert warehouse.sql("select rows_parsed, rows_admitted, rows_quarantined from ops.batch") == [(100, 98, 2)]


def test_row_failing_several_checks_counts_once(warehouse: Warehouse) -> None:
    rows = crimes(200)
    rows[0].update(lsoa_code="?", crime_type="?", longitude="51.5", latitude="-0.1")
    verdict = quality.audit(warehouse.street(rows), today=TODAY)
    assert verdict.rows_quarantined == 1
    assert warehouse.sql("select count(*), count(distinct line_number) from quarantine.row") == [(4, 1)]


@pytest.mark.parametrize(("bad", "status"), [(2, "passed"), (3, "held")])
def test_share_in_quarantine_over_the_tolerance_holds(warehouse: Warehouse, bad: int, status: str) -> None:
    rows = crimes(200)
    for row in rows[:bad]:
        row["crime_type"] = SECRET
    verdict = quality.audit(warehouse.street(rows), today=TODAY)
    assert (verdict.status, verdict.rows_quarantined) == (status, bad)
    if status == "held":
        assert verdict.reason == (
            "quarantine_over_tolerance: 3 of 200 rows (1.50 %) against limit 1 %, most by check crime_type_is_known "
            "(first on line 2)"
        )


def test_rejects_of_the_parse_count_towards_the_tolerance(warehouse: Warehouse) -> None:
    rows = crimes(198)
    rows[0]["crime_type"] = "?"
    batch = warehouse.street(rows, rejected={500: "month", 501: "month"})
    verdict = quality.audit(batch, today=TODAY)
    assert (verdict.status, verdict.rows_quarantined) == ("held", 3)
    assert "3 of 200 rows (1.50 %) against limit 1 %, most by check not_readable" in verdict.reason


def test_one_bad_row_holds_a_list_of_persons(warehouse: Warehouse) -> None:
    rows = victims()
    rows[3]["recorded_month"] = month("2031-01")
    verdict = quality.audit(warehouse.homicides(rows), today=TODAY)
    assert verdict.status == "held"
    assert verdict.reason.startswith("quarantine_over_tolerance: 1 of 120 rows")
    assert warehouse.sql("select line_number, check_id from quarantine.row") == [(5, "month_not_in_future")]


def test_warning_is_reported_and_changes_nothing(warehouse: Warehouse) -> None:
    rows = crimes(200)
    rows[0]["last_outcome"] = SECRET
    verdict = quality.audit(warehouse.street(rows), today=TODAY)
    assert (verdict.status, verdict.rows_quarantined) == ("passed", 0)
    assert [(f.check_id, f.severity, f.unexpected_count) for f in verdict.failed] == [
        ("outcome_is_known", "warning", 1)
    ]
    assert warehouse.sql("select count(*) from raw.police_uk_street") == [(200,)]


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("month_is_that_of_file", {"month": month("2022-12")}),
        ("force_is_that_of_file", {"reported_by": "Metropolitan Police Service"}),
    ],
)
def test_one_row_of_another_month_or_force_holds_the_file(
    warehouse: Warehouse, check: str, change: dict[str, object]
) -> None:
    rows = crimes(200)
    rows[11].update(change)
    verdict = quality.audit(warehouse.street(rows), today=TODAY)
    assert verdict.status == "held"
    assert verdict.reason.startswith(f"{check}: Records ")
    assert warehouse.sql("select count(*) from raw.police_uk_street") == [(200,)], "the whole is at fault, not a row"


def test_months_of_searches_are_those_of_london(warehouse: Warehouse) -> None:
    row = {"search_type": "Person search", "search_month": month("2023-06"), "longitude": "-0.1", "latitude": "51.5"}
    rows = [
        {**row, "searched_at": f"2023-05-31T23:{number % 60:02d}:00+00:00", "operation_name": f"{number}",
         "is_part_of_operation": True}
        for number in range(200)
    ]  # fmt: skip
    batch = warehouse.parsed(
        "police_uk_stop_search", "stop_search", rows, partition="metropolitan", period=month("2023-06")
    )
    assert quality.audit(batch, today=TODAY).failed == []


def test_only_the_new_batch_is_checked(warehouse: Warehouse) -> None:
    bad = warehouse.street(crimes(50, crime_type="?"), "2022-12")
    assert quality.audit(bad, today=TODAY).status == "held"
    good = warehouse.street(crimes(200))
    verdict = quality.audit(good, today=TODAY)
    assert (verdict.status, verdict.failed) == ("passed", [])
    assert warehouse.sql("select distinct element_count from ops.check_result where batch_id = %s", good) == [(200,)]


def test_audited_batch_returns_its_verdict(warehouse: Warehouse) -> None:
    rows = crimes(200)
    rows[0]["crime_type"] = "?"
    batch = warehouse.street(rows)
    first = quality.audit(batch, today=TODAY)
    size = "select (select count(*) from ops.check_result), (select count(*) from quarantine.row)"
    before = warehouse.sql(size)
    assert quality.audit(batch, today=TODAY) == first
    assert warehouse.sql(size) == before


def test_a_batch_that_was_taken_back_did_not_pass(warehouse: Warehouse) -> None:
    batch = warehouse.street(crimes(200))
    assert quality.audit(batch, today=TODAY).status == "passed"
    assert quality.admit(batch)
    warehouse.sql("update ops.batch set status = 'withdrawn', withdrawn_at = now() where batch_id = %s", batch)
    assert quality.audit(batch, today=TODAY).status == "withdrawn"


def test_killed_audit_leaves_nothing_and_starts_again(warehouse: Warehouse) -> None:
    """The audit is stopped while it writes by a lock, then its connection is killed."""
    from vru.warehouse.engine import raw_connection

    rows = crimes(200)
    rows[0]["crime_type"] = "?"
    batch = warehouse.street(rows)
    blocker = raw_connection("migrator")
    blocker.cursor().execute("lock table ops.check_result in exclusive mode")
    outcome: list[Exception] = []

    def work() -> None:
        try:
            quality.audit(batch, today=TODAY)
        except psycopg2.Error as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    waiting = "select pid from pg_stat_activity where application_name = 'vru: audit' and wait_event_type = 'Lock'"
    deadline = time.monotonic() + 60
    while not (found := warehouse.sql(waiting)) and time.monotonic() < deadline:
        time.sleep(0.05)
    warehouse.sql("select pg_terminate_backend(%s)", found[0][0])
    thread.join(timeout=30)
    blocker.rollback()
    blocker.close()
    assert outcome, "the audit ended although its connection was killed"
    assert warehouse.sql("select audited_at, rows_quarantined from ops.batch") == [(None, 0)]
    assert warehouse.sql("select count(*) from quarantine.row") == [(0,)]
    assert warehouse.sql("select count(*) from raw.police_uk_street") == [(200,)]
    assert quality.audit(batch, today=TODAY).rows_quarantined == 1
    assert warehouse.sql("select count(*) from raw.police_uk_street") == [(199,)]


def test_no_result_holds_a_value(warehouse: Warehouse) -> None:
    rows = crimes(200)
    for row in rows[:100]:
        row.update(lsoa_code=SECRET, crime_type=SECRET, last_outcome=SECRET, reported_by=SECRET, lsoa_name=SECRET)
    batch = warehouse.street(rows)
    verdict = quality.audit(batch, today=TODAY)
    assert verdict.status == "held"
    page = quality.data_docs()
    told = [str(verdict), *(p.read_text(encoding="utf-8") for p in page.parent.rglob("*.html"))]
    told += [str(row) for row in warehouse.sql("select * from ops.check_result")]
    told += [str(row) for row in warehouse.sql("select * from ops.batch")]
    assert not [text for text in told if SECRET in text]
    assert any("crime_type_is_known" in text for text in told[1:])


def test_identical_rows_of_a_key_are_counted_once(warehouse: Warehouse) -> None:
    rows = estimates()
    rows += [dict(rows[0]), {**rows[5], "area_code": " E09000006"}, dict(rows[0])]
    batch = warehouse.population(rows)
    verdict = quality.audit(batch, today=TODAY)
    assert (verdict.status, verdict.rows_quarantined) == ("passed", 3), verdict.reason
    assert warehouse.sql("select distinct check_id from quarantine.row") == [("repeated_row_of_a_key",)]
    assert warehouse.sql("select count(*) from raw.ons_population__borough") == [(68,)]
    assert warehouse.sql("select sum(population_count)::int from raw.ons_population__borough") == [(4 * 33 * 9000,)]


def test_rows_of_a_key_that_differ_are_all_quarantined(warehouse: Warehouse) -> None:
    rows = estimates(range(1990, 2024))
    rows.append({**rows[40], "population_count": 9001})
    verdict = quality.audit(warehouse.population(rows), today=TODAY)
    lines = warehouse.sql("select line_number, check_id from quarantine.row order by 1")
    assert lines == [(42, "one_estimate_per_area_and_year"), (len(rows) + 1, "one_estimate_per_area_and_year")]
    assert verdict.status == "held", "without the row its year has not all authorities; and 2 of 1157 are over 0.1 %"


def test_bad_value_in_a_key_column_holds_however_rare(warehouse: Warehouse) -> None:
    rows = estimates(range(1982, 2024))
    batch = warehouse.population(rows, rejected={9999: "mid_year"})
    verdict = quality.audit(batch, today=TODAY)
    assert verdict.status == "held"
    assert verdict.reason == (
        "bad_value_in_key: column mid_year is part of the key and has a bad value in 1 rows against limit none"
    )


def test_boroughs_must_add_up_to_london(warehouse: Warehouse) -> None:
    rows = estimates()
    rows[0]["population_count"] += 1
    verdict = quality.audit(warehouse.population(rows), today=TODAY)
    assert verdict.status == "held"
    assert verdict.reason.startswith("boroughs_add_up_to_london: ")


def test_a_check_that_cannot_be_run_is_no_verdict(warehouse: Warehouse) -> None:
    batch = warehouse.homicides(victims())
    warehouse.sql("alter table raw.mps_homicide_victims rename column solved_status to elsewhere", role="migrator")
    try:
        with pytest.raises(quality.QualityError, match=r"check [a-z_]+ could not be computed"):
            quality.audit(batch, today=TODAY)
    finally:
        warehouse.sql("alter table raw.mps_homicide_victims rename column elsewhere to solved_status", role="migrator")
    assert warehouse.sql("select status, audited_at from ops.batch") == [("parsed", None)]
    assert quality.audit(batch, today=TODAY).status == "passed"
