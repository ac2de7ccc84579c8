"""A sheet as bytes: one line for each row that holds anything, the same whenever its cells are.

The first line is MAGIC, the second the merged ranges; each further line is a JSON list: the sheet's own number of the
row, then its cells from column A. A number is written as its digits (15 of them tell two apart in a spreadsheet), a
date or time as {"t": ISO 8601}, a fault as {"e": its text}, a blank cell as null. How the file was packed, formatted or
shared out into parts does not count, so these bytes, and their sha256, are the identity of the sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from vru.landing.workbook.parts import Found

MAGIC = b"\x1dsheet 1\n"
"""No text table and no JSON begins so. The number rises when the same cells make other bytes."""
MAX_EXACT = 10**15


def lines(rows: Iterable[list[Any]], first_column: int, found: Found) -> Iterator[bytes]:
    """The bytes of a sheet, line by line; `rows` from row 1, each from `first_column` (counted from 0)."""
    yield MAGIC
    yield ('{"merged":[' + ",".join("[{},{},{},{}]".format(*one) for one in sorted(found.merged)) + "]}\n").encode()
    faults: dict[int, dict[int, str]] = {}
    for (at, column), text in found.faults.items():
        faults.setdefault(at, {})[column - 1] = text
    leading: list[str | None] = [None] * first_column
    for number, row in enumerate(rows, start=1):
        yield from _line(number, leading + [_cell(value) for value in row], faults.pop(number, {}))
    for later in sorted(faults):
        yield from _line(later, [], faults[later])


def _line(number: int, cells: list[str | None], faults: dict[int, str]) -> Iterator[bytes]:
    for column, text in faults.items():
        cells += [None] * (column + 1 - len(cells))
        cells[column] = f'{{"e":{encode_basestring(text)}}}'
    while cells and cells[-1] is None:
        cells.pop()
    if cells:
        yield f"[{number},{','.join(cell or 'null' for cell in cells)}]\n".encode("utf-8", "replace")


def _cell(value: Any) -> str | None:
    if value == "" or value is None:
        return None
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _digits(value)
    return f'{{"t":"{_moment(value)}"}}'


def _digits(value: float) -> str:
    """A number without exponent, and without the noise of binary fractions behind its fifteenth digit."""
    if value == int(value) and abs(value) < MAX_EXACT:
        return str(int(value))
    return format(Decimal(f"{value:.15g}"), "f")


def _moment(value: datetime | date | time | timedelta) -> str:
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return value.isoformat()
