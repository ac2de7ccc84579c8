"""Random numbers that depend on nothing but a seed and a key.

Every draw starts from a text key, so that one part of the synthetic world never shifts another.
Seeding `random.Random` with text hashes it with SHA-512: the same on every machine and in every process.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from random import Random

Weighted = Sequence[tuple[str, float]]


def source(seed: int, *key: object) -> Random:
    """A random source of its own for this seed and key."""
    return Random("/".join(str(part) for part in (seed, *key)))  # noqa: S311 - synthetic data, no secret


def pick(draw: Random, table: Weighted) -> str:
    """One label of the table, by weight."""
    return pick_many(draw, table, 1)[0]


def pick_many(draw: Random, table: Weighted, count: int) -> list[str]:
    """`count` labels of the table, by weight, with repeats."""
    return draw.choices([label for label, _ in table], [weight for _, weight in table], k=count)


def poisson(draw: Random, mean: float) -> int:
    """A Poisson count (Knuth's product method, fit for the small means used here)."""
    limit, count, product = math.exp(-mean), 0, draw.random()
    while product > limit:
        count += 1
        product *= draw.random()
    return count


def digest(seed: int, *key: object) -> str:
    """64 hexadecimal digits that stand for this seed and key."""
    return hashlib.sha256("/".join(str(part) for part in (seed, *key)).encode()).hexdigest()
