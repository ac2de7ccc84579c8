"""One member of a container, a file of a ZIP or a sheet of a workbook, as a stream that also closes the container."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, cast

from vru.landing.workbook import Workbook, is_workbook

BUFFER_BYTES = 1 << 18


class _Member(io.RawIOBase):
    """Owns the container, the archive object on it, and the member's own stream."""

    def __init__(self, container: BinaryIO, archive: zipfile.ZipFile, member: IO[bytes]) -> None:
        self._container, self._archive, self._member = container, archive, member

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._member.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._member.seek(offset, whence)

    def tell(self) -> int:
        return self._member.tell()

    def close(self) -> None:
        if not self.closed:
            self._member.close()
            self._archive.close()
            self._container.close()
        super().close()


class Pieces(io.RawIOBase):
    """A stream of bytes that come piece by piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        taken, length = [self._rest], len(self._rest)
        while length < len(buffer) and (piece := next(self._pieces, b"")):
            taken.append(piece)
            length += len(piece)
        content = b"".join(taken)
        size = min(len(buffer), length)
        buffer[:size], self._rest = content[:size], content[size:]
        return size


def open_member(container: BinaryIO, member_name: str) -> BinaryIO:
    """The member as a stream; closing it closes the container. A file of a ZIP can go back, which unpacks it again.

    Raises KeyError if there is no such member, zipfile.BadZipFile if the container is no ZIP, WorkbookError for a
    workbook that cannot be read.
    """
    archive = zipfile.ZipFile(container)
    if is_workbook(archive):
        archive.close()
        container.seek(0)
        book = Workbook(container)
        if member_name not in book.names:
            raise KeyError(member_name)
        container.close()
        return cast(BinaryIO, io.BufferedReader(Pieces(book.lines(member_name)), BUFFER_BYTES))
    member = _Member(container, archive, archive.open(member_name))
    return cast(BinaryIO, io.BufferedReader(member, BUFFER_BYTES))
