"""GeoJSON: properties are columns, and the geometry is JSON text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from vru.parsing import Unreadable, choose_resource

from tests.unit.parsing.conftest import Parse, contract

POINT = {"type": "Point", "coordinates": [-0.1, 51.5]}
COLUMNS: list[dict[str, Any]] = [
    {"name": "code", "aliases": ["LAD22CD", "LAD23CD"], "nullable": False},
    {"name": "count", "type": "integer", "required": False},
    {"name": "share", "type": "decimal", "required": False},
    {"name": "is_inner", "type": "boolean", "required": False},
    {"name": "geometry", "type": "json", "nullable": False, "mandatory": True},
]


def areas() -> Any:
    """A resource of areas."""
    return contract(COLUMNS, formats=[{"kind": "geojson"}], partition={"header": r"LAD(\d\d)CD", "format": "20{}"})


def feature(properties: dict[str, Any] | None, geometry: Any = POINT) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features: Any, **members: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features), **members})


def test_properties_are_typed_and_numbered(parse: Parse) -> None:
    text = collection(
        feature({"lad22cd": "E1", "count": 5, "share": 0.00001, "is_inner": True, "other": {"a": 1}}),
        feature({"lad22cd": "E2", "count": None}),
    )
    got = parse(text, areas())
    assert got.rows == [
        {"line_number": 1, "code": "E1", "count": 5, "share": "0.00001", "is_inner": True,
         "geometry": '{"type":"Point","coordinates":[-0.1,51.5]}'},
        {"line_number": 2, "code": "E2", "count": None, "share": None, "is_inner": None,
         "geometry": '{"type":"Point","coordinates":[-0.1,51.5]}'},
    ]  # fmt: skip
    assert (got.reading.partition, got.reading.kind) == ("2022", "geojson")
    assert got.reading.warnings == ["unknown column 'other' was left out"]


def test_pages_of_a_sequence_are_numbered_through(parse: Parse) -> None:
    pages = [collection(feature({"LAD22CD": c})) for c in "abc"]
    got = parse("".join(f"\x1e{page}\n" for page in pages), areas(), chunk_rows=1)
    assert [(row["line_number"], row["code"]) for row in got.rows] == [(1, "a"), (2, "b"), (3, "c")]


def test_faults_reject_the_feature(parse: Parse) -> None:
    text = collection(
        feature({"LAD22CD": "a", "count": 5.5}),
        feature({"LAD22CD": "b"}, None),
        feature({"LAD22CD": ["c"]}),
        feature({"LAD22CD": "d\x00"}),
        feature({"LAD22CD": "e\ud800"}),
        feature(None),
        feature({"LAD22CD": "g"}),
    )
    got = parse(text, areas())
    assert got.codes == [
        (1, "count", "not_an_integer"),
        (2, "geometry", "blank_not_allowed"),
        (3, "", "nested_value"),
        (4, "code", "control_character"),
        (5, "code", "control_character"),
        (6, "code", "blank_not_allowed"),
    ]
    assert [row["line_number"] for row in got.rows] == [7]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "not_json"),
        (collection(feature({"LAD22CD": "a"}))[:-5], "not_json"),
        ('{"error": {"code": 400}}', "not_geojson"),
        ('{"type": "FeatureCollection"}', "not_geojson"),
        (collection({"type": "Other"}), "not_geojson"),
        (collection(), "no_rows"),
        (collection(feature({"LAD22CD": "a"}), crs={"properties": {"name": "EPSG:27700"}}), "wrong_crs"),
        (collection(feature({"name": "a"})), "missing_column"),
        (collection(feature({"LAD22CD": "a", "lad22cd": "b"})), "duplicate_header"),
        (collection(feature({"LAD22CD": "a", "geometry": "b"})), "duplicate_header"),
        ('{"type": "FeatureCollection", "type": "FeatureCollection", "features": []}', "duplicate_header"),
        ('{"type": "FeatureCollection", "features": [NaN]}', "not_json"),
        ("[" * 100_000, "not_geojson"),
        ("LAD22CD,geometry\na,b\n", "not_geojson"),
        ("", "empty_file"),
        ("<html>", "html_page"),
    ],
)
def test_what_is_no_collection_is_refused(parse: Parse, text: str, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text, areas())
    assert caught.value.code == code


def test_a_second_page_that_breaks_off_refuses_the_file(parse: Parse) -> None:
    page = collection(feature({"LAD22CD": "a"}))
    with pytest.raises(Unreadable) as caught:
        parse(f"\x1e{page}\x1e{page[:40]}", areas())
    assert caught.value.code == "not_json"


def test_wgs84_may_be_named(parse: Parse) -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert len(parse(collection(feature({"LAD22CD": "a"}), crs=crs), areas()).rows) == 1


def test_the_content_tells_the_format(parse: Parse) -> None:
    both = contract([{"name": "code"}], formats=[{"kind": "csv"}, {"kind": "geojson"}])
    assert parse("code\na\n", both).reading.kind == "csv"
    assert parse(collection(feature({"code": "a"})), both).reading.kind == "geojson"


def test_the_resource_is_told_by_the_properties_of_the_first_feature() -> None:
    under = areas()
    other = under.resources[0].model_copy(
        update={"name": "other", "columns": [under.resources[0].columns[1].model_copy(update={"required": True})]}
    )
    two = under.model_copy(update={"resources": [*under.resources, other]})
    head = collection(feature({"LAD22CD": "a"}, {"note": "properties"}))
    assert choose_resource(two, head.encode()[:-3], "x").name == "rows"
    assert choose_resource(two, collection(feature({"count": 1})).encode(), "x").name == "other"
