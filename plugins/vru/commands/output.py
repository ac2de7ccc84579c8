"""Listings: a table for a person, one JSON array for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from vru.errors import printable
from vru.periods import LONDON

Row = dict[str, Any]


def show(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool, empty: str = "nothing to show") -> None:
    """Print rows: all columns as JSON, or the named ones as a table."""
    if as_json:
        text = json.dumps(list(rows), default=_plain, ensure_ascii=False, indent=1)
        sys.stdout.write("\n".join(map(printable, text.split("\n"))) + "\n")
        return
    if not rows:
        sys.stdout.write(empty + "\n")
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(emoji=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in columns))
    if not console.is_terminal:
        console.width = 200
    console.print(table, markup=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _text(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(LONDON):%Y-%m-%d %H:%M}"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return escape(printable(str(value)))
