"""The schemas that marts are built in: what each is called, who may read it, and how two of them change places."""

from __future__ import annotations

import random
import time
from datetime import datetime

from psycopg2 import sql
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import cursor as Cursor

from vru.periods import LONDON
from vru.transform.errors import BuildError
from vru.warehouse import locks

LOCK_TRY = "10ms"
LOCK_PAUSE_SECONDS = 0.05
LOCK_SECONDS = 900
"""How long one try for the locks of a swap waits, the longest pause after it, and all tries together."""

BUILD = "marts_build"
LIVE = "marts"
READERS = ("analyst", "analyst_restricted", "publisher", "checker")
RESTRICTED_READERS = ("analyst_restricted", "checker")
BUILD_TABLES = """
create table {schema}.build_input (
    feed text not null,
    resource text not null,
    partition text not null,
    unit_start date,
    unit_end date,
    unit_key jsonb not null,
    column_name text not null,
    batch_id bigint not null,
    vintage_at timestamptz not null,
    withheld_columns text[] not null
);
create index on {schema}.build_input (batch_id);
comment on table {schema}.build_input is
    'One row is a unit of a feed and the batch current for it in this build; column_name is empty for whole rows.';
create table {schema}.build_change (
    feed text not null,
    resource text not null,
    partition text not null,
    unit_start date,
    unit_end date,
    unit_key jsonb not null,
    column_name text not null,
    unique nulls not distinct (feed, resource, partition, unit_start, unit_end, unit_key, column_name)
);
comment on table {schema}.build_change is
    'One row is a unit that differs from what the tables of this schema were built from; empty once they are built.';
create table {schema}.build_state (
    build_id bigint not null,
    known_at timestamptz not null,
    admitted_at timestamptz not null,
    fingerprint text not null,
    is_usable boolean not null
);
comment on table {schema}.build_state is
    'One row: the build that last wrote here. is_usable: one was completed, so the next may write differences only.';
create table {schema}.build_info (
    build_id bigint not null,
    known_at timestamptz not null,
    admitted_at timestamptz not null,
    fingerprint text not null,
    built_at timestamptz not null
);
comment on table {schema}.build_info is
    'One row: the build that made these marts, K (what partners had stated), W (what was let in), and when.';
comment on column {schema}.build_info.build_id is 'Number of the build; see ops.v_build.';
comment on column {schema}.build_info.known_at is 'K: deliveries with a later vintage_at are not in these marts.';
comment on column {schema}.build_info.admitted_at is 'W: batches received or admitted later are not in these marts.';
comment on column {schema}.build_info.fingerprint is 'sha256 over models, seeds and contracts that made these marts.';
comment on column {schema}.build_info.built_at is 'When the build was completed.';
grant select on all tables in schema {schema} to {readers};
"""


def asof_name(instant: datetime) -> str:
    """`asof_YYYYMMDD`: the day of the instant in Europe/London."""
    return f"asof_{instant.astimezone(LONDON):%Y%m%d}"


def restricted(schema: str) -> str:
    """The schema of row-level facts of restricted feeds that goes with a schema of marts."""
    return {BUILD: "marts_restricted_build", LIVE: "marts_restricted"}.get(schema, f"{schema}_restricted")


def layers(schema: str) -> tuple[str, ...]:
    """The schemas of staging and intermediate views that go with it."""
    return ("staging", "intermediate") if schema == BUILD else (f"stg_{schema}",)


def exists(cursor: Cursor, schema: str, table: str | None = None) -> bool:
    """Whether the schema, or the table in it, is there."""
    name = sql.Identifier(schema, table) if table else sql.Identifier(schema)
    cursor.execute(
        sql.SQL("select {}(%s) is not null").format(sql.SQL("to_regclass" if table else "to_regnamespace")),
        (name.as_string(cursor),),
    )
    row = cursor.fetchone()
    return bool(row and row[0])


def create_afresh(cursor: Cursor, schema: str) -> None:
    """Drop the schema and all that was built for it, and make it again with the empty tables of a build."""
    for name in (*layers(schema), schema, restricted(schema)):
        cursor.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(name)))
        cursor.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))
    cursor.execute(
        sql.SQL(BUILD_TABLES).format(schema=sql.Identifier(schema), readers=_names(READERS)),
    )
    for name in (schema, restricted(schema)):
        cursor.execute(sql.SQL("grant usage on schema {} to checker").format(sql.Identifier(name)))


def open_to_readers(cursor: Cursor, schema: str) -> None:
    """Let readers into the marts of that schema."""
    _grant(cursor, schema, READERS)
    _grant(cursor, restricted(schema), RESTRICTED_READERS)


def swap(cursor: Cursor) -> None:
    """Put what was built in the place of the marts in use, and move the readers with it; within a transaction.

    Waits until no reader of many statements is at work. Raises BuildError if readers leave no gap for too long.
    """
    locks.until_commit(cursor, locks.READERS)
    for live in (LIVE, restricted(LIVE)):
        _lock_out(cursor, live)
    for built, live in ((BUILD, LIVE), (restricted(BUILD), restricted(LIVE))):
        had = exists(cursor, live)
        if had:
            _rename(cursor, live, f"{live}_swap")
        _rename(cursor, built, live)
        if had:
            _rename(cursor, f"{live}_swap", built)
            cursor.execute(
                sql.SQL("revoke usage on schema {} from {}").format(
                    sql.Identifier(built), _names([reader for reader in READERS if reader != "checker"])
                )
            )
    open_to_readers(cursor, LIVE)


def _lock_out(cursor: Cursor, schema: str) -> None:
    """Take every table of the schema alone, until the transaction ends.

    A statement looks up its tables one by one. A rename between two look-ups would give it one table of the old
    marts and one of the new; a lock makes it look again. The locks are asked for briefly and given back, so that a
    reader who holds one table and wants another is never in a deadlock with us.
    """
    cursor.execute(
        "select c.relname from pg_class c where c.relnamespace = to_regnamespace(%s) and c.relkind in ('r', 'v') "
        "order by c.relname",
        (schema,),
    )
    tables = sql.SQL(", ").join(sql.Identifier(schema, row[0]) for row in cursor.fetchall())
    if not tables.seq:
        return
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        cursor.execute("savepoint lock_out")
        cursor.execute("set local lock_timeout = %s", (LOCK_TRY,))
        try:
            cursor.execute(sql.SQL("lock table {} in access exclusive mode").format(tables))
        except LockNotAvailable:
            cursor.execute("rollback to savepoint lock_out")
            if time.monotonic() > deadline:
                raise BuildError(
                    f"readers of {schema} left no gap for {LOCK_SECONDS} s; see pg_stat_activity, then run `vru build`"
                ) from None
            time.sleep(random.uniform(0, LOCK_PAUSE_SECONDS))  # noqa: S311 - not in step with a reader that loops
        else:
            cursor.execute("set local lock_timeout = 0")
            cursor.execute("release savepoint lock_out")
            return


def _rename(cursor: Cursor, old: str, new: str) -> None:
    cursor.execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))


def _grant(cursor: Cursor, schema: str, readers: tuple[str, ...]) -> None:
    cursor.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), _names(readers)))


def _names(names: tuple[str, ...] | list[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)
