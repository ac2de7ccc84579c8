"""What stops a run at one place: it needs there what we hold. Each is a context manager around what it is held for.

Entered, it gives a function that tells who waits for us: the session's name and its statement; None while nobody does.
"""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import psycopg2
from vru.warehouse import locks

from tests.faults.kills.state import State, until

KEY = 7_656_999
"""Of the advisory lock for which a trigger waits."""
_WAIT = f"""
create schema held;
create function held.wait() returns trigger language plpgsql security definer as
$$begin perform pg_advisory_xact_lock_shared({KEY}); return new; end$$;
"""
_AT_COMMIT = """
create constraint trigger held after {event} on {table} deferrable initially deferred for each row when ({when})
"""

Waiting = tuple[str, str]
Seen = Callable[[], Waiting | None]
Hold = Callable[[State], AbstractContextManager[Seen]]


class Gate:
    """A session of ours that holds something, and who waits for it."""

    def __init__(self, state: State) -> None:
        self._state, self._session = state, state.connect()
        self.pid = self._session.info.backend_pid

    def execute(self, statement: str) -> None:
        """Run a statement in the session."""
        with self._session.cursor() as cursor:
            cursor.execute(statement)

    def seen(self) -> Waiting | None:
        """Who waits for us."""
        found = self._state.rows(
            "select application_name, query from pg_stat_activity "
            "where wait_event_type = 'Lock' and %s = any(pg_blocking_pids(pid)) order by application_name",
            self.pid,
        )
        return (str(found[0][0]), str(found[0][1])) if found else None

    def open(self) -> None:
        """Hold nothing any more; the server may have been killed meanwhile."""
        with suppress(psycopg2.Error):
            self.execute("rollback; select pg_advisory_unlock_all()")


def row(table: str, when: str = "true", *, event: str = "insert") -> Hold:
    """Before the first row of a table that is written and fits `when`; `new` and `old` are the row."""
    return _seen(f"create trigger held before {event} on {table} for each row when ({when})")


def commit(table: str, when: str = "true", *, event: str = "insert") -> Hold:
    """In the commit of the first transaction that wrote a row which fits `when`."""
    return _seen(_AT_COMMIT.format(event=event, table=table, when=when))


def lock(table: str, mode: str) -> Hold:
    """Where a lock of the table is asked for that does not go with `mode`."""

    @contextmanager
    def hold(state: State) -> Iterator[Seen]:
        with _gate(state) as gate:
            gate.execute(f"begin; lock table {table} in {mode} mode")
            yield gate.seen

    return hold


def readers() -> Hold:
    """Where the swap waits for readers of many statements."""

    @contextmanager
    def hold(state: State) -> Iterator[Seen]:
        with _gate(state) as gate:
            gate.execute(f"select pg_advisory_lock_shared({locks.READERS})")
            yield gate.seen

    return hold


def reading(table: str, when: str) -> Hold:
    """Where a table is first read after the commit of a batch that fits `when`.

    While the commit waits for us, our lock of the table is queued; so it is ours before anyone can read the rows.
    """

    @contextmanager
    def hold(state: State) -> Iterator[Seen]:
        with (
            _waits(_AT_COMMIT.format(event="insert", table="ops.batch", when=when))(state) as committing,
            _gate(state) as gate,
        ):
            asked = threading.Thread(
                target=gate.execute, args=(f"begin; lock table {table} in access exclusive mode",), daemon=True
            )

            def seen() -> Waiting | None:
                if asked.ident is None and committing.seen() is not None:
                    asked.start()
                    until(lambda: state.rows("select 1 from pg_locks where pid = %s and not granted", gate.pid), "lock")
                    committing.open()
                return gate.seen() if asked.ident else None

            yield seen

    return hold


def download(path_glob: str, kind: str, feed: str) -> Hold:
    """In the middle of a body that the partner is slow to send, or never goes on sending."""

    @contextmanager
    def hold(state: State) -> Iterator[Seen]:
        state.sandbox.clear_requests()
        state.sandbox.clear_faults()
        state.sandbox.fault(path_glob, kind, seconds=600 if kind == "stall_mid_body" else 0.2, chunk=4096)

        def seen() -> Waiting | None:
            asked = any(fnmatch.fnmatchcase(path, path_glob) for _, path, _ in state.sandbox.requests)
            if not asked or not state.partial_files():
                return None
            mine = [(name, query) for name, _, query in state.sessions() if name == f"vru: fetch {feed}"]
            return mine[0] if mine else None

        try:
            yield seen
        finally:
            state.mend_partners()

    return hold


def _seen(trigger: str) -> Hold:
    @contextmanager
    def hold(state: State) -> Iterator[Seen]:
        with _waits(trigger)(state) as gate:
            yield gate.seen

    return hold


def _waits(trigger: str) -> Callable[[State], AbstractContextManager[Gate]]:
    """A trigger that waits for a lock of ours; nothing of it is left afterwards."""

    @contextmanager
    def hold(state: State) -> Iterator[Gate]:
        with state.connect().cursor() as cursor:
            cursor.execute(f"{_WAIT} {trigger} execute function held.wait()")
        with _gate(state) as gate:
            gate.execute(f"select pg_advisory_lock({KEY})")
            try:
                yield gate
            finally:
                gate.open()
                with state.connect().cursor() as cursor:
                    cursor.execute("drop schema held cascade")

    return hold


@contextmanager
def _gate(state: State) -> Iterator[Gate]:
    gate = Gate(state)
    try:
        yield gate
    finally:
        gate.open()
