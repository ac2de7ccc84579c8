"""Sheets of workbooks: header row, notes, merged cells, typed cells, markers, faults."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from vru.contracts import Contract
from vru.parsing import Unreadable, choose_resource
from vru.parsing.formats import workbook

from tests.books import ods, sheet, xlsx
from tests.unit.parsing.conftest import Parse, Result, contract

COLUMNS: list[dict[str, Any]] = [
    {"name": "area", "aliases": ["Area"], "nullable": False},
    {"name": "month", "type": "month", "aliases": ["Month"], "formats": ["%Y%m", "%b %Y"]},
    {"name": "seen_at", "type": "timestamp", "aliases": ["Seen"], "formats": ["%d/%m/%Y %H:%M"], "required": False},
    {"name": "victims", "type": "integer", "aliases": ["Victims"], "null_markers": ["[c]", "[x]", "..", "-"]},
    {"name": "rate", "type": "decimal", "aliases": ["Rate"], "null_markers": ["[c]"], "required": False},
    {"name": "known", "type": "boolean", "aliases": ["Known"], "required": False},
]
HEADER = ["Area", "Month", "Victims", "Rate", "Known", "Seen"]


def under(**form: Any) -> Contract:
    return contract(COLUMNS, formats=[{"kind": "workbook", "sheet": "Data", **form}])


def refused(parse: Parse, rows: Any, contract_: Contract, **book: Any) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        read(parse, rows, contract_, **book)
    return caught.value


def read(parse: Parse, rows: Any, contract_: Contract, **book: Any) -> Result:
    return parse(sheet(xlsx({"Data": rows}, **book), "Data"), contract_, name="book.xlsx#Data", chunk_rows=2)


@pytest.mark.parametrize("make", [xlsx, ods])
def test_typed_cells_become_what_the_column_wants(parse: Parse, make: Any) -> None:
    rows = [
        ["Title of the table"],
        [],
        [None, *HEADER],
        [None, "Camden", date(2024, 1, 31), 3, 4.1, True, datetime.fromisoformat("2024-07-01T00:30:00")],
        [None, "Brent", 202402, "[c]", "[c]", False, "01/02/2024 09:00"],
        [None, "Ealing", "Mar 2024", "..", 0.1 + 0.2, None, date(2024, 1, 2)],
        [None, "Barnet", "2024-04-01", "-", 5, "yes", None],
    ]
    got = parse(sheet(make({"Data": rows}), "Data"), under(header_row=3), name="book#Data", chunk_rows=3)
    assert got.rejects == []
    assert [tuple(row.values()) for row in got.rows] == [
        (4, "Camden", date(2024, 1, 1), datetime(2024, 6, 30, 23, 30, tzinfo=UTC), 3, "4.1", True),
        (5, "Brent", date(2024, 2, 1), datetime(2024, 2, 1, 9, tzinfo=UTC), None, None, False),
        (6, "Ealing", date(2024, 3, 1), datetime(2024, 1, 2, tzinfo=UTC), None, "0.3", None),
        (7, "Barnet", date(2024, 4, 1), None, None, "5", True),
    ]
    assert got.reading.kind == "workbook"
    assert got.reading.headers == HEADER


def test_faults_of_the_spreadsheet_reject_the_row(parse: Parse) -> None:
    rows = [
        HEADER[:3],
        ["a", 202401, 1],
        ["b", 202401, None],
        [None, 202401, 1],
        ["d", 202401, "=1+1"],
        ["Err:502", 202401, 1],
    ]
    got = read(parse, rows, under(), errors=[("Data", "C3", "#DIV/0!"), ("Data", "A4", "#REF!")])
    assert got.codes == [
        (3, "victims", "error_cell"), (4, "area", "error_cell"), (5, "victims", "error_cell"), (6, "area", "error_cell"),
    ]  # fmt: skip
    assert got.rejects[0].record == {"area": "b", "month": "202401", "victims": "#DIV/0!"}
    assert [row["line_number"] for row in got.rows] == [2]


def test_numbers_that_are_none_of_the_columns(parse: Parse) -> None:
    rows = [HEADER[:3], ["a", 202401, 1.5], ["b", 202401, "1,000"], ["c", 202413, 1], ["d", 202401, "5"]]
    assert read(parse, rows, under()).codes == [
        (2, "victims", "not_an_integer"), (3, "victims", "not_an_integer"), (4, "month", "not_a_month"),
    ]  # fmt: skip


def test_declared_rows_are_left_out_and_the_table_ends_where_it_says(parse: Parse) -> None:
    rows = [
        HEADER[:3],
        ["(name)", "(month)", "(count)"],
        ["a", 202401, 1],
        ["b", 202401, 2],
        ["Total", None, 3],
        ["Source: x"],
    ]
    got = read(parse, rows, under(skip_rows=[2], ends_at="^total"))
    assert [(row["line_number"], row["victims"]) for row in got.rows] == [(3, 1), (4, 2)]
    assert got.reading.rows_parsed == 2


@pytest.mark.parametrize(
    ("after", "code", "line"),
    [
        ([["Source: the partner"]], "footnote", 3),
        ([[], ["Notes"], ["1. A"]], "footnote", 4),
        ([["b", 202401, 1], *[[] for _ in range(1_100)], ["c", 202401, 1]], "second_table", 1104),
        ([["b", 202401, 1, None, "beside"]], "blank_header", 3),
    ],
)
def test_what_is_not_declared_is_no_part_of_the_table(parse: Parse, after: Any, code: str, line: int) -> None:
    error = refused(parse, [HEADER[:3], ["a", 202401, 1], *after], under())
    assert (error.code, error.line) == (code, line)


def test_a_total_is_never_counted(parse: Parse) -> None:
    error = refused(parse, [HEADER[:3], ["a", 202401, 1], [None, None, 1]], under())
    assert (error.code, error.line) == ("footnote", 3)
    got = read(parse, [HEADER[:3], ["a", 202401, 1], [None, "Total", 1]], under())
    assert [row["victims"] for row in got.rows] == [1]
    assert {code for _, _, code in got.codes} == {"blank_not_allowed", "not_a_month"}


def test_blank_rows_between_records_are_counted_and_blank_columns_are_none(parse: Parse) -> None:
    rows = [
        [None, "Area", None, "Month", "Victims"],
        [None, "a", None, 202401, 1],
        [],
        [None, "b", None, 202402, 2],
        [],
        [],
    ]
    got = read(parse, rows, under())
    assert got.codes == [(3, "", "blank_row")]
    assert [row["area"] for row in got.rows] == ["a", "b"]
    assert (got.reading.rows_parsed, got.reading.rows_rejected) == (3, 1)


def test_blank_columns_without_a_name_are_named_in_a_warning(parse: Parse) -> None:
    """Those within the table; what lies left of it is margin."""
    rows = [[None, "Area", None, "Month", "\u00a0", "Victims"], [None, "a", None, 202401, None, 1]]
    assert read(parse, rows, under()).reading.warnings == ["columns 3, 5 without a name are blank; left out"]
    assert refused(parse, [*rows, [None, "b", None, 202401, "x", 1]], under()).code == "blank_header"


@pytest.mark.parametrize(
    ("text", "code"),
    [("a\x85", "control_character"), ("\x9fa", "control_character"), ("a\ufeff", "bom_in_cell"), ("a\x7f", "control_character")],
)  # fmt: skip
def test_what_no_cell_may_hold_rejects_its_row(parse: Parse, text: str, code: str) -> None:
    got = read(parse, [HEADER[:3], ["a", 202401, 1], [text, 202401, 1]], under())
    assert got.codes == [(3, "area", code)]


def test_a_running_index_without_a_name_is_left_out(parse: Parse) -> None:
    got = read(parse, [[None, *HEADER[:3]], [0, "a", 202401, 1], [1, "b", 202401, 1]], under())
    assert len(got.rows) == 2 and "running index" in got.reading.warnings[0]
    error = refused(parse, [[None, *HEADER[:3]], [0, "a", 202401, 1], [2, "b", 202401, 1]], under())
    assert error.code == "blank_header"


def test_merged_headers_are_refused_or_filled(parse: Parse) -> None:
    rows = [["Area", "2024", None], [None, "Month", "Victims"], ["a", 202401, 1]]
    wide = [c | {"aliases": [f"2024 {c['aliases'][0]}"]} if c["name"] in ("month", "victims") else c for c in COLUMNS]
    merged = {"merged": {"Data": ["B1:C1", "A1:A2"]}}
    refusing = contract(wide, formats=[{"kind": "workbook", "sheet": "Data", "header_rows": 2}])
    assert refused(parse, rows, refusing, **merged).code == "merged_header"
    form = {"kind": "workbook", "sheet": "Data", "header_rows": 2, "merged_headers": "fill"}
    got = read(parse, rows, contract(wide, formats=[form]), **merged)
    assert got.reading.headers == ["Area", "2024 Month", "2024 Victims"]
    assert [(row["line_number"], row["area"], row["victims"]) for row in got.rows] == [(3, "a", 1)]


def test_merged_cells_are_refused_or_filled(parse: Parse) -> None:
    rows = [HEADER[:3], ["Camden", 202401, 1], [None, 202402, 2], ["Brent", 202401, 3]]
    merged = {"merged": {"Data": ["A2:A3"]}}
    error = refused(parse, rows, under(), **merged)
    assert (error.code, error.line) == ("merged_cells", 2)
    got = read(parse, rows, under(merged_cells="fill"), **merged)
    assert [row["area"] for row in got.rows] == ["Camden", "Camden", "Brent"]


def test_a_title_above_is_merged_as_it_likes(parse: Parse) -> None:
    got = read(parse, [["Title"], HEADER[:3], ["a", 202401, 1]], under(header_row=2), merged={"Data": ["A1:F1"]})
    assert len(got.rows) == 1


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([["Title"], HEADER[:3], ["a", 202401, 1]], "preamble"),
        ([], "missing_column"),
        ([["Area", "Month"], ["a", 202401]], "missing_column"),
        ([["Area", "Month", "Victims", "area "], ["a", 202401, 1, "b"]], "duplicate_header"),
        ([["Аrea", "Month", "Victims"], ["a", 202401, 1]], "look_alike_header"),
        ([HEADER[:3]], "no_rows"),
    ],
)
def test_headers_that_are_not_the_contracts(parse: Parse, rows: Any, code: str) -> None:
    assert refused(parse, rows, under()).code == code


def test_a_header_without_rows_may_be_a_statement_of_zero(parse: Parse) -> None:
    assert read(parse, [HEADER[:3]], under(allow_empty=True)).reading.rows_parsed == 0


def test_text_is_no_sheet_and_a_sheet_no_text(parse: Parse) -> None:
    with pytest.raises(Unreadable) as caught:
        parse("Area,Month,Victims\na,202401,1\n", under(), name="book.csv")
    assert caught.value.code == "not_workbook"
    both = contract(COLUMNS, formats=[{"kind": "csv"}, {"kind": "workbook", "sheet": "Data"}])
    assert parse("Area,Month,Victims\na,202401,1\n", both).reading.kind == "csv"
    assert read(parse, [HEADER[:3], ["a", 202401, 1]], both).reading.kind == "workbook"


def test_the_header_tells_the_resource(parse: Parse) -> None:
    from tests.unit.parsing.conftest import feed

    def shape(name: str, column: str) -> dict[str, Any]:
        return {
            "name": name, "description": "Rows for a test.", "formats": [{"kind": "workbook", "sheet_pattern": "."}],
            "delivery": "snapshot", "columns": [{"name": "one", "aliases": [column], "description": "A column for a test."}],
        }  # fmt: skip

    two = feed([shape("first", "Area"), shape("second", "Code")])
    head = sheet(xlsx({"Data": [["Code"], ["x"]]}), "Data")
    assert choose_resource(two, head, "book.xlsx#Data").name == "second"
    assert workbook.sniff(head)
