"""A content that counts and is stated anew behind a newer one: compared as a new vintage would be, before it displaces it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from vru import pipeline
from vru.profile import Source
from vru.warehouse.decisions import DecisionError

from tests.unit.quality.conftest import Warehouse, empty

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FEED = "mps_homicide_victims"
LONG = (FIXTURES / FEED / "homicide_victims.csv").read_bytes()
HEADER, *RECORDS = csv.reader(io.StringIO(LONG.decode()))
MONTHS = list(dict.fromkeys(record[HEADER.index("Recorded Date")] for record in RECORDS))


def until(months: int) -> bytes:
    """The list with the first so many months."""
    text = io.StringIO()
    kept = [record for record in RECORDS if record[HEADER.index("Recorded Date")] in MONTHS[:months]]
    csv.writer(text, lineterminator="\n").writerows([HEADER, *kept])
    return text.getvalue().encode()


SHORT = until(len(MONTHS) - 3)
OTHER = LONG.replace(b"Shooting", b"Blunt Implement", 1)


Say = Callable[[bytes, str], list[str]]


@pytest.fixture
def say(warehouse: Warehouse, tmp_path: Path) -> Say:
    """Hand a list in, as of a day; what fell short."""

    def handed_in(content: bytes, day: str) -> list[str]:
        path = tmp_path / "homicide_victims.csv"
        path.write_bytes(content)
        (tmp_path / "manifest.csv").write_text(f"file,vintage_at,rows,sha256\n{path.name},{day},,\n")
        done = pipeline.ingest(FEED, Source("files"), file=path)
        return [*done.parsed.fell_short, *done.audited.fell_short]

    return handed_in


def current(warehouse: Warehouse) -> list[tuple[str, int]]:
    """The months that come from each batch, by the day of the statement."""
    return warehouse.sql(
        "select (c.vintage_at at time zone 'UTC')::date::text, count(*) from ops.current_input() c "
        "where c.feed = %s and c.column_name = '' group by 1 order by 1", FEED,
    )  # fmt: skip


def test_an_old_list_under_a_new_date_does_not_displace_a_newer_one(warehouse: Warehouse, say: Say) -> None:
    assert say(SHORT, "2024-01-10") == say(LONG, "2024-02-10") == []
    before = current(warehouse)
    (fell_short,) = say(SHORT, "2024-03-10")
    assert "no_month_lost" in fell_short
    assert "vru release" in fell_short
    assert current(warehouse) == before
    assert warehouse.sql("select status from ops.batch order by batch_id") == [("admitted",), ("admitted",)]
    assert len(say(SHORT, "2024-03-10")) == 1, "as long as the partner says so, the run falls short"
    assert warehouse.sql("select count(*) from ops.delivery_verdict") == [(1,)]

    ((batch, reason),) = warehouse.sql(
        "select b.batch_id, v.reason from ops.v_held_delivery v join ops.v_batch b using (content_id)", role="analyst"
    )
    assert reason.startswith("no_month_lost: ")
    pipeline.release(batch, "the last months were taken back", "engineer")
    assert current(warehouse) == [("2024-03-10", len(MONTHS) - 3), ("2024-02-10", 3)][::-1]
    assert say(SHORT, "2024-03-10") == []
    with pytest.raises(DecisionError, match="only a held batch"):
        pipeline.release(batch, "once more", "engineer")


def test_a_list_that_returns_and_lost_nothing_counts(warehouse: Warehouse, say: Say) -> None:
    assert say(LONG, "2024-01-10") == say(OTHER, "2024-02-10") == say(LONG, "2024-03-10") == []
    assert current(warehouse) == [("2024-03-10", len(MONTHS))]


def test_a_repeat_with_nothing_newer_before_it_counts(warehouse: Warehouse, say: Say) -> None:
    assert say(SHORT, "2024-01-10") == say(SHORT, "2024-02-10") == []
    assert say(LONG, "2024-03-10") == []
    assert warehouse.sql("select count(*) from ops.delivery_verdict") == [(0,)]


STATEMENTS = {"short": (SHORT, "2024-01-10"), "long": (LONG, "2024-02-10"), "short again": (SHORT, "2024-03-10"),
              "other": (OTHER, "2024-04-10")}  # fmt: skip


@pytest.mark.parametrize("left_out", [pytest.param(None, marks=pytest.mark.deep), "long", "other"])
def test_the_end_is_the_same_in_any_order_of_arrival(warehouse: Warehouse, say: Say, left_out: str | None) -> None:
    names = [name for name in STATEMENTS if name != left_out]
    ended = {}
    for order in permutations(names):
        empty()
        for name in order:
            say(*STATEMENTS[name])
        ended[order] = (
            current(warehouse),
            warehouse.sql("select sha256, status from ops.batch order by sha256"),
            warehouse.sql(
                "select d.vintage_at, h.reason from ops.held_deliveries() h join ops.delivery d using (delivery_id)"
            ),
        )
    first = next(iter(ended.values()))
    assert len(first[2]) == (left_out != "long")
    for order, end in ended.items():
        assert end == first, f"arrived in order {order}"


def test_what_was_current_at_a_past_instant_stays(warehouse: Warehouse, say: Say) -> None:
    say(SHORT, "2024-01-10")
    say(LONG, "2024-02-10")
    say(SHORT, "2024-03-10")
    ((held,),) = warehouse.sql("select ops.settled_now()", role="transformer")
    read = "select unit_start, batch_id, vintage_at from ops.current_input(null, %s) where column_name = '' order by 1"
    before = warehouse.sql(read, held)
    ((batch,),) = warehouse.sql("select batch_id from ops.batch order by batch_id limit 1")
    pipeline.release(batch, "the last months were taken back", "engineer")
    assert warehouse.sql(read, held) == before != warehouse.sql(read, None)


def test_withdrawing_what_it_would_displace_lets_it_count(warehouse: Warehouse, say: Say) -> None:
    say(SHORT, "2024-01-10")
    say(LONG, "2024-02-10")
    say(SHORT, "2024-03-10")
    ((batch,),) = warehouse.sql("select batch_id from ops.batch order by batch_id desc limit 1")
    pipeline.withdraw(batch, "sent by mistake", "engineer")
    assert current(warehouse) == [("2024-03-10", len(MONTHS) - 3)]
    assert warehouse.sql("select count(*) from ops.held_deliveries()") == [(0,)]
