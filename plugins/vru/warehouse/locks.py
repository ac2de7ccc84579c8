"""The advisory locks of the warehouse's database: their numbers, so that none is taken twice, and how they are taken.

A lock is a number, or a number and a name. `until_commit` goes with the transaction, whatever lies between us and the
server. `take` and `share` go with the session (`let_go` gives one back earlier, and so does the end of our process):
they need a connection of their own to the server, never one of a pool in transaction mode (docs/adr/0028).
"""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor

BOOTSTRAP = 0x767275
"""One machine at a time sets up the roles of a server."""

MIGRATION = 7_656_001
"""One process at a time migrates."""

FEED = 7_656_002
"""With a feed's slug: one process at a time notes, parses, audits, admits or decides about deliveries of it."""

READERS = 7_656_003
"""Readers of many statements (report, publish, backup) hold it shared; the swap takes it alone."""

LEDGER = 7_656_004
"""Writers of an instant that counts for W hold it shared until they commit (`ops.stamp`); `ops.settled_now` waits."""

ADDRESS = 7_656_005
"""With an address: one process at a time asks one that several feeds or runs share."""

MAIL = 7_656_006
"""One process at a time sends mail."""

HEADLESS = 7_656_007
"""Processes that run DAGs without a scheduler hold it shared; one that gets it alone knows that no other lives."""

PUBLISH = 7_656_008
"""One process at a time publishes: each must have seen what the one before released."""


def until_commit(cursor: Cursor, lock: int, name: str | None = None) -> None:
    """Wait for the lock, and hold it alone until the transaction ends."""
    _call(cursor, "pg_advisory_xact_lock", lock, name)


def share_until_commit(cursor: Cursor, lock: int) -> None:
    """Wait for the lock, and hold it with others who share it until the transaction ends."""
    _call(cursor, "pg_advisory_xact_lock_shared", lock, None)


def take(cursor: Cursor, lock: int, name: str | None = None) -> None:
    """Wait for the lock, and hold it alone until `let_go` or the end of the session."""
    _call(cursor, "pg_advisory_lock", lock, name)


def take_if_free(cursor: Cursor, lock: int) -> bool:
    """As `take`, but without waiting; whether it is ours."""
    return _call(cursor, "pg_try_advisory_lock", lock, None) is True


def share(cursor: Cursor, lock: int) -> None:
    """Wait for the lock, and hold it with others who share it until the end of the session."""
    _call(cursor, "pg_advisory_lock_shared", lock, None)


def let_go(cursor: Cursor, lock: int, name: str | None = None) -> None:
    """Give back what `take` took."""
    _call(cursor, "pg_advisory_unlock", lock, name)


def _call(cursor: Cursor, function: str, lock: int, name: str | None) -> object:
    keys, values = ("%s", (lock,)) if name is None else ("%s, hashtext(%s)", (lock, name))
    cursor.execute(f"select {function}({keys})", values)
    (answer,) = cursor.fetchone() or (None,)
    return answer
