"""Brings a database to the present: numbered SQL files once each, then what the contracts declare."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from pathlib import Path

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from vru.contracts import Archive, Contract, load_contracts
from vru.settings import settings
from vru.warehouse import locks
from vru.warehouse.engine import raw_connection
from vru.warehouse.raw_tables import sync_raw_tables

MIGRATIONS = Path(__file__).with_name("migrations")


class MigrationError(ValueError):
    """The database was made by other migrations than these; they are never edited, so it is another version's."""


def migrate(contracts: Mapping[str, Contract] | None = None) -> list[str]:
    """Apply what is new and make feeds, resources and raw tables as the contracts say; names of files applied.

    Raises MigrationError, ContractError and database errors; either everything is applied or nothing is.
    """
    contracts = load_contracts() if contracts is None else contracts
    connection = raw_connection("migrator")
    try:
        with connection, connection.cursor() as cursor:
            locks.until_commit(cursor, locks.MIGRATION)
            applied = _apply_files(connection)
            _sync_contracts(connection, contracts)
            sync_raw_tables(connection, contracts)
        return applied
    finally:
        connection.close()


def _apply_files(connection: Connection) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("create schema if not exists ops")
        cursor.execute(
            "create table if not exists ops.migration "
            "(file_name text primary key, sha256 text not null, applied_at timestamptz not null default now())"
        )
        cursor.execute("select file_name, sha256 from ops.migration")
        done = dict(cursor.fetchall())
        ours = {path.name: path.read_text(encoding="utf-8") for path in sorted(MIGRATIONS.glob("*.sql"))}
        sha256 = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in ours.items()}
        if other := sorted(name for name in done if done[name] != sha256.get(name)):
            raise MigrationError(_another_version(other[0]))
        new = [name for name in ours if name not in done]
        for name in new:
            cursor.execute(ours[name])
            cursor.execute("insert into ops.migration (file_name, sha256) values (%s, %s)", (name, sha256[name]))
    return new


def _another_version(file_name: str) -> str:
    """One sentence: what is wrong with the state, and the command that makes it new."""
    if settings().database_url is not None:
        mend = "drop and create again the database that VRU_DATABASE_URL names"
    else:
        mend = f"make it new with: vru --home {shlex.quote(str(settings().home))} db destroy --yes"
    return (
        f"this state was made by another version of the platform (migration {file_name} is not the one here) and "
        f"cannot be carried over; what was received stays in its landing folder; {mend}"
    )


def _sync_contracts(connection: Connection, contracts: Mapping[str, Contract]) -> None:
    """Feeds and resources as the contracts declare them; a feed whose contract is gone keeps its ledger."""
    feeds, resources = [], []
    for c in contracts.values():
        feeds.append(
            (c.feed, c.title, c.publisher, c.owner, c.licence, c.attribution, c.homepage, c.contract_version,
             None if c.cadence_days == "never" else c.cadence_days, c.due_lag_days, c.personal_data)
        )  # fmt: skip
        for r in c.resources:
            resources.append(
                (c.feed, r.name, r.delivery, r.grain, r.parent.resource if r.parent else None,
                 [w.column for w in r.withholdable],
                 c.transport.partitions if isinstance(c.transport, Archive) else [])
            )  # fmt: skip
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            """
            insert into ops.feed (
                feed, title, publisher, owner, licence, attribution, homepage, contract_version,
                cadence_days, due_lag_days, personal_data
            ) values %s
            on conflict (feed) do update set
                title = excluded.title, publisher = excluded.publisher, owner = excluded.owner,
                licence = excluded.licence, attribution = excluded.attribution, homepage = excluded.homepage,
                contract_version = excluded.contract_version,
                cadence_days = excluded.cadence_days, due_lag_days = excluded.due_lag_days,
                personal_data = excluded.personal_data
            where row(ops.feed.*) is distinct from row(excluded.*)
            """,
            feeds,
        )
        execute_values(
            cursor,
            """
            insert into ops.resource (
                feed, resource, delivery_mode, grain, parent_resource, withholdable_columns, expected_partitions
            ) values %s
            on conflict (feed, resource) do update set
                delivery_mode = excluded.delivery_mode, grain = excluded.grain,
                parent_resource = excluded.parent_resource, withholdable_columns = excluded.withholdable_columns,
                expected_partitions = excluded.expected_partitions
            where row(ops.resource.*) is distinct from row(excluded.*)
            """,
            resources,
            template="(%s, %s, %s, %s, %s, %s::text[], %s::text[])",
        )
