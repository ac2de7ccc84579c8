"""The benchmarks still measure what they say, on files so small that nothing is timed; `make bench` takes the times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = """
import json
import sys

from benchmarks import figures, gate, history, load

figures.PAIRS = gate.PAIRS = history.PAIRS = load.PAIRS = 1
load.ROWS, load.TO_SQL_ROWS, history.ROWS, history.MONTHS = 2_000, 200, 400, (2, 3)
found = {"load": load, "gate": gate, "history": history}[sys.argv[1]].figures()
print(json.dumps([figure.row() for figure in found]))
"""
WHOLE = Path(__file__).parents[2]


def small(name: str, folder: Path) -> list[dict[str, object]]:
    """The figures of one benchmark on a few rows, in a process of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("VRU_", "AIRFLOW"))}
    done = subprocess.run(
        [sys.executable, "-c", SMALL, name],
        env={**kept, "VRU_ENV_FILE": "", "VRU_BENCH_DATA": str(folder)},
        cwd=WHOLE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return rows


@pytest.mark.deep
@pytest.mark.parametrize("name", ["gate", "load", "history"])
def test_each_gives_its_figures(name: str, tmp_path: Path) -> None:
    """It also compares the checks of the suite with those of the one aggregate, and a difference ends it."""
    from benchmarks.figures import TARGETS

    found = small(name, tmp_path)
    assert found
    assert all(float(str(row["value"])) > 0 and row["name"] in TARGETS for row in found)


def test_a_figure_that_is_missing_or_short_makes_it_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One benchmark broke off, all others hold: that is no success; nor is a figure over its target."""
    from benchmarks.__main__ import conclude
    from benchmarks.figures import TARGETS, Figure

    def code(values: dict[str, float]) -> int:
        return conclude([Figure(name, value).row() for name, value in values.items()], tmp_path)

    holding = {name: target.at_most for name, target in TARGETS.items()}
    assert code(holding) == 0
    name, *_ = holding
    assert code({**holding, name: holding[name] * 1.01}) == 1
    capsys.readouterr()
    assert code({other: value for other, value in holding.items() if other != name}) == 1
    assert f"SHORT {name}" in capsys.readouterr().out
