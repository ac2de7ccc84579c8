"""What a person decides about a batch: who, when and why is kept beside it."""

from __future__ import annotations

from urllib.parse import urlsplit

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from vru.warehouse import admission, ledger


class DecisionError(ValueError):
    """A decision that does not fit the state of the batch. The message says which state that is."""


def release(connection: Connection, batch_id: int, reason: str, decided_by: str, column: str | None = None) -> None:
    """Admit a held batch, or let its held statements count, or decide for its column; the caller's transaction.

    A column that is withheld counts again; one that is disputed is so no more. Raises DecisionError.
    """
    status = _locked(connection, batch_id, reason)
    with connection.cursor() as cursor:
        if column is None:
            if status == "admitted" and _release_statements(cursor, batch_id, reason, decided_by):
                return
            if status != "held":
                raise DecisionError(
                    f"batch {batch_id} is {status}; only a held batch, or one of which a later statement is held, can "
                    "be released"
                )
            admission.admit(cursor, batch_id)
            _decide(connection, batch_id, "release", None, reason, decided_by)
        else:
            cursor.execute(
                "update ops.withheld_column set lifted_at = ops.stamp() "
                "where batch_id = %s and column_name = %s and lifted_at is null",
                (batch_id, column),
            )
            has_lifted = cursor.rowcount > 0
            cursor.execute(
                "select 1 from ops.disputed_column where batch_id = %s and column_name = %s and until is null",
                (batch_id, column),
            )
            if not has_lifted and cursor.fetchone() is None:
                raise DecisionError(f"batch {batch_id}: column '{column}' is neither withheld nor disputed")
            _decide(connection, batch_id, "release_column", column, reason, decided_by)


def _release_statements(cursor: Cursor, batch_id: int, reason: str, decided_by: str) -> bool:
    """Let the held statements of a batch's content count; whether there were any."""
    cursor.execute(
        """
        with held as (
            select h.delivery_id from ops.held_deliveries() h
            join ops.delivery d on d.delivery_id = h.delivery_id
            join ops.batch b on b.content_id = d.content_id
            where b.batch_id = %(batch)s
        ),
        decided as (
            insert into ops.decision (batch_id, decision, delivery_id, reason, decided_by)
            select %(batch)s, 'release_delivery', h.delivery_id, %(reason)s, %(by)s from held h
        )
        insert into ops.delivery_verdict (delivery_id, status, reason)
        select h.delivery_id, 'counts', '' from held h
        """,
        {"batch": batch_id, "reason": reason.strip(), "by": decided_by},
    )
    return cursor.rowcount > 0


def withdraw(connection: Connection, batch_id: int, reason: str, decided_by: str) -> None:
    """Take an admitted batch back; the transaction is the caller's. Raises DecisionError."""
    status = _locked(connection, batch_id, reason)
    if status != "admitted":
        raise DecisionError(f"batch {batch_id} is {status}; only an admitted batch can be withdrawn")
    with connection.cursor() as cursor:
        admission.withdraw(cursor, batch_id, reason.strip())
    _decide(connection, batch_id, "withdraw", None, reason, decided_by)


def confirm(connection: Connection, batch_id: int, url: str, reason: str, confirmed_by: str) -> str:
    """Keep a person's word that a batch's bytes are the publisher's own, to be had by anyone at ``url``.

    Returns their sha256, which the word is about: another parse of the same bytes needs no other. Raises DecisionError;
    the transaction is the caller's.
    """
    _locked(connection, batch_id, reason)
    parts = urlsplit(url.strip())
    if parts.scheme != "https" or not parts.hostname:
        raise DecisionError(f"batch {batch_id}: --url must be the publisher's address, beginning with https://")
    with connection.cursor() as cursor:
        cursor.execute(
            "select b.feed, b.sha256, f.personal_data from ops.batch b join ops.feed f on f.feed = b.feed "
            "where b.batch_id = %s",
            (batch_id,),
        )
        feed, sha256, personal_data = cursor.fetchone() or ("", "", True)
        if personal_data:
            raise DecisionError(f"batch {batch_id}: {feed} holds personal data, which no public file can exempt")
        cursor.execute(
            "insert into ops.confirmation (batch_id, feed, sha256, url, reason, confirmed_by) "
            "values (%s, %s, %s, %s, %s, %s) on conflict (batch_id, url) do nothing",
            (batch_id, feed, sha256, url.strip(), reason.strip(), confirmed_by),
        )
        if not cursor.rowcount:
            raise DecisionError(f"batch {batch_id}: is confirmed with this address already")
    return str(sha256)


def feed_of(connection: Connection, batch_id: int) -> str:
    """The feed of a batch. Raises DecisionError if there is none of this number."""
    return _state(connection, batch_id).feed


def _locked(connection: Connection, batch_id: int, reason: str) -> str:
    """The status of the batch, which stays so until the end of the transaction."""
    if not reason.strip():
        raise DecisionError("give the reason with --reason; it is kept beside the batch")
    with connection.cursor() as cursor:
        cursor.execute("select 1 from ops.batch where batch_id = %s for update", (batch_id,))
    return _state(connection, batch_id).status


def _state(connection: Connection, batch_id: int) -> ledger.BatchState:
    state = ledger.batch(connection, batch_id)
    if state is None:
        raise DecisionError(f"no batch {batch_id}; `vru batches` lists them")
    return state


def _decide(
    connection: Connection, batch_id: int, decision: str, column: str | None, reason: str, decided_by: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.decision (batch_id, decision, column_name, reason, decided_by) "
            "values (%s, %s, %s, %s, %s)",
            (batch_id, decision, column, reason.strip(), decided_by),
        )
