"""Only one build of a schema at a time: a row of ops.lease with a heartbeat, which outlives a task but not a process.

A second build waits. One that is dead is taken over: its sessions are ended first, so that nothing of it can still
write. While a step works the lease names the step's session, and is dead as soon as that has ended; between two steps,
which may be two processes, it is dead when its heartbeat is older than DEAD_SECONDS.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from vru.transform.errors import BuildError
from vru.warehouse.engine import raw_connection

log = logging.getLogger(__name__)

DEAD_SECONDS = 60
BEAT_SECONDS = 10
POLL_SECONDS = 0.5


def name(schema: str) -> str:
    """Name of the lease on building a schema."""
    return f"build:{schema}"


def session_name(build_id: int) -> str:
    """What pg_stat_activity shows for every session of a build."""
    return f"vru: build {build_id}"


def take(connection: Connection, schema: str) -> str:
    """Wait until nobody builds the schema, and hold the lease while this session lasts; the owner for what follows."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    waiting = False
    while not _try(connection, schema, owner):
        if not waiting:
            log.info("another build of %s is at work; waiting for it", schema)
            waiting = True
        time.sleep(POLL_SECONDS)
    return owner


def hand_over(connection: Connection, schema: str, owner: str, new_owner: str) -> None:
    """Give the lease to another owner, which may outlive this session. Raises BuildError if it was lost."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "update ops.lease set owner = %s, heartbeat_at = clock_timestamp(), session_pid = null, "
            "session_start = null where name = %s and owner = %s",
            (new_owner, name(schema), owner),
        )
        if cursor.rowcount != 1:
            raise _lost(schema)


def is_held(connection: Connection, schema: str, owner: str, *, or_free: bool = False) -> bool:
    """Beat once; whether the lease is the owner's. With ``or_free`` a lease that nobody holds is taken again."""
    with connection, connection.cursor() as cursor:
        if or_free:
            cursor.execute(
                "insert into ops.lease (name, owner, taken_at, heartbeat_at) "
                "values (%s, %s, clock_timestamp(), clock_timestamp()) on conflict (name) do nothing",
                (name(schema), owner),
            )
        cursor.execute(
            "update ops.lease set heartbeat_at = clock_timestamp() where name = %s and owner = %s",
            (name(schema), owner),
        )
        return cursor.rowcount == 1


def bind(connection: Connection, schema: str, owner: str) -> None:
    """From now on the lease lasts no longer than this session."""
    with connection, connection.cursor() as cursor:
        _bind(cursor, schema, owner)


def unbind(connection: Connection, schema: str, owner: str) -> None:
    """From now on the lease may outlive this session, by DEAD_SECONDS."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "update ops.lease set session_pid = null, session_start = null, heartbeat_at = clock_timestamp() "
            "where name = %s and owner = %s",
            (name(schema), owner),
        )


def release(connection: Connection, schema: str, owner: str) -> None:
    """Let go of the lease, if it is still the owner's."""
    with connection, connection.cursor() as cursor:
        cursor.execute("delete from ops.lease where name = %s and owner = %s", (name(schema), owner))


@contextmanager
def beating(schema: str, owner: str) -> Iterator[None]:
    """Keep the lease alive while the block runs. Raises BuildError at its end if the lease was lost meanwhile."""
    stop = threading.Event()
    lost = threading.Event()

    def beat() -> None:
        connection = None
        while not stop.wait(BEAT_SECONDS):
            try:
                connection = connection or raw_connection("transformer", name="heartbeat")
                if not is_held(connection, schema, owner):
                    lost.set()
                    return
            except psycopg2.Error:  # the server may be away for a moment; the next beat tries again
                connection = None
        if connection is not None:
            connection.close()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if lost.is_set():
        raise _lost(schema)


def end_sessions(cursor: Cursor, build_id: int) -> None:
    """End what dbt still runs for a build, so that nothing of it writes any more."""
    cursor.execute(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
        "where usename = current_user and application_name = %s and pid <> pg_backend_pid()",
        (session_name(build_id),),
    )


def _try(connection: Connection, schema: str, owner: str) -> bool:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.lease (name, owner, taken_at, heartbeat_at) "
            "values (%s, %s, clock_timestamp(), clock_timestamp()) on conflict (name) do nothing",
            (name(schema), owner),
        )
        if cursor.rowcount == 1:
            _bind(cursor, schema, owner)
            return True
        cursor.execute(
            "update ops.lease l set owner = %s, taken_at = clock_timestamp(), heartbeat_at = clock_timestamp(), "
            "session_pid = null, session_start = null "
            "where l.name = %s and (l.heartbeat_at < clock_timestamp() - %s "
            "or l.session_pid is not null and not exists ("
            "select from pg_stat_activity a where a.pid = l.session_pid and a.backend_start = l.session_start))",
            (owner, name(schema), timedelta(seconds=DEAD_SECONDS)),
        )
        if cursor.rowcount != 1:
            return False
        _bind(cursor, schema, owner)
        cursor.execute(
            "update ops.build set status = 'failed', finished_at = clock_timestamp(), "
            "reason = 'its process died; the next build took over' "
            "where schema_name = %s and status = 'running' returning build_id",
            (schema,),
        )
        for (build_id,) in cursor.fetchall():
            log.warning("build %d died; taking over", build_id)
            end_sessions(cursor, build_id)
        return True


def _bind(cursor: Cursor, schema: str, owner: str) -> None:
    cursor.execute(
        "update ops.lease l set session_pid = a.pid, session_start = a.backend_start from pg_stat_activity a "
        "where a.pid = pg_backend_pid() and l.name = %s and l.owner = %s",
        (name(schema), owner),
    )


def _lost(schema: str) -> BuildError:
    return BuildError(
        f"the lease on building {schema} was lost: another build found this one's session with the database ended, or "
        f"no heartbeat for {DEAD_SECONDS} seconds, and took over; nothing is left to do here"
    )
