"""What a build does to what stands: differences only, withdrawals, killed builds, failed audits, absent feeds."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date

import psycopg2
import pytest
from vru.settings import CHECKOUT

from tests.warehouse.build_loader import (
    TODAY,
    execute,
    load,
    own_warehouse,
    police_period,
    rows,
    withdraw,
)

pytestmark = pytest.mark.timeout(300)

STREET_HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,"
    "Last outcome category,Context\n"
)
VICTIMS_HEADER = (
    "Count of Victims,Age Group,Sex,Method of Killing,Domestic Abuse,Recorded Date,Homicide Offence Type,Solved Status,"
    "Borough,Officer Observed Ethnicity\n"
)
MONTHS = """
    select to_char(month, 'YYYY-MM'), count(*) from {}.fct_street_crime group by month order by month
"""


def street(month: str, count: int, vintage_at: str = "2023-06-01") -> int:
    """Load a month of the City's street file with that many records; batch_id."""
    lines = [
        f"{hashlib.sha256(f'{month}{n}'.encode()).hexdigest()},{month},City of London Police,City of London Police,"
        "-0.11,51.51,On or near A,E01000001,City 001A,Drugs,Under investigation,\n"
        for n in range(count)
    ]
    name = f"{month.replace('-', '_')}_city_of_london_street.csv"
    content = (STREET_HEADER + "".join(lines)).encode()
    return load("police_uk_street", content, vintage_at, file_name=name, **police_period(name))


def lookups() -> None:
    """Load one LSOA of each borough in both vintages, and one borough's size."""
    for name, header in (
        ("lsoa11_to_borough.csv", "LSOA11CD,LSOA11NM,MSOA11CD,MSOA11NM,LAD11CD,LAD11NM\n"),
        ("lsoa21_to_borough.csv", "LSOA21CD,LSOA21NM,MSOA21CD,MSOA21NM,LAD22CD,LAD22NM\n"),
    ):
        areas = [f"E010000{n:02},A {n},E020000{n:02},A {n},E090000{n:02},B {n}\n" for n in range(1, 34)]
        load("ons_geography", (header + "".join(areas)).encode(), "2022-12-31", file_name=name)
    sizes = b"NAME,GSS_CODE,HECTARES,NONLD_AREA,ONS_INNER\nEaling,E09000009,5554,0,F\n"
    load("ons_geography", sizes, "2022-12-31", file_name="boroughs_gss.csv")


def victims() -> int:
    """Load a list of three victims in January and March 2021; batch_id."""
    return load(
        "mps_homicide_victims",
        (
            VICTIMS_HEADER + "1,25 to 34,Male,Shooting,No,Jan 2021,Murder,Solved,Ealing,White\n"
            "1,25 to 34,Male,Knife or Sharp Implement,Yes,Jan 2021,Murder,Solved,Heathrow,White\n"
            "1,0 to 12,Female,Shooting,No,Mar 2021,Murder,Solved,Brent,White\n"
        ).encode(),
        "2021-07-01",
        file_name="homicide_victims.csv",
    )


def population() -> int:
    """Load residents of London and Ealing in 2020; batch_id."""
    return load(
        "ons_population",
        b"gss_code,name,mid_year,population,series\nE12000007,LONDON,2020,1000000,x\nE09000009,Ealing,2020,100000,x\n",
        "2021-06-01",
        file_name="borough_mye.csv",
    )


def searches() -> int:
    """Load one search of December 2023; batch_id."""
    name = "2023_12_metropolitan_stop_and_search.csv"
    return load(
        "police_uk_stop_search",
        (
            b"Type,Date,Part of a policing operation,Policing operation,Latitude,Longitude,Gender,Age range,"
            b"Self-defined ethnicity,Officer-defined ethnicity,Legislation,Object of search,Outcome,"
            b"Outcome linked to object of search,Removal of more than just outer clothing\n"
            b"Person search,2023-12-01T00:08:00+00:00,False,,51.5,-0.13,Male,25-34,Not stated,Black,"
            b"Misuse of Drugs Act 1971 (section 23),Controlled drugs,Arrest,,\n"
        ),
        "2024-02-29",
        file_name=name,
        **police_period(name),
    )


@pytest.fixture(scope="module")
def warehouse() -> Iterator[None]:
    """Both schemas of marts built from every feed and three months of street records; the tests share it."""
    from vru import transform

    with own_warehouse():
        lookups()
        victims()
        population()
        searches()
        for month, count in (("2022-07", 3), ("2022-08", 4)):
            street(month, count)
        assert transform.build(today=TODAY) is not None
        street("2022-09", 5)
        assert transform.build(today=TODAY) is not None
        yield


