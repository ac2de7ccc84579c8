"""The ledger of what was received: attempts, deliveries, contents and their batches.

Every function takes a psycopg2 connection of role `loader` and leaves the transaction to its caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor


@dataclass(frozen=True, slots=True)
class Statement:
    """What a partner stated with one delivery; partition and period are None where nothing states them."""

    feed: str
    resource: str
    partition: str | None
    period_start: date | None
    period_end: date | None
    sha256: str
    size_bytes: int
    file_name: str
    source_url: str
    vintage_at: datetime | None
    vintage_source: str
    manifest_line: int | None = None
    manifest_rows: int | None = None
    is_whole: bool | None = None
    warning: str = ""
    refusal: str = ""
    """`code: words` where the bytes are not what the partner announced; they are then rejected unread."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of one feed, resource, partition and period that are to be parsed."""

    feed: str
    resource: str
    content_key: str
    sha256: str
    container_sha256: str | None
    member_name: str | None
    file_name: str
    partition: str | None
    period_start: date | None
    period_end: date | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class BatchState:
    """Where a batch stands; `file_name` is the name under which its content first came."""

    batch_id: int
    feed: str
    resource: str
    partition: str
    period_start: date | None
    period_end: date | None
    sha256: str
    status: str
    reason: str
    file_name: str
    rows_parsed: int
    rows_quarantined: int
    is_audited: bool


def record_landed(
    connection: Connection,
    sha256: str,
    size_bytes: int,
    container: str | None = None,
    member: str | None = None,
) -> None:
    """Note that these bytes are in the landing store."""
    _run(
        connection,
        "insert into ops.landed_file (sha256, size_bytes, container_sha256, member_name) values (%s, %s, %s, %s) "
        "on conflict (sha256) do nothing",
        sha256, size_bytes, container, member,
    )  # fmt: skip


def record_attempt(connection: Connection, feed: str, **columns: Any) -> int:
    """Note one time that a source was asked; the columns are those of ops.attempt."""
    columns["feed"] = feed
    names = ", ".join(columns)
    marks = ", ".join(["%s"] * len(columns))
    return int(
        _one(
            connection,
            f"insert into ops.attempt ({names}) values ({marks}) returning attempt_id",  # noqa: S608
            *columns.values(),
        )["attempt_id"]
    )


def last_answer(connection: Connection, feed: str, source_url: str) -> tuple[str | None, str | None, str | None] | None:
    """ETag, Last-Modified and sha256 of the newest attempt at this address that brought bytes or confirmed them."""
    row = _maybe(
        connection,
        "select etag, last_modified, sha256 from ops.attempt where feed = %s and source_url = %s "
        "and outcome in ('new', 'unchanged', 'not_modified') order by attempt_id desc limit 1",
        feed, source_url,
    )  # fmt: skip
    return (row["etag"], row["last_modified"], row["sha256"]) if row else None


def landed_from(connection: Connection, prefix: str) -> list[tuple[str, str, str | None, str | None]]:
    """Address, sha256, ETag and Last-Modified of what any feed was sent from addresses that begin so.

    Each content once, with the address (without `#` and what follows) at which it was met last; that one first.
    """
    return [
        (row["source_url"], row["sha256"], row["etag"], row["last_modified"])
        for row in _all(
            connection,
            """
            select split_part(source_url, '#', 1) as source_url, sha256, etag, last_modified
            from (
                select distinct on (sha256) * from ops.attempt
                where starts_with(source_url, %s) and outcome in ('new', 'unchanged', 'not_modified')
                    and sha256 is not null
                order by sha256, attempt_id desc
            ) a
            order by attempt_id desc
            """,
            prefix,
        )
    ]


