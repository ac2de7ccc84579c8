"""What a build is made with, as one number."""

from __future__ import annotations

import hashlib

from vru.settings import CHECKOUT, Settings, settings
from vru.warehouse.migrate import MIGRATIONS


def fingerprint(of: Settings | None = None) -> str:
    """sha256 over models, macros, seeds (definitions among them), contracts and the warehouse's own functions.

    ``of`` names another checkout than the one in use; where a checkout lies makes no difference.
    """
    of = of or settings()
    dbt = of.dbt_dir
    files = [dbt / "dbt_project.yml"]
    migrations = of.checkout / MIGRATIONS.relative_to(CHECKOUT)
    for folder in (dbt / "models", dbt / "macros", dbt / "seeds", of.feeds_dir, migrations):
        files += [path for path in folder.rglob("*") if path.suffix in (".sql", ".yml", ".csv", ".md")]
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(of.checkout).as_posix(), path) for path in files):
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
