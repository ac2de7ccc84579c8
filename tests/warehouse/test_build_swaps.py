"""Two builds at once, a build killed before its swap, a batch admitted meanwhile, and readers across swaps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from tests.warehouse.build_loader import execute, rows, withdraw
from tests.warehouse.build_process import BuildProcess, until
from tests.warehouse.small_feeds import built_warehouse, months, street


@pytest.fixture(scope="module")
def warehouse() -> Iterator[None]:
    """Both schemas of marts, of every feed and the first of two months of street records, or both."""
    with built_warehouse():
        yield


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], BuildProcess]]:
    """Starts builds; none outlives the test."""
    started: list[BuildProcess] = []

    def build() -> BuildProcess:
        started.append(BuildProcess(tmp_path / f"build-{len(started)}.log"))
        return started[-1]

    yield build
    for found in started:
        found.kill()


@contextmanager
def reading() -> Iterator[None]:
    """A reader of many statements is at work, so that no build can be put to use."""
    from vru.disclosure.readers import publisher

    with publisher("a long report"):
        yield


def builds(status: str) -> list[int]:
    """Builds of that status, oldest first."""
    return [row[0] for row in rows("select build_id from ops.build where status = %s order by build_id", (status,))]


def wants_to_swap() -> bool:
    """Whether a build has done everything and waits for readers to end."""
    return bool(rows("select 1 from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and not granted"))


def test_of_two_builds_at_once_the_second_waits_and_takes_what_was_admitted_meanwhile(
    warehouse: None, start: Callable[[], BuildProcess]
) -> None:
    street("2022-09", 5)
    with reading():
        first = start()
        until(lambda: builds("running"))
        street("2022-10", 6)
        second = start()
        until(second.is_waiting)
        until(wants_to_swap)
        assert len(builds("running")) == 1
        assert not first.is_ended()
        assert months() == {"2022-07": 3, "2022-08": 4}
    first.finish()
    second.finish()
    one, other = builds("swapped")[-2:]
    assert rows(
        "select o.started_at >= f.finished_at from ops.build f, ops.build o where (f.build_id, o.build_id) = (%s, %s)",
        (one, other),
    ) == [(True,)]
    assert rows("select build_id from marts_build.build_info") == [(one,)]
    assert rows("select build_id from marts.build_info") == [(other,)]
    assert months("marts_build") == {"2022-07": 3, "2022-08": 4, "2022-09": 5}, "the set was settled at the start"
    assert months() == {"2022-07": 3, "2022-08": 4, "2022-09": 5, "2022-10": 6}


@pytest.mark.deep
def test_a_build_killed_before_its_swap_is_taken_over_by_the_one_that_waits(
    warehouse: None, start: Callable[[], BuildProcess]
) -> None:
    before = months()
    killed_one = street("2022-11", 7)
    with reading():
        first = start()
        until(wants_to_swap)
        (dead,) = builds("running")
        second = start()
        until(second.is_waiting)
        first.kill()
        assert months() == before
        # all that it wrote must go again: its batch counts no more, and another does
        withdraw(killed_one)
        street("2022-12", 8)
        assert not second.is_ended()
        # a minute passes
        execute("transformer", "update ops.lease set heartbeat_at = heartbeat_at - interval '61 seconds'")
        until(lambda: dead in builds("failed"))
    second.finish()
    assert rows("select reason from ops.build where build_id = %s", (dead,)) == [
        ("its process died; the next build took over",)
    ]
    assert rows("select is_full from ops.build where build_id > %s", (dead,)) == [(False,)], (
        "it caught up by differences"
    )
    assert months() == {**before, "2022-12": 8}
    assert rows("select count(*) from ops.lease") == [(0,)]


def test_after_all_that_the_marts_are_those_of_one_full_build(warehouse: None) -> None:
    from vru import transform

    found = transform.mart_hash()
    execute("transformer", "drop schema marts_build cascade")
    execute("transformer", "update marts.build_state set fingerprint = 'another'")
    result = transform.build()
    assert result is not None
    assert result.is_full
    assert transform.mart_hash() == found
    execute("transformer", "update marts.fct_street_crime set location_name = 'elsewhere' where line_number = 2")
    assert transform.mart_hash() != found


MARKED = {
    "build_info": "build_id",
    "dim_month": "day_count",
    "fct_homicide_victim": "victim_count",
    "fct_street_crime": "location_name",
    "mart_measure": "population_year",
}
"""A column of each mart in which every row bears the number of the swap."""
MARKS = ", ".join(f"(select array_agg(distinct {column}::text) from {{}}{table})" for table, column in MARKED.items())
STATEMENTS = {
    "by name": f"select {MARKS.format(*['marts.'] * len(MARKED))}",
    "by search path, in the other order": f"select {', '.join(reversed(MARKS.format(*[''] * len(MARKED)).split(', ')))}",
    "prepared": "execute marks",
    "joined": """
        select array_agg(distinct i.build_id::text), array_agg(distinct c.location_name),
            array_agg(distinct h.population_year::text), array_agg(distinct v.victim_count::text)
        from marts.headline_london_month h cross join marts.fct_street_crime c cross join marts.fct_homicide_victim v
        cross join marts.build_info i
    """,
}


class Reader(threading.Thread):
    """Reads in a loop what ``read`` reads from its connection, and keeps what it saw."""

    def __init__(self, read: Callable[[], list[Any]], stop: threading.Event) -> None:
        super().__init__()
        self._read, self._stop_reading = read, stop
        self.seen: list[list[Any]] = []
        self.error = ""

    def run(self) -> None:
        """Read until told to stop or something fails."""
        while not self._stop_reading.is_set() and not self.error:
            try:
                self.seen.append(self._read())
            except psycopg2.Error as error:
                self.error = str(error)

    @property
    def mixtures(self) -> list[list[Any]]:
        """What it saw that no one build holds."""
        return [marks for marks in self.seen if len(set(map(tuple, marks))) != 1 or len(marks[0]) != 1]


def mark(connection: Connection, number: int) -> None:
    """Write the number into every row of what is built aside, and swap it in."""
    from vru.transform import schemas

    with connection, connection.cursor() as cursor:
        for table, column in MARKED.items():
            cursor.execute(f"update marts_build.{table} set {column} = %s", (number,))
        schemas.swap(cursor)


def analyst(statement: str) -> Callable[[], list[Any]]:
    """Reads one statement, as the analyst."""
    from vru.warehouse.engine import raw_connection

    connection = raw_connection("analyst")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"prepare marks as {STATEMENTS['by name']}")

    def read() -> list[Any]:
        cursor.execute(statement)
        return list(cursor.fetchone() or ())

    return read


def report() -> list[Any]:
    """Reads the marts one statement after another, as a report does."""
    from vru.disclosure.readers import publisher

    found: list[Any] = []
    with publisher("a report") as connection, connection.cursor() as cursor:
        for table, column in MARKED.items():
            cursor.execute(f"select array_agg(distinct {column}::text) from marts.{table}")
            found += cursor.fetchone() or ()
            time.sleep(0.01)
    return found


def read_across_swaps(reads: dict[str, Callable[[], list[Any]]], swaps: int) -> None:
    """Let every reader read in a loop while marts are swapped; nobody may see an error or a mixture."""
    from vru.warehouse.engine import raw_connection

    swapper = raw_connection("transformer")
    for number in (1, 2):
        mark(swapper, number)
    stop = threading.Event()
    readers = {name: Reader(read, stop) for name, read in reads.items()}
    for reader in readers.values():
        reader.start()
    for number in range(3, 3 + swaps):
        mark(swapper, number)
        enough = {name: len(reader.seen) + 2 for name, reader in readers.items()}
        # everyone begins and ends a read between two swaps, and is in the midst of another when the next one comes
        while any(len(r.seen) < enough[name] and not r.error for name, r in readers.items()):
            time.sleep(0.005)
    stop.set()
    for reader in readers.values():
        reader.join()
    swapper.close()
    assert {name: reader.error for name, reader in readers.items() if reader.error} == {}
    assert {name: reader.mixtures for name, reader in readers.items() if reader.mixtures} == {}
    for name, reader in readers.items():
        assert {marks[0][0] for marks in reader.seen} >= set(map(str, range(3, 3 + swaps))), name


@pytest.mark.parametrize("swaps", [10, pytest.param(120, marks=pytest.mark.deep)])
def test_no_statement_of_an_analyst_sees_an_error_or_a_mixture(warehouse: None, swaps: int) -> None:
    # many swaps: a name is looked up in no time, and one must fall between two of a statement to be seen
    read_across_swaps({name: analyst(statement) for name, statement in STATEMENTS.items()}, swaps)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows("select * from marts_build.build_info", role="analyst")


def test_no_report_of_many_statements_sees_an_error_or_a_mixture(warehouse: None) -> None:
    read_across_swaps({"a report": report, "another": report}, swaps=10)


def test_a_reader_of_many_statements_without_the_lock_does_see_a_mixture(warehouse: None) -> None:
    """What the lock is for, and that the readers above would have seen it."""
    from vru.warehouse.engine import raw_connection

    swapper, reader = raw_connection("transformer"), raw_connection("publisher")
    for number in (101, 102):
        mark(swapper, number)
    with reader, reader.cursor() as cursor:
        cursor.execute("select array_agg(distinct location_name) from marts.fct_street_crime")
        seen = [cursor.fetchone()]
        mark_swapper = threading.Thread(target=mark, args=(swapper, 103))
        reader.commit()
        mark_swapper.start()
        mark_swapper.join()
        cursor.execute("select array_agg(distinct build_id) from marts.build_info")
        seen.append(cursor.fetchone())
    assert seen == [(["102"],), ([103],)]
    swapper.close()
    reader.close()


def test_a_swap_waits_for_a_reader_of_many_statements(warehouse: None) -> None:
    from vru.transform import schemas
    from vru.warehouse.engine import raw_connection

    swapper = raw_connection("transformer")
    with reading(), swapper.cursor() as cursor:
        cursor.execute("set lock_timeout = '300ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            schemas.swap(cursor)
        swapper.rollback()
    with swapper, swapper.cursor() as cursor:
        schemas.swap(cursor)
    swapper.close()