def record_delivery(connection: Connection, stated: Statement) -> tuple[int, bool]:
    """Keep what the partner stated; (delivery_id, whether it is a new statement).

    The same content with the same vintage is one delivery, and an undated repeat of the content that is current
    adds nothing. A content is recognised under another file name by its bytes.
    """
    key = _content_key(connection, stated)
    if stated.vintage_at is None and (current := _current_delivery(connection, stated, key)) is not None:
        return current, False
    row = _maybe(
        connection,
        """
        insert into ops.delivery (
            feed, resource, partition, period_start, period_end, content_key, sha256, vintage_at, vintage_source,
            received_at, manifest_line, manifest_rows, is_whole, source_url, file_name, size_bytes, warning,
            refusal
        )
        select %s, %s, %s, %s, %s, %s, %s, least(coalesce(%s, t.now), t.now), %s, t.now, %s, %s, %s, %s, %s, %s, %s, %s
        from (select ops.stamp() as now) t
        on conflict (feed, resource, content_key, sha256, vintage_at) do nothing
        returning delivery_id
        """,
        stated.feed, stated.resource, stated.partition or "", stated.period_start, stated.period_end, key,
        stated.sha256, stated.vintage_at, stated.vintage_source, stated.manifest_line, stated.manifest_rows,
        stated.is_whole, stated.source_url, stated.file_name, stated.size_bytes, stated.warning, stated.refusal,
    )  # fmt: skip
    if row:
        _repeat_reading(connection, row["delivery_id"])
        return int(row["delivery_id"]), True
    same = _one(
        connection,
        "select delivery_id from ops.delivery where feed = %s and resource = %s and content_key = %s "
        "and sha256 = %s and (vintage_at = %s or %s is null) order by delivery_id desc limit 1",
        stated.feed, stated.resource, key, stated.sha256, stated.vintage_at, stated.vintage_at,
    )  # fmt: skip
    return int(same["delivery_id"]), False


def _repeat_reading(connection: Connection, delivery_id: int) -> None:
    """Give a delivery of a content that was parsed before the partition and period that its newest parse read."""
    _run(
        connection,
        "update ops.delivery d set partition = b.partition, period_start = b.period_start, period_end = b.period_end "
        "from ops.batch b where d.delivery_id = %s and b.batch_id = ("
        "select max(x.batch_id) from ops.batch x where x.feed = d.feed and x.resource = d.resource "
        "and x.content_key = d.content_key and x.sha256 = d.sha256 and x.status <> 'rejected')",
        delivery_id,
    )


def is_restated_since(connection: Connection, feed: str, since: datetime) -> bool:
    """Whether a content that counts was stated at this instant or later."""
    return bool(
        _all(
            connection,
            "select from ops.delivery d join ops.batch b using (feed, resource, content_key, sha256) "
            "where d.feed = %s and d.received_at >= %s and b.status = 'admitted' limit 1",
            feed, since,
        )
    )  # fmt: skip


def _content_key(connection: Connection, stated: Statement) -> str:
    """The key of the content: that of the same bytes received before where nothing stated contradicts it."""
    own = f"{stated.partition or ''}|{stated.period_start or ''}"
    if stated.refusal:
        return f"{own}|refused"
    known = _all(
        connection,
        """
        select d.content_key, d.partition, d.period_start from ops.delivery d
        where d.feed = %s and d.resource = %s and d.sha256 = %s and d.refusal = '' order by d.delivery_id
        """,
        stated.feed, stated.resource, stated.sha256,
    )  # fmt: skip
    if any(row["content_key"] == own for row in known):
        return own
    for row in known:
        fits_partition = stated.partition is None or row["partition"] in ("", stated.partition)
        fits_period = stated.period_start is None or row["period_start"] in (None, stated.period_start)
        if fits_partition and fits_period:
            return str(row["content_key"])
    return own


def _current_delivery(connection: Connection, stated: Statement, key: str) -> int | None:
    """The newest delivery of the same resource and key if it stated these very bytes, else None."""
    row = _maybe(
        connection,
        """
        select d.delivery_id, d.sha256
        from ops.delivery d
        where d.feed = %s and d.resource = %s and d.content_key = %s
          and (d.sha256 = %s or exists (
              select 1 from ops.batch b
              where b.feed = d.feed and b.resource = d.resource and b.content_key = d.content_key
                and b.sha256 = d.sha256 and b.status = 'admitted'
          ))
        order by d.vintage_at desc, d.manifest_line desc nulls last, d.received_at desc limit 1
        """,
        stated.feed, stated.resource, key, stated.sha256,
    )  # fmt: skip
    return int(row["delivery_id"]) if row and row["sha256"] == stated.sha256 else None


def contents_to_parse(connection: Connection, feed: str) -> list[Content]:
    """Contents that were delivered and never parsed, in order of vintage, manifest line and arrival."""
    return [
        Content(**row)
        for row in _all(
            connection,
            """
            select
                d.feed, d.resource, d.content_key, d.sha256, f.container_sha256, f.member_name, d.file_name,
                nullif(split_part(d.content_key, '|', 1), '') as partition,
                case when split_part(d.content_key, '|', 2) <> '' then d.period_start end as period_start,
                case when split_part(d.content_key, '|', 2) <> '' then d.period_end end as period_end,
                d.refusal
            from (
                select distinct on (feed, resource, content_key, sha256) *
                from ops.delivery where feed = %s
                order by feed, resource, content_key, sha256, vintage_at, manifest_line nulls last, delivery_id
            ) d
            join ops.landed_file f using (sha256)
            where not exists (
                select 1 from ops.batch b
                where b.feed = d.feed and b.resource = d.resource and b.content_key = d.content_key
                  and b.sha256 = d.sha256
            )
            order by d.vintage_at, d.manifest_line nulls last, d.delivery_id
            """,
            feed,
        )
    ]


