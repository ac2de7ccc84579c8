"""The real files of the five feeds, loaded through Airflow, reproduce every row of their control totals.

File facts come from `ops`, all else by SQL on raw, staging or marts. Each measure of the control file is one query
below whose rows are (key, value); `:b` stands for the batches of the file or files that the row names.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable

import pytest

from tests.e2e.conftest import Home
from tests.real_data import REAL, needs_real_data

FEEDS = ("mps_homicide_victims", "ons_geography", "ons_population", "police_uk_stop_search", "police_uk_street")
CITY_SIX = "city_of_london 2022-07..2022-12 (six files)"


LEDGER = {
    "bytes": "select '', d.size_bytes from ops.delivery d join ops.batch using (content_id) where batch_id = any(:b)",
    "sha256": "select '', sha256 from ops.batch where batch_id = any(:b)",
    "rows": "select '', sum(rows_admitted) from ops.batch where batch_id = any(:b)",
    "columns": "select '', cardinality(headers) from ops.batch where batch_id = any(:b)",
    "features": "select '', rows_admitted from ops.batch where batch_id = any(:b)",
}


def repeats(table: str, columns: str, where: str = "true") -> str:
    """Rows that are identical to an earlier row."""
    return f"""
        select '', count(*) from (
            select row_number() over (partition by {columns} order by line_number) as n
            from raw.{table} where batch_id = any(:b) and {where}
        ) r where n > 1
    """


def by(table: str, key: str, value: str = "count(*)") -> str:
    """One figure per value of a column."""
    return f"select {key}, {value} from raw.{table} where batch_id = any(:b) group by 1"


def total(table: str, value: str = "count(*)", where: str = "true", key: str = "''") -> str:
    """One figure for the file."""
    return f"select {key}, {value} from raw.{table} where batch_id = any(:b) and {where}"


VICTIMS = "mps_homicide_victims"
VICTIM_CELLS = (
    "victim_count, age_group_source, sex_source, method_source, domestic_abuse_source, recorded_month, "
    "offence_source, solved_status_source, borough_name_source, ethnicity_source"
)
YEAR = "to_char(recorded_month, 'YYYY')"
PADDED = " + ".join(
    f"count(*) filter (where {c}_source <> trim({c}_source))"
    for c in ("age_group", "sex", "method", "domestic_abuse", "offence", "solved_status", "borough_name", "ethnicity")
)
STREET = "police_uk_street"
STREET_CELLS = (
    "crime_id, month, reported_by, falls_within, longitude, latitude, location, lsoa_code, lsoa_name, crime_type, "
    "last_outcome, context"
)
STOPS = "police_uk_stop_search"
STOP_CELLS = (
    "search_type, searched_at, is_part_of_operation, operation_name, latitude, longitude, gender, age_range, "
    "self_defined_ethnicity, officer_defined_ethnicity, legislation, object_of_search, outcome, is_outcome_linked, "
    "is_more_than_outer_clothing_removed"
)
IN_2011 = "exists (select 1 from lsoa where partition = '2011' and code = lsoa_code)"
IN_2021 = "exists (select 1 from lsoa where partition = '2021' and code = lsoa_code)"
LSOA = """
    with lsoa as (
        select b.partition, l.lsoa_code as code, l.borough_name from raw.ons_geography__lsoa l
        join ops.batch b using (batch_id)
    )
