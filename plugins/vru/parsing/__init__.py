"""Bytes of a partner's file to typed rows, and rows for quarantine with line and reason.

`read` starts a `Reading`: iterate it for its chunks, then ask it for the summary. Nothing here touches the
database, and memory is bounded by one block of the file.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from vru.contracts import Contract, Csv, Format, Resource
from vru.parsing import csv_reader, geojson
from vru.parsing.content import is_json, refuse_contradiction, refuse_other_types
from vru.parsing.csv_structure import BLOCK_BYTES, read_exactly
from vru.parsing.header import fits
from vru.parsing.model import Chunk, NulledCell, Reject, Unreadable
from vru.parsing.reading import Reading, located

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
    head = read_exactly(stream, HEAD_BYTES if resource is None else csv_reader.MAX_HEADER_BYTES)
    chosen = choose_resource(contract, head, file_name) if resource is None else contract.resource(resource)
    whole = csv_reader.Rejoined(head, stream)
    try:
        form = _format(chosen, head)
        refuse_contradiction(file_name, "JSON" if form.kind == "geojson" else "text")
        if isinstance(form, Csv):
            return csv_reader.read_csv(
                contract, chosen, form, whole, file_name=file_name, chunk_rows=chunk_rows, block_bytes=block_bytes
            )
        return geojson.read_geojson(contract, chosen, whole, file_name=file_name, chunk_rows=chunk_rows)
    except Unreadable as error:
        raise located(error, contract, file_name) from None


def _format(resource: Resource, head: bytes) -> Format:
    """The format of the resource that the content has. Raises Unreadable if it has none of them."""
    kind = "geojson" if is_json(head) else "csv"
    for form in resource.formats:
        if form.kind == kind:
            return form
    refuse_other_types(head, " or ".join(form.kind for form in resource.formats))
    if kind == "geojson":
        raise Unreadable(
            "json_body",
            "the content is JSON, but a text table is due (an error answer?); open its address in a browser",
            line=1,
        )
    raise Unreadable("not_geojson", "the content is a text table or plain text, but GeoJSON is due", line=1)


def _fits(resource: Resource, head: bytes) -> bool:
    try:
        form = _format(resource, head)
        headers = csv_reader.headers_of(head, form) if isinstance(form, Csv) else geojson.headers_of(head)
    except Unreadable:
        return False
    return fits(resource, headers)


def _explain(contract: Contract, head: bytes) -> None:
    """Raise what is wrong with the content itself, if anything is: that says more than that nothing fits."""
    for form in (form for resource in contract.resources for form in resource.formats):
        if is_json(head) == (form.kind == "geojson"):
            _ = csv_reader.headers_of(head, form) if isinstance(form, Csv) else geojson.headers_of(head)
            return
    _format(contract.resources[0], head)


def _is_named(resource: Resource, file_name: str) -> bool:
    name = re.sub(r"[_ ]", "-", re.split(r"[\\/]", file_name)[-1])
    return any(re.search(rule.pattern, name, re.IGNORECASE) for rule in resource.names)
