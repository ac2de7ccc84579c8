"""The clean files: invented, 200 records each, in the wire formats of the partners, the same every time.

Those of crime and homicide lie in `tests/fixtures`; the others follow a rule and are made here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.faults.feed import CANARY_RECORD, RECORDS, collection, features, written

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
BOROUGHS = 33
STOP_HEADER = [
    "Type", "Date", "Part of a policing operation", "Policing operation", "Latitude", "Longitude", "Gender",
    "Age range", "Self-defined ethnicity", "Officer-defined ethnicity", "Legislation", "Object of search", "Outcome",
    "Outcome linked to object of search", "Removal of more than just outer clothing",
]  # fmt: skip
LOOKUP_HEADER = [
    "LSOA11CD", "LSOA11NM", "MSOA11CD", "MSOA11NM", "LAD11CD", "LAD11NM", "RGN11CD", "RGN11NM", "USUALRES", "HHOLDRES",
    "COMESTRES", "POPDEN", "HHOLDS", "AVHHOLDSZ",
]  # fmt: skip
POPULATION_HEADER = ["DATE_NAME", "GEOGRAPHY_NAME", "GEOGRAPHY_CODE", "OBS_VALUE", "OBS_STATUS_NAME"]


def fixture(feed: str, file_name: str) -> bytes:
    """A file of the repository."""
    return (FIXTURES / feed / file_name).read_bytes()


@cache
def boroughs() -> dict[str, str]:
    """Names of the 33 local authorities by their codes."""
    return {f["properties"]["LAD22CD"]: f["properties"]["LAD22NM"] for f in features(authorities())}


@cache
def stop_search() -> bytes:
    """Searches of August 2022, in the order of their times; every fifth without a place."""
    objects = ("Controlled drugs", "Stolen goods", "Offensive weapons", "Evidence of offences under the Act")
    laws = ("Misuse of Drugs Act 1971 (section 23)", "Police and Criminal Evidence Act 1984 (section 1)")
    groups = (("White - Irish", "White"), ("Black/African/Caribbean/Black British - African", "Black"), ("", ""))
    first = datetime(2022, 8, 1, 0, 30, tzinfo=UTC)
    rows = []
    for n in range(RECORDS):
        place = ["", ""] if n % 5 == 0 else [f"{51.3 + n % 90 / 250:.6f}", f"{-0.4 + n % 70 / 100:.6f}"]
        defined, officer = groups[n % 3]
        operation = ["True", "Operation Quillfeather"] if n == CANARY_RECORD else ["False", ""]
        rows.append([
            ("Person search", "Person and Vehicle search", "Vehicle search")[n % 3],
            (first + timedelta(minutes=217 * n)).isoformat(), *operation, *place, ("Male", "Female", "")[n % 3],
            ("18-24", "25-34", "over 34", "10-17", "")[n % 5], defined, officer, laws[n % 2], objects[n % 4],
            ("A no further action disposal", "Arrest", "Community resolution")[n % 3], "", "",
        ])  # fmt: skip
    return written([STOP_HEADER, *rows])


@cache
def population() -> bytes:
    """Mid-years 2015 to 2020 of 33 local authorities, and of London as a whole in the last two years."""
    rows = []
    for year in range(2015, 2021):
        residents = {f"E090000{n:02d}": 100_000 + 5_000 * n + 700 * (year - 2015) for n in range(1, BOROUGHS + 1)}
        if year >= 2019:
            rows.append([str(year), "London", "E12000007", str(sum(residents.values())), "Normal Value"])
        for code, value in residents.items():
            status = "Quillfeather Value" if len(rows) == CANARY_RECORD else "Normal Value"
            rows.append([str(year), boroughs()[code], code, str(value), status])
    return written([POPULATION_HEADER, *rows])


def _area(number: int, vintage: str) -> dict[str, str]:
    """One LSOA, six or seven to a borough."""
    borough = number % BOROUGHS + 1
    borough_name = boroughs()[f"E090000{borough:02d}"]
    name = "Quillfeather Parish" if number == CANARY_RECORD else borough_name
    middle, lad = 1 + number // BOROUGHS // 3, {"11": "11", "21": "22"}[vintage]
    return {
        f"LSOA{vintage}CD": f"E0100{1001 + number}",
        f"LSOA{vintage}NM": f"{name} 00{middle}{'ABC'[number // BOROUGHS % 3]}",
        f"MSOA{vintage}CD": f"E0200{1000 + middle * BOROUGHS + borough}",
        f"MSOA{vintage}NM": f"{borough_name} 00{middle}",
        f"LAD{lad}CD": f"E090000{borough:02d}",
        f"LAD{lad}NM": borough_name,
    }


@cache
def lookup_table() -> bytes:
    """LSOAs of 2011 with MSOA and local authority, as delimited text."""
    rows = []
    for n in range(RECORDS):
        counts = [str(1500 + n), str(1480 + n), "20", f"{40 + n / 10:.1f}", str(600 + n % 50), "2.5"]
        rows.append([*_area(n, "11").values(), "E12000007", "London", *counts])
    return written([LOOKUP_HEADER, *rows])


def _feature(number: int, properties: dict[str, Any], geometry: object) -> dict[str, Any]:
    return {"type": "Feature", "id": number, "geometry": geometry, "properties": {"OBJECTID": number, **properties}}


@cache
def lookup(vintage: str) -> bytes:
    """The same areas as the services answer with, of one vintage."""
    region = {"RGN11CD": "E12000007", "RGN11NM": "London"} if vintage == "11" else {}
    return collection([_feature(n + 1, {**_area(n, vintage), **region}, None) for n in range(RECORDS)])


@cache
def boundaries() -> bytes:
    """LSOAs of 2021 with a square for a boundary."""
    found = []
    for n in range(RECORDS):
        code, name, *_, borough, _ = _area(n, "21").items()
        west, south = -0.5 + n % 40 / 50, 51.3 + n // 40 / 15
        corners = ((0, 0), (0.02, 0), (0.02, 0.01), (0, 0.01), (0, 0))
        ring = [[round(west + x, 4), round(south + y, 4)] for x, y in corners]
        found.append(_feature(n + 1, dict((code, name, borough)), {"type": "Polygon", "coordinates": [ring]}))
    return collection(found)


def authorities() -> bytes:
    """The 33 local authorities."""
    return fixture("ons_geography", "boroughs_lad22.geojson")
