"""What a build is made with, as one number."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vru.settings import settings
from vru.warehouse.migrate import MIGRATIONS


def fingerprint() -> str:
    """sha256 over models, macros, seeds (definitions among them), contracts and the warehouse's own functions."""
    dbt = settings().dbt_dir
    files = [dbt / "dbt_project.yml"]
    for folder in (dbt / "models", dbt / "macros", dbt / "seeds", settings().feeds_dir, MIGRATIONS):
        files += [path for path in folder.rglob("*") if path.suffix in (".sql", ".yml", ".csv", ".md")]
    digest = hashlib.sha256()
    for name, path in sorted((_name(path), path) for path in files):
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _name(path: Path) -> str:
    """The path within the checkout, so that where a checkout lies makes no difference."""
    return path.relative_to(settings().checkout).as_posix()
