"""The selection function by itself: what is current at (K, W)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime, timedelta
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from tests.warehouse.conftest import Ledger

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from vru.warehouse.server.embedded import Server

JAN, FEB, MAR = date(2021, 1, 1), date(2021, 2, 1), date(2021, 3, 1)


def months(first: date, last: date) -> tuple[date, date]:
    return first, (last.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def test_three_forces_in_one_month_hide_nothing(history: Ledger) -> None:
    history.feed("f", "period", "month")
    batches = {}
    for number, force in enumerate(("metropolitan", "city-of-london", "btp")):
        history.deliver("f", force, number, partition=force)
        batches[force, JAN] = history.batch("f", force, 5, period=months(JAN, JAN), partition=force)
    assert history.current("f") == batches


def test_weekly_files_of_one_site_add_up(history: Ledger) -> None:
    history.feed("f", "period", "day")
    expected = {}
    for week in range(4):
        first = JAN + timedelta(weeks=week)
        period = (first, first + timedelta(days=6))
        history.deliver("f", f"week {week}", week, partition="site")
        batch = history.batch("f", f"week {week}", 9, period=period, partition="site")
        expected |= {("site", first + timedelta(days=n)): batch for n in range(7)}
    assert history.current("f") == expected
    # a later file that restates three days of two weeks takes only those
    period = (JAN + timedelta(days=5), JAN + timedelta(days=7))
    history.deliver("f", "again", 8, partition="site")
    again = history.batch("f", "again", 9, period=period, partition="site")
    expected |= {("site", JAN + timedelta(days=n)): again for n in (5, 6, 7)}
    assert history.current("f") == expected


@pytest.mark.parametrize("mode", ["snapshot", "period"])
def test_a_b_a_ends_at_a(history: Ledger, mode: str) -> None:
    history.feed("f", mode, "month")
    for number, content in enumerate("ABA"):
        history.deliver("f", content, number)
    a = history.batch("f", "A", 1, period=months(JAN, JAN))
    b = history.batch("f", "B", 2, period=months(JAN, JAN))
    assert history.current("f") == {("", JAN): a}
    assert history.current("f", known=1) == {("", JAN): b}
    assert history.current("f", known=0) == {("", JAN): a}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_x_x_and_a_late_y_between_them_end_at_x_in_every_order(history: Ledger, order: tuple[int, ...]) -> None:
    history.feed("f", "snapshot", "month")
    stated = [("X", 1), ("Y", 2), ("X", 3)]
    for received, number in enumerate(order):
        content, vintage = stated[number]
        history.deliver("f", content, vintage, received=10 + received)
    x = history.batch("f", "X", 10, period=months(JAN, JAN))
    y = history.batch("f", "Y", 10, period=months(JAN, JAN))
    assert history.current("f") == {("", JAN): x}
    assert history.current("f", known=2) == {("", JAN): y}


def test_a_snapshot_that_is_shorter_leaves_the_units_it_does_not_cover(history: Ledger) -> None:
    history.feed("f", "snapshot", "month")
    history.deliver("f", "long", 0)
    history.deliver("f", "short", 1)
    long = history.batch("f", "long", 1, period=months(JAN, MAR))
    short = history.batch("f", "short", 1, period=months(FEB, MAR))
    assert history.current("f") == {("", JAN): long, ("", FEB): short, ("", MAR): short}


def test_grain_none_is_the_newest_delivery_of_each_partition(history: Ledger) -> None:
    history.feed("f", "snapshot")
    for number, (partition, content) in enumerate([("2011", "a"), ("2021", "b"), ("2021", "c")]):
        history.deliver("f", content, number, partition=partition)
    a, _, c = (history.batch("f", x, 5, partition=p) for x, p in [("a", "2011"), ("b", "2021"), ("c", "2021")])
    assert history.current("f") == {("2011", None): a, ("2021", None): c}


def test_the_later_line_of_a_manifest_wins_at_one_vintage(history: Ledger) -> None:
    history.feed("f", "snapshot")
    history.deliver("f", "second", 1, line=2, received=3)
    history.deliver("f", "first", 1, line=1, received=4)
    second = history.batch("f", "second", 5)
    history.batch("f", "first", 5)
    assert history.current("f") == {("", None): second}


def test_what_is_held_or_not_yet_let_in_does_not_count(history: Ledger) -> None:
    history.feed("f", "snapshot")
    history.deliver("f", "old", 0)
    history.deliver("f", "new", 1)
    old = history.batch("f", "old", 2)
    assert history.current("f") == {("", None): old}, "a content without a batch does not count"
    new = history.batch("f", "new", 7)
    assert history.current("f", admitted=6) == {("", None): old}
    assert history.current("f") == {("", None): new}
    history.deliver("f", "bad", 3)
    history.batch("f", "bad", None)
    assert history.current("f") == {("", None): new}, "a held batch does not count"


def test_a_late_arrival_is_seen_only_from_its_receipt_on(history: Ledger) -> None:
    history.feed("f", "snapshot")
    history.deliver("f", "a", 1)
    history.deliver("f", "b", 2, received=9)
    a, b = history.batch("f", "a", 1), history.batch("f", "b", 9)
    assert history.current("f", known=2, admitted=8) == {("", None): a}
    assert history.current("f", known=2, admitted=9) == {("", None): b}


def test_withdrawing_brings_the_next_in_line_back_and_the_past_stays(history: Ledger) -> None:
    history.feed("f", "snapshot")
    history.deliver("f", "a", 0)
    history.deliver("f", "b", 1)
    a, b = history.batch("f", "a", 1), history.batch("f", "b", 2, withdrawn=5)
    assert history.current("f") == {("", None): a}
    assert history.current("f", admitted=4) == {("", None): b}


def test_a_batch_that_was_taken_back_and_counts_again_keeps_its_past(history: Ledger) -> None:
    """A late older vintage takes a batch back, another one lets it in again: each of the three states stays."""
    history.feed("f", "snapshot")
    history.deliver("f", "a", 0)
    history.deliver("f", "b", 1)
    a, b = history.batch("f", "a", 1), history.batch("f", "b", 2)
    history.withdraw(b, 5)
    history.admit_again(b, 8)
    for admitted, expected in ((1, a), (2, b), (4, b), (5, a), (7, a), (8, b), (None, b)):
        assert history.current("f", admitted=admitted) == {("", None): expected}, admitted


def test_what_bears_an_earlier_instant_has_appeared_before_one_that_is_settled(warehouse: Server) -> None:
    """A build takes its W while a batch is being let in: it waits for that, so W never gains a batch later."""
    from vru.warehouse.engine import raw_connection

    admitting, building = raw_connection("loader"), raw_connection("transformer")
    try:
        with admitting.cursor() as cursor:
            cursor.execute("select ops.stamp()")
            (stamped,) = cursor.fetchone()
        with ThreadPoolExecutor(1) as pool:
            settled = pool.submit(instant, building)
            with pytest.raises(TimeoutError):
                settled.result(timeout=0.5)
            admitting.commit()
            assert settled.result(timeout=20) > stamped
        assert instant(building) > stamped, "nobody waits where nothing is being written"
    finally:
        admitting.close()
        building.close()


def test_a_reader_of_many_statements_and_the_ledger_never_wait_for_each_other(warehouse: Server) -> None:
    """A report holds the readers' lock for as long as it reads, a swap waits for it: neither stops a build or a batch."""
    from vru.warehouse import locks
    from vru.warehouse.engine import raw_connection

    numbers = [value for name, value in vars(locks).items() if name.isupper()]
    assert len(numbers) == len(set(numbers)) > 1
    with closing(raw_connection("publisher")) as reading, closing(raw_connection("loader")) as admitting:
        with reading.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s)", (locks.READERS,))
        with closing(raw_connection("transformer")) as building, building.cursor() as cursor:
            cursor.execute("set lock_timeout = '5s'")
            instant(building)
        with admitting.cursor() as cursor:
            cursor.execute("set lock_timeout = '5s'; select ops.stamp()")
            cursor.execute(
                "select objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and objsubid = 1"
            )
            assert cursor.fetchall() == [(locks.LEDGER,)]


