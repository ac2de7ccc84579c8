"""Reads `feeds/*.yml` into contracts; every message names the file, the key and the mend."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vru import documents
from vru.contracts.contract import Contract
from vru.contracts.problems import problems
from vru.contracts.values import shared_values
from vru.settings import settings


class ContractError(Exception):
    """A contract file that cannot be used. The message says which file, which key and how to mend it."""


def load_contract(feed: str, folder: Path | None = None) -> Contract:
    """The contract of one feed. Raises ContractError."""
    folder = folder or settings().feeds_dir
    path = folder / f"{feed}.yml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.yml"))) or "none"
        raise ContractError(f"{path.name}: no such feed; known feeds: {known}")
    return _load(path, _changed(path))


def load_contracts(folder: Path | None = None) -> dict[str, Contract]:
    """All contracts by feed slug, in alphabetical order. Raises ContractError."""
    folder = folder or settings().feeds_dir
    return {path.stem: _load(path, _changed(path)) for path in sorted(folder.glob("*.yml"))}


def _changed(path: Path) -> tuple[int, ...]:
    """When the contract and the maps that it may share were last written."""
    return tuple(found.stat().st_mtime_ns for found in (path, *sorted((path.parent / "values").glob("*.yml"))))


@cache
def _load(path: Path, _when: tuple[int, ...]) -> Contract:
    try:
        content = documents.read(path)
    except documents.DocumentError as error:
        raise ContractError(str(error)) from error
    if not isinstance(content, dict):
        raise ContractError(f"{path.name}: empty; a contract is a mapping that starts with 'feed: {path.stem}'")
    if content.get("feed") != path.stem:
        raise ContractError(f"{path.name}, key feed: must be '{path.stem}', the name of the file; rename one of them")
    _share_values(content, path)
    try:
        return Contract.model_validate(content)
    except ValidationError as error:
        raise ContractError(f"{path.name}: {problems(content, error)}") from error


def _share_values(content: dict[str, Any], path: Path) -> None:
    """Put the maps that `values_from` names in place of the name."""
    for resource in content.get("resources") or []:
        for column in (resource or {}).get("columns") or [] if isinstance(resource, dict) else []:
            name = column.get("values_from") if isinstance(column, dict) else None
            if not name:
                continue
            try:
                column["values"] = shared_values(name, path.parent).spellings
            except ValueError as error:
                raise ContractError(f"{path.name}, key values_from: {error}") from error
            del column["values_from"]
