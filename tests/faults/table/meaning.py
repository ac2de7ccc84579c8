"""Rows 27, 28, 30, 31, 34 and 36: a file that can be read and means something else than it should.

Rows 34 and 36, and copies in several members of an archive, are stories of several deliveries: `test_late.py`,
`test_volume.py` and `test_members.py`. Which check must see a fault follows from the suite; what is true of one feed
alone stands in `exceptions.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from tests.faults import record_changes as r
from tests.faults.case import Case, Channel, Expect, Expected, Variants, held, rows
from tests.faults.derive import RECORD, TYPED, of_month
from tests.faults.exceptions import DATES, FOREIGN, HELD_WITH, MISPLACED, NEITHER, OLDER
from tests.faults.feed import closed, opened, parsed, told
from tests.faults.feeds import CANARY_RECORD, FEEDS, KEYED, PAGED, PERIODS, RECORDS, SUBJECTS, UNKEYED, Change, Feed
from tests.faults.suite import KEY, LOST

VARIANTS: Variants = {
    27: ("adjacent", "far_apart", "three_times", "whitespace_diff", "across_members"),
    28: ("value_differs", "date_differs", "null_vs_value", "three_way", "case_diff_key"),
    30: ("previous_month", "future_month", "other_force", "two_months", "borough_code_mismatch"),
    31: ("future", "year_1900", "feb_30", "dd_mm_swap", "two_digit_year"),
    34: ("one_row", "whole_month", "year_late", "out_of_order", "late_and_restated"),
    36: ("minus_60", "plus_300", "one_borough_zero", "gradual_5_months", "force_absent"),
}


PLACES = ("borough", "lsoa", "ward", "area", "latitude")
"""Words by which a column is one of places."""


def is_dated(feed: Feed) -> bool:
    """Whether a record has a day, a month or an instant, rather than a year or nothing."""
    return bool(feed.date) and bool(feed.column(feed.date).formats)


def lacks(feed: Feed) -> dict[tuple[int, str], str]:
    """What cannot befall a feed because of what its contract declares, and why."""
    found: dict[tuple[int, str], str] = {}
    if feed.kind not in ("archive", "arcgis", "nomis"):
        found[27, "across_members"] = "it comes as one file, never in members or pages"
    if not feed.blank and not feed.is_keyed:
        found[28, "null_vs_value"] = "every column of words or values must be filled"
        found[28, "three_way"] = "every column of words or values must be filled"
    if feed.is_keyed:
        found[28, "date_differs"] = "what time it is of, if any, is part of the key: another time is another key"
    elif feed.is_period and feed.column(feed.date).type == "month":
        found[28, "date_differs"] = "a file is of one month; a record of another one is row 30"
    if not feed.key_check:
        found[28, "case_diff_key"] = "no column tells one record from another, or nothing says how it is written"
    if not feed.is_period:
        found[30, "two_months"] = "each delivery is of all its periods, none of one month"
    if not feed.date and not feed.is_period:
        found[30, "previous_month"] = found[30, "future_month"] = "it has no date"
    if feed.partition == "" or feed.declared.partition is None:
        found[30, "other_force"] = "its records say no partition that its name says too"
    names = {column.name for column in feed.declared.columns}
    if not any(name.endswith("_code") and f"{name[:-5]}_name" in names for name in names):
        found[30, "borough_code_mismatch"] = "no code stands beside a name"
    if not feed.date:
        found.update({(31, variant): "it has no date" for variant in VARIANTS[31]})
        found.update({(34, variant): "it has no date" for variant in ("whole_month", "year_late")})
    elif not is_dated(feed):
        found[31, "dd_mm_swap"] = "a year has neither day nor month"
        found[34, "whole_month"] = "it is of years; a whole one is the variant year_late"
    if not any(word in column.name for column in feed.declared.columns for word in PLACES):
        found[36, "one_borough_zero"] = "its records are of no place"
    if not feed.partition:
        found[36, "force_absent"] = "its files are of no partition that their names tell"
    return found


def by_hand(label: str) -> set[tuple[int, str]]:
    """What befalls a feed by an exception."""
    of_row_30 = (variant for variant, *_ in (*FOREIGN.get(label, ()), *MISPLACED.get(label, ())))
    older = ("previous_month",) if label in OLDER else ()
    return {(30, variant) for variant in (*of_row_30, *older)}


NOT_APPLICABLE: dict[tuple[int, str, str], str] = {
    **{
        (*place, feed.label): why
        for feed in FEEDS
        for place, why in lacks(feed).items()
        if place not in by_hand(feed.label)
    },
    **NEITHER,
}
"""What cannot befall a feed: row, variant and feed, and why."""


def another(feed: Feed, now: Any) -> Any:
    """Another value of the figure or the list of values, or other words."""
    column = feed.column(other(feed))
    if column.values is not None:
        return next(value for value in column.values if value != str(now).strip())
    return str(int(now) + 9) if column.type == "integer" else f"{now} (renamed)"


def other(feed: Feed) -> str:
    """A column in which a copy may differ: the figure, a listed value, or words."""
    figure = feed.header(feed.suite.cell_value) if feed.suite.cell_value else ""
    listed = (
        feed.header(c.name) for c in feed.declared.columns if c.values is not None and c.name not in feed.suite.cells
    )
    return figure or next(filter(None, listed), "") or feed.note


OTHER = r.cell(other, another)
NULL = r.cell(lambda feed: feed.blank, lambda feed, now: "" if feed.shape == "text" else None)
UNREADABLE = r.cell(lambda feed: feed.filled, lambda feed, now: "" if feed.shape == "text" else None)
"""Nothing in a column that must have a value."""


def padded(feed: Feed, text: str) -> str:
    """Blanks around it."""
    return f" {text}  "


PADDED = r.cell(lambda feed: feed.padded, padded)
PADDED_KEY = r.cell(lambda feed: feed.key, padded)
LOWER_KEY = r.cell(lambda feed: feed.key, lambda feed, now: now.lower())
UPPER_KEY = r.cell(lambda feed: feed.key, lambda feed, now: now.upper())


def later(feed: Feed, record: r.Record) -> None:
    """The time of another record of the file."""
    times = [one[feed.date] for one in opened(feed.shape, feed.clean)]
    record[feed.date] = next(time for time in times if time != record[feed.date])


def unique(feed: Feed) -> str:
    """The check that a key stands once."""
    check = feed.suite.of_type(KEY)
    assert check, f"{feed.label}: the contract declares a key, and no check of the suite ({KEY}) says that it is unique"
    return check


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
        check = unique(feed)
        lines = tuple(map(feed.line, (RECORD, *places)))
        found = rows(check, *lines, records=RECORDS + len(places), lost=(RECORD,))(feed)
        return replace(found, also=((lines[-1], feed.key_check),)) if also else found

    return expect


def neither(place: int, code: str) -> Expected:
    """The copy cannot be read, so the row at RECORD, which could, has no copy to agree with: both go to quarantine."""

    def expect(feed: Feed) -> Expect:
        found = no_winner(place)(feed)
        return replace(found, lines=(feed.line(RECORD),), line=feed.line(place), also=((feed.line(place), code),))

    return expect


def copies(row: int, variant: str, change: Any, expect: Expected, note: str = "") -> list[Case]:
    """The copies of a keyed feed, and the same of one without a key, where every row is kept."""
    count = {"three_times": 2, "three_way": 2}.get(variant, 1)
    lacking = {label for line, which, label in NOT_APPLICABLE if (line, which) == (row, variant)}
    return [
        Case(row, variant, change, expect, note=note, only=KEYED),
        Case(row, variant, change, every_row_is_kept(RECORDS + count), note=note,
             only=tuple(feed for feed in UNKEYED if feed.label not in lacking)),
    ]  # fmt: skip


def applicable(row: int, variant: str, feeds: Iterable[Feed] = FEEDS) -> tuple[Feed, ...]:
    """The feeds that it can befall."""
    return tuple(feed for feed in feeds if (row, variant, feed.label) not in NOT_APPLICABLE)


def fails(check: str, records: int = RECORDS) -> Expected:
    """A check of the whole fails; what was changed is in raw, where nobody reads it."""
    return held(check, records, tuple(range(RECORDS)))


def faulty(check: str, *numbers: int) -> Expected:
    """These records go to quarantine, and are more than the feed tolerates."""
    return lambda feed: rows(check, *map(feed.line, numbers), lost=numbers)(feed)


def says(feed: Feed, check: str, what: str) -> str:
    """A check that the suite must have; its absence is the fault of a new feed's suite."""
    assert check, f"{feed.label}: no check of the suite {what}"
    return check


