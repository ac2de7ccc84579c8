"""Tau-Argus, the statistical offices' program, as an independent peer: for development only, never a dependency.

It chooses which cells to hide where all margins are public and exact, and audits its own choice. It takes an attacker to
know roughly how large each cell is beforehand, so that its bounds lie within ours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from vru.disclosure.attacker import ENDLESS, Bounds, Sum, attack

tau = pytest.importorskip("pytauargus", reason="pytauargus has no wheel for this machine")
SUMS = [Sum({5 * r: -1, **{5 * r + c: 1 for c in range(1, 5)}}, 0, 0) for r in range(5)] + [
    Sum({c: -1, **{5 * r + c: 1 for r in range(1, 5)}}, 0, 0) for c in range(5)
]
"""Margins of a table of 5 by 5 whose first row and column are totals."""


def bounds(table: np.ndarray, hidden: list[int]) -> dict[int, Bounds]:
    reach = [Bounds(0, ENDLESS) if i in hidden else Bounds(int(n), int(n)) for i, n in enumerate(table.flat)]
    return attack(reach, SUMS, hidden)


@pytest.mark.parametrize("seed", range(8))
def test_our_attacker_agrees_with_the_peer(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    counts = random.negative_binomial(1.5, 0.08, size=(4, 4)) + 1
    rows = [(f"R{r}", f"Q{c}", 1.0) for r in range(4) for c in range(4) for _ in range(counts[r, c])]
    people = dict(zip(("area", "period", "count"), map(list, zip(*rows, strict=True)), strict=True))
    done = tau.protect(people, ["area", "period"], response="count", safety_rules="FREQ(8,20)", suppress="OPT(1)",
                       workdir=str(tmp_path))  # fmt: skip
    status = done.tables[0].status()
    small = [i for i, s in enumerate(status) if s == "U"]
    hidden = [i for i, s in enumerate(status) if s in "UM"]
    assert small, "the table must hold a small count"
    table = np.zeros((5, 5), dtype=int)
    table[1:, 1:] = counts
    table[0], table[:, 0] = table.sum(axis=0), table.sum(axis=1)
    table[0, 0] = counts.sum()
    assert sorted(small) == [i for i, n in enumerate(table.flat) if n < 8], "both hide the same counts first"
    ours = bounds(table, hidden)
    for row in done.engine.audit(0):
        mine = ours[row["cell"]]
        assert mine.low <= row["min"] + 1e-6
        assert row["max"] - 1e-6 <= mine.high
    assert all(ours[i].values > 1 for i in small), "what the peer protects our attacker cannot find exactly"
    if len(hidden) > len(small):
        assert any(b.values == 1 for b in bounds(table, small).values()), (
            "where it hid more, our attacker had found one"
        )
