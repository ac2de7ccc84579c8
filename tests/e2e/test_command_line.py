"""What a person does with `vru` on one state folder, from the first run to a past report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import psycopg2
import pytest
from vru.settings import CHECKOUT

from tests.e2e.conftest import Home
from tests.e2e.inboxes import fill
from tests.scratch import scratch

VICTIMS = "mps_homicide_victims"
BATCH_KEYS = {
    "batch_id", "feed", "resource", "partition", "period_start", "period_end", "status", "reason", "sha256",
    "contract_version", "vintage_at", "rows_parsed", "rows_admitted", "rows_quarantined",
}  # fmt: skip
FEED_KEYS = {"feed", "last_batch_id", "status", "last_admitted_at", "rows_admitted", "rows_quarantined", "score"}


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic inbox, and a folder of a feed that does not exist."""
    folder = fill(tmp_path_factory.mktemp("inbox"), date(2022, 10, 15))
    (folder / "moon_landings").mkdir()
    return folder


@pytest.fixture(scope="module")
def vru(new_home: Callable[..., Home], inbox: Path) -> Home:
    """A state folder after its first run."""
    home = new_home(empty=True)
    done = home("run", "--inbox", inbox)
    assert "skipped, no such feed: moon_landings" in done.stderr
    for feed in (VICTIMS, "police_uk_street", "ons_geography", "ons_population", "police_uk_stop_search"):
        assert feed in done.stdout
    report = Path(done.stdout.split("report: ")[1].strip())
    assert report.is_file()
    return home


def batches(vru: Home) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(vru("batches", "--json").stdout)
    return found


def test_a_second_run_asks_again_and_makes_no_batch(vru: Home, tmp_path: Path) -> None:
    before = batches(vru)
    attempts = vru.sql("select count(*) from ops.attempt")[0][0]
    watching = {"PYTHONPATH": str(CHECKOUT / "benchmarks" / "starts"), "VRU_BENCH_STARTS": str(tmp_path / "starts")}
    done = Home(vru.path, {**vru.environment, **watching})("run")
    imported = [json.loads(line)["import_s"].keys() for line in (tmp_path / "starts").read_text().splitlines()]
    assert set().union(*imported) == {"airflow"}, "neither Great Expectations nor dbt has anything to do"
    assert "every source was asked again; nothing is new, no batch was made" in done.stdout
    assert batches(vru) == before
    assert vru.sql("select count(*) from ops.attempt")[0][0] == 2 * attempts
    states = vru.sql("select dag_id, state from dag_run order by id desc limit 7", role="airflow")
    assert {state for _, state in states} == {"success"}
    tasks = vru.sql(
        "select distinct task_id, t.state from task_instance t join dag_run r using (dag_id, run_id) "
        "where dag_id like 'ingest__%' and r.id in (select max(id) from dag_run group by dag_id)",
        role="airflow",
    )
    skipped = {("parse", "skipped"), ("audit", "skipped"), ("admit", "skipped"), ("finish", "skipped")}
    assert set(tasks) == {("fetch", "success"), *skipped}


def test_listings_have_the_columns_that_programs_rely_on(vru: Home) -> None:
    for row in batches(vru):
        assert row.keys() >= BATCH_KEYS
        assert row["status"] == "admitted"
        assert row["rows_admitted"] == row["rows_parsed"]
    feeds = json.loads(vru("feeds", "--json").stdout)
    assert len(feeds) == 5
    for row in feeds:
        assert row.keys() >= FEED_KEYS
        assert 0 <= row["score"] <= 100
    assert json.loads(vru("quarantine", "--json").stdout) == []


def test_wrong_use_ends_with_2_and_says_what_is_right(vru: Home, tmp_path: Path) -> None:
    for arguments, words in (
        (["run", "--profile", "sandbox"], "belongs to profile 'files'"),
        (["run", "--profile", "moon"], "sandbox, files, live"),
        (["ingest", "moon_landings"], "known feeds"),
        (["run", "--feed", VICTIMS, "--feed", "moon_landings"], "known feeds"),
        (["ingest", VICTIMS, "--file", tmp_path / "none.csv"], "no such file"),
        (["batches", "--jsn"], "No such option"),
        (["build", "--as-known-at", "yesterday"], "2021-12-31"),
        (["report", "weather"], "quality"),
        (["release", "999999", "--reason", "why"], "no batch 999999"),
        (["withdraw", "1", "--reason", " "], "--reason"),
        (["sandbox", "next"], "files"),
    ):
        assert words in vru(*arguments, expect=2).stderr, arguments


