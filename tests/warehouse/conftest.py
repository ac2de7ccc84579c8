"""A migrated warehouse, and histories written straight into its ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from psycopg2.extras import Json

from tests.contents import content_of

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from vru.warehouse.server.embedded import Server

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    """Noon of the day `number` days into the history."""
    return EPOCH + timedelta(days=number, hours=12)


@dataclass
class Ledger:
    """Writes feeds, deliveries and batches of a made-up history in one transaction that is rolled back."""

    connection: Connection

    def feed(self, feed: str, mode: str, grain: str = "none", withholdable: tuple[str, ...] = ()) -> None:
        """Declare a feed with one resource of its own name."""
        self._run("insert into ops.feed values (%s, '', '', '', '', '', '', 1, 31, 31, false)", feed)
        self._run(
            "insert into ops.resource values (%s, %s, %s, %s, null, %s)", feed, feed, mode, grain, list(withholdable),
        )  # fmt: skip

    def deliver(
        self,
        feed: str,
        content: str,
        vintage: int,
        *,
        partition: str = "",
        received: int | None = None,
        line: int | None = None,
    ) -> None:
        """One statement of a partner, on the days given; it names no period."""
        with self.connection.cursor() as cursor:
            content_id = content_of(cursor, feed, feed, sha(content), partition)
        self._run(
            """
            insert into ops.delivery (content_id, vintage_at, vintage_source, received_at, manifest_line, source_url,
                file_name, size_bytes)
            values (%s, %s, 'manifest', %s, %s, '', '', 1)
            """,
            content_id, day(vintage), day(vintage if received is None else received), line,
        )  # fmt: skip

    def batch(
        self,
        feed: str,
        content: str,
        admitted: int | None,
        *,
        period: tuple[date, date] | None = None,
        partition: str = "",
        version: int = 1,
        withdrawn: int | None = None,
        keys: tuple[str, ...] = (),
        gone: tuple[str, ...] = (),
    ) -> int:
        """One parsed content; held if `admitted` is None."""
        status = "held" if admitted is None else "admitted"
        start, end = period or (None, None)
        with self.connection.cursor() as cursor:
            content_id = content_of(cursor, feed, feed, sha(content), partition)
            cursor.execute(
                """
                insert into ops.batch (content_id, feed, resource, partition, period_start, period_end, sha256,
                    contract_version, status, file_name, admitted_at)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s, '', %s) returning batch_id
                """,
                (
                    content_id, feed, feed, partition, start, end, sha(content), version, status,
                    None if admitted is None else day(admitted),
                ),
            )  # fmt: skip
            (batch_id,) = cursor.fetchone()
            if withdrawn is not None:
                self.withdraw(batch_id, withdrawn)
            for key in (*keys, *gone):
                cursor.execute("insert into ops.batch_key values (%s, %s, %s)", (batch_id, Json([key]), key in gone))
        return int(batch_id)

    def withdraw(self, batch_id: int, since: int) -> None:
        """An admitted batch is taken back."""
        self._run(
            "update ops.batch set status = 'withdrawn', withdrawn_at = %s where batch_id = %s", day(since), batch_id
        )

    def admit_again(self, batch_id: int, since: int) -> None:
        """A batch that was taken back counts again."""
        self._run(
            "update ops.batch set status = 'admitted', admitted_at = %s, withdrawn_at = null where batch_id = %s",
            day(since), batch_id,
        )  # fmt: skip

    def withhold(
        self,
        batch_id: int,
        column: str,
        since: int,
        lifted: int | None = None,
        days: tuple[date | None, date | None] = (None, None),
    ) -> None:
        """A check withholds a column of a batch, on some days or on all."""
        self._run(
            "insert into ops.withheld_column values (%s, %s, 'check', 'because', %s, %s, %s, %s)",
            batch_id, column, day(since), None if lifted is None else day(lifted), *days,
        )  # fmt: skip

    def current(self, feed: str, known: int | None = None, admitted: int | None = None, column: str = "") -> dict:
        """Unit (partition, first day, key if it has one) to batch, as the selection function sees it."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "select partition, unit_start, unit_key, batch_id from ops.current_input(%s, %s) "
                "where feed = %s and column_name = %s",
                (None if known is None else day(known), None if admitted is None else day(admitted), feed, column),
            )
            rows = cursor.fetchall()
        assert len({(p, u, *k, b) for p, u, k, b in rows}) == len(rows)
        return {(partition, unit, *key): batch_id for partition, unit, key, batch_id in rows}

    def _run(self, statement: str, *values: object) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)


def sha(content: str) -> str:
    """sha256 of a content named by a word."""
    return hashlib.sha256(content.encode()).hexdigest()


@pytest.fixture(scope="module")
def warehouse(migrated_cluster: Server) -> Server:
    """The cluster with every migration applied and the contracts' tables made."""
    return migrated_cluster


@pytest.fixture
def history(warehouse: Server) -> Iterator[Ledger]:
    """An empty history; nothing of it stays."""
    from vru.warehouse.engine import raw_connection

    connection = raw_connection("migrator")
    try:
        yield Ledger(connection)
    finally:
        connection.rollback()
        connection.close()
