"""The platform as the cases meet it: the real steps in this process, on a warehouse with files that stand already."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor
from vru import pipeline
from vru.commands.errors import exit_code
from vru.contracts import load_contract
from vru.profile import Source
from vru.warehouse.engine import raw_connection

from tests.faults.feeds import FEEDS, Delivery, Feed, RawRow

Row = dict[str, Any]

OF_BATCH = (
    "ops.batch_status", "ops.check_result", "ops.withheld_column", "ops.batch_measure", "ops.decision",
    "ops.batch_key", "ops.confirmation", "ops.recount", "ops.disputed_column", "ops.comparison", "quarantine.row", "quarantine.cell",
)  # fmt: skip
OF_OTHERS = {"ops.disputed_column": "disputed_by", "ops.comparison": "earlier_batch_id"}
"""What is said of one batch for another, and names that one."""
MAY_HOLD_VALUES = {"quarantine.row": "record", "quarantine.cell": "received_value"}
"""The two columns outside raw in which a partner's values may stand."""


@dataclass(frozen=True)
class Answer:
    """What one run of a feed left behind."""

    exit_code: int
    message: str
    log: str
    batches: list[Row]
    attempts: list[Row]
    deliveries: list[Row]

    @property
    def came(self) -> str:
        """What came of the file: the status of its batch, or of the attempt where no file came."""
        found = [row["status"] for row in self.batches] or [row["outcome"] for row in self.attempts] or ["nothing"]
        return str(found[-1])

    @property
    def batch(self) -> Row:
        """The one new batch."""
        (found,) = self.batches
        return found


@dataclass(frozen=True)
class Picture:
    """What a bad file must leave as it is: raw rows, the ledger's word on them, and what is current."""

    raw: dict[str, str]
    batches: list[Row]
    current: list[Row]


@dataclass
class Platform:
    """One state folder with what stands in it; whatever a test adds is taken out again."""

    home: Path
    inbox: Path
    capsys: pytest.CaptureFixture[str]
    caplog: pytest.LogCaptureFixture
    marks: dict[str, int] = field(default_factory=dict)
    noted: list[tuple[str, object]] = field(default_factory=list)
    """What the report of the test is told: what came of each file."""

    def deliver(self, feed: Feed, delivery: Delivery) -> Answer:
        """Hand a file in, beside a manifest if it states a vintage."""
        folder = self.inbox / hashlib.sha256(repr(delivery).encode()).hexdigest()[:12]
        folder.mkdir(exist_ok=True)
        path = folder / delivery.file_name
        path.write_bytes(delivery.content)
        if delivery.vintage is not None:
            rows = "" if delivery.rows is None else delivery.rows
            (folder / "manifest.csv").write_text(
                f"file,vintage_at,rows,sha256\n{delivery.file_name},{delivery.vintage},{rows},{delivery.sha256 or ''}\n"
            )
        return self._run(feed, Source("files"), file=path)

    def fetch(self, feed: Feed, url: str, **options: Any) -> Answer:
        """Ask the partner at the sandbox's address; `options` go before those of the feed."""
        with environment({"VRU_PROFILE": "sandbox"}):
            return self._run(feed, Source("sandbox", base_url=url), **{**feed.options, **options})

    def _run(self, feed: Feed, source: Source, **options: Any) -> Answer:
        before = {table: _newest(table) for table in ("batch", "attempt", "delivery")}
        self.capsys.readouterr()
        self.caplog.clear()
        code = 0
        with self.caplog.at_level(logging.DEBUG, "vru"):
            try:
                pipeline.ingest(feed.name, source, **options).check()
            except Exception as error:  # noqa: BLE001 - as the command line does
                code = exit_code(error)
        printed = self.capsys.readouterr()
        batches, attempts, deliveries = (
            query(f"select * from ops.{view} where {table}_id > %s order by 1", before[table])
            for table, view in (("batch", "batch"), ("attempt", "attempt"), ("delivery", "stated"))
        )
        # a feed of several resources is asked for each of them
        attempts = [row for row in attempts if (row["resource"] or feed.resource) == feed.resource]
        answer = Answer(code, printed.err, f"{self.caplog.text}\n{printed.out}", batches, attempts, deliveries)
        self.noted.append(("came", answer.came))
        return answer

    def picture(self) -> Picture:
        """What stands now, apart from what this test added."""
        batch_id = self.marks["batch"]
        return Picture(
            {table: _raw_hash(table, batch_id) for table in raw_tables()},
            query("select * from ops.batch where batch_id <= %s order by batch_id", batch_id),
            current(),
        )

    def raw_rows(self, feed: Feed, batch_id: int) -> list[RawRow]:
        """Raw rows of a batch in the order of the file."""
        table = load_contract(feed.name).raw_table(feed.resource)
        found = query(f"select * from raw.{table} where batch_id = %s order by line_number, part", batch_id)
        return [{name: value for name, value in row.items() if name != "batch_id"} for row in found]

    def landed(self, sha256: str) -> bytes:
        """Bytes in the landing store, out of their archive if they came in one."""
        store = pipeline.landing()
        inside = query(
            "select container_sha256, member_name from ops.content where sha256 = %s and container_sha256 is not null",
            sha256,
        )
        # refused bytes are landed too, and are no content
        opened = store.open_member(**inside[0]) if inside else store.open(sha256)
        with opened as stream:
            return stream.read()

    def half_received(self) -> list[Path]:
        """Files that a broken download left in the landing store."""
        return [path for path in (self.home / "landing" / "tmp").glob("*") if path.is_file()]

    def mark(self) -> None:
        """What stands now is what later tests start from."""
        self.marks = {table: _newest(table) for table in ("batch", "attempt", "delivery", "content")}

    def forget(self) -> None:
        """Take out whatever came since the mark."""
        connection = ledger()
        connection.autocommit = False
        try:
            with connection, connection.cursor() as cursor:
                for table, column in OF_OTHERS.items():
                    cursor.execute(f"delete from {table} where {column} > %s", (self.marks["batch"],))
                for table in [*OF_BATCH, *(f"raw.{name}" for name in raw_tables()), "ops.batch"]:
                    cursor.execute(f"delete from {table} where batch_id > %s", (self.marks["batch"],))
                for table in ("delivery", "attempt"):
                    cursor.execute(f"delete from ops.{table} where {table}_id > %s", (self.marks[table],))
                cursor.execute("delete from ops.content where content_id > %s", (self.marks["content"],))
                cursor.execute("select sha256 from ops.content union select container_sha256 from ops.content")
                kept = {row[0] for row in cursor.fetchall()}
        finally:
            connection.autocommit = True
        for path in (self.home / "landing").glob("??/??/*"):
            if path.name not in kept:
                path.unlink()


