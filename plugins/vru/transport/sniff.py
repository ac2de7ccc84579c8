"""Tells error and login pages from data by their first bytes; what the server calls them does not count."""

from __future__ import annotations

import codecs
import re
from typing import Literal

from vru.landing.kinds import known_kind
from vru.landing.workbook.checked import OLE_MAGIC, ZIP_MAGIC

Due = Literal["csv", "geojson", "json", "workbook", "zip"]

HEAD_BYTES = 1024
CONTAINERS: frozenset[Due] = frozenset({"zip", "workbook"})
_MARKUP = re.compile(rb"<(!doctype\s+html|html|head|body|script|title)\b", re.IGNORECASE)


def refusal(head: bytes, due: frozenset[Due]) -> str:
    """Why bytes that start like this are not what is due, as `code: sentence`; '' if they may be.

    `head` is up to HEAD_BYTES bytes. An empty answer is not judged here: the parser says what is missing.
    """
    is_zip = head.startswith(ZIP_MAGIC)
    if not head or (is_zip and due & CONTAINERS):
        return ""
    # without NUL bytes, UTF-16 reads like ASCII
    text = head.removeprefix(codecs.BOM_UTF8).replace(b"\0", b"").lstrip(b"\xff\xfe\x1e \t\r\n")
    if _MARKUP.search(text):
        return "html_page: the partner answered with a web page instead of data; open its address"
    if text.startswith(b"<"):
        return "xml_page: the partner answered with XML instead of data; open its address"
    is_json = text.startswith((b"{", b"["))
    if is_json and not due & {"json", "geojson"}:
        return "json_error: the partner answered with JSON instead of data; read it in the landed file"
    kind = known_kind(head)
    what = f" but {kind.words}" if kind else ""
    if due == {"zip"}:
        return f"not_a_zip: the partner's answer is no ZIP archive{what}; look at the landed file"
    if due == {"workbook"} and not head.startswith(OLE_MAGIC):
        return f"not_a_workbook: the partner's answer is no workbook{what}; look at the landed file"
    return ""
