"""A content written straight into the ledger."""

from __future__ import annotations

from datetime import date
from typing import Any


def content_of(
    cursor: Any, feed: str, resource: str, sha256: str, partition: str = "", start: date | None = None,
    end: date | None = None,
) -> int:  # fmt: skip
    """The content of these bytes for this resource, partition and period; made if it is not there; content_id."""
    place = (feed, resource, sha256, partition, start, end)
    cursor.execute(
        "insert into ops.content (feed, resource, sha256, partition, period_start, period_end) "
        "values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        place,
    )
    cursor.execute(
        "select content_id from ops.content where (feed, resource, sha256, partition, period_start, period_end) "
        "is not distinct from (%s, %s, %s, %s, %s::date, %s::date) and refusal = ''",
        place,
    )
    ((content_id,),) = cursor.fetchall()
    return int(content_id)
