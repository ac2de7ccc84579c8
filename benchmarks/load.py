"""The load, from local disk to admitted, beside a bare COPY of the same file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks import made, state
from benchmarks.figures import PAIRS, Figure, in_turns, ratio, seconds

FEED = "police_uk_street"
ROWS = 1_000_000
TO_SQL_ROWS = 100_000
HEADERS = 12


def figures() -> list[Figure]:
    """One pair on each of five fresh warehouses."""
    file = made.street_file("2022-03", ROWS)
    from vru.quality import gate  # noqa: F401 # imports are no part of the load

    pairs, to_sql = [], []
    for number in range(PAIRS):
        with state.fresh():
            _make_table()
            pairs.append(in_turns(number, lambda: _admit(file), lambda: _copy(file)))
            if not number:
                to_sql.append(_to_sql(file))
    value, context = ratio(pairs)
    copy = sorted(theirs for _, theirs in pairs)[PAIRS // 2]
    context |= {
        "rows": ROWS,
        "file_mb": round(file.stat().st_size / 1e6),
        "copy_rows_per_s": round(ROWS / copy),
        "load_rows_per_s": round(ROWS / sorted(ours for ours, _ in pairs)[PAIRS // 2]),
        "pandas_to_sql_rows_per_s": round(TO_SQL_ROWS / to_sql[0]),
        "pandas_to_sql_to_copy": round(to_sql[0] * ROWS / TO_SQL_ROWS / copy, 1),
    }
    return [Figure("load_to_copy", value, context)]


def _admit(file: Path) -> float:
    """Seconds from the file on disk to its rows admitted, without those of Great Expectations."""
    from vru import pipeline
    from vru.profile import Source

    state.checkpoint()

    def run() -> None:
        fetched = pipeline.fetch(FEED, Source("files"), file=file)
        fetched.check()
        pipeline.parse(FEED, fetched.deliveries).check()
        pipeline.audit(FEED, fetched.deliveries).check()
        if len(pipeline.admit(FEED).batches) != 1:
            raise RuntimeError(f"{file.name} was not admitted")

    with gate_clock() as gate_seconds:
        whole = seconds(run)
    return whole - sum(gate_seconds)


@contextmanager
def gate_clock() -> Iterator[list[float]]:
    """Collects the seconds of every call of the gate."""
    from vru.quality import gate

    taken: list[float] = []
    run = gate.run

    def timed(*arguments: object) -> object:
        started = time.perf_counter()
        try:
            return run(*arguments)  # type: ignore[arg-type]
        finally:
            taken.append(time.perf_counter() - started)

    with mock.patch.object(gate, "run", timed):
        yield taken


def _make_table() -> None:
    columns = ", ".join(f"c{number} text" for number in range(HEADERS))
    with state.connected() as connection, connection.cursor() as cursor:
        cursor.execute(f"create schema bench; create table bench.street ({columns})")


def _copy(file: Path) -> float:
    state.checkpoint()
    with state.connected() as connection, connection.cursor() as cursor, file.open("rb") as content:

        def run() -> None:
            cursor.copy_expert("copy bench.street from stdin (format csv, header)", content)
            connection.commit()

        return seconds(run)


def _to_sql(file: Path) -> float:
    import pandas as pd
    from vru.warehouse.engine import engine

    frame = pd.read_csv(file, nrows=TO_SQL_ROWS, dtype=str)
    state.checkpoint()
    with engine("migrator").begin() as connection:
        return seconds(lambda: frame.to_sql("street_to_sql", connection, schema="bench", index=False))
