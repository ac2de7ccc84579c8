"""One file at a time: every case of the table, by the real path, with the outcome that the documents state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from vru.sandbox import SandboxServer

from tests.faults.case import BY_HAND, EXIT_CODES, Case, Channel, Expect
from tests.faults.conftest import without_lines
from tests.faults.feeds import FEEDS, RECORDS, Delivery, Feed, Partner, RawRow
from tests.faults.platform import Answer, Platform, leaks, query
from tests.faults.table import CASES, NOT_APPLICABLE, STORIES, VARIANTS

TABLE = [pytest.param(case, feed, id=f"{case.name}-{feed.label}") for case in CASES for feed in case.only]


@pytest.mark.parametrize(("case", "feed"), TABLE)
def test_bad_input(
    case: Case,
    feed: Feed,
    platform: Platform,
    sandbox: SandboxServer,
    clean_rows: dict[str, list[RawRow]],
    record_property: Callable[[str, object], None],
) -> None:
    expect = case.expect(feed)
    if expect.is_exact and expect.status == "admitted":
        record_property("recoverable", True)
    before = platform.picture()
    content, answer, partner = bring(case, feed, platform, sandbox)

    assert answer.exit_code == EXIT_CODES[expect.status], answer.message
    said = " ".join([answer.message, answer.log])
    assert not [word for word in (*feed.canaries, *expect.never_stored) if word in said]
    assert leaks(feed.canaries, everywhere=expect.never_stored) == []
    assert platform.half_received() == []
    if partner is not None:
        assert partner.tries == expect.tries if expect.tries is not None else partner.tries >= 1
    if expect.status in ("refused", "failed"):
        assert_no_file_came(expect, feed, answer, platform, content, partner)
    else:
        assert_batch(expect, feed, answer, platform, partner.landed(content) if partner else content)
        assert_rows(expect, feed, answer, platform, clean_rows[feed.label])
    after = platform.picture()
    assert (after.raw, after.batches) == (before.raw, before.batches)
    if expect.status == "admitted":
        assert {row["batch_id"] for row in after.current if row not in before.current} == {answer.batch["batch_id"]}
    else:
        assert after.current == before.current
    if case.channel is Channel.FAULT:
        assert_recovers(feed, platform, sandbox, partner, clean_rows[feed.label])


def bring(case: Case, feed: Feed, platform: Platform, sandbox: SandboxServer) -> tuple[bytes, Answer, Partner | None]:
    """Deliver the changed file as the case says; the bytes sent, what came of it, and the partner if it was asked."""
    clean = feed.clean
    if case.channel in BY_HAND:
        content = case.change(feed, clean)
        vintage = None if case.channel is Channel.LOOSE else feed.vintage
        rows = RECORDS if case.channel is Channel.COUNTED else None
        sealed = {Channel.SEALED: clean, Channel.PROVED: content}.get(case.channel)
        sha256 = hashlib.sha256(sealed).hexdigest() if sealed else None
        file = Delivery(case.file_name or feed.file_name, content, vintage, rows, sha256)
        return content, platform.deliver(feed, file), None
    assert feed.partner is not None
    partner = feed.partner(sandbox)
    content = clean
    match case.channel:
        case Channel.PARTNER:
            content = case.change(feed, clean)
            partner.serves(content)
        case Channel.WIRE:
            content = partner.serves(clean, wire=lambda body: case.change(feed, body), content_type=case.content_type)
        case Channel.CATALOGUE:
            content = case.change(feed, clean)
            sandbox.fault("/data.london.gov.uk/api/*", "replace_body", body=content, content_type="text/html")
        case _:
            times = 1 if case.channel is Channel.FAULT_ONCE else None
            sandbox.fault(partner.file_glob, case.fault or case.variant, times=times, **case.params)
            partner.serves(clean)
    return content, platform.fetch(feed, sandbox.url), partner


def assert_no_file_came(
    expect: Expect, feed: Feed, answer: Answer, platform: Platform, content: bytes, partner: Partner | None
) -> None:
    """One attempt with its reason, and neither delivery nor batch; what was refused can be looked at."""
    (attempt,) = answer.attempts
    assert (attempt["outcome"], answer.deliveries, answer.batches) == (expect.status, [], [])
    assert attempt["reason"].startswith(tuple(f"{code}: " for code in expect.codes)), attempt["reason"]
    assert feed.name in answer.message
    assert attempt["source_url"] in answer.message
    assert attempt["reason"] in answer.message
    if expect.status == "failed":
        assert attempt["sha256"] is None
    else:
        assert attempt["sha256"] == hashlib.sha256(content).hexdigest()
        assert platform.landed(attempt["sha256"]) == content


def assert_batch(expect: Expect, feed: Feed, answer: Answer, platform: Platform, content: bytes) -> None:
    """Status, reason, place and counts of the one new batch; its bytes are kept."""
    batch = answer.batch
    assert batch["status"] == expect.status, batch["reason"]
    assert batch["feed"] == feed.name
    assert batch["sha256"] == hashlib.sha256(content).hexdigest()
    assert platform.landed(batch["sha256"]) == content
    faulty = len({*expect.lines, *(line for line, _ in expect.also)})
    assert (batch["rows_parsed"], batch["rows_quarantined"]) == (expect.records, faulty)
    assert batch["rows_admitted"] == (expect.records - faulty if expect.status == "admitted" else 0)
    if expect.status == "admitted":
        assert (batch["reason"], answer.message) == ("", "")
    else:
        assert batch["reason"].startswith(tuple(f"{code}: " for code in expect.codes)), batch["reason"]
        assert f"{feed.name}, {batch['file_name']}" in answer.message
        assert batch["reason"] in answer.message
        assert [words for words in expect.in_reason if words not in batch["reason"]] == []
        if expect.line is not None:
            assert f"line {expect.line}" in batch["reason"]
    assert expect.warning in " ".join(batch["warnings"])


def assert_rows(expect: Expect, feed: Feed, answer: Answer, platform: Platform, clean_rows: list[RawRow]) -> None:
    """Every record of the file is in raw, exactly as received, or in quarantine with line and reason."""
    batch_id = answer.batch["batch_id"]
    raw = platform.raw_rows(feed, batch_id)
    quarantined = query("select * from quarantine.row where batch_id = %s", batch_id)
    found = {(row["line_number"], row["check_id"]) for row in quarantined}
    assert found == {(line, expect.check) for line in expect.lines} | {*expect.also}
    assert len(raw) + len({row["line_number"] for row in quarantined}) == expect.records
    assert not {row["line_number"] for row in raw} & {row["line_number"] for row in quarantined}
    if expect.status == "rejected":
        assert query("select 1 from ops.check_result where batch_id = %s", batch_id) == []
        assert query("select 1 from quarantine.cell where batch_id = %s", batch_id) == []
        return
    if expect.is_exact:
        aside = {*expect.lines, *(line for line, _ in expect.also)}
        assert raw == feed.raw_rows(platform.landed(answer.batch["sha256"]), aside)
    if expect.is_clean or not expect.is_exact:
        kept = [row for number, row in enumerate(clean_rows) if number not in expect.lost]
        held_back = expect.status == "held" and expect.check == ""
        assert without_lines(raw)[: len(kept)] == kept if held_back else without_lines(raw) == kept


def assert_recovers(
    feed: Feed,
    platform: Platform,
    sandbox: SandboxServer,
    partner: Partner | None,
    clean_rows: list[RawRow],
) -> None:
    """Once the fault is gone the next run loads the file, with no human action."""
    assert partner is not None
    sandbox.clear_faults()
    partner.serves(feed.clean)
    answer = platform.fetch(feed, sandbox.url)
    assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message
    assert without_lines(platform.raw_rows(feed, answer.batch["batch_id"])) == clean_rows


def test_every_variant_befalls_every_feed_or_there_is_a_reason_why_not() -> None:
    covered = {(case.row, case.variant, feed.label) for case in CASES for feed in case.only if feed in FEEDS}
    covered |= {(row, variant, feed.label) for row, variant in STORIES for feed in FEEDS}
    due = {(row, variant, feed.label) for row, names in VARIANTS.items() for variant in names for feed in FEEDS}
    assert covered | NOT_APPLICABLE.keys() == due
    told = {place for place in covered & NOT_APPLICABLE.keys() if place[:2] not in STORIES}
    assert told == set(), "a case stands where the table says that there can be none"
    assert all(NOT_APPLICABLE.values())
