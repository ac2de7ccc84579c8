"""The pictures of a report, drawn by Altair and vl-convert without a browser, as safe inline SVG.

Colours are Okabe and Ito's, which people with any common colour vision tell apart, and no meaning rests on
colour alone. Each picture is drawn twice, for a wide page and for a phone, because scaled text cannot be read.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from vru.periods import shifted
from vru.reporting.svg import safe_svg

INK, GREY, LIGHT = "#0b0c0c", "#505a5f", "#b1b4b6"
BLUE, ORANGE = "#0072b2", "#d55e00"
FONT = "Arial, Helvetica, sans-serif"

#: Per 100,000 residents a year: where one class of the map ends and the next begins.
RATE_CLASSES = (0.5, 1.0, 1.5, 2.0)
RATE_COLOURS = ("#eff3ff", "#bdd7e7", "#6baed6", "#3182bd", "#08519c")
NO_DATA = "#ffffff"


@dataclass(frozen=True)
class Picture:
    """One picture in two sizes, each a complete `<svg>` element."""

    wide: str
    narrow: str

    def markup(self) -> dict[str, Any]:
        """Both sizes, for a template to take as they are: the SVG has been cleaned."""
        from markupsafe import Markup

        return {"wide": Markup(self.wide), "narrow": Markup(self.narrow)}  # noqa: S704


def trend(months: Sequence[Mapping[str, Any]], *, title: str, description: str, is_synthetic: bool) -> Picture:
    """The c-chart of a series: its published months in order of time.

    What is drawn is told by `drawn`, `levels`, `bands` and `outside`, so that words about it can be made of the same.
    """
    return Picture(
        *(
            safe_svg(
                _draw(_trend_spec(months, width, height, size, is_synthetic=is_synthetic)),
                name=f"trend-{name}",
                title=title,
                description=description,
                css_class=f"picture {name}",
            )
            for name, width, height, size in (("wide", 790, 330, 14), ("narrow", 250, 240, 12))
        )
    )


def borough_map(areas: Sequence[Mapping[str, Any]], *, title: str, description: str, is_synthetic: bool) -> Picture:
    """The borough map: each area has `number`, `geometry` (GeoJSON, WGS84), `rate` (or None)."""
    return Picture(
        *(
            safe_svg(
                _draw(_map_spec(areas, width, height, size, is_synthetic=is_synthetic)),
                name=f"map-{name}",
                title=title,
                description=description,
                css_class=f"picture {name}",
            )
            for name, width, height, size in (("wide", 720, 560, 14), ("narrow", 340, 265, 10))
        )
    )


def class_of(rate: float) -> int:
    """Position of the map class that holds ``rate``; a rate on a border belongs to the higher class."""
    return sum(rate >= border for border in RATE_CLASSES)


def class_labels() -> list[tuple[str, str]]:
    """Words and colour of each map class, lowest first."""
    borders = [f"{b:.1f}" for b in RATE_CLASSES]
    words = [f"under {borders[0]}"]
    words += [f"{low} to under {high}" for low, high in itertools.pairwise(borders)]
    words.append(f"{borders[-1]} or more")
    return list(zip(words, RATE_COLOURS, strict=True))


def drawn(months: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The months that are drawn: from the first that is known to the last."""
    known = [i for i, m in enumerate(months) if m["value_count"] is not None]
    return months[known[0] : known[-1] + 1] if known else []


