"""The marts of the real files: control totals, vintages, comments, rights."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date

import psycopg2
import pytest

from tests.real_data import REAL, needs_real_data
from tests.warehouse.build_loader import end_of_day, execute, load_real, own_warehouse, rows, withhold

pytestmark = needs_real_data

FEEDS = (
    "mps_homicide_victims", "ons_geography", "ons_population", "police_uk_street", "police_uk_stop_search",
)  # fmt: skip
NEWEST = "homicide_victims_vintage_2022.csv"
LONDON_BY_YEAR = """
    select extract(year from period_start)::integer, value_count from {}.mart_measure
    where definition_id = 'homicide' and period_kind = 'calendar_year' and area_code = 'E12000007' order by 1
"""


@pytest.fixture(scope="module")
def marts() -> Iterator[None]:
    """Marts of every real file, with the borough column of the 2022 file withheld."""
    from vru import transform

    with own_warehouse():
        for feed in FEEDS:
            batches = load_real(feed)
            if NEWEST in batches:
                withhold(batches[NEWEST], "borough_name")
        result = transform.build()
        assert result is not None
        assert result.schema == "marts"
        assert result.is_full
        yield


def control(feed: str, file: str, measure: str) -> dict[str, int]:
    """Published control totals of a real file by key."""
    with (REAL / "control_totals.csv").open(encoding="utf-8") as totals:
        found = {
            line["key"]: int(line["value"])
            for line in csv.DictReader(totals)
            if (line["feed"], line["file"], line["measure"]) == (feed, file, measure)
        }
    assert found, f"no control total {measure} of {file}"
    return found


def test_london_victims_are_those_of_the_newest_file(marts: None) -> None:
    by_year = dict(rows(LONDON_BY_YEAR.format("marts"), role="analyst"))
    expected = control("mps_homicide_victims", NEWEST, "victims_by_year")
    assert by_year == {int(year): count for year, count in expected.items()}
    assert [by_year[year] for year in range(2014, 2022)] == [95, 119, 114, 141, 137, 152, 133, 132]
    assert rows(
        "select sum(value_count), count(*) from marts.headline_london_month where definition_id = 'homicide'"
    ) == [(2686, 228)]


def test_knife_is_the_method(marts: None) -> None:
    found = rows(
        "select sum(value_count) from marts.mart_measure where definition_id = 'homicide_knife' "
        "and area_code = 'E12000007' and period_kind = 'calendar_year'"
    )
    assert found == [(1359,)]


def test_boroughs_come_from_the_newest_sound_file(marts: None) -> None:
    by_borough = dict(
        rows(
            "select area_name, sum(value_count) from marts.headline_borough_year where definition_id = 'homicide' "
            "group by area_name",
            role="analyst",
        )
    )
    assert by_borough["Ealing"] == 111
    expected = control("mps_homicide_victims", "homicide_victims_vintage_2021_05.csv", "victims_by_borough")
    names = {name.replace("&", "and").replace("Upon", "upon"): count for name, count in expected.items()}
    names.pop("Heathrow")
    assert by_borough == {**names, "City of London": None}


def test_months_that_no_sound_file_covers_are_null_with_the_check(marts: None) -> None:
    found = rows(
        "select distinct period_kind, value_count, null_reason from marts.mart_measure "
        "where area_name = 'Ealing' and period_start >= date '2021-01-01' order by period_kind"
    )
    reason = "borough column withheld (check borough_shift)"
    assert found == [
        ("calendar_year", None, reason),
        ("financial_year", None, "incomplete period"),
        ("month", None, reason),
    ]
    assert rows(
        "select count(*), count(borough_name), bool_and(is_borough_withheld), min(borough_null_reason) "
        "from marts.fct_homicide_victim"
    ) == [(2686, 0, True, reason)]


def test_the_city_is_null_and_not_zero(marts: None) -> None:
    assert rows(
        "select count(value_count), array_agg(distinct null_reason) from marts.mart_measure where area_name = 'City of London'"
    ) == [(0, ["not covered by this source"])]


def test_rates_have_the_exact_interval(marts: None) -> None:
    from scipy.stats import chi2

    ((count, population, year, rate, low, high),) = rows(
        "select value_count, population_count, population_year, rate_per_100k, rate_low, rate_high from marts.mart_measure "
        "where definition_id = 'homicide' and area_code = 'E12000007' and period_kind = 'financial_year' "
        "and period_start = date '2017-04-01'"
    )
    assert year == 2017
    assert rate == pytest.approx(count * 1e5 / population, rel=1e-12)
    assert low == pytest.approx(chi2.ppf(0.025, 2 * count) / 2 * 1e5 / population, rel=1e-9)
    assert high == pytest.approx(chi2.isf(0.025, 2 * count + 2) / 2 * 1e5 / population, rel=1e-9)


def test_every_street_row_is_there(marts: None) -> None:
    by_month = dict(
        rows(
            "select month, count(*) from marts.fct_street_crime where source_partition = 'city-of-london' group by month"
        )
    )
    assert by_month == {
        date(2022, 7, 1): 786,
        date(2022, 8, 1): 783,
        date(2022, 9, 1): 699,
        date(2022, 10, 1): 786,
        date(2022, 11, 1): 748,
        date(2022, 12, 1): 735,
    }
    assert rows("select count(*), count(distinct search_month) from marts.fct_stop_search") == [(9086, 1)]


def test_in_london_by_the_code_of_either_vintage(marts: None) -> None:
    found = rows(
        "select s.is_in_london, s.lsoa_vintage, count(*) from marts.fct_street_crime s group by 1, 2 order by 1, 2"
    )
    independent = rows(
        """
        with code as (
            select lsoa_code, string_agg(l.partition, '+' order by l.partition) as vintage from (
                select r.lsoa_code, b.partition from raw.ons_geography__lsoa r join ops.batch b using (batch_id)
            ) l group by lsoa_code
        )
        select
            case when r.lsoa_code is not null then c.lsoa_code is not null end,
            case c.vintage when '2011+2021' then 'both' else c.vintage end, count(*)
        from raw.police_uk_street r left join code c on c.lsoa_code = r.lsoa_code
        group by 1, 2 order by 1, 2
        """
    )
    assert found == independent
    assert {"both", "2011", None} == {row[1] for row in found}


@pytest.fixture(scope="module")
def past(marts: None) -> str:
    """The marts as known at the end of 2021; the name of their schema."""
    from vru import transform

    result = transform.build(known_at=end_of_day("2021-12-31"))
    assert result is not None
    return result.schema


def test_as_known_at_an_earlier_day(past: str) -> None:
    from vru import transform

    assert past == "asof_20211231"
    by_year = dict(rows(LONDON_BY_YEAR.format("asof_20211231"), role="analyst"))
    assert by_year[2020] == 127
    assert 2021 not in by_year
    assert rows("select count(*), count(is_in_london) from asof_20211231.fct_street_crime") == [(0, 0)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows("select * from stg_asof_20211231.stg_mps_homicide_victims", role="analyst")
    before = transform.mart_hash(past)
    assert transform.build(known_at=end_of_day("2021-12-31")) is not None
    assert transform.mart_hash(past) == before
    assert rows("select count(*) from asof_20211231.build_info") == [(1,)]


def test_nothing_differs(marts: None) -> None:
    from vru import transform

    assert not transform.is_due()
    assert transform.build() is None


def test_every_column_has_its_comment(marts: None) -> None:
    bare = rows(
        """
        select c.relname, a.attname from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'marts'::regnamespace and c.relkind in ('r', 'v')
          and c.relname not in ('build_input', 'build_change', 'build_state') and coalesce(col_description(c.oid, a.attnum), '') = ''
        union all
        select c.relname, '' from pg_class c
        where c.relnamespace = 'marts'::regnamespace and c.relkind in ('r', 'v')
          and coalesce(obj_description(c.oid), '') = ''
        """
    )
    assert bare == []


def test_who_may_read(marts: None) -> None:
    tables = rows("select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind in ('r', 'v')")
    assert len(tables) > 10
    for role in ("analyst", "analyst_restricted", "publisher", "checker"):
        for (table,) in tables:
            rows(f"select 1 from marts.{table} limit 1", role=role)
    for statement in ("select * from raw.police_uk_street", "select * from staging.stg_police_uk_street"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            rows(statement, role="analyst")
    with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction)):
        execute("analyst", "delete from marts.fct_homicide_victim")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows("select * from marts.build_info", role="report_reader")


def test_dbt_unit_tests(past: str) -> None:
    from vru.transform import dbt

    # dbt asks tables that stand for their columns; the schema built in has just changed places with the marts
    runs = dbt.run(["test", "--select", "test_type:unit"], past)
    assert len(runs) >= 8
    assert [found.node for found in runs if found.status != "pass"] == []


@pytest.mark.deep
def test_the_order_of_loading_makes_no_difference(marts: None) -> None:
    from vru import transform

    expected = transform.mart_hash()
    with own_warehouse():
        for feed in reversed(FEEDS):
            batches = load_real(feed, newest_first=True)
            if NEWEST in batches:
                withhold(batches[NEWEST], "borough_name")
        transform.build()
        assert transform.mart_hash() == expected
        execute("transformer", "update marts.fct_homicide_victim set sex = 'x' where line_number = 2")
        assert transform.mart_hash() != expected