@cache
def ledger() -> Connection:
    """The tests' own connection, of the role that may read everything; every statement is a transaction."""
    connection = raw_connection("migrator", name="tests")
    connection.autocommit = True
    return connection


def query(text: str, *values: object) -> list[Row]:
    """Rows of one query."""
    with ledger().cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(text, values or None)
        return [dict(row) for row in cursor.fetchall()]


def raw_tables() -> list[str]:
    """Raw tables of the feeds under test."""
    return [load_contract(f.name).raw_table(r.name) for f in FEEDS for r in load_contract(f.name).resources]


def current(known_at: object = None, admitted_at: object = None) -> list[Row]:
    """What is current at (K, W): feed, partition, unit and the bytes it is read from."""
    return query(
        "select c.feed, c.resource, c.partition, c.unit_start, b.sha256, b.batch_id from ops.current_input(%s, %s) c "
        "join ops.batch b using (batch_id) where c.column_name = '' order by 1, 2, 3, 4, 6",
        known_at, admitted_at,
    )  # fmt: skip


def leaks(words: Iterable[str], *, everywhere: Iterable[str] = ()) -> list[str]:
    """Tables of the ledger in which one of these words stands, where no value may; `everywhere`: in any table at all."""
    found = []
    tables = query(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema in ('ops', 'quarantine', 'raw') and table_type = 'BASE TABLE'"
    )
    for schema, table in (row.values() for row in tables):
        name = f"{schema}.{table}"
        for kept, sought in ((MAY_HOLD_VALUES.get(name, ""), words), ("", everywhere)):
            if sought is words and schema == "raw":
                continue
            patterns = [f"%{word}%" for word in sought]
            if patterns and query(
                f'select 1 from {schema}."{table}" t where (to_jsonb(t) - %s)::text like any(%s) limit 1',
                kept,
                patterns,
            ):
                found.append(name)
    return found


@contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Environment variables for a while; None removes one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            if value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value)
        yield


def _newest(table: str) -> int:
    ((found),) = query(f"select coalesce(max({table}_id), 0) as newest from ops.{table}")
    return int(found["newest"])


def _raw_hash(table: str, batch_id: int) -> str:
    (found,) = query(
        "select coalesce(md5(string_agg(t::text, E'\\n' order by batch_id, line_number, part)), '') as hash "
        f"from raw.{table} t where batch_id <= %s",
        batch_id,
    )
    return str(found["hash"])
