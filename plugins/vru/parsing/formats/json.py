"""JSON: a list of objects, one object a line, or a sequence (RFC 7464) of either, one per page of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vru.contracts import Json, Resource
from vru.parsing.content import RECORD_SEPARATOR, UTF8_BOM, is_json, refuse_contradiction, refuse_other_types
from vru.parsing.formats.base import Opened, Sizes
from vru.parsing.formats.objects import Record, load, open_records, texts
from vru.parsing.header import fold
from vru.parsing.model import Unreadable
from vru.parsing.stream import Rejoined, Source, read_exactly

WORDS = "a JSON list of objects"
HEAD_BYTES = 1024
MAX_DEPTH = 8


def sniff(head: bytes) -> bool:
    """Whether this may be JSON: a list, an object, or a sequence."""
    return is_json(head)


def headers(head: bytes, resource: Resource, _form: Json) -> list[str]:
    """The names of the first object that lies whole in the first bytes. Raises Unreadable."""
    refuse_other_types(head, WORDS)
    text = head.decode("utf-8", "replace")
    start = text.find("{")
    try:
        return list(_flat(json.JSONDecoder().raw_decode(text, max(start, 0))[0], _whole(resource), 1))
    except (ValueError, RecursionError):
        raise _not_json(1) from None


def read(stream: Source, resource: Resource, _form: Json, file_name: str, sizes: Sizes) -> Opened:
    """Start to read JSON; raises Unreadable if the first page cannot be used."""
    refuse_contradiction(file_name, "JSON")
    return open_records(resource, _pages(stream, resource), sizes.chunk_rows)


def _pages(stream: Source, resource: Resource) -> Iterator[list[Record]]:
    """The objects, page by page, numbered through from 1."""
    whole, ordinal = _whole(resource), 0
    head = read_exactly(stream, HEAD_BYTES)
    start = head.removeprefix(UTF8_BOM).lstrip()
    separator = RECORD_SEPARATOR if start.startswith((RECORD_SEPARATOR, b"[")) else b"\n"
    for block in texts(Rejoined(head, stream), WORDS, separator=separator):
        page = []
        for raw in block:
            content = load(raw)
            for item in content if isinstance(content, list) else [content]:
                ordinal += 1
                page.append(Record(ordinal, _flat(item, whole, ordinal)))
        yield page


def _whole(resource: Resource) -> set[str]:
    """The names, folded, whose values stay as they are."""
    return {fold(part) for c in resource.columns if c.type == "json" for way in c.headers for part in way}


def _flat(item: Any, whole: set[str], ordinal: int, depth: int = 1) -> dict[str, Any]:
    """The values of an object by their dotted names. Raises Unreadable for what is no object, and for names twice."""
    if not isinstance(item, dict):
        raise _not_json(ordinal)
    out: dict[str, Any] = {}
    for name, value in item.items():
        inner = {name: value}
        if isinstance(value, dict) and fold(name) not in whole and depth < MAX_DEPTH:
            nested = {part.removeprefix(f"{fold(name)}.") for part in whole if part.startswith(f"{fold(name)}.")}
            inner = {f"{name}.{key}": v for key, v in _flat(value, nested, ordinal, depth + 1).items()}
        if twice := out.keys() & inner.keys():
            raise Unreadable("duplicate_header", f"{len(twice)} name(s) stand twice in an object", line=ordinal)
        out |= inner
    return out


def _not_json(ordinal: int) -> Unreadable:
    return Unreadable(
        "not_json_objects",
        "the content is JSON, but no list of objects (an error answer?); open its address in a browser",
        line=ordinal,
    )
