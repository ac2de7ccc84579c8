"""Backfill: the fewest archives that hold a range, each fetched once, however the range is asked for and by whom."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterator
from datetime import date
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vru.contracts import load_contract
from vru.periods import in_words, months_up_to, newest_due, shifted, span
from vru.transport import Asked, has_only_the_present
from vru.transport.snapshots import cover

from tests.unit.transport.partner import Partner, World, month, police
from tests.unit.transport.test_archive import RELEASED, ROOT, build, serve, serve_series

FIRST = month(2014, 1)
FORCES = 3


def numbered(*numbers: int) -> set[date]:
    return {shifted(FIRST, number) for number in numbers}


# The choice


@pytest.mark.parametrize(
    ("first", "last", "archives"),
    [
        (month(2020, 1), month(2020, 1), [month(2022, 12)]),
        (month(2020, 1), month(2022, 12), [month(2022, 12)]),
        (month(2020, 1), month(2023, 1), [month(2023, 1), month(2020, 1)]),
        (month(2023, 11), month(2024, 2), [month(2024, 2)]),
        (month(2014, 1), month(2024, 2), [month(2024, 2), month(2021, 2), month(2018, 2), month(2015, 2)]),
    ],
)
def test_the_fewest_archives_of_36_months_cover_a_range(first: date, last: date, archives: list[date]) -> None:
    found = cover(span(first, last), span(month(2010, 12), month(2024, 2)), 36)
    assert (list(found.archives), found.unavailable) == (archives, ())


@given(
    wanted=st.sets(st.integers(0, 11), min_size=1),
    available=st.sets(st.integers(0, 14)),
    held=st.sets(st.integers(-4, 14)),
    window=st.integers(1, 4),
)
@settings(max_examples=300, deadline=None)
def test_no_choice_of_fewer_archives_holds_as_much(
    wanted: set[int], available: set[int], held: set[int], window: int
) -> None:
    found = cover(numbered(*wanted), numbered(*available), window, numbered(*held))
    reachable = {m for m in wanted if any(m + step in available for step in range(window))}
    assert set(found.unavailable) == numbered(*(wanted - reachable)), "what nobody holds is said"
    assert set(found.archives) <= numbered(*available)
    assert holds(found.archives, window) >= numbered(*reachable)
    for fewer in combinations(numbered(*available), len(found.archives) - 1 if found.archives else 0):
        assert not reachable or not holds(fewer, window) >= numbered(*reachable)


def holds(archives: Collection[date], window: int) -> set[date]:
    return {each for name in archives for each in months_up_to(name, window)}


@pytest.mark.parametrize("is_backwards", [False, True])
@pytest.mark.parametrize(("count", "window"), [(1, 36), (36, 36), (37, 36), (121, 36), (10, 3)])
def test_month_by_month_needs_as_few_as_the_whole_range(count: int, window: int, is_backwards: bool) -> None:
    wanted = span(FIRST, shifted(FIRST, count - 1))
    available = span(month(2010, 12), wanted[-1])
    held: set[date] = set()
    fetched = 0
    for each in reversed(wanted) if is_backwards else wanted:
        if each not in held:
            (name,) = cover([each], available, window, held).archives
            held |= months_up_to(name, window)
            fetched += 1
    assert fetched == len(cover(wanted, available, window).archives) == -(-count // window)


def test_what_a_publisher_should_have_by_now() -> None:
    assert newest_due(date(2022, 10, 2), 62) == month(2022, 7)
    assert newest_due(date(2022, 10, 1), 62) == month(2022, 6)
    assert newest_due(date(2022, 3, 1), 0) == month(2022, 2)


def test_months_in_words() -> None:
    assert in_words([month(2014, 1)]) == "2014-01"
    assert in_words([*span(month(2013, 11), month(2014, 2)), month(2015, 5)]) == "2013-11 to 2014-02, 2015-05"


# The requests


def test_a_range_asks_for_the_fewest_archives_and_nothing_else(world: World) -> None:
    serve_series(world, month(2024, 2), month(2010, 12), 36)
    asked = world.ask(police(), since=month(2015, 3), until=date(2018, 5, 20))
    assert world.partner.targets() == [f"{ROOT}/2018-05.zip", f"{ROOT}/2015-05.zip"]
    assert [a.outcome for a in asked] == ["new", "new"]
    assert sorted(r.period_start for a in asked for r in a.received if r.partition == "btp" and r.period_start) == span(
        month(2015, 3), month(2018, 5)
    )


@pytest.mark.parametrize("is_backwards", [False, True])
def test_months_asked_for_one_by_one_share_an_archive(world: World, is_backwards: bool) -> None:
    serve_series(world, month(2024, 2), month(2010, 12), 36)
    wanted = span(month(2018, 5), month(2018, 7))
    for each in reversed(wanted) if is_backwards else wanted:
        for _ in range(4):  # as the weekly runs of one month do
            asked = world.ask(police(), since=each, until=each)
            assert {r.period_start for a in asked for r in a.received} <= {each}
    assert len(world.partner.requests) == (2 if is_backwards else 1)
    assert asked[0].reason.startswith("landed_already: ")
    read = {url.partition("#period=")[2] for url in world.history.known}
    assert read == {f"{each:%Y-%m}" for each in wanted}, "each was read, and no other"


def test_an_archive_of_an_ordinary_run_is_not_fetched_again(world: World) -> None:
    serve_series(world, month(2024, 2), month(2010, 12), 36)
    world.one(police())
    world.ask(police(), since=month(2021, 3), until=month(2021, 5))
    assert world.partner.targets() == [f"{ROOT}/latest.zip"]
    world.ask(police(), since=month(2021, 1), until=month(2021, 5))
    assert world.partner.targets()[1:] == [f"{ROOT}/2021-02.zip"], "of months that are not yet held, it has the most"


def test_the_newest_that_should_be_there_is_asked_for_as_the_latest(world: World) -> None:
    serve_series(world, month(2024, 2), month(2010, 12), 36)
    world.ask(police(), since=month(2023, 11), until=month(2024, 1), today=date(2024, 4, 2))
    assert world.partner.targets() == [f"{ROOT}/latest.zip"]


def test_months_before_the_series_are_said_and_asked_for_once(world: World) -> None:
    serve_series(world, month(2024, 2), month(2014, 12), 36)
    asked = world.ask(police(), since=month(2014, 10), until=month(2015, 1))
    assert [a.outcome for a in asked] == ["new", "not_yet"]
    assert "2014-10 to 2014-11; " in asked[-1].reason
    (again,) = world.ask(police(), since=month(2014, 1), until=month(2014, 2))
    assert (again.outcome, again.received) == ("not_yet", ())
    assert "2014-01 to 2014-02; " in again.reason
    assert len(world.partner.requests) == 1


def test_a_release_that_was_left_out_is_passed_over(world: World) -> None:
    serve_series(world, month(2024, 2), month(2010, 12), 36)
    for name in ("2021-04", "2021-03"):
        del world.partner.routes[f"{ROOT}/{name}.zip"]
    asked = world.ask(police(), period=month(2018, 5))
    assert [a.outcome for a in asked] == ["not_yet", "not_yet", "new"]
    assert asked[-1].source_url.endswith("/2021-02.zip#period=2018-05")


# By partition: that one has come says nothing of another


def serve_archive(world: World, name: str, newest: date, window: int, lacks: Collection[date]) -> None:
    """An archive with both partitions, but for months that btp has not submitted yet."""
    months = sorted(months_up_to(newest, window))
    both = build(*(each for each in months if each not in lacks))
    alone = build(*(each for each in months if each in lacks), forces=("metropolitan",))
    serve(world, name, joined(both, alone), Last_Modified=RELEASED)


def joined(*archives: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as writing:
        for archive in archives:
            with zipfile.ZipFile(io.BytesIO(archive)) as reading:
                for entry in reading.infolist():
                    writing.writestr(entry, reading.read(entry))
    return out.getvalue()


def received(asked: list[Asked], partition: str) -> list[str]:
    found = [r.period_start for a in asked for r in a.received if r.partition == partition]
    return sorted(f"{each:%Y-%m}" for each in found if each)


LATE = span(month(2020, 3), month(2020, 4))


def serve_late_force(world: World, came: date) -> None:
    """Archives of 6 months, of which those before `came` lack two months of btp."""
    for newest in span(month(2019, 6), month(2021, 12)):
        serve_archive(world, f"{newest:%Y-%m}", newest, 6, LATE if newest < came else ())


def test_what_one_force_lacks_is_asked_for_where_a_later_archive_has_it(world: World) -> None:
    serve_late_force(world, came=month(2020, 7))
    asked = world.ask(police(6), since=month(2019, 11), until=month(2020, 4))
    assert world.partner.targets() == [f"{ROOT}/2020-04.zip", f"{ROOT}/2020-08.zip"]
    assert [a.outcome for a in asked] == ["new", "new"]
    assert received(asked[:1], "metropolitan") == [f"{each:%Y-%m}" for each in span(month(2019, 11), month(2020, 4))]
    assert received(asked[:1], "btp") == ["2019-11", "2019-12", "2020-01", "2020-02"]
    assert (received(asked[1:], "btp"), received(asked[1:], "metropolitan")) == (["2020-03", "2020-04"], [])
    for _ in range(2):
        again = world.ask(police(6), since=month(2019, 11), until=month(2020, 4))
    assert {a.outcome for a in again} == {"not_modified"}
    assert len(world.partner.requests) == 2, "the landed archives answer"


def test_what_a_landed_archive_lacks_of_a_force_is_asked_for_too(world: World) -> None:
    serve_archive(world, "2020-04", month(2020, 4), 6, LATE)
    asked = world.ask(police(6), since=month(2019, 11), until=month(2020, 4))
    assert "of btp 2020-03 to 2020-04; " in asked[-1].reason
    serve_late_force(world, came=month(2020, 7))
    world.partner.requests.clear()
    asked = world.ask(police(6), period=month(2020, 3))
    assert received(asked, "btp") == ["2020-03"], "that the other force has come answers nothing"
    assert world.partner.targets() == [f"{ROOT}/2020-08.zip"]


def test_what_no_archive_has_of_a_force_is_said_by_force_and_month(world: World) -> None:
    serve_late_force(world, came=month(2099, 1))
    asked = world.ask(police(6), since=month(2019, 11), until=month(2020, 4))
    assert world.partner.targets() == [f"{ROOT}/2020-04.zip", f"{ROOT}/2020-08.zip", f"{ROOT}/2020-09.zip"]
    assert asked[-1].outcome == "not_yet"
    assert "unavailable: no archive of the publisher holds of btp 2020-03 to 2020-04; " in asked[-1].reason
    for _ in range(3):
        *again, said = world.ask(police(6), since=month(2020, 3), until=month(2020, 4))
    assert ({a.outcome for a in again}, said.outcome) == ({"not_modified"}, "not_yet")
    assert len(world.partner.requests) == 3, "nothing later can hold it, so nobody is asked for ever"


def test_a_force_that_never_came_is_missed_where_the_contract_names_it(world: World) -> None:
    serve(world, "2020-04", build(month(2020, 3), month(2020, 4)), Last_Modified=RELEASED)
    what = police(2)
    named = what.model_copy(update={"transport": what.transport.model_copy(update={"partitions": ["btp", "kent"]})})
    asked = world.ask(named, period=month(2020, 4), today=date(2020, 5, 20))
    assert asked[0].outcome == "failed", "the latest archive is not there"
    asked = world.ask(named, period=month(2020, 4), today=date(2020, 9, 20))
    assert "of kent 2020-04; " in asked[-1].reason


def test_a_month_that_is_long_settled_costs_no_more_archives(world: World) -> None:
    lacks = span(month(2019, 1), month(2020, 6))
    for newest in span(month(2018, 12), month(2024, 2)):
        serve_archive(world, f"{newest:%Y-%m}", newest, 36, lacks)
    asked = world.ask(police(36), since=month(2018, 1), until=month(2020, 12))
    assert world.partner.targets() == [f"{ROOT}/2020-12.zip", f"{ROOT}/2022-12.zip"]
    assert "of btp 2019-01 to 2020-06; " in asked[-1].reason


def test_what_the_latest_archive_lacks_of_a_force_is_said(world: World) -> None:
    serve_archive(world, "latest", month(2024, 2), 6, [month(2024, 2)])
    present, said = world.ask(police(6), since=month(2023, 12))
    assert (present.outcome, said.outcome) == ("new", "not_yet")
    assert "of btp 2024-02; " in said.reason
    assert world.partner.targets() == [f"{ROOT}/latest.zip"]
    (alone,) = world.ask(police(6))
    assert alone.outcome == "new", "an ordinary run asks for no past"


def test_a_partner_without_any_archive_is_not_asked_for_ever(world: World) -> None:
    asked = world.ask(police(), period=month(2011, 5))
    assert [a.outcome for a in asked] == ["not_yet"] * 4
    assert len(world.partner.requests) == 3
    assert asked[-1].reason.startswith("unavailable: ")


def test_a_refused_archive_ends_the_backfill(world: World) -> None:
    serve(world, "2018-05", b"<html>busy</html>")
    serve(world, "2018-02", build(month(2018, 2)), Last_Modified=RELEASED)
    asked = world.ask(police(), since=month(2015, 3), until=month(2018, 5))
    assert [a.outcome for a in asked] == ["refused"]
    assert asked[0].reason.startswith("html_page: ")


def test_a_second_feed_reads_what_the_first_has_landed(world: World) -> None:
    serve(world, "latest", build(month(2024, 1), month(2024, 2)), Last_Modified=RELEASED)
    first = world.one(police())
    other = World(world.partner, world.root)
    other.landing = world.landing
    other.history.shelf = world.history.known
    second = other.one(police())
    assert world.partner.requests[-1][1]["If-None-Match"] == first.etag
    assert (second.outcome, second.sha256, second.last_modified) == ("new", first.sha256, RELEASED)
    assert second.received == first.received
    third = other.one(police())
    assert (third.outcome, third.received) == ("not_modified", ())


def test_a_range_ends_where_it_begins_or_later(world: World) -> None:
    with pytest.raises(ValueError, match="'until'"):
        world.ask(police(), until=month(2018, 5))
    with pytest.raises(ValueError, match="'until'"):
        world.ask(police(), since=month(2018, 6), until=month(2018, 5))


# Through the real ledger, from the synthetic partners


@pytest.fixture(scope="module")
def partners(vru_home: Path, migrated_cluster: object) -> Iterator[Partner]:
    """The synthetic partners of a migrated state folder."""
    from vru.sandbox import SandboxServer

    with SandboxServer(vru_home / "sandbox") as server:
        yield server


def test_a_backfill_of_two_police_feeds_downloads_each_archive_once(partners: Partner) -> None:
    from vru import pipeline
    from vru.profile import Source

    source = Source("sandbox", base_url=partners.url)
    for feed in ("police_uk_street", "police_uk_stop_search"):
        for each in span(month(2016, 6), month(2016, 8)):
            fetched = pipeline.fetch(feed, source, since=each, until=each)
            assert (len(fetched.new), fetched.refused, fetched.failed) == (FORCES, [], [])
            again = pipeline.fetch(feed, source, since=each, until=each)
            assert (again.new, again.refused, again.failed) == ([], [], [])
            assert set(again.deliveries) >= set(fetched.deliveries), "what was held then is told again"
    archives = [(target.rsplit("/", 1)[1], status) for _, target, status in partners.requests]
    assert archives == [("2019-05.zip", 302), ("2019-05.zip", 200)]


@pytest.mark.parametrize("feed", ["mps_homicide_victims", "ons_geography", "ons_population"])
def test_of_a_feed_that_replaces_itself_only_the_present_exists(feed: str, partners: Partner) -> None:
    from vru import pipeline
    from vru.profile import Source

    before = len(partners.requests)
    fetched = pipeline.fetch(feed, Source("sandbox", base_url=partners.url), period=month(2022, 5))
    assert (fetched.outcomes, fetched.deliveries) == ({}, [])
    assert "only the present one exists" in fetched.lacking[0]
    assert len(partners.requests) == before
    assert has_only_the_present(load_contract(feed))


def test_what_no_archive_holds_is_told_by_the_fetch(partners: Partner) -> None:
    from vru import pipeline
    from vru.profile import Source

    source = Source("sandbox", base_url=partners.url)
    fetched = pipeline.fetch("police_uk_street", source, since=month(2013, 11), until=month(2014, 1))
    assert len(fetched.new) == FORCES
    assert "2013-11 to 2013-12" in fetched.lacking[0]
    fetched.check()
