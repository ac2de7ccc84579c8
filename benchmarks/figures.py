"""The figures there must be, each with its target, and how a ratio is taken."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

PAIRS = 5


@dataclass(frozen=True)
class Target:
    """A figure holds if it is at most this."""

    at_most: float
    unit: str
    meaning: str


TARGETS = {
    "load_to_copy": Target(
        2.0, "ratio", "1,000,000 street rows from disk to admitted, the gate apart, to a bare COPY of the file"
    ),
    "gate_to_aggregate": Target(
        1.5, "ratio", "the Great Expectations gate on 1,000,000 rows to one SQL aggregate with the same checks"
    ),
    "load_peak_memory": Target(600, "MB", "peak memory of the loading process at 1,000,000 rows"),
    "load_memory_growth": Target(1.1, "ratio", "peak memory of the load at 3,000,000 rows to that at 1,000,000"),
    "build_48_to_12_months": Target(
        1.3, "ratio", "SQL time of a build after one new month on 48 months of history to that on 12"
    ),
    "run_again_to_first": Target(0.4, "ratio", "`vru run` with nothing new to the first `vru run`"),
    "run_again_cpu": Target(8, "s", "processor time of `vru run` with nothing new, its child processes included"),
    "run_again_imports": Target(
        0, "packages", "of Great Expectations and dbt, how many any process of `vru run` with nothing new imports"
    ),
    "starts_per_process": Target(
        1, "starts", "the most often that one process of `vru run` starts Airflow, dbt or Great Expectations"
    ),
}


@dataclass
class Figure:
    """One measured figure; `context` holds peers, tables and the single measurements."""

    name: str
    value: float
    context: dict[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """As it stands in results.json."""
        target = TARGETS[self.name]
        return {
            **asdict(self),
            "value": round(self.value, 3),
            "unit": target.unit,
            "target": target.at_most,
            "holds": self.value <= target.at_most,
            "meaning": target.meaning,
        }


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call, without a garbage collection of what came before."""
    gc.collect()
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def ratio(pairs: list[tuple[float, float]]) -> tuple[float, dict[str, Any]]:
    """The median of ours to theirs over the pairs, and what it was taken from. Raises ValueError for too few pairs."""
    if len(pairs) < PAIRS:
        raise ValueError(f"{len(pairs)} pairs; a ratio needs {PAIRS}")
    ratios = [ours / theirs for ours, theirs in pairs]
    return statistics.median(ratios), {
        "pairs_s": [[round(ours, 3), round(theirs, 3)] for ours, theirs in pairs],
        "ratios": [round(found, 3) for found in ratios],
    }


def in_turns(number: int, ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    """One pair; every other one begins with theirs."""
    if number % 2:
        second = theirs()
        return ours(), second
    return ours(), theirs()
