"""The ledger of mail: what was sent to whom, so that nothing is sent twice.

A mail is noted as 'sending' and committed before the mail server hears of it, and as 'sent' afterwards. What is
found 'sending' later was cut off in between: whether it left nobody here can know, so a person settles it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection

from vru.disclosure.readers import rows
from vru.warehouse import locks
from vru.warehouse.engine import raw_connection


class OutboxError(ValueError):
    """A mail or report that is not there, or not in the state that was asked for."""


@dataclass(frozen=True)
class Report:
    """A report as it was written: its file, the sha256 of that, and what it says in short."""

    report_id: int
    kind: str
    month: date
    file_name: str
    sha256: str
    summary: dict[str, Any]


@contextmanager
def opened() -> Iterator[Connection]:
    """The ledger, to one sender at a time. Each function below is a transaction of its own."""
    connection = raw_connection("publisher", name="mail")
    try:
        with connection, connection.cursor() as cursor:
            locks.take(cursor, locks.MAIL)
        yield connection
    finally:
        connection.close()  # lets go of the lock


def newest(connection: Connection, file_name: str) -> Report:
    """The report that was written last under this name, of the marts in use. Raises OutboxError if there is none."""
    with connection:
        found = rows(
            connection,
            "select report_id, kind, month, file_name, sha256, summary from ops.report "
            "where file_name = %s and known_at is null and admitted_at is null order by report_id desc limit 1",
            (file_name,),
        )
    if not found:
        raise OutboxError(f"no report {file_name} was written; write it: vru report {file_name.partition('-')[0]}")
    return Report(**found[0])


def begin(connection: Connection, report: Report, recipient: str, message_id: str) -> int | None:
    """Note that this mail is about to be sent; its mail_id, or None if it was sent or may have been."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.mail (report_id, recipient, message_id, status) values (%s, %s, %s, 'sending') "
            "on conflict (report_id, recipient) do update "
            "set status = 'sending', reason = '', begun_at = clock_timestamp(), ended_at = null "
            "where ops.mail.status = 'refused' returning mail_id",
            (report.report_id, recipient, message_id),
        )
        row = cursor.fetchone()
    return int(row[0]) if row else None


def end(connection: Connection, mail_id: int, status: str, reason: str = "") -> None:
    """Note that the mail server took it (`sent`) or did not (`refused`)."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "update ops.mail set status = %s, reason = %s, ended_at = clock_timestamp() where mail_id = %s",
            (status, reason, mail_id),
        )


def uncertain(connection: Connection) -> list[int]:
    """Mails that were begun and of which nothing more is known."""
    with connection:
        found = rows(connection, "select mail_id from ops.mail where status = 'sending' order by mail_id")
    return [row["mail_id"] for row in found]


def settle(mail_id: int, *, was_sent: bool, reason: str, settled_by: str) -> None:
    """A person says whether an uncertain mail arrived; if not, the next run sends it. Raises OutboxError."""
    if not reason.strip():
        raise OutboxError("give the reason with --reason; it is kept beside the mail")
    with opened() as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "update ops.mail set status = %s, reason = %s, settled_by = %s, ended_at = clock_timestamp() "
            "where mail_id = %s and status = 'sending'",
            ("sent" if was_sent else "refused", reason.strip(), settled_by, mail_id),
        )
        if not cursor.rowcount:
            raise OutboxError(f"mail {mail_id} is not uncertain; `vru mails` lists them")
