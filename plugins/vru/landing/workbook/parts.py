"""What the parts of a workbook say that its reader leaves out.

The reader makes nothing of a cell that holds a fault (#REF!) or a formula without a stored value, knows no merged cells
of an ODS, and fills the rectangle up to the last cell in memory. So all that is looked up in the XML beforehand.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from dataclasses import dataclass, field, replace
from functools import cache
from xml.parsers import expat

from vru.landing.workbook.checked import WorkbookError, WorkbookLimits, damaged

READ_BYTES = 1 << 18
NO_STORED_VALUE = "#NO_STORED_VALUE"
MAX_MERGED = 10_000
TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
VALUE_TYPE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 value-type"
OWN_TYPE = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 value-type"
"""The type of a cell that only some office programs know; a fault has one of its own here."""
_PLACE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")

Attributes = dict[str, str]


@dataclass
class Found:
    """Of one sheet, rows and columns counted from 1: the last filled ones, the faulty cells, the merged ranges."""

    limits: WorkbookLimits
    rows: int = 0
    columns: int = 0
    faults: dict[tuple[int, int], str] = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    """First row and column, last row and column."""

    def fill(self, row: int, column: int) -> None:
        """Note a filled cell. Raises WorkbookError where the sheet grows beyond its limit."""
        if row <= self.rows and column <= self.columns:
            return
        self.rows, self.columns = max(self.rows, row), max(self.columns, column)
        if self.rows * self.columns > self.limits.cells:
            raise WorkbookError(
                "too_many_cells",
                f"its sheets reach over more than {self.limits.cells} cells; ask the partner for CSV, or to clear what "
                "stands far from the table",
            )

    def merge(self, first_row: int, first_column: int, last_row: int, last_column: int) -> None:
        """Note merged cells. Raises WorkbookError where there are too many."""
        if len(self.merged) >= MAX_MERGED:
            raise WorkbookError("too_many_merged", f"more than {MAX_MERGED} cells are merged; ask for a plain table")
        self.merged.append((first_row, first_column, last_row, last_column))


def look_at_xlsx(archive: zipfile.ZipFile, sheet: str, limits: WorkbookLimits) -> Found:
    """What stands in the XML of one sheet. Raises WorkbookError."""
    found = Found(limits)
    _parse(archive, _path_of(archive, sheet), _Xlsx(found))
    return found


def look_at_ods(archive: zipfile.ZipFile, limits: WorkbookLimits) -> dict[str, Found]:
    """What stands in the XML of every sheet, since its reader takes in all at once. Raises WorkbookError."""
    sheets = _Ods(limits)
    _parse(archive, "content.xml", sheets)
    return sheets.found


class _LocalNames(dict[str, str]):
    """Names of elements without their namespaces, each worked out once."""

    def __missing__(self, name: str) -> str:
        self[name] = name.rpartition(" ")[2]
        return self[name]


class _Elements:
    """Told of the elements of one part, by names without their namespaces; those of attributes have theirs."""

    def start(self, name: str, attributes: Attributes) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, data: str) -> None: ...


class _Xlsx(_Elements):
    def __init__(self, found: Found) -> None:
        self._found = found
        self._row = self._column = 0
        self._type = ""
        self._has_formula = self._has_value = False
        self._text = ""

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            if place := attributes.get("r"):
                self._row, self._column = _place(place)
            else:
                self._column += 1
            self._type = attributes.get("t", "")
            self._has_formula = self._has_value = False
            self._text = ""
        elif name == "f":
            self._has_formula = True
        elif name in ("v", "is"):
            self._has_value = True
        elif name == "row":
            number = attributes.get("r", "")
            self._row, self._column = int(number) if number.isdigit() else self._row + 1, 0
        elif name == "mergeCell":
            first, _, last = attributes.get("ref", "").partition(":")
            self._found.merge(*_place(first), *_place(last or first))

    def text(self, data: str) -> None:
        if self._has_value:
            self._text += data

    def end(self, name: str) -> None:
        if name != "c" or not (self._has_value or self._has_formula):
            return
        self._found.fill(self._row, self._column)
        if self._type == "e":
            self._found.faults[self._row, self._column] = self._text.strip() or "#VALUE!"
        elif self._has_formula and not self._text and self._type != "str":
            self._found.faults[self._row, self._column] = NO_STORED_VALUE


class _Ods(_Elements):
    def __init__(self, limits: WorkbookLimits) -> None:
        self.found: dict[str, Found] = {}
        self._limits = limits
        self._found = Found(limits)
        self._depth = 0
        """Of tables: a table inside a cell is no sheet."""
        self._row = self._column = self._rows = 1
        self._cell: Attributes | None = None
        self._text = ""

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "table":
            self._depth += 1
            if self._depth == 1:
                left = self._limits.cells - sum(one.rows * one.columns for one in self.found.values())
                self._found = self.found[attributes.get(f"{TABLE} name", "")] = Found(replace(self._limits, cells=left))
                self._row = 1
        if self._depth != 1:
            return
        if name == "table-row":
            self._rows, self._column = _times(attributes, "rows-repeated"), 1
        elif name in ("table-cell", "covered-table-cell"):
            self._cell, self._text = attributes, ""

    def text(self, data: str) -> None:
        if self._cell is not None:
            self._text += data

    def end(self, name: str) -> None:
        if name == "table" and self._depth:
            self._depth -= 1
        elif self._depth == 1 and name == "table-row":
            self._row += self._rows
        elif self._depth == 1 and self._cell is not None and name in ("table-cell", "covered-table-cell"):
            self._end_cell(self._cell)
            self._cell = None

    def _end_cell(self, cell: Attributes) -> None:
        times = _times(cell, "columns-repeated")
        last_row, last_column = self._row + self._rows - 1, self._column + times - 1
        if VALUE_TYPE in cell or self._text.strip():
            self._found.fill(last_row, last_column)
        if cell.get(OWN_TYPE) == "error":
            for row in range(self._row, last_row + 1):
                for column in range(self._column, last_column + 1):
                    self._found.faults[row, column] = self._text.strip() or "#VALUE!"
        columns, rows = _times(cell, "columns-spanned"), _times(cell, "rows-spanned")
        if columns > 1 or rows > 1:
            self._found.merge(self._row, self._column, self._row + rows - 1, self._column + columns - 1)
        self._column += times


def _parse(archive: zipfile.ZipFile, path: str, elements: _Elements) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    names = _LocalNames()
    begin, finish = elements.start, elements.end

    def refuse(*_: object) -> None:
        raise WorkbookError("unsafe_xml", "a part of it declares a document type; ask the partner what it is")

    parser.StartElementHandler = lambda name, attributes: begin(names[name], attributes)
    parser.EndElementHandler = lambda name: finish(names[name])
    parser.CharacterDataHandler = elements.text
    parser.StartDoctypeDeclHandler = refuse
    try:
        with archive.open(path) as part:
            while data := part.read(READ_BYTES):
                parser.Parse(data)
            parser.Parse(b"", True)
    except (expat.ExpatError, KeyError, ValueError, OverflowError) as error:
        raise damaged() from error


class _Collected(_Elements):
    """The attributes of all elements of one name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.found: list[Attributes] = []

    def start(self, name: str, attributes: Attributes) -> None:
        if name == self._name:
            self.found.append({key.rpartition(" ")[2]: value for key, value in attributes.items()})


def _path_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The part that holds a sheet of an XLSX."""
    names = {name.lower(): name for name in archive.namelist()}

    def collected(path: str, element: str) -> list[Attributes]:
        elements = _Collected(element)
        _parse(archive, names[path], elements)
        return elements.found

    try:
        ids = {one["name"]: one["id"] for one in collected("xl/workbook.xml", "sheet")}
        targets = {one["Id"]: one["Target"] for one in collected("xl/_rels/workbook.xml.rels", "Relationship")}
        return names[posixpath.normpath(posixpath.join("/xl", targets[ids[sheet]])).lstrip("/").lower()]
    except KeyError as error:
        raise damaged() from error


def _place(reference: str) -> tuple[int, int]:
    """Row and column of a reference such as B3. Raises ValueError."""
    found = _PLACE.fullmatch(reference)
    if found is None:
        raise ValueError("not a reference")
    return int(found.group(2)), _column(found.group(1).upper())


@cache
def _column(letters: str) -> int:
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column


def _times(attributes: Attributes, name: str) -> int:
    return max(1, int(attributes.get(f"{TABLE} number-{name}", 1)))
