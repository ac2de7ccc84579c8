"""The sandbox beside real published files: headers, quoting, line ends, encoding, spellings, shapes.

The real files are not part of the repository. `VRU_REAL_DATA` names their folder; else `../shared/real`
beside the checkout is taken; without either the tests that need them are skipped. `differences` is itself
put to the test: every kind of deviation that it should see is made and must be reported.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest
from vru.sandbox import arcgis, clock, geography, homicide, months, police, population, stop_search, street
from vru.sandbox.responses import Request

from tests.real_data import IS_HERE, MISSING, REAL

SEED = clock.DEFAULT_SEED
FORCES = {force.slug: force for force in police.FORCES}
COORDINATE = r"-?\d{1,2}\.\d{6}|"


def real(name: str) -> bytes:
    if not IS_HERE:
        pytest.skip(MISSING)
    return (REAL / name).read_bytes()


@dataclass(frozen=True)
class Comparison:
    """What two files of one format must share."""

    labels: tuple[str, ...]
    """Columns whose sandbox values must all stand in the real file, in the same spelling."""
    patterns: dict[str, str]
    """Columns whose values must fit a pattern in both files."""


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("ascii"), newline="")))


def newline_of(content: bytes) -> str:
    lines, crlf = content.count(b"\n"), content.count(b"\r\n")
    return "CRLF" if lines == crlf else "LF" if crlf == 0 else "mixed"


def form(content: bytes) -> dict[str, object]:
    """How the file is written, whatever it says."""
    return {
        "header": content.splitlines()[0],
        "newline": newline_of(content),
        "ends with a newline": content.endswith(b"\n"),
        "byte-order mark": content.startswith(b"\xef\xbb\xbf"),
        "ASCII only": content.isascii(),
        "lone carriage return": b"\r" in content.replace(b"\r\n", b""),
        "width of rows": {len(row) for row in csv.reader(io.StringIO(content.decode("latin-1"), newline=""))},
        "has quotes": b'"' in content,
    }


def quoted_cells(content: bytes) -> set[bytes]:
    return set(re.findall(rb'"[^"]*"', content))


def differences(sandbox: bytes, published: bytes, comparison: Comparison) -> list[str]:
    """Every way in which the sandbox file does not look like the published one."""
    mine, theirs = form(sandbox), form(published)
    found = [f"{what}: {mine[what]!r} is not {theirs[what]!r}" for what in mine if mine[what] != theirs[what]]
    found += [f"quoted otherwise: {cell!r}" for cell in quoted_cells(sandbox) - quoted_cells(published)]
    if found:
        return found
    rows, real_rows = table(sandbox), table(published)
    for column in comparison.labels:
        strange = {row[column] for row in rows} - {row[column] for row in real_rows}
        found += [f"{column}: {value!r} is not in the real file" for value in sorted(strange)]
    for column, pattern in comparison.patterns.items():
        for who, some in (("sandbox", rows), ("real", real_rows)):
            odd = next((row[column] for row in some if not re.fullmatch(pattern, row[column])), None)
            if odd is not None:
                found.append(f"{column}: {who} value {odd!r} does not fit {pattern}")
    return found


STREET = Comparison(
    labels=("Reported by", "Falls within", "Crime type", "Context"),
    patterns={
        "Crime ID": r"[0-9a-f]{64}|",
        "Month": r"\d{4}-\d{2}",
        "Longitude": COORDINATE,
        "Latitude": COORDINATE,
        "Location": r"On or near .*|No [Ll]ocation",
        "LSOA code": r"E01\d{6}|",
        "LSOA name": r"[A-Z].* \d{3}[A-Z]|",
    },
)
STOPS = Comparison(
    labels=(
        "Type", "Part of a policing operation", "Policing operation", "Gender", "Age range",
        "Self-defined ethnicity", "Officer-defined ethnicity", "Legislation", "Object of search", "Outcome",
        "Outcome linked to object of search", "Removal of more than just outer clothing",
    ),
    patterns={
        "Date": r"2023-12-\d{2}T\d{2}:\d{2}:00\+00:00",
        "Latitude": r"51\.\d{6}|",
        "Longitude": COORDINATE,
    },
)  # fmt: skip
VICTIMS = Comparison(
    labels=(
        "Count of Victims", "Age Group", "Sex", "Method of Killing", "Domestic Abuse",
        "Homicide Offence Type", "Solved Status", "Borough", "Officer Observed Ethnicity",
    ),
    patterns={},
)  # fmt: skip

CITY_MONTHS = tuple(months.month_range(date(2022, 7, 1), date(2022, 12, 1)))


def city_street() -> tuple[bytes, bytes]:
    """One City month of both, the labels of the real one widened by the other five months."""
    files = [real(f"police_uk_street/{month:%Y_%m}_city_of_london_street.csv") for month in CITY_MONTHS]
    published = files[0] + b"".join(content.split(b"\n", 1)[1] for content in files[1:])
    month = CITY_MONTHS[0]
    return street.street_csv(SEED, FORCES["city-of-london"], month, month), published


def metropolitan_street() -> tuple[bytes, bytes]:
    month = date(2023, 1, 1)
    published = real("police_uk_street/2023_01_metropolitan_street_first_4000.csv")
    return street.street_csv(SEED, FORCES["metropolitan"], month, month), published


def metropolitan_stops() -> tuple[bytes, bytes]:
    published = real("police_uk_stop_search/2023_12_metropolitan_stop_and_search.csv")
    return stop_search.stop_search_csv(SEED, FORCES["metropolitan"], date(2023, 12, 1)), published


def victims(generation: str, file_name: str) -> tuple[bytes, bytes]:
    every = homicide.vintages(clock.World(date(2022, 10, 15)))
    vintage = next(each for each in every if each.generation == generation)
    return homicide.victims_csv(clock.World(), vintage), real(f"mps_homicide_victims/{file_name}")


def victims_2021() -> tuple[bytes, bytes]:
    return victims("2021-05", "homicide_victims_vintage_2021_05.csv")


def victims_2022() -> tuple[bytes, bytes]:
    return victims("2022", "homicide_victims_vintage_2022.csv")


def with_patterns(comparison: Comparison, **patterns: str) -> Comparison:
    named = {name.replace("_", " "): pattern for name, pattern in patterns.items()}
    return Comparison(comparison.labels, {**comparison.patterns, **named})


CASES: dict[str, tuple[Callable[[], tuple[bytes, bytes]], Comparison]] = {
    "street, City": (city_street, STREET),
    "street, Metropolitan": (metropolitan_street, STREET),
    "stop and search": (metropolitan_stops, STOPS),
    "victims 2021-05": (victims_2021, with_patterns(VICTIMS, Recorded_Date=r"[A-Z][a-z]{2} 20\d{2}")),
    "victims 2022": (victims_2022, with_patterns(VICTIMS, Recorded_Date=r"[A-Z][a-z]{2}-\d{2}")),
}


@pytest.mark.parametrize("case", CASES)
def test_file_looks_like_the_published_one(case: str) -> None:
    make, comparison = CASES[case]
    assert differences(*make(), comparison) == []


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("header", lambda content: content.replace(b"Longitude,Latitude", b"Latitude,Longitude", 1)),
        ("newline", lambda content: content.replace(b"\r\n", b"\n")),
        ("ends with a newline", lambda content: content.rstrip()),
        ("byte-order mark", lambda content: b"\xef\xbb\xbf" + content),
        ("ASCII only", lambda content: content.replace(b"On or near", "On or né".encode(), 1)),
        ("has quotes", lambda content: content.replace(b"Drugs", b'"Drugs"')),
        ("width of rows", lambda content: content.replace(b"Drugs", b"Drugs,", 1)),
        ("Crime type", lambda content: content.replace(b"Other theft", b"Other Theft")),
        ("Reported by", lambda content: content.replace(b"City of London Police,City", b"City Police,City")),
        ("Crime ID", lambda content: re.sub(rb"[0-9a-f]{64}", b"0" * 63, content, count=1)),
        ("Longitude", lambda content: re.sub(rb"(-0\.\d{5})\d", rb"\1", content, count=1)),
        ("LSOA code", lambda content: content.replace(b",E01", b",E02", 1)),
        ("Location", lambda content: content.replace(b"On or near", b"On or Near", 1)),
    ],
)
def test_a_deviation_is_seen(what: str, spoil: Callable[[bytes], bytes]) -> None:
    sandbox, published = city_street()
    spoiled = spoil(sandbox)
    assert spoiled != sandbox
    assert any(text.startswith(what) for text in differences(spoiled, published, STREET))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" Unsolved ", b"Unsolved"),
        (b'"Pysical Assualt, no weapon"', b'"Physical Assault, no weapon"'),
        (b"Barking & Dagenham", b"Barking and Dagenham"),
        (b"Upon Thames", b"upon Thames"),
        (b"Not Domestic", b"No"),
        (b"Jan-03", b"Jan 2003"),
        (b"Not Reported/Not known", b"Not Recorded / Unknown"),
        (b"\r\n", b"\n"),
        (b"Count of Victims", b"Homicide ID"),
    ],
)
def test_a_respelled_homicide_file_is_seen(old: bytes, new: bytes) -> None:
    sandbox, published = victims_2022()
    assert old in sandbox
    assert differences(sandbox.replace(old, new), published, CASES["victims 2022"][1])


@pytest.mark.parametrize("make", [city_street, metropolitan_street])
def test_blank_cells_go_together_as_in_the_real_street_files(make: Callable[[], tuple[bytes, bytes]]) -> None:
    for content in make():
        for row in table(content):
            is_asb = row["Crime type"] == street.ANTI_SOCIAL
            assert (row["Crime ID"] == "") == (row["Last outcome category"] == "") == is_asb
            assert (row["Longitude"] == "") == (row["Latitude"] == "") == (row["LSOA code"] == "")
            assert (row["LSOA code"] == "") == (row["LSOA name"] == "") == (row["Location"][:3] == "No ")


def test_outcomes_are_spelled_as_published() -> None:
    published = {
        row["Last outcome category"] for make in (city_street, metropolitan_street) for row in table(make()[1])
    }
    for slug, release in (("city-of-london", date(2022, 12, 1)), ("metropolitan", date(2023, 6, 1))):
        for month in CITY_MONTHS:
            rows = table(street.street_csv(SEED, FORCES[slug], month, release))
            assert {row["Last outcome category"] for row in rows} <= published


def test_street_rows_are_ordered_by_lsoa_name_with_placeless_rows_last() -> None:
    for content in city_street()[0], real("police_uk_street/2022_07_city_of_london_street.csv"):
        names = [row["LSOA name"] for row in table(content)]
        assert names == sorted(names, key=lambda name: (name == "", name))


def test_stop_and_search_shares_of_blanks_are_like_the_real_ones() -> None:
    sandbox, published = metropolitan_stops()
    for column, slack in (("Latitude", 0.08), ("Age range", 0.1), ("Gender", 0.05)):
        shares = [sum(row[column] == "" for row in rows) / len(rows) for rows in map(table, (sandbox, published))]
        assert abs(shares[0] - shares[1]) < slack, (column, shares)


def layer_fields(layer: str) -> list[str]:
    return [name for name in arcgis.rows_of(layer)[0].attributes if name != "OBJECTID"]


def test_lookup_columns_are_those_of_the_real_lookups() -> None:
    old = real("ons_geography/lsoa11_to_borough.csv").decode().splitlines()[0].split(",")
    new = real("ons_geography/lsoa21_to_borough.csv").decode().splitlines()[0].split(",")
    assert layer_fields("LSOA11_MSOA11_LAD11_RGN11_EW_LU") == old[:8]
    assert layer_fields("LSOA21_MSOA21_LAD22_EW_LU") == new


def test_authorities_have_their_real_codes_and_names() -> None:
    rows = table(real("ons_geography/boroughs_gss.csv"))
    assert {area.code: area.name for area in geography.AUTHORITIES} == {row["GSS_CODE"]: row["NAME"] for row in rows}


def test_no_synthetic_small_area_has_a_real_code() -> None:
    for name, column, lsoas in (
        ("lsoa11_to_borough", "LSOA11CD", geography.lsoas_2011),
        ("lsoa21_to_borough", "LSOA21CD", geography.lsoas_2021),
    ):
        published = {row[column] for row in table(real(f"ons_geography/{name}.csv"))}
        mine = {lsoa.code for area in geography.AUTHORITIES for lsoa in lsoas(area)}
        assert not mine & published
        assert all(re.fullmatch(r"E01\d{6}", code) for code in mine | published)


@pytest.mark.parametrize(
    ("layer", "file_name", "required"),
    [
        (
            "Local_Authority_Districts_December_2022_UK_BGC_V2",
            "boroughs_lad22.geojson",
            {"LAD22CD", "LAD22NM"},
        ),
        ("LSOA_2021_EW_BGC", "lsoa21.geojson", {"LSOA21CD", "LSOA21NM", "LAD22CD"}),
    ],
)
def test_boundaries_have_the_real_properties_and_extent(layer: str, file_name: str, required: set[str]) -> None:
    published = json.loads(real(f"ons_geography/{file_name}"))
    query = {"where": "LAD22CD LIKE 'E09%'", "outfields": "*", "f": "geojson"}
    path = f"{arcgis.ROOT}{layer}/FeatureServer/0/query"
    collection = json.loads(arcgis.respond(Request(clock.World(), "", path, query)).body)
    assert set(published["features"][0]["properties"]) == required
    assert required <= set(collection["features"][0]["properties"])
    assert set(collection) - {"properties"} <= set(published)
    corners = [point for feature in collection["features"] for point in feature["geometry"]["coordinates"][0]]
    assert min(point[0] for point in corners) >= -0.5103
    assert max(point[0] for point in corners) <= 0.3340
    assert min(point[1] for point in corners) >= 51.28
    assert max(point[1] for point in corners) <= 51.6921


def test_population_covers_the_same_areas_and_years_at_the_same_scale() -> None:
    rows = table(real("ons_population/borough_mye_2001_2021_tidy.csv"))
    release = population.current_release(date(2023, 1, 15))
    assert {int(row["mid_year"]) for row in rows} == set(range(population.FIRST_YEAR, release.last_year + 1))
    codes = {area.code for area in geography.AUTHORITIES} | {geography.LONDON_CODE}
    assert {row["gss_code"] for row in rows} == codes
    for row in rows:
        mine = population.residents(SEED, release, row["gss_code"], int(row["mid_year"]), [1, 2], None)
        assert 0.6 < mine / int(row["population"]) < 1.6, row["name"]
