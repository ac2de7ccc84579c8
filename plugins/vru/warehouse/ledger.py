"""The ledger of what was received: attempts, deliveries, contents and their batches.

Every function takes a psycopg2 connection of role `loader` and leaves the transaction to its caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from vru.received import Content, Received


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsable(Content):
    """A content that is to be parsed."""

    content_id: int


@dataclass(frozen=True, slots=True)
class BatchState:
    """Where a batch stands; `file_name` is the name under which its content first came."""

    batch_id: int
    feed: str
    file_name: str
    status: str
    reason: str
    is_audited: bool


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


def stamp(connection: Connection) -> datetime:
    """An instant at which something is received."""
    now: datetime = _one(connection, "select ops.stamp() as now")["now"]
    return now


def record_delivery(connection: Connection, feed: str, stated: Received, received_at: datetime) -> tuple[int, bool]:
    """Keep what the partner stated; (delivery_id, whether it says anything new). `received_at` is a `stamp`.

    The same content with the same vintage is one delivery, and an undated repeat of the content that is current
    adds nothing but what it says of it for the first time: rows announced, a proof that the file is whole, another
    name. A content is recognised under another file name by its bytes.
    """
    content_id = _content_of(connection, feed, stated)
    if content_id is None:
        content_id = _record_content(connection, feed, stated)
    else:
        _state_more(connection, content_id, stated)
    if stated.vintage_at is None and (current := _current_delivery(connection, content_id)) is not None:
        return current, _say_later(connection, current, stated)
    row = _maybe(
        connection,
        """
        insert into ops.delivery (
            content_id, vintage_at, vintage_source, received_at, manifest_line, manifest_rows, source_rows, is_whole,
            source_url, file_name, size_bytes, warning
        )
        values (
            %(content)s, least(coalesce(%(vintage)s, %(now)s), %(now)s), %(source)s, %(now)s, %(line)s, %(rows)s,
            %(source_rows)s, %(whole)s, %(url)s, %(name)s, %(size)s, %(warning)s
        )
        on conflict (content_id, vintage_at) do nothing
        returning delivery_id
        """,
        {"content": content_id, "vintage": stated.vintage_at, "now": received_at, "source": stated.vintage_source,
         "line": stated.manifest_line, "rows": stated.manifest_rows, "source_rows": stated.source_rows,
         "whole": stated.is_whole,
         "url": stated.source_url, "name": stated.file_name, "size": stated.size_bytes, "warning": stated.warning},
    )  # fmt: skip
    if row:
        return int(row["delivery_id"]), True
    same = _one(
        connection,
        "select delivery_id from ops.delivery where content_id = %s and (vintage_at = %s or %s is null) "
        "order by delivery_id desc limit 1",
        content_id, stated.vintage_at, stated.vintage_at,
    )  # fmt: skip
    return int(same["delivery_id"]), _say_later(connection, int(same["delivery_id"]), stated)


def _say_later(connection: Connection, delivery_id: int, stated: Received) -> bool:
    """Keep what is said of a known delivery and was not said before; whether there is any."""
    found = _maybe(
        connection,
        """
        insert into ops.said_later (delivery_id, manifest_rows, is_whole, source_url, file_name)
        select s.delivery_id, %(rows)s, nullif(%(whole)s, false), %(url)s, %(name)s
        from ops.said s
        where s.delivery_id = %(delivery)s and (
            %(rows)s is not null and %(rows)s is distinct from s.manifest_rows
            or %(whole)s and not s.is_whole
            or not exists (
                select 1 from ops.content_name n where n.content_id = s.content_id and n.file_name = %(name)s
            )
        )
        returning said_later_id
        """,
        {"delivery": delivery_id, "rows": stated.manifest_rows, "whole": bool(stated.is_whole),
         "url": stated.source_url, "name": stated.file_name},
    )  # fmt: skip
    return found is not None


def _state_more(connection: Connection, content_id: int, stated: Received) -> None:
    """Add resource, partition and period to what is stated of a content that was never read, for want of these perhaps.

    What was rejected is then read again, also under the names that were tried.
    """
    more = _maybe(
        connection,
        """
        update ops.content c
        set resource = coalesce(nullif(c.resource, ''), %(resource)s),
            partition = coalesce(nullif(c.partition, ''), %(partition)s, ''),
            period_start = coalesce(c.period_start, %(start)s), period_end = coalesce(c.period_end, %(end)s)
        where c.content_id = %(content)s and c.refusal = ''
          and (c.resource = '' and %(resource)s <> '' or c.partition = '' and %(partition)s <> ''
               or c.period_start is null and %(start)s::date is not null)
          and not exists (select 1 from ops.batch b where b.content_id = c.content_id and b.status <> 'rejected')
          and not exists (
              select 1 from ops.content o
              where o.feed = c.feed and o.sha256 = c.sha256 and o.content_id <> c.content_id
                and o.resource in (c.resource, %(resource)s)
          )
        returning content_id
        """,
        {"content": content_id, "resource": stated.resource or "", "partition": stated.partition,
         "start": stated.period_start, "end": stated.period_end},
    )  # fmt: skip
    if more is not None:
        _run(connection, "update ops.batch set names_tried = '{}' where content_id = %s", content_id)


def is_restated_since(connection: Connection, feed: str, since: datetime) -> bool:
    """Whether a content that counts was stated at this instant or later, or began or ceased to count then."""
    return bool(
        _all(
            connection,
            "select from ops.delivery d join ops.batch b using (content_id) "
            "where b.feed = %(feed)s and d.received_at >= %(since)s and b.status = 'admitted' "
            "union all select from ops.said_later l join ops.delivery d using (delivery_id) "
            "join ops.batch b using (content_id) where b.feed = %(feed)s and l.said_at >= %(since)s limit 1",
            {"feed": feed, "since": since},
        )
    )  # fmt: skip


def _content_of(connection: Connection, feed: str, stated: Received) -> int | None:
    """The content with exactly this stated of it, else the first of the same bytes that nothing stated contradicts.

    What is not stated of an earlier content is as its newest parse read it.
    """
    row = _maybe(
        connection,
        """
        select c.content_id
        from ops.content c
        left join lateral (
            select b.partition, b.period_start, true as is_read from ops.batch b
            where b.content_id = c.content_id and b.status <> 'rejected'
            order by b.contract_version desc limit 1
        ) r on true
        cross join lateral (
            select (c.resource, c.partition, c.period_start, c.period_end) is not distinct from
                (%(resource)s, coalesce(%(partition)s, ''), %(start)s::date, %(end)s::date) as is_same
        ) s
        where c.feed = %(feed)s and c.sha256 = %(sha256)s
          -- a name may tell the resource that another did not
          and (c.resource = %(resource)s
               or not %(is_refused)s and (%(resource)s = '' or c.resource = '' and r.is_read is null))
          and (c.refusal <> '') = %(is_refused)s
          and (s.is_same or not %(is_refused)s
              and (%(partition)s::text is null or coalesce(r.partition, c.partition) in ('', %(partition)s))
              and (%(start)s::date is null or c.period_start is null and (
                  r.period_start = %(start)s::date or r.is_read is null)))
        order by s.is_same desc, c.content_id
        limit 1
        """,
        _stated(feed, stated),
    )
    return None if row is None else int(row["content_id"])


def _record_content(connection: Connection, feed: str, stated: Received) -> int:
    row = _one(
        connection,
        """
        insert into ops.content (
            feed, resource, partition, period_start, period_end, sha256, container_sha256, member_name, refusal
        )
        values (
            %(feed)s, %(resource)s, coalesce(%(partition)s, ''), %(start)s, %(end)s, %(sha256)s, %(container)s,
            %(member)s, %(refusal)s
        )
        returning content_id
        """,
        {**_stated(feed, stated), "container": stated.container_sha256, "member": stated.member_name,
         "refusal": stated.refusal},
    )  # fmt: skip
    return int(row["content_id"])


def _current_delivery(connection: Connection, content_id: int) -> int | None:
    """The newest delivery of all that is stated of the same place, if it is of this content, else None.

    The same place is the same resource, partition and period; of other contents only those that count matter.
    """
    row = _maybe(
        connection,
        """
        select d.delivery_id, d.content_id
        from ops.content c
        join ops.content o
          on o.feed = c.feed and o.resource = c.resource and o.partition = c.partition
         and (o.period_start, o.period_end) is not distinct from (c.period_start, c.period_end)
         and (o.refusal <> '') = (c.refusal <> '')
        join ops.delivery d on d.content_id = o.content_id
        where c.content_id = %s
          and (o.content_id = c.content_id or exists (
              select 1 from ops.batch b where b.content_id = o.content_id and b.status = 'admitted'
          ))
        order by d.vintage_at desc, d.manifest_line desc nulls last, d.received_at desc, d.delivery_id desc limit 1
        """,
        content_id,
    )
    return int(row["delivery_id"]) if row and row["content_id"] == content_id else None


_PARSABLE = """
    c.content_id, c.resource, nullif(c.partition, '') as partition, c.period_start, c.period_end, c.sha256,
    c.container_sha256, c.member_name, c.refusal
