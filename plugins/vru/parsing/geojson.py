"""GeoJSON: a FeatureCollection, or a sequence (RFC 7464) of them, one per page of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from vru.contracts import Contract, Resource
from vru.parsing.content import RECORD_SEPARATOR, UTF8_BOM, refuse_other_types
from vru.parsing.csv_reader import MAX_COLUMNS, MAX_HEADER_BYTES, has_control
from vru.parsing.csv_structure import MAX_FIELD_BYTES, MAX_RECORD_BYTES, Source, read_exactly
from vru.parsing.header import HeaderMap, match_header
from vru.parsing.model import Reject, Unreadable
from vru.parsing.reading import Cells, Reading, unknown_column

GEOMETRY = "geometry"
MAX_PAGE_BYTES = 64 << 20
READ_BYTES = 1 << 20
WGS84 = ("crs84", "4326")


@dataclass
class _Feature:
    """One feature: its ordinal (1 is the first) and its cells by header; None where there is no value."""

    ordinal: int
    cells: dict[str, Any]


def headers_of(head: bytes) -> list[str]:
    """The property names of the first feature that lies whole in the first bytes. Raises Unreadable."""
    refuse_other_types(head, "GeoJSON")
    text = head.decode("utf-8", "replace")
    at = text.find('"properties"')
    while at >= 0:
        start = text.find("{", at)
        if start >= 0 and text[at + len('"properties"') : start].strip() == ":":
            try:
                return [*json.JSONDecoder().raw_decode(text, start)[0], GEOMETRY]
            except ValueError:
                break
        at = text.find('"properties"', at + 1)
    raise _not_geojson()


def read_geojson(contract: Contract, resource: Resource, stream: Source, *, file_name: str, chunk_rows: int) -> Reading:
    """Start to read GeoJSON; raises Unreadable if the first page cannot be used."""
    pages = _pages(stream)
    first = next(pages, [])
    if not first:
        raise Unreadable(
            "no_rows", "the collection has no features; fetch it again, and ask the partner if it stays so"
        )
    headers: list[str] = []
    columns = _match(resource, headers, first)
    warnings: list[str] = []
    return Reading(
        contract,
        resource,
        kind="geojson",
        file_name=file_name,
        headers=headers,
        columns=columns,
        source=_chunks(resource, headers, columns, first, pages, chunk_rows, warnings),
        has_final_newline=lambda: True,
        allow_empty=False,
        warnings=warnings,
    )


def _match(resource: Resource, headers: list[str], page: list[_Feature]) -> HeaderMap:
    """The columns that stand in what was read so far; `headers` grows by the properties that no earlier page has.

    Raises Unreadable as `match_header` does, and for names beyond what is read.
    """
    known = {*headers} if any(c.name == GEOMETRY for c in resource.columns) else {*headers, GEOMETRY}
    headers += dict.fromkeys(name for feature in page for name in feature.cells if name not in known)
    if len(headers) > MAX_COLUMNS:
        raise Unreadable(
            "too_many_columns",
            f"the features have {len(headers)} properties; at most {MAX_COLUMNS} are read",
            line=page[0].ordinal,
        )
    if sum(map(len, headers)) > MAX_HEADER_BYTES:
        raise Unreadable(
            "header_too_long",
            f"the names of the properties are longer than {MAX_HEADER_BYTES >> 10} KiB",
            line=page[0].ordinal,
        )
    columns = match_header(resource, headers)
    if columns.index_position is not None:
        raise Unreadable("blank_header", "a property has no name; ask the partner to name it")
    return columns


def _chunks(
    resource: Resource,
    headers: list[str],
    columns: HeaderMap,
    first: list[_Feature],
    pages: Iterator[list[_Feature]],
    chunk_rows: int,
    warnings: list[str],
) -> Iterator[Cells]:
    json_columns = {c.name for c in resource.columns if c.type == "json"}

    def cells_of(feature: _Feature) -> dict[str, str | None]:
        out: dict[str, str | None] = {}
        for column, at in columns.positions.items():
            is_json = column in json_columns
            parts = [_text(feature.cells.get(headers[p]), is_json) for p in at]
            out[column] = parts[0] if len(parts) == 1 else " ".join((part or "").strip() for part in parts)
            _refuse_long(out[column], is_json, feature.ordinal)
        return out

    page: list[_Feature] | None = first
    while page is not None:
        if page is not first and page:
            before = columns.unknown
            columns = _match(resource, headers, page)
            warnings += [unknown_column(name) for name in columns.unknown if name not in before]
        for start in range(0, len(page), chunk_rows):
            rows: list[tuple[int, dict[str, str | None]]] = []
            rejects: list[Reject] = []
            part = page[start : start + chunk_rows]
            for feature in part:
                try:
                    cells = cells_of(feature)
                except _NestedError:
                    reason = "a property holds a list or an object, but the contract wants one value"
                    rejects.append(Reject(feature.ordinal, "", "nested_value", reason, {}))
                    continue
                bad = [c for c, text in cells.items() if text and c not in json_columns and has_control(text)]
                if bad:
                    record = {c: text or "" for c, text in cells.items()}
                    reason = f"{bad[0]}: the value holds a control character"
                    rejects.append(Reject(feature.ordinal, bad[0], "control_character", reason, record))
                else:
                    rows.append((feature.ordinal, cells))
            yield Cells(
                pl.Series("line_number", [ordinal for ordinal, _ in rows], dtype=pl.Int64),
                {c: pl.Series(c, [cells[c] for _, cells in rows], dtype=pl.String) for c in columns.positions},
                rejects,
                len(part),
            )
        page = next(pages, None)


def _refuse_long(text: str | None, is_json: bool, ordinal: int) -> None:
    limit = MAX_RECORD_BYTES if is_json else MAX_FIELD_BYTES
    if text is not None and len(text) > limit:
        raise Unreadable(
            "cell_too_long",
            f"a value is longer than {limit >> 20} MiB; ask the partner whether the file is whole",
            line=ordinal,
        )


class _NestedError(Exception):
    """A property that is a list or an object where the contract wants one value."""


def _text(value: Any, is_json: bool) -> str | None:
    """A JSON value as the cell that a text table would hold."""
    if value is None:
        return None
    if is_json:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    raise _NestedError


def _pages(stream: Source) -> Iterator[list[_Feature]]:
    """The features, page by page, numbered through from 1."""
    ordinal = 0
    for raw in _texts(stream):
        page = []
        for feature in _collection(raw):
            ordinal += 1
            if not isinstance(feature, dict) or feature.get("type") != "Feature":
                raise Unreadable("not_geojson", "a member of the collection is no feature", line=ordinal)
            properties = feature.get("properties") or {}
            if not isinstance(properties, dict):
                raise Unreadable("not_geojson", "the properties of a feature are no object", line=ordinal)
            if GEOMETRY in properties:
                raise Unreadable(
                    "duplicate_header", "a property is named 'geometry', as the feature's own", line=ordinal
                )
            page.append(_Feature(ordinal, {**properties, GEOMETRY: feature.get("geometry")}))
        yield page


def _texts(stream: Source) -> Iterator[bytes]:
    """The JSON texts of the stream: one, or those that record separators part."""
    rest = b""
    is_first = True
    while True:
        more = read_exactly(stream, READ_BYTES)
        if is_first and more:
            refuse_other_types(more, "GeoJSON")
            is_first = False
        *whole, rest = (rest + more).split(RECORD_SEPARATOR)
        yield from (text for text in whole if text.removeprefix(UTF8_BOM).strip())
        if len(rest) > MAX_PAGE_BYTES:
            raise Unreadable(
                "page_too_long", f"a page is longer than {MAX_PAGE_BYTES >> 20} MiB; ask for smaller pages"
            )
        if not more:
            if is_first:
                raise Unreadable("empty_file", "the file is empty; fetch it again, and ask the partner if it stays so")
            if rest.strip():
                yield rest
            return


def _collection(raw: bytes) -> list[Any]:
    try:
        # every page of an answer may have a byte-order mark of its own
        content = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Unreadable("not_utf8", "the text is not UTF-8; ask the partner for UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("not_json", "the text is not whole, valid JSON; fetch it again") from None
    if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
        raise _not_geojson()
    features = content.get("features")
    if not isinstance(features, list):
        raise _not_geojson()
    system = json.dumps(content.get("crs") or "CRS84").lower()
    if not any(name in system for name in WGS84):
        raise Unreadable("wrong_crs", "the coordinates are not in WGS84; ask for longitude and latitude (outSR=4326)")
    return features


def _no_constant(_name: str) -> float:
    raise ValueError


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different; of two equal ones JSON would keep the last without a word."""
    out = dict(pairs)
    if len(out) != len(pairs):
        raise Unreadable("duplicate_header", "an object of the JSON has the same name twice")
    return out


def _not_geojson() -> Unreadable:
    return Unreadable(
        "not_geojson",
        "the content is JSON, but no feature collection (an error answer?); open its address in a browser",
    )