@pytest.fixture
def built(warehouse: None) -> None:
    """Nothing is left to do: what a test before this one left is built, into both schemas."""
    from vru import transform

    transform.build(today=TODAY)


def months(schema: str = "marts") -> dict[str, int]:
    """Records by month."""
    return dict(rows(MONTHS.format(schema), role="transformer"))


def test_only_what_differs_is_written(built: None) -> None:
    from vru import transform

    before = dict(rows("select ctid::text, month from marts.fct_street_crime"))
    assert months() == {"2022-07": 3, "2022-08": 4, "2022-09": 5}
    assert before
    street("2022-10", 6)
    street("2022-07", 2, "2023-07-01")  # restated
    result = transform.build(today=TODAY)
    assert result is not None
    assert not result.is_full
    written = dict(
        rows("select node, row_count from ops.model_run where build_id = %s and node like %s",
             (result.build_id, "model.fct_s%"))
    )  # fmt: skip
    # the schema built in had missed the build before as well
    assert written["model.fct_street_crime"] in (8, 8 + 5)
    assert written["model.fct_stop_search"] == 0
    assert months() == {"2022-07": 2, "2022-08": 4, "2022-09": 5, "2022-10": 6}


def test_the_same_content_stated_again_writes_no_fact(built: None) -> None:
    from vru import transform

    execute(
        "loader",
        "insert into ops.delivery (feed, resource, partition, period_start, period_end, sha256, vintage_at, "
        "vintage_source, source_url, file_name, size_bytes, content_key) "
        "select feed, resource, partition, period_start, period_end, sha256, vintage_at + interval '30 days', "
        "'manifest', source_url, file_name, size_bytes, content_key from ops.delivery "
        "where feed = 'mps_homicide_victims'",
    )
    assert transform.is_due()
    result = transform.build(today=TODAY)
    assert result is not None
    assert rows("select distinct known_at::date from marts.fct_homicide_victim") == [(date(2021, 7, 31),)]


def test_a_withdrawn_month_empties_in_both_schemas(built: None) -> None:
    from vru import transform

    batch = street("2023-01", 7)
    transform.build(today=TODAY)
    street("2023-02", 1)
    transform.build(today=TODAY)
    assert months()["2023-01"] == months("marts_build")["2023-01"] == 7
    withdraw(batch)
    assert transform.is_due()
    transform.build(today=TODAY)
    assert "2023-01" not in months()
    assert months("marts_build")["2023-01"] == 7
    street("2023-02", 2, "2023-08-01")
    transform.build(today=TODAY)
    assert "2023-01" not in months()
    assert "2023-01" not in months("marts_build")
    assert months()["2023-02"] == 2


def test_an_incremental_build_equals_a_full_one(built: None) -> None:
    from vru import transform

    street("2023-03", 9)
    transform.build(today=TODAY)
    by_differences = transform.mart_hash()
    execute("transformer", "drop schema marts_build cascade")
    execute("transformer", "update marts.build_state set fingerprint = 'another'")
    result = transform.build(today=TODAY)
    assert result is not None
    assert result.is_full
    assert transform.mart_hash() == by_differences


