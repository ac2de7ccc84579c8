"""Wide records: a row for each header that is a value, and what a bad cell costs."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError
from vru.contracts import Contract
from vru.parsing import Unreadable

from tests.books import sheet, xlsx
from tests.unit.parsing.conftest import Parse, contract

COLUMNS: list[dict[str, Any]] = [
    {"name": "area", "aliases": ["Area"], "nullable": False, "values": {"Camden": ["CAMDEN"], "Brent": []}},
    {"name": "kind", "aliases": ["Kind"]},
    {"name": "month", "type": "month", "formats": ["%Y%m", "%Y-%m"], "nullable": False},
    {"name": "offences", "type": "integer", "nullable": False, "null_markers": [".."]},
]
UNPIVOT = {"headers": r"(\d{4}-?\d{2})", "header_column": "month", "cell_column": "offences"}


def under(columns: list[dict[str, Any]] = COLUMNS, **more: Any) -> Contract:
    return contract(columns, **{"unpivot": UNPIVOT, "grain": "month", "unit_column": "month", **more})


def test_a_record_makes_a_row_for_each_header(parse: Parse) -> None:
    got = parse("Kind,202401,Area,2024-02,202403\nBurglary,1,CAMDEN,2,3\nRobbery,4,Brent,5,6\n", under(), chunk_rows=3)
    assert [tuple(row.values()) for row in got.rows] == [
        (2, 1, "Camden", "CAMDEN", "Burglary", date(2024, 1, 1), 1),
        (2, 2, "Camden", "CAMDEN", "Burglary", date(2024, 2, 1), 2),
        (2, 3, "Camden", "CAMDEN", "Burglary", date(2024, 3, 1), 3),
        (3, 1, "Brent", "Brent", "Robbery", date(2024, 1, 1), 4),
        (3, 2, "Brent", "Brent", "Robbery", date(2024, 2, 1), 5),
        (3, 3, "Brent", "Brent", "Robbery", date(2024, 3, 1), 6),
    ]
    reading = got.reading
    assert (reading.rows_parsed, reading.rows_rejected, reading.raw_rows) == (2, 0, 6)
    assert (reading.period_start, reading.period_end) == (date(2024, 1, 1), date(2024, 3, 31))
    assert [len(chunk.frame) for chunk in got.chunks] == [3, 3], "a chunk is about so many rows, whole records"
    assert got.chunks[0].frame.columns[:2] == ["line_number", "part"]


def test_a_bad_cell_costs_its_row_and_a_bad_record_all_of_them(parse: Parse) -> None:
    text = (
        "Area,Kind,202401,202402\nCamden,a,1,x\nKent,b,1,2\nBrent,c,,2\nBrent,d,1\n,,,\nBrent,e,..,3\nCamden,f,1,1\n"
        "Camden,g,1,1,1\nCamden,h,1,1\n"
    )
    got = parse(text, under())
    assert [(r.line_number, r.part, r.column, r.code) for r in got.rejects] == [
        (2, 2, "offences", "not_an_integer"),
        (3, 0, "area", "unknown_value"),
        (4, 1, "offences", "blank_not_allowed"),
        (5, 0, "", "too_few_cells"),
        (6, 0, "", "blank_row"),
        (7, 1, "offences", "blank_not_allowed"),
        (9, 0, "", "too_many_cells"),
    ]
    assert got.rejects[0].record == {"area": "Camden", "kind": "a", "month": "202402", "offences": "x"}
    assert got.rejects[1].record == {"area": "Kent", "kind": "b"}
    assert [(row["line_number"], row["part"]) for row in got.rows] == [
        (2, 1), (4, 2), (7, 2), (8, 1), (8, 2), (10, 1), (10, 2),
    ]  # fmt: skip
    assert (got.reading.rows_parsed, got.reading.rows_accepted, got.reading.rows_rejected) == (9, 2, 7)


def test_suppressed_zero_and_missing_stay_three_things(parse: Parse) -> None:
    columns = [*COLUMNS[:3], {**COLUMNS[3], "nullable": True}]
    got = parse("Area,202401,202402,202403\nCamden,0,..,\n", under([c for c in columns if c["name"] != "kind"]))
    assert [row["offences"] for row in got.rows] == [0, None, None]


def test_nulled_cells_know_their_part(parse: Parse) -> None:
    columns = [
        {**COLUMNS[0], "nullable": True, "unmapped": "null_cell"}, *COLUMNS[1:3],
        {**COLUMNS[3], "nullable": True, "unmapped": "null_cell"},
    ]  # fmt: skip
    got = parse("Area,Kind,202401,202402\nKent,a,1,x\n", under(columns))
    assert [(n.line_number, n.part, n.column) for n in got.nulled] == [(2, 0, "area"), (2, 2, "offences")]
    assert [row["offences"] for row in got.rows] == [1, None]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Area,Kind,Jan 2024", "missing_column"),
        ("Area,Kind", "missing_column"),
        ("Kind,202401", "missing_column"),
        ("Area,Kind,202401,2024-01", "duplicate_header"),
        ("Area,Kind,202401,202401", "duplicate_header"),
        ("Area,Kind,202413", "bad_header"),
        ("Area,Kind,٢٠٢٤٠١", "bad_header"),
    ],
)
def test_headers_that_say_no_month_or_one_twice(parse: Parse, header: str, code: str) -> None:
    width = header.count(",") + 1
    with pytest.raises(Unreadable) as caught:
        parse(header + "\n" + ",".join(["Camden"] * width) + "\n", under())
    assert caught.value.code == code
    assert caught.value.line == 1


def test_other_headers_are_unknown_columns(parse: Parse) -> None:
    got = parse("Area,Kind,Total,202401\nCamden,a,9,1\n", under())
    assert got.reading.warnings == ["unknown column 'Total' was left out"]
    assert [row["offences"] for row in got.rows] == [1]


def test_a_wide_sheet(parse: Parse) -> None:
    rows = [["Area", "Kind", "202401", 202402], ["Camden", "a", 1, ".."], ["Brent", "b", 3, 4]]
    book = xlsx({"Data": [[], *rows]}, errors=[("Data", "C4", "#N/A")])
    form = {"kind": "workbook", "sheet": "Data", "header_row": 2}
    got = parse(sheet(book, "Data"), under([*COLUMNS[:3], {**COLUMNS[3], "nullable": True}], formats=[form]))
    assert [(row["line_number"], row["part"], row["offences"]) for row in got.rows] == [
        (3, 1, 1),
        (3, 2, None),
        (4, 2, 4),
    ]
    assert [(r.line_number, r.part, r.code) for r in got.rejects] == [(4, 1, "error_cell")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unpivot": {**UNPIVOT, "cell_column": "month"}}, "needs two of the columns"),
        ({"unpivot": {**UNPIVOT, "cell_column": "nothing"}}, "needs two of the columns"),
        ({"unpivot": {**UNPIVOT, "cell_column": "kind"}}, "remove their aliases"),
        ({"unpivot": {**UNPIVOT, "headers": "(a)(b)"}}, "at most one group"),
        ({"unpivot": {**UNPIVOT, "headers": "("}}, "not a regular expression"),
        ({"formats": [{"kind": "json"}]}, "for tables"),
    ],
)
def test_an_unpivot_that_makes_no_sense_does_not_validate(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        under(**change)
