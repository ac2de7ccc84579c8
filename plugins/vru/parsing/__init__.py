"""Bytes of a partner's file to typed rows, and rows for quarantine with line and reason.

`read` starts a `Reading`: iterate it for its chunks, then ask it for the summary. Nothing here touches the
database, and memory is bounded by one block of the file.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from vru.contracts import Contract, Resource
from vru.contracts.formats import Format
from vru.parsing.content import is_json, refuse_other_types
from vru.parsing.formats import FORMATS
from vru.parsing.formats.base import BLOCK_BYTES, Sizes
from vru.parsing.header import fits
from vru.parsing.model import Chunk, NulledCell, Reject, Unreadable
from vru.parsing.reading import Reading, located
from vru.parsing.stream import MAX_HEADER_BYTES, Rejoined, read_exactly

#: As many first bytes as `choose_resource` needs.
HEAD_BYTES = 1 << 20

__all__ = ["HEAD_BYTES", "Chunk", "NulledCell", "Reading", "Reject", "Unreadable", "choose_resource", "read"]


def choose_resource(contract: Contract, head: bytes, file_name: str) -> Resource:
    """The resource whose required columns all stand in the header; of several the one whose file names fit.

    `head` is the first HEAD_BYTES of the content. A contract with one resource always gives that one. Raises
    Unreadable: `unknown_shape`, or what makes the header unreadable.
    """
    if len(contract.resources) == 1:
        return contract.resources[0]
    try:
        found = [resource for resource in contract.resources if _fits(resource, head)]
        if len(found) > 1:
            found = [r for r in found if _is_named(r, file_name)]
        if len(found) != 1:
            _explain(contract, head)
            raise Unreadable(
                "unknown_shape",
                f"the header fits {'none' if not found else 'several'} of the feed's resources "
                f"({', '.join(r.name for r in contract.resources)}); name the resource, or compare the header with the "
                "contract",
                line=1,
            )
    except Unreadable as error:
        raise located(error, contract, file_name) from None
    return found[0]


def read(
    contract: Contract,
    resource: str | None,
    stream: BinaryIO,
    *,
    file_name: str,
    chunk_rows: int = 50_000,
    block_bytes: int = BLOCK_BYTES,
) -> Reading:
    """Start to read one file of a feed; the resource is told by the header where none is named.

    The header is read at once; rows are read while the result is iterated. Raises Unreadable, with feed and file named.
    """
    head = read_exactly(stream, HEAD_BYTES if resource is None else MAX_HEADER_BYTES)
    chosen = choose_resource(contract, head, file_name) if resource is None else contract.resource(resource)
    whole = Rejoined(head, stream)
    try:
        form = _format(chosen, head)
        opened = FORMATS[form.kind].read(whole, chosen, form, file_name, Sizes(chunk_rows, block_bytes))
        return Reading(contract, chosen, opened, kind=form.kind, file_name=file_name)
    except Unreadable as error:
        raise located(error, contract, file_name) from None


def _readable(resource: Resource) -> list[Format]:
    """The formats of the resource; a ZIP holds them and is none."""
    return [form for form in resource.formats if form.kind in FORMATS]


def _format(resource: Resource, head: bytes) -> Format:
    """The format of the resource that the content has. Raises Unreadable if it has none of them."""
    forms = _readable(resource)
    for form in forms:
        if FORMATS[form.kind].sniff(head):
            return form
    due = " or ".join(FORMATS[form.kind].WORDS for form in forms)
    refuse_other_types(head, due)
    if is_json(head):
        raise Unreadable(
            "json_body",
            f"the content is JSON, but {due} is due (an error answer?); open its address in a browser",
            line=1,
        )
    raise Unreadable(f"not_{forms[0].kind}", f"the content is a text table or plain text, but {due} is due", line=1)


def _fits(resource: Resource, head: bytes) -> bool:
    try:
        form = _format(resource, head)
        return fits(resource, FORMATS[form.kind].headers(head, resource, form))
    except Unreadable:
        return False


def _explain(contract: Contract, head: bytes) -> None:
    """Raise what is wrong with the content itself, if anything is: that says more than that nothing fits."""
    for resource in contract.resources:
        for form in _readable(resource):
            if FORMATS[form.kind].sniff(head):
                FORMATS[form.kind].headers(head, resource, form)
                return
    _format(contract.resources[0], head)


def _is_named(resource: Resource, file_name: str) -> bool:
    name = re.sub(r"[_ ]", "-", re.split(r"[\\/]", file_name)[-1])
    return any(re.search(rule.pattern, name, re.IGNORECASE) for rule in resource.names)
