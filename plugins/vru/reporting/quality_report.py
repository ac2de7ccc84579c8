"""The monthly report on the quality of the data, as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from vru import files
from vru.disclosure.policy import load_policy
from vru.disclosure.readers import publisher, rows
from vru.reporting import charts, words
from vru.reporting.data import Content, read_content
from vru.reporting.feeds import PARTS

if TYPE_CHECKING:
    from upath import UPath

TEMPLATES = Path(__file__).with_name("templates")
KIND = "quality"


def write_quality_report(
    *,
    month: date,
    out_dir: Path | UPath,
    schema: str = "marts",
    today: date,
    profile: str,
    known_at: datetime | None = None,
    admitted_at: datetime | None = None,
) -> Path | UPath:
    """Write `quality-YYYY-MM.html` into ``out_dir`` and note it in `ops.report`; return its path.

    ``month`` is any day of the month reported on, ``today`` the platform's clock, ``profile`` its profile (in
    `sandbox` everything is labelled as synthetic). The same input gives the same bytes, and the same bytes are
    noted once. Raises ReportError where the build has not been published, and WarehouseError.
    """
    month = month.replace(day=1)
    with publisher(f"report {KIND}") as connection:
        content = read_content(connection, schema=schema, month=month, known_at=known_at, admitted_at=admitted_at)
        page = render(
            content,
            month=month,
            today=today,
            is_synthetic=profile == "sandbox",
            known_at=known_at,
            admitted_at=admitted_at,
        ).encode()
        path = out_dir / f"{KIND}-{month:%Y-%m}.html"
        files.write(path, page)
        summary = summarise(content, month=month, is_synthetic=profile == "sandbox")
        _note(connection, month, known_at, admitted_at, content.build_id, path.name, page, summary)
    return path


def summarise(content: Content, *, month: date, is_synthetic: bool) -> dict[str, Any]:
    """What the report says in short, as its mail does: title, statements, and whether the data is synthetic."""
    return {
        "title": f"Data quality report, {words.month(month)}" + (" (synthetic data)" if is_synthetic else ""),
        "is_synthetic": is_synthetic,
        "statements": [asdict(statement) for statement in _statements(content)],
    }


def render(
    content: Content,
    *,
    month: date,
    today: date,
    is_synthetic: bool,
    known_at: datetime | None = None,
    admitted_at: datetime | None = None,
) -> str:
    """The page as text; depends on nothing but its arguments and the template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(day=words.day, month=words.month, span=words.span)
    css = (TEMPLATES / "quality.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    trend, numbered, picture = _trend(content, is_synthetic), _numbered(content), None
    if content.boundaries and any(b["rate_per_100k"] is not None for b in content.boroughs):
        drawn = charts.borough_map(
            [borough for borough in numbered if borough["geometry"]],
            title="Map of homicide rates by borough",
            description=words.map_description(content.boroughs),
            is_synthetic=is_synthetic,
        )
        picture = {"wide": Markup(drawn.wide), "narrow": Markup(drawn.narrow)}  # noqa: S704 (cleaned SVG)
    return environment.get_template("quality.html.j2").render(
        content=content,
        report_month=month,
        today=today,
        is_synthetic=is_synthetic,
        known_at=known_at,
        admitted_at=admitted_at,
        css=Markup(css),  # noqa: S704 (our own file)
        csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        statements=_statements(content),
        parts=PARTS,
        words=words,
        troubles=words.troubles_of(content.troubles),
        trend=trend,
        trend_heading=words.trend_heading(content.verdict),
        map=picture,
        boroughs=numbered,
        scale=_interval_scale(content.boroughs),
        classes=charts.class_labels(),
        sources=_sources(content),
        policy=load_policy(),
    )


def _statements(content: Content) -> list[words.Statement]:
    return [words.what_changed(content), words.how_sure(content), words.whose_data(content)]


def _trend(content: Content, is_synthetic: bool) -> Mapping[str, Any] | None:
    from markupsafe import Markup

    if not any(m["value_count"] is not None for m in content.months):
        return None
    drawn = charts.trend(
        content.months,
        title="Control chart of London homicide by month",
        description=words.trend_description(content),
        is_synthetic=is_synthetic,
    )
    return {"wide": Markup(drawn.wide), "narrow": Markup(drawn.narrow)}  # noqa: S704 (cleaned SVG)


def _numbered(content: Content) -> list[dict[str, Any]]:
    """Boroughs in order of name, with the number they bear on the map and their boundary."""
    geometry = {b["area_code"]: b["geometry"] for b in content.boundaries}
    numbered = []
    for number, row in enumerate(sorted(content.boroughs, key=lambda b: b["area_name"]), 1):
        rate = row["rate_per_100k"]
        numbered.append({**row, "number": number, "rate": rate, "geometry": geometry.get(row["area_code"])})
    return numbered


def _interval_scale(boroughs: Sequence[Mapping[str, Any]]) -> float:
    """The rate at the right end of the interval bars: the highest upper end, rounded up to a whole number."""
    highest = max((b["rate_high"] for b in boroughs if b["rate_high"] is not None), default=1.0)
    return float(int(highest) + 1)


def _sources(content: Content) -> dict[str, Any]:
    """Feeds by slug, and the releases behind each published table: what the source lines are made of."""
    return {
        "feeds": {feed.feed: feed for feed in content.feeds},
        "releases": {
            name: [p for p in content.provenance if p["table_name"] == name]
            for name in sorted({p["table_name"] for p in content.provenance})
        },
    }


def _note(
    connection: Connection,
    month: date,
    known_at: datetime | None,
    admitted_at: datetime | None,
    build_id: int | None,
    file_name: str,
    page: bytes,
    summary: Mapping[str, Any],
) -> None:
    """Add the report to the ledger, unless the newest one of its kind, month and instants is the same."""
    digest = hashlib.sha256(page).hexdigest()
    last = rows(
        connection,
        "select sha256, summary from ops.report where kind = %s and month = %s and known_at is not distinct from %s "
        "and admitted_at is not distinct from %s order by report_id desc limit 1",
        (KIND, month, known_at, admitted_at),
    )
    if last and (last[0]["sha256"], last[0]["summary"]) == (digest, summary):
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into ops.report (kind, month, known_at, admitted_at, build_id, file_name, sha256, summary) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s)",
            (KIND, month, known_at, admitted_at, build_id, file_name, digest, Json(summary)),
        )