def contents_to_replay(connection: Connection, feed: str, version: int, batch_id: int | None = None) -> list[Content]:
    """Contents that were parsed, but not yet under this contract version; one batch's content if given."""
    return [
        Content(**row)
        for row in _all(
            connection,
            """
            select
                b.feed, b.resource, b.content_key, b.sha256, f.container_sha256, f.member_name, b.file_name,
                nullif(split_part(b.content_key, '|', 1), '') as partition,
                case when split_part(b.content_key, '|', 2) <> '' then b.period_start end as period_start,
                case when split_part(b.content_key, '|', 2) <> '' then b.period_end end as period_end
            from (
                select distinct on (feed, resource, content_key, sha256) *
                from ops.batch where feed = %s
                order by feed, resource, content_key, sha256, contract_version desc
            ) b
            join ops.landed_file f using (sha256)
            where b.contract_version < %s and b.content_key not like '%%|refused'
              and (%s::bigint is null or exists (
                  select 1 from ops.batch x
                  where x.batch_id = %s and x.feed = b.feed and x.resource = b.resource
                    and x.content_key = b.content_key and x.sha256 = b.sha256
              ))
            order by b.batch_id
            """,
            feed, version, batch_id, batch_id,
        )
    ]  # fmt: skip


def batches_of_deliveries(connection: Connection, delivery_ids: Sequence[int]) -> list[BatchState]:
    """Newest batch of the content of each of these deliveries, in order of batch."""
    return _states(
        connection,
        """
        select distinct on (b.feed, b.resource, b.content_key, b.sha256) b.*
        from ops.batch b join ops.delivery d using (feed, resource, content_key, sha256)
        where d.delivery_id = any(%s)
        order by b.feed, b.resource, b.content_key, b.sha256, b.contract_version desc
        """,
        list(delivery_ids),
    )


def deliveries_of_bytes(connection: Connection, feed: str, sha256: str) -> list[int]:
    """Newest delivery of each content of these bytes, or of the members of this archive."""
    return [
        int(row["delivery_id"])
        for row in _all(
            connection,
            """
            select max(d.delivery_id) as delivery_id
            from ops.delivery d join ops.landed_file f using (sha256)
            where d.feed = %s and (d.sha256 = %s or f.container_sha256 = %s)
            group by d.resource, d.content_key, d.sha256
            order by 1
            """,
            feed, sha256, sha256,
        )
    ]  # fmt: skip


def batches_waiting(connection: Connection, feed: str) -> list[BatchState]:
    """Batches whose rows stand in raw and that are not yet admitted or held, oldest vintage first."""
    return _states(
        connection,
        """
        select b.* from ops.batch b
        cross join lateral (
            select min(d.vintage_at) as vintage_at, min(d.manifest_line) as manifest_line from ops.delivery d
            where d.feed = b.feed and d.resource = b.resource and d.content_key = b.content_key and d.sha256 = b.sha256
        ) v
        where b.feed = %s and b.status = 'parsed'
        order by v.vintage_at, v.manifest_line nulls last, b.batch_id
        """,
        feed,
    )


def batch(connection: Connection, batch_id: int) -> BatchState | None:
    """One batch, or None."""
    found = _states(connection, "select b.* from ops.batch b where b.batch_id = %s", batch_id)
    return found[0] if found else None


def record_batch(connection: Connection, content: Content, contract_version: int, status: str, **columns: Any) -> int:
    """Write the batch of a content and fill what is stated of partition and period into its deliveries; batch_id.

    Raises psycopg2.errors.UniqueViolation if the content was parsed under this contract version already.
    """
    columns = {
        "feed": content.feed, "resource": content.resource, "content_key": content.content_key,
        "sha256": content.sha256, "file_name": content.file_name, "contract_version": contract_version,
        "partition": content.partition or "", "period_start": content.period_start, "period_end": content.period_end,
        "status": status, **columns,
    }  # fmt: skip
    names = ", ".join(columns)
    marks = ", ".join(["%s"] * len(columns))
    row = _one(
        connection,
        f"insert into ops.batch ({names}) values ({marks}) returning batch_id",  # noqa: S608
        *columns.values(),
    )
    _run(
        connection,
        "update ops.delivery set partition = coalesce(%s, partition), period_start = coalesce(%s, period_start), "
        "period_end = coalesce(%s, period_end) "
        "where feed = %s and resource = %s and content_key = %s and sha256 = %s",
        content.partition, content.period_start, content.period_end,
        content.feed, content.resource, content.content_key, content.sha256,
    )  # fmt: skip
    return int(row["batch_id"])


