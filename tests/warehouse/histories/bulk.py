"""Histories written into the tables of the ledger many at a time, and what the selection function then says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, execute_values

from tests.warehouse.histories.model import COUNTS, OF_CHILDREN, Batch, Content, Current
from tests.warehouse.histories.strategies import History

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
BATCHES_EACH = 100
"""Batch ids are given, so that nothing need be asked back: those of one history stand together."""
FIRST_BATCH = 1_000_000

Moment = tuple[int | None, int | None]
"""K and W; None is now."""


def hour(tick: int) -> datetime:
    """The instant of a history."""
    return EPOCH + timedelta(hours=tick)


def hour_of(instant: datetime) -> int:
    """The tick of an instant of a history."""
    return (instant - EPOCH) // timedelta(hours=1)


def sha(content: Content) -> str:
    """sha256 of a content's bytes."""
    return hashlib.sha256(content.text.encode()).hexdigest()


def resource_of(feed: str, of: str) -> str:
    """The name of a resource of a history."""
    return f"{feed}_{of}" if of else feed


def declare(connection: Connection, feeds: Mapping[str, History]) -> None:
    """A feed for each history, with one resource of its own name and perhaps one of rows that belong to its records."""
    _insert(connection, "ops.feed", [(f, "", "", "", "", "", "", 1, 31, 31, False) for f in feeds])
    _insert(
        connection,
        "ops.resource",
        [
            (f, resource_of(f, of), h.resource.mode, h.resource.grain, f if of else None, list(h.resource.withholdable))
            for f, h in feeds.items() for of in ("", *[OF_CHILDREN] * h.resource.has_children)
        ],
        template="(%s, %s, %s, %s, %s, %s::text[])",
    )  # fmt: skip


def write(connection: Connection, feeds: Mapping[str, History]) -> dict[int, tuple[str, int]]:
    """Write what each history leaves behind; batch_id to feed and number of the batch."""
    ids = {
        (feed, batch.number): FIRST_BATCH + place * BATCHES_EACH + batch.number
        for place, (feed, history) in enumerate(feeds.items())
        for batch in history.ledger.batches
    }
    contents = {
        (f, content): FIRST_BATCH + place * BATCHES_EACH + number
        for place, (f, h) in enumerate(feeds.items())
        for number, content in enumerate(dict.fromkeys(d.content for d in h.ledger.deliveries))
    }
    _insert(
        connection,
        "ops.content (content_id, feed, resource, partition, period_start, period_end, sha256)",
        [
            (
                content_id,
                f,
                resource_of(f, content.of),
                content.partition or "",
                *(content.period or (None, None)),
                sha(content),
            )
            for (f, content), content_id in contents.items()
        ],
        overriding=True,
    )
    _insert(
        connection,
        "ops.delivery (content_id, vintage_at, vintage_source, received_at, manifest_line, source_url, file_name, "
        "size_bytes)",
        [
            (contents[f, d.content], hour(d.vintage_at), "manifest", hour(d.received_at), d.line, "", "", 1)
            for f, h in feeds.items() for d in h.ledger.deliveries
        ],
    )  # fmt: skip
    _insert(
        connection,
        "ops.batch (batch_id, content_id, feed, resource, partition, period_start, period_end, sha256, "
        "contract_version, status, reason, file_name, parsed_at, audited_at, admitted_at, withdrawn_at)",
        [
            (ids[f, b.number], contents[f, b.content], f, resource_of(f, b.content.of), b.parse.partition, *(b.parse.period or (None, None)),
             sha(b.content), b.version, b.status, reason(b.status), "", hour(b.statuses[0][0]),
             None if b.audited_at is None else hour(b.audited_at), *_counted(b))
            for f, h in feeds.items() for b in h.ledger.batches
        ],
        overriding=True,
    )  # fmt: skip
    with connection.cursor() as cursor:
        # the trigger knows a batch's present status only, and dates a hold by the wall clock
        cursor.execute("delete from ops.batch_status where batch_id = any(%s)", (list(ids.values()),))
    _insert(
        connection,
        "ops.batch_status (batch_id, status, reason, since)",
        [
            (ids[f, b.number], status, reason(status), hour(since))
            for f, h in feeds.items() for b in h.ledger.batches for since, status in b.statuses
        ],
    )  # fmt: skip
    _insert(
        connection,
        "ops.withheld_column (batch_id, column_name, check_id, reason, withheld_at, lifted_at)",
        [
            (ids[f, b.number], column, check_id(column, h.checks[b.number, place]), REASON, hour(since),
             None if until is None else hour(until))
            for f, h in feeds.items() for b in h.ledger.batches
            for place, (column, since, until) in enumerate(b.withheld)
        ],
    )  # fmt: skip
    _insert(
        connection,
        "ops.batch_key (batch_id, unit_key, is_withdrawn)",
        [
            (ids[f, b.number], Json([key]), key in b.parse.removes)
            for f, h in feeds.items() for b in h.ledger.batches for key in b.parse.holds | b.parse.removes
        ],
    )  # fmt: skip
    with connection.cursor() as cursor:  # what was taken back before leaves statistics by which a plan may go wrong
        cursor.execute(
            "analyze ops.resource, ops.content, ops.delivery, ops.batch, ops.batch_status, ops.withheld_column, ops.batch_key"
        )
    return {batch_id: key for key, batch_id in ids.items()}