def instant(connection: Connection) -> datetime:
    """An instant before which the ledger no longer changes."""
    with connection.cursor() as cursor:
        cursor.execute("select ops.settled_now()")
        (found,) = cursor.fetchone()
    return found


@pytest.mark.parametrize("mode", ["snapshot", "period", "append", "upsert"])
def test_a_replay_takes_the_place_of_the_old_parse_and_counts_once(history: Ledger, mode: str) -> None:
    history.feed("f", mode, "month" if mode in ("snapshot", "period") else "none")
    history.deliver("f", "a", 0)
    old = history.batch("f", "a", 1, period=months(JAN, JAN), keys=("k",) if mode == "upsert" else ())
    new = history.batch("f", "a", 5, period=months(JAN, JAN), version=2, keys=("k",) if mode == "upsert" else ())
    unit = ("", JAN, "k") if mode == "upsert" else ("", JAN)
    assert history.current("f") == {unit: new}
    assert history.current("f", admitted=4) == {unit: old}


def test_a_replay_that_reads_another_period_still_counts_once(history: Ledger) -> None:
    history.feed("f", "snapshot", "month")
    history.deliver("f", "a", 0)
    history.batch("f", "a", 1, period=months(JAN, JAN))
    new = history.batch("f", "a", 5, period=months(JAN, FEB), version=2)
    assert history.current("f") == {("", JAN): new, ("", FEB): new}


