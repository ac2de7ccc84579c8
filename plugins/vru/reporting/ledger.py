"""The ledger of reports: what was written of what, so that it can be sent and had again."""

from __future__ import annotations

import hashlib
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from vru.disclosure.readers import rows
from vru.reporting.model import Asked, Summary


def sha256_of_page(connection: Connection, kind: str, asked: Asked, input_sha256: str) -> str | None:
    """Of the newest report of its kind, month and instants, if it was made of this input."""
    last = _newest(connection, kind, asked)
    return str(last["sha256"]) if last and last["input_sha256"] == input_sha256 else None


def note(
    connection: Connection,
    kind: str,
    asked: Asked,
    file_name: str,
    page: bytes,
    summary: Summary,
    input_sha256: str,
) -> None:
    """Add the report to the ledger, unless the newest one of its kind, month and instants is the same."""
    digest = hashlib.sha256(page).hexdigest()
    last = _newest(connection, kind, asked)
    if last and (last["sha256"], last["summary"]) == (digest, summary.plain()):
        with connection.cursor() as cursor:  # the same page of another input: of a newer program, say
            cursor.execute(
                "update ops.report set input_sha256 = %s where report_id = %s", (input_sha256, last["report_id"])
            )
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.report (kind, month, today, known_at, admitted_at, build_id, file_name, sha256, summary, "
            "input_sha256) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                kind, asked.month, asked.today, asked.known_at, asked.admitted_at, _build_id(connection, asked.schema),
                file_name, digest, Json(summary.plain()), input_sha256,
            ),
        )  # fmt: skip


def _newest(connection: Connection, kind: str, asked: Asked) -> dict[str, Any] | None:
    found = rows(
        connection,
        "select report_id, sha256, summary, input_sha256 from ops.report where kind = %s and month = %s "
        "and known_at is not distinct from %s and admitted_at is not distinct from %s order by report_id desc limit 1",
        (kind, asked.month, asked.known_at, asked.admitted_at),
    )
    return found[0] if found else None


def _build_id(connection: Connection, schema: str) -> int | None:
    if rows(connection, "select to_regclass(%s) as found", (f"{schema}.build_info",))[0]["found"] is None:
        return None
    found = rows(connection, sql.SQL("select build_id from {}.build_info").format(sql.Identifier(schema)))
    return int(found[0]["build_id"]) if found else None
