"""Sound files are let in: all real ones, and the sandbox's of four seeds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.gate import tables, worlds
from tests.gate.bench import Bench
from tests.gate.expected import is_explained

Opened = Callable[[str], AbstractContextManager[Bench]]
DEEP = [pytest.param(world, marks=[] if world == worlds.WORLDS[1] else pytest.mark.deep) for world in worlds.WORLDS]
FILES_OF_A_SEED = 50


@pytest.mark.parametrize("name", DEEP)
def test_sound_files_are_let_in(world: Opened, name: str) -> None:
    with world(name) as bench, bench.connection, bench.connection.cursor() as cursor:
        cursor.execute(
            "select b.batch_id, b.feed, b.file_name, b.status, b.reason, b.rows_quarantined from ops.batch b order by b.batch_id"
        )
        files = cursor.fetchall()
        cursor.execute(
            "select batch_id, check_id, severity from (select distinct on (batch_id, check_id) * from ops.check_result "
            "order by batch_id, check_id, check_result_id desc) r where not is_success"
        )
        failed: dict[int, list[str]] = {}
        for batch_id, check_id, _ in cursor.fetchall():
            failed.setdefault(batch_id, []).append(check_id)
    rows = [
        {
            "world": name, "feed": feed, "file": file, "is_held": status != "admitted", "reason": reason,
            "warned": failed.get(batch_id, []),
            "unexplained": [c for c in failed.get(batch_id, []) if not is_explained(name, feed, c)],
        }
        for batch_id, feed, file, status, reason, _ in files
    ]  # fmt: skip
    tables.write("sound", name, rows)
    assert name == "real" or len(rows) >= FILES_OF_A_SEED
    assert [(row["file"], row["reason"]) for row in rows if row["is_held"]] == []
    # of all files at most four, so of each of the five worlds' at most one, and of the real ones none
    warned = [(row["file"], row["unexplained"]) for row in rows if row["unexplained"]]
    assert len(warned) <= (0 if name == "real" else 1), warned
