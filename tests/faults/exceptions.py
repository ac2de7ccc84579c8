"""What of a feed or of a case does not follow from a contract, with the reason. A test fails when one is not needed.

Nothing else about single feeds is written by hand in this folder but the stories of `test_late.py`, `test_volume.py`
and `test_members.py`, which name what they need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from vru.settings import CHECKOUT

from tests.faults import record_changes as r
from tests.faults.case import Expect, Expected, held, rejected, rows
from tests.faults.feed import CANARY, CANARY_RECORD, RECORDS, Change, Delivery, Feed, Record, closed, opened, written

FIXTURES = CHECKOUT / "tests" / "fixtures"


@dataclass(frozen=True)
class Own:
    """A part of a feed that is made by hand, because the derived one cannot stand."""

    feed: str
    resource: str
    part: str
    why: str
    value: Any


UNTESTED: dict[tuple[str, str], str] = {
    ("ons_geography", "borough"): "exactly 33 records or the file is held, and the places of the table need 200",
    (
        "ons_geography",
        "borough_boundary",
    ): "exactly 33 records or the file is held, and the places of the table need 200",
}
"""Resources for which the table does not run."""


def population() -> bytes:
    """Mid-years 2015 to 2020 of the authorities, and of London as a whole in the last two years."""
    boroughs = {
        record["GSS_CODE"]: record["NAME"]
        for record in opened("text", (FIXTURES / "ons_geography" / "boroughs_gss.csv").read_bytes())
    }
    rows = []
    for year in range(2015, 2021):
        residents = {code: 100_000 + 5_000 * int(code[-2:]) + 700 * (year - 2015) for code in sorted(boroughs)}
        if year >= 2019:
            rows.append([str(year), "London", "E12000007", str(sum(residents.values())), "Normal Value"])
        for code, value in residents.items():
            status = f"{CANARY} Value" if len(rows) == CANARY_RECORD else "Normal Value"
            rows.append([str(year), boroughs[code], code, str(value), status])
    return written([["DATE_NAME", "GEOGRAPHY_NAME", "GEOGRAPHY_CODE", "OBS_VALUE", "OBS_STATUS_NAME"], *rows])


def release_before(feed: Feed) -> list[Delivery]:
    """The release of a year before: without the last year."""
    found = [record for record in opened(feed.shape, feed.clean) if record["DATE_NAME"] != "2020"]
    return [Delivery(feed.file_name, closed(feed.shape, found), date(2020, 6, 24).isoformat())]


def restated_estimates(feed: Feed, content: bytes, how: str) -> bytes:
    """What is true of an area stays true of London: the sum is left out."""
    boroughs = [record for record in opened(feed.shape, content) if record["GEOGRAPHY_CODE"] != "E12000007"]
    match how:
        case "values_changed":
            for record in boroughs:
                record["OBS_VALUE"] = str(int(record["OBS_VALUE"]) + (9 if record["DATE_NAME"] == "2020" else 0))
        case "rows_deleted":
            boroughs = [record for record in boroughs if record["DATE_NAME"] != "2016"]
        case "rows_added":
            boroughs += [{**record, "DATE_NAME": "2014"} for record in boroughs if record["DATE_NAME"] == "2015"]
        case _:
            boroughs = [{**record, "OBS_VALUE": str(int(record["OBS_VALUE"]) + 1000)} for record in boroughs]
    return closed(feed.shape, boroughs)


WHOLE_YEARS = "a year is of all 33 authorities, and they add up to London, or the file is held"
OWN: tuple[Own, ...] = (
    Own("ons_population", "borough", "clean", f"{WHOLE_YEARS}; 200 records are six years and two sums", population),
    Own("ons_population", "borough", "earlier", WHOLE_YEARS, release_before),
    Own("ons_population", "borough", "restated", WHOLE_YEARS, restated_estimates),
)
"""Parts that are made by hand; `test_derived.py` shows that the derived one is held."""


def own(feed: str, resource: str) -> dict[str, Callable[..., Any] | bytes]:
    """The parts of a resource that are made by hand."""
    found = {each.part: each.value for each in OWN if (each.feed, each.resource) == (feed, resource)}
    return {part: value() if part == "clean" else value for part, value in found.items()}


# Cases


def held_for(check: str, records: int = RECORDS) -> Expected:
    """A check of the whole fails; what was changed is in raw, where nobody reads it."""
    return held(check, records, tuple(range(RECORDS)))


def aside(check: str, *numbers: int) -> Expected:
    """These records go to quarantine."""
    return lambda feed: rows(check, *map(feed.line, numbers), lost=numbers)(feed)


def of_vintage(digits: str, every: int = 1) -> Change:
    """Codes and names under the headers of another vintage of areas."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = opened(feed.shape, content)
        for number in range(0, RECORDS, every):
            found[number] = {name.replace("LSOA21", f"LSOA{digits}"): value for name, value in found[number].items()}
        return closed(feed.shape, found)

    return change


