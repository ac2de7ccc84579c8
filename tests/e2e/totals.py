"""Queries for the measures of a control file, derived from contract and words; what cannot be derived has its reason.

A query's rows are (key, value); `:b` stands for the batches of the file or files that a row of the control file names.
A measure reads like `victims_by_borough`, `blank_lsoa`, `distinct_wards`, `column_sum`: what is counted, and of which
column, found by the header or the name that the contract gives it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vru.contracts import Column, Contract, Resource

from tests.faults.suite import suite_of

LEDGER = {
    "bytes": "select '', d.size_bytes from ops.delivery d join ops.batch using (content_id) where batch_id = any(:b)",
    "sha256": "select '', sha256 from ops.batch where batch_id = any(:b)",
    "rows": "select '', sum(rows_admitted) from ops.batch where batch_id = any(:b)",
    "columns": "select '', cardinality(headers) from ops.batch where batch_id = any(:b)",
    "features": "select '', rows_admitted from ops.batch where batch_id = any(:b)",
    "properties": (
        "select '', array_to_string(array_remove(headers, 'geometry'), ';') from ops.batch where batch_id = any(:b)"
    ),
}
"""Of any file whatever."""
NUMBERS = ("integer", "decimal")


class Table:
    """One resource's raw table, and the columns that words mean."""

    def __init__(self, contract: Contract, resource: Resource) -> None:
        self.name = f"raw.{contract.raw_table(resource.name)}"
        self.columns = [column for column in resource.columns if not column.month_of]
        self.unit = resource.unit_column
        self.value = suite_of(contract.feed, resource.name).cell_value

    def find(self, words: str, *kinds: str) -> Column | None:
        """The column whose name or header these words are, or begin, or stand in; a name rather than a code."""
        among = [column for column in self.columns if not kinds or column.type in kinds]
        stem = re.sub(r"s?\d*$", "", words)
        tests: list[Callable[[set[str]], bool]] = [
            lambda said: bool({words, stem} & said),
            lambda said: any(each.startswith((words, f"{stem}_")) for each in said),
            lambda said: any(f"_{words}" in each for each in said),
        ]
        for test in tests:
            found = [column for column in among if test(spoken(column))]
            found.sort(key=lambda column: not column.name.endswith("_name"))
            if found:
                return found[0]
        return None

    def counted(self, noun: str) -> str:
        """What a noun counts: the figure of its name, else records."""
        stem = noun.removesuffix("s")
        among = [column.name for column in self.columns if column.type in NUMBERS and column.name.startswith(stem)]
        chosen = self.value if self.value in among else next(iter(among), "")
        return f"sum({chosen})" if chosen else "count(*)"

    def key(self, column: Column) -> str:
        """A column in the words of the file."""
        match column.type:
            case "month":
                return f"to_char({column.name}, 'YYYY-MM')"
            case "timestamp":
                return f"to_char({column.name} at time zone 'UTC', 'YYYY-MM-DD')"
            case "boolean":
                return f"coalesce(initcap({column.name}::text), '')"
            case _:
                return f"coalesce(trim({column.source_name or column.name}::text), '')"

    @property
    def cells(self) -> str:
        """Every column as received."""
        return ", ".join(column.source_name or column.name for column in self.columns)

    def total(self, value: str, where: str = "true") -> str:
        """One figure for the file."""
        return f"select '', {value} from {self.name} where batch_id = any(:b) and {where}"