"""


def contents_to_parse(connection: Connection, feed: str) -> list[Parsable]:
    """Contents that were delivered and never parsed, in order of vintage, manifest line and arrival.

    One that was rejected is among them where it has come under a name under which it was not tried.
    """
    return [
        Parsable(**row)
        for row in _all(
            connection,
            f"""
            select {_PARSABLE}, n.file_name
            from ops.content c
            left join lateral (
                select * from ops.batch x where x.content_id = c.content_id order by x.contract_version desc limit 1
            ) b on true
            cross join lateral (
                select * from ops.delivery x where x.content_id = c.content_id
                order by x.vintage_at, x.manifest_line nulls last, x.delivery_id limit 1
            ) d
            cross join lateral (
                select x.file_name from ops.content_name x
                where x.content_id = c.content_id and x.file_name <> all(coalesce(b.names_tried, '{{}}'))
                order by x.file_name <> d.file_name, x.file_name limit 1
            ) n
            where c.feed = %s and (b.batch_id is null or b.status = 'rejected' and c.refusal = '')
            order by d.vintage_at, d.manifest_line nulls last, d.delivery_id
            """,  # noqa: S608
            feed,
        )
    ]


def contents_of_deliveries(connection: Connection, delivery_ids: Sequence[int]) -> list[Parsable]:
    """The contents of these deliveries, each once, in order of vintage, manifest line and arrival."""
    return [
        Parsable(**row)
        for row in _all(
            connection,
            f"""
            select {_PARSABLE}, d.file_name
            from ops.content c
            cross join lateral (
                select * from ops.delivery x where x.content_id = c.content_id and x.delivery_id = any(%s)
                order by x.vintage_at, x.manifest_line nulls last, x.delivery_id limit 1
            ) d
            order by d.vintage_at, d.manifest_line nulls last, d.delivery_id
            """,  # noqa: S608
            list(delivery_ids),
        )
    ]


def set_aside(connection: Connection, content_id: int, contract_version: int) -> BatchState | None:
    """Let a content be parsed once more under this version, in a transaction that nobody commits; its batch so far."""
    found = _states(
        connection,
        "update ops.batch b set contract_version = - b.batch_id where content_id = %s and contract_version = %s "
        "returning b.*",
        content_id, contract_version,
    )  # fmt: skip
    return found[0] if found else None


def contents_to_replay(connection: Connection, feed: str, version: int, batch_id: int | None = None) -> list[Parsable]:
    """Contents that were parsed, but not yet under this contract version; one batch's content if given."""
    return [
        Parsable(**row)
        for row in _all(
            connection,
            f"""
            select {_PARSABLE}, b.file_name
            from ops.content c
            cross join lateral (
                select * from ops.batch x where x.content_id = c.content_id order by x.contract_version desc limit 1
            ) b
            where c.feed = %s and b.contract_version < %s and c.refusal = ''
              and (%s::bigint is null or c.content_id = (select x.content_id from ops.batch x where x.batch_id = %s))
            order by b.batch_id
            """,  # noqa: S608
            feed, version, batch_id, batch_id,
        )
    ]  # fmt: skip


