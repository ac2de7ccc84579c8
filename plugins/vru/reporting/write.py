"""Writes one report. It publishes nothing: what may leave was settled before, by `vru.reporting.ready`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from vru.disclosure.readers import publisher
from vru.reporting import ledger, registry
from vru.reporting.model import Asked
from vru.settings import private_dir, settings


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
) -> Path:
    """Write `<kind>-YYYY-MM.html` into `out_dir` (default: where reports are kept), note it, and return its path.

    `month` is any day of the month reported on, by default the one before `today`; `schema` holds the marts of
    (K, W). In profile `sandbox` everything is labelled as synthetic. The same input gives the same bytes, and the same
    bytes are noted once. Raises ValueError for an unknown kind, ReportError where the build has not been published.
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
        page = report.render(content, asked).encode()
        path = (out_dir or private_dir(settings().reports_dir)) / f"{kind}-{asked.month:%Y-%m}.html"
        _put(path, page)
        ledger.note(connection, kind, asked, path.name, page, report.summarise(content, asked))
    return path


def _put(path: Path, page: bytes) -> None:
    """The file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(page)
    unfinished.replace(path)
