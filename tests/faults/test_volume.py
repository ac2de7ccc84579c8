"""Row 36: far fewer or far more records than before are loaded and held, and count once a person has released them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import islice
from typing import Any

import pytest
from vru import pipeline
from vru.sandbox import SandboxServer

from tests.faults.derive import again
from tests.faults.exceptions import BOROUGH_GONE
from tests.faults.exceptions import VOLUME as WHOLE
from tests.faults.feed import opened
from tests.faults.feeds import ARCHIVES, CANARY_RECORD, FEEDS, PERIODS, Delivery, Feed
from tests.faults.partners import ArchivePartner
from tests.faults.platform import Platform, current, query
from tests.faults.record_changes import Record, closed
from tests.faults.series import found, longer, of_month, reaching_back, shorter
from tests.faults.table.meaning import NOT_APPLICABLE, VARIANTS

EACH = pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
WITH_PLACES = [feed for feed in FEEDS if (36, "one_borough_zero", feed.label) not in NOT_APPLICABLE]
POLICE = pytest.mark.parametrize("feed", PERIODS, ids=lambda feed: feed.name)
VOLUME = {feed.label: feed.suite.of_type("between_vintages.volume") for feed in FEEDS}
MONTHS_BEFORE = {feed.label: feed.suite.of_type("between_periods.volume") for feed in PERIODS}
RESTATED = {
    feed.label: feed.suite.of_type("between_vintages.units_kept", "between_vintages.rows_restated") for feed in FEEDS
}
"""What sees that a tenth of what was stated is gone, or has come."""
STANDING = {feed.label: len(opened(feed.shape, feed.earlier(feed)[-1].content)) for feed in FEEDS}
"""Records of the file that stands before every test."""
MONTHS = [f"2020-{number:02d}" for number in range(1, 13)]


def test_the_variants_are_those_of_the_table() -> None:
    here = {name.removeprefix("test_bi36_") for name in globals() if name.startswith("test_bi36_")}
    assert {name for name in here if name in VARIANTS[36]} == {*VARIANTS[36]}


def ends(platform: Platform, feed: Feed, usual: list[Delivery], unusual: Delivery, check: str) -> None:
    """What is usual counts at once; the unusual file waits for a person, and counts when released."""
    for delivery in usual:
        answer = platform.deliver(feed, delivery)
        assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message
    standing, before = current(), platform.picture()

    answer = platform.deliver(feed, unusual)
    assert (answer.exit_code, answer.batch["status"]) == (1, "held"), answer.message
    batch_id = answer.batch["batch_id"]
    failed = query("select check_id from ops.check_result where batch_id = %s and not is_success", batch_id)
    assert check in {row["check_id"] for row in failed}
    assert answer.batch["reason"] in answer.message
    assert not [word for word in feed.canaries if word in answer.message + answer.log]
    assert (current(), platform.picture()) == (standing, before)
    assert len(platform.raw_rows(feed, batch_id)) == answer.batch["rows_parsed"] - answer.batch["rows_quarantined"] > 0

    pipeline.release(batch_id, "the publisher confirmed it", "a test")
    assert batch_id in {row["batch_id"] for row in current()}
    again = platform.deliver(feed, unusual)
    assert (again.exit_code, again.batches) == (0, []), again.message
    (released,) = query("select status, rows_admitted from ops.batch where batch_id = %s", batch_id)
    assert (released["status"], released["rows_admitted"] > 0) == ("admitted", True)


def without_canary(feed: Feed) -> list[Record]:
    """The records of the clean file but one, whose unknown word must not become more than one row in a hundred."""
    return [record for number, record in enumerate(found(feed)) if feed.is_keyed or number != CANARY_RECORD]


def day_after(feed: Feed, number: int) -> str:
    """So many days after the clean file is usually stated."""
    return (date.fromisoformat(feed.day(1)) + timedelta(days=number)).isoformat()


def more_of(feed: Feed, records: list[Record], count: int) -> list[Record]:
    """So many records, as far as years are whole."""
    return WHOLE[feed.label].longer(records, count) if feed.label in WHOLE else longer(feed, records, count)


def file(feed: Feed, records: list[Record], vintage: str) -> Delivery:
    """Records as the file under test."""
    return Delivery(feed.file_name, closed(feed.shape, records), vintage)


@EACH
def test_bi36_minus_60(feed: Feed, platform: Platform) -> None:
    """Exactly 60 % less; years are whole, so that two of the six are left."""
    left = WHOLE[feed.label].shorter(found(feed), 80) if feed.label in WHOLE else shorter(feed, found(feed), 80)
    ends(platform, feed, [file(feed, found(feed), feed.day(1))], file(feed, left, feed.day(2)), VOLUME[feed.label])


@EACH
def test_bi36_plus_300(feed: Feed, platform: Platform) -> None:
    """Exactly four times what stood before the file, as far as years are whole."""
    more = more_of(feed, found(feed), 4 * STANDING[feed.label])
    ends(platform, feed, [file(feed, found(feed), feed.day(1))], file(feed, more, feed.day(2)), VOLUME[feed.label])


@EACH
def test_bi36_just_within_is_usual(feed: Feed, platform: Platform) -> None:
    """A little less than four times as much counts at once, where what is more was not stated before.

    A month is compared with the months before it, and then a little more than two fifths of it are as usual.
    """
    if feed.is_period:
        most = 4 * len(found(feed)) - 1
        files = [of_month(feed, month, found(feed), feed.day(1)) for month in MONTHS[:6]]
        files += [
            of_month(feed, month, more_of(feed, without_canary(feed), count), feed.day(1))
            for month, count in ((MONTHS[6], most), (MONTHS[7], len(found(feed)) * 2 // 5 + 1))
        ]
    else:
        most = 4 * STANDING[feed.label] - (WHOLE[feed.label].room if feed.label in WHOLE else 1)
        more = more_of if feed.is_keyed else reaching_back
        files = [file(feed, more(feed, without_canary(feed), most), feed.day(1))]
    for delivery in files:
        answer = platform.deliver(feed, delivery)
        assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message


@POLICE
@pytest.mark.parametrize(("variant", "count"), [("minus_60", 80), ("plus_300", 800)])
def test_bi36_against_earlier_months(feed: Feed, variant: str, count: int, platform: Platform) -> None:
    """A month that was not there before is compared with the months before it."""
    usual = [of_month(feed, month, found(feed), feed.day(1)) for month in MONTHS[:6]]
    records = longer(feed, found(feed), count) if count > len(found(feed)) else shorter(feed, found(feed), count)
    unusual = of_month(feed, MONTHS[6], records, feed.day(1))
    ends(platform, feed, usual, unusual, MONTHS_BEFORE[feed.label])


def without_one_borough(feed: Feed) -> tuple[list[Delivery], Delivery, str]:
    """What was usual, the file in which one borough has nothing, and the check that sees it."""
    records = found(feed)
    if feed.label in BOROUGH_GONE:
        check, rest_of = BOROUGH_GONE[feed.label]
        return [file(feed, records, feed.day(1))], file(feed, rest_of(records), feed.day(2)), check
    vanished = [each for each in feed.suite.critical if each["type"] == "between_vintages.no_value_vanished"]
    if vanished:
        header = feed.header(vanished[0]["column"])
        # thrice what stands already, so that no place's share moves
        short = opened(feed.shape, feed.earlier(feed)[-1].content)
        long_list = reaching_back(feed, short, 3 * len(short))
        rest = [r for r in long_list if r[header] != most_frequent(long_list, header)]
        return [file(feed, long_list, feed.day(1))], file(feed, rest, feed.day(2)), vanished[0]["id"]
    match feed.name:
        case "police_uk_street":
            here = [r for r in records if r["LSOA name"].startswith("Camden ")]
            rest = [r for r in records if not r["LSOA name"].startswith("Camden ")]
            with_it = [*rest, *longer(feed, here, 100)]
            usual = [of_month(feed, month, with_it, feed.day(1)) for month in MONTHS[:3]]
            return usual, of_month(feed, MONTHS[3], rest, feed.day(1)), "no_area_vanished"
        case "police_uk_stop_search":
            here = list(islice(again(feed.declared, [r for r in records if r["Longitude"]][:1], since=1), 15))
            usual = [of_month(feed, month, [*records, *here], feed.day(1)) for month in MONTHS[:3]]
            place = (here[0]["Longitude"], here[0]["Latitude"])
            rest = [r for r in records if not near((r["Longitude"], r["Latitude"]), place)]
            return usual, of_month(feed, MONTHS[3], rest, feed.day(1)), "no_place_vanished"
        case label:
            raise AssertionError(f"{label}: no check of the suite sees that a borough has gone (no_value_vanished)")


def most_frequent(records: list[Record], header: str) -> Any:
    """The value that most records have."""
    values = [record[header] for record in records]
    return max(sorted({*values}), key=values.count)


def near(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two points are less than 0.05 degrees apart."""
    return bool(one[0]) and all(abs(float(a) - float(b)) < 0.05 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("feed", WITH_PLACES, ids=lambda feed: feed.name)
def test_bi36_one_borough_zero(feed: Feed, platform: Platform) -> None:
    ends(platform, feed, *without_one_borough(feed))


STEPS = {False: (166, 138, 115, 95, 79), True: (264, 348, 460, 607, 801)}
"""Records over five deliveries, each a sixth less or a third more than the one before; whether they rise."""


@EACH
def test_bi36_gradual_5_months(feed: Feed, platform: Platform) -> None:
    """No step is remarkable by its volume. A list that may lose nothing can only rise so.

    Of what is stated again a sixth less is seen at the first step, so that nothing is lost little by little.
    """
    shaped: Callable[[Feed, list[Record], int], list[Record]] = more_of if feed.is_keyed else shorter
    sizes = STEPS[feed.is_keyed]
    records = without_canary(feed)
    files = [
        file(feed, shaped(feed, records, count), day_after(feed, n))
        for n, count in enumerate((len(records), *sizes), start=1)
    ]
    if feed.is_keyed:
        ends(platform, feed, files[:-1], files[-1], VOLUME[feed.label])
    else:
        ends(platform, feed, files[:1], files[1], RESTATED[feed.label])


@POLICE
def test_bi36_gradual_5_months__of_events(feed: Feed, platform: Platform) -> None:
    """Five months in turn, each a sixth less than the one before."""
    sizes = (*[200] * 6, *STEPS[False])
    files = [
        of_month(feed, month, shorter(feed, found(feed), count), feed.day(1))
        for month, count in zip(MONTHS, sizes, strict=False)
    ]
    ends(platform, feed, files[:-1], files[-1], MONTHS_BEFORE[feed.label])


@pytest.mark.parametrize("feed", ARCHIVES, ids=lambda feed: feed.name)
def test_bi36_force_absent(feed: Feed, platform: Platform, sandbox: SandboxServer) -> None:
    """An archive without the file of a force: unknown, not zero. Nothing came that a person could release."""
    standing = [row for row in current() if row["feed"] == feed.name and row["partition"] == "metropolitan"]
    partner = feed.partner(sandbox) if feed.partner else None
    assert isinstance(partner, ArchivePartner)
    partner.member = partner.member.replace("metropolitan", "city-of-london")
    records = found(feed)
    for record in records:
        if "Reported by" in record:
            record["Reported by"] = "City of London Police"
    partner.serves(closed(feed.shape, records))
    answer = platform.fetch(feed, sandbox.url)
    assert (answer.exit_code, answer.batch["status"], answer.batch["partition"]) == (0, "admitted", "city-of-london")
    rows = [row for row in current() if row["feed"] == feed.name]
    assert [row for row in rows if row["partition"] == "metropolitan"] == standing, "what stood is not taken away"
    owed = query(
        "select partition from ops.owed(now(), now(), %s) where feed = %s and period_start = %s",
        date(2023, 1, 15), feed.name, date(2022, 9, 1),
    )  # fmt: skip
    assert "metropolitan" in {row["partition"] for row in owed}, "due, and said to be missing"
