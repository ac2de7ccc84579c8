"""Made-up families of tables with everything that connects them: margins, hierarchies, exempt cells, earlier releases."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from vru.disclosure import releases
from vru.disclosure.attacker import ENDLESS, Sum
from vru.disclosure.policy import Policy
from vru.disclosure.releases import Earlier
from vru.disclosure.suppression import Figure, Protected, protect, shown_bounds


@dataclass
class Made:
    """One family: exact counts, what is known, and what was released before."""

    figures: list[Figure]
    sums: list[Sum]
    shape: tuple[int, ...]
    earlier: list[int] | None = None


def family(seed: int, policy: Policy) -> Made:
    """A cross-table of 2 or 3 dimensions, its margins in part public, with halves of a year and a part of its whole.

    In every third the same table was released before, as some of its counts stood then.
    """
    random = np.random.default_rng(seed)
    shape = tuple(int(n) for n in random.integers(2, 5 - seed % 2, size=2 + seed % 2))
    counts = random.negative_binomial(1.2, 0.07, size=shape)
    cells = list(itertools.product(*map(range, shape)))
    index = {cell: i for i, cell in enumerate(cells)}
    values = [int(counts[cell]) for cell in cells]
    exempt = [bool(random.random() < 0.1) for _ in cells]
    sums: list[Sum] = []
    for axis in range(len(shape)):
        for rest in itertools.product(*(range(n) for a, n in enumerate(shape) if a != axis)):
            line = [index[(*rest[:axis], k, *rest[axis:])] for k in range(shape[axis])]
            total = sum(values[i] for i in line)
            how = random.random()
            if how < 0.06:  # public and exact
                sums.append(Sum(dict.fromkeys(line, 1), total, total))
            elif how < 0.4 and total > policy.redact_to:  # released as a statistic of its own (R6)
                known = shown_bounds(5 * ((total + 2) // 5), policy)
                sums.append(Sum(dict.fromkeys(line, 1), known.low, known.high))
    grand = sum(values)
    if random.random() < 0.5:
        sums.append(Sum(dict.fromkeys(range(len(cells)), 1), grand, grand))
    # a hierarchy: the sum of the first two of a line is a cell of its own in another table
    pair = [index[(0,) * len(shape)], index[(1, *(0,) * (len(shape) - 1))]]
    values.append(sum(values[i] for i in pair))
    exempt.append(False)
    sums.append(Sum({**dict.fromkeys(pair, 1), len(cells): -1}, 0, 0))
    # a part of that whole
    values.append(int(random.integers(0, values[-1] + 1)))
    exempt.append(False)
    sums.append(Sum({len(cells): 1, len(cells) + 1: -1}, 0, ENDLESS))
    figures = [Figure(n, e) for n, e in zip(values, exempt, strict=True)]
    if seed % 3:
        return Made(figures, sums, shape)
    before = [max(0, n - int(random.choice([0, 0, 0, 1, 2, 6, 20]))) for n in values]
    then = protect([Figure(n, e) for n, e in zip(before, exempt, strict=True)], [], policy)
    figures = [
        releases.figure(n, e, () if e else [Earlier(1, b, c.value, c.is_suppressed)], policy)
        for n, e, b, c in zip(values, exempt, before, then.cells, strict=True)
    ]
    return Made(figures, sums, shape, before)


def published(made: Made, policy: Policy) -> Protected:
    """The family as it leaves."""
    return protect(made.figures, made.sums, policy)