"""


def boolean(column: str) -> str:
    """A boolean as the file spells it."""
    return f"coalesce(initcap({column}::text), '(blank)')"


MEASURES: dict[str, dict[str, str]] = {
    VICTIMS: {
        "sum_count": total(VICTIMS, "sum(victim_count)", key="'Count of Victims'"),
        "first_month": total(VICTIMS, "to_char(min(recorded_month), 'YYYY-MM')"),
        "last_month": total(VICTIMS, "to_char(max(recorded_month), 'YYYY-MM')"),
        "rows_identical_to_an_earlier_row": repeats(VICTIMS, VICTIM_CELLS),
        "distinct_rows": total(VICTIMS, f"count(distinct ({VICTIM_CELLS}))"),
        "cells_with_padding": total(VICTIMS, PADDED),
        "victims_by_year": by(VICTIMS, YEAR, "sum(victim_count)"),
        "knife_victims_by_year": by(
            VICTIMS, YEAR, "sum(victim_count) filter (where method = 'Knife or Sharp Implement')"
        ),
        "shooting_victims_by_year": by(VICTIMS, YEAR, "sum(victim_count) filter (where method = 'Shooting')"),
        "victims_by_borough": by(VICTIMS, "trim(borough_name_source)", "sum(victim_count)"),
        "victims_by_method": by(VICTIMS, "trim(method_source)", "sum(victim_count)"),
        "victims_by_age": by(VICTIMS, "trim(age_group_source)", "sum(victim_count)"),
        "victims_by_sex": by(VICTIMS, "trim(sex_source)", "sum(victim_count)"),
        "victims_by_domestic_abuse": by(VICTIMS, "trim(domestic_abuse_source)", "sum(victim_count)"),
        "victims_by_offence": by(VICTIMS, "trim(offence_source)", "sum(victim_count)"),
        "victims_by_solved_status": by(VICTIMS, "trim(solved_status_source)", "sum(victim_count)"),
        "victims_by_ethnicity": by(VICTIMS, "trim(ethnicity_source)", "sum(victim_count)"),
    },
    STREET: {
        "rows_without_crime_id": total(STREET, where="crime_id is null"),
        "repeat_crime_ids": total(
            STREET, "count(crime_id) - count(distinct crime_id)", key="'rows beyond the first use of an ID'"
        ),
        "crime_ids_used_more_than_once": f"""
            select '', count(*) from (select crime_id from raw.{STREET}
            where batch_id = any(:b) and crime_id is not null group by 1 having count(*) > 1) r
        """,
        "rows_identical_to_an_earlier_row": repeats(STREET, STREET_CELLS),
        "rows_identical_to_an_earlier_row_with_crime_id": repeats(STREET, STREET_CELLS, "crime_id is not null"),
        "blank_coordinates": total(STREET, where="longitude is null"),
        "blank_lsoa": total(STREET, where="lsoa_code is null"),
        "location_no_location": total(STREET, where="location ilike 'no location'"),
        "location_without_street_name": total(
            STREET, where="trim(location) = 'On or near'", key="'\"On or near \" then nothing'"
        ),
        "rows_outside_london": LSOA
        + total(
            STREET,
            where=f"lsoa_code is not null and not {IN_2011} and not {IN_2021}",
            key="'LSOA code in neither London lookup'",
        ),
        "rows_lsoa11_only_code": LSOA + total(STREET, where=f"{IN_2011} and not {IN_2021}"),
        "rows_lsoa21_only_code": LSOA + total(STREET, where=f"{IN_2021} and not {IN_2011}"),
        "blank_outcome": total(STREET, where="last_outcome is null"),
        "non_blank_context": total(STREET, where="context is not null"),
        "rows_by_crime_type": by(STREET, "crime_type"),
        "rows_by_outcome": by(STREET, "coalesce(last_outcome, '')"),
        "rows_by_month": by(STREET, "to_char(month, 'YYYY-MM')"),
        "rows_by_month_crime_type": by(STREET, "to_char(month, 'YYYY-MM') || '|' || crime_type"),
        "rows_by_borough_of_lsoa": LSOA
        + f"""
            select case when s.lsoa_code is null then '(blank)' else coalesce(
                (select borough_name from lsoa where code = s.lsoa_code and partition = '2011'),
                (select borough_name from lsoa where code = s.lsoa_code and partition = '2021'),
                '(outside London)') end, count(*)
            from raw.{STREET} s where s.batch_id = any(:b) group by 1
        """,
    },
    STOPS: {
        "first_timestamp": total(
            STOPS, "to_char(min(searched_at) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"')"
        ),
        "last_timestamp": total(
            STOPS, "to_char(max(searched_at) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"')"
        ),
        "arrests": total(STOPS, where="outcome = 'Arrest'", key="'Outcome = Arrest'"),
        "blank_coordinates": total(STOPS, where="longitude is null"),
        "rows_identical_to_an_earlier_row": repeats(STOPS, STOP_CELLS),
        "rows_by_type": by(STOPS, "search_type"),
        "rows_by_gender": by(STOPS, "coalesce(gender, '(blank)')"),
        "rows_by_age_range": by(STOPS, "coalesce(age_range, '(blank)')"),
        "rows_by_self_defined_ethnicity": by(STOPS, "coalesce(self_defined_ethnicity, '(blank)')"),
        "rows_by_officer_defined_ethnicity": by(STOPS, "coalesce(officer_defined_ethnicity, '(blank)')"),
        "rows_by_legislation": by(STOPS, "coalesce(legislation, '(blank)')"),
        "rows_by_object_of_search": by(STOPS, "coalesce(object_of_search, '(blank)')"),
        "rows_by_outcome": by(STOPS, "coalesce(outcome, '(blank)')"),
        "rows_by_outcome_linked_to_object_of_search": by(STOPS, boolean("is_outcome_linked")),
        "rows_by_removal_of_more_than_just_outer_clothing": by(STOPS, boolean("is_more_than_outer_clothing_removed")),
        "rows_by_part_of_a_policing_operation": by(STOPS, boolean("is_part_of_operation")),
        "rows_by_date": by(STOPS, "to_char(searched_at at time zone 'UTC', 'YYYY-MM-DD')"),
    },
}
LOOKUP, WEIGHTS = "ons_geography__lsoa", "ons_geography__lsoa_ward_weight"
TWO_LOOKUPS = f"""
    from (select distinct lsoa_code from raw.{LOOKUP} join ops.batch using (batch_id) where partition = '2011') a
    full join (select distinct lsoa_code from raw.{LOOKUP} join ops.batch using (batch_id) where partition = '2021') c
      on a.lsoa_code = c.lsoa_code
