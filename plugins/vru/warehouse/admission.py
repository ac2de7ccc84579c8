"""Whether a batch counts: the changes of the ledger that say so. The caller knows whether it may."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor


def admit(cursor: Cursor, batch_id: int) -> None:
    """The batch counts from now on."""
    cursor.execute(
        "update ops.batch set status = 'admitted', admitted_at = ops.stamp(), withdrawn_at = null, reason = '', "
        "rows_admitted = rows_parsed - rows_quarantined where batch_id = %s",
        (batch_id,),
    )


def hold(cursor: Cursor, batch_id: int, reason: str) -> None:
    """The batch does not count, or no more, until a person releases it or what it is compared with changes."""
    cursor.execute(
        "update ops.batch set status = 'held', admitted_at = null, rows_admitted = 0, reason = %s where batch_id = %s",
        (reason, batch_id),
    )


def withdraw(cursor: Cursor, batch_id: int, reason: str) -> None:
    """The batch counts no more; what it stood for when it did is kept."""
    cursor.execute(
        "update ops.batch set status = 'withdrawn', withdrawn_at = ops.stamp(), reason = %s where batch_id = %s",
        (reason, batch_id),
    )
