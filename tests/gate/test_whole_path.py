"""The same through the whole path: bytes, parse, audit with Great Expectations. Both ways must say the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor
from vru import pipeline, quality
from vru.contracts import load_contracts
from vru.profile import Source
from vru.quality.verdict import Verdict

from tests.faults.platform import OF_BATCH, OF_OTHERS, environment
from tests.gate import damages, in_bytes, tables, worlds
from tests.gate.bench import Bench, open_
from tests.gate.expected import cannot_be_seen
from tests.gate.subject import Subject

Opened = Callable[[str], AbstractContextManager[Bench]]
SEED = 20181104
SHARE = 0.1
WORLDS = ("real", f"seed-{worlds.SEEDS[0]}")
FEW = 100


@pytest.mark.deep
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("feed", worlds.feeds())
@pytest.mark.parametrize("name", WORLDS)
def test_rows_and_bytes_are_judged_alike(world: Opened, tmp_path: Path, name: str, feed: str) -> None:
    told = []
    with world(name) as bench:
        for subject in _newest(bench, feed):
            open_(bench.connection, subject)
            drawn = Random(f"{SEED} {bench.world} {feed} {subject.name}")
            file_name, content = in_bytes.original(bench.connection, subject.batch_id)
            for damage in damages.all_of(subject):
                if drawn.random() >= SHARE or _is_other_after_parse(subject, damage):
                    continue
                here = replace(damage, is_on_newer=True)
                by_rows = bench.judged(subject, here, "vintage")
                damaged = in_bytes.rendered(bench.connection, subject, content)
                if damaged == content:
                    continue
                with _delivered(bench, feed, tmp_path / file_name, damaged) as by_bytes:
                    same = (
                        (by_bytes.status == "held") == by_rows.is_held
                        and {f.check_id for f in by_bytes.failed} == set(by_rows.failed)
                        and set(by_bytes.withheld) == set(by_rows.withheld)
                    )
                    if not same:
                        told.append((subject.name, damage.name, by_rows, by_bytes))
    assert told == []


@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("feed", worlds.feeds())
@pytest.mark.parametrize("name", WORLDS)
def test_what_only_bytes_show_is_found(world: Opened, tmp_path: Path, name: str, feed: str) -> None:
    """Files joined and cut."""
    rows: list[dict[str, Any]] = []
    with world(name) as bench:
        for subject in _newest(bench, feed):
            file_name, content = in_bytes.original(bench.connection, subject.batch_id)
            if content.lstrip()[:1] == b"{":
                continue
            other = next(iter(subject.others.values()), subject.batch_id)
            second = in_bytes.original(bench.connection, other)[1]
            tried = [("two files joined", on, made) for on, made in in_bytes.joined(content, second)]
            tried += [("cut at a byte", on, made) for on, made in in_bytes.cut(content)]
            for kind, on, made in tried:
                with _delivered(bench, feed, tmp_path / file_name, made) as found:
                    by = [f.check_id for f in found.failed]
                    outcome = "held" if found.status in ("held", "rejected") else "warned" if by else "missed"
                    rows.append(
                        {
                            "world": name, "feed": feed, "subject": subject.name, "situation": "vintage", "kind": kind,
                            "on": on, "size": "all", "share_pct": 10.0, "year_pct": 0.0, "size_class": "large",
                            "is_whole": True, "witness": "earlier vintage", "outcome": outcome,
                            "is_right": outcome == "held", "by": by,
                        }
                    )  # fmt: skip
    for row in rows:
        row["is_listed"] = any(entry.covers(row) for entry in cannot_be_seen())
    tables.write("damages", f"bytes-{name}-{feed}", rows)
    assert [row for row in rows if row["outcome"] != "held" and not row["is_listed"]] == []


def _newest(bench: Bench, feed: str) -> list[Subject]:
    """The newest file of each resource and partition, of those with rows enough if any has."""
    found = list(bench.subjects(feed, FEW if bench.world != "real" else 0)) or list(bench.subjects(feed))
    return list({(s.resource.name, s.partition): s for s in found}.values())


def _is_other_after_parse(subject: Subject, damage: damages.Damage) -> bool:
    """Whether the file's bytes cannot say what the rows do: a blank that must be none, a place of a file that has none."""
    return any(subject.resource.column(name).type == "json" for name in damage.columns)


class _delivered:  # noqa: N801 - reads as a verb where it is used
    """A file handed in and judged; gone again at the end."""

    def __init__(self, bench: Bench, feed: str, path: Path, content: bytes) -> None:
        self.bench, self.feed, self.path, self.content = bench, feed, path, content

    def __enter__(self) -> Verdict:
        self.newest = _marks(self.bench.connection)
        self.path.write_bytes(self.content)
        with environment({"VRU_PROFILE": "files"}):
            pipeline.fetch(self.feed, Source("files"), file=self.path)
            pipeline.parse(self.feed)
        with self.bench.connection, self.bench.connection.cursor() as cursor:
            cursor.execute(
                "select batch_id, status, reason from ops.batch where batch_id > %s", (self.newest["batch"],)
            )
            found = cursor.fetchall()
        assert len(found) == 1, f"{self.path.name}: {len(found)} batches came of one file"
        batch_id, status, reason = found[0]
        if status == "rejected":
            return Verdict(batch_id, "rejected", reason)
        return quality.audit(batch_id, today=self.bench.today)

    def __exit__(self, *_: object) -> None:
        _forget(self.bench.connection, self.newest)


def _marks(connection: Connection) -> dict[str, int]:
    with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(
            "select "
            + ", ".join(
                f"(select coalesce(max({t}_id), 0) from ops.{t}) as {t}"
                for t in ("batch", "attempt", "delivery", "content")
            )
        )
        row: Any = cursor.fetchone()
        return dict(row)


def _forget(connection: Connection, marks: dict[str, int]) -> None:
    raw = [f"raw.{c.raw_table(r.name)}" for c in load_contracts().values() for r in c.resources]
    with connection, connection.cursor() as cursor:
        for table, column in OF_OTHERS.items():
            cursor.execute(f"delete from {table} where {column} > %s", (marks["batch"],))
        for table in [*OF_BATCH, *raw, "ops.batch"]:
            cursor.execute(f"delete from {table} where batch_id > %s", (marks["batch"],))
        for table in ("delivery", "attempt", "content"):
            cursor.execute(f"delete from ops.{table} where {table}_id > %s", (marks[table],))