def check_id(column: str, check: str) -> str:
    """A check judges one column."""
    return f"{check}_{column}"


REASON = "a reason that is long enough to be understood by a partner"


def reason(status: str) -> str:
    """What a batch bears of it."""
    return "" if status in ("parsed", COUNTS) else f"why it is {status}"


def current(
    connection: Connection,
    moments: Sequence[Moment],
    batches: Mapping[int, tuple[str, int]],
    instant: Callable[[int], datetime] = hour,
    tick: Callable[[datetime], int] = hour_of,
) -> dict[tuple[str, Moment], list[Current]]:
    """What the selection function says at each moment of the feed of each of these batches, in the model's words."""
    feeds = sorted({feed for feed, _ in batches.values()})
    found: dict[tuple[str, Moment], list[Current]] = {(feed, moment): [] for feed in feeds for moment in moments}
    with connection.cursor() as cursor:
        for known_at, admitted_at in moments:
            cursor.execute(
                "select feed, resource, column_name, partition, unit_start, unit_end, unit_key, batch_id, vintage_at, "
                "withheld_columns from ops.current_input(%s, %s) where feed = any(%s)",
                (*(None if at is None else instant(at) for at in (known_at, admitted_at)), feeds),
            )
            for (
                feed,
                resource,
                column,
                partition,
                first,
                last,
                key,
                batch_id,
                vintage_at,
                withheld,
            ) in cursor.fetchall():
                of_feed, number = batches[batch_id]
                assert of_feed == feed
                found[feed, (known_at, admitted_at)].append(
                    Current(
                        resource[len(feed) + 1 :], column, partition, first, last, "".join(key), number,
                        tick(vintage_at), frozenset(withheld),
                    )
                )  # fmt: skip
    return found


def earlier_sound(
    connection: Connection, feeds: Mapping[str, History], batches: Mapping[int, tuple[str, int]]
) -> Iterator[tuple[str, int, str, int | None]]:
    """What each batch, and each of its columns, is compared with by the function: feed, number, column, number or None."""
    asked = [
        (batch_id, column)
        for batch_id, (feed, _) in batches.items()
        for column in ("", *feeds[feed].resource.withholdable)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "select batch_id, column_name, ops.earlier_sound_batch(batch_id, column_name) "
            "from unnest(%s::bigint[], %s::text[]) as asked (batch_id, column_name)",
            ([batch_id for batch_id, _ in asked], [column for _, column in asked]),
        )
        for batch_id, column, found in cursor.fetchall():
            yield *batches[batch_id], column, None if found is None else batches[found][1]


LEDGER = {
    "delivery": """
        select d.sha256, d.partition, d.period_start, d.period_end, d.manifest_line, d.vintage_at,
               d.received_at
        from ops.stated d where d.feed = %s order by d.delivery_id
    """,
    "batch": """
        select c.partition, c.period_start, b.sha256, b.partition, b.period_start, b.period_end, b.contract_version,
               b.status, b.reason, b.parsed_at, b.audited_at, b.admitted_at, b.withdrawn_at
        from ops.batch b join ops.content c using (content_id) where b.feed = %s order by b.batch_id
    """,
    "status": """
        select c.partition, c.period_start, b.sha256, b.contract_version, s.status, s.reason, s.since
        from ops.batch_status s join ops.batch b using (batch_id)
        join ops.content c using (content_id) where b.feed = %s
        order by b.batch_id, s.batch_status_id
    """,
    "withheld": """
        select c.partition, c.period_start, b.sha256, b.contract_version, w.column_name, w.check_id, w.reason,
               w.withheld_at, w.lifted_at
        from ops.withheld_column w join ops.batch b using (batch_id)
        join ops.content c using (content_id) where b.feed = %s
        order by b.batch_id, w.column_name, w.withheld_at
    """,
    "key": """
        select c.resource <> c.feed, c.partition, c.period_start, b.sha256, b.contract_version, k.unit_key, k.is_withdrawn
        from ops.batch_key k join ops.batch b using (batch_id)
        join ops.content c using (content_id) where b.feed = %s order by b.batch_id, k.unit_key
    """,
}
"""What of a feed the selection may rest on."""


def standing(
    connection: Connection, feed: str, tick: Callable[[datetime], int] = hour_of
) -> dict[str, list[tuple[object, ...]]]:
    """The rows of the ledger of a feed, their instants as ticks."""
    found = {}
    with connection.cursor() as cursor:
        for name, query in LEDGER.items():
            cursor.execute(query, (feed,))
            found[name] = [
                tuple(tick(value) if isinstance(value, datetime) else value for value in row)
                for row in cursor.fetchall()
            ]
    return found


def _counted(batch: Batch) -> tuple[datetime | None, datetime | None]:
    """Since when it counts, and since when no more; as far as its present status tells."""
    if batch.status not in (COUNTS, "withdrawn"):
        return None, None
    admitted = max(since for since, status in batch.statuses if status == COUNTS)
    return hour(admitted), hour(batch.statuses[-1][0]) if batch.status == "withdrawn" else None


def _insert(
    connection: Connection,
    into: str,
    rows: list[tuple[Any, ...]],
    after: str = "",
    *,
    template: str | None = None,
    overriding: bool = False,
) -> None:
    if rows:
        with connection.cursor() as cursor:
            execute_values(
                cursor,
                f"insert into {into} {'overriding system value' if overriding else ''} values %s {after}",
                rows,
                template,
                page_size=10_000,
            )
