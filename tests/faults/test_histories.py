"""Seeded histories through the real steps: whatever the order and the builds in between, the marts end the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from psycopg2 import sql
from vru import pipeline, transform
from vru.profile import Source
from vru.warehouse.engine import raw_connection

from tests.faults.platform import environment
from tests.faults.worlds import Statement, World, arrival, world
from tests.warehouse.build_loader import execute, own_warehouse, rows
from tests.warehouse.histories.checking import check_histories

pytestmark = pytest.mark.timeout(1200)

KNOWN_AT = datetime(2022, 10, 31, tzinfo=UTC)
"""The past K: before the last vintages, after most."""
WORLDS = 5
HISTORIES = 20


@dataclass
class Warehouse:
    """A warehouse that can be emptied, and what is told to it."""

    home: Path
    inbox: Path
    filled: list[str]
    """Tables that are empty in a new warehouse."""

    def tell(self, statement: Statement) -> None:
        """Let a file in through every step, beside the manifest that dates it."""
        folder = self.inbox / sha256(repr(statement).encode() + statement.content).hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / statement.file_name).write_bytes(statement.content)
        (folder / "manifest.csv").write_text(
            f"file,vintage_at,rows,sha256\n{statement.file_name},{statement.vintage},,\n", encoding="utf-8"
        )
        pipeline.ingest(statement.feed, Source("files"), file=folder / statement.file_name)

    def decide(self, of: World) -> None:
        """Let a person withdraw and release what can be now."""
        for statement, status, act in (
            *((one, "admitted", pipeline.withdraw) for one in of.withdrawn),
            *((one, "held", pipeline.release) for one in of.released),
        ):
            for (batch_id,) in rows(
                "select batch_id from ops.batch where feed = %s and sha256 = %s and status = %s",
                (statement.feed, sha256(statement.content).hexdigest(), status),
            ):
                act(batch_id, "as this history has it", "a test")

    def is_current(self, statement: Statement) -> bool:
        """Whether rows or a column of the marts in use come from this very statement."""
        found = rows(
            "select 1 from marts.build_input i join ops.batch b using (batch_id) "
            "where b.feed = %s and b.sha256 = %s and i.vintage_at::date = %s",
            (statement.feed, sha256(statement.content).hexdigest(), statement.vintage),
        )
        return bool(found)

    def empty(self) -> None:
        """Make it a new one again."""
        execute("migrator", f"truncate {', '.join(self.filled)}")
        for (schema,) in rows(
            "select nspname from pg_namespace where nspname ~ '^(stg_)?(marts|asof_|staging$|intermediate$)'",
            role="migrator",
        ):
            execute("transformer", f"drop schema {schema} cascade")
        shutil.rmtree(self.home / "landing", ignore_errors=True)


@pytest.fixture(scope="module")
def new_warehouse() -> Iterator[Warehouse]:
    """A migrated warehouse of its own that nothing was told yet."""
    with own_warehouse() as home, environment({"VRU_PROFILE": "files", "VRU_INBOX": None}):
        tables = rows(
            "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname in ('ops', 'raw', 'quarantine') and c.relkind = 'r'",
            role="migrator",
        )
        filled = [name for (name,) in tables if not rows(f"select 1 from {name} limit 1", role="migrator")]
        yield Warehouse(home, home / "told", filled)


@pytest.fixture
def warehouse(new_warehouse: Warehouse) -> Iterator[Warehouse]:
    """The same one, emptied afterwards."""
    yield new_warehouse
    new_warehouse.empty()


def load(warehouse: Warehouse, of: World, statements: Iterable[Statement]) -> None:
    """Each statement once, in order of its vintage; then what a person decided."""
    for statement in sorted(statements, key=lambda one: one.vintage):
        warehouse.tell(statement)
    warehouse.decide(of)
    assert transform.build() is not None


@dataclass(frozen=True)
class Final:
    """What the marts of a world are, loaded at once."""

    mart_hash: str
    without_scores: str
    current: tuple[Statement, ...]


_finals: dict[int, Final] = {}


def final(warehouse: Warehouse, number: int) -> Final:
    """The marts of a world in which nothing came twice, late or in between; the warehouse is empty before and after.

    Scores rest on when a period was first stated and on how its figures moved from vintage to vintage, so what was
    superseded belongs to the final state.
    """
    if number not in _finals:
        of = world(number)
        load(warehouse, of, of.statements)
        current = tuple(one for one in of.statements if warehouse.is_current(one))
        _finals[number] = Final(transform.mart_hash(), hash_without_scores(), current)
        warehouse.empty()
    return _finals[number]


def hash_without_scores() -> str:
    """The mart hash of the marts in use, once their scores are wiped out."""
    execute("transformer", "update marts.mart_measure set quality_score = null")
    return transform.mart_hash()


def dumped(schema: str) -> dict[str, list[str]]:
    """Every row of every table of a schema in its own words, but for what says when it was built."""
    found = {}
    with closing(raw_connection("transformer")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'r' "
            "and relname not in ('build_info', 'build_state')",
            (schema,),
        )
        for (table,) in cursor.fetchall():
            cursor.execute(sql.SQL("select t::text from {} t order by 1").format(sql.Identifier(schema, table)))
            found[table] = [row for (row,) in cursor.fetchall()]
    return found


def past_build(admitted_at: datetime) -> tuple[str, dict[str, list[str]]]:
    """Build at (K, W); the mart hash, and every row."""
    result = transform.build(KNOWN_AT, admitted_at)
    assert result is not None
    return transform.mart_hash(result.schema), dumped(result.schema)


@pytest.mark.deep
@pytest.mark.parametrize("number", range(HISTORIES))
def test_a_history_ends_as_its_final_state_and_its_past_stays(warehouse: Warehouse, number: int) -> None:
    of = world(number % WORLDS)
    expected = final(warehouse, number % WORLDS)
    arriving, built_after = arrival(number, of)
    for statement in arriving[:built_after]:
        warehouse.tell(statement)
    assert transform.build() is not None
    ((admitted_at,),) = rows("select ops.settled_now()", role="transformer")
    before = past_build(admitted_at)
    for statement in arriving[built_after:]:
        warehouse.tell(statement)
        warehouse.decide(of)
    warehouse.decide(of)
    assert past_build(admitted_at) == before, "the same K and W give the same bytes"
    transform.build()
    assert transform.mart_hash() == expected.mart_hash


@pytest.mark.deep
@pytest.mark.parametrize("number", range(WORLDS))
def test_what_is_superseded_leaves_no_trace_but_in_the_scores(warehouse: Warehouse, number: int) -> None:
    expected = final(warehouse, number)
    contents = {(one.feed, one.content) for one in expected.current}
    # a content that returned counts because it was let in when it was first stated
    kept = [one for one in world(number).statements if (one.feed, one.content) in contents]
    assert 0 < len(kept) < len(world(number).statements)
    load(warehouse, world(number), kept)
    assert hash_without_scores() == expected.without_scores


@pytest.mark.deep
def test_what_is_current_follows_the_rule_in_ten_thousand_histories(new_warehouse: Warehouse) -> None:
    seen = check_histories(13_000, starting_from=1)
    assert seen["histories"] >= 10_000
