"""What kind of file bytes are, told by how they begin and never by a name."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: As many first bytes as an answer may need: office documents say inside what they are.
HEAD_BYTES = 4096


@dataclass(frozen=True)
class Kind:
    """A kind of file that is neither text nor JSON: its reason code, what it is, and what to do where text is due."""

    code: str
    words: str
    mend: str


_UNPACK = "unpack it, and hand in what it holds"
_AS_CSV = "save the sheet as CSV (UTF-8), and hand that in"
_ASK = "ask the partner for the agreed format"

EXCEL = Kind("excel_file", "an Excel workbook", _AS_CSV)
OPEN_DOCUMENT = Kind("ods_file", "an OpenDocument workbook", _AS_CSV)
LOCKED = Kind(
    "locked_file", "an Excel workbook or office document behind a password", "ask the partner for it without one"
)
OFFICE = Kind("office_file", "an office document", _ASK)
OLD_OFFICE = Kind("office_file", "an old office document", _ASK)
ZIP = Kind("zip_file", "a ZIP archive", _UNPACK)

_MAGIC = (
    (b"\x1f\x8b", Kind("gzip_file", "gzip-compressed", _UNPACK)),
    (b"BZh", Kind("bzip2_file", "bzip2-compressed", _UNPACK)),
    (b"\xfd7zXZ\0", Kind("xz_file", "xz-compressed", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Kind("zstd_file", "Zstandard-compressed", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Kind("7z_file", "a 7-Zip archive", _UNPACK)),
    (b"Rar!\x1a\x07", Kind("rar_file", "a RAR archive", _UNPACK)),
    (b"PAR1", Kind("parquet_file", "a Parquet file", "export it as CSV (UTF-8), and hand that in")),
    (b"ARROW1", Kind("arrow_file", "an Arrow file", "export it as CSV (UTF-8), and hand that in")),
    (b"%PDF", Kind("pdf_file", "a PDF document", _ASK)),
    (b"{\\rtf", Kind("rtf_file", "a rich-text document", _ASK)),
    (b"SQLite format 3", Kind("database_file", "a database file", _ASK)),
)
_ZIPPED = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLE = b"\xd0\xcf\x11\xe0"


def known_kind(head: bytes) -> Kind | None:
    """The kind of bytes that begin so; None where they may be text. Up to HEAD_BYTES are looked at."""
    if head.startswith(_ZIPPED):
        return _zipped(head[:HEAD_BYTES])
    if head.startswith(_OLE):
        return _old_office(head)
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def _zipped(head: bytes) -> Kind:
    """Office documents are ZIP archives; the names of their first parts tell, or the first part itself."""
    names = [head[at + 30 : at + 30 + int.from_bytes(head[at + 26 : at + 28], "little")] for at in _places(head)]
    if any(name.startswith(b"xl/") for name in names) or b"spreadsheetml" in head:
        return EXCEL
    if head[30:].startswith(b"mimetype"):
        return OPEN_DOCUMENT if b"opendocument.spreadsheet" in head[:200] else OFFICE
    return OFFICE if b"[Content_Types].xml" in names else ZIP


def _places(head: bytes) -> list[int]:
    """Where a part of an archive begins."""
    return [found.start() for found in re.finditer(re.escape(_ZIPPED[0]), head)]


def _old_office(head: bytes) -> Kind:
    """The names of its streams are UTF-16; they may lie further behind than what is at hand."""
    if "EncryptedPackage".encode("utf-16-le") in head:
        return LOCKED
    return EXCEL if "Workbook".encode("utf-16-le") in head else OLD_OFFICE
