"""How large the directory of a ZIP says it is, which is to be known before anything reads it."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import BinaryIO

DIRECTORY_ENTRY_BYTES = 46
MAX_NAME_BYTES = 1024
END_BYTES, MAX_COMMENT_BYTES = 22, 0xFFFF
LOCATOR_BYTES, ZIP64_END_BYTES = 20, 56

DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError, RuntimeError,
    OverflowError,
)  # fmt: skip
"""What zipfile raises for archives that are cut or damaged."""


def directory_bytes(stream: BinaryIO) -> int:
    """Bytes of the directory, as the end record says (APPNOTE.TXT 4.3.14 to 4.3.16); the stream is then at its start.

    zipfile reads the whole directory at once, so one that is too large would fill the memory before its members could
    be counted. Raises zipfile.BadZipFile where there is no end record.
    """
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - END_BYTES - MAX_COMMENT_BYTES))
    tail = stream.read(END_BYTES + MAX_COMMENT_BYTES)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < END_BYTES:
        raise zipfile.BadZipFile("no end record")
    size, offset = struct.unpack_from("<LL", tail, at + 12)
    if 0xFFFFFFFF in (size, offset):
        stream.seek(max(0, length - len(tail) + at - LOCATOR_BYTES))
        locator = stream.read(LOCATOR_BYTES)
        if locator.startswith(b"PK\x06\x07"):
            (position,) = struct.unpack_from("<Q", locator, 8)
            stream.seek(position)
            record = stream.read(ZIP64_END_BYTES)
            if not record.startswith(b"PK\x06\x06") or len(record) < ZIP64_END_BYTES:
                raise zipfile.BadZipFile("no zip64 end record")
            (size,) = struct.unpack_from("<Q", record, 40)
    stream.seek(0)
    return int(size)
