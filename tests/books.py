"""Workbooks made for tests, by libraries that have nothing to do with the reader."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import openpyxl
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import CoveredTableCell, Table, TableCell, TableRow
from odf.text import P
from vru.landing.workbook import Workbook

Rows = Sequence[Sequence[Any]]


def xlsx(
    sheets: Mapping[str, Rows],
    *,
    merged: Mapping[str, Iterable[str]] | None = None,
    hidden: Iterable[str] = (),
    errors: Iterable[tuple[str, str, str]] = (),
) -> bytes:
    """An XLSX with these sheets, each a list of rows from A1 (None is a blank cell).

    `errors`: sheet, cell and text of faults of the spreadsheet.
    """
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row, start=1):
                if value is not None:
                    sheet.cell(number, column).value = value
        for cells in (merged or {}).get(name, ()):
            sheet.merge_cells(cells)
        if name in hidden:
            sheet.sheet_state = "hidden"
    for name, place, text in errors:
        book[name][place].value, book[name][place].data_type = text, "e"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def ods(sheets: Mapping[str, Rows], *, spans: Mapping[tuple[str, int, int], tuple[int, int]] | None = None) -> bytes:
    """An ODS with these sheets; `spans`: of a cell (sheet, row, column from 1) how many rows and columns it covers."""
    document = OpenDocumentSpreadsheet()
    for name, rows in sheets.items():
        table = Table(name=name)
        for number, row in enumerate(rows, start=1):
            element = TableRow()
            for column, value in enumerate(row, start=1):
                element.addElement(_ods_cell(value, (spans or {}).get((name, number, column))))
            table.addElement(element)
        document.spreadsheet.addElement(table)
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


def _ods_cell(value: Any, span: tuple[int, int] | None) -> Any:
    more = {} if span is None else {"numberrowsspanned": span[0], "numbercolumnsspanned": span[1]}
    if value is None:
        return TableCell()
    if value is ...:
        return CoveredTableCell()
    if isinstance(value, bool):
        return TableCell(valuetype="boolean", booleanvalue=str(value).lower(), **more)
    if isinstance(value, int | float):
        return TableCell(valuetype="float", value=str(value), **more)
    if isinstance(value, datetime | date):
        return TableCell(valuetype="date", datevalue=value.isoformat(), **more)
    cell = TableCell(valuetype="string", **more)
    cell.addElement(P(text=value))
    return cell


def sheet(book: bytes, name: str) -> bytes:
    """The bytes of a sheet, as the landing store hands them out."""
    return b"".join(Workbook(io.BytesIO(book)).lines(name))


def with_part(book: bytes, name: str, content: bytes) -> bytes:
    """The same workbook with one part more, or another one in its place."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, content)
    return out.getvalue()


def part(book: bytes, name: str) -> bytes:
    """A part of a workbook."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return archive.read(name)