def outside(months: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The months outside the limits."""
    return [m for m in months if "limit" in (m["chart_rules"] or "").split(",")]


def _trend_spec(
    months: Sequence[Mapping[str, Any]], width: int, height: int, size: int, *, is_synthetic: bool
) -> dict[str, Any]:
    import altair as alt

    shown = drawn(months)
    newest: date = shown[-1]["period_start"]
    beyond = {m["period_start"] for m in outside(shown)}
    data = [
        {
            "month": m["period_start"].isoformat(),
            "count": m["value_count"],
            "is_outside": m["period_start"] in beyond,
            "is_news": bool(m["is_signal"]),
            "is_provisional": m["is_provisional"],
        }
        for m in shown
    ]
    tallest = max([m["count"] or 0 for m in data] + [m["upper_limit"] or 0 for m in shown])
    top = math.ceil((tallest * 1.12 + 1) / 5) * 5
    source = alt.Data(values=data)
    x = alt.X(
        "month:T",
        title=None,
        axis=alt.Axis(
            format="%Y",
            tickCount={"interval": "year", "step": _year_step(len(shown), width)},
            grid=False,
            labelFlush=False,
        ),
        scale=alt.Scale(domain=[shown[0]["period_start"].isoformat(), shifted(newest, 1).isoformat()]),
    )
    y_scale = alt.Scale(domain=[0, top], nice=False)
    y = alt.Y("count:Q", title=None, scale=y_scale, axis=alt.Axis(tickCount=5, tickMinStep=1))
    layers: list[Any] = []
    shaded = [{"start": a.isoformat(), "end": shifted(b, 1).isoformat(), "word": name} for a, b, name in bands(shown)]
    if shaded:
        band = alt.Chart(alt.Data(values=shaded))
        layers.append(band.mark_rect(color="#e9e8e6").encode(x=alt.X("start:T"), x2="end:T"))
        if width > 500:  # on a phone the words below the picture name it
            layers.append(
                band.mark_text(align="right", dx=-4, dy=size, color=GREY, fontSize=size - 2).encode(
                    x=alt.X("start:T"), y=alt.datum(top, type="quantitative", scale=y_scale), text="word:N"
                )
            )
    base = alt.Chart(source).encode(x=x)
    # A phase's lines run from the start of its first month to the start of the month after its last.
    stretches = levels(shown)
    lines = alt.Chart(alt.Data(values=stretches))
    for field, dash, colour, weight in (
        ("upper", [4, 3], GREY, 1.2),
        ("lower", [4, 3], GREY, 1.2),
        ("centre", [1, 0], INK, 1.6),
    ):
        layers.append(
            lines.mark_rule(strokeDash=dash, color=colour, strokeWidth=weight).encode(
                x=alt.X("start:T"), x2="end:T", y=alt.Y(f"{field}:Q", scale=y_scale)
            )
        )
    known = base.transform_filter("isValid(datum.count)")
    layers.append(known.mark_line(color=BLUE, strokeWidth=1, opacity=0.55).encode(y=y))
    dot = (30 if width > 500 else 20) if len(shown) <= 120 else (16 if width > 500 else 6)
    layers.append(
        known.transform_filter("!datum.is_provisional && !datum.is_outside")
        .mark_circle(color=BLUE, size=dot, opacity=1)
        .encode(y=y)
    )
    layers.append(
        known.transform_filter("datum.is_provisional && !datum.is_outside")
        .mark_point(color=BLUE, fill="#ffffff", size=dot, opacity=1, strokeWidth=1.5)
        .encode(y=y)
    )
    layers.append(
        known.transform_filter("datum.is_outside")
        .mark_point(shape="diamond", color=ORANGE, fill=ORANGE, size=max(30, dot * 3), opacity=1)
        .encode(y=y)
    )
    layers.append(
        known.transform_filter("datum.is_news")
        .mark_tick(color=ORANGE, orient="vertical", thickness=2, height=8, opacity=1)
        .encode(y=alt.datum(0, type="quantitative", scale=y_scale))
    )
    for level in [each for each in stretches[-1:] if each["end"] == shifted(newest, 1).isoformat()]:
        words = [
            {"month": level["end"], "at": level[field], "word": word}
            for field, word in (
                ("upper", "upper limit"),
                ("centre", f"average {level['centre']:.1f}"),
                ("lower", "lower limit"),
            )
        ]
        layers.append(
            alt.Chart(alt.Data(values=words))
            .mark_text(align="left", dx=5, color=INK, fontSize=size - 2)
            .encode(x=alt.X("month:T"), y=alt.Y("at:Q", scale=y_scale), text="word:N")
        )
    # Only a step says by how much: levels before and after a change of recording are not comparable.
    steps = [
        {"month": level["start"], "end": level["end"], "at": level["upper"], "word": level["words"]}
        for level in stretches
        if level["words"]
    ]
    if steps and width > 500:
        # words that begin late would run over the right edge: they end with their phase
        middle = shown[len(shown) // 2]["period_start"].isoformat()
        for at, align, found in (
            ("month", "left", [step for step in steps if step["month"] <= middle]),
            ("end", "right", [step for step in steps if step["month"] > middle]),
        ):
            layers.append(
                alt.Chart(alt.Data(values=found))
                .mark_text(align=align, dy=-size * 0.6, color=INK, fontSize=size - 2, fontWeight="bold")
                .encode(x=alt.X(f"{at}:T"), y=alt.Y("at:Q", scale=y_scale), text="word:N")
            )
    if is_synthetic:
        layers.append(_watermark(alt, width, height, size))
    return _finish(alt.layer(*layers), width, height, size)


def _map_spec(
    areas: Sequence[Mapping[str, Any]], width: int, height: int, size: int, *, is_synthetic: bool
) -> dict[str, Any]:
    import altair as alt

    features = [
        {
            "type": "Feature",
            "geometry": _flat(area["geometry"]),
            "properties": {
                "number": str(area["number"]),
                "colour": NO_DATA if area["rate"] is None else RATE_COLOURS[class_of(area["rate"])],
                "ink": "#ffffff" if area["rate"] is not None and class_of(area["rate"]) >= 3 else INK,
                "x": _centre(area["geometry"])[0],
                "y": _centre(area["geometry"])[1],
            },
        }
        for area in areas
    ]
    shapes = (
        alt.Chart(alt.Data(values=features))
        .mark_geoshape(stroke=GREY, strokeWidth=0.8)
        .encode(color=alt.Color("properties.colour:N", scale=None, legend=None))
    )
    numbers = (
        alt.Chart(alt.Data(values=[f["properties"] for f in features]))
        .mark_text(fontSize=size - 1, fontWeight="bold")
        .encode(
            longitude="x:Q",
            latitude="y:Q",
            text="number:N",
            color=alt.Color("ink:N", scale=None, legend=None),
        )
    )
    layers = [shapes, numbers, _watermark(alt, width, height, size)] if is_synthetic else [shapes, numbers]
    chart = alt.layer(*layers).project(type="identity", reflectY=True)
    return _finish(chart, width, height, size)


def _finish(chart: Any, width: int, height: int, size: int) -> dict[str, Any]:
    configured = (
        chart.properties(width=width, height=height, padding={"left": 4, "right": 8, "top": 6, "bottom": 4})
        .configure(font=FONT, background="#ffffff")
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=size - 1,
            labelColor=INK,
            gridColor="#e5e6e7",
            domainColor=LIGHT,
            tickColor=LIGHT,
            titleFontSize=size,
        )
    )
    spec: dict[str, Any] = configured.to_dict()
    return spec


def _watermark(alt: Any, width: int, height: int, size: int) -> Any:
    return (
        alt.Chart(alt.Data(values=[{"word": "SYNTHETIC DATA"}]))
        .mark_text(fontSize=size * 2.2, fontWeight="bold", color="#000000", opacity=0.09)
        .encode(x=alt.value(width / 2), y=alt.value(height / 2), text="word:N")
    )


def _draw(spec: Mapping[str, Any]) -> str:
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(json.dumps(spec, sort_keys=True))
    return drawn


def levels(months: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each phase among ``months``: where its lines start and end, how high they are, and in words how it began."""
    found: list[dict[str, Any]] = []
    phase = None
    for month in months:
        if month["centre_line"] is not None and month["phase_start"] != phase:
            found.append(
                {
                    "start": month["period_start"].isoformat(),
                    "centre": month["centre_line"],
                    "lower": month["lower_limit"],
                    "upper": month["upper_limit"],
                    "words": month["phase_note"] or "",
                }
            )
        if month["centre_line"] is not None:
            found[-1]["end"] = shifted(month["period_start"], 1).isoformat()
        phase = month["phase_start"]
    return found


def bands(months: Sequence[Mapping[str, Any]]) -> list[tuple[date, date, str]]:
    """First and last month of each stretch that stays outside the baselines, with its name."""
    found: list[tuple[date, date, str]] = []
    previous: str | None = None
    for month in months:
        name = (month["outside_note"] or "outside the baselines") if month["is_outside_baseline"] else None
        if name is not None:
            start = found.pop()[0] if name == previous else month["period_start"]
            found.append((start, month["period_start"], name))
        previous = name
    return found


def _year_step(months: int, width: int) -> int:
    """Years between two labels, so that they do not touch: about 45 pixels each."""
    return max(1, math.ceil(months / 12 * 45 / width))


#: At London's latitude a degree of longitude is this much of a degree of latitude.
_STRETCH = math.cos(math.radians(51.5))


def _flat(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """The geometry in flat units, so that no projection turns a ring inside out."""

    def walk(part: Any) -> Any:
        if isinstance(part[0], (int, float)):
            return [part[0] * _STRETCH, part[1]]
        return [walk(inner) for inner in part]

    return {"type": geometry["type"], "coordinates": walk(geometry["coordinates"])}


def _centre(geometry: Mapping[str, Any]) -> tuple[float, float]:
    """Centre of gravity of the largest ring (flat units): where the number stands."""
    flat = _flat(geometry)["coordinates"]
    polygons = [flat] if geometry["type"] == "Polygon" else flat
    best, area_of_best = (0.0, 0.0), -1.0
    for polygon in polygons:
        ring = polygon[0]
        # relative to a corner, or the products of coordinates would lose every digit that matters
        ox, oy = ring[0]
        twice = cx = cy = 0.0
        for (x1, y1), (x2, y2) in itertools.pairwise(ring):
            cross = (x1 - ox) * (y2 - oy) - (x2 - ox) * (y1 - oy)
            twice += cross
            cx += (x1 + x2 - 2 * ox) * cross
            cy += (y1 + y2 - 2 * oy) * cross
        if twice and abs(twice) > area_of_best:
            best, area_of_best = (ox + cx / (3 * twice), oy + cy / (3 * twice)), abs(twice)
    return best