# Row 30: records of another month or area than the file is of


def month_of_file(feed: Feed) -> str:
    """The check that a file is of the month of its name."""
    return says(feed, feed.suite.of_all("{period_start}"), "compares the month of its records with {period_start}")


def moved(month: str) -> Change:
    """The records of another month under the file's own name; without the month, the one before or after."""

    def change(feed: Feed, content: bytes) -> bytes:
        first = date.fromisoformat(f"{feed.period}-01")
        at = (first.year * 12 + first.month - 1) + {"before": -1, "after": 1}[month]
        return of_month(feed, f"{at // 12}-{at % 12 + 1:02d}", opened(feed.shape, content), "").content

    return change


def partly(change: Change, numbers: Iterable[int]) -> Change:
    """Only these records changed."""

    def part(feed: Feed, content: bytes) -> bytes:
        before, after = (opened(feed.shape, each) for each in (content, change(feed, content)))
        for number in numbers:
            before[number] = after[number]
        return closed(feed.shape, before)

    return part


def of_newest(feed: Feed) -> tuple[int, ...]:
    """The records of the newest time."""
    found = opened(feed.shape, feed.clean)
    newest = max((record[feed.date] for record in found), key=lambda text: at(feed, text))
    return tuple(number for number, record in enumerate(found) if record[feed.date] == newest)


