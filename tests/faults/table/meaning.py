"""Rows 27, 28, 30, 31, 34 and 36: a file that can be read and means something else than it should.

Rows 34 and 36, and copies in several members of an archive, are stories of several deliveries: `test_late.py`,
`test_volume.py` and `test_members.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.faults import record_changes as r
from tests.faults.case import Case, Channel, Expect, Expected, Variants, held, rejected, rows
from tests.faults.feeds import (
    CANARY_RECORD,
    FEEDS,
    GEOGRAPHY,
    GEOGRAPHY_TABLE,
    POPULATION,
    RECORDS,
    STOP_SEARCH,
    STREET,
    VICTIMS,
    Change,
    Feed,
)

VARIANTS: Variants = {
    27: ("adjacent", "far_apart", "three_times", "whitespace_diff", "across_members"),
    28: ("value_differs", "date_differs", "null_vs_value", "three_way", "case_diff_key"),
    30: ("previous_month", "future_month", "other_force", "two_months", "borough_code_mismatch"),
    31: ("future", "year_1900", "feb_30", "dd_mm_swap", "two_digit_year"),
    34: ("one_row", "whole_month", "year_late", "out_of_order", "late_and_restated"),
    36: ("minus_60", "plus_300", "one_borough_zero", "gradual_5_months", "force_absent"),
}

KEYED = (POPULATION, GEOGRAPHY)
UNKEYED = (VICTIMS, STREET, STOP_SEARCH)
"""Rule 5: what looks like a repetition there is another event, and every row is kept."""

OF_ALL_TIME = "each delivery is of all its periods, none of one month"
NO_DAY = "it has no date: areas are of a vintage"

NOT_APPLICABLE: dict[tuple[int, str, str], str] = {
    (27, "across_members", VICTIMS.name): "it comes as one file, never in members or pages",
    (27, "across_members", POPULATION.name): "all its estimates since 1981 are 1,530 rows, and a page holds 25,000",
    (28, "date_differs", STREET.name): "a file is of one month; a record of another one is row 30",
    (28, "date_differs", POPULATION.name): "its only date, the year, is part of the key: another year is another key",
    (28, "date_differs", GEOGRAPHY.name): NO_DAY,
    (28, "case_diff_key", VICTIMS.name): "no column tells one victim from another",
    (28, "case_diff_key", STOP_SEARCH.name): "no column tells one search from another",
    (30, "two_months", VICTIMS.name): OF_ALL_TIME,
    (30, "two_months", POPULATION.name): OF_ALL_TIME,
    (30, "borough_code_mismatch", VICTIMS.name): "its boroughs have names and no codes",
    (30, "borough_code_mismatch", STOP_SEARCH.name): "it has points and neither codes nor names of areas",
    (31, "dd_mm_swap", POPULATION.name): "a year has neither day nor month",
    **{(31, variant, GEOGRAPHY.name): NO_DAY for variant in VARIANTS[31]},
    (34, "whole_month", POPULATION.name): "it is of years; a whole one is the variant year_late",
    (34, "whole_month", GEOGRAPHY.name): NO_DAY,
    (34, "year_late", GEOGRAPHY.name): NO_DAY,
    **{(36, "force_absent", feed.name): "it is of no force, or of one alone" for feed in (VICTIMS, *KEYED)},
}
"""What cannot befall a feed: row, variant and feed, and why."""

RECORD = 50
"""The one that comes again; its words may stand in messages no more than others, but it is not the canary."""

OTHER = r.cell({
    VICTIMS.name: ("Method of Killing", lambda now: "Shooting" if now != "Shooting" else "Blunt Implement"),
    STREET.name: ("Last outcome category", lambda now: "Local resolution" if now != "Local resolution" else "Under investigation"),
    STOP_SEARCH.name: ("Outcome", lambda now: "Arrest" if now != "Arrest" else "Community resolution"),
    POPULATION.name: ("OBS_VALUE", "123456"),
    GEOGRAPHY.name: ("LSOA21NM", "Camden 099Z"),
})  # fmt: skip
NULL = r.cell({
    VICTIMS.name: ("Sex", ""),
    STREET.name: ("Last outcome category", ""),
    STOP_SEARCH.name: ("Outcome", ""),
    POPULATION.name: ("OBS_STATUS_NAME", ""),
    GEOGRAPHY.name: ("LAD22CD", None),
})  # fmt: skip
UNREADABLE = r.cell({POPULATION.name: ("OBS_VALUE", ""), GEOGRAPHY.name: ("LSOA21NM", None)})
"""Nothing in a column that must have a value."""
LATER = r.cell({
    VICTIMS.name: ("Recorded Date", "Feb 2020"),
    STOP_SEARCH.name: ("Date", lambda now: now.replace("2022-08-08", "2022-08-09")),
})  # fmt: skip


def padded(text: str) -> str:
    """Blanks around it."""
    return f" {text}  "


PADDED = r.cell({
    VICTIMS.name: ("Solved Status", padded),
    STREET.name: ("Crime type", padded),
    STOP_SEARCH.name: ("Outcome", padded),
    POPULATION.name: ("GEOGRAPHY_NAME", padded),
    GEOGRAPHY.name: ("LSOA21NM", padded),
})  # fmt: skip
PADDED_KEY = r.cell({feed.name: (feed.key, padded) for feed in KEYED})
LOWER_KEY = r.cell({feed.name: (feed.key, str.lower) for feed in KEYED})


def every_row_is_kept(records: int) -> Expected:
    """Exactly what the file says, repetitions too."""
    return lambda feed: Expect("admitted", records=records, is_exact=True)


def collapsed(*places: int) -> Expected:
    """The copies at these places of the file are taken out and counted; the file counts."""
    return lambda feed: Expect(
        "admitted", records=RECORDS + len(places), lines=tuple(map(feed.line, places)), check="repeated_row_of_a_key"
    )


def no_winner(*places: int, also: str = "") -> Expected:
    """All rows of the key go to quarantine, that at RECORD and the copies, and the file is over its tolerance."""

    def expect(feed: Feed) -> Expect:
        check = UNIQUE[feed.name]
        lines = tuple(map(feed.line, (RECORD, *places)))
        found = rows(check, *lines, records=RECORDS + len(places), lost=(RECORD,))(feed)
        return replace(found, also=((lines[-1], AREA_CODE[feed.name]),)) if also else found

    return expect


def neither(place: int, code: str) -> Expected:
    """The copy cannot be read, so the row at RECORD, which could, has no copy to agree with: both go to quarantine."""

    def expect(feed: Feed) -> Expect:
        found = no_winner(place)(feed)
        return replace(found, lines=(feed.line(RECORD),), line=feed.line(place), also=((feed.line(place), code),))

    return expect


UNIQUE = {POPULATION.name: "one_estimate_per_area_and_year", GEOGRAPHY.name: "one_row_per_code"}
AREA_CODE = {POPULATION.name: "area_code_is_of_london", GEOGRAPHY.name: "lsoa_code_is_a_code"}


def copies(row: int, variant: str, change: Any, expect: Expected, note: str = "") -> list[Case]:
    """The copies of a keyed feed, and the same of one without a key, where every row is kept."""
    count = {"three_times": 2, "three_way": 2}.get(variant, 1)
    lacking = {name for line, which, name in NOT_APPLICABLE if (line, which) == (row, variant)}
    return [
        Case(row, variant, change, expect, note=note, only=KEYED),
        Case(row, variant, change, every_row_is_kept(RECORDS + count), note=note,
             only=tuple(feed for feed in UNKEYED if feed.name not in lacking)),
    ]  # fmt: skip


POLICE = (STREET, STOP_SEARCH)
"""A file of one month of one force."""
LAST_MONTH = range(192, 200)
"""December 2020 in the list of victims."""
LAST_YEAR = range(166, 200)
"""2020 in the estimates, London among them."""
PLACED = [number for number in range(RECORDS) if number % 5]
"""Searches with a place."""


def fails(check: str, records: int = RECORDS) -> Expected:
    """A check of the whole fails; what was changed is in raw, where nobody reads it."""
    return held(check, records, tuple(range(RECORDS)))


def faulty(check: str, *numbers: int) -> Expected:
    """These records go to quarantine, and are more than the feed tolerates."""
    return lambda feed: rows(check, *map(feed.line, numbers), lost=numbers)(feed)


def month(text: str) -> r.Edit:
    """Other words for the month, the time or the year of a record."""
    return r.cell({name: (header, text) for name, header in DATE.items()})


def of_month(text: str) -> r.Edit:
    """The same day and time, of another month."""
    return r.cell({STREET.name: ("Month", text), STOP_SEARCH.name: ("Date", lambda now: f"{text}{_day(now)}")})


def _day(now: str) -> str:
    return f"-{min(int(now[8:10]), 28):02d}T12:00:00+00:00"


def of_vintage(digits: str, every: int = 1) -> Change:
    """Codes and names under the headers of another vintage of areas."""

    def change(feed: Feed, content: bytes) -> bytes:
        found = r.opened(feed, content)
        for number in range(0, RECORDS, every):
            found[number] = {name.replace("LSOA21", f"LSOA{digits}"): value for name, value in found[number].items()}
        return r.closed(feed, found)

    return change


def dated(variant: str, words: dict[str, tuple[str, str]]) -> list[Case]:
    """One record with other words for its date, and the check that it fails."""
    return [
        Case(31, variant, r.edited(month(text), (CANARY_RECORD,)), bad_date(check), only=(feed,))
        for feed in FEEDS if feed.name in words for text, check in [words[feed.name]]
    ]  # fmt: skip


def bad_date(check: str) -> Expected:
    """The row goes to quarantine; where day and month may have changed places, the file is held with it."""

    def expect(feed: Feed) -> Expect:
        found = rows(check, feed.line(CANARY_RECORD), lost=(CANARY_RECORD,))(feed)
        if check == "day_month_swap" and found.status == "admitted":
            return replace(found, status="held", codes=(check,), line=feed.line(CANARY_RECORD))
        return found

    return expect


DATE = {VICTIMS.name: "Recorded Date", STREET.name: "Month", STOP_SEARCH.name: "Date", POPULATION.name: "DATE_NAME"}
ELSEWHERE = r.cell({
    VICTIMS.name: ("Borough", "Salford"),
    STREET.name: ("Reported by", "City of London Police"),
    STOP_SEARCH.name: ("Latitude", "53.480700"),
    POPULATION.name: ("GEOGRAPHY_CODE", lambda now: "E12000002" if now == "E12000007" else f"E08{now[3:]}"),
    GEOGRAPHY.name: ("geometry", {"type": "Polygon", "coordinates": [[[-2.3, 53.4], [-2.2, 53.4], [-2.2, 53.5], [-2.3, 53.4]]]}),
})  # fmt: skip
BOROUGH = r.cell({
    STREET.name: ("LSOA name", "Barking and Dagenham 001A"),
    POPULATION.name: ("GEOGRAPHY_NAME", "Westminster"),
    GEOGRAPHY.name: ("LAD22CD", "E09000033"),
    GEOGRAPHY_TABLE.label: ("LAD11CD", "E09000033"),
})  # fmt: skip
MONTH_AND_TWO_DIGITS = r.cell({VICTIMS.name: ("Recorded Date", lambda now: f"{now[:3]}-{now[-2:]}")})


CASES: list[Case] = [
    # 27: an identical key again
    *copies(27, "adjacent", r.with_copies(RECORD, r.alike), collapsed(RECORD + 1)),
    *copies(27, "far_apart", r.with_copies(RECORD, r.alike, at=RECORDS), collapsed(RECORDS)),
    *copies(27, "three_times", r.with_copies(RECORD, r.alike, r.alike), collapsed(RECORD + 1, RECORD + 2)),
    *copies(27, "whitespace_diff", r.with_copies(RECORD, PADDED), collapsed(RECORD + 1)),
    Case(27, "whitespace_diff", r.with_copies(RECORD, PADDED_KEY), collapsed(RECORD + 1), note="key", only=KEYED),
    Case(27, "adjacent", r.with_copies(RECORD, r.alike), collapsed(RECORD + 1), Channel.PARTNER, "http", only=KEYED),
    # 28: an identical key with something else
    *copies(28, "value_differs", r.with_copies(RECORD, OTHER), no_winner(RECORD + 1)),
    *copies(28, "null_vs_value", r.with_copies(RECORD, NULL), no_winner(RECORD + 1)),
    Case(28, "null_vs_value", r.with_copies(RECORD, UNREADABLE), neither(RECORD + 1, "blank_not_allowed"),
         note="value_needed", only=KEYED),
    Case(28, "null_vs_value", r.with_copies(RECORD, UNREADABLE, at=RECORDS), neither(RECORDS, "blank_not_allowed"),
         note="value_needed_far_apart", only=KEYED),
    *copies(28, "three_way", r.with_copies(RECORD, OTHER, NULL), no_winner(RECORD + 1, RECORD + 2)),
    Case(28, "date_differs", r.with_copies(RECORD, LATER), every_row_is_kept(RECORDS + 1), only=(VICTIMS, STOP_SEARCH)),
    Case(28, "case_diff_key", r.with_copies(RECORD, r.both(LOWER_KEY, OTHER)), no_winner(RECORD + 1, also="code"),
         only=KEYED),
    Case(28, "case_diff_key", r.with_copies(RECORD, r.cell({STREET.name: ("Crime ID", str.upper)})),
         rows("crime_id_is_an_id", STREET.line(RECORD + 1), records=RECORDS + 1), only=(STREET,)),
    Case(28, "value_differs", r.with_copies(RECORD, OTHER, at=RECORDS), no_winner(RECORDS), Channel.PARTNER, "http",
         only=KEYED),
    # 30: records of another month or area than the file is of
    Case(30, "previous_month", r.kept(lambda feed, record: record["Recorded Date"] not in ("Nov 2020", "Dec 2020")),
         fails("no_month_lost", 184), note="older_list", only=(VICTIMS,)),
    Case(30, "previous_month", r.edited(of_month("2022-07")), fails("month_is_that_of_file"), only=POLICE),
    Case(30, "previous_month", r.edited(of_month("2022-07")), fails("month_is_that_of_file"), Channel.PARTNER, "http",
         only=POLICE),
    Case(30, "previous_month", r.kept(lambda feed, record: record["DATE_NAME"] not in ("2019", "2020")),
         fails("no_year_lost", 132), note="older_release", only=(POPULATION,)),
    Case(30, "previous_month", of_vintage("11"), rejected("missing_column"), note="older_vintage", only=(GEOGRAPHY,)),
    Case(30, "previous_month", of_vintage("11"), rejected("missing_column"), Channel.PARTNER, "older_vintage_http",
         only=(GEOGRAPHY,)),
    Case(30, "future_month", r.edited(month("Aug 2031"), LAST_MONTH), faulty("month_not_in_future", *LAST_MONTH),
         only=(VICTIMS,)),
    Case(30, "future_month", r.edited(of_month("2022-09")), fails("month_is_that_of_file"), only=POLICE),
    Case(30, "future_month", r.edited(of_month("2031-08")), faulty("month_not_in_future", *range(RECORDS)),
         note="not_begun", only=(STREET,)),
    Case(30, "future_month", r.edited(month("2031"), LAST_YEAR), faulty("mid_year_is_plausible", *LAST_YEAR),
         only=(POPULATION,)),
    Case(30, "future_month", of_vintage("31"), rejected("missing_column"), note="vintage", only=(GEOGRAPHY,)),
    Case(30, "other_force", r.edited(ELSEWHERE), fails("unknown_words_few"), only=(VICTIMS,)),
    Case(30, "other_force", r.edited(ELSEWHERE), fails("force_is_that_of_file"), only=(STREET,)),
    Case(30, "other_force", r.edited(ELSEWHERE, (CANARY_RECORD,)), fails("force_is_that_of_file"), note="one_record",
         only=(STREET,)),
    Case(30, "other_force", r.edited(ELSEWHERE, PLACED), fails("place_is_of_force"), only=(STOP_SEARCH,)),
    Case(30, "other_force", r.edited(ELSEWHERE), faulty("area_code_is_of_london", *range(RECORDS)), only=(POPULATION,)),
    Case(30, "other_force", r.edited(ELSEWHERE), faulty("boundary_is_near_london", *range(RECORDS)), only=(GEOGRAPHY,)),
    Case(30, "two_months", r.edited(of_month("2022-07"), range(100)), fails("month_is_that_of_file"), only=POLICE),
    Case(30, "two_months", r.edited(of_month("2022-07"), (CANARY_RECORD,)), fails("month_is_that_of_file"),
         note="one_record", only=(STREET,)),
    Case(30, "two_months", of_vintage("11", every=2), faulty("blank_not_allowed", *range(0, RECORDS, 2)),
         note="vintages", only=(GEOGRAPHY,)),
    Case(30, "borough_code_mismatch", r.edited(BOROUGH, (CANARY_RECORD,)), fails("area_is_that_of_code"), only=(STREET,)),
    Case(30, "borough_code_mismatch", r.edited(BOROUGH, (RECORD,)), fails("area_name_is_that_of_code"),
         only=(POPULATION,)),
    Case(30, "borough_code_mismatch", r.edited(BOROUGH, (RECORD,)), fails("borough_name_is_that_of_code"),
         note="lookup", only=(GEOGRAPHY_TABLE,)),
    Case(30, "borough_code_mismatch", r.edited(BOROUGH, (RECORD,)), fails("borough_of_name_is_that_of_code"),
         only=(GEOGRAPHY,)),
    # 31: dates that are none, or cannot be
    *dated("future", {
        VICTIMS.name: ("Aug 2031", "month_not_in_future"), STREET.name: ("2031-08", "month_not_in_future"),
        STOP_SEARCH.name: ("2031-08-03T10:00:00+00:00", "not_in_future"),
        POPULATION.name: ("2031", "mid_year_is_plausible"),
    }),
    *dated("year_1900", {
        VICTIMS.name: ("Jan 1900", "month_not_before_series"), STREET.name: ("1900-08", "month_not_before_series"),
        STOP_SEARCH.name: ("1900-08-03T10:00:00+00:00", "not_before_series"),
        POPULATION.name: ("1900", "mid_year_is_plausible"),
    }),
    *dated("feb_30", {
        VICTIMS.name: ("30-Feb-20", "not_a_month"), STREET.name: ("2022-02-30", "not_a_month"),
        STOP_SEARCH.name: ("2022-02-30T10:00:00+00:00", "not_a_timestamp"),
        POPULATION.name: ("30 February 2019", "not_an_integer"),
    }),
    *dated("dd_mm_swap", {
        VICTIMS.name: ("03/04/2020", "day_month_swap"), STREET.name: ("01/08/2022", "day_month_swap"),
        STOP_SEARCH.name: ("03/08/2022 10:00", "day_month_swap"),
    }),
    Case(31, "dd_mm_swap", r.edited(month("2022-03-08T10:00:00+00:00"), (CANARY_RECORD,)), fails("day_is_not_month"),
         note="readable", only=(STOP_SEARCH,)),
    *dated("two_digit_year", {
        VICTIMS.name: ("Jan-99", "month_not_before_series"), STREET.name: ("22-08", "not_a_month"),
        STOP_SEARCH.name: ("22-08-03T10:00:00+00:00", "not_before_series"),
        POPULATION.name: ("19", "mid_year_is_plausible"),
    }),
    Case(31, "two_digit_year", r.edited(MONTH_AND_TWO_DIGITS), lambda feed: Expect("admitted", records=RECORDS,
         is_clean=True), note="declared", only=(VICTIMS,)),
]  # fmt: skip
