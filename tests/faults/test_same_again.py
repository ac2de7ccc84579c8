"""Row 29: the same delivery again makes no new batch, whatever came between; what it states about its date is kept."""

from __future__ import annotations

import gzip
import zipfile

import pytest
from vru.sandbox import SandboxServer

from tests.faults.changes import cut_mid_row
from tests.faults.feeds import ARCHIVES, FEEDS, SERVED, ArchivePartner, Delivery, Feed, Partner, zipped
from tests.faults.json_changes import cut_mid_feature
from tests.faults.platform import Answer, Platform, current
from tests.faults.table.repeated import REPEATS

EACH = pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.label)
ASKED = pytest.mark.parametrize("feed", SERVED, ids=lambda feed: feed.label)


def test_the_variants_are_those_of_the_table() -> None:
    here = {name.removeprefix("test_bi29_") for name in globals() if name.startswith("test_bi29_")}
    assert {name.partition("__")[0] for name in here} == set(REPEATS)


def changed(feed: Feed) -> bytes:
    """A later content of the same months."""
    return feed.restated(feed, feed.clean, "values_changed")


def partner_of(feed: Feed, sandbox: SandboxServer) -> Partner:
    """Who serves the feed."""
    assert feed.partner is not None
    return feed.partner(sandbox)


def current_batches(platform: Platform) -> set[int]:
    """What is read from files that came in this test."""
    return {row["batch_id"] for row in current() if row["batch_id"] > platform.marks["batch"]}


def assert_nothing_new(answer: Answer, *, deliveries: int) -> None:
    """No batch; so many statements that were not known; and nothing to complain of."""
    assert (answer.exit_code, answer.batches, len(answer.deliveries)) == (0, [], deliveries), answer.message


@EACH
def test_bi29_same_name(feed: Feed, platform: Platform) -> None:
    first = platform.deliver(feed, Delivery(feed.file_name, feed.clean))
    assert current_batches(platform) == {first.batch["batch_id"]}
    again = platform.deliver(feed, Delivery(feed.file_name, feed.clean))
    assert_nothing_new(again, deliveries=0)
    assert [attempt["outcome"] for attempt in again.attempts] == ["unchanged"]
    assert current_batches(platform) == {first.batch["batch_id"]}


@EACH
def test_bi29_same_name__dated(feed: Feed, platform: Platform) -> None:
    first = platform.deliver(feed, Delivery(feed.file_name, feed.clean, feed.day(1)))
    assert_nothing_new(platform.deliver(feed, Delivery(feed.file_name, feed.clean, feed.day(1))), deliveries=0)
    assert current_batches(platform) == {first.batch["batch_id"]}


@ASKED
def test_bi29_same_name__http(feed: Feed, platform: Platform, sandbox: SandboxServer) -> None:
    partner = partner_of(feed, sandbox)
    partner.serves(feed.clean)
    first = platform.fetch(feed, sandbox.url)
    assert_nothing_new(platform.fetch(feed, sandbox.url), deliveries=0)
    assert current_batches(platform) == {first.batch["batch_id"]}


@EACH
def test_bi29_same_name__rejected(feed: Feed, platform: Platform) -> None:
    """A file that was refused stays refused, is still complained of, and is not parsed again."""
    cut = cut_mid_row if feed.shape == "text" else cut_mid_feature
    bad = Delivery(feed.file_name, cut(feed, feed.clean), feed.day(1))
    first, again = platform.deliver(feed, bad), platform.deliver(feed, bad)
    assert (first.batch["status"], first.exit_code, again.exit_code, again.batches) == ("rejected", 1, 1, [])
    assert again.message == first.message


@EACH
def test_bi29_renamed(feed: Feed, platform: Platform) -> None:
    first = platform.deliver(feed, Delivery(feed.file_name, feed.clean))
    for name in feed.renamed:
        assert_nothing_new(platform.deliver(feed, Delivery(name, feed.clean)), deliveries=0)
    assert current_batches(platform) == {first.batch["batch_id"]}


