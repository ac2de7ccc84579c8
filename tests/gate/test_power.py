"""Damaged files are found: each kind of damage on each file of each feed, in the situations that the file can be in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random
from typing import Any

import pytest

from tests.gate import damages, tables, worlds
from tests.gate.bench import Bench, as_row, natural, open_
from tests.gate.expected import cannot_be_seen, floors
from tests.gate.subject import Subject

Opened = Callable[[str], AbstractContextManager[Bench]]
Row = dict[str, Any]
SEED = 20181104
FEW = 100
"""Of smaller files of the sandbox 3 % is a row or two."""
OF_SIBLINGS = 0.25
"""Share of the damages tried on files that are of the same kind as the newest of their partition."""
OF_ALL = 0.04
"""Share of the damages in `make test`."""
SEEN_PCT = 90
WORLDS = ("real", f"seed-{worlds.SEEDS[0]}")


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("feed", worlds.feeds())
@pytest.mark.parametrize("name", WORLDS)
def test_damages_are_found(world: Opened, name: str, feed: str) -> None:
    with world(name) as bench:
        rows, told = _measured(bench, feed)
    tables.write("damages", f"{name}-{feed}", rows)
    tables.write("natural", f"{name}-{feed}", told)
    assert _short_of_floors(rows) == []
    assert _fallen(name, feed, rows) == []


def test_of_all_damages_a_share_is_found(world: Opened) -> None:
    """A seeded share of the same, which `make test` runs."""
    with world(WORLDS[1]) as bench:
        for feed in worlds.feeds():
            rows, _ = _measured(bench, feed, OF_ALL)
            assert rows, feed
            assert _short_of_floors(rows, is_share=True) == []


def _measured(bench: Bench, feed: str, share: float = 1.0) -> tuple[list[Row], list[Row]]:
    """Every damage of every file, and what sound files differ by themselves."""
    rows: list[Row] = []
    told: list[Row] = []
    for subject, is_newest in _subjects(bench, feed):
        open_(bench.connection, subject)
        drawn = Random(f"{SEED} {bench.world} {feed} {subject.name}")
        part = share * (1.0 if is_newest else OF_SIBLINGS)
        chosen = [damage for damage in damages.all_of(subject) if drawn.random() < part]
        rows += [as_row(result) for result in bench.results(subject, chosen, bench.situations(subject))]
        told += [
            {"world": bench.world, "feed": feed, "subject": subject.name, "told": words}
            for words in natural(bench.connection, subject)
        ]
    for row in rows:
        row["is_listed"] = any(entry.covers(row) for entry in cannot_be_seen())
    return rows, told


def _subjects(bench: Bench, feed: str) -> list[tuple[Subject, bool]]:
    """Real files all; of the sandbox's the newest of each partition and one before it."""
    found = list(bench.subjects(feed, 0 if bench.world == "real" else FEW))
    groups: dict[tuple[str, str], list[Subject]] = defaultdict(list)
    for subject in found:
        groups[subject.resource.name, subject.partition].append(subject)
    chosen = []
    for of_one_kind in groups.values():
        *before, newest = of_one_kind
        kept = before if bench.world == "real" else before[-1:]
        chosen += [(subject, False) for subject in kept] + [(newest, True)]
    if not found:  # only files of few rows
        chosen = [(subject, True) for subject in list(bench.subjects(feed))[-1:]]
    return chosen


def _short_of_floors(rows: list[Row], *, is_share: bool = False) -> list[str]:
    """Where something speaks against a damage and it was let in, but for what the list says cannot be seen."""
    counted = [row for row in rows if not row["is_listed"]]
    kept_out = ("held", "withheld", "mended")
    short = [
        _told(row) for row in counted
        if row["outcome"] not in kept_out and row["size_class"] == "large" and row["witness"]
    ]  # fmt: skip
    short += [
        _told(row) for row in counted
        if row["outcome"] not in kept_out and row["situation"] == "history" and row["is_whole"]
    ]  # fmt: skip
    small = [row for row in counted if row["size_class"] == "small" and row["witness"]]
    unseen = [row for row in small if row["outcome"] == "missed" or not row["is_right"]]
    if len(unseen) * 100 > (100 - SEEN_PCT) * len(small) and not is_share:
        short += [f"{len(unseen)} of {len(small)} of 2 to 10 %: {_told(row)}" for row in unseen]
    # without anything that speaks against it, what is missed stands on the list
    short += [
        f"not on the list of what cannot be seen: {_told(row)}" for row in counted
        if row["outcome"] == "missed" and not row["witness"] and row["situation"] in ("first", "announced")
    ]  # fmt: skip
    return short


def _told(row: Row) -> str:
    what = ", ".join(filter(None, (row["kind"], row["on"], row["size"])))
    return f"{row['subject']}: {what} ({row['share_pct']} %), {row['situation']}: {row['outcome']} {row['by']}"


def _fallen(name: str, feed: str, rows: list[Row]) -> list[str]:
    """Where less is seen than what is written down."""
    fallen = []
    for key, least in floors().get(f"{name} {feed}", {}).items():
        found = [row for row in rows if f"{row['situation']} {row['size_class']}" == key]
        seen = 100 * sum(row["outcome"] != "missed" for row in found) / max(len(found), 1)
        if seen < least:
            fallen.append(f"{key}: {seen:.1f} % seen, {least} % written down")
    return fallen
