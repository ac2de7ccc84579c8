"""The Great Expectations gate on a new batch, beside one hand-written SQL aggregate with the same checks."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from psycopg2.extras import RealDictCursor

from benchmarks import load, made, state
from benchmarks.figures import PAIRS, Figure, in_turns, ratio, seconds

AGGREGATE = Path(__file__).with_name("street_checks.sql")
MONTH = date(2022, 3, 1)
TODAY = date(2022, 5, 1)


def figures() -> list[Figure]:
    """Pairs on one parsed batch, after one of each that does not count."""
    from vru import pipeline
    from vru.profile import Source

    file = made.street_file(f"{MONTH:%Y-%m}", load.ROWS)
    with state.fresh():
        fetched = pipeline.fetch(load.FEED, Source("files"), file=file)
        (batch_id,) = pipeline.parse(load.FEED, fetched.deliveries).batches
        with state.connected() as connection, connection.cursor() as cursor:
            cursor.execute("analyze raw.police_uk_street")
        checks = _expectations(batch_id)
        _gate(batch_id, checks)
        _aggregate(batch_id, checks)
        pairs = [
            in_turns(number, lambda: _gate(batch_id, checks), lambda: _aggregate(batch_id, checks))
            for number in range(PAIRS + 2)
        ]
    value, context = ratio(pairs)
    return [
        Figure("gate_to_aggregate", value, {**context, "rows": load.ROWS, "checks": sorted(c.check_id for c in checks)})
    ]


def _expectations(batch_id: int) -> list[Any]:
    from vru.quality.batch import load_batch

    with state.connected("loader") as connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        batch = load_batch(cursor, batch_id, TODAY)
        return [check.expectation(batch.subject) for check in batch.suite.checks]


def _gate(batch_id: int, checks: list[Any]) -> float:
    from vru.quality import gate

    outcomes: dict[str, Any] = {}
    taken = seconds(lambda: outcomes.update(gate.run("raw", load.FEED, batch_id, checks)))
    if failed := sorted(name for name, outcome in outcomes.items() if not outcome.is_success):
        raise RuntimeError(f"the made file fails {', '.join(failed)}; it must pass, so that nothing stops early")
    return taken


def _aggregate(batch_id: int, checks: list[Any]) -> float:
    """Seconds of the one statement, which must look at exactly the checks of the gate and find nothing either."""
    with state.connected("checker") as connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        row: dict[str, Any] = {}

        def run() -> None:
            asked = {"batch_id": batch_id, "month": MONTH, "today": TODAY}
            cursor.execute(AGGREGATE.read_text(encoding="utf-8"), asked)
            row.update(cursor.fetchone() or {})

        taken = seconds(run)
    if set(row) != (wanted := {check.check_id for check in checks}):
        raise RuntimeError(f"{AGGREGATE.name} and the suite differ: {sorted(set(row) ^ wanted)}")
    if failed := sorted(name for name, is_good in row.items() if not is_good):
        raise RuntimeError(f"{AGGREGATE.name}: the made file fails {', '.join(failed)}")
    return taken
