"""Runs every benchmark, each in a process of its own; prints a table; ends with 1 if a figure is missing or short."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import TARGETS

OUT = Path(__file__).with_name("out")
BENCHMARKS = ("load", "gate", "memory", "history", "run")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compare the platform with its peers.")
    parser.add_argument(
        "benchmark", nargs="*", choices=[*BENCHMARKS, []], help="only these; the rest counts as missing"
    )
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.into:
        _one(asked.benchmark[0], asked.into)
        return 0
    return conclude([row for name in asked.benchmark or BENCHMARKS for row in _in_a_process(name)], OUT)


def conclude(rows: list[dict[str, Any]], out: Path) -> int:
    """Write these figures and those that are missing to a folder, and show them; the exit code."""
    found = {row["name"] for row in rows}
    rows = [*rows, *(_missing(name) for name in TARGETS if name not in found)]
    out.mkdir(exist_ok=True)
    results = out / "results.json"
    results.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    _show(rows)
    sys.stdout.write(f"{results}\n")
    return 0 if all(row["holds"] for row in rows) else 1


def _one(name: str, into: Path) -> None:
    figures = importlib.import_module(f"benchmarks.{name}").figures()
    into.write_text(json.dumps([figure.row() for figure in figures]), encoding="utf-8")


def _in_a_process(name: str) -> list[dict[str, Any]]:
    sys.stderr.write(f"{name} ...\n")
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "figures.json"
        done = subprocess.run([sys.executable, "-m", "benchmarks", name, "--into", str(into)], check=False)
        if done.returncode or not into.exists():
            sys.stderr.write(f"{name}: broke off; its figures are missing\n")
            return []
        rows: list[dict[str, Any]] = json.loads(into.read_text(encoding="utf-8"))
        return rows


def _missing(name: str) -> dict[str, Any]:
    target = TARGETS[name]
    return {
        "name": name, "value": None, "context": {}, "unit": target.unit, "target": target.at_most, "holds": False,
        "meaning": target.meaning,
    }  # fmt: skip


def _show(rows: list[dict[str, Any]]) -> None:
    out = sys.stdout.write
    for row in rows:
        value = "missing" if row["value"] is None else f"{row['value']:g} {row['unit']}"
        word = "holds" if row["holds"] else "SHORT"
        out(f"{word:6}{row['name']:24}{value:>14}  at most {row['target']:g}: {row['meaning']}\n")
        for key, found in row["context"].items():
            _show_context(key, found)


def _show_context(key: str, found: object, indent: str = "        ") -> None:
    if isinstance(found, dict) and any(isinstance(value, dict) for value in found.values()):
        sys.stdout.write(f"{indent}{key}:\n")
        for name, value in found.items():
            _show_context(name, value, indent + "    ")
    elif isinstance(found, dict):
        sys.stdout.write(f"{indent}{key}: " + ", ".join(f"{name} {value}" for name, value in found.items()) + "\n")
    elif isinstance(found, list) and found and isinstance(found[0], dict):
        for line in found:
            sys.stdout.write(f"{indent}{key}: {json.dumps(line)}\n")
    else:
        sys.stdout.write(f"{indent}{key}: {found}\n")


if __name__ == "__main__":
    sys.exit(main())