@ASKED
def test_bi29_recompressed(feed: Feed, platform: Platform, sandbox: SandboxServer) -> None:
    """Packed in another way: another archive, or a compressed answer, with the same file in it."""
    partner = partner_of(feed, sandbox)
    partner.serves(feed.clean, is_sealed=False)
    first = platform.fetch(feed, sandbox.url)
    assert first.batch["status"] == "admitted"
    sandbox.clear_faults()
    if isinstance(partner, ArchivePartner):
        sent = partner.serves(
            feed.clean, wire=lambda _: zipped(partner.member, feed.clean, compression=zipfile.ZIP_STORED)
        )
    else:
        sent = partner.serves(
            feed.clean, wire=lambda body: gzip.compress(body), headers={"Content-Encoding": "gzip"}, is_sealed=False
        )
    assert sent != feed.clean
    asked = partner.tries
    assert_nothing_new(platform.fetch(feed, sandbox.url), deliveries=0)
    assert partner.tries == asked + 1
    assert current_batches(platform) == {first.batch["batch_id"]}


@pytest.mark.parametrize("feed", ARCHIVES, ids=lambda feed: feed.label)
def test_bi29_recompressed__by_hand(feed: Feed, platform: Platform) -> None:
    """An archive put into a folder, then packed anew, then the file alone."""
    member = f"{feed.period}/{feed.file_name}"
    first = platform.deliver(feed, Delivery(f"{feed.period}.zip", zipped(member, feed.clean), feed.day(1)))
    assert first.batch["status"] == "admitted"
    stored = zipped(member, feed.clean, compression=zipfile.ZIP_STORED)
    assert_nothing_new(platform.deliver(feed, Delivery("again.zip", stored, feed.day(1))), deliveries=0)
    assert_nothing_new(platform.deliver(feed, Delivery(feed.file_name, feed.clean, feed.day(1))), deliveries=0)
    assert current_batches(platform) == {first.batch["batch_id"]}


@EACH
def test_bi29_next_day(feed: Feed, platform: Platform) -> None:
    first = platform.deliver(feed, Delivery(feed.file_name, feed.clean, feed.day(1)))
    next_day = platform.deliver(feed, Delivery(feed.file_name, feed.clean, feed.day(2)))
    assert_nothing_new(next_day, deliveries=1)
    assert str(next_day.deliveries[0]["vintage_at"].date()) == feed.day(2)
    assert current_batches(platform) == {first.batch["batch_id"]}


@EACH
def test_bi29_older_after_newer(feed: Feed, platform: Platform) -> None:
    """B, then A of the day before: B stays. A stated anew, of a later day: A, of the batch that it has."""
    b = platform.deliver(feed, Delivery(feed.file_name, changed(feed), feed.day(2)))
    a = platform.deliver(feed, Delivery(feed.file_name, feed.clean, feed.day(1)))
    assert (b.batch["status"], a.batch["status"]) == ("admitted", "admitted")
    assert current_batches(platform) == {b.batch["batch_id"]}
    assert_nothing_new(platform.deliver(feed, Delivery(feed.file_name, feed.clean, feed.day(3))), deliveries=1)
    assert current_batches(platform) == {a.batch["batch_id"]}
    assert_nothing_new(platform.deliver(feed, Delivery(feed.file_name, changed(feed), feed.day(4))), deliveries=1)
    assert current_batches(platform) == {b.batch["batch_id"]}


@EACH
def test_bi29_older_after_newer__undated(feed: Feed, platform: Platform) -> None:
    """A, B, A as they come, none with a date, ends at A."""
    a = platform.deliver(feed, Delivery(feed.file_name, feed.clean))
    b = platform.deliver(feed, Delivery(feed.file_name, changed(feed)))
    assert current_batches(platform) == {b.batch["batch_id"]}
    assert_nothing_new(platform.deliver(feed, Delivery(feed.file_name, feed.clean)), deliveries=1)
    assert current_batches(platform) == {a.batch["batch_id"]}
