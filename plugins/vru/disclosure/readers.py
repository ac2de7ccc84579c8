"""One connection of the publisher that sees one build from its first statement to its last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from vru.warehouse import locks


@contextmanager
def publisher(name: str) -> Iterator[Connection]:
    """A connection of role publisher that holds the readers' lock: no build is swapped in while it is open.

    Commits at the end, rolls back on an error, and always lets the lock go. Raises WarehouseError.
    """
    from vru.warehouse.engine import raw_connection

    connection = raw_connection("publisher", name=name)
    try:
        with connection.cursor() as cursor:
            locks.share(cursor, locks.READERS)
        connection.commit()
        connection.set_session(isolation_level="REPEATABLE READ")
        yield connection
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()  # also ends the session's advisory locks


def rows(connection: Connection, query: Any, values: Any = None) -> list[dict[str, Any]]:
    """All rows of ``query``, each as a dictionary by column name."""
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(query, values)
        return [dict(row) for row in cursor.fetchall()]
