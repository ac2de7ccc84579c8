"""GeoJSON: a FeatureCollection, or a sequence (RFC 7464) of them, one per page of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vru.contracts import Geojson, Resource
from vru.parsing.content import is_json, refuse_contradiction, refuse_other_types
from vru.parsing.formats.base import Opened, Sizes
from vru.parsing.formats.objects import Record, load, open_records, texts
from vru.parsing.model import Unreadable
from vru.parsing.stream import Source

WORDS = "GeoJSON"
GEOMETRY = "geometry"
WGS84 = ("crs84", "4326")


def sniff(head: bytes) -> bool:
    """Whether this may be GeoJSON: any JSON, so that an error answer is said to be one."""
    return is_json(head)


def headers(head: bytes, _resource: Resource, _form: Geojson) -> list[str]:
    """The property names of the first feature that lies whole in the first bytes. Raises Unreadable."""
    refuse_other_types(head, WORDS)
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


def read(stream: Source, resource: Resource, _form: Geojson, file_name: str, sizes: Sizes) -> Opened:
    """Start to read GeoJSON; raises Unreadable if the first page cannot be used."""
    refuse_contradiction(file_name, "JSON")
    return open_records(resource, _pages(stream), sizes.chunk_rows, unasked=frozenset({GEOMETRY}))


def _pages(stream: Source) -> Iterator[list[Record]]:
    """The features, page by page, numbered through from 1."""
    ordinal = 0
    for raw in (text for block in texts(stream, WORDS) for text in block):
        page = []
        for feature in _collection(load(raw)):
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
            page.append(Record(ordinal, {**properties, GEOMETRY: feature.get("geometry")}))
        yield page


def _collection(content: Any) -> list[Any]:
    if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
        raise _not_geojson()
    features = content.get("features")
    if not isinstance(features, list):
        raise _not_geojson()
    system = json.dumps(content.get("crs") or "CRS84").lower()
    if not any(name in system for name in WGS84):
        raise Unreadable("wrong_crs", "the coordinates are not in WGS84; ask for longitude and latitude (outSR=4326)")
    return features


def _not_geojson() -> Unreadable:
    return Unreadable(
        "not_geojson",
        "the content is JSON, but no feature collection (an error answer?); open its address in a browser",
    )
