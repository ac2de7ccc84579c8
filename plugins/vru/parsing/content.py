"""What kind of bytes these are, told by the bytes themselves and never by the name of the file."""

from __future__ import annotations

import re

from vru.landing.kinds import known_kind
from vru.parsing.model import Unreadable

UTF8_BOM = b"\xef\xbb\xbf"
RECORD_SEPARATOR = b"\x1e"

#: Names of files that a text table never has.
_OTHER_NAMES = re.compile(
    r"\.(xlsx|xlsm|xlsb|xls|ods|pdf|zip|gz|bz2|xz|zst|7z|rar|parquet|feather|arrow|sqlite|docx?|rtf)$", re.IGNORECASE
)

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
    refuse_other_kinds(head, wanted)
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


def refuse_other_kinds(head: bytes, wanted: str) -> None:
    """Raise Unreadable if the content is a known kind of file that is neither text nor JSON."""
    kind = known_kind(head)
    if kind is not None:
        raise Unreadable(kind.code, f"the content is {kind.words}, but {wanted} is due; {kind.mend}")


def refuse_contradiction(file_name: str, wanted: str) -> None:
    """Raise Unreadable if the name announces another type than the text that the content is."""
    announced = _OTHER_NAMES.search(file_name)
    if announced:
        raise Unreadable(
            "wrong_file_type",
            f"the name ends in .{announced[1].lower()}, but the content is {wanted}; ask the partner what it is",
        )
