"""One file being read: chunks of typed rows first, then what can be said about the file as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import cast

import polars as pl

from vru.contracts import Contract, Resource
from vru.parsing.formats.base import Opened
from vru.parsing.header import unknown_column
from vru.parsing.joined import SecondHeader
from vru.parsing.model import Cells, Chunk, NulledCell, Unreadable
from vru.parsing.placing import Placing
from vru.parsing.values import Typer
from vru.parsing.wide import Wide
from vru.periods import unit_end, unit_start
from vru.spelling import compared

MAX_PARTITIONS = 100


class Reading:
    """Iterate it once for its chunks; the summary below holds when the iteration has ended.

    `rows_parsed`, `rows_accepted` and `rows_rejected` count records of the file; a wide record is rejected as soon as
    one of its rows is, though its other rows stand. `raw_rows` counts the rows that were made. `partition` is None
    where neither header nor rows say it, or where they name several. `period_start` and `period_end` are the first
    and the last day of the units of the accepted rows. `mandatory_cells` and `blank_cells` count over the accepted
    rows. Iterating raises Unreadable where the bytes turn out to be unreadable.
    """

    def __init__(self, contract: Contract, resource: Resource, opened: Opened, *, kind: str, file_name: str) -> None:
        self.contract = contract
        self.resource = resource
        self.kind = kind
        self.file_name = file_name
        self.headers = opened.headers
        self.rows_parsed = 0
        self.rows_rejected = 0
        self.raw_rows = 0
        self.mandatory_cells = 0
        self.blank_cells = 0
        self.warnings = opened.warnings
        self.warnings += [unknown_column(name) for name in opened.columns.unknown]
        self._opened = opened
        self._second_header = SecondHeader(resource, opened.headers, opened.columns)
        proposes = not contract.personal_data
        self._typer = (
            Wide(resource, opened.columns, has_types=opened.has_types, proposes=proposes)
            if resource.unpivot
            else Typer(resource.columns, has_types=opened.has_types, proposes=proposes)
        )
        self._placing = Placing(resource, has_types=opened.has_types)
        self._first: date | None = None
        self._last: date | None = None
        self._partitions: set[str] = set()

    def __iter__(self) -> Iterator[Chunk]:
        try:
            for cells in self._opened.source:
                yield self._chunk(cells)
            if not self.rows_parsed and not self._opened.allow_empty:
                raise Unreadable(
                    "no_rows", "the file has a header and no rows; fetch it again, and ask the partner if it stays so"
                )
        except Unreadable as error:
            raise located(error, self.contract, self.file_name) from None
        self._warn_about_partition()

    @property
    def rows_accepted(self) -> int:
        """Records all of whose rows were accepted."""
        return self.rows_parsed - self.rows_rejected

    @property
    def has_final_newline(self) -> bool:
        """Whether the last record ends in a newline; True for a format without lines."""
        return self._opened.has_final_newline()

    @property
    def partition(self) -> str | None:
        """The partition that header or rows name; '' for a resource that is not cut."""
        if self.resource.partition is None:
            return ""
        found = self._partitions_found()
        return next(iter(found)) if len(found) == 1 else None

    @property
    def period_start(self) -> date | None:
        """First day of the first unit among the accepted rows."""
        return self._first and unit_start(self._first, self.resource.grain)

    @property
    def period_end(self) -> date | None:
        """Last day of the last unit among the accepted rows."""
        return self._last and unit_end(self._last, self.resource.grain)

    def _chunk(self, cells: Cells) -> Chunk:
        typed = self._typer.read(cells.lines, cells.cells, is_plain=cells.is_plain)
        rejects = sorted(cells.rejects + typed.rejects, key=lambda r: r.line_number) if cells.rejects else typed.rejects
        self._second_header.refuse(cells, rejects)
        self.rows_parsed += cells.records
        self.rows_rejected += (
            len({r.line_number for r in rejects}) if self.resource.unpivot else cells.records - typed.frame.height
        )
        self.raw_rows += typed.frame.height
        self._count_blanks(typed.frame, typed.nulled)
        self._note_unit(typed.frame)
        self._note_partition(typed.frame)
        return Chunk(typed.frame, self._placing.placed(rejects), typed.nulled, cells.records)

    def _count_blanks(self, frame: pl.DataFrame, nulled: list[NulledCell]) -> None:
        mandatory = {c.name for c in self.resource.columns if c.mandatory}
        self.mandatory_cells += frame.height * len(mandatory)
        self.blank_cells += sum(frame[name].null_count() for name in mandatory)
        self.blank_cells -= sum(cell.column in mandatory for cell in nulled)

    def _note_unit(self, frame: pl.DataFrame) -> None:
        name = self.resource.unit_column
        if name is None or frame[name].null_count() == frame.height:
            return
        first, last = cast(date, frame[name].min()), cast(date, frame[name].max())
        self._first = min(self._first or first, first)
        self._last = max(self._last or last, last)

    def _note_partition(self, frame: pl.DataFrame) -> None:
        rule = self.resource.partition
        if rule is not None and rule.column and len(self._partitions) < MAX_PARTITIONS:
            self._partitions.update(map(str, frame[rule.column].drop_nulls().unique().to_list()))

    def _partitions_found(self) -> set[str | None]:
        rule = self.resource.partition
        if rule is None:
            return set()
        if rule.header:
            matches = (re.search(rule.header, header.strip(), re.IGNORECASE) for header in self.headers)
            return {rule.format.format(match.group(1)) for match in matches if match}
        if not rule.map:
            return set(self._partitions)
        known = {compared(name): slug for name, slug in rule.map.items()}
        return {known.get(compared(value)) for value in self._partitions}

    def _warn_about_partition(self) -> None:
        if self.resource.partition is None or self.partition is not None:
            return
        found = self._partitions_found()
        place = f"column '{self.resource.partition.column}'" if self.resource.partition.column else "the header"
        if None in found:
            self.warnings.append(f"{place} names a partition that the contract does not know")
        elif not found:
            self.warnings.append(f"{place} names no partition")
        else:
            self.warnings.append(f"{place} names {len(found)} partitions, but a file is of one")


def located(error: Unreadable, contract: Contract, file_name: str) -> Unreadable:
    """The error with feed and file named."""
    error.where = f"{contract.feed}, {''.join(c if c.isprintable() else '?' for c in file_name)}"
    return error
