"""The feeds under test: a clean file of each, what its raw rows must be, and who serves it.

What raw must hold is worked out here with Python's own modules, so that reader and test cannot agree by construction.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from tests.faults import clean
from tests.faults.feed import (
    CANARY_LINE,
    CANARY_RECORD,
    RECORDS,
    Cells,
    Change,
    Delivery,
    Feed,
    RawRow,
    collection,
    features,
    records,
    written,
)
from tests.faults.partners import ArcgisPartner, ArchivePartner, CataloguePartner, NomisPartner, Partner, zipped

__all__ = [
    "ARCHIVES", "CANARY_LINE", "CANARY_RECORD", "DELIMITED", "FEEDS", "GEOGRAPHY", "GEOGRAPHY_TABLE", "JSON", "POPULATION", "RECORDS", "SERVED_TEXT",
    "STOP_SEARCH", "STREET", "SUBJECTS", "VICTIMS", "ArchivePartner", "Change", "Delivery", "Feed", "Partner", "RawRow",
    "records", "written", "zipped",
]  # fmt: skip


def _cell(text: str) -> str | None:
    return text if text.strip() else None


def _month(text: str, form: str) -> date:
    return datetime.strptime(text.strip(), form).replace(tzinfo=UTC).date()


MEANS: dict[str, dict[str, str]] = {
    "domestic_abuse": {"Yes": "Domestic Abuse", "No": "Not Domestic Abuse"},
    "ethnicity": {"Not Recorded / Unknown": "Not Recorded"},
    "borough_name": {
        "Hammersmith & Fulham": "Hammersmith and Fulham", "Richmond Upon Thames": "Richmond upon Thames",
    },
}  # fmt: skip
"""What spellings of the clean file mean that are not the agreed ones."""

VICTIM_HEADERS = {
    "age_group": "age group", "sex": "sex", "method": "method of killing", "domestic_abuse": "domestic abuse",
    "offence": "homicide offence type", "solved_status": "solved status", "borough_name": "borough",
    "ethnicity": "officer observed ethnicity",
}  # fmt: skip


def _victim(cells: Cells) -> RawRow:
    row: RawRow = {
        "victim_count": int(cells["count of victims"]),
        "recorded_month": _month(cells["recorded date"], "%b %Y"),
        "homicide_id": None,
    }
    for name, header in VICTIM_HEADERS.items():
        trimmed = cells[header].strip()
        row[name] = None if "Quillfeather" in trimmed else MEANS.get(name, {}).get(trimmed, trimmed or None)
        row[f"{name}_source"] = _cell(cells[header])
    return row


def _crime(cells: Cells) -> RawRow:
    longitude, latitude = _cell(cells["longitude"]), _cell(cells["latitude"])
    return {
        "crime_id": _cell(cells["crime id"]),
        "month": _month(cells["month"], "%Y-%m"),
        "reported_by": _cell(cells["reported by"]),
        "falls_within": _cell(cells["falls within"]),
        "longitude": Decimal(longitude) if longitude else None,
        "latitude": Decimal(latitude) if latitude else None,
        "location": _cell(cells["location"]),
        "lsoa_code": _cell(cells["lsoa code"]),
        "lsoa_name": _cell(cells["lsoa name"]),
        "crime_type": _cell(cells["crime type"]),
        "last_outcome": _cell(cells["last outcome category"]),
        "context": _cell(cells["context"]),
    }


def _stop(cells: Cells) -> RawRow:
    names = {
        "search_type": "type", "operation_name": "policing operation", "gender": "gender", "age_range": "age range",
        "self_defined_ethnicity": "self-defined ethnicity", "officer_defined_ethnicity": "officer-defined ethnicity",
        "legislation": "legislation", "object_of_search": "object of search", "outcome": "outcome",
    }  # fmt: skip
    listed = ("search_type", "gender", "age_range", "officer_defined_ethnicity")
    flags = {
        "is_part_of_operation": "part of a policing operation", "is_outcome_linked": "outcome linked to object of search",
        "is_more_than_outer_clothing_removed": "removal of more than just outer clothing",
    }  # fmt: skip
    searched_at = datetime.fromisoformat(cells["date"].strip())
    latitude, longitude = _cell(cells["latitude"]), _cell(cells["longitude"])
    return {
        **{name: _cell(cells[header]) for name, header in names.items()},
        **{f"{name}_source": _cell(cells[names[name]]) for name in listed},
        **{name: {"True": True, "False": False}.get(cells[header].strip()) for name, header in flags.items()},
        "searched_at": searched_at,
        "search_month": searched_at.astimezone(ZoneInfo("Europe/London")).date().replace(day=1),
        "latitude": Decimal(latitude) if latitude else None,
        "longitude": Decimal(longitude) if longitude else None,
    }


def _resident(cells: Cells) -> RawRow:
    return {
        "area_code": cells["geography_code"],
        "area_name": cells["geography_name"],
        "mid_year": int(cells["date_name"]),
        "population_count": int(cells["obs_value"]),
        "series": cells["obs_status_name"],
    }


LOOKUP_COLUMNS = {
    "lsoa_code": "lsoa11cd", "lsoa_name": "lsoa11nm", "msoa_code": "msoa11cd", "msoa_name": "msoa11nm",
    "borough_code": "lad11cd", "borough_name": "lad11nm", "region_code": "rgn11cd", "region_name": "rgn11nm",
}  # fmt: skip
LOOKUP_COUNTS = {
    "usual_resident_count": "usualres", "household_resident_count": "hholdres",
    "communal_resident_count": "comestres", "household_count": "hholds",
}  # fmt: skip


def _area(cells: Cells) -> RawRow:
    return {
        **{name: cells[header] for name, header in LOOKUP_COLUMNS.items()},
        **{name: int(cells[header]) for name, header in LOOKUP_COUNTS.items()},
        "population_density": Decimal(cells["popden"]),
        "average_household_size": Decimal(cells["avhholdsz"]),
    }


def _boundary(cells: Cells) -> RawRow:
    properties = {name.strip().lower(): value for name, value in cells.items()}
    return {
        "lsoa_code": properties["lsoa21cd"],
        "lsoa_name": properties["lsoa21nm"],
        "borough_code": properties.get("lad22cd"),
        "geometry": cells["geometry"],
    }


def _earlier_victims(feed: Feed) -> list[Delivery]:
    """The list of a quarter before: without the last victims."""
    rows = records(feed.clean)
    return [Delivery(feed.file_name, written(rows[:-6]), "2021-02-05")]


def _earlier_crimes(feed: Feed) -> list[Delivery]:
    """The month before, and the month under test as an earlier release held it."""
    july = feed.clean.replace(b",2022-08,", b",2022-07,")
    return [
        Delivery("2022-07-metropolitan-street.csv", july, "2022-09-28"),
        Delivery(feed.file_name, written(records(feed.clean)[:-6]), "2022-10-01"),
    ]


def _restated_victims(feed: Feed, content: bytes, how: str) -> bytes:
    header, *rows = records(content)
    solved, method, borough = (header.index(name) for name in ("Solved Status", "Method of Killing", "Borough"))
    # a borough's total stays as it is, or the column would rightly be withheld (definitions B20)
    match how:
        case "values_changed":
            for row, other in zip(rows[::40], rows[9::40], strict=True):
                row[borough], other[borough] = other[borough], row[borough]
                row[solved] = "Unsolved" if row[solved] == "Solved" else "Solved"
        case "rows_deleted":
            del rows[30::40]
        case "rows_added":
            rows += [row for row in rows[::25] if row[borough] != "Quillfeather Parish"]
        case _:
            boroughs = [row[borough] for row in rows]
            for row, moved in zip(rows, [*boroughs[9:], *boroughs[:9]], strict=True):
                row[borough] = moved
                row[method] = "Shooting" if row[method] != "Shooting" else "Blunt Implement"
                row[solved] = "Unsolved" if row[solved] == "Solved" else "Solved"
    return written([header, *rows])


def _restated_crimes(feed: Feed, content: bytes, how: str) -> bytes:
    header, *rows = records(content)
    names = ("Last outcome category", "Location", "Crime type", "Longitude")
    outcome, place, kind, longitude = (header.index(name) for name in names)
    match how:
        case "values_changed":
            for row in rows[::9]:
                if row[outcome]:
                    row[outcome], row[kind] = "Local resolution", "Public order"
        case "rows_deleted":
            del rows[30::40]
        case "rows_added":
            rows += [row for row in rows[::25] if "Quillfeather" not in row[place]]
        case _:
            for row in rows:
                row[0] = row[0] and hashlib.sha256(row[0].encode()).hexdigest()
                row[outcome] = row[outcome] and "Formal action is not in the public interest"
                row[kind] = "Bicycle theft" if row[0] else row[kind]
                row[place] = "On or near Another Place" if row[longitude] else row[place]
    return written([header, *rows])


def _earlier_stops(feed: Feed) -> list[Delivery]:
    """The month before, and the month under test as an earlier release held it."""
    header, *rows = records(feed.clean)
    july = [header, *([row[0], row[1].replace("2022-08", "2022-07"), *row[2:]] for row in rows)]
    return [
        Delivery("2022-07-metropolitan-stop-and-search.csv", written(july), "2022-09-28"),
        Delivery(feed.file_name, written([header, *rows[:-6]]), "2022-10-01"),
    ]


def _earlier_estimates(feed: Feed) -> list[Delivery]:
    """The release of a year before: without the last year."""
    return [Delivery(feed.file_name, written([row for row in records(feed.clean) if row[0] != "2020"]), "2020-06-24")]


def _earlier_areas(feed: Feed) -> list[Delivery]:
    """A release that lacked six areas."""
    rows = records(feed.clean)
    return [Delivery(feed.file_name, written([*rows[:40], *rows[46:]]), "2021-01-15")]


def _earlier_boundaries(feed: Feed) -> list[Delivery]:
    """A release that lacked six areas."""
    found = features(feed.clean)
    return [Delivery(feed.file_name, collection([*found[:40], *found[46:]]), "2021-01-15")]


def _restated_stops(feed: Feed, content: bytes, how: str) -> bytes:
    header, *rows = records(content)
    outcome, operation, kind = (header.index(name) for name in ("Outcome", "Policing operation", "Object of search"))
    match how:
        case "values_changed":
            for row in rows[::9]:
                row[outcome], row[kind] = "Arrest", "Firearms"
        case "rows_deleted":
            del rows[30::40]
        case "rows_added":
            rows += [row for row in rows[::25] if not row[operation]]
        case _:
            for row in rows:
                row[outcome], row[kind] = "Caution (simple or conditional)", "Fireworks"
    return written([header, *rows])


def _restated_estimates(feed: Feed, content: bytes, how: str) -> bytes:
    """What is true of an area stays true of London: the sum is made anew."""
    header, *rows = records(content)
    boroughs = [row for row in rows if row[2] != "E12000007"]
    match how:
        case "values_changed":
            changed = [[*row[:3], str(int(row[3]) + (9 if row[0] == "2020" else 0)), row[4]] for row in boroughs]
        case "rows_deleted":
            changed = [row for row in boroughs if row[0] != "2016"]
        case "rows_added":
            changed = [*boroughs, *(["2014", *row[1:]] for row in boroughs if row[0] == "2015")]
        case _:
            changed = [[*row[:3], str(int(row[3]) + 1000), row[4]] for row in boroughs]
    return written([header, *changed])


def _restated_areas(feed: Feed, content: bytes, how: str) -> bytes:
    header, *rows = records(content)
    match how:
        case "values_changed":
            for row in rows[::9]:
                row[1] = f"{row[1]} (renamed)"
        case "rows_deleted":
            del rows[30::40]
        case "rows_added":
            rows += [[f"E01009{n:03d}", *row[1:]] for n, row in enumerate(rows[:5])]
        case _:
            for row in rows:
                row[1], row[8] = f"{row[1]} (renamed)", str(int(row[8]) + 1)
    return written([header, *rows])


def _restated_boundaries(feed: Feed, content: bytes, how: str) -> bytes:
    found = features(content)
    match how:
        case "values_changed":
            for feature in found[::9]:
                feature["properties"]["LSOA21NM"] += " (renamed)"
        case "rows_deleted":
            del found[30::40]
        case "rows_added":
            for n, feature in enumerate(found[:5]):
                found.append({**feature, "properties": {**feature["properties"], "LSOA21CD": f"E01009{n:03d}"}})
        case _:
            for feature in found:
                feature["properties"]["LSOA21NM"] += " (renamed)"
                feature["geometry"]["coordinates"][0][1][0] += 0.001
    return collection(found)


VICTIMS = Feed(
    name="mps_homicide_victims",
    resource="victims",
    file_name="homicide_victims.csv",
    vintage="2021-05-05",
    tolerance_pct=0.0,
    content=partial(clean.fixture, "mps_homicide_victims", "homicide_victims.csv"),
    note="Borough",
    padded="Solved Status",
    within=False,
    required="Solved Status",
    typed="Recorded Date",
    typed_check="not_a_month",
    key="Recorded Date",
    swapped=("Age Group", "Officer Observed Ethnicity"),
    canaries=("Quillfeather",),
    raw_row=_victim,
    earlier=_earlier_victims,
    restated=_restated_victims,
    renamed=("Homicide Victims (1).csv", "download.csv"),
    partner=partial(CataloguePartner, vintage="2021-05-05"),
)
STREET = Feed(
    name="police_uk_street",
    resource="street",
    file_name="2022-08-metropolitan-street.csv",
    vintage="2022-10-28",
    tolerance_pct=1.0,
    content=partial(clean.fixture, "police_uk_street", "2022-08-metropolitan-street.csv"),
    note="Location",
    padded="Location",
    within=True,
    required="Crime type",
    typed="Month",
    typed_check="not_a_month",
    key="Crime ID",
    swapped=("Location", "Last outcome category"),
    canaries=("Quillfeather", "ef6481e8ea39bb46816cc7faf7f22cb3736f6309d306ce5483eb56803639856e"),
    raw_row=_crime,
    earlier=_earlier_crimes,
    restated=_restated_crimes,
    renamed=("2022_08_metropolitan_street.csv", "download.csv"),
    partner=partial(ArchivePartner, vintage="2022-10-28", kind="street"),
)
STOP_SEARCH = Feed(
    name="police_uk_stop_search",
    resource="stop_search",
    file_name="2022-08-metropolitan-stop-and-search.csv",
    vintage="2022-10-28",
    tolerance_pct=1.0,
    content=clean.stop_search,
    note="Policing operation",
    padded="Policing operation",
    within=True,
    required="Officer-defined ethnicity",
    typed="Date",
    typed_check="not_a_timestamp",
    key="Date",
    swapped=("Gender", "Outcome"),
    canaries=("Quillfeather",),
    raw_row=_stop,
    earlier=_earlier_stops,
    restated=_restated_stops,
    renamed=("2022_08_metropolitan_stop_and_search.csv",),
    partner=partial(ArchivePartner, vintage="2022-10-28", kind="stop-and-search"),
)
POPULATION = Feed(
    name="ons_population",
    resource="borough",
    file_name="nomis_borough_mye.csv",
    vintage="2021-06-25",
    tolerance_pct=0.1,
    content=clean.population,
    note="OBS_STATUS_NAME",
    padded="OBS_STATUS_NAME",
    within=True,
    required="OBS_VALUE",
    typed="OBS_VALUE",
    typed_check="not_an_integer",
    key="GEOGRAPHY_CODE",
    swapped=("DATE_NAME", "OBS_VALUE"),
    canaries=("Quillfeather",),
    raw_row=_resident,
    earlier=_earlier_estimates,
    restated=_restated_estimates,
    renamed=("borough-mye.csv", "download.csv"),
    partner=partial(NomisPartner, vintage="2021-06-25"),
    is_keyed=True,
)
GEOGRAPHY = Feed(
    name="ons_geography",
    resource="lsoa_boundary",
    file_name="lsoa21.geojson",
    vintage="2021-06-25",
    tolerance_pct=0.0,
    content=clean.boundaries,
    note="LSOA21NM",
    padded="LSOA21NM",
    within=True,
    required="LSOA21NM",
    typed="geometry",
    typed_check="boundary_is_a_shape",
    key="LSOA21CD",
    swapped=("LSOA21NM", "LAD22CD"),
    canaries=("Quillfeather",),
    raw_row=_boundary,
    earlier=_earlier_boundaries,
    restated=_restated_boundaries,
    renamed=("LSOA21.GeoJSON", "download.geojson"),
    partner=partial(ArcgisPartner, vintage="2021-06-25"),
    shape="geojson",
    is_keyed=True,
)
GEOGRAPHY_TABLE = Feed(
    name="ons_geography",
    resource="lsoa",
    file_name="lsoa11_to_borough.csv",
    vintage="2021-06-25",
    tolerance_pct=0.0,
    content=clean.lookup_table,
    note="LSOA11NM",
    padded="LSOA11NM",
    within=True,
    required="LAD11NM",
    typed="USUALRES",
    typed_check="not_an_integer",
    key="LSOA11CD",
    swapped=("MSOA11NM", "LAD11NM"),
    canaries=("Quillfeather",),
    raw_row=_area,
    earlier=_earlier_areas,
    restated=_restated_areas,
    renamed=("LSOA11 to borough (1).csv", "download.csv"),
    partner=None,
    is_keyed=True,
)
FEEDS = (VICTIMS, STREET, STOP_SEARCH, POPULATION, GEOGRAPHY)
"""The five feeds."""
SUBJECTS = (*FEEDS, GEOGRAPHY_TABLE)
"""And a second resource, since ONS sends areas both as GeoJSON and, by hand, as delimited text."""
DELIMITED = tuple(feed for feed in SUBJECTS if feed.shape == "text")
SERVED_TEXT = tuple(feed for feed in FEEDS if feed.shape == "text")
"""Delimited text over HTTP."""
ARCHIVES = (STREET, STOP_SEARCH)
JSON = (GEOGRAPHY,)
