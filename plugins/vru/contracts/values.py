"""Lists of values that contracts share: `feeds/values/<name>.yml`, spelled out there or drawn from a seed."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError

from vru import documents
from vru.contracts.base import Slug, Strict
from vru.settings import settings


class Drawn(Strict):
    """Values that stand in a seed of the dbt project, so that they stand there alone; here are other spellings."""

    seed: Slug
    code: Slug
    """The column of the seed that holds the code of a value."""
    name: Slug
    """The column that holds the value."""
    where: dict[Slug, list[str]] = Field(default_factory=dict)
    """Only rows of the seed with one of these values in each of these columns."""
    spellings: dict[str, list[str]] = Field(default_factory=dict)
    """Code -> other spellings of its value."""


@dataclass(frozen=True)
class SharedValues:
    """A shared list: other spellings of each value, and its code where the list is drawn from a seed."""

    spellings: dict[str, list[str]]
    codes: dict[str, str] = field(default_factory=dict)


_SPELLED_OUT = TypeAdapter(dict[str, list[str]])


def shared_values(name: str, folder: Path | None = None) -> SharedValues:
    """The list of that name. Raises ValueError, which says which file and key and how to mend it."""
    path = (folder or settings().feeds_dir) / "values" / f"{name}.yml"
    if not path.is_file():
        raise ValueError(f"no file values/{path.name}; add it or correct the name")
    try:
        content = documents.read(path)
    except documents.DocumentError as error:
        raise ValueError(f"values/{error}") from error
    try:
        if not isinstance(content, dict) or not isinstance(content.get("seed"), str):
            return SharedValues(_SPELLED_OUT.validate_python(content))
        drawn = Drawn.model_validate(content)
    except ValidationError as error:
        where = {".".join(map(str, item["loc"])): item["msg"] for item in error.errors()}
        raise ValueError(f"values/{path.name}: {'; '.join(f'key {k}: {v}' for k, v in where.items())}") from error
    return _drawn(drawn, path.name)


def _drawn(drawn: Drawn, file_name: str) -> SharedValues:
    path = settings().dbt_dir / "seeds" / f"{drawn.seed}.csv"
    if not path.is_file():
        raise ValueError(f"values/{file_name}, key seed: no file seeds/{path.name}; correct the name")
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if missing := {drawn.code, drawn.name, *drawn.where} - set(rows[0] if rows else ()):
        raise ValueError(f"values/{file_name}: seeds/{path.name} has no column {sorted(missing)}; correct the name")
    meant = [row for row in rows if all(row[column] in values for column, values in drawn.where.items())]
    codes = {row[drawn.name]: row[drawn.code] for row in meant}
    if unknown := set(drawn.spellings) - set(codes.values()):
        raise ValueError(f"values/{file_name}, key spellings: no code {sorted(unknown)} in seeds/{path.name}")
    return SharedValues({name: drawn.spellings.get(code, []) for name, code in codes.items()}, codes)
