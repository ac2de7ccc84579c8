"""A small reader of cells by the contract's words, so that the platform's reader and the tests cannot agree by construction.

It shares nothing with `vru.parsing` but the contract itself. `raw_row` reads what a clean file may hold, `read` says what
is wrong with a cell of another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from vru.contracts import Resource
from vru.contracts.columns import Column

LONDON = ZoneInfo("Europe/London")
CODES = {"text": "unknown_value", "integer": "not_an_integer", "decimal": "not_a_decimal", "boolean": "not_a_boolean",
         "date": "not_a_date", "month": "not_a_month", "timestamp": "not_a_timestamp", "json": "not_json"}  # fmt: skip
"""What is wrong with a cell that is none of its column's type, or none of its values."""
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


def read(column: Column, cells: Mapping[str, Any]) -> tuple[Any, str]:
    """A column's value of one record, given its cells by header, and why the contract sends the row to quarantine.

    The code is empty where the row stays, if only with no value.
    """
    received = _received(column, {str(name).strip().lower(): value for name, value in cells.items()})
    if _is_blank(column, received):
        return None, "" if column.nullable else "blank_not_allowed"
    try:
        return (json.loads(received) if column.type == "json" else _value(column, received)), ""
    except (ValueError, ArithmeticError, KeyError, AssertionError):
        if column.unmapped == "null_cell" and column.nullable:
            return None, ""
    is_time = column.type in ("date", "month", "timestamp")
    return None, "day_month_swap" if is_time and _is_either(received) else CODES[column.type]


def _is_blank(column: Column, received: Any) -> bool:
    return _kept(received) is None or str(received).strip() in column.null_markers


def _is_either(cell: str) -> bool:
    """Whether it could be day and month, or month and day."""
    found = re.match(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4}|\d{2})(?!\d)", cell.strip())
    return bool(found) and found[1] != found[2] and max(int(found[1]), int(found[2])) <= 12  # type: ignore[index]


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
    text = str(received)
    if _is_blank(column, received):
        return None
    match column.type:
        case "text" if column.values is None:
            return re.sub(r"[^\S\r\n]+", " ", text).strip()  # lines inside stay
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
    if column.unmapped == "keep":
        return text
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
