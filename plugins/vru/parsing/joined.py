"""Several files in one: a header that stands again among the records, whatever its quotes, case and order.

Its records would count twice, or those of another table for this one. A header's words read as no number, day or listed
value, so it is looked for among the records that could not be read; where every column may hold any word, and in a wide
table, whose own headers may read as figures, among all records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vru.contracts import Resource
from vru.parsing.formats.likeness import is_telling
from vru.parsing.header import HeaderMap, fold
from vru.parsing.model import Cells, Reject, Unreadable

_LEAST = 2
"""So many words of a header make one: a single cell may say by chance what its column is called."""


class SecondHeader:
    """Looks for the header of a file among its records; made once per file."""

    def __init__(self, resource: Resource, headers: Iterable[str], columns: HeaderMap) -> None:
        aliases = (part for column in resource.header_columns for way in column.headers for part in way)
        self._words = {folded for word in (*headers, *aliases) if (folded := fold(word))}
        telling = any(is_telling(column) for column in resource.header_columns if column.name in columns.positions)
        self._is_wide = bool(columns.wide)
        single = [name for name, cells in columns.positions.items() if len(cells) == 1]
        self._among_all = [] if telling and not self._is_wide else single[:1]
        self._lower = [word.lower() for word in self._words]

    def refuse(self, cells: Cells, rejects: Iterable[Reject]) -> None:
        """Raise Unreadable if one of these records is a header."""
        for reject in () if self._is_wide else rejects:
            if self._is_header(reject.record):
                raise _joined(reject.line_number)
        for name in self._among_all:
            found = cells.cells[name].str.strip_chars().str.to_lowercase().is_in(self._lower).fill_null(False)
            for row in found.arg_true().to_list():
                if self._is_header({name: cell[row] for name, cell in cells.cells.items()}):
                    raise _joined(int(cells.lines[row]))

    def _is_header(self, record: Mapping[str, str | None]) -> bool:
        words = [folded for cell in record.values() if cell and (folded := fold(cell))]
        return len(words) >= _LEAST and all(map(self._is_of_header, words))

    def _is_of_header(self, text: str) -> bool:
        """Whether a cell is a word of the header, or several: those that one column joins."""
        return text in self._words or any(
            text.startswith(f"{word} ") and self._is_of_header(text[len(word) + 1 :]) for word in self._words
        )


def _joined(line: int) -> Unreadable:
    return Unreadable(
        "second_header",
        "the header stands again inside the file; several files were probably joined, ask for them singly",
        line=line,
    )