def test_append_keeps_every_content_once(history: Ledger) -> None:
    history.feed("f", "append")
    for vintage, content in enumerate("aba"):
        history.deliver("f", content, vintage)
    a, b = history.batch("f", "a", 1), history.batch("f", "b", 1)
    with history.connection.cursor() as cursor:
        cursor.execute("select batch_id from ops.current_input() where feed = 'f' and column_name = '' order by 1")
        assert [row[0] for row in cursor.fetchall()] == sorted([a, b])


def test_upsert_takes_each_key_from_its_newest_delivery_and_drops_withdrawn_ones(history: Ledger) -> None:
    history.feed("f", "upsert")
    history.deliver("f", "first", 0)
    history.deliver("f", "second", 1)
    first = history.batch("f", "first", 1, keys=("k1", "k2", "k3"))
    second = history.batch("f", "second", 2, keys=("k2", "k4"), gone=("k3",))
    assert history.current("f") == {("", None, "k1"): first, ("", None, "k2"): second, ("", None, "k4"): second}
    assert history.current("f", known=0) == {("", None, k): first for k in ("k1", "k2", "k3")}


def test_a_withheld_column_comes_from_the_newest_vintage_where_it_is_sound(history: Ledger) -> None:
    history.feed("f", "snapshot", "month", withholdable=("borough",))
    history.deliver("f", "old", 0)
    history.deliver("f", "new", 1)
    old = history.batch("f", "old", 1, period=months(JAN, FEB))
    new = history.batch("f", "new", 2, period=months(JAN, MAR))
    history.withhold(new, "borough", since=3, lifted=8)
    everything = {("", m): new for m in (JAN, FEB, MAR)}
    assert history.current("f") == everything
    assert history.current("f", admitted=7, column="borough") == {("", m): old for m in (JAN, FEB)}
    assert history.current("f", admitted=2, column="borough") == everything, "before the check had withheld it"
    assert history.current("f", column="borough") == everything, "after a person lifted it"
    with history.connection.cursor() as cursor:
        cursor.execute(
            "select distinct withheld_columns from ops.current_input(null, '2020-01-06') where column_name = ''"
        )
        assert cursor.fetchall() == [(["borough"],)]


@pytest.mark.parametrize(
    ("days", "unsound"),
    [((FEB, FEB), [FEB]), ((FEB, None), [FEB, MAR]), ((date(2019, 1, 1), date(2021, 1, 15)), [JAN]), ((None, None), [JAN, FEB, MAR])],
    ids=["a_month", "from_a_month_on", "until_the_middle_of_one", "everywhere"],
)  # fmt: skip
def test_a_column_withheld_in_some_units_is_read_in_the_others(
    history: Ledger, days: tuple[date | None, date | None], unsound: list[date]
) -> None:
    history.feed("f", "snapshot", "month", withholdable=("borough",))
    history.deliver("f", "old", 0)
    history.deliver("f", "new", 1)
    history.deliver("f", "later", 2)
    old = history.batch("f", "old", 1, period=months(JAN, MAR))
    new = history.batch("f", "new", 2, period=months(JAN, MAR))
    history.withhold(new, "borough", since=3, days=days)
    units = (JAN, FEB, MAR)
    assert history.current("f") == {("", m): new for m in units}
    assert history.current("f", column="borough") == {("", m): old if m in unsound else new for m in units}
    later = history.batch("f", "later", None, period=months(JAN, MAR))
    with history.connection.cursor() as cursor:
        cursor.execute(
            "select unit_start from ops.current_input() where column_name = '' and withheld_columns = '{borough}' order by 1"
        )
        assert [unit for (unit,) in cursor.fetchall()] == unsound
        cursor.execute(
            "select u.unit, e.batch_id from unnest(%s::date[]) as u (unit) "
            "join ops.earlier_sound_units(%s, 'borough') e on u.unit <@ e.days order by 1",
            (list(units), later),
        )
        assert cursor.fetchall() == [(m, old if m in unsound else new) for m in units], "each is a witness where sound"
