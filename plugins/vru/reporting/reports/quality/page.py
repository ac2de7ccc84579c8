"""The page of the quality report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from vru.reporting import charts, layout
from vru.reporting.model import Asked, Summary
from vru.reporting.reports.quality import figures, words
from vru.reporting.reports.quality.content import NO_BOROUGHS, SAID, Content, read_content
from vru.reporting.reports.quality.feeds import PARTS

TEMPLATE = Path(__file__).with_name("templates") / "quality.html.j2"


class QualityReport:
    """How good each partner's data is, and what the figures that rest on it say."""

    title = "Data quality report"

    def read(self, connection: Connection, asked: Asked) -> Content:
        """Published tables, scores, and the ledger at (K, W). Raises ReportError."""
        return read_content(connection, asked)

    def summarise(self, content: Content, asked: Asked) -> Summary:
        """The statements at the head of the page."""
        title = f"{self.title}, {layout.month(asked.month)}" + (" (synthetic data)" if asked.is_synthetic else "")
        return Summary(title, asked.is_synthetic, words.statements(content, asked))

    def render(self, content: Content, asked: Asked) -> str:
        """The page as text; depends on nothing but its arguments and the templates."""
        return layout.page(
            TEMPLATE,
            self.title,
            asked,
            content=content,
            today=asked.today,
            statements=words.statements(content, asked),
            what_changed=figures.what_changed(content, asked),
            details=figures.details(content),
            new_series=figures.new_series_years(content),
            overlap=figures.overlap(content),
            reconciliation=figures.reconciliation(content),
            no_boroughs=NO_BOROUGHS,
            shaded=sorted({name for _, _, name in charts.bands(content.months)}),
            reference_low=figures.reference_low(content),
            parts=PARTS,
            words=words,
            troubles=words.troubles_of(content.troubles),
            trend=_trend(content, asked.is_synthetic),
            trend_heading=figures.trend_heading(content, asked),
            bands=charts.bands(charts.drawn(content.months)),
            marks=_marks(content),
            map=_map(content, asked.is_synthetic),
            boroughs=_numbered(content),
            scale=_interval_scale(content.boroughs),
            classes=charts.class_labels(),
            sources=_sources(content),
        )


def _trend(content: Content, is_synthetic: bool) -> Mapping[str, Any] | None:
    if not any(m["value_count"] is not None for m in content.months):
        return None
    return charts.trend(
        content.months,
        title=SAID["trend_title"],
        description=figures.trend_description(content),
        is_synthetic=is_synthetic,
    ).markup()


def _marks(content: Content) -> set[str]:
    """Which marks the chart bears, so that its key explains no other."""
    shown = charts.drawn(content.months)
    known = [m for m in shown if m["value_count"] is not None]
    found = {
        "provisional": any(m["is_provisional"] for m in known),
        "outside": bool(charts.outside(known)),
        "news": any(m["is_signal"] for m in known),
        "lines": bool(charts.levels(shown)),
    }
    return {name for name, is_there in found.items() if is_there}


def _map(content: Content, is_synthetic: bool) -> Mapping[str, Any] | None:
    if not content.boundaries or all(b["rate_per_100k"] is None for b in content.boroughs):
        return None
    return charts.borough_map(
        [borough for borough in _numbered(content) if borough["geometry"]],
        title=SAID["map_title"],
        description=figures.map_description(content.boroughs),
        is_synthetic=is_synthetic,
    ).markup()


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
