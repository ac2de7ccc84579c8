"""What the YAML files of the dbt project say of its models, read without dbt: descriptions, and what they look up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from vru import documents
from vru.transform.measures import SUFFIX


@dataclass(frozen=True)
class Description:
    """What a mart and each of its columns is, in words."""

    text: str
    columns: dict[str, str] = field(default_factory=dict)


def files(project: Path) -> list[Path]:
    """The files in which dbt reads properties of models and seeds."""
    found = [path for folder in ("models", "seeds") for path in (project / folder).rglob("*.yml")]
    return sorted(path for path in found if not path.name.endswith(SUFFIX))


def content(path: Path) -> dict[str, Any]:
    """One of these files. It is read once as long as it does not change; the caller must not change it either."""
    return _content(path, path.stat().st_mtime_ns)


def descriptions(project: Path) -> dict[str, Description]:
    """Every mart by name."""
    return {
        model["name"]: Description(
            str(model.get("description", "")),
            {column["name"]: str(column.get("description", "")) for column in model.get("columns") or []},
        )
        for model in _models(project, "marts/")
    }


def lookups(project: Path) -> set[tuple[str, str]]:
    """Feeds and resources that every row of an incremental model looks up (`meta.looks_up` of the model).

    When one of them changes, units that no delivery touched are written again too.
    """
    return {
        (found["feed"], found["resource"])
        for model in _models(project)
        for found in ((model.get("config") or {}).get("meta") or {}).get("looks_up") or []
    }


def _models(project: Path, layer: str = "") -> Iterator[dict[str, Any]]:
    for path in files(project):
        if path.relative_to(project).as_posix().startswith(f"models/{layer}"):
            yield from content(path).get("models") or []


@cache
def _content(path: Path, _changed: int) -> dict[str, Any]:
    found = documents.read(path)
    return found if isinstance(found, dict) else {}
