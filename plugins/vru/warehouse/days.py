"""Which day it is by the ledger: of the newest vintage, of the last asking, of a batch; `vru.clock` rests on it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def last_asked_on(connection: Connection, by: datetime) -> date | None:
    """The last day, by the platform's clock, on which anyone was asked by this instant."""
    return _day(connection, "select max(asked_on) from ops.attempt where started_at <= %(by)s", by=by)


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


def newest_day(connection: Connection, admitted_at: datetime | None = None) -> date | None:
    """The London day of the newest vintage stated for an admitted file, by an instant; None where nothing is admitted.

    Where none is stated, the end of the newest admitted period.
    """
    return _day(
        connection,
        """
        with status_then as (
            select distinct on (s.batch_id) s.batch_id, s.status from ops.batch_status s
            where s.since <= coalesce(%(by)s, 'infinity'::timestamptz)
            order by s.batch_id, s.since desc, s.batch_status_id desc
        )
        select
            coalesce(
                (max(d.vintage_at) filter (where d.vintage_source <> 'received') at time zone 'Europe/London')::date,
                max(b.period_end)
            )
        from ops.batch b
        join status_then s on s.batch_id = b.batch_id and s.status = 'admitted'
        join ops.delivery d on d.content_id = b.content_id
        where d.received_at <= coalesce(%(by)s, 'infinity'::timestamptz)
        """,
        by=admitted_at,
    )


def stated_day(connection: Connection, batch_id: int) -> date | None:
    """The London day of the newest vintage of a batch's content, stated or not."""
    return _day(
        connection,
        "select (max(d.vintage_at) at time zone 'Europe/London')::date "
        "from ops.batch b join ops.delivery d on d.content_id = b.content_id where b.batch_id = %(batch)s",
        batch=batch_id,
    )


def _day(connection: Connection, sql: str, **values: Any) -> date | None:
    """The one day that a query gives."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchone()
    day: date | None = found[0] if found else None
    return day
