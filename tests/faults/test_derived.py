"""The feeds under test follow from the contracts; what does not is needed, and nothing is left out without a reason."""

from __future__ import annotations

import pytest
from vru.contracts import load_contract, load_contracts

from tests.faults import exceptions
from tests.faults.derive import earlier, feed_of, made, restated, source_of
from tests.faults.exceptions import OWN, UNTESTED, Own
from tests.faults.feed import RECORDS, Delivery, Feed, closed, opened
from tests.faults.feeds import FEEDS, SUBJECTS, named
from tests.faults.platform import Platform
from tests.faults.reader import raw_row
from tests.faults.series import found, longer
from tests.faults.suite import LOST
from tests.faults.table import NOT_APPLICABLE, STORIES, VARIANTS, meaning
from tests.faults.table.repeated import RESTATEMENTS

LABELS = {feed.label for feed in SUBJECTS}


def test_every_resource_of_every_contract_is_under_test_or_there_is_a_reason_why_not() -> None:
    due = {(feed, resource.name) for feed, contract in load_contracts().items() for resource in contract.resources}
    assert {(feed.name, feed.resource) for feed in SUBJECTS} | set(UNTESTED) == due
    assert {(feed.name, feed.resource) for feed in SUBJECTS}.isdisjoint(UNTESTED)
    assert [feed.name for feed in FEEDS] == sorted(load_contracts()), "one resource stands for each feed"
    assert all(UNTESTED.values())


@pytest.mark.parametrize("feed", SUBJECTS, ids=lambda feed: feed.label)
def test_the_clean_file_is_one_that_the_table_can_take(feed: Feed) -> None:
    assert len(opened(feed.shape, feed.clean)) == RECORDS
    assert len(feed.raw_rows(feed.clean)) == RECORDS
    for part in ("padded", "required", "typed", "typed_check", "key", "filled"):
        assert getattr(feed, part), f"no column plays the part '{part}'"
    assert feed.note != feed.key or not feed.is_free


@pytest.mark.parametrize(("feed", "resource"), list(UNTESTED), ids=[".".join(place) for place in UNTESTED])
def test_what_is_left_out_cannot_have_a_clean_file(feed: str, resource: str, platform: Platform) -> None:
    contract = load_contract(feed)
    subject = feed_of(contract, contract.resource(resource))
    answer = platform.deliver(subject, Delivery(subject.file_name, subject.clean, subject.vintage))
    assert answer.batch["status"] != "admitted", "it can be tested: take it out of UNTESTED"


def derived(feed: str, resource: str, *kept: str) -> Feed:
    """A resource whose parts are all derived, apart from some."""
    contract = load_contract(feed)
    own = {part: value for part, value in exceptions.own(feed, resource).items() if part in kept}
    return feed_of(contract, contract.resource(resource), **own)


@pytest.mark.parametrize("own", OWN, ids=lambda own: f"{own.feed}.{own.resource}.{own.part}")
def test_a_part_that_is_made_by_hand_is_needed(own: Own, platform: Platform) -> None:
    assert own.why
    subject = derived(own.feed, own.resource, *(() if own.part == "clean" else ("clean",)))
    match own.part:
        case "clean":
            files = [Delivery(subject.file_name, subject.clean, subject.vintage)]
        case "earlier":
            files = earlier(subject)
        case _:
            files = [
                Delivery(subject.file_name, restated(subject, subject.clean, how), subject.day(number))
                for number, how in enumerate(RESTATEMENTS[:4])
                if how != "rows_deleted" or not subject.suite.of_type(*LOST)
            ]
    came = [platform.deliver(subject, file).came for file in files]
    assert {*came} != {"admitted"}, "what is derived is let in: take it out of OWN"


def test_a_case_that_is_written_by_hand_is_of_a_feed_and_differs_from_the_derived_one() -> None:
    by_label = [exceptions.ONE_IS_LOST, exceptions.OLDER, exceptions.FOREIGN,
                exceptions.MISPLACED, exceptions.HELD_WITH, exceptions.LATE, exceptions.VOLUME,
                exceptions.BOROUGH_GONE]  # fmt: skip
    for table in by_label:
        assert set(table) <= LABELS, f"exceptions for feeds that are not there: {set(table) - LABELS}"
    for label, check in exceptions.ONE_IS_LOST.items():
        assert check != named(label).suite.of_type(*LOST)
    for (label, variant), (why, words, check) in [*exceptions.DATES.items()]:
        feed = named(label)
        now = opened(feed.shape, feed.clean)[0][feed.date]
        with pytest.MonkeyPatch.context() as patch:
            patch.delitem(meaning.DATES, (label, variant))
            assert meaning.day(feed, variant, now) != (words, check), why
    for (row, variant, label), why in exceptions.NEITHER.items():
        assert why
        assert (row, variant) not in meaning.lacks(named(label)), "this follows from the contract"


def test_a_list_whose_years_are_whole_cannot_be_made_longer_or_later_by_the_rule(platform: Platform) -> None:
    for label in {*exceptions.LATE, *exceptions.VOLUME}:
        feed = named(label)
        one_more = longer(feed, found(feed), RECORDS + 1)
        answer = platform.deliver(feed, Delivery(feed.file_name, closed(feed.shape, one_more), feed.day(1)))
        assert answer.came != "admitted", f"{label}: take it out of LATE and VOLUME"


def test_every_reason_is_given_for_a_case_that_there_is() -> None:
    due = {(row, variant, feed.label) for row, names in VARIANTS.items() for variant in names for feed in FEEDS}
    assert set(NOT_APPLICABLE) <= due
    assert {place for place in STORIES if place[1] not in VARIANTS[place[0]]} == set()


def test_without_a_fixture_a_file_is_made_of_the_contract() -> None:
    """As the reader of the tests takes it, with every column of the contract, the same every time."""
    for contract in load_contracts().values():
        for resource in contract.resources:
            records = made(resource)
            assert records == made(resource)
            rows = [raw_row(resource, record) for record in records]
            columns = {column.name for column in resource.columns}
            assert all(columns <= set(row) and None not in (row[name] for name in columns) for row in rows)
            bare = contract.model_copy(update={"feed": "a_feed_without_fixtures"})
            _, content, shape = source_of(bare, resource)
            assert len(opened(shape, content)) == RECORDS