def batches_of_deliveries(connection: Connection, delivery_ids: Sequence[int]) -> list[BatchState]:
    """Newest batch of the content of each of these deliveries."""
    return _states(
        connection,
        """
        select distinct on (b.content_id) b.*
        from ops.batch b join ops.delivery d using (content_id)
        where d.delivery_id = any(%s)
        order by b.content_id, b.contract_version desc
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
            from ops.delivery d join ops.content c using (content_id)
            where c.feed = %s and (c.sha256 = %s or c.container_sha256 = %s)
            group by c.content_id
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
            where d.content_id = b.content_id
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


def record_batch(connection: Connection, content: Parsable, contract_version: int, status: str, **columns: Any) -> int:
    """Write the batch of a content, with what is stated of partition and period; batch_id.

    One that was rejected under this contract version and is read again, under another name, stays the same batch.
    Raises psycopg2.errors.UniqueViolation if the content was parsed under this contract version already.
    """
    columns = {
        "contract_version": contract_version, "status": status, "reason": "", "file_name": content.file_name, **columns,
    }  # fmt: skip
    again = _maybe(
        connection,
        "update ops.batch b set (partition, period_start, period_end) = (c.partition, c.period_start, c.period_end), "  # noqa: S608
        f"{', '.join(f'{name} = %s' for name in columns)}, names_tried = b.names_tried || %s::text, "
        "parsed_at = clock_timestamp() from ops.content c "
        "where c.content_id = b.content_id and b.content_id = %s and b.contract_version = %s and b.status = 'rejected' "
        "returning b.batch_id",
        *columns.values(), content.file_name, content.content_id, contract_version,
    )  # fmt: skip
    if again is not None:
        return int(again["batch_id"])
    columns["names_tried"] = [content.file_name]
    row = _one(
        connection,
        "insert into ops.batch (content_id, feed, resource, sha256, partition, period_start, period_end, "  # noqa: S608
        f"{', '.join(columns)}) select c.content_id, c.feed, c.resource, c.sha256, c.partition, c.period_start, "
        f"c.period_end, {', '.join(['%s'] * len(columns))} from ops.content c where c.content_id = %s "
        "returning batch_id",
        *columns.values(), content.content_id,
    )  # fmt: skip
    return int(row["batch_id"])


def finish_batch(connection: Connection, batch_id: int, **columns: Any) -> None:
    """Set columns of a batch that was just written."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    _run(
        connection,
        f"update ops.batch set {assignments} where batch_id = %s",  # noqa: S608
        *columns.values(), batch_id,
    )  # fmt: skip


