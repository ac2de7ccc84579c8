"""Writes one report. It publishes nothing: what may leave was settled before, by `vru.reporting.ready`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vru
from vru import files
from vru.disclosure.readers import publisher
from vru.reporting import ledger, registry
from vru.reporting.model import Asked
from vru.settings import settings

if TYPE_CHECKING:
    from upath import UPath

DRAWN_BY = ("altair", "jinja2", "vl-convert-python")
"""Packages whose version may change the bytes of a page."""


def write_report(
    kind: str,
    *,
    profile: str,
    today: date,
    month: date | None = None,
    schema: str = "marts",
    known_at: datetime | None = None,
    admitted_at: datetime | None = None,
    are_marts_old: bool = False,
    out_dir: Path | None = None,
) -> Path | UPath:
    """Write `<kind>-YYYY-MM.html` into `out_dir` (default: the place of VRU_REPORTS_URL), note it, and return its path.

    `month` is any day of the month reported on, by default the one before `today`; `schema` holds the marts of
    (K, W). In profile `sandbox` everything is labelled as synthetic. The same input gives the same bytes, so a page
    that stands and was made of it is left as it is; the same bytes are noted once. Raises ValueError for an unknown
    kind, ReportError where the build has not been published.
    """
    report = registry.load(kind)
    asked = Asked(
        month=(month or today.replace(day=1) - timedelta(days=1)).replace(day=1),
        today=today,
        is_synthetic=profile == "sandbox",
        schema=schema,
        known_at=known_at,
        admitted_at=admitted_at,
        are_marts_old=are_marts_old,
    )
    with publisher(f"report {kind}") as connection:
        content = report.read(connection, asked)
        path = (out_dir or settings().reports_dir) / f"{kind}-{asked.month:%Y-%m}.html"
        made_of = _digest([asked, content, _program()])
        if not _stands(path, ledger.made_of(connection, kind, asked, made_of)):
            page = report.render(content, asked).encode()
            files.write(path, page)
            ledger.note(connection, kind, asked, path.name, page, report.summarise(content, asked), made_of)
    return path


def _stands(path: Path | UPath, sha256: str | None) -> bool:
    """Whether the file of these bytes is in its place."""
    return sha256 is not None and path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _digest(content: Any) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, (set, frozenset)):
            return sorted(value)
        return asdict(value) if is_dataclass(value) and not isinstance(value, type) else repr(value)

    return hashlib.sha256(json.dumps(content, default=plain, sort_keys=True).encode()).hexdigest()


@cache
def _program() -> list[str]:
    """What turns the input into a page: every file of the package, and the packages that draw."""
    root = Path(vru.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return [digest.hexdigest(), *(f"{name} {version(name)}" for name in DRAWN_BY)]
