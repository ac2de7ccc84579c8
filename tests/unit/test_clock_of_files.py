"""What day it is where bytes come from a folder: that of what was admitted, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from vru import clock
from vru.landing import Landing
from vru.periods import london_day
from vru.warehouse.engine import raw_connection
from vru.warehouse.server.embedded import Server

from tests.unit.reporting import made


def change(text: str) -> None:
    with raw_connection("migrator") as connection, connection.cursor() as cursor:
        cursor.execute(text)


@pytest.fixture
def world(cluster: Server, vru_home: Path) -> Iterator[dict[str, object]]:
    made.clear_published()
    yield made.make(Landing(vru_home / "landing"))
    made.clear_published()


def test_it_is_the_day_of_the_newest_vintage_stated_for_an_admitted_file(world: dict[str, object]) -> None:
    """A rejected file of April stands in the made world; the newest admitted one is of March."""
    assert clock.today("files") == date(2022, 3, 1)
    change("update ops.delivery set vintage_at = '2022-06-30 23:30+00' where vintage_at = '2022-03-01 00:00+00'")
    assert clock.today("files") == date(2022, 7, 1), "London's day"


def test_where_none_is_stated_it_is_the_end_of_the_newest_admitted_period(world: dict[str, object]) -> None:
    change("update ops.delivery set vintage_source = 'received', vintage_at = '2026-11-28'")
    assert clock.today("files") == date(2021, 12, 31)


def test_where_nothing_is_admitted_it_is_the_wall_clock(world: dict[str, object]) -> None:
    change(
        "insert into ops.batch_status (batch_id, status, reason, since) select batch_id, 'withdrawn', '', now() from ops.batch"
    )
    assert clock.today("files") == london_day(clock.now())


def test_a_past_edition_by_what_was_let_in_has_the_day_of_then(world: dict[str, object]) -> None:
    change("update ops.batch_status set since = '2022-05-01' where true")
    change("update ops.delivery set received_at = '2022-05-01' where true")
    change(
        "update ops.batch_status set since = '2022-05-10' where batch_id = "
        "(select b.batch_id from ops.batch b where b.file_name = 'victims_2022.csv')"
    )
    assert clock.today_at("files", admitted_at=datetime(2022, 5, 5, tzinfo=UTC)) == date(2021, 12, 28)
    assert clock.today_at("files", admitted_at=datetime(2022, 5, 11, tzinfo=UTC)) == date(2022, 3, 1)


def test_a_file_is_checked_by_no_earlier_day_than_its_own(world: dict[str, object]) -> None:
    """Rows of a newer list are not in the future because only an older list is admitted so far."""
    change(
        "update ops.delivery set vintage_at = '2022-08-01 12:00+00' where file_name like '%broken%' or file_name like '<%'"
    )
    change("insert into ops.batch_status (batch_id, status, reason, since) select batch_id, 'held', '', now() from ops.batch where "
           "file_name = 'victims_2022.csv'")  # fmt: skip
    (newest,) = [b for b in world["batches"] if clock.audited_on("files", b) == date(2022, 3, 1)]  # type: ignore[attr-defined]
    assert newest == world["batches"][1]  # type: ignore[index]
    assert clock.today("files") < date(2022, 3, 1)
