"""What kind of bytes these are, told by the bytes themselves and never by the name of the file."""

from __future__ import annotations

import re

from vru.parsing.model import Unreadable

UTF8_BOM = b"\xef\xbb\xbf"
RECORD_SEPARATOR = b"\x1e"

#: First bytes of files that are no text table: code, and what they are.
_MAGIC = (
    (b"PK\x03\x04", "zip_file", "a ZIP archive or an office document"),
    (b"PK\x05\x06", "zip_file", "an empty ZIP archive"),
    (b"\x1f\x8b", "gzip_file", "gzip-compressed"),
    (b"%PDF", "pdf_file", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "office_file", "an old office document"),
    (b"SQLite format 3", "database_file", "a database file"),
    (b"PAR1", "parquet_file", "a Parquet file"),
)


#: Names of files that a text table never has.
_OTHER_NAMES = re.compile(r"\.(xlsx|xlsm|xls|ods|pdf|zip|gz|parquet)$", re.IGNORECASE)


#: A list as it begins; a text table may begin with a bracket too, but not so.
_LIST = re.compile(rb"\[\s*(?:[{\]]|$)")


def is_json(head: bytes) -> bool:
    """Whether the content starts as a JSON object, a list of objects, or a JSON text sequence (RFC 7464)."""
    start = head.removeprefix(UTF8_BOM).lstrip()
    return start.startswith((b"{", RECORD_SEPARATOR)) or _LIST.match(start) is not None


def refuse_other_types(head: bytes, wanted: str) -> None:
    """Raise Unreadable if the content is empty or plainly of another type than a text table or JSON."""
    text = head.removeprefix(UTF8_BOM)
    start = text.lstrip()
    if not start:
        raise Unreadable("empty_file", "the file is empty; fetch it again, and ask the partner if it stays so")
    for magic, code, words in _MAGIC:
        if head.startswith(magic):
            raise Unreadable(code, f"the content is {words}, but {wanted} is due; ask the partner for that format")
    sample = head[:1024]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or sample.count(0) * 3 > len(sample):
        raise Unreadable(
            "utf_16", "the text is UTF-16, not the encoding of the contract; ask the partner for UTF-8", line=1
        )
    if start.startswith(b"<"):
        is_xml = start[:5].lower() == b"<?xml" and b"<html" not in start[:1024].lower()
        code, words = (
            ("xml_document", "an XML document") if is_xml else ("html_page", "a web page (an error or a login?)")
        )
        raise Unreadable(code, f"the content is {words}, but {wanted} is due; open its address in a browser", line=1)


def refuse_contradiction(file_name: str, wanted: str) -> None:
    """Raise Unreadable if the name announces another type than the text that the content is."""
    announced = _OTHER_NAMES.search(file_name)
    if announced:
        raise Unreadable(
            "wrong_file_type",
            f"the name ends in .{announced[1].lower()}, but the content is {wanted}; ask the partner what it is",
        )