def at(feed: Feed, text: str) -> Any:
    """A time that can be compared."""
    return parsed(feed.column(feed.date), text) if is_dated(feed) else int(text)


def without_newest(feed: Feed, content: bytes) -> bytes:
    """An older list: the two newest times are not in it yet."""
    found = opened(feed.shape, content)
    gone = sorted({record[feed.date] for record in found}, key=lambda text: at(feed, text))[-2:]
    return closed(feed.shape, [record for record in found if record[feed.date] not in gone])


def an_older_list(feed: Feed) -> Expect:
    """A list that lacks what an earlier one covers is asked about."""
    lost = says(feed, feed.suite.of_type(*LOST), f"({' or '.join(LOST)}) sees a list that lacks a time it had")
    return fails(lost, len(opened(feed.shape, without_newest(feed, feed.clean))))(feed)


def a_future(feed: Feed) -> Expect:
    """The records of the newest time are of a time that has not come."""
    return faulty(not_yet(feed), *of_newest(feed))(feed)


def in_future(feed: Feed, content: bytes) -> bytes:
    """The newest time is a future one."""
    return r.edited(r.cell(lambda feed: feed.date, lambda feed, now: written_as(feed, date(2031, 8, 3), now)),
                    of_newest(feed))(feed, content)  # fmt: skip


LISTS = tuple(feed for feed in FEEDS if feed.date and not feed.is_period)
"""Each delivery is of all its times."""
ONE_PLACE = tuple(feed for feed in PERIODS if feed.declared.partition and feed.partition)
"""A file whose records say their partition too."""


def elsewhere(feed: Feed, content: bytes) -> bytes:
    """Every record of another partition than the file's name says."""
    assert feed.declared.partition
    words = feed.declared.partition.map
    column = feed.header(feed.declared.partition.column or "")
    other_words = next(word for word, slug in words.items() if slug != feed.partition)
    return r.edited(r.cell(lambda feed: column, lambda feed, now: other_words))(feed, content)


