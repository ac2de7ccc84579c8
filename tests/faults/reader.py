"""A small reader of cells by the contract's words, so that the platform's reader and the tests cannot agree by construction.

It shares nothing with `vru.parsing` but the contract itself, and reads what a clean file may hold: no faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from vru.contracts import Resource
from vru.contracts.columns import Column

LONDON = ZoneInfo("Europe/London")
YES, NO = {"true", "t", "yes", "y", "1"}, {"false", "f", "no", "n", "0"}


def raw_row(resource: Resource, cells: Mapping[str, Any]) -> dict[str, Any]:
    """What raw must hold of one record, given its cells by header."""
    by_name = {str(name).strip().lower(): value for name, value in cells.items()}
    row: dict[str, Any] = {}
    for column in resource.columns:
        if column.month_of:
            continue
        received = _received(column, by_name)
        row[column.name] = _value(column, received)
        if column.values is not None:
            row[f"{column.name}_source"] = _kept(received)
    for column in resource.columns:
        if column.month_of:
            row[column.name] = row[column.month_of].astimezone(LONDON).date().replace(day=1)
    return row


def _received(column: Column, cells: Mapping[str, Any]) -> Any:
    """The cell, or the cells that stand for it joined by a blank; None where the file has no such column."""
    for alias in column.aliases or [column.name]:
        names = [name.strip().lower() for name in ([alias] if isinstance(alias, str) else alias)]
        if all(name in cells for name in names):
            return cells[names[0]] if len(names) == 1 else " ".join(str(cells[name]) for name in names)
    return None


def _kept(received: Any) -> str | None:
    return str(received) if received is not None and str(received).strip() else None


def _value(column: Column, received: Any) -> Any:
    if column.type == "json":
        return received
    text = _kept(received)
    if text is None or text.strip() in column.null_markers:
        return None
    match column.type:
        case "text" if column.values is None:
            return text
        case "text":
            return _meant(column, text.strip())
        case "integer":
            return int(text)
        case "decimal":
            return Decimal(text.strip())
        case "boolean":
            return {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}[text.strip().lower()]
        case _:
            return _moment(column, text.strip())


def _meant(column: Column, text: str) -> str | None:
    """The agreed value that a spelling stands for; None for a word that nobody agreed on."""
    for value, spellings in (column.values or {}).items():
        if text.casefold() in (value.casefold(), *(spelling.casefold() for spelling in spellings)):
            return value
    assert column.unmapped == "null_cell", f"{column.name}: the clean file has a word that the contract does not list"
    return None


def _moment(column: Column, text: str) -> Any:
    for form in column.formats:
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007 - a month has no time zone
        except ValueError:
            continue
        if column.type == "timestamp":
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.date().replace(day=1) if column.type == "month" else found.date()
    raise AssertionError(f"{column.name}: none of the contract's formats reads the cell")
