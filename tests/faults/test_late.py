"""Row 34: what comes late is a batch of its own, is seen as a change, and leaves every earlier report as it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from vru import reporting, transform

from tests.faults.derive import again
from tests.faults.exceptions import LATE
from tests.faults.feed import parsed
from tests.faults.feed import told as in_words
from tests.faults.feeds import FEEDS, Delivery, Feed, named
from tests.faults.platform import Platform, Row, query
from tests.faults.record_changes import Record, closed
from tests.faults.series import found, of_month
from tests.faults.table.meaning import NOT_APPLICABLE, VARIANTS

DAY = date(2018, 12, 1)
"""Of a list that says no day."""


@dataclass(frozen=True)
class Story:
    """What came in time, what came late, and the months that are read from something else afterwards."""

    in_time: list[Delivery]
    late: list[Delivery]
    is_newest: bool = True
    """Whether what came late is what is read from then on."""


def file(feed: Feed, records: list[Record], vintage: str) -> Delivery:
    """Records as the file under test."""
    return Delivery(feed.file_name, closed(feed.shape, records), vintage)


def one_more(feed: Feed) -> list[Record]:
    """The clean list and one record that was forgotten."""
    records = found(feed)
    if feed.label in LATE:
        return LATE[feed.label].one_more(records)
    return [*records, next(again(feed.declared, records, since=1)) if feed.is_keyed else records[50]]


def of_before(feed: Feed, month: date) -> list[Record]:
    """The clean list, and in front of it ten records of a time of which nothing was known."""
    records = found(feed)
    if feed.label in LATE:
        return LATE[feed.label].of_before(records)
    if feed.is_keyed:
        return [*records, *islice(again(feed.declared, records, since=1), 10)]
    words = in_words(feed.column(feed.date), month, records[0][feed.date])
    return [*({**record, feed.date: words} for record in records[:10]), *records]


def months_before(feed: Feed, count: int) -> date:
    """So many months before the oldest of the clean file, or before its period."""
    column = feed.column(feed.date)
    first = min(parsed(column, record[feed.date]).date() for record in found(feed))
    if feed.is_period:
        first = date.fromisoformat(f"{feed.period}-01")
    at = first.year * 12 + first.month - 1 - count
    return date(at // 12, at % 12 + 1, 1)


def story(feed: Feed, variant: str) -> Story:
    """The deliveries of a variant."""
    clean = file(feed, found(feed), feed.day(1))
    is_monthly, is_dated = feed.is_period, bool(feed.date) and bool(feed.column(feed.date).formats)
    restated = feed.restated(feed, feed.clean, "values_changed")
    before = months_before(feed, 1) if is_dated else DAY
    match variant:
        case "one_row":
            return Story([clean], [file(feed, one_more(feed), feed.day(2))])
        case "whole_month" if is_monthly:
            return Story([clean], [of_month(feed, f"{months_before(feed, 2):%Y-%m}", found(feed), feed.day(2))])
        case "whole_month":
            return Story([clean], [file(feed, of_before(feed, before), feed.day(2))])
        case "year_late" if is_monthly:
            return Story([clean], [of_month(feed, f"{months_before(feed, 13):%Y-%m}", found(feed), feed.day(10))])
        case "year_late":
            year = months_before(feed, 15) if is_dated else DAY
            return Story([clean], [file(feed, of_before(feed, year), feed.day(12))])
        case "out_of_order":
            newest = Delivery(feed.file_name, restated, feed.day(2))
            return Story([newest], [clean], is_newest=False)
        case _ if is_monthly:
            month = f"{months_before(feed, 2):%Y-%m}"
            late, again_late = (of_month(feed, month, each, day) for each, day in
                                ((found(feed), feed.day(2)), (found(feed)[:-9], feed.day(3))))  # fmt: skip
            return Story([clean], [late, again_late])
        case _:
            records = of_before(feed, before)
            once_more = feed.restated(feed, closed(feed.shape, records), "values_changed")
            return Story([clean], [file(feed, records, feed.day(2)), Delivery(feed.file_name, once_more, feed.day(3))])


def is_read_from(feed: Feed, known_at: datetime | None, admitted_at: datetime | None) -> list[Row]:
    """Every unit of the feed, and what it is read from at (K, W): all that a build or a report knows."""
    return query(
        "select c.*, b.sha256 from ops.current_input(%s, %s) c join ops.batch b using (batch_id) "
        "where c.feed = %s order by c.resource, c.partition, c.unit_start, c.column_name",
        known_at, admitted_at, feed.name,
    )  # fmt: skip


def instant() -> datetime:
    """Now, by the clock that stamps what is received and admitted."""
    (row,) = query("select clock_timestamp() as now")
    now: datetime = row["now"]
    return now


def noon(day: str | None) -> datetime:
    """When a delivery of that day is stated."""
    return datetime.fromisoformat(day or "").replace(hour=12, tzinfo=UTC)


TABLE = [
    pytest.param(feed, variant, id=f"bi34_{variant}-{feed.name}")
    for variant in VARIANTS[34]
    for feed in FEEDS
    if (34, variant, feed.name) not in NOT_APPLICABLE
]


@pytest.mark.parametrize(("feed", "variant"), TABLE)
def test_late(feed: Feed, variant: str, platform: Platform) -> None:
    told = story(feed, variant)
    for delivery in told.in_time:
        answer = platform.deliver(feed, delivery)
        assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message
    known_at, admitted_at = noon(told.in_time[-1].vintage), instant()
    reported = is_read_from(feed, known_at, admitted_at)
    assert is_read_from(feed, None, None) == reported

    came: list[dict[str, Any]] = []
    for delivery in told.late:
        answer = platform.deliver(feed, delivery)
        assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message
        came.append(answer.batch)
        assert platform.raw_rows(feed, answer.batch["batch_id"]) == feed.raw_rows(delivery.content)
    moments = [batch["admitted_at"] for batch in came]
    assert [admitted_at, *moments] == sorted({admitted_at, *moments}), "each has its own time of admission"

    # what was reported can be had again by its two instants, and by each of them where it says enough
    assert is_read_from(feed, known_at, admitted_at) == reported
    assert is_read_from(feed, None, admitted_at) == reported
    if told.is_newest:
        assert is_read_from(feed, known_at, None) == reported
    # and what came late is seen: by what is read now, or by what was known on the day that it speaks of
    day = None if told.is_newest else noon(told.late[-1].vintage)
    changed = [row for row in is_read_from(feed, day, None) if row not in reported]
    assert {row["batch_id"] for row in changed} == {came[-1]["batch_id"]}
    assert {row["batch_id"] for row in is_read_from(feed, day, admitted_at)}.isdisjoint(
        {row["batch_id"] for row in came}
    )


def test_a_held_list_counts_once_it_is_known_that_it_was_first(platform: Platform) -> None:
    """A content is judged by the first day of which it is stated, whichever of its statements came first."""
    feed = named("mps_homicide_victims")
    records = found(feed)
    short = [record for record in records if record["Recorded Date"] != records[0]["Recorded Date"]]
    held = platform.deliver(feed, file(feed, short, feed.day(1)))
    assert (held.exit_code, held.batch["status"]) == (1, "held"), "a month of the earlier list is lost"
    before_that_list = platform.deliver(feed, file(feed, short, "2020-02-05"))
    assert (before_that_list.exit_code, before_that_list.batches) == (0, []), before_that_list.message
    assert query("select status from ops.batch where batch_id = %s", held.batch["batch_id"]) == [{"status": "admitted"}]


@pytest.mark.deep
def test_an_old_report_is_the_same_byte_for_byte_after_late_data(platform: Platform, tmp_path: Path) -> None:
    """One story for all feeds, since every build takes its seconds."""
    today, month = date(2022, 12, 15), date(2022, 8, 1)
    stories = [(feed, story(feed, "one_row" if feed.is_keyed else "late_and_restated")) for feed in FEEDS]
    for feed, told in stories:
        for delivery in told.in_time:
            assert platform.deliver(feed, delivery).batch["status"] == "admitted"
    known_at, admitted_at = noon("2022-11-01"), instant()

    def report(name: str, **instants: datetime) -> bytes:
        ready = reporting.make_ready(**instants)
        path = reporting.write_report(
            "quality",
            profile="files",
            today=today,
            month=month,
            schema=ready.schema,
            out_dir=tmp_path / name,
            **instants,
        )
        return path.read_bytes()

    then = report("then", known_at=known_at, admitted_at=admitted_at)
    (past,) = query("select nspname as schema from pg_namespace where nspname ~ '^asof_[0-9]+$'")
    marts_then = transform.mart_hash(past["schema"])

    for feed, told in stories:
        for delivery in told.late:
            assert platform.deliver(feed, delivery).batch["status"] == "admitted"
    assert report("again", known_at=known_at, admitted_at=admitted_at) == then
    assert transform.mart_hash(past["schema"]) == marts_then
    assert transform.build() is not None
    assert transform.mart_hash() != marts_then
    assert report("now") != then