def force_of_file(feed: Feed) -> Expect:
    """The check that a file is of the partition of its name."""
    return fails(says(feed, feed.suite.of_all("{partition}"), "compares the partition with {partition}"))(feed)


# Row 31: dates that are none, or cannot be


def written_as(feed: Feed, day: date, like: str) -> str:
    """A day in the words of a cell of the file."""
    return told(feed.column(feed.date), day, like) if is_dated(feed) else str(day.year)


def not_yet(feed: Feed) -> str:
    """The row check that a time has come."""
    return says(feed, future_check(feed), f"(of rows, on {feed.date}, with {{today}}) sees a time that has not come")


def future_check(feed: Feed) -> str:
    """That check; empty where the suite of a resource that has a time has none."""
    return feed.suite.of_rows(feed.column(feed.date).name, r"\{today\}")


def too_early(feed: Feed) -> str:
    """The row check that a time is one of the series."""
    check = feed.suite.of_rows(feed.column(feed.date).name, "min_value", f"{feed.column(feed.date).name} <")
    return says(feed, check, f"(of rows, on {feed.date}, with min_value or <) sees a time before the series")


def no_date(feed: Feed) -> str:
    """What is wrong with words in the place of a time."""
    return TYPED[feed.column(feed.date).type]


def day(feed: Feed, variant: str, now: str) -> tuple[str, str]:
    """What stands in the place of a record's time, and the check that must see it."""
    if (feed.label, variant) in DATES:
        _, words, check = DATES[feed.label, variant]
        return words, check
    match variant:
        case "future":
            return written_as(feed, date(2031, 8, 3), now), not_yet(feed)
        case "year_1900":
            return written_as(feed, date(1900, 8, 3), now), too_early(feed)
        case "feb_30":
            return "2022-02-30", no_date(feed)
        case "dd_mm_swap":
            return "03/08/2022", "day_month_swap"
        case _ if any("%y" in form for form in feed.column(feed.date).formats):
            form = next(form for form in feed.column(feed.date).formats if "%y" in form)
            return datetime(1999, 1, 3).strftime(form), too_early(feed)  # noqa: DTZ001 - words
        case _ if is_dated(feed):
            return "22-08", no_date(feed)
        case _:
            return "19", too_early(feed)


def dated(variant: str) -> list[Case]:
    """One record with other words for its time."""

    def change(feed: Feed, content: bytes) -> bytes:
        edit = r.cell(lambda feed: feed.date, lambda feed, now: day(feed, variant, now)[0])
        return r.edited(edit, (CANARY_RECORD,))(feed, content)

    def expect(feed: Feed) -> Expect:
        now = opened(feed.shape, feed.clean)[CANARY_RECORD][feed.date]
        return bad_date(day(feed, variant, now)[1])(feed)

    return [Case(31, variant, change, expect, only=applicable(31, variant))]


def bad_date(check: str) -> Expected:
    """The row goes to quarantine; where day and month may have changed places, the file is held with it."""

    def expect(feed: Feed) -> Expect:
        found = rows(check, feed.line(CANARY_RECORD), lost=(CANARY_RECORD,))(feed)
        if check == "day_month_swap" and found.status == "admitted":
            return replace(found, status="held", codes=(check,), line=feed.line(CANARY_RECORD))
        return found

    return expect


def key_in_other_letters(feed: Feed) -> Expect:
    """A copy under an identifier whose letters are of the other case."""
    return rows(feed.key_check, feed.line(RECORD + 1), records=RECORDS + 1)(feed)