def test_it_works_on_its_own_checkout_whatever_the_current_folder(
    vru: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(json.loads(vru("feeds", "--json").stdout)) == 5
    assert list(tmp_path.iterdir()) == []


def test_a_rejected_file_fails_parse_at_once_and_says_how_to_mend_it(vru: Home, inbox: Path) -> None:
    before = batches(vru)
    bad = inbox / "police_uk_street" / "2022-07-city-of-london-street.csv"
    clean = bad.read_bytes()
    manifest = bad.with_name("manifest.csv")
    kept = manifest.read_text(encoding="utf-8")
    bad.write_bytes(clean.replace(b"Crime type", b"Crime kind", 1))
    manifest.write_text(
        "".join(line for line in kept.splitlines(keepends=True) if bad.name not in line), encoding="utf-8"
    )
    try:
        done = vru("run", expect=1)
    finally:
        bad.write_bytes(clean)
        manifest.write_text(kept, encoding="utf-8")
    assert f"police_uk_street, {bad.name}" in done.stderr
    assert "missing_column" in done.stderr
    assert "vru replay police_uk_street --batch" in done.stderr
    new = [b for b in batches(vru) if b not in before]
    assert [(b["status"], b["rows_parsed"]) for b in new] == [("rejected", 0)]
    run_id = vru.sql(
        "select run_id from dag_run where dag_id = 'ingest__police_uk_street' order by id desc limit 1", role="airflow"
    )[0][0]
    tasks = dict(
        vru.sql(
            "select task_id, state || ' ' || try_number from task_instance "
            "where dag_id = 'ingest__police_uk_street' and run_id = %s",
            run_id,
            role="airflow",
        )
    )
    assert tasks == {
        "fetch": "success 1", "parse": "failed 1", "audit": "success 1", "admit": "skipped 1",
        "finish": "upstream_failed 0",
    }  # fmt: skip


def test_a_held_file_waits_for_a_person_and_can_be_taken_back(vru: Home, tmp_path: Path, inbox: Path) -> None:
    newest = sorted((inbox / VICTIMS).glob("homicide*.csv"))[-1]
    lines = newest.read_bytes().splitlines(keepends=True)
    total = "select sum(victim_count) from marts.fct_homicide_victim"
    before = vru.sql(total, role="transformer")
    (tmp_path / "homicide_victims_new.csv").write_bytes(
        b"".join(lines[:-3]) + lines[-3].replace(b",", b";", 1) + lines[-2]
    )
    done = vru("ingest", VICTIMS, "--file", tmp_path / "homicide_victims_new.csv", expect=1)
    assert "homicide_victims_new.csv" in done.stderr
    batch = batches(vru)[-1]
    assert batch["status"] == "held"
    assert f"vru release {batch['batch_id']} --reason" in done.stderr
    (quarantined,) = json.loads(vru("quarantine", VICTIMS, "--json").stdout)
    assert (quarantined["line"], quarantined["check"]) == (len(lines) - 2, "too_few_cells")
    vru("release", batch["batch_id"], "--reason", "agreed with the publisher")
    vru("build")
    assert vru.sql(total, role="transformer") == [(before[0][0] - 2,)]
    assert vru.sql("select decision, reason from ops.decision") == [("release", "agreed with the publisher")]
    again = vru("ingest", VICTIMS, "--file", tmp_path / "homicide_victims_new.csv")
    assert "no batch made" in again.stdout
    vru("withdraw", batch["batch_id"], "--reason", "the publisher took it back")
    vru("build")
    assert vru.sql(total, role="transformer") == before
    assert "no batch made" in vru("ingest", VICTIMS, "--file", tmp_path / "homicide_victims_new.csv").stdout


def test_the_analyst_reads_marts_and_nothing_else(vru: Home) -> None:
    vru("build", "--as-known-at", "2022-08-31")
    readable = (
        "marts.mart_measure", "asof_20220831.mart_measure", "publish.homicide_london_month", "ops.v_batch",
        "ops.v_batch_status", "ops.v_quarantine",
    )  # fmt: skip
    for table in readable:
        vru.sql(f"select * from {table} limit 1", role="analyst")
    assert "t" in vru("sql", "--csv", "-c", "select count(*) > 0 from asof_20220831.mart_measure").stdout.split()
    for query in (
        f"select 1 from raw.{VICTIMS}", "select 1 from quarantine.row", "select 1 from ops.batch",
        "select 1 from staging.stg_mps_homicide_victims", "select 1 from marts_build.mart_measure",
        "select 1 from stg_asof_20220831.stg_mps_homicide_victims", "delete from marts.mart_measure",
        "set default_transaction_read_only = off; delete from marts.mart_measure", "create table marts.x (i int)",
        "create temp table x (i int)", "copy (select 1) to program 'true'", "select pg_advisory_lock(1)",
        "select lo_create(0)",
    ):  # fmt: skip
        with pytest.raises(psycopg2.Error, match=r"denied|read-only"):
            vru.sql(query, role="analyst")
    assert "permission denied" in vru("sql", "-c", "select 1 from ops.batch", expect=2).stderr


@pytest.mark.parametrize(
    "past",
    [
        pytest.param([], id="present"),
        pytest.param(["--as-known-at", "2022-08-31"], id="past", marks=pytest.mark.deep),
    ],
)
def test_a_report_has_the_same_bytes_twice(vru: Home, tmp_path: Path, past: list[str]) -> None:
    pages = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        vru("report", "quality", "--month", "2022-08", *past, "--out", folder)
        (page,) = folder.iterdir()
        assert page.name == "quality-2022-08.html"
        pages.append(page.read_bytes())
    assert pages[0] == pages[1]


def test_connection_lines_work(vru: Home) -> None:
    done = vru("db", "up")
    assert "listens on 127.0.0.1:" in done.stdout
    (line,) = vru("db", "url", "--role", "analyst").stdout.splitlines()
    assert line.startswith("postgresql+psycopg2://analyst:")
    from sqlalchemy import create_engine, text

    with create_engine(line).connect() as connection:
        assert connection.execute(text("select current_user")).scalar() == "analyst"
    pandas = vru("db", "url", "--role", "analyst", "--for", "pandas").stdout
    assert "read_sql" in pandas
    assert shutil.which("psql") is None or "psql" in vru("db", "url", "--role", "analyst", "--for", "psql").stdout
    assert "PostgreSQL 18, 127.0.0.1:" in vru("db", "status").stdout


def test_doctor_finds_nothing_to_mend(vru: Home) -> None:
    assert "MEND" not in vru("doctor").stdout


@pytest.mark.deep
def test_a_table_that_contradicts_its_publisher_is_withheld_and_the_report_ends_with_1(
    vru: Home, tmp_path: Path
) -> None:
    off_by = (
        "update marts.mart_measure set value_count = value_count {} 1 where definition_id = 'homicide' and is_headline "
        "and area_kind = 'region' and period_kind = 'month' and period_start = '2018-01-01' returning 1"
    )
    assert vru.sql(off_by.format("+"), role="transformer") == [(1,)]
    try:
        done = vru("report", "quality", "--out", tmp_path, expect=1)
        assert "publish.homicide_london_month: withheld: " in done.stderr
        assert vru.sql("select count(*) from publish.homicide_london_month", role="publisher") == [(0,)]
    finally:
        vru.sql(off_by.format("-"), role="transformer")
    vru("report", "quality", "--out", tmp_path)
    assert vru.sql("select count(*) > 0 from publish.homicide_london_month", role="publisher") == [(True,)]


@pytest.mark.deep
def test_marts_that_cannot_be_built_stand_and_the_report_says_that_they_are_old(vru: Home, tmp_path: Path) -> None:
    before = vru.sql("select count(*) from marts.mart_measure", role="transformer")
    place = scratch(tmp_path / "checkout")
    place.change("dbt_project/models/marts/shared/dim_month.sql", "select", "select no_such_column,")
    done = place.run("vru", "report", "quality", "--out", tmp_path / "out", home=vru.path, VRU_ENV_FILE="")
    assert done.returncode == 0, done.stderr
    (page,) = (tmp_path / "out").iterdir()
    assert "Newer data was let in than the figures below hold: a build is due." in page.read_text(encoding="utf-8")
    assert vru.sql("select count(*) from marts.mart_measure", role="transformer") == before