KILLED = """
import os, signal
from datetime import date
from vru import transform
plan = transform.prepare(today=date(2024, 3, 1))
transform.run_domain(plan.build_id, "shared")
transform.run_domain(plan.build_id, "police_uk")
print(plan.build_id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_build_is_caught_up_by_the_next(built: None) -> None:
    from vru import transform

    street("2023-12", 1)
    transform.build(today=TODAY)  # both schemas are now complete and of the present models
    street("2023-04", 3)
    before = transform.mart_hash()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "plugins")},
    )
    assert killed.returncode == -9, killed.stderr
    build_id = int(killed.stdout.split()[-1])
    assert transform.mart_hash() == before
    # what it wrote is withdrawn before the next build: the difference to the marts in use would not show it
    (batch,) = rows("select max(batch_id) from ops.batch where feed = 'police_uk_street'")[0]
    withdraw(batch)
    street("2023-05", 4)
    execute("transformer", "update ops.lease set heartbeat_at = heartbeat_at - interval '61 seconds'")
    result = transform.build(today=TODAY)
    assert result is not None
    assert not result.is_full
    assert "2023-04" not in months()
    assert months()["2023-05"] == 4
    assert rows("select status from ops.build where build_id = %s", (build_id,)) == [("failed",)]
    with pytest.raises(transform.BuildError, match="later build"):
        transform.run_domain(build_id, "shared")


def test_a_first_build_that_was_killed_starts_anew(built: None) -> None:
    from vru import transform

    execute("transformer", "update marts_build.build_state set is_usable = false")
    street("2023-06", 2)
    result = transform.build(today=TODAY)
    assert result is not None
    assert result.is_full
    assert months()["2023-06"] == 2


def test_a_failed_audit_leaves_the_marts(built: None) -> None:
    from vru import transform

    street("2023-07", 2)
    before = transform.mart_hash()
    info = rows("select * from marts.build_info")
    plan = transform.prepare(today=TODAY)
    assert plan is not None
    for domain in transform.DOMAINS:
        transform.run_domain(plan.build_id, domain)
    with pytest.raises(transform.BuildError, match="audit"):
        transform.finish(plan.build_id)  # nobody has looked at it yet
    execute("transformer", "drop table marts_build.mart_measure cascade")
    with pytest.raises(transform.BuildError, match="implausible"):
        transform.audit(plan.build_id)
    with pytest.raises(transform.BuildError, match="audit"):
        transform.finish(plan.build_id)
    transform.fail(plan.build_id, "the audit failed")
    assert transform.mart_hash() == before
    assert rows("select * from marts.build_info") == info
    assert rows("select count(*) from ops.lease") == [(0,)]
    # a person looks, and lets the failed task run again
    transform.run_domain(plan.build_id, "measures")
    transform.audit(plan.build_id)
    assert transform.finish(plan.build_id).schema == "marts"
    assert months()["2023-07"] == 2


def test_a_model_that_fails_stops_the_build(built: None) -> None:
    from vru import transform

    street("2023-08", 1)
    before = transform.mart_hash()
    plan = transform.prepare(today=TODAY)
    assert plan is not None
    execute("transformer", "delete from marts_build.build_input where feed = 'police_uk_street'")
    execute("transformer", "drop table marts_build.build_change")
    for domain in ("shared", "homicide"):
        transform.run_domain(plan.build_id, domain)
    with pytest.raises(transform.BuildError, match=r"model\.fct_street_crime"):
        transform.run_domain(plan.build_id, "police_uk")
    transform.fail(plan.build_id, "a model failed")
    assert transform.mart_hash() == before
    failed = rows("select status, message from ops.model_run where build_id = %s and node = 'model.fct_street_crime'",
                  (plan.build_id,))  # fmt: skip
    assert failed[0][0] == "error"
    assert failed[0][1]
    execute("transformer", "drop schema marts_build cascade")


def test_a_second_build_waits(built: None) -> None:
    from vru import transform
    from vru.transform import lease
    from vru.warehouse.engine import raw_connection

    street("2023-09", 1)
    connection = raw_connection("transformer")
    owner = lease.take(connection, "marts_build")
    plans: list[object] = []
    second = threading.Thread(target=lambda: plans.append(transform.prepare(today=TODAY)))
    second.start()
    time.sleep(1.5)
    assert second.is_alive()
    assert plans == []
    lease.release(connection, "marts_build", owner)
    second.join(20)
    (plan,) = plans
    assert isinstance(plan, transform.Plan)
    transform.fail(plan.build_id, "the test is over")
    connection.close()


def test_readers_never_see_an_error_or_a_mixture(built: None) -> None:
    from vru.transform import schemas
    from vru.warehouse.engine import raw_connection

    execute("transformer", "update marts.build_info set built_at = clock_timestamp()")
    swapper = raw_connection("transformer")
    known = {}
    for schema in ("marts", "marts_build"):
        with swapper, swapper.cursor() as cursor:
            cursor.execute(
                f"select (select max(built_at) from {schema}.build_info), "
                f"(select count(*) from {schema}.fct_street_crime)"
            )
            built_at, count = cursor.fetchone() or (None, None)
            known[built_at] = count
    assert len(known) == 2
    stop = threading.Event()
    seen: set[tuple[object, object]] = set()
    errors: list[str] = []

    def read() -> None:
        connection = raw_connection("analyst")
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not stop.is_set():
                try:
                    cursor.execute(
                        "select (select max(built_at) from marts.build_info), "
                        "(select count(*) from marts.fct_street_crime)"
                    )
                    seen.add(cursor.fetchone() or (None, None))
                except psycopg2.Error as error:
                    errors.append(str(error))
        connection.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(120):
        with swapper, swapper.cursor() as cursor:
            schemas.swap(cursor)
        time.sleep(0.02)
    stop.set()
    for reader in readers:
        reader.join()
    swapper.close()
    assert errors == []
    assert seen == set(known.items())
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows("select * from marts_build.build_info", role="analyst")


def test_the_swap_waits_for_readers_of_many_statements(built: None) -> None:
    from vru.transform import schemas
    from vru.warehouse import locks
    from vru.warehouse.engine import raw_connection

    reader = raw_connection("publisher")
    with reader.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(%s)", (locks.READERS,))
    swapper = raw_connection("transformer")
    with swapper.cursor() as cursor:
        cursor.execute("set lock_timeout = '300ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            schemas.swap(cursor)
    swapper.rollback()
    reader.commit()
    with swapper, swapper.cursor() as cursor:
        schemas.swap(cursor)
        schemas.swap(cursor)
    reader.close()
    swapper.close()


def withdrawn(batch_id: int | None = None, feed: str = "") -> Callable[[], None]:
    """Withdraw a batch, or every batch of a feed; call what is returned to take that back."""
    where = "feed = %s" if feed else "batch_id = %s"
    found = [
        row[0]
        for row in rows(f"select batch_id from ops.batch where status = 'admitted' and {where}", (feed or batch_id,))
    ]
    for found_id in found:
        withdraw(found_id)
    return lambda: execute(
        "loader",
        "update ops.batch set status = 'admitted', admitted_at = ops.stamp(), withdrawn_at = null where batch_id = any(%s)",
        (found,),
    )


def test_a_changed_lookup_writes_every_unit_again(built: None) -> None:
    from vru import transform

    assert rows("select distinct lsoa_vintage from marts.fct_street_crime") == [("both",)]
    (batch,) = rows("select batch_id from ops.batch where feed = 'ons_geography' and partition = '2021'")
    restore = withdrawn(batch[0])
    result = transform.build(today=TODAY)
    assert result is not None
    assert result.is_full
    assert rows("select distinct lsoa_vintage, is_in_london from marts.fct_street_crime") == [("2011", True)]
    restore()


@pytest.mark.parametrize(
    ("feed", "query", "expected"),
    [
        ("mps_homicide_victims", "select count(*) from marts.mart_measure", [(0,)]),
        (
            "ons_geography",
            "select distinct is_in_london, is_in_london_null_reason from marts.fct_street_crime",
            [(None, "the LSOA lookups of both vintages are not there")],
        ),
        (
            "ons_population",
            "select distinct rate_per_100k, rate_null_reason from marts.mart_measure where value_count is not null",
            [(None, "no population estimate of the year or the three years before it")],
        ),
        ("police_uk_street", "select count(*) from marts.fct_street_crime", [(0,)]),
        ("police_uk_stop_search", "select count(*) from marts.fct_stop_search", [(0,)]),
    ],
)
def test_marts_build_without_a_feed(warehouse: None, feed: str, query: str, expected: list[object]) -> None:
    from vru import transform

    restore = withdrawn(feed=feed)
    try:
        assert transform.build(today=TODAY) is not None
        assert rows(query) == expected
        assert rows("select count(*) from marts.dim_area where area_kind = 'borough'") == [(33,)]
    finally:
        restore()


def test_measures_of_a_short_list(built: None) -> None:
    found = rows(
        "select area_name, to_char(period_start, 'YYYY-MM'), value_count, null_reason, population_year, rate_per_100k, "
        "is_provisional from marts.mart_measure where definition_id = 'homicide' and period_kind = 'month' "
        "and area_name in ('London', 'Ealing', 'Brent', 'City of London') order by area_name, period_start"
    )
    assert found == [
        ("Brent", "2021-01", 0, None, None, None, False),
        ("Brent", "2021-02", 0, None, None, None, False),
        ("Brent", "2021-03", 1, None, None, None, False),
        ("City of London", "2021-01", None, "not covered by this source", None, None, False),
        ("City of London", "2021-02", None, "not covered by this source", None, None, False),
        ("City of London", "2021-03", None, "not covered by this source", None, None, False),
        ("Ealing", "2021-01", 1, None, 2020, 1.0, False),
        ("Ealing", "2021-02", 0, None, 2020, 0.0, False),
        ("Ealing", "2021-03", 0, None, 2020, 0.0, False),
        ("London", "2021-01", 2, None, 2020, 0.2, False),
        ("London", "2021-02", 0, None, 2020, 0.0, False),
        ("London", "2021-03", 1, None, 2020, 0.1, False),
    ]
