"""A few made-up rows of every feed, loaded as admitted batches."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from pathlib import Path

from tests import ready
from tests.warehouse.build_loader import load, own_warehouse, police_period, rows

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


def victims_file(last: str = "Mar 2021") -> bytes:
    """A list of three victims, two in January 2021 and one in the last month."""
    return (
        VICTIMS_HEADER + "1,25 to 34,Male,Shooting,No,Jan 2021,Murder,Solved,Ealing,White\n"
        "1,25 to 34,Male,Knife or Sharp Implement,Yes,Jan 2021,Murder,Solved,Heathrow,White\n"
        f"1,0 to 12,Female,Shooting,No,{last},Murder,Solved,Brent,White\n"
    ).encode()


def victims(last: str = "Mar 2021") -> int:
    """Load `victims_file`; batch_id."""
    return load("mps_homicide_victims", victims_file(last), "2021-07-01", file_name="homicide_victims.csv")


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


def every_feed(*street_months: str, last_victim: str = "Mar 2021") -> None:
    """Load every feed, with those months of street records."""
    lookups()
    victims(last_victim)
    population()
    searches()
    for number, month in enumerate(street_months):
        street(month, 3 + number)


def months(schema: str = "marts") -> dict[str, int]:
    """Street records by month."""
    return dict(rows(MONTHS.format(schema), role="transformer"))


def both_schemas() -> None:
    """A warehouse whose marts were built twice: of every feed and a month of street records, then of one month more."""
    from vru import transform

    ready.migrated()
    every_feed("2022-07")
    assert transform.build() is not None
    street("2022-08", 4)
    assert transform.build() is not None


def built_warehouse() -> AbstractContextManager[Path]:
    """A warehouse of one's own that begins so; the builds are made once for all tests."""
    return own_warehouse("both_schemas", both_schemas)
