"""Runs of the real command line on state folders of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import ready

VRU = Path(sys.executable).with_name("vru")


@dataclass
class Home:
    """A state folder and the `vru` command on it."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `vru`; fails unless it ends with the expected code (None: any)."""
        done = subprocess.run(
            [str(VRU), *map(str, arguments)], env=self.variables, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=280,
        )  # fmt: skip
        if expect is not None:
            assert done.returncode == expect, f"vru {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    @property
    def variables(self) -> dict[str, str]:
        """The environment of the command."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("VRU_", "AIRFLOW", "DBT_"))}
        return {**inherited, "VRU_ENV_FILE": "", "VRU_HOME": str(self.path), **self.environment}

    def sql(self, query: str, *values: Any, role: str = "loader") -> list[tuple[Any, ...]]:
        """Rows of a query by one of the platform's own roles."""
        import psycopg2
        from vru.warehouse.server.embedded import Server

        database = "airflow" if role == "airflow" else "vru"
        connection = psycopg2.connect(**Server(self.path).ensure().connect_args(role, database))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query, values or None)
                return cursor.fetchall()
        finally:
            connection.close()

    def destroy(self) -> None:
        """Stop the server and delete everything."""
        from vru.warehouse.server.embedded import Server

        Server(self.path).destroy()
        shutil.rmtree(self.path, ignore_errors=True)


@pytest.fixture(scope="module")
def new_home() -> Iterator[Callable[..., Home]]:
    """Makes state folders; all are deleted at the end of the module.

    Those that are not to be `empty` hold the databases as the first `vru run` makes them, before anything has come.
    """
    homes: list[Home] = []

    def make(*, empty: bool = False) -> Home:
        homes.append(Home(Path(tempfile.mkdtemp(prefix="ve-"))))
        if not empty:
            ready.put("with_airflow", homes[-1].path, ready.with_airflow)
        return homes[-1]

    yield make
    for home in homes:
        home.destroy()
