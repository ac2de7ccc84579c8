"""Headers are matched by name, and only by names that the contract knows."""

from __future__ import annotations

import io
from typing import Any

import pytest
from vru.parsing import Unreadable, choose_resource, read
from vru.parsing.header import shown

from tests.unit.parsing.conftest import Parse, contract, feed

TWO: list[dict[str, Any]] = [
    {"name": "month", "aliases": ["Month", ["Recorded Year", "Recorded Month"]]},
    {"name": "borough", "aliases": ["Borough", "LookUp_BoroughName"]},
    {"name": "note", "required": False},
]


@pytest.mark.parametrize(
    "header", ["Month,Borough", " MONTH ,borough\t", "Month,LookUp_BoroughName", 'month," BOROUGH "']
)
def test_headers_match_trimmed_in_any_case_by_any_alias(parse: Parse, header: str) -> None:
    assert parse(f"{header}\na,b\n", contract(TWO)).rows == [
        {"line_number": 2, "month": "a", "borough": "b", "note": None}
    ]


def test_reordered_columns_give_the_same_rows(parse: Parse) -> None:
    first = parse("Month,Borough,note\na,b,c\n", contract(TWO))
    second = parse("note,Borough,Month\nc,b,a\n", contract(TWO))
    assert first.rows == second.rows


def test_joined_headers_are_joined_by_one_blank(parse: Parse) -> None:
    got = parse("Recorded Month,Borough,Recorded Year\n Jan ,b,2025\n,b,\n", contract(TWO))
    assert [row["month"] for row in got.rows] == ["2025 Jan", None]


@pytest.mark.parametrize(
    ("header", "code", "column"),
    [
        ("Month", "missing_column", "borough"),
        ("Month,Boroughs", "missing_column", "borough"),
        ("Recorded Year,Borough", "missing_column", "month"),
        ("Month,Borough,month", "duplicate_header", "month"),
        ("Month,Borough,LookUp_BoroughName", "duplicate_header", "borough"),
        ("Month,Borough,X,X", "duplicate_header", "X"),
        ("Month,Borough,,", "blank_header", None),
        ("Month,,Borough,", "blank_header", None),
        ("Month,Bоrough", "look_alike_header", "Borough"),
        ("Month,Borough\u00a0", "look_alike_header", "Borough"),
        ("Month\u200b,Borough", "look_alike_header", "Month"),
        ("Month,Borough,nοte", "look_alike_header", "note"),
        ("Month,LookUp_BoroughName\u00a0", "look_alike_header", "LookUp_BoroughName"),
        ("Month,Loo\u212aUp_BoroughName", "look_alike_header", "LookUp_BoroughName"),
    ],
)
def test_wrong_headers_refuse_the_file(parse: Parse, header: str, code: str, column: str | None) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(f"{header}\n{','.join('a' * (header.count(',') + 1))}\n", contract(TWO))
    assert (caught.value.code, caught.value.line, caught.value.column) == (code, 1, column)


def test_a_missing_column_is_named_with_the_headers_found(parse: Parse) -> None:
    with pytest.raises(Unreadable, match=r"'Borough'.* is not in the header.*'Boroughs'"):
        parse("Month,Boroughs\na,b\n", contract(TWO))


def test_a_first_line_of_data_is_not_quoted(parse: Parse) -> None:
    with pytest.raises(Unreadable) as caught:
        parse("Ann Example,9434765919\nBob Example,9434765870\n", contract(TWO))
    assert caught.value.code == "missing_column"
    assert "Example" not in str(caught.value)
    assert "9434765919" not in str(caught.value)


def test_an_unknown_column_is_left_out_with_a_warning(parse: Parse) -> None:
    got = parse("extra,Month,Borough\nsecret,a,b\n", contract(TWO))
    assert got.reading.warnings == ["unknown column 'extra' was left out"]
    assert "secret" not in str(got.rows)


def test_values_of_unknown_columns_are_not_in_quarantine(parse: Parse) -> None:
    under = contract([{"name": "n", "type": "integer"}, {"name": "other"}])
    got = parse("extra,n,other\nsecret,x,y\nsecret\x01,1,y\n1,2,3\n", under)
    assert got.codes == [(2, "n", "not_an_integer"), (3, "", "control_character")]
    assert "secret" not in str(got.rejects)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("x" * 50, "x" * 39 + "…"),
        ("a\u200bb\n", "a?b"),
        ("943 476 5919", "(text that looks like data)"),
        ("ann@example.org", "(text that looks like data)"),
        ("201004", "201004"),
    ],
)
def test_headers_are_shown_safely(header: str, text: str) -> None:
    assert shown(header) == text