def put(header: str, value: Any, numbers: Iterable[int] | None = None) -> Change:
    """A value, or what a function makes of the present one, in these records or in all."""
    return r.edited(r.cell(lambda feed: header, lambda feed, now: value(now) if callable(value) else value), numbers)


def far_north(feed: Feed, content: bytes) -> bytes:
    """Every place that is known is in another city."""
    placed = [number for number, record in enumerate(opened(feed.shape, content)) if record["Latitude"]]
    return put("Latitude", "53.480700", placed)(feed, content)


RECORD = 50
FAR_AWAY = {"type": "Polygon", "coordinates": [[[-2.3, 53.4], [-2.2, 53.4], [-2.2, 53.5], [-2.3, 53.4]]]}

ONE_IS_LOST: dict[str, str] = {"ons_population": "all_boroughs_in_every_year"}
"""Row 2, a record lost on the way: the year is no longer whole, which its suite says first."""

Foreign = tuple[tuple[str, str, Change, Expected], ...]
OLDER: dict[str, tuple[tuple[str, Change, Expected], ...]] = {
    # areas have no time; an older list of them is one of an older vintage
    "ons_geography": (
        ("older_vintage", of_vintage("11"), rejected("missing_column")),
        ("older_vintage_http", of_vintage("11"), rejected("missing_column")),
    ),
}
"""Row 30, an older file, where it shows otherwise than by the file's own times."""

FOREIGN: dict[str, Foreign] = {
    # each names its places in another way, and no contract says which are foreign
    "mps_homicide_victims": (("other_force", "", put("Borough", "Salford"), held_for("unknown_words_few")),),
    "police_uk_stop_search": (
        ("other_force", "", far_north, held_for("place_is_of_force")),
    ),
    "police_uk_street": (
        ("future_month", "not_begun", put("Month", "2031-08"), aside("month_not_in_future", *range(RECORDS))),
        ("two_months", "one_record", put("Month", "2022-07", (CANARY_RECORD,)), held_for("month_is_that_of_file")),
    ),
    "ons_population": (
        ("other_force", "", put("GEOGRAPHY_CODE", lambda now: "E12000002" if now == "E12000007" else f"E08{now[3:]}"),
         aside("area_code_is_of_london", *range(RECORDS))),
    ),
    "ons_geography": (
        ("other_force", "", put("geometry", FAR_AWAY), aside("boundary_is_near_london", *range(RECORDS))),
        ("future_month", "vintage", of_vintage("31"), rejected("missing_column")),
        ("two_months", "vintages", of_vintage("11", every=2), aside("blank_not_allowed", *range(0, RECORDS, 2))),
    ),
}  # fmt: skip
"""Row 30, records of elsewhere and of two vintages: what is London differs from suite to suite."""

MISPLACED: dict[str, Foreign] = {
    # which code goes with which name is known to the seed of areas and to the month before, not to a contract
    "police_uk_street": (
        # the code decides: one name beside it that is another area's is noted, more than one in a hundred is a moved column
        ("borough_code_mismatch", "", put("LSOA name", "Barking and Dagenham 001A", range(100, 110)),
         held_for("area_is_that_of_code")),
    ),
    "ons_population": (
        ("borough_code_mismatch", "", put("GEOGRAPHY_NAME", "Westminster", (RECORD,)),
         held_for("area_name_is_that_of_code")),
    ),
    "ons_geography": (
        ("borough_code_mismatch", "", put("LAD22CD", "E09000033", (RECORD,)),
         held_for("borough_of_name_is_that_of_code")),
    ),
    "ons_geography.lsoa": (
        ("borough_code_mismatch", "lookup", put("LAD11CD", "E09000033", (RECORD,)),
         held_for("borough_name_is_that_of_code")),
    ),
}  # fmt: skip
"""Row 30, a code beside the name of another area."""

