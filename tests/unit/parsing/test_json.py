"""Lists of JSON objects: nested names, json columns, one object a line, several pages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from vru.contracts import Contract
from vru.parsing import Unreadable, choose_resource

from tests.unit.parsing.conftest import Parse, contract

COLUMNS: list[dict[str, Any]] = [
    {"name": "code", "aliases": ["id"], "nullable": False},
    {"name": "borough", "aliases": ["place.borough"]},
    {"name": "ward", "aliases": ["place.ward.name"], "required": False},
    {"name": "victims", "type": "integer", "aliases": ["victims"]},
    {"name": "rate", "type": "decimal", "aliases": ["rate"], "required": False},
    {"name": "extra", "type": "json", "aliases": ["extra"], "required": False},
]
ITEM = {"id": "a", "place": {"borough": "Camden", "ward": {"name": "Kilburn"}}, "victims": 2, "rate": 4.1}


def under(**more: Any) -> Contract:
    return contract(COLUMNS, formats=[{"kind": "json"}], **more)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ITEM, {**ITEM, "id": "b"}]),
        "\ufeff" + json.dumps([ITEM, {**ITEM, "id": "b"}], indent=2),
        json.dumps(ITEM) + "\n" + json.dumps({**ITEM, "id": "b"}),
        json.dumps(ITEM) + "\r\n\r\n" + json.dumps({**ITEM, "id": "b"}) + "\n",
        "\x1e" + json.dumps([ITEM]) + "\n\x1e" + json.dumps([{**ITEM, "id": "b"}]) + "\n",
    ],
)
def test_a_list_a_line_each_or_pages(parse: Parse, text: str) -> None:
    got = parse(text, under(), name="answer.json", chunk_rows=1)
    assert [tuple(row.values()) for row in got.rows] == [
        (1, "a", "Camden", "Kilburn", 2, "4.1", None),
        (2, "b", "Camden", "Kilburn", 2, "4.1", None),
    ]
    assert got.reading.kind == "json"
    assert got.reading.headers == ["id", "place.borough", "place.ward.name", "victims", "rate"]
    assert got.reading.has_final_newline


def test_a_json_column_takes_objects_and_lists_as_they_are(parse: Parse) -> None:
    items = [{**ITEM, "extra": {"a": [1, {"b": None}]}}, {**ITEM, "extra": []}, {**ITEM, "extra": None}]
    got = parse(json.dumps(items), under())
    assert [row["extra"] for row in got.rows] == ['{"a":[1,{"b":null}]}', "[]", None]


def test_unknown_names_are_named_and_left_out(parse: Parse) -> None:
    got = parse(json.dumps([{**ITEM, "place": {**ITEM["place"], "nhs": "x"}}, {**ITEM, "new": 1}]), under())  # type: ignore[dict-item]
    assert [w for w in got.reading.warnings if "unknown" in w] == [
        "unknown column 'place.nhs' was left out", "unknown column 'new' was left out",
    ]  # fmt: skip


@pytest.mark.parametrize("blank", [None, "", []])
def test_a_blank_property_without_a_name_is_left_out(parse: Parse, blank: object) -> None:
    got = parse(json.dumps([{**ITEM, "": blank}, ITEM]), under())
    assert (len(got.rows), got.codes) == (2, [])
    assert "a property without a name is blank; left out" in got.reading.warnings
    with pytest.raises(Unreadable) as caught:
        parse(json.dumps([{**ITEM, "": blank}, {**ITEM, "": 0}]), under())
    assert caught.value.code == "blank_header"


def test_faults_reject_the_record(parse: Parse) -> None:
    items = [
        ITEM, {**ITEM, "victims": [1]}, {**ITEM, "id": None}, {**ITEM, "victims": 1.5}, {**ITEM, "id": "a\x00"},
        {**ITEM, "id": "a\x85"}, {**ITEM, "id": "\ufeffa"},
    ]  # fmt: skip
    got = parse(json.dumps(items), under())
    assert got.codes == [
        (2, "", "nested_value"), (3, "code", "blank_not_allowed"), (4, "victims", "not_an_integer"),
        (5, "code", "control_character"), (6, "code", "control_character"), (7, "code", "bom_in_cell"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"error": "not allowed"}', "missing_column"),
        ('{"error": {\n"code": 1}}', "not_json"),
        ("[]", "no_rows"),
        ("[1, 2]", "not_json"),
        ('[{"id": "a"}, 2]', "not_json_objects"),
        (json.dumps([ITEM])[:-3], "not_json"),
        ('[{"id": "a", "id": "b"}]', "duplicate_header"),
        ('[{"id": "a", "place.borough": "x", "place": {"borough": "y"}, "victims": 1}]', "duplicate_header"),
        ('[{"id": NaN}]', "not_json"),
        ("id,victims\na,1\n", "not_json"),
        ("<html>", "html_page"),
        ("", "empty_file"),
    ],
)
def test_what_is_no_list_of_objects_is_refused(parse: Parse, text: str, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text, under(), name="answer.json")
    assert caught.value.code == code


def test_names_of_the_first_object_tell_the_resource() -> None:
    assert choose_resource(under(), json.dumps([ITEM]).encode(), "x.json").name == "rows"


def test_a_page_has_a_limit(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vru.parsing.formats.objects.MAX_TEXT_BYTES", 1 << 20)
    with pytest.raises(Unreadable) as caught:
        parse("[" + ",".join([json.dumps(ITEM)] * 40_000) + "]", under())
    assert caught.value.code == "page_too_long"
    assert len(parse("\n".join([json.dumps(ITEM)] * 40_000), under()).rows) == 40_000
