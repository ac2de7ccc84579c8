"""The place in time of lists that nobody has dated: the one that reaches furthest is the newest.

Of an undated list only the time of its receipt is known, and that is the order in which somebody looked, not the order
in which the lists were made: a page shows old ones beside new ones, and may gain an old one later. What a list covers
tells more. So an undated list that came after one that reaches further is placed just before it.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

STEP = timedelta(microseconds=1)


def place(connection: Connection, feed: str, resource: str, partition: str) -> int:
    """Bring the undated lists of one place in the order of their reach; how many deliveries were moved.

    Only of resources whose every delivery is the whole list again. A delivery is moved only to an earlier instant; of
    lists that reach as far as each other, the one received later stays the newer. Dated ones are left alone.
    """
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(
            """
            select s.delivery_id, s.content_id, s.vintage_at, s.period_end
            from ops.stated s
            join ops.resource r on r.feed = s.feed and r.resource = s.resource
            where s.feed = %s and s.resource = %s and s.partition = %s and s.vintage_source = 'received'
              and r.delivery_mode = 'snapshot' and r.grain <> 'none' and s.period_end is not null
            order by s.period_end desc, s.vintage_at desc, s.received_at desc, s.delivery_id desc
            """,
            (feed, resource, partition),
        )
        found: list[Any] = cursor.fetchall()
        limit = None
        moved: list[tuple[Any, int]] = []
        for _, group in groupby(found, key=lambda row: row["period_end"]):
            lists = list(group)
            bound = limit
            for row in lists:
                if bound is not None and row["vintage_at"] >= bound:
                    row["vintage_at"] = bound - STEP
                    moved.append((row["vintage_at"], row["delivery_id"]))
                    bound = row["vintage_at"]
            earliest = min(row["vintage_at"] for row in lists)
            limit = earliest if limit is None else min(limit, earliest)
        for vintage_at, delivery_id in reversed(moved):
            cursor.execute("update ops.delivery set vintage_at = %s where delivery_id = %s", (vintage_at, delivery_id))
    return len(moved)
