"""Writes one report. It publishes nothing: what may leave was settled before, by `vru.reporting.ready`."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from vru import files
from vru.disclosure.readers import publisher
from vru.periods import LONDON
from vru.reporting import fingerprint, ledger, registry
from vru.reporting.model import Asked
from vru.settings import settings

if TYPE_CHECKING:
    from upath import UPath


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

    The name of a past edition says its instants, so that it never takes the place of the present one.

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
        path = (out_dir or settings().reports_dir) / f"{kind}-{asked.month:%Y-%m}{_edition(asked)}.html"
        made_of = fingerprint.of(asked, content)
        if not _stands(path, ledger.sha256_of_page(connection, kind, asked, made_of)):
            page = report.render(content, asked).encode()
            files.write(path, page)
            ledger.note(connection, kind, asked, path.name, page, report.summarise(content, asked), made_of)
    return path


def _edition(asked: Asked) -> str:
    """What the name of a past edition bears: its instants, as London's day where it is the end of one."""
    said = ""
    for word, instant in (("known", asked.known_at), ("admitted", asked.admitted_at)):
        if instant is None:
            continue
        local = instant.astimezone(LONDON)
        is_whole = (local + timedelta(microseconds=1)).time() == time.min
        said += f"-{word}-{local:%Y%m%d}" if is_whole else f"-{word}-{local:%Y%m%dT%H%M%S%z}"
    return said


def _stands(path: Path | UPath, sha256: str | None) -> bool:
    """Whether the file of these bytes is in its place."""
    return sha256 is not None and path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