"""
PER_LSOA_YEAR = f"""
    select abs(sum(weight) - 1) as miss from raw.{WEIGHTS} where batch_id = any(:b) group by lsoa_code, year
"""
GEOMETRIES = """
    (select geometry from raw.ons_geography__borough_boundary where batch_id = any(:b)
     union all select geometry from raw.ons_geography__lsoa_boundary where batch_id = any(:b))
"""
POINTS = f"""
    (select p.value from {GEOMETRIES} g,
     lateral jsonb_path_query(g.geometry, 'strict $.coordinates.**{{0 to 3}} ? (@.type() == "array" && @[0].type() == "number")') p
     (value))
"""
GEOGRAPHY: dict[str, str] = {
    "lsoas_by_borough": by(LOOKUP, "borough_name"),
    "distinct_boroughs": total(LOOKUP, "count(distinct borough_code)"),
    "distinct_codes": f"""
        select '', count(distinct code) from (
            select lsoa_code as code from raw.{LOOKUP} where batch_id = any(:b)
            union all select borough_code from raw.ons_geography__borough where batch_id = any(:b)
        ) c
    """,
    "codes_in_both": f"select '', count(*) filter (where a.lsoa_code = c.lsoa_code) {TWO_LOOKUPS}",
    "codes_2011_only": f"select '', count(*) filter (where c.lsoa_code is null) {TWO_LOOKUPS}",
    "codes_2021_only": f"select '', count(*) filter (where a.lsoa_code is null) {TWO_LOOKUPS}",
    "years": total(WEIGHTS, "min(year) || '-' || max(year)"),
    "distinct_lsoa11": total(WEIGHTS, "count(distinct lsoa_code)"),
    "distinct_wards": total(WEIGHTS, "count(distinct ward_code)"),
    "lsoa_years": total(WEIGHTS, "count(distinct (lsoa_code, year))"),
    "sum_of_weights": total(WEIGHTS, "round(sum(weight), 3)"),
    "lsoa_years_where_weights_miss_1_by_more_than_0.001": (
        f"select '', count(*) from ({PER_LSOA_YEAR}) w where miss > 0.001"
    ),
    "largest_miss": f"select '', round(max(miss), 6) from ({PER_LSOA_YEAR}) w",
    "properties": "select '', array_to_string(array_remove(headers, 'geometry'), ';') from ops.batch where batch_id = any(:b)",
    "features_by_geometry": f"select g.geometry ->> 'type', count(*) from {GEOMETRIES} g group by 1",
    "bbox_lng_lat": f"""
        select '', concat_ws(',', min((value -> 0)::numeric), min((value -> 1)::numeric),
                             max((value -> 0)::numeric), max((value -> 1)::numeric))
        from {POINTS} p
    """,
    "codes_matching_lsoa21_lookup": f"""
        select '', count(*) from raw.ons_geography__lsoa_boundary f where f.batch_id = any(:b)
        and exists (select 1 from raw.{LOOKUP} l join ops.batch x using (batch_id)
                    where x.partition = '2021' and l.lsoa_code = f.lsoa_code)
    """,
}
MEASURES["ons_geography"] = GEOGRAPHY
AREAS, LSOA_PEOPLE = "ons_population__borough", "ons_population__lsoa"
COUNT_COLUMNS = {
    f"{sex}_{age}": f"{sex.lower()}_{age.lower().replace('-', '_').replace('65+', '65_plus')}_count"
    for sex in ("Persons", "Males", "Females")
    for age in ("All-Ages", "0-15", "16-29", "30-44", "45-64", "65+")
}
MEASURES["ons_population"] = {
    "london_total_by_year": f"""
        select mid_year::text, population_count from raw.{AREAS}
        where batch_id = any(:b) and area_code = 'E12000007'
    """,
    "sum_of_33_boroughs_by_year": f"""
        select mid_year::text, sum(population_count) from raw.{AREAS}
        where batch_id = any(:b) and area_code like 'E09%%' group by 1
    """,
    "sum_persons_all_ages": total(LSOA_PEOPLE, "sum(persons_all_ages_count)"),
    "persons_by_borough": by(LSOA_PEOPLE, "borough_name", "sum(persons_all_ages_count)"),
    "column_sum": " union all ".join(
        f"select '{header}', sum({column}) from raw.{LSOA_PEOPLE} where batch_id = any(:b)"
        for header, column in COUNT_COLUMNS.items()
    ),
}


@pytest.fixture(scope="module")
def real_run(new_home: Callable[[], Home]) -> Home:
    """The real files, through `vru run`."""
    home = new_home()
    done = home("run", "--profile", "files", "--inbox", REAL)
    assert "skipped, no such feed: imd, mps_homicide_accused" in done.stderr
    return home


def expected() -> dict[tuple[str, str, str], dict[str, str]]:
    """(feed, file, measure) to key to value, from the control file."""
    totals: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    with (REAL / "control_totals.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["feed"] in FEEDS:
                assert row["key"] not in totals[row["feed"], row["file"], row["measure"]]
                totals[row["feed"], row["file"], row["measure"]][row["key"]] = row["value"]
    return totals


def same(found: str, wanted: str) -> bool:
    """Equal as text, or as numbers where both are numbers."""
    try:
        return found == wanted or float(found) == float(wanted)
    except ValueError:
        return False


@needs_real_data
def test_every_control_total_is_reproduced(real_run: Home) -> None:
    batches = dict(
        real_run.sql("select file_name, array_agg(batch_id) from ops.batch where status = 'admitted' group by 1")
    )
    six = [f"2022_{month:02d}_city_of_london_street.csv" for month in range(7, 13)]
    batches[CITY_SIX] = sorted(b for name in six for b in batches[name])
    batches["lsoa11_to_borough.csv + lsoa21_to_borough.csv"] = [0]
    wrong, compared = [], 0
    for (feed, file, measure), wanted in expected().items():
        query = MEASURES[feed].get(measure) or LEDGER[measure]
        numbers = "array[" + ",".join(map(str, batches[file])) + "]::bigint[]"
        rows = real_run.sql(query.replace(":b", numbers).replace("%%", "%"))
        found = {str(key): str(value) for key, value in rows if value is not None}
        for key in wanted.keys() | found.keys():
            compared += 1
            if not same(found.get(key, "0"), wanted.get(key, "0")):
                wrong.append(f"{feed} {file} {measure} '{key}': {found.get(key)} instead of {wanted.get(key)}")
    assert not wrong, f"{len(wrong)} of {compared} differ:\n" + "\n".join(wrong[:40])
    assert compared >= 1000
