"""The ledger of reports: what was written of what, so that it can be sent and had again."""

from __future__ import annotations

import hashlib

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from vru.disclosure.readers import rows
from vru.reporting.model import Asked, Summary


def note(connection: Connection, kind: str, asked: Asked, file_name: str, page: bytes, summary: Summary) -> None:
    """Add the report to the ledger, unless the newest one of its kind, month and instants is the same."""
    digest = hashlib.sha256(page).hexdigest()
    last = rows(
        connection,
        "select sha256, summary from ops.report where kind = %s and month = %s and known_at is not distinct from %s "
        "and admitted_at is not distinct from %s order by report_id desc limit 1",
        (kind, asked.month, asked.known_at, asked.admitted_at),
    )
    if last and (last[0]["sha256"], last[0]["summary"]) == (digest, summary.plain()):
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.report (kind, month, today, known_at, admitted_at, build_id, file_name, sha256, summary) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                kind, asked.month, asked.today, asked.known_at, asked.admitted_at, _build_id(connection, asked.schema),
                file_name, digest, Json(summary.plain()),
            ),
        )  # fmt: skip


def _build_id(connection: Connection, schema: str) -> int | None:
    if rows(connection, "select to_regclass(%s) as found", (f"{schema}.build_info",))[0]["found"] is None:
        return None
    found = rows(connection, sql.SQL("select build_id from {}.build_info").format(sql.Identifier(schema)))
    return int(found[0]["build_id"]) if found else None
