"""Puts files straight into raw and the ledger, so that builds are tested without fetching and auditing."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection
from vru.contracts import load_contract
from vru.parsing import read
from vru.warehouse.engine import raw_connection
from vru.warehouse.loader import copy_chunks

from tests import ready
from tests.contents import content_of
from tests.real_data import REAL


@contextmanager
def own_warehouse(name: str = "migrated", make: Callable[[], None] = ready.migrated) -> Iterator[Path]:
    """A migrated warehouse of its own, so that what other tests load is not in its marts; the state folder.

    ``make`` makes what it begins with, once for all tests that begin with the state of that name.
    """
    from vru.warehouse.engine import dispose
    from vru.warehouse.server.embedded import Server

    home = Path(tempfile.mkdtemp(prefix="vb-"))
    with pytest.MonkeyPatch.context() as environment:
        ready.put(name, home, make)
        environment.setenv("VRU_HOME", str(home))
        environment.delenv("VRU_DATABASE_URL", raising=False)
        server = Server(home).ensure()
        try:
            yield home
        finally:
            dispose()
            server.destroy()
            shutil.rmtree(home, ignore_errors=True)


def load_real(feed: str, *, newest_first: bool = False) -> dict[str, int]:
    """Load every real file of a feed at the vintage that its manifest states; batch_id by file name."""
    with (REAL / feed / "manifest.csv").open(encoding="utf-8") as file:
        manifest = list(csv.DictReader(file))
    batches = {}
    for line in reversed(manifest) if newest_first else manifest:
        name = line["file"]
        stated = police_period(name) if feed.startswith("police") else {}
        batches[name] = load(feed, REAL / feed / name, line["vintage_at"], **stated)
    return batches


def police_period(name: str) -> dict[str, Any]:
    """What the name of a police.uk file states."""
    start = date(int(name[:4]), int(name[5:7]), 1)
    end = (start + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return {
        "partition": "city-of-london" if "city_of_london" in name else "metropolitan",
        "period_start": start,
        "period_end": end,
    }


def load(
    feed: str,
    content: bytes | Path,
    vintage_at: str,
    *,
    resource: str | None = None,
    file_name: str = "",
    partition: str | None = None,
    period_start: date | None = None,
    period_end: date | None = None,
) -> int:
    """Load one file as an admitted batch with one delivery; batch_id."""
    if isinstance(content, Path):
        file_name, content = content.name, content.read_bytes()
    contract = load_contract(feed)
    reading = read(contract, resource, io.BytesIO(content), file_name=file_name)
    sha256 = hashlib.sha256(content).hexdigest()
    connection = raw_connection("loader")
    try:
        with connection, connection.cursor() as cursor:
            chunks = list(reading)
            resource = resource or reading.resource.name
            partition = partition or reading.partition or ""
            period_start, period_end = period_start or reading.period_start, period_end or reading.period_end
            content_id = content_of(cursor, feed, resource, sha256, partition, period_start, period_end)
            cursor.execute(
                "insert into ops.batch (content_id, feed, resource, partition, period_start, period_end, sha256, "
                "contract_version, status, file_name, audited_at, admitted_at, rows_parsed, rows_admitted) "
                "values (%s, %s, %s, %s, %s, %s, %s, 1, 'admitted', %s, now(), now(), %s, %s) returning batch_id",
                (content_id, feed, resource, partition, period_start, period_end, sha256, file_name,
                 reading.rows_parsed, reading.rows_parsed),
            )  # fmt: skip
            (batch_id,) = _row(cursor.fetchone())
            cursor.execute(
                "insert into ops.delivery (content_id, vintage_at, vintage_source, source_url, file_name, size_bytes) "
                "values (%s, %s, 'manifest', 'test', %s, %s)",
                (content_id, _noon(vintage_at), file_name, len(content)),
            )
            copy_chunks(connection, contract.raw_table(resource), int(batch_id), chunks)
        return int(batch_id)
    finally:
        connection.close()


def withhold(batch_id: int, column: str, check_id: str = "borough_shift") -> None:
    """Withhold a column of a batch, as an audit does."""
    execute(
        "loader",
        "insert into ops.withheld_column (batch_id, column_name, check_id, reason) values (%s, %s, %s, 'test')",
        (batch_id, column, check_id),
    )


def withdraw(batch_id: int) -> None:
    """Take a batch back."""
    execute(
        "loader",
        "update ops.batch set status = 'withdrawn', withdrawn_at = clock_timestamp() where batch_id = %s",
        (batch_id,),
    )


def execute(role: str, text: str, values: Iterable[object] = ()) -> None:
    """Run one statement."""
    connection = raw_connection(role)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text, tuple(values))
    finally:
        connection.close()


def rows(text: str, values: Iterable[object] = (), role: str = "checker") -> list[tuple[Any, ...]]:
    """The rows of one query."""
    connection: Connection = raw_connection(role)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text, tuple(values) or None)
            return cursor.fetchall()
    finally:
        connection.close()


def end_of_day(day: str) -> datetime:
    """The last instant of a winter's day in London."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1, microseconds=-1)


def _noon(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)


def _row(row: tuple[object, ...] | None) -> tuple[int, ...]:
    assert row is not None
    return tuple(int(str(value)) for value in row)