def spoken(column: Column) -> set[str]:
    """Name and headers of a column in the way measures are written."""
    headers = (alias for alias in column.aliases if isinstance(alias, str))
    return {column.name, *(re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_") for header in headers)}


def derived(table: Table, measure: str, keys: set[str]) -> str | None:
    """The query of a measure; None where words and contract do not say enough."""
    if measure in LEDGER:
        return LEDGER[measure]
    for pattern, make in RULES:
        match = re.fullmatch(pattern, measure)
        query = make(table, keys, *match.groups()) if match else None
        if query is not None:
            return query
    return None


def _by(table: Table, keys: set[str], noun: str, words: str) -> str | None:
    value = table.counted(noun)
    if words == "year" and table.unit:
        key = f"to_char({table.unit}, 'YYYY')"
    elif column := table.find(words):
        key = table.key(column)
    else:
        parts = [table.find(part) for part in words.split("_", 1)]
        if len(parts) < 2 or None in parts:
            return None
        key = " || '|' || ".join(table.key(part) for part in parts if part)
    return f"select {key}, {value} from {table.name} where batch_id = any(:b) group by 1"


def _blank(table: Table, keys: set[str], how: str, words: str) -> str | None:
    column = table.find("longitude" if words == "coordinates" else words)
    return table.total("count(*)", f"{column.name} is {'not ' if how == 'non_blank' else ''}null") if column else None


def _sums(table: Table, keys: set[str], *words: str) -> str | None:
    """Of the headers that the keys name; else of the column that the measure names."""
    found = {key: table.find(re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_"), *NUMBERS) for key in keys if key}
    if found and all(found.values()):
        return " union all ".join(
            f"select '{key}', sum({column.name}) from {table.name} where batch_id = any(:b)"
            for key, column in found.items()
            if column
        )
    column = table.find(words[0], *NUMBERS) if words and not found else None
    return table.total(f"round(sum({column.name}), 3)") if column else None


def _distinct(table: Table, keys: set[str], words: str) -> str | None:
    stem = re.sub(r"s?\d*$", "", words)
    codes = [column.name for column in table.columns if column.name == f"{stem}_code"]
    return table.total(f"count(distinct {codes[0]})") if codes else None


def _edge(table: Table, keys: set[str], which: str, words: str) -> str | None:
    edge = {"first": "min", "last": "max"}[which]
    column = next((c for c in table.columns if c.type == words), None)
    if column is None:
        return None
    if words == "month":
        return table.total(f"to_char({edge}({column.name}), 'YYYY-MM')")
    form = '\'YYYY-MM-DD"T"HH24:MI:SS"+00:00"\''
    return table.total(f"to_char({edge}({column.name}) at time zone 'UTC', {form})")


def _identical(table: Table, keys: set[str]) -> str:
    return (
        "select '', count(*) from (select row_number() over "
        f"(partition by {table.cells} order by line_number) as n from {table.name} where batch_id = any(:b)) r where n > 1"
    )


def _padding(table: Table, keys: set[str]) -> str:
    padded = " + ".join(
        f"count(*) filter (where {c.source_name} <> trim({c.source_name}))" for c in table.columns if c.source_name
    )
    return table.total(padded)


RULES: list[tuple[str, Callable[..., str | None]]] = [
    (r"([a-z]+)_by_([a-z_]+)", _by),
    (r"(blank|non_blank|rows_without)_([a-z_]+)", _blank),
    (r"column_sum", _sums),
    (r"sum_(?:of_)?([a-z_]+)", _sums),
    (r"rows_identical_to_an_earlier_row", _identical),
    (r"distinct_rows", lambda table, keys: table.total(f"count(distinct ({table.cells}))")),
    (r"distinct_([a-z0-9]+)", _distinct),
    (r"(first|last)_(month|timestamp)", _edge),
    (r"cells_with_padding", _padding),
]

# What is not derived

IN_2011 = "exists (select 1 from lsoa where partition = '2011' and code = lsoa_code)"
IN_2021 = "exists (select 1 from lsoa where partition = '2021' and code = lsoa_code)"
LSOA = """
    with lsoa as (
        select b.partition, l.lsoa_code as code, l.borough_name from raw.ons_geography__lsoa l
        join ops.batch b using (batch_id)
    )
"""
LOOKUP, WEIGHTS, STREET = "raw.ons_geography__lsoa", "raw.ons_geography__lsoa_ward_weight", "raw.police_uk_street"
VICTIMS, STOPS, AREAS = "raw.mps_homicide_victims", "raw.police_uk_stop_search", "raw.ons_population__borough"
TWO_LOOKUPS = f"""
    from (select distinct lsoa_code from {LOOKUP} join ops.batch using (batch_id) where partition = '2011') a
    full join (select distinct lsoa_code from {LOOKUP} join ops.batch using (batch_id) where partition = '2021') c
      on a.lsoa_code = c.lsoa_code
"""
PER_LSOA_YEAR = f"select abs(sum(weight) - 1) as miss from {WEIGHTS} where batch_id = any(:b) group by lsoa_code, year"
GEOMETRIES = """
    (select geometry from raw.ons_geography__borough_boundary where batch_id = any(:b)
     union all select geometry from raw.ons_geography__lsoa_boundary where batch_id = any(:b))
"""
POINTS = f"""
    (select p.value from {GEOMETRIES} g,
     lateral jsonb_path_query(g.geometry, 'strict $.coordinates.**{{0 to 3}} ? (@.type() == "array" && @[0].type() == "number")') p
     (value))
"""


def count(table: str, where: str, value: str = "count(*)", key: str = "") -> str:
    """One figure for the file."""
    return f"select '{key}', {value} from {table} where batch_id = any(:b) and {where}"


WORDS = "it rests on what a word in the data means, which is a definition's to say"
PLACES = "it sets codes beside the lookups of another feed"
MANY_ROWS = "it is about several rows of one identifier, which the contract does not call a key"
SHAPES = "it is about the inside of a geometry"
SHARES = "it is about sums within a group"
OWN_NAME = "the control file has a name of its own for it"


def killed_by(method: str) -> str:
    """Victims by year of one method."""
    return (
        f"select to_char(recorded_month, 'YYYY'), sum(victim_count) filter (where method = '{method}') "
        f"from {VICTIMS} where batch_id = any(:b) group by 1"
    )


EXCEPTIONS: dict[tuple[str, str], tuple[str, str]] = {
    ("mps_homicide_victims", "knife_victims_by_year"): (WORDS, killed_by("Knife or Sharp Implement")),
    ("mps_homicide_victims", "shooting_victims_by_year"): (WORDS, killed_by("Shooting")),
    ("police_uk_street", "repeat_crime_ids"): (
        MANY_ROWS,
        count(STREET, "true", "count(crime_id) - count(distinct crime_id)", "rows beyond the first use of an ID"),
    ),
    ("police_uk_street", "crime_ids_used_more_than_once"): (
        MANY_ROWS,
        f"select '', count(*) from (select crime_id from {STREET} where batch_id = any(:b) and crime_id is not null "
        "group by 1 having count(*) > 1) r",
    ),
    ("police_uk_street", "rows_identical_to_an_earlier_row_with_crime_id"): (
        MANY_ROWS,
        "select '', count(*) from (select row_number() over (partition by crime_id, month, reported_by, falls_within, "
        "longitude, latitude, location, lsoa_code, lsoa_name, crime_type, last_outcome, context order by line_number) "
        f"as n from {STREET} where batch_id = any(:b) and crime_id is not null) r where n > 1",
    ),
    ("police_uk_street", "location_no_location"): (WORDS, count(STREET, "location ilike 'no location'")),
    ("police_uk_street", "location_without_street_name"): (
        WORDS,
        count(STREET, "trim(location) = 'On or near'", key='"On or near " then nothing'),
    ),
    ("police_uk_street", "rows_outside_london"): (
        PLACES,
        LSOA
        + count(
            STREET,
            f"lsoa_code is not null and not {IN_2011} and not {IN_2021}",
            key="LSOA code in neither London lookup",
        ),
    ),
    ("police_uk_street", "rows_lsoa11_only_code"): (PLACES, LSOA + count(STREET, f"{IN_2011} and not {IN_2021}")),
    ("police_uk_street", "rows_lsoa21_only_code"): (PLACES, LSOA + count(STREET, f"{IN_2021} and not {IN_2011}")),
    ("police_uk_street", "rows_by_borough_of_lsoa"): (
        PLACES,
        LSOA
        + f"""
        select case when s.lsoa_code is null then '' else coalesce(
            (select borough_name from lsoa where code = s.lsoa_code and partition = '2011'),
            (select borough_name from lsoa where code = s.lsoa_code and partition = '2021'),
            '(outside London)') end, count(*)
        from {STREET} s where s.batch_id = any(:b) group by 1
        """,
    ),
    ("police_uk_stop_search", "arrests"): (WORDS, count(STOPS, "outcome = 'Arrest'", key="Outcome = Arrest")),
    ("ons_geography", "distinct_codes"): (
        "one word for the codes of two resources",
        f"select '', count(distinct code) from (select lsoa_code as code from {LOOKUP} where batch_id = any(:b) "
        "union all select borough_code from raw.ons_geography__borough where batch_id = any(:b)) c",
    ),
    ("ons_geography", "codes_in_both"): (
        PLACES,
        f"select '', count(*) filter (where a.lsoa_code = c.lsoa_code) {TWO_LOOKUPS}",
    ),
    ("ons_geography", "codes_2011_only"): (
        PLACES,
        f"select '', count(*) filter (where c.lsoa_code is null) {TWO_LOOKUPS}",
    ),
    ("ons_geography", "codes_2021_only"): (
        PLACES,
        f"select '', count(*) filter (where a.lsoa_code is null) {TWO_LOOKUPS}",
    ),
    ("ons_geography", "codes_matching_lsoa21_lookup"): (
        PLACES,
        f"""select '', count(*) from raw.ons_geography__lsoa_boundary f where f.batch_id = any(:b)
        and exists (select 1 from {LOOKUP} l join ops.batch x using (batch_id)
                    where x.partition = '2021' and l.lsoa_code = f.lsoa_code)""",
    ),
    ("ons_geography", "years"): (OWN_NAME, count(WEIGHTS, "true", "min(year) || '-' || max(year)")),
    ("ons_geography", "lsoa_years"): (OWN_NAME, count(WEIGHTS, "true", "count(distinct (lsoa_code, year))")),
    ("ons_geography", "lsoa_years_where_weights_miss_1_by_more_than_0.001"): (
        SHARES,
        f"select '', count(*) from ({PER_LSOA_YEAR}) w where miss > 0.001",
    ),
    ("ons_geography", "largest_miss"): (SHARES, f"select '', round(max(miss), 6) from ({PER_LSOA_YEAR}) w"),
    ("ons_geography", "features_by_geometry"): (
        SHAPES,
        f"select g.geometry ->> 'type', count(*) from {GEOMETRIES} g group by 1",
    ),
    ("ons_geography", "bbox_lng_lat"): (
        SHAPES,
        "select '', concat_ws(',', min((value -> 0)::numeric), min((value -> 1)::numeric), "
        f"max((value -> 0)::numeric), max((value -> 1)::numeric)) from {POINTS} p",
    ),
    ("ons_population", "london_total_by_year"): (
        WORDS,
        f"select mid_year::text, population_count from {AREAS} where batch_id = any(:b) and area_code = 'E12000007'",
    ),
    ("ons_population", "sum_of_33_boroughs_by_year"): (
        WORDS,
        f"select mid_year::text, sum(population_count) from {AREAS} "
        "where batch_id = any(:b) and area_code like 'E09%' group by 1",
    ),
}
"""(feed, measure) to the reason and the query."""

NO_CONTRACT = {
    "cross_feed": "no feed: figures that set several feeds side by side, which is a mart's to do",
    "imd": "no contract of this feed", "mps_homicide_accused": "no contract of this feed",
    "mps_monthly_crime": "no contract of this feed", "mps_recorded_crime": "no contract of this feed",
    "offence_codes": "no contract of this feed",
}  # fmt: skip
"""Feeds of the control file that the platform does not know."""
