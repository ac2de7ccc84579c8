"""One member of a ZIP as a stream that also closes the ZIP."""

from __future__ import annotations

import io
import os
import zipfile
from typing import IO, Any, BinaryIO, cast

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


def open_member(container: BinaryIO, member_name: str) -> BinaryIO:
    """The member as a seekable stream (going back unpacks again); closing it closes the container.

    Raises KeyError if there is no such member, zipfile.BadZipFile if the container is no ZIP.
    """
    archive = zipfile.ZipFile(container)
    member = _Member(container, archive, archive.open(member_name))
    return cast(BinaryIO, io.BufferedReader(member, BUFFER_BYTES))
