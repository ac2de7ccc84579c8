"""The mart hash: whether two schemas of marts hold the same, row by row and column by column."""

from __future__ import annotations

import hashlib

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from vru.warehouse import locks
from vru.warehouse.engine import raw_connection

LEFT_OUT = ("mart_revision", "mart_feed_quality", "build_info", "build_input", "build_change", "build_state")
"""Histories of vintages and scores, and what says how a build was made rather than what it made."""


def mart_hash(schema: str = "marts") -> str:
    """sha256 over every row and column of every table of the schema but LEFT_OUT.

    ``batch_id`` counts as the sha256 of its batch's bytes, so that the order of loading makes no difference.
    """
    digest = hashlib.sha256()
    connection = raw_connection("transformer", name="mart hash")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read read only")
            cursor.execute("set local timezone to 'UTC'")
            locks.share_until_commit(cursor, locks.READERS)
            for table in _tables(cursor, schema):
                _add(cursor, schema, table, digest)
    finally:
        connection.close()
    return digest.hexdigest()


def _tables(cursor: Cursor, schema: str) -> list[str]:
    cursor.execute(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = %s and c.relkind in ('r', 'p') and c.relname <> all (%s) order by c.relname",
        (schema, list(LEFT_OUT)),
    )
    return [str(row[0]) for row in cursor.fetchall()]


def _add(cursor: Cursor, schema: str, table: str, digest: hashlib._Hash) -> None:
    cursor.execute(
        "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
        (sql.Identifier(schema, table).as_string(cursor),),
    )
    columns = sorted(str(row[0]) for row in cursor.fetchall())
    digest.update(f"table {table} ({', '.join(columns)})\n".encode())
    values = [
        sql.SQL("batch.sha256") if column == "batch_id" else sql.SQL("t.{}").format(sql.Identifier(column))
        for column in columns
    ]
    join = "left join ops.batch as batch on batch.batch_id = t.batch_id" if "batch_id" in columns else ""
    rows = cursor.connection.cursor(name="mart_hash")
    try:
        rows.itersize = 50_000
        rows.execute(
            sql.SQL(
                "select sha256(convert_to(row({values})::text, 'UTF8')) as row_hash from {table} as t {join} order by 1"
            ).format(values=sql.SQL(", ").join(values), table=sql.Identifier(schema, table), join=sql.SQL(join))
        )
        for (row_hash,) in rows:
            digest.update(row_hash)
    finally:
        rows.close()