def finish_batch(connection: Connection, batch_id: int, **columns: Any) -> None:
    """Set columns of a batch that was just written, and repeat its partition and period on its deliveries."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    _run(
        connection,
        f"update ops.batch set {assignments} where batch_id = %s",  # noqa: S608
        *columns.values(), batch_id,
    )  # fmt: skip
    _run(
        connection,
        "update ops.delivery d set partition = b.partition, period_start = b.period_start, period_end = b.period_end "
        "from ops.batch b where b.batch_id = %s and d.feed = b.feed and d.resource = b.resource "
        "and d.content_key = b.content_key and d.sha256 = b.sha256",
        batch_id,
    )


def name_resource(connection: Connection, content: Content, resource: str) -> None:
    """Say which resource a content is of, once its header has told; its deliveries and its rejected batches follow.

    Where the same was stated of that resource already, nothing needs to be said again.
    """
    for table, is_same in (("delivery", "vintage_at"), ("batch", "contract_version")):
        _run(
            connection,
            f"update ops.{table} t set resource = %s "  # noqa: S608
            "where t.feed = %s and t.resource = %s and t.content_key = %s and t.sha256 = %s and not exists ("
            f"select 1 from ops.{table} o where o.feed = t.feed and o.resource = %s "
            f"and o.content_key = t.content_key and o.sha256 = t.sha256 and o.{is_same} = t.{is_same})",
            resource, content.feed, content.resource, content.content_key, content.sha256, resource,
        )  # fmt: skip


def batch_of_content(connection: Connection, content: Content, contract_version: int) -> int | None:
    """The batch of a content under one contract version; None if it was not parsed under it."""
    row = _maybe(
        connection,
        "select batch_id from ops.batch where feed = %s and resource = %s and content_key = %s and sha256 = %s "
        "and contract_version = %s",
        content.feed, content.resource, content.content_key, content.sha256, contract_version,
    )  # fmt: skip
    return int(row["batch_id"]) if row else None


def last_asked_on(connection: Connection, by: datetime) -> date | None:
    """The last day, by the platform's clock, on which anyone was asked by this instant."""
    last: date | None = _one(connection, "select max(asked_on) as day from ops.attempt where started_at <= %s", by)[
        "day"
    ]
    return last


def note_today(connection: Connection, today: date | None) -> None:
    """The platform's day, where it is not the wall clock's."""
    with connection.cursor() as cursor:
        if today is None:
            cursor.execute("delete from ops.clock")
        else:
            cursor.execute(
                "insert into ops.clock (today) values (%s) on conflict (is_the_one) "
                "do update set today = excluded.today where ops.clock.today <> excluded.today",
                (today,),
            )


def newest_vintage(connection: Connection) -> datetime | None:
    """The newest vintage that any partner stated."""
    row = _one(connection, "select max(vintage_at) as newest from ops.delivery")
    newest: datetime | None = row["newest"]
    return newest


def _states(connection: Connection, sql: str, *values: Any) -> list[BatchState]:
    return [
        BatchState(
            row["batch_id"], row["feed"], row["resource"], row["partition"], row["period_start"], row["period_end"],
            row["sha256"], row["status"], row["reason"], row["file_name"], row["rows_parsed"], row["rows_quarantined"],
            row["audited_at"] is not None,
        )
        for row in _all(connection, sql, *values)
    ]  # fmt: skip


def _all(connection: Connection, sql: str, *values: Any) -> list[dict[str, Any]]:
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(sql, values)
        return [dict(row) for row in cursor.fetchall()]


def _maybe(connection: Connection, sql: str, *values: Any) -> dict[str, Any] | None:
    rows = _all(connection, sql, *values)
    return rows[0] if rows else None


def _one(connection: Connection, sql: str, *values: Any) -> dict[str, Any]:
    (row,) = _all(connection, sql, *values)
    return row


def _run(connection: Connection, sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
