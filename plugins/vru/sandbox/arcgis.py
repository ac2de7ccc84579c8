"""The Open Geography services of the Office for National Statistics: layers, lookups, paging.

Address: `/ESMARspQHYMw9BZ9/arcgis/rest/services/{layer}/FeatureServer/0/query`, GET or POST. Layers:

| layer | one row is | fields | shape |
|---|---|---|---|
| `Local_Authority_Districts_December_2022_UK_BGC_V2` | authority | LAD22CD/NM/NMW, LONG, LAT | yes |
| `Wards_December_2022_Boundaries_UK_BGC` | ward | WD22CD, WD22NM, LAD22CD, LAD22NM | yes |
| `LSOA_2011_EW_BGC` | 2011 LSOA | LSOA11CD, LSOA11NM, LAD11CD | yes |
| `LSOA_2021_EW_BGC` | 2021 LSOA | LSOA21CD, LSOA21NM, LAD22CD | yes |
| `LSOA11_MSOA11_LAD11_RGN11_EW_LU` | 2011 LSOA | CD and NM of LSOA11, MSOA11, LAD11, RGN11 | no |
| `LSOA21_MSOA21_LAD22_EW_LU` | 2021 LSOA | CD and NM of LSOA21, MSOA21, LAD22 | no |
| `LSOA11_LSOA21_LAD22_EW_LU` | overlapping pair | CD and NM of LSOA11, LSOA21, LAD22; CHGIND | no |
| `OA21_LAD23_LSOA21_MSOA21_LEP23_EN_LU` | output area | OA21CD; CD and NM of LSOA21, MSOA21, LAD23 | no |

The first two and the last are names of real services. The others stand for the lookups that the boundary
and lookup files of the feed reference were made from. Every row also has `OBJECTID`. Each layer holds some
areas outside London, as the real ones do, so a client asks `where=LAD22CD LIKE 'E09%'` or chooses itself.
`maxRecordCount` is far below the real 1,000 to 2,000, so that paging is always needed.

Errors come with status 200 and an `error` object.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from vru.sandbox import events, geography
from vru.sandbox.geography import Authority, Box, Lsoa
from vru.sandbox.responses import HTML_TYPE, Request, Response, json_response, not_found

HOST = "services1.arcgis.com"
ROOT = "/ESMARspQHYMw9BZ9/arcgis/rest/services/"
MAX_RECORD_COUNT = 150
OUTPUT_AREAS_PER_LSOA = 3
SPLIT, MERGED, UNCHANGED = "S", "M", "U"

Value = str | int | float
Attributes = dict[str, Value]


@dataclass(frozen=True)
class Row:
    """One feature."""

    attributes: Attributes
    box: Box | None


def _everywhere() -> tuple[Authority, ...]:
    return (*geography.AUTHORITIES, *geography.OUTSIDE)


def _lad_rows() -> list[Row]:
    rows = []
    for area in _everywhere():
        box = geography.authority_box(area)
        middle = {"LONG": round((box[0] + box[2]) / 2, 5), "LAT": round((box[1] + box[3]) / 2, 5)}
        rows.append(Row({"LAD22CD": area.code, "LAD22NM": area.name, "LAD22NMW": " ", **middle}, box))
    return rows


def _ward_rows() -> list[Row]:
    rows = []
    for area in _everywhere():
        boxes: dict[tuple[str, str], list[Box]] = {}
        for lsoa in geography.lsoas_2011(area):
            boxes.setdefault((lsoa.ward_code, lsoa.ward_name), []).append(lsoa.box)
        for (code, name), parts in boxes.items():
            west, south, east, north = zip(*parts, strict=True)
            whole = (min(west), min(south), max(east), max(north))
            names = {"WD22CD": code, "WD22NM": name, "LAD22CD": area.code, "LAD22NM": area.name}
            rows.append(Row({**names}, whole))
    return rows


def _lsoa11_rows() -> list[Row]:
    return [
        Row({"LSOA11CD": lsoa.code, "LSOA11NM": lsoa.name, "LAD11CD": area.code}, lsoa.box)
        for area in _everywhere()
        for lsoa in geography.lsoas_2011(area)
    ]


def _lsoa21_rows() -> list[Row]:
    return [
        Row({"LSOA21CD": lsoa.code, "LSOA21NM": lsoa.name, "LAD22CD": area.code}, lsoa.box)
        for area in _everywhere()
        for lsoa in geography.lsoas_2021(area)
    ]


def _small_area(lsoa: Lsoa, year: str, lad_year: str) -> Attributes:
    return {
        f"LSOA{year}CD": lsoa.code,
        f"LSOA{year}NM": lsoa.name,
        f"MSOA{year}CD": lsoa.msoa_code,
        f"MSOA{year}NM": lsoa.msoa_name,
        f"LAD{lad_year}CD": lsoa.authority.code,
        f"LAD{lad_year}NM": lsoa.authority.name,
    }


def _lookup11_rows() -> list[Row]:
    return [
        Row({**_small_area(lsoa, "11", "11"), "RGN11CD": area.region_code, "RGN11NM": area.region_name}, None)
        for area in _everywhere()
        for lsoa in geography.lsoas_2011(area)
    ]


def _lookup21_rows() -> list[Row]:
    return [Row(_small_area(lsoa, "21", "22"), None) for area in _everywhere() for lsoa in geography.lsoas_2021(area)]


def _overlap(one: Box, other: Box) -> bool:
    slack = 1e-9
    return (
        one[0] < other[2] - slack
        and other[0] < one[2] - slack
        and one[1] < other[3] - slack
        and other[1] < one[3] - slack
    )


def _change_rows() -> list[Row]:
    rows = []
    for area in _everywhere():
        old, new = geography.lsoas_2011(area), geography.lsoas_2021(area)
        change = SPLIT if len(new) > len(old) else MERGED
        for before in old:
            for after in new:
                if _overlap(before.box, after.box):
                    attributes: Attributes = {
                        "LSOA11CD": before.code,
                        "LSOA11NM": before.name,
                        "LSOA21CD": after.code,
                        "LSOA21NM": after.name,
                        "CHGIND": UNCHANGED if before.code == after.code else change,
                        "LAD22CD": area.code,
                        "LAD22NM": area.name,
                    }
                    rows.append(Row(attributes, None))
    return rows


def _output_area_rows() -> list[Row]:
    rows = []
    for area in _everywhere():
        number = 0
        for lsoa in geography.lsoas_2021(area):
            for _ in range(OUTPUT_AREAS_PER_LSOA):
                number += 1
                code = f"E009{area.number:02d}{number:03d}"
                rows.append(Row({"OA21CD": code, **_small_area(lsoa, "21", "23")}, None))
    return rows


LAYERS: dict[str, Callable[[], list[Row]]] = {
    "Local_Authority_Districts_December_2022_UK_BGC_V2": _lad_rows,
    "Wards_December_2022_Boundaries_UK_BGC": _ward_rows,
    "LSOA_2011_EW_BGC": _lsoa11_rows,
    "LSOA_2021_EW_BGC": _lsoa21_rows,
    "LSOA11_MSOA11_LAD11_RGN11_EW_LU": _lookup11_rows,
    "LSOA21_MSOA21_LAD22_EW_LU": _lookup21_rows,
    "LSOA11_LSOA21_LAD22_EW_LU": _change_rows,
    "OA21_LAD23_LSOA21_MSOA21_LEP23_EN_LU": _output_area_rows,
}


@lru_cache(maxsize=len(LAYERS))
def rows_of(layer: str) -> tuple[Row, ...]:
    """Every row of a layer, numbered."""
    return tuple(Row({"OBJECTID": number, **row.attributes}, row.box) for number, row in enumerate(LAYERS[layer](), 1))


class BadQueryError(ValueError):
    """The query is not valid for this layer."""


_CONDITION = re.compile(
    r"\s*(?:(?P<left>\d+)\s*=\s*(?P<right>\d+)"
    r"|(?P<field>\w+)\s+LIKE\s+'(?P<like>[^']*)'"
    r"|(?P<equal_field>\w+)\s*=\s*'(?P<equal>[^']*)'"
    r"|(?P<in_field>\w+)\s+IN\s*\((?P<list>[^)]*)\))\s*",
    re.IGNORECASE,
)


def _condition(text: str, fields: list[str]) -> Callable[[Attributes], bool]:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise BadQueryError("'where' clause is invalid")
    if found["left"]:
        return lambda _: int(found["left"]) == int(found["right"])
    name = (found["field"] or found["equal_field"] or found["in_field"]).upper()
    if name not in fields:
        raise BadQueryError(f"Invalid field: {name}")
    if found["like"] is not None:
        pattern = re.compile(".*".join(map(re.escape, found["like"].split("%"))))
        return lambda row: pattern.fullmatch(str(row[name])) is not None
    if found["equal"] is not None:
        return lambda row: str(row[name]) == found["equal"]
    allowed = set(re.findall(r"'([^']*)'", found["list"]))
    return lambda row: str(row[name]) in allowed


def _matching(layer: str, query: dict[str, str], fields: list[str]) -> list[Row]:
    where = query.get("where", "").strip()
    if not where:
        raise BadQueryError("'where' or another filter is required")
    tests = [_condition(part, fields) for part in re.split(r"\s+AND\s+", where, flags=re.IGNORECASE)]
    rows = [row for row in rows_of(layer) if all(test(row.attributes) for test in tests)]
    order = query.get("orderbyfields", "OBJECTID").split(",")[0].split()
    if order[0].upper() not in fields:
        raise BadQueryError("'orderByFields' parameter is invalid")
    is_descending = order[1:] == ["DESC"] or order[1:] == ["desc"]
    return sorted(rows, key=lambda row: row.attributes[order[0].upper()], reverse=is_descending)


def _number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if text and not text.isdigit():
        raise BadQueryError(f"'{name}' parameter is invalid")
    return int(text) if text else default


def _chosen_fields(query: dict[str, str], fields: list[str]) -> list[str]:
    asked = query.get("outfields", "OBJECTID")
    if asked.strip() == "*":
        return fields
    names = [name.strip().upper() for name in asked.split(",")]
    if unknown := [name for name in names if name not in fields]:
        raise BadQueryError(f"'outFields' parameter is invalid: {unknown[0]}")
    return names


def _query(layer: str, query: dict[str, str]) -> object:
    every = rows_of(layer)
    fields = list(every[0].attributes)
    matching = _matching(layer, query, fields)
    if query.get("returncountonly", "").lower() == "true":
        return {"count": len(matching)}
    offset = _number(query, "resultoffset", 0)
    size = min(_number(query, "resultrecordcount", MAX_RECORD_COUNT), MAX_RECORD_COUNT)
    page, is_cut = matching[offset : offset + size], offset + size < len(matching)
    chosen = _chosen_fields(query, fields)
    has_shape = every[0].box is not None and query.get("returngeometry", "true").lower() != "false"
    if query.get("f") == "geojson":
        return _geojson(page, chosen, has_shape, is_cut)
    return _esri_json(page, chosen, every[0], has_shape, is_cut)


def _geojson(page: list[Row], chosen: list[str], has_shape: bool, is_cut: bool) -> object:
    features = [
        {
            "type": "Feature",
            "id": row.attributes["OBJECTID"],
            "geometry": {"type": "Polygon", "coordinates": [geography.ring(row.box)]}
            if has_shape and row.box
            else None,
            "properties": {name: row.attributes[name] for name in chosen},
        }
        for row in page
    ]
    head: dict[str, object] = {"type": "FeatureCollection"}
    if is_cut:
        head["properties"] = {"exceededTransferLimit": True}
    return {**head, "features": features}


def _field(name: str, value: Value) -> dict[str, object]:
    if name == "OBJECTID":
        return {"name": name, "type": "esriFieldTypeOID", "alias": name}
    if isinstance(value, str):
        return {"name": name, "type": "esriFieldTypeString", "alias": name, "length": 100}
    return {"name": name, "type": "esriFieldTypeDouble", "alias": name}


def _esri_json(page: list[Row], chosen: list[str], example: Row, has_shape: bool, is_cut: bool) -> object:
    features: list[dict[str, object]] = []
    for row in page:
        feature: dict[str, object] = {"attributes": {name: row.attributes[name] for name in chosen}}
        if has_shape and row.box:
            # Esri writes outer rings clockwise, GeoJSON anticlockwise
            feature["geometry"] = {"rings": [geography.ring(row.box)[::-1]]}
        features.append(feature)
    head: dict[str, object] = {"objectIdFieldName": "OBJECTID", "globalIdFieldName": ""}
    if example.box is not None:
        head |= {
            "geometryType": "esriGeometryPolygon",
            "spatialReference": {"wkid": 4326, "latestWkid": 4326},
        }
    head["fields"] = [_field(name, example.attributes[name]) for name in chosen]
    if is_cut:
        head["exceededTransferLimit"] = True
    return {**head, "features": features}


def _description(layer: str) -> object:
    example = rows_of(layer)[0]
    return {
        "id": 0,
        "name": layer,
        "type": "Feature Layer" if example.box is not None else "Table",
        "description": "Synthetic data of an invented London.",
        "copyrightText": "Synthetic data",
        "maxRecordCount": MAX_RECORD_COUNT,
        "supportedQueryFormats": "JSON, geoJSON",
        "objectIdField": "OBJECTID",
        "fields": [_field(name, value) for name, value in example.attributes.items()],
    }


def _error(message: str, details: list[str]) -> Response:
    return json_response({"error": {"code": 400, "message": message, "details": details}})


def respond(request: Request) -> Response:
    """Answer one request to services1.arcgis.com."""
    if not request.path.startswith(ROOT):
        return not_found()
    layer, _, rest = request.path.removeprefix(ROOT).partition("/")
    if layer not in LAYERS or rest not in ("FeatureServer/0", "FeatureServer/0/query"):
        return _error("Invalid URL", ["Invalid URL"])
    if request.query.get("f", "html") not in ("json", "pjson", "geojson"):
        return Response(b"<html><title>Query (synthetic data)</title></html>", HTML_TYPE)
    if rest == "FeatureServer/0":
        return json_response(_description(layer))
    if events.broken_partner(request.world.delivered_to) == "arcgis":
        return _error("Unable to perform query operation.", ["The service is being maintained."])
    try:
        return json_response(_query(layer, request.query))
    except BadQueryError as error:
        return _error("Cannot perform query. Invalid query parameters.", [str(error)])
