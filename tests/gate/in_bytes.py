"""Damaged files as bytes: damaged rows written as their partner would, and damages that rows cannot show."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor
from vru import pipeline
from vru.contracts.columns import Column

from tests.faults.feed import spelled, written
from tests.gate.bench import DAMAGED
from tests.gate.subject import Subject


def original(connection: Connection, batch_id: int) -> tuple[str, bytes]:
    """Name and bytes of a sound file."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select b.file_name, c.sha256, c.container_sha256, c.member_name from ops.batch b join ops.content c "
            "using (content_id) where b.batch_id = %s",
            (batch_id,),
        )
        name, sha256, container, member = cursor.fetchone() or ("", "", None, None)
    store = pipeline.landing()
    with store.open_member(container, member) if container else store.open(sha256) as stream:
        return name, stream.read()


def rendered(connection: Connection, subject: Subject, content: bytes) -> bytes:
    """The damaged rows (`DAMAGED`) as a file with the header of the sound one."""
    with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(f"select * from {DAMAGED} order by ord, part")
        rows: list[Any] = cursor.fetchall()
    if content.lstrip()[:1] == b"{":
        return _features(subject, content, rows)
    header = next(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return written([header, *(_cells(subject, header, row) for row in rows)])


def _features(subject: Subject, content: bytes, rows: list[Any]) -> bytes:
    found = json.loads(content)
    header = list(found["features"][0]["properties"])
    found["features"] = [
        {
            "type": "Feature", "geometry": row.get("geometry"),
            "properties": {name: cell or None for name, cell in zip(header, _cells(subject, header, row), strict=True)},
        }
        for row in rows
    ]  # fmt: skip
    return json.dumps(found).encode()


def _cells(subject: Subject, header: list[str], row: Any) -> list[str]:
    return [_cell(subject, name, row) for name in header]


def _cell(subject: Subject, header: str, row: Any) -> str:
    """What stands under a header; a column under several headers gives each its part."""
    wanted = header.strip().lower()
    for column in subject.resource.columns:
        if wanted in spelled(column) and not column.month_of:
            return _said(column, row)
    for column in subject.resource.columns:
        for alias in column.aliases:
            names = [] if isinstance(alias, str) else [name.strip().lower() for name in alias]
            if wanted in names:
                return _said(column, row).split(" ")[names.index(wanted)]
    return ""


def _said(column: Column, row: Any) -> str:
    value = row[column.source_name or column.name]
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.strftime(column.formats[0])
    return str(value)


def joined(first: bytes, second: bytes) -> Iterator[tuple[str, bytes]]:
    """Two delimited files in one, by what became of the second's header."""
    rows = list(csv.reader(io.StringIO(second.decode("utf-8-sig"), newline="")))
    header, body = rows[0], rows[1:]
    head = first if first.endswith(b"\n") else first + b"\n"
    quoted = ",".join(f'"{name}"' for name in header).encode() + b"\n" + written(body)
    order = [*range(1, len(header)), 0]
    yield "header quoted", head + quoted
    yield "header in lower case", head + written([[name.lower() for name in header], *body])
    yield "header reordered", head + written([[row[i] for i in order] for row in rows])
    yield "no header", head + written(body)


def cut(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The file up to a byte: within a line, and at a line's end."""
    lines = content.splitlines(keepends=True)
    end = sum(map(len, lines[: len(lines) * 9 // 10]))
    yield "nine tenths", content[:end]
    yield "nine tenths and half a line", content[: end + len(lines[len(lines) * 9 // 10]) // 2]