def test_a_running_index_without_name_is_left_out(parse: Parse) -> None:
    got = parse(",Month,Borough\n0,a,b\n1,c,d\nshort\n3,e,f\n\n4,g,h\n", contract(TWO), chunk_rows=2)
    assert [row["month"] for row in got.rows] == ["a", "c", "e", "g"]
    assert got.reading.warnings == ["column 1 without a name is a running index; left out"]


@pytest.mark.parametrize("cells", ["0 0", "0 2", "a b", "1 0", "0 "])
def test_any_other_column_without_name_refuses_the_file(parse: Parse, cells: str) -> None:
    first, second = cells.split(" ")
    with pytest.raises(Unreadable) as caught:
        parse(f",Month,Borough\n{first},a,b\n{second},c,d\n", contract(TWO), chunk_rows=1)
    assert caught.value.code == "blank_header"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("Month,,Borough\na,,b\nc, ,d\n", "column 2 without a name is blank; left out"),
        ('Month,Borough,\na,b,\nc,d,""\n', "column 3 without a name is blank; left out"),
        (
            ",Month,\u00a0,Borough, ,\n,a,,b,,\n,c,\u200b,d,\t,\n",
            "columns 1, 3, 5, 6 without a name are blank; left out",
        ),
    ],
)
def test_blank_columns_without_a_name_are_left_out(parse: Parse, text: str, warning: str) -> None:
    got = parse(text, contract(TWO), chunk_rows=1)
    assert [(row["month"], row["borough"]) for row in got.rows] == [("a", "b"), ("c", "d")]
    assert got.reading.warnings == [warning]


def test_a_blank_column_may_stand_beside_an_index(parse: Parse) -> None:
    got = parse(",Month,Borough,\n0,a,b,\n1,c,d,\n", contract(TWO), chunk_rows=1)
    assert len(got.rows) == 2
    assert got.reading.warnings == [
        "column 1 without a name is a running index; left out", "column 4 without a name is blank; left out",
    ]  # fmt: skip
    with pytest.raises(Unreadable) as caught:
        parse(",Month,Borough,\n0,a,b,\n1,c,d,x\n", contract(TWO), chunk_rows=1)
    assert caught.value.code == "blank_header" and "column 4" in caught.value.message


def test_the_partition_is_read_from_the_header(parse: Parse) -> None:
    columns = [{"name": "code", "aliases": ["LSOA11CD", "LSOA21CD"]}]
    under = contract(columns, partition={"header": r"LSOA(\d\d)CD", "format": "20{}"})
    assert parse("lsoa21cd\na\n", under).reading.partition == "2021"


def shapes() -> list[dict[str, Any]]:
    """Three shapes; the second and the third have the same columns and other names."""
    common = {"description": "Rows for a test.", "formats": [{"kind": "csv"}], "delivery": "snapshot"}

    def columns(*names: str) -> list[dict[str, str]]:
        return [{"name": n, "description": "A column for a test."} for n in names]

    return [
        {"name": "one", "columns": columns("a", "b"), **common},
        {"name": "two", "columns": columns("c"), "names": [{"pattern": "^two"}], **common},
        {"name": "three", "columns": columns("c"), "names": [{"pattern": "^three-x"}], **common},
    ]


@pytest.mark.parametrize(
    ("head", "name", "found"), [("b,A,z\n", "", "one"), ("c\n", "two.csv", "two"), ("c\n", "in/THREE_x.csv", "three")]
)
def test_the_resource_is_told_by_the_header_then_by_the_name(head: str, name: str, found: str) -> None:
    assert choose_resource(feed(shapes()), head.encode(), name).name == found
    assert read(feed(shapes()), None, io.BytesIO(head.encode()), file_name=name).resource.name == found


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("x\n", "unknown_shape"),
        ("c\n", "unknown_shape"),
        ("", "empty_file"),
        ("<html>", "html_page"),
        ("{}", "json_body"),
    ],
)
def test_a_shape_that_nothing_fits_is_refused(head: str, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        choose_resource(feed(shapes()), head.encode(), "file.csv")
    assert caught.value.code == code
