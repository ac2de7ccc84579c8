"""Row 34: what comes late is a batch of its own, is seen as a change, and leaves every earlier report as it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from vru import reporting, transform

from tests.faults.feeds import FEEDS, GEOGRAPHY, POPULATION, STOP_SEARCH, STREET, VICTIMS, Delivery, Feed
from tests.faults.platform import Platform, Row, query
from tests.faults.record_changes import Record, closed
from tests.faults.series import found, of_month
from tests.faults.table.meaning import NOT_APPLICABLE, VARIANTS

DAYS = ("2022-11-01", "2022-12-01", "2023-01-01")
"""When the clean file is stated, and what comes after it."""


@dataclass(frozen=True)
class Story:
    """What came in time, what came late, and the months that are read from something else afterwards."""

    in_time: list[Delivery]
    late: list[Delivery]
    is_newest: bool = True
    """Whether what came late is what is read from then on."""


def file(feed: Feed, records: list[Record], vintage: str) -> Delivery:
    """Records as the file under test."""
    return Delivery(feed.file_name, closed(feed, records), vintage)


def one_more(feed: Feed) -> list[Record]:
    """The clean list and one record that was forgotten."""
    records = found(feed)
    if feed is POPULATION:
        year = [r for r in records if r["DATE_NAME"] == "2018"]
        total = str(sum(int(r["OBS_VALUE"]) for r in year))
        return [*records, {**year[0], "GEOGRAPHY_NAME": "London", "GEOGRAPHY_CODE": "E12000007", "OBS_VALUE": total}]
    return [*records, {**records[50], **({feed.key: "E01099999"} if feed is GEOGRAPHY else {})}]


def of_before(feed: Feed, count: int, month: str) -> list[Record]:
    """The clean list, and in front of it so many records of a time of which nothing was known."""
    records = found(feed)
    if feed is POPULATION:
        return [*({**r, "DATE_NAME": "2014"} for r in records if r["DATE_NAME"] == "2015"), *records]
    if feed is GEOGRAPHY:
        return [*records, *({**r, feed.key: f"E01{99_000 + n:06d}"} for n, r in enumerate(records[:count]))]
    return [*({**r, "Recorded Date": month} for r in records[:count]), *records]


def story(feed: Feed, variant: str) -> Story:
    """The deliveries of a variant."""
    clean = file(feed, found(feed), DAYS[0])
    is_monthly = feed in (STREET, STOP_SEARCH)
    restated = feed.restated(feed, feed.clean, "values_changed")
    match variant:
        case "one_row":
            return Story([clean], [file(feed, one_more(feed), DAYS[1])])
        case "whole_month" if is_monthly:
            return Story([clean], [of_month(feed, "2022-06", found(feed), DAYS[1])])
        case "whole_month":
            return Story([clean], [file(feed, of_before(feed, 10, "Dec 2018"), DAYS[1])])
        case "year_late" if is_monthly:
            return Story([clean], [of_month(feed, "2021-06", found(feed), "2023-09-01")])
        case "year_late":
            return Story([clean], [file(feed, of_before(feed, 10, "Oct 2017"), "2023-12-01")])
        case "out_of_order":
            newest = Delivery(feed.file_name, restated, DAYS[1])
            return Story([newest], [clean], is_newest=False)
        case _ if is_monthly:
            month = of_month(feed, "2022-06", found(feed), DAYS[1])
            again = of_month(feed, "2022-06", found(feed)[:-9], DAYS[2])
            return Story([clean], [month, again])
        case _:
            late = of_before(feed, 10, "Dec 2018")
            again = feed.restated(feed, closed(feed, late), "values_changed")
            return Story([clean], [file(feed, late, DAYS[1]), Delivery(feed.file_name, again, DAYS[2])])


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
    records = found(VICTIMS)
    short = [record for record in records if record["Recorded Date"] != records[0]["Recorded Date"]]
    held = platform.deliver(VICTIMS, file(VICTIMS, short, DAYS[0]))
    assert (held.exit_code, held.batch["status"]) == (1, "held"), "a month of the earlier list is lost"
    before_that_list = platform.deliver(VICTIMS, file(VICTIMS, short, "2020-02-05"))
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
    known_at, admitted_at = noon(DAYS[0]), instant()

    def report(name: str, **instants: datetime) -> bytes:
        ready = reporting.make_ready(today, **instants)
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
    assert transform.build(today=today) is not None
    assert transform.mart_hash() != marts_then
    assert report("now") != then