CASES: list[Case] = [
    # 27: an identical key again
    *copies(27, "adjacent", r.with_copies(RECORD, r.alike), collapsed(RECORD + 1)),
    *copies(27, "far_apart", r.with_copies(RECORD, r.alike, at=RECORDS), collapsed(RECORDS)),
    *copies(27, "three_times", r.with_copies(RECORD, r.alike, r.alike), collapsed(RECORD + 1, RECORD + 2)),
    *copies(27, "whitespace_diff", r.with_copies(RECORD, PADDED), collapsed(RECORD + 1)),
    Case(27, "whitespace_diff", r.with_copies(RECORD, PADDED_KEY), collapsed(RECORD + 1), note="key", only=KEYED),
    Case(27, "adjacent", r.with_copies(RECORD, r.alike), collapsed(RECORD + 1), Channel.PARTNER, "http",
         only=tuple(feed for feed in KEYED if feed in PAGED)),
    # 28: an identical key with something else
    *copies(28, "value_differs", r.with_copies(RECORD, OTHER), no_winner(RECORD + 1)),
    *copies(28, "null_vs_value", r.with_copies(RECORD, NULL), no_winner(RECORD + 1)),
    Case(28, "null_vs_value", r.with_copies(RECORD, UNREADABLE), neither(RECORD + 1, "blank_not_allowed"),
         note="value_needed", only=KEYED),
    Case(28, "null_vs_value", r.with_copies(RECORD, UNREADABLE, at=RECORDS), neither(RECORDS, "blank_not_allowed"),
         note="value_needed_far_apart", only=KEYED),
    *copies(28, "three_way", r.with_copies(RECORD, OTHER, NULL), no_winner(RECORD + 1, RECORD + 2)),
    Case(28, "date_differs", r.with_copies(RECORD, later), every_row_is_kept(RECORDS + 1),
         only=applicable(28, "date_differs")),
    Case(28, "case_diff_key", r.with_copies(RECORD, r.both(LOWER_KEY, OTHER)), no_winner(RECORD + 1, also="code"),
         only=applicable(28, "case_diff_key", KEYED)),
    Case(28, "case_diff_key", r.with_copies(RECORD, UPPER_KEY), key_in_other_letters,
         only=applicable(28, "case_diff_key", UNKEYED)),
    Case(28, "value_differs", r.with_copies(RECORD, OTHER, at=RECORDS), no_winner(RECORDS), Channel.PARTNER, "http",
         only=tuple(feed for feed in KEYED if feed in PAGED)),
    # 30: records of another month or area than the file is of
    Case(30, "previous_month", without_newest, an_older_list, note="older_list",
         only=tuple(feed for feed in LISTS if feed.label not in OLDER)),
    Case(30, "previous_month", moved("before"), lambda feed: fails(month_of_file(feed))(feed), only=PERIODS),
    Case(30, "previous_month", moved("before"), lambda feed: fails(month_of_file(feed))(feed), Channel.PARTNER, "http",
         only=tuple(feed for feed in PERIODS if feed.partner)),
    Case(30, "future_month", in_future, a_future, only=LISTS),
    Case(30, "future_month", moved("after"), lambda feed: fails(month_of_file(feed))(feed), only=PERIODS),
    Case(30, "other_force", elsewhere, force_of_file, only=ONE_PLACE),
    Case(30, "other_force", partly(elsewhere, (CANARY_RECORD,)), force_of_file, note="one_record", only=ONE_PLACE),
    Case(30, "two_months", partly(moved("before"), range(100)), lambda feed: fails(month_of_file(feed))(feed),
         only=PERIODS),
    *(Case(30, "previous_month", change, expect, Channel.PARTNER if note.endswith("http") else Channel.DATED, note=note,
           only=(feed,)) for feed in FEEDS for note, change, expect in OLDER.get(feed.label, ())),
    *(Case(30, variant, change, expect, note=note, only=(feed,)) for feed in SUBJECTS
      for variant, note, change, expect in (*FOREIGN.get(feed.label, ()), *MISPLACED.get(feed.label, ()))),
    # 31: dates that are none, or cannot be
    *(case for variant in VARIANTS[31] for case in dated(variant)),
    *(Case(31, variant, change, expect, note=note, only=(feed,)) for feed in FEEDS
      for variant, note, change, expect in HELD_WITH.get(feed.label, ())),
]  # fmt: skip
