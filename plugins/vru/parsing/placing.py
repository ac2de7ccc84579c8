"""Within which days a refused row may lie, as far as its readable parts tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from vru.contracts import Column, Resource
from vru.parsing.model import Reject
from vru.parsing.values import Typer
from vru.periods import unit_end, unit_start

_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_SHORT_YEAR = re.compile(r"[^0-9]*[A-Za-z][^0-9]*([0-9]{2})\s*")
_PIVOT = 69
"""Two digits from here on are a year of the last century, as POSIX has it and the reading of dates too."""


class Placing:
    """Places the refused rows of one file; made once per file.

    A row whose own date can be read lies in its unit; one of which only the year can be read lies somewhere in that
    year. A record that could not be taken apart, or whose date tells no year, may lie anywhere.
    """

    def __init__(self, resource: Resource, *, has_types: bool) -> None:
        self._grain = resource.grain
        self._name = resource.unit_column if not resource.unpivot else None
        if self._name is None:
            return
        unit = resource.column(self._name)
        self._said = resource.column(unit.month_of) if unit.month_of else unit
        columns = [self._said, unit] if unit.month_of else [unit]
        self._typer = Typer(columns, has_types=has_types)

    def placed(self, rejects: Sequence[Reject]) -> list[Reject]:
        """The same rejects with their days."""
        if self._name is None or not rejects:
            return list(rejects)
        torn = {r.line_number for r in rejects if not r.column}
        # a unit that stands in the record but is refused all the same (blank, say) is none
        texts = {r.line_number: r.record.get(self._said.name, "") for r in rejects if r.line_number not in torn}
        lines = pl.Series("line_number", list(texts), pl.Int64)
        typed = self._typer.read(lines, {self._said.name: pl.Series(list(texts.values()), dtype=pl.String)})
        read = dict(zip(typed.frame["line_number"].to_list(), typed.frame[self._name].to_list(), strict=True))
        days = {line: self._days(read.get(line), text) for line, text in texts.items()}
        return [replace(r, days=days.get(r.line_number)) for r in rejects]

    def _days(self, unit: date | None, text: str) -> tuple[date, date] | None:
        if unit is not None:
            return unit_start(unit, self._grain), unit_end(unit, self._grain)
        year = None if self._grain == "year" else _year(text, self._said)
        return None if year is None else (date(year, 1, 1), date(year, 12, 31))


def _year(text: str, column: Column) -> int | None:
    """The year that an unreadable date names, if it names one."""
    found = set(_YEAR.findall(text))
    if len(found) == 1:
        return int(found.pop())
    short = _SHORT_YEAR.fullmatch(text) if any(f.endswith("%y") and "%d" not in f for f in column.formats) else None
    if found or short is None:
        return None
    number = int(short[1])
    return number + (1900 if number >= _PIVOT else 2000)