def name_resource(connection: Connection, content: Parsable, resource: str) -> int:
    """Say which resource a content is of, once its header has told; the content's number, which may be another.

    Where the same bytes came under a name that told their resource, they are that content: what was stated of them
    without it is stated of that one too, and so are batches of contract versions under which it was not parsed.
    """
    known = _maybe(
        connection,
        "select o.content_id from ops.content c join ops.content o on o.feed = c.feed and o.resource = %s "
        "and o.sha256 = c.sha256 and o.partition = c.partition and (o.refusal <> '') = (c.refusal <> '') "
        "and (o.period_start, o.period_end) is not distinct from (c.period_start, c.period_end) "
        "where c.content_id = %s",
        resource, content.content_id,
    )  # fmt: skip
    if known is None:
        _run(connection, "update ops.content set resource = %s where content_id = %s", resource, content.content_id)
        return content.content_id
    same = known["content_id"]
    for table, is_same in (("delivery", "vintage_at"), ("batch", "contract_version")):
        also = "" if table == "delivery" else ", resource = %(resource)s"
        _run(
            connection,
            f"update ops.{table} t set content_id = %(same)s{also} where t.content_id = %(content)s "  # noqa: S608
            f"and not exists (select 1 from ops.{table} o where o.content_id = %(same)s and o.{is_same} = t.{is_same})",
            {"same": same, "content": content.content_id, "resource": resource},
        )
    _run(
        connection,
        "insert into ops.said_later (delivery_id, manifest_rows, is_whole, source_url, file_name) "
        "select o.delivery_id, t.manifest_rows, t.is_whole, t.source_url, t.file_name from ops.delivery t "
        "join ops.delivery o on o.content_id = %s and o.vintage_at = t.vintage_at "
        "where t.content_id = %s and (t.manifest_rows is not null or t.is_whole)",
        same, content.content_id,
    )  # fmt: skip
    _run(connection, "delete from ops.delivery where content_id = %s", content.content_id)
    return int(same)


