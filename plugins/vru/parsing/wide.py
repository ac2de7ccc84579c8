"""Wide records: one becomes several rows, one for each header that is a value of a column."""

from __future__ import annotations

import numpy as np
import polars as pl

from vru.contracts import Resource
from vru.parsing.header import HeaderMap
from vru.parsing.model import Unreadable
from vru.parsing.values import ColumnReader, Typed, Typer, stored_names
from vru.spelling import trimmed_cells


class Wide:
    """Reads the records of a resource that is unpivoted; made once per file.

    The columns that a record has once are read once, and their faults are those of the whole record (part 0). The
    cells under the wide headers are read one below the other; their faults are those of one row (parts from 1, in the
    order of the headers). Raises Unreadable where a header says nothing that its column can hold, or two say the same.
    """

    def __init__(self, resource: Resource, columns: HeaderMap, *, has_types: bool, proposes: bool) -> None:
        assert resource.unpivot is not None  # noqa: S101 - Reading asks for it
        header, cell = resource.unpivot.header_column, resource.unpivot.cell_column
        self._header, self._cell = resource.column(header), resource.column(cell)
        self._line = columns.line
        self._positions = [str(position) for position in columns.wide]
        self._texts = list(columns.wide.values())
        fixed = [c for c in resource.columns if c.name not in (header, cell)]
        self._record = Typer(fixed, has_types=has_types, proposes=proposes)
        self._value = Typer([self._cell], has_types=has_types, proposes=proposes)
        self._order = ["line_number", "part", *(name for column in resource.columns for name in stored_names(column))]
        kept, values = ColumnReader(self._header, has_types=has_types).read(pl.Series(self._texts, dtype=pl.String))
        if values.null_count():
            raise self._unfit("bad_header", values.is_null(), "is no value of")
        if values.n_unique() < len(values):
            raise self._unfit("duplicate_header", values.is_duplicated(), "says the same as another in")
        self._headers = [kept if name == self._header.source_name else values for name in stored_names(self._header)]

    def read(self, lines: pl.Series, cells: dict[str, pl.Series], *, is_plain: bool = False) -> Typed:
        """Type one chunk: the rows of the first record, then of the second, each in the order of the headers."""
        width = len(self._positions)
        wide = [cells[position] for position in self._positions]
        nothing = pl.Series([True]).new_from_index(0, len(lines))
        for cell in wide:
            if not nothing.any():
                break
            nothing &= ((cell if is_plain else trimmed_cells(cell)) == "").fill_null(True)
        fixed = {name: cell for name, cell in cells.items() if name not in self._positions}
        records = self._record.read(lines, fixed, blank=nothing, is_plain=is_plain)
        places = None if records.kept is None else records.kept.arg_true()
        if places is not None:
            wide = [cell.gather(places) for cell in wide]
        height = records.frame.height
        # one header below the other, then turned so that the rows of a record lie together
        turned = np.arange(width * height).reshape(width, height).T.ravel()
        value = pl.concat(wide).gather(turned)
        record = np.repeat(np.arange(height), width)
        header = np.tile(np.arange(width), height)

        def received(rows: pl.Series) -> list[dict[str, str]]:
            own = pl.Series(record[rows.to_numpy()])
            originals = own if places is None else places.gather(own)
            names = pl.Series(self._texts, dtype=pl.String).gather(header[rows.to_numpy()])
            found = pl.DataFrame(
                {name: cell.gather(originals).alias(name) for name, cell in fixed.items()}
                | {self._header.name: names, self._cell.name: value.gather(rows)}
            )
            return [{name: text or "" for name, text in row.items()} for row in found.to_dicts()]

        values = self._value.read(
            records.frame["line_number"].gather(record),
            {self._cell.name: value},
            parts=pl.Series("part", header + 1, dtype=pl.Int64),
            blank=pl.Series([False]).new_from_index(0, len(value)),
            received=received,
            is_plain=is_plain,
        )
        if values.kept is not None:
            kept = values.kept.to_numpy()
            record, header = record[kept], header[kept]
        frame = values.frame.with_columns(
            *(records.frame[name].gather(record) for name in records.frame.columns if name not in values.frame.columns),
            *(
                series.gather(header).alias(name)
                for name, series in zip(stored_names(self._header), self._headers, strict=True)
            ),
        )
        rejects = records.rejects + values.rejects
        rejects.sort(key=lambda r: (r.line_number, r.part))
        return Typed(frame.select(self._order), rejects, records.nulled + values.nulled)

    def _unfit(self, code: str, bad: pl.Series, words: str) -> Unreadable:
        place = int(bad.arg_true()[0])
        return Unreadable(
            code,
            f"column {int(self._positions[place]) + 1}: its header {words} '{self._header.name}'; ask the partner what "
            "it is, or mend the contract",
            line=self._line,
            column=self._header.name,
        )
