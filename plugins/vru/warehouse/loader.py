"""Fast loading into schema `raw`, and of what went to quarantine; the transaction is the caller's.

The next chunk is parsed and written for COPY in a thread while the server takes in the present one: COPY keeps
the server busy and its caller waiting, so both run side by side. Memory is bounded by a few chunks.
"""

from __future__ import annotations

import io
import itertools
import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

if TYPE_CHECKING:
    from vru.parsing.model import Chunk, NulledCell, Reject

AHEAD = 2
"""Chunks that may wait, written, for the server."""
READ_BYTES = 1 << 16
QUARANTINE_ROWS = 5_000
"""Rows of quarantine that are written as one piece."""

TIMESTAMP = "%Y-%m-%dT%H:%M:%S%.6f%:z"

T = TypeVar("T")
R = TypeVar("R")


def copy_chunks(connection: Connection, table: str, batch_id: int, chunks: Iterable[Chunk]) -> int:
    """Append chunks to `raw.<table>` as rows of one batch, what was refused of each after it; the number of rows.

    `chunks` is iterated in another thread, so it must not use the connection. What it raises is raised here; the
    transaction is then the caller's to roll back. Raises psycopg2.Error if the server refuses. Memory stays bounded
    even if every row of a large file is rejected.
    """
    rows = 0
    for chunk, written in _ahead(chunks, lambda chunk: (chunk, _written(batch_id, chunk.frame))):
        _copy(connection, "raw", table, ["batch_id", *chunk.frame.columns], written)
        copy_rejects(connection, batch_id, chunk.rejects)
        copy_nulled(connection, batch_id, chunk.nulled)
        rows += chunk.frame.height
    return rows


def copy_rejects(connection: Connection, batch_id: int, rejects: Iterable[Reject]) -> int:
    """Append rejects to `quarantine.row`, stage 'parse'; the number. A NUL, which jsonb has not, becomes U+2400."""
    columns = ["batch_id", "line_number", "part", "column_name", "check_id", "stage", "reason", "record"]
    columns += ["unit_first", "unit_last"]
    rows = (
        (batch_id, r.line_number, r.part, r.column, r.code, "parse", r.reason,
         json.dumps(r.record, ensure_ascii=False), *(r.days or (None, None)))
        for r in rejects
    )  # fmt: skip
    return _copy_rows(connection, "row", columns, rows)


def copy_nulled(connection: Connection, batch_id: int, nulled: Iterable[NulledCell]) -> int:
    """Append nulled cells to `quarantine.cell`; the number of them."""
    columns = ["batch_id", "line_number", "part", "column_name", "check_id", "reason", "received_value"]
    rows = ((batch_id, n.line_number, n.part, n.column, n.code, n.reason, n.received) for n in nulled)
    return _copy_rows(connection, "cell", columns, rows)


@dataclass(frozen=True)
class _Written:
    """Rows as the server reads them: the bytes, and the options of COPY under which they are to be read."""

    content: io.BytesIO
    options: str


def _written(batch_id: int, frame: pl.DataFrame) -> _Written:
    """The frame with the batch in front, in COPY's text format, which the server reads fastest.

    That format would need escapes where a cell holds a backslash, tab or newline; such a frame is written as
    CSV instead. In CSV an unquoted empty cell is null; parsed frames hold no empty text.
    """
    rows = frame.select(pl.lit(batch_id).alias("batch_id"), pl.all())
    out = io.BytesIO()
    rows.write_csv(
        out, include_header=False, datetime_format=TIMESTAMP, separator="\t", quote_style="never", null_value="\\N"
    )
    if _is_plain(rows, np.frombuffer(out.getbuffer(), np.uint8)):
        out.seek(0)
        return _Written(out, "format text")
    out = io.BytesIO()
    rows.write_csv(out, include_header=False, datetime_format=TIMESTAMP)
    out.seek(0)
    return _Written(out, "format csv")


def _is_plain(rows: pl.DataFrame, content: NDArray[np.uint8]) -> bool:
    """Whether the only control characters and backslashes are those that part the cells and mark the nulls."""
    nulls = sum(rows[name].null_count() for name in rows.columns)
    return bool(
        np.count_nonzero(content < ord(" ")) == rows.height * rows.width
        and np.count_nonzero(content == ord("\\")) == nulls
    )


def _copy(connection: Connection, schema: str, table: str, columns: list[str], written: _Written) -> None:
    statement = sql.SQL("copy {} ({}) from stdin ({})").format(
        sql.Identifier(schema, table), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(written.options)
    )
    with connection.cursor() as cursor:
        cursor.copy_expert(statement, written.content, size=READ_BYTES)


def _copy_rows(connection: Connection, table: str, columns: list[str], rows: Iterator[tuple[object, ...]]) -> int:
    count = 0
    while part := list(itertools.islice(rows, QUARANTINE_ROWS)):
        content = io.BytesIO("\n".join(",".join(map(_cell, row)) for row in part).encode() + b"\n")
        _copy(connection, "quarantine", table, columns, _Written(content, "format csv"))
        count += len(part)
    return count


def _cell(value: object) -> str:
    """One cell, always quoted, so that an empty text is not taken for null; nothing at all is null."""
    if value is None:
        return ""
    return '"' + str(value).replace("\\u0000", "\u2400").replace("\x00", "\u2400").replace('"', '""') + '"'


def _ahead(items: Iterable[T], prepare: Callable[[T], R]) -> Iterator[R]:
    """`prepare(item)` for each item, made in a thread that runs at most AHEAD items ahead."""
    ready: queue.Queue[R | BaseException | None] = queue.Queue(maxsize=AHEAD)
    stopped = threading.Event()

    def put(item: R | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def produce() -> None:
        try:
            for item in items:
                put(prepare(item))
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
            put(error)

    producer = threading.Thread(target=produce, name="parse ahead", daemon=True)
    producer.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        producer.join()
