"""Domains: what is built together, and in which order. Both follow from the files of the dbt project.

A model lies in `models/<layer>/<domain>/`; the folder is its domain. A domain is built after those whose models, seeds
or counted facts its own models read. Only the text of the files is read, so that a DAG file can ask.
"""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from vru.settings import settings
from vru.transform.errors import BuildError
from vru.transform.measures import facts

LAYERS = ("staging", "intermediate", "marts")
SHARED = "shared"
"""The domain that every other is built after; the seeds belong to it."""

_REF = re.compile(r"\bref\(\s*['\"](\w+)['\"]\s*\)")
_MEASURES = re.compile(r"\bvar\(\s*['\"]measures['\"]\s*\)")


def domains(project: Path | None = None) -> tuple[str, ...]:
    """Every domain of the dbt project in the order of building. Raises BuildError for a model that has none."""
    project = project or settings().dbt_dir
    texts = {path.stem: (_domain(path, project), path) for path in sorted((project / "models").rglob("*.sql"))}
    home = {path.stem: SHARED for path in (project / "seeds").rglob("*.csv")}
    home |= {name: domain for name, (domain, _) in texts.items()}
    needs: dict[str, set[str]] = {SHARED: set()}
    needs |= {domain: {SHARED} for domain in home.values() if domain != SHARED}
    for domain, path in texts.values():
        text = path.read_text(encoding="utf-8")
        read = set(_REF.findall(text))
        if _MEASURES.search(text):
            read |= facts(project)
        # a name that is nowhere is told by dbt, with the model that asks for it
        needs[domain] |= {home[name] for name in read if name in home} - {domain}
    sorter = TopologicalSorter(needs)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise BuildError(f"the domains read each other ({circle}); move a model so that one is built first") from error
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += ready
        sorter.done(*ready)
    return tuple(found)


def selection(domain: str) -> list[str]:
    """What dbt is told to select for a domain."""
    return [f"path:models/*/{domain}", *(["path:seeds"] if domain == SHARED else [])]


def _domain(path: Path, project: Path) -> str:
    parts = path.relative_to(project / "models").parts
    if len(parts) != 3 or parts[0] not in LAYERS:
        raise BuildError(
            f"{path.relative_to(project).as_posix()} belongs to no domain, so no build would make it; "
            f"move it to models/<{' or '.join(LAYERS)}>/<domain>/"
        )
    return parts[1]
