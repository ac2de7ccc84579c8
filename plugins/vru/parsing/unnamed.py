"""Columns without a name: blank ones are left out, so is one of running integers; anything else refuses the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from vru.parsing.model import Unreadable
from vru.spelling import trimmed_cells


def blank_columns(positions: Iterable[int]) -> Iterator[str]:
    """The warning about columns that have neither a name nor a value, given by their positions; none for none."""
    blank = sorted(position + 1 for position in positions)
    if blank:
        which = f"column {blank[0]}" if len(blank) == 1 else f"columns {', '.join(map(str, blank))}"
        yield f"{which} without a name {'is' if len(blank) == 1 else 'are'} blank; left out"


class Unnamed:
    """What stands in the columns at some positions, chunk by chunk."""

    def __init__(self, positions: Iterable[int], line: int = 1) -> None:
        self.positions = tuple(positions)
        self._line = line
        self._index: tuple[int, int] | None = None  # position, and its integer less the record's ordinal
        self._has_begun = False

    def take(self, cells: dict[int, pl.Series], ordinals: NDArray[np.int64]) -> None:
        """Look at the cells of some records, of each position, counted from 1. Raises Unreadable."""
        if not len(ordinals):
            return
        for position, cell in cells.items():
            texts = trimmed_cells(cell.fill_null(""))
            is_index = self._index is not None and self._index[0] == position
            if not is_index and (texts == "").all():
                continue
            offsets = texts.cast(pl.Int64, strict=False) - pl.Series(ordinals)
            if not self._has_begun and self._index is None and offsets[0] is not None:
                self._index = (position, offsets[0])
            if self._index is None or self._index[0] != position:
                raise self._filled(position, "it holds values")
            if offsets.null_count() or not (offsets == self._index[1]).all():
                raise self._filled(position, "it is no running index")
        self._has_begun = True

    def warnings(self) -> Iterator[str]:
        """What was left out."""
        if self._index is not None:
            yield f"column {self._index[0] + 1} without a name is a running index; left out"
        yield from blank_columns(p for p in self.positions if self._index is None or p != self._index[0])

    def _filled(self, position: int, why: str) -> Unreadable:
        return Unreadable(
            "blank_header",
            f"column {position + 1} has no name, and {why}; ask the partner to name it",
            line=self._line,
        )
