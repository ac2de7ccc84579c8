"""One report from start to finish: the marts it is about, disclosure control, the page."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from vru.errors import ShortfallError
from vru.settings import settings

if TYPE_CHECKING:
    from upath import UPath

KINDS = ("quality",)


def write_report(
    kind: str,
    *,
    profile: str,
    today: date,
    month: date | None = None,
    known_at: datetime | None = None,
    admitted_at: datetime | None = None,
    out_dir: Path | None = None,
) -> Path | UPath:
    """Write a report into `out_dir` (default: the place of VRU_REPORTS_URL) and return its path.

    `month` is the month reported on, by default the one before `today`. With `known_at` or `admitted_at` the marts
    as they stood then are built first. Raises ValueError for an unknown kind, BuildError and ReportError; and, once the
    report is written, ShortfallError where a published table is withheld because the marts contradict the publisher.
    """
    from vru import transform
    from vru.contracts import load_contracts
    from vru.disclosure.publish import publish
    from vru.landing import Landing
    from vru.reporting.quality_report import write_quality_report

    if kind not in KINDS:
        raise ValueError(f"no report '{kind}'; there is: {', '.join(KINDS)}")
    month = month or (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    schema = "marts"
    if known_at is not None or admitted_at is not None:
        result = transform.build(known_at, admitted_at, today=today)
        if result is None:
            raise transform.BuildError("the past marts were not built; run `vru build` with the same instants")
        schema = result.schema
    done = publish(landing=Landing(settings().landing_dir), contracts=load_contracts(), schema=schema)
    path = write_quality_report(
        month=month,
        out_dir=out_dir or settings().reports_dir,
        schema=schema,
        today=today,
        profile=profile,
        known_at=known_at,
        admitted_at=admitted_at,
    )
    if done.fell_short:
        raise ShortfallError("\n".join([*done.fell_short, f"the report says so: {path}"]))
    return path
