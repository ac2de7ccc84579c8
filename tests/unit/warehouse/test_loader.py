"""What a parse gives stands in the database afterwards exactly, and nothing of it if it failed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vru.parsing import Chunk, NulledCell, Reject, Unreadable, read
from vru.spelling import trimmed
from vru.warehouse.loader import copy_chunks, copy_nulled, copy_rejects
from vru.warehouse.raw_tables import RawTableError, raw_columns, sync_raw_tables

from tests.contents import content_of
from tests.unit.parsing.conftest import contract

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from vru.warehouse.server.embedded import Server

TABLE = "test_feed"
COLUMNS: list[dict[str, Any]] = [
    {"name": "words"},
    {"name": "order", "values": {"Knife": ["Blade"]}},
    {"name": "count", "type": "integer"},
    {"name": "share", "type": "decimal"},
    {"name": "is_so", "type": "boolean"},
    {"name": "month", "type": "month", "formats": ["%Y-%m"]},
    {"name": "at", "type": "timestamp", "formats": ["%Y-%m-%dT%H:%M:%S%z"]},
    {"name": "shape", "type": "json"},
]
HEADER = "words,order,count,share,is_so,month,at,shape\n"


@pytest.fixture(scope="module")
def migrated(cluster: Server) -> Server:
    """The cluster with the ledger's schemas."""
    from vru.warehouse.migrate import migrate

    migrate({})
    return cluster


@pytest.fixture
def connection(migrated: Server) -> Iterator[Connection]:
    """A connection with the test contract's raw table and batch 1; nothing of it stays."""
    from vru.warehouse.engine import raw_connection

    connection = raw_connection("migrator")
    sync_raw_tables(connection, {TABLE: contract(COLUMNS)})
    with connection.cursor() as cursor:
        cursor.execute("insert into ops.feed values ('test_feed', '', '', '', '', '', '', 1, 31, 31, false)")
        content_id = content_of(cursor, "test_feed", "rows", "0" * 64)
        cursor.execute(
            "insert into ops.batch (batch_id, content_id, feed, resource, sha256, contract_version, status, file_name) "
            "overriding system value values (1, %s, 'test_feed', 'rows', repeat('0', 64), 1, 'parsed', 'f')",
            (content_id,),
        )
    yield connection
    connection.rollback()
    connection.close()