def held_deliveries(connection: Connection, delivery_ids: Sequence[int]) -> list[tuple[int, str, str]]:
    """Which of these deliveries do not count although their content does: batch_id, file name and why."""
    return [
        (row["batch_id"], row["file_name"], row["reason"])
        for row in _all(
            connection,
            """
            select distinct on (d.delivery_id) b.batch_id, d.file_name, h.reason
            from ops.held_deliveries() h
            join ops.delivery d on d.delivery_id = h.delivery_id
            join ops.batch b on b.content_id = d.content_id and b.status = 'admitted'
            where d.delivery_id = any(%s)
            order by d.delivery_id, b.contract_version desc
            """,
            list(delivery_ids),
        )
    ]


def batch_of_content(connection: Connection, content_id: int, contract_version: int) -> int | None:
    """The batch of a content under one contract version; None if it was not parsed under it."""
    row = _maybe(
        connection,
        "select batch_id from ops.batch where content_id = %s and contract_version = %s",
        content_id, contract_version,
    )  # fmt: skip
    return int(row["batch_id"]) if row else None


def _states(connection: Connection, sql: str, *values: Any) -> list[BatchState]:
    return [
        BatchState(
            row["batch_id"], row["feed"], row["file_name"], row["status"], row["reason"], row["audited_at"] is not None
        )
        for row in _all(connection, sql, *values)
    ]  # fmt: skip


def _stated(feed: str, stated: Received) -> dict[str, Any]:
    """What makes a content, as parameters."""
    return {
        "feed": feed, "resource": stated.resource or "", "partition": stated.partition, "start": stated.period_start,
        "end": stated.period_end, "sha256": stated.sha256, "is_refused": bool(stated.refusal),
    }  # fmt: skip


def _all(connection: Connection, sql: str, *values: Any) -> list[dict[str, Any]]:
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(sql, _bound(values))
        return [dict(row) for row in cursor.fetchall()]


def _maybe(connection: Connection, sql: str, *values: Any) -> dict[str, Any] | None:
    rows = _all(connection, sql, *values)
    return rows[0] if rows else None


def _one(connection: Connection, sql: str, *values: Any) -> dict[str, Any]:
    (row,) = _all(connection, sql, *values)
    return row


def _run(connection: Connection, sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, _bound(values))


def _bound(values: tuple[Any, ...]) -> Any:
    """Parameters by name, if one dictionary is given, else by place."""
    return values[0] if len(values) == 1 and isinstance(values[0], dict) else values
