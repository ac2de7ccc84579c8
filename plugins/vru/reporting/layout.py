"""The page that every report fills: its frame, its style, and the policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from pathlib import Path
from typing import Any

from vru.disclosure.policy import load_policy
from vru.reporting.model import Asked
from vru.warehouse.feed_status import day

TEMPLATES = Path(__file__).with_name("templates")


def page(template: Path, title: str, asked: Asked, **content: Any) -> str:
    """A self-contained page; `template` extends `page.html.j2` and depends on nothing but what it is given."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader([template.parent, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(day=day, month=month, span=span)
    css = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return environment.get_template(template.name).render(
        title=title,
        asked=asked,
        is_synthetic=asked.is_synthetic,
        css=Markup(css),  # noqa: S704 (our own file)
        csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        policy=load_policy(),
        **content,
    )


def month(value: date | None) -> str:
    """March 2022."""
    return "not known" if value is None else f"{value:%B %Y}"


def span(period: tuple[date, date] | None) -> str:
    """A period as months: 'March 2022', or 'January 2003 to December 2020'."""
    if period is None:
        return "–"
    first, last = month(period[0]), month(period[1])
    return first if first == last else f"{first} to {last}"
