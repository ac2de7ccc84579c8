"""Cells of files that people open in a spreadsheet, which takes text for a formula by how it begins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")


def cell(value: Any) -> Any:
    """The value as a CSV cell: text that a spreadsheet might run gets an apostrophe in front, numbers stay numbers.

    What counts as a number is its type, not its looks: the text "-5" gets the apostrophe, the number -5 does not.
    """
    if value is None or isinstance(value, int | float | Decimal):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
