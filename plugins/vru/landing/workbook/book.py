"""One workbook, opened: its sheets by name, each as a stream of bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import BinaryIO

import python_calamine as calamine

from vru.landing.workbook.checked import WorkbookError, WorkbookLimits, checked_copy, damaged
from vru.landing.workbook.parts import Found, look_at_ods, look_at_xlsx
from vru.landing.workbook.sheet import lines


class Workbook:
    """A workbook whose parts were checked; it is held in memory, and `stream` is not needed any more.

    Raises WorkbookError: `password_protected`, `old_workbook`, `binary_workbook`, `macros`, `too_large`,
    `too_many_members`, `duplicate_member`, `corrupt_workbook`; of a sheet also `too_many_cells`, `too_many_merged`,
    `unsafe_xml`, and KeyError for a sheet that is not there.
    """

    def __init__(self, stream: BinaryIO, limits: WorkbookLimits = WorkbookLimits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self.suffix = ".xlsx"
        """What the name of such a file ends in."""
        self._content = checked_copy(stream, limits)
        self._found: dict[str, Found] = {}
        with zipfile.ZipFile(self._content) as archive:
            if "content.xml" in archive.namelist():
                self.suffix = ".ods"
                self._found = look_at_ods(archive, limits)
        self._content.seek(0)
        try:
            self._book = calamine.CalamineWorkbook.from_filelike(self._content)
        except calamine.PasswordError as error:
            raise WorkbookError("password_protected", "it needs a password; ask the partner for it without") from error
        except BaseException as error:
            raise _translated(error) from error

    @property
    def names(self) -> list[str]:
        """Names of the sheets that a reader of the workbook sees, in its order; no charts."""
        return [
            sheet.name
            for sheet in self._book.sheets_metadata
            if sheet.visible == calamine.SheetVisibleEnum.Visible and sheet.typ == calamine.SheetTypeEnum.WorkSheet
        ]

    @property
    def hidden_count(self) -> int:
        """How many sheets are hidden."""
        return sum(sheet.visible != calamine.SheetVisibleEnum.Visible for sheet in self._book.sheets_metadata)

    def lines(self, name: str) -> Iterator[bytes]:
        """The bytes of a sheet, piece by piece (see `sheet`)."""
        if name not in self.names:
            raise KeyError(name)
        found = self._found.get(name)
        if found is None:
            with zipfile.ZipFile(self._content) as archive:
                found = look_at_xlsx(archive, name, self._limits)
        try:
            sheet = self._book.get_sheet_by_name(name)
        except BaseException as error:
            raise _translated(error) from error
        if sheet.start is None:
            yield from lines([], 0, found)
        else:
            yield from lines(sheet.iter_rows(), sheet.start[1], found)


def _translated(error: BaseException) -> BaseException:
    """What to raise for what the reader raised: its own errors and panics are the workbook's fault, others are not."""
    if isinstance(error, calamine.CalamineError) or type(error).__name__ == "PanicException":
        return damaged()
    return error
