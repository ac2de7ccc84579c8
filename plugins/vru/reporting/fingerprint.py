"""What a page is made of, as one number: all that was asked and read for it, and the program that draws it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vru
from vru.reporting.model import Asked

DRAWN_BY = ("altair", "jinja2", "vl-convert-python")
"""Packages whose version may change the bytes of a page."""


def of(asked: Asked, content: Any) -> str:
    """sha256 over what was asked, the content that a report read, and the program."""
    made = [asked, content, _program()]
    return hashlib.sha256(json.dumps(made, default=_plain, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else repr(value)


@cache
def _program() -> list[str]:
    """Every file of the package, and the packages that draw."""
    root = Path(vru.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return [digest.hexdigest(), *(f"{name} {version(name)}" for name in DRAWN_BY)]