def rows(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def load(connection: Connection, text: str, **options: Any) -> int:
    under = contract(COLUMNS)
    reading = read(under, "rows", io.BytesIO(text.encode()), file_name="f", **options)
    return copy_chunks(connection, under.raw_table("rows"), 1, reading)


def test_every_type_arrives_exactly(connection: Connection) -> None:
    shape = '"{""type"":""Point"",""coordinates"":[-0.1,51.50]}"'
    load(connection, f"{HEADER} x ,blade,5,-0.10768200,True,2024-02,2024-05-31T23:02:00+00:00,{shape}\ny,,,,,,,\n")
    first, second = rows(connection, "select *, share::text from raw.test_feed order by line_number")
    assert first == (
        1, 2, 0, "x", "Knife", "blade", 5, first[7], True, date(2024, 2, 1), datetime(2024, 5, 31, 23, 2, tzinfo=UTC),
        {"type": "Point", "coordinates": [-0.1, 51.5]}, "-0.10768200",
    )  # fmt: skip
    assert second == (1, 3, 0, "y", *[None] * 9)


HARD = st.text(st.one_of(st.sampled_from('\\N.,"\n\r\t;'), st.characters(exclude_categories=["Cc", "Cs"])), min_size=1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(HARD, min_size=1, max_size=8))
def test_every_text_arrives_exactly(connection: Connection, cells: list[str]) -> None:
    cells = [cell for cell in cells if trimmed(cell) and "\ufeff" not in cell]
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([cell, "", "", "", "", "", "", ""] for cell in cells)
    with connection.cursor() as cursor:
        cursor.execute("delete from raw.test_feed")
    if cells:
        load(connection, HEADER + out.getvalue(), chunk_rows=3)
    assert [r[0] for r in rows(connection, "select words from raw.test_feed order by line_number")] == [
        trimmed(cell) for cell in cells
    ]


@pytest.mark.parametrize("text", ["\\N", "\\.", "a\n\\.\nb", "\t", "NULL", "x\\", "'; drop table ops.batch; --", "$$"])
def test_text_that_copy_could_take_for_its_own(connection: Connection, text: str) -> None:
    quoted = text.replace('"', '""')
    load(connection, f'{HEADER}"a{quoted}",,,,,,,\n"{quoted}b",,,,,,,\n"{quoted}",,1,,,,,\n')
    found = rows(connection, "select words from raw.test_feed order by line_number")
    assert found == [(trimmed("a" + text),), (trimmed(text + "b"),), (trimmed(text) or None,)]


def test_frames_are_counted_over_chunks(connection: Connection) -> None:
    body = "".join(f"w{i},,{i},,,,,\n" for i in range(1000))
    assert load(connection, HEADER + body, chunk_rows=7, block_bytes=512) == 1000
    assert rows(connection, "select count(*), sum(count), min(line_number), max(line_number) from raw.test_feed") == [
        (1000, 499_500, 2, 1001)
    ]


def test_an_unreadable_end_is_raised_here_and_leaves_the_connection_usable(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("savepoint before")
    with pytest.raises(Unreadable, match="line 12"):
        load(connection, HEADER + "a,,,,,,,\n" * 10 + 'b"c,,,,,,,\n', block_bytes=32)
    with connection.cursor() as cursor:
        cursor.execute("rollback to savepoint before")
    assert rows(connection, "select count(*) from raw.test_feed") == [(0,)]


def test_a_refusing_server_stops_the_parse(connection: Connection) -> None:
    taken = []

    def endless() -> Iterator[Chunk]:
        for i in range(1000):
            taken.append(i)
            yield Chunk(pl.DataFrame({"line_number": [1], "no_such_column": ["x"]}))

    with pytest.raises(psycopg2.errors.UndefinedColumn):
        copy_chunks(connection, TABLE, 1, endless())
    assert len(taken) < 10


def test_rejects_and_nulled_cells_stand_in_quarantine(connection: Connection) -> None:
    record = {"words": 'a "b", \\ c\x00\nd', "count": ""}
    copy_rejects(
        connection, 1, [Reject(7, "", "control_character", "why", record), Reject(8, "count", "c", "w", {}, 3)]
    )
    copy_nulled(connection, 1, [NulledCell(9, "order", "unknown_value", "why", 'x,"y"\\', 2)])
    stands = "batch_id, line_number, part, column_name, check_id, stage, reason, record"
    assert rows(connection, f"select {stands} from quarantine.row order by line_number")[0] == (
        1, 7, 0, "", "control_character", "parse", "why", {"words": 'a "b", \\ c\u2400\nd', "count": ""},
    )  # fmt: skip
    assert rows(connection, "select part from quarantine.row where line_number = 8") == [(3,)]
    assert rows(connection, "select * from quarantine.cell") == [(1, 9, 2, "order", "unknown_value", "why", 'x,"y"\\')]


def test_more_rejects_than_one_piece_all_arrive(connection: Connection) -> None:
    many = (Reject(i, "", "code", "why", {}) for i in range(12_345))
    assert copy_rejects(connection, 1, many) == 12_345
    assert rows(connection, "select count(*), count(distinct line_number) from quarantine.row") == [(12_345, 12_345)]


def test_a_file_of_rejects_goes_to_quarantine_chunk_by_chunk(connection: Connection) -> None:
    assert load(connection, HEADER + "a,Gun,x,,,,,\n" * 500 + "b,,,,,,,\n", chunk_rows=50) == 1
    assert rows(connection, "select check_id, count(*) from quarantine.row group by 1 order by 1") == [
        ("not_an_integer", 500),
        ("unknown_value", 500),
    ]


def test_raw_tables_are_made_as_the_contract_says(connection: Connection) -> None:
    found = rows(
        connection,
        """
        select a.attname, format_type(a.atttypid, null), col_description(a.attrelid, a.attnum)
        from pg_attribute a where a.attrelid = 'raw.test_feed'::regclass and a.attnum > 0 order by a.attnum
        """,
    )
    names = [name for name, *_ in found]
    assert names[:6] == ["batch_id", "line_number", "part", "words", "order", "order_source"]
    assert [(n, d) for n, _, d in found] == [(n, d) for n, _, d in raw_columns(contract(COLUMNS).resources[0])]
    assert {n: t for n, t, _ in found}["at"] == "timestamp with time zone"
    ((definition,),) = rows(connection, "select indexdef from pg_indexes where tablename = 'test_feed'")
    assert "USING brin (batch_id)" in definition


def test_a_new_column_is_added_and_nothing_is_dropped(connection: Connection) -> None:
    load(connection, HEADER + "a,,,,,,,\n")
    assert sync_raw_tables(connection, {TABLE: contract(COLUMNS)}) == []
    changed = [c for c in COLUMNS if c["name"] != "count"] + [{"name": "new", "values": {"A": []}}]
    assert sync_raw_tables(connection, {TABLE: contract(changed)}) == [TABLE]
    assert rows(connection, "select words, count, new, new_source from raw.test_feed") == [("a", None, None, None)]


def test_a_column_of_another_type_is_refused(connection: Connection) -> None:
    changed = [{**c, "type": "text"} if c["name"] == "count" else c for c in COLUMNS]
    with pytest.raises(RawTableError, match=r"raw\.test_feed, column count: .* says text, the table has bigint"):
        sync_raw_tables(connection, {TABLE: contract(changed)})


def test_the_loader_role_may_load_and_the_checker_read(connection: Connection) -> None:
    assert rows(
        connection,
        """
        select has_table_privilege('loader', 'raw.test_feed', 'insert'),
               has_table_privilege('checker', 'raw.test_feed', 'select'),
               has_table_privilege('analyst', 'raw.test_feed', 'select')
        """,
    ) == [(True, True, False)]
