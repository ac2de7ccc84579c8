"""A copy of the checkout whose files may be changed: contracts, suites, models, and its tests where they are wanted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from vru.settings import CHECKOUT

PARTS = ("dags", "dbt_project", "expectations", "feeds", "plugins")
MADE = shutil.ignore_patterns("__pycache__", "target", "logs", ".user.yml")
"""What is no part of the checkout; `.airflowignore` and `.dbtignore` are."""


@dataclass(frozen=True)
class Scratch:
    """The copy, and how programs of it are run."""

    folder: Path

    def run(
        self, *arguments: str | Path, home: Path | None = None, seconds: int = 280, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """A module of the copy, as `python -m`; nothing of the outer environment names a state folder."""
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("VRU_", "AIRFLOW", "DBT_", "PYTEST_", "TESTS_"))
        }
        variables = {**inherited, "PYTHONPATH": str(self.folder / "plugins"), **more}
        if home is not None:
            variables["VRU_HOME"] = str(home)
        return subprocess.run(
            [sys.executable, "-m", *map(str, arguments)], env=variables, cwd=self.folder, capture_output=True,
            text=True, check=False, stdin=subprocess.DEVNULL, timeout=seconds,
        )  # fmt: skip

    def change(self, file: str, old: str, new: str) -> None:
        """Put one text in the place of another."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


def scratch(folder: Path, *, with_tests: bool = False) -> Scratch:
    """Copy the checkout into a folder; `with_tests` takes its tests and their settings too."""
    for part in (*PARTS, *(("tests",) if with_tests else ())):
        shutil.copytree(CHECKOUT / part, folder / part, ignore=MADE)
    if with_tests:
        shutil.copy(CHECKOUT / "pyproject.toml", folder)
    return Scratch(folder)
