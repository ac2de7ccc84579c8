"""SQL as the read-only analyst."""

from __future__ import annotations

import csv
import subprocess
import sys
from typing import Any

import psycopg2

from vru.commands.output import show
from vru.reporting.spreadsheet import cell
from vru.warehouse.connections import psql_command
from vru.warehouse.engine import raw_connection


def query(text: str, *, as_csv: bool) -> str | None:
    """Run one query and print its rows; the server's message if it refused, else None."""
    connection = raw_connection("analyst", name="sql")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text)
            if cursor.description is None:
                return None
            header = [column.name for column in cursor.description]
            if as_csv:
                writer = csv.writer(sys.stdout)
                writer.writerow(map(cell, header))
                while rows := cursor.fetchmany(5000):
                    writer.writerows([cell(_spelt(value)) for value in row] for row in rows)
            else:
                _table(header, cursor.fetchall())
    except psycopg2.Error as error:
        return str(error).strip()
    finally:
        connection.close()
    return None


def interactive() -> int:
    """psql as the analyst; its exit code."""
    command, environment = psql_command("analyst")
    return subprocess.call(command, env=environment)


def _spelt(value: Any) -> Any:
    """PostgreSQL's own spelling of what Python spells differently."""
    if isinstance(value, bool):
        return "t" if value else "f"
    return value


def _table(header: list[str], rows: list[tuple[Any, ...]]) -> None:
    show(
        [dict(zip(header, map(_spelt, row), strict=True)) for row in rows],
        header,
        as_json=False,
        empty="(0 rows)",
    )
