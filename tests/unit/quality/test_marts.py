"""The audit of marts that were just built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from vru import quality

from tests.unit.quality.conftest import Warehouse, month

MARTS = """
    create schema marts_build;
    create table marts_build.build_input (feed text, resource text, partition text, unit_start date, unit_end date,
        unit_key text, column_name text, batch_id bigint, vintage_at timestamptz, withheld_columns text[]);
    create table marts_build.mart_measure as
        select 'homicide' as definition_id, 'mps_homicide_victims' as source_feed, 'region-E12000007' as area_key,
               'region' as area_kind, 'E12000007' as area_code, 'month' as period_kind, date '2023-01-01' as period_start,
               2::bigint as value_count, 0.02::double precision as rate_per_100k, 0.002::double precision as rate_low,
               0.08::double precision as rate_high, null::text as null_reason;
    create table marts_build.fct_homicide_victim as
        select date '2023-01-01' as recorded_month, 'Ealing' as borough_name, false as is_borough_withheld,
               1 as victim_count, 1::bigint as batch_id from generate_series(1, 2);
    create table marts_build.fct_homicide_victim_by_borough as
        select recorded_month, borough_name, victim_count, batch_id from marts_build.fct_homicide_victim;
    create table marts_build.fct_street_crime (batch_id bigint, source_partition text, is_in_london boolean);
    create table marts_build.fct_stop_search (batch_id bigint, search_month date, searched_at timestamptz);
    create table marts_build.dim_area as
        select 'region-E12000007' as area_key, 'region' as area_kind, '' as area_vintage, null as parent_area_key
        union all select 'borough-' || n, 'borough', '', 'region-E12000007' from generate_series(1, 33) n;
    grant usage on schema marts_build to checker;
    grant select on all tables in schema marts_build to checker;
"""


@pytest.fixture
def marts(warehouse: Warehouse) -> Iterator[Warehouse]:
    """Two victims in January 2023, and marts that hold exactly them."""
    batch = warehouse.homicides([{"victim_count": 1, "recorded_month": month("2023-01")}] * 2)
    warehouse.sql(MARTS, role="migrator")
    warehouse.sql(
        "insert into marts_build.build_input select 'mps_homicide_victims', 'victims', '', '2023-01-01', '2023-01-31', '', c, "
        "%s, now(), '{}' from unnest(array['', 'borough_name']) c", batch, role="migrator",
    )  # fmt: skip
    yield warehouse
    warehouse.sql("drop schema marts_build cascade", role="migrator")


def test_marts_that_agree_with_raw_pass(marts: Warehouse) -> None:
    assert quality.audit_build("marts_build", 7) == []
    found = marts.sql("select distinct build_id, batch_id, is_success from ops.check_result")
    assert found == [(7, None, True)]


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("delete from marts_build.fct_homicide_victim where ctid = '(0,1)'", "fct_homicide_victim.every_current_victim_once"),
        ("insert into marts_build.fct_homicide_victim_by_borough select * from marts_build.fct_homicide_victim_by_borough",
         "fct_homicide_victim_by_borough.every_sound_victim_once"),
        ("update marts_build.mart_measure set value_count = 3", "mart_measure.london_is_the_victims"),
        ("update marts_build.mart_measure set value_count = -1", "mart_measure.no_negative_count"),
        ("update marts_build.mart_measure set value_count = null", "mart_measure.count_or_reason"),
        ("update marts_build.mart_measure set rate_high = 0.01", "mart_measure.rate_within_its_interval"),
        ("delete from marts_build.mart_measure", "mart_measure.there_if_victims_are"),
        ("update marts_build.fct_homicide_victim set is_borough_withheld = true", "fct_homicide_victim.withheld_borough_is_null"),
        ("insert into marts_build.fct_street_crime values (9, 'btp', true)", "fct_street_crime.every_current_record_once"),
        ("delete from marts_build.dim_area where area_key = 'borough-3'", "dim_area.all_33_authorities"),
        ("drop table marts_build.fct_stop_search", "fct_stop_search.mart_is_there"),
    ],
)  # fmt: skip
def test_damaged_mart_fails(marts: Warehouse, damage: str, check: str) -> None:
    marts.sql(damage, role="migrator")
    failed = quality.audit_build("marts_build", 8)
    assert check in [found.check_id for found in failed]
    assert all(found.severity == "critical" for found in failed)
    assert marts.sql("select count(*) from ops.check_result where build_id = 8 and not is_success") >= [(len(failed),)]
