"""What `vru doctor` looks at."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from vru.settings import settings

PACKAGES = ("apache-airflow", "dbt-core", "dbt-postgres", "great-expectations", "pandas", "polars", "sqlalchemy")
FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and how to mend it if it is not well."""

    name: str
    is_ok: bool
    found: str
    mend: str = ""


def run_checks() -> Iterator[Check]:
    """Look at everything that the platform needs, cheapest first."""
    yield Check("Python", (3, 11) <= sys.version_info[:2] < (3, 14), sys.version.split()[0], "use 3.11, 3.12 or 3.13")
    for name in PACKAGES:
        try:
            yield Check(name, True, version(name))
        except PackageNotFoundError:
            yield Check(name, False, "missing", "install the lock again: make run")
    now = settings()
    free = shutil.disk_usage(now.checkout).free
    yield Check("disk", free > FREE_BYTES, f"{free / 1024**3:.1f} GiB free", "free some space; 2 GiB are needed")
    yield _contracts()
    yield _state_folder()
    yield _database()


def _contracts() -> Check:
    from vru.contracts import ContractError, load_contracts

    try:
        return Check("contracts", True, f"{len(load_contracts())} feeds")
    except ContractError as error:
        return Check("contracts", False, "not valid", str(error))


def _state_folder() -> Check:
    home = settings().home
    if not home.exists():
        return Check("state folder", True, f"{home} (made by the first run)")
    is_closed = not home.stat().st_mode & 0o077
    return Check("state folder", is_closed, str(home), f"close it to other users: chmod 700 {home}")


def _database() -> Check:
    from vru.warehouse.engine import raw_connection, server

    try:
        raw_connection("loader").close()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return Check("PostgreSQL", False, "cannot be reached", str(error).strip())
    found = server().status()
    return Check("PostgreSQL", True, str(found))
