"""The selection function against the rule in plain Python, on thousands of random histories."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from vru.warehouse.engine import raw_connection

from tests.warehouse.histories import bulk, product
from tests.warehouse.histories.checking import (
    check_histories,
    difference,
    differences,
    draw_histories,
    random_moments,
    side_by_side,
)

if TYPE_CHECKING:
    from vru.warehouse.server.embedded import Server

DRAWN = 4000
KINDS = {
    *(f"mode {mode}" for mode in ("snapshot", "period", "append", "upsert")),
    *(f"grain {grain}" for grain in ("none", "day", "month", "quarter", "year")),
    "a repeat is only an attempt", "a content is stated again at another date", "a content returns (A, B, A)",
    "a late arrival", "a date of the future", "two contents of one vintage", "one vintage, two lines",
    "one vintage, one line", "ranges that overlap", "a shorter range inside another", "two partitions", "a replay",
    "a replay counts", "a replay that reads another period", "a key is removed", "taken back", "held again", "counts again",
    "released", "withheld", "lifted by its check", "lifted by a person", "withheld again",
    "rows and a column from two batches", "children", "children come with their record",
    "children that are gone with the next delivery", "children withdrawn with their record",
}  # fmt: skip


def test_what_is_current_follows_the_rule_in_three_thousand_histories(warehouse: Server) -> None:
    seen = check_histories(DRAWN)
    assert seen["histories"] >= 3000
    assert {kind for kind in KINDS if seen[kind] < 50} == set(), "histories of every kind are among them"


@pytest.mark.parametrize(
    ("detail", "instead"),
    [
        ("d.manifest_line desc nulls last", "d.manifest_line asc nulls last"),
        ("d.received_at desc", "d.received_at asc"),
        ("d.vintage_at <= coalesce($1", "d.vintage_at < coalesce($1"),
        ("s.since <= coalesce($2", "s.since < coalesce($2"),
        ("w.lifted_at > coalesce($2", "w.lifted_at >= coalesce($2"),
        ("b.contract_version desc", "b.contract_version asc"),
        ("where c.choice = 1 and not c.is_withdrawn", "where c.choice = 1"),
        ("p.vintage_at = s.vintage_at", "p.vintage_at <= s.vintage_at"),
        ("p.choice = 1 and p.is_withdrawn", "p.choice = 2 and p.is_withdrawn"),
        ("w.feed, w.resource, w.partition, w.column_name", "w.feed, w.resource, w.column_name"),
    ],
)
def test_a_function_that_differs_in_one_detail_is_found(warehouse: Server, detail: str, instead: str) -> None:
    with closing(raw_connection("migrator")) as connection:
        with connection.cursor() as cursor:
            cursor.execute("select pg_get_functiondef('ops.current_input'::regproc)")
            ((function,),) = cursor.fetchall()
        assert function.count(detail) == 1
        found = (
            differences(connection, together, moments, function.replace(detail, instead))
            for moments, together in side_by_side(draw_histories(DRAWN, None))
        )
        assert any(found)


def test_the_product_leaves_the_very_rows_and_reads_what_the_rule_says(warehouse: Server) -> None:
    longest_first = sorted(draw_histories(DRAWN, None)[:300], key=lambda history: len(history.events), reverse=True)
    for number, history in enumerate(longest_first[:40:2]):
        feed, again = f"product_{number}", f"bulk_{number}"
        with closing(raw_connection("migrator")) as connection:
            with connection:
                bulk.declare(connection, {feed: history})
            written = product.write(feed, history)
            bulk.declare(connection, {again: history})
            bulk.write(connection, {again: history})
            by_product = bulk.standing(connection, feed, written.tick)
            assert by_product == bulk.standing(connection, again), history.told()
            connection.rollback()
            batches = {batch_id: (feed, number) for number, batch_id in written.batches.items()}
            found = bulk.current(connection, random_moments(number), batches, written.instant, written.tick)
            for (_, moment), rows in found.items():
                assert difference(history, moment, rows) == ""
                if written.contract is None:
                    continue
                assert written.rows(connection, moment) == Counter(
                    {
                        (row.of, written.batches[row.batch], row.key): product.PARTS if row.of else 1
                        for row in history.ledger.current(*moment)
                        if not row.column and row.key in history.batch(row.batch).parse.holds
                    }
                )


def test_a_batch_is_compared_with_the_newest_sound_vintage_stated_before_it(warehouse: Server) -> None:
    compared = 0
    with closing(raw_connection("migrator")) as connection:
        for _, together in side_by_side(draw_histories(DRAWN, None)[:1500]):
            feeds = {f"history_{place}": history for place, history in enumerate(together)}
            bulk.declare(connection, feeds)
            for feed, number, column, found in bulk.earlier_sound(connection, feeds, bulk.write(connection, feeds)):
                expected = feeds[feed].ledger.earlier_sound(feeds[feed].batch(number), column)
                assert found == expected, f"{feeds[feed].told()}\nbatch {number}, column {column or 'any'}"
                compared += expected is not None
            connection.rollback()
    assert compared > 1000
