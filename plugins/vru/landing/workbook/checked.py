"""What a received file is, and a copy of a workbook's parts that is safe to hand on.

A reader of workbooks unpacks parts by itself, however large they turn out to be. So each part is unpacked here first,
up to a limit and against its CRC, and the reader sees only an archive of what was checked, stored as it is.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import BinaryIO, Literal

from vru.landing.zipdirectory import DAMAGE, DIRECTORY_ENTRY_BYTES, MAX_NAME_BYTES, directory_bytes

CHUNK_BYTES = 1 << 18
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
ENCRYPTED = 0x1
MAX_DIRECTORY_BYTES = 16 << 20
"""A ZIP with a larger directory is no workbook."""
TEXT = (".xml", ".rels", "mimetype")
ODS = b"application/vnd.oasis.opendocument.spreadsheet"
Kind = Literal["workbook", "old_workbook", "zip", "other"]


class WorkbookError(Exception):
    """A workbook that is not read. `code` is a short reason code; the message holds no value of the data."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class WorkbookLimits:
    """What a workbook may take at most."""

    parts: int = 5_000
    unpacked_bytes: int = 256 << 20
    """All parts together, as XML; about 40 bytes a cell."""
    cells: int = 5_000_000
    """Of a sheet (of all in an ODS), as rectangles from A1 to the last filled cell, since the reader fills them."""


def kind_of(stream: BinaryIO) -> Kind:
    """What the bytes are; "old_workbook" is an office document in the form before 2007, or an encrypted one."""
    stream.seek(0)
    head = stream.read(8)
    stream.seek(0)
    if head == OLE_MAGIC:
        return "old_workbook"
    if not head.startswith(ZIP_MAGIC):
        return "other"
    try:
        if directory_bytes(stream) > MAX_DIRECTORY_BYTES:
            return "zip"
        with zipfile.ZipFile(stream) as archive:
            return "workbook" if is_workbook(archive) else "zip"
    except DAMAGE:
        return "zip"
    finally:
        stream.seek(0)


def is_workbook(archive: zipfile.ZipFile) -> bool:
    """Whether an open ZIP is a workbook rather than an archive of files. Raises what zipfile does."""
    names = archive.NameToInfo
    if "[Content_Types].xml" in names:
        return any(name.lower().startswith("xl/") for name in names)
    if "mimetype" not in names:
        return False
    with archive.open("mimetype") as member:
        return member.read(len(ODS)) == ODS


def checked_copy(stream: BinaryIO, limits: WorkbookLimits) -> io.BytesIO:
    """The parts of a workbook that hold text, each unpacked and checked, as an archive in memory.

    Raises WorkbookError.
    """
    if stream.read(len(OLE_MAGIC)) == OLE_MAGIC:
        raise _old(stream)
    out = io.BytesIO()
    try:
        if directory_bytes(stream) > limits.parts * (DIRECTORY_ENTRY_BYTES + MAX_NAME_BYTES):
            raise _too_many(limits)
        with zipfile.ZipFile(stream) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as copy:
            entries = archive.infolist()
            _refuse(entries, limits)
            left = limits.unpacked_bytes
            for entry in entries:
                if not entry.filename.lower().endswith(TEXT):
                    continue
                data = _unpacked(archive, entry, left)
                left -= len(data)
                if entry.filename == "META-INF/manifest.xml" and b"encryption-data" in data:
                    raise _protected()
                copy.writestr(entry.filename, data)
    except DAMAGE as error:
        raise damaged() from error
    out.seek(0)
    return out


def damaged() -> WorkbookError:
    """What is said of a workbook that cannot be read to its end, or whose parts do not fit together."""
    return WorkbookError("corrupt_workbook", "it cannot be read; ask the partner to send it again")


def _refuse(entries: list[zipfile.ZipInfo], limits: WorkbookLimits) -> None:
    names = [entry.filename.lower() for entry in entries]
    if len(names) > limits.parts:
        raise _too_many(limits)
    if len(set(names)) < len(names):
        raise WorkbookError("duplicate_member", "two of its parts have the same name; ask the partner what it is")
    if sum(entry.file_size for entry in entries) > limits.unpacked_bytes:
        raise _too_large(limits)
    if any(entry.flag_bits & ENCRYPTED for entry in entries):
        raise _protected()
    if any(name.endswith("vbaproject.bin") for name in names):
        raise WorkbookError("macros", "it holds macros, which no list needs; ask the partner for it without")
    if "xl/workbook.bin" in names:
        raise WorkbookError("binary_workbook", "it is an XLSB workbook; ask the partner for XLSX, ODS or CSV")


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    with archive.open(entry) as member:
        while data := member.read(CHUNK_BYTES):
            parts.append(data)
            size += len(data)
            if size > left:
                raise WorkbookError("too_large", "it unpacks to more than it says; ask the partner what it is")
    return b"".join(parts)


def _too_many(limits: WorkbookLimits) -> WorkbookError:
    return WorkbookError("too_many_members", f"it has more than {limits.parts} parts; ask the partner what it is")


def _too_large(limits: WorkbookLimits) -> WorkbookError:
    return WorkbookError(
        "too_large",
        f"it unpacks to more than {limits.unpacked_bytes >> 20} MiB; ask the partner for CSV, or a file per sheet",
    )


def _old(stream: BinaryIO) -> WorkbookError:
    stream.seek(0)
    before = b""
    while data := stream.read(CHUNK_BYTES):
        if ENCRYPTED_STREAM in before + data:
            return _protected()
        before = data[-len(ENCRYPTED_STREAM) :]
    return WorkbookError("old_workbook", "it is in the form before 2007; ask the partner for XLSX, ODS or CSV")


def _protected() -> WorkbookError:
    return WorkbookError("password_protected", "it needs a password; ask the partner for it without")