DATES: dict[tuple[str, str], tuple[str, str, str]] = {
    ("police_uk_stop_search", "two_digit_year"): (
        "written as an instant it is read, as the year 22, which is before the series",
        "22-08-03T10:00:00+00:00", "not_before_series",
    ),
}  # fmt: skip
"""Row 31, by feed and variant: why it differs, the words, and the check that sees them."""

HELD_WITH: dict[str, Foreign] = {
    # where day and month are both readable the other way round, only the month of the file tells
    "police_uk_stop_search": (
        ("dd_mm_swap", "readable", put("Date", "2022-03-07T10:00:00+00:00", (CANARY_RECORD,)),
         held_for("day_is_not_month")),
    ),
    # its contract declares the form with two digits
    "mps_homicide_victims": (
        ("two_digit_year", "declared", put("Recorded Date", lambda now: f"{now[:3]}-{now[-2:]}"),
         lambda feed: Expect("admitted", records=RECORDS, is_clean=True)),
    ),
}  # fmt: skip
"""Row 31, what can be read."""

NEITHER: dict[tuple[int, str, str], str] = {
    (27, "across_members", "ons_population"): "all its estimates since 1981 are 1,530 rows, and a page holds 25,000",
}
"""What cannot befall a feed though nothing in its contract says so: row, variant and feed, and why."""


# Stories


@dataclass(frozen=True)
class Late:
    """Row 34: what one more record, and what a time of which nothing was known, is of a list whose years are whole."""

    why: str
    one_more: Callable[[list[Record]], list[Record]]
    of_before: Callable[[list[Record]], list[Record]]


def with_a_sum(records: list[Record]) -> list[Record]:
    """London as a whole in one more year."""
    year = [record for record in records if record["DATE_NAME"] == "2018"]
    total = str(sum(int(record["OBS_VALUE"]) for record in year))
    return [*records, {**year[0], "GEOGRAPHY_NAME": "London", "GEOGRAPHY_CODE": "E12000007", "OBS_VALUE": total}]


def with_the_year_before(records: list[Record]) -> list[Record]:
    """All authorities in one more year."""
    return [*({**record, "DATE_NAME": "2014"} for record in records if record["DATE_NAME"] == "2015"), *records]


LATE: dict[str, Late] = {"ons_population": Late(WHOLE_YEARS, with_a_sum, with_the_year_before)}


@dataclass(frozen=True)
class Volume:
    """Row 36: longer and shorter lists whose years are whole."""

    why: str
    shorter: Callable[[list[Record], int], list[Record]]
    longer: Callable[[list[Record], int], list[Record]]
    room: int
    """By how many records a list that is just usual stays below the limit."""


def last_years(records: list[Record], count: int) -> list[Record]:
    """The two newest years, which are two fifths of what stood before."""
    return [record for record in records if record["DATE_NAME"] >= "2019"]


def more_years(records: list[Record], count: int) -> list[Record]:
    """At least so many records: earlier years."""
    years = -(-(count - len(records)) // 33)
    first = [record for record in records if record["DATE_NAME"] == "2015"]
    return [*records, *({**record, "DATE_NAME": str(2014 - n)} for n in range(years) for record in first)]


VOLUME: dict[str, Volume] = {"ons_population": Volume(WHOLE_YEARS, last_years, more_years, 20)}


def records_without(header: str, value: str) -> Callable[[list[Record]], list[Record]]:
    """The records that say something else there."""
    return lambda found: [record for record in found if record[header] != value]


BOROUGH_GONE: dict[str, tuple[str, Callable[[list[Record]], list[Record]]]] = {
    "ons_population": ("all_boroughs_in_every_year", records_without("GEOGRAPHY_CODE", "E09000007")),
    "ons_geography": ("no_area_lost", records_without("LAD22CD", "E09000007")),
}
"""Row 36, one borough without records in a list of areas: the check that sees it. Which column is a borough, and how a
place is told from its coordinates, no contract says; `test_volume.py` tells it for events."""
