"""Cells to typed values: by the contract, exactly, or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from vru.periods import LONDON
from vru.spelling import BLANKS, JOINERS

from tests.unit.parsing.conftest import Parse, contract

HEADER = "Code,Month,Kind,Victims,Rate\n"


def one(parse: Parse, cell: str, **column: Any) -> tuple[Any, list[tuple[int, str, str]]]:
    """The value of one cell and the rejects."""
    got = parse(f'c,other\n"{cell}",x\n', contract([{"name": "c", **column}, {"name": "other"}]))
    return (got.rows[0]["c"] if got.rows else None), got.codes


@pytest.mark.parametrize(
    ("cell", "value"), [("0", 0), ("-5", -5), ("+5", 5), (" 12 ", 12), ("9223372036854775807", 2**63 - 1)]
)
def test_integers(parse: Parse, cell: str, value: int) -> None:
    assert one(parse, cell, type="integer") == (value, [])


@pytest.mark.parametrize(
    "cell", ["5.0", "1,000", "1e3", "*", "<5", "٣", "1_000", "0x1F", "9223372036854775808", "1 000", "NaN"]
)
def test_no_integers(parse: Parse, cell: str) -> None:
    assert one(parse, cell, type="integer") == (None, [(2, "c", "not_an_integer")])


@pytest.mark.parametrize(
    "cell", ["0", "-0.107682", "+1.50", ".5", "5.", "123456789012345678901234567890.000000000000000001"]
)
def test_decimals_keep_every_digit(parse: Parse, cell: str) -> None:
    assert one(parse, f" {cell} ", type="decimal") == (cell, [])


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("-3.8e-05", "-0.000038"), ("7e-06", "0.000007"), ("1e3", "1000"), ("-1.50E+02", "-150"), ("+2.e-1", "0.2"),
        (".5e0", "0.5"), ("1e-99", f"0.{'0' * 98}1"), ("0e5", "0"),
    ],
)  # fmt: skip
def test_powers_of_ten_are_written_out_exactly(parse: Parse, cell: str, value: str) -> None:
    got, codes = one(parse, cell, type="decimal")
    assert codes == []
    assert Decimal(got) == Decimal(cell)
    assert (got.rstrip("0").rstrip(".") if "." in got else got).lstrip("+") == value or Decimal(value) == 0


@pytest.mark.parametrize(
    "cell", ["1e100", "1e", "e3", "1e3.5", "1,000.0", "inf", "NaN", "-", ".", "1.2.3", "1 2", "٣.5", "5%", "£5"]
)
def test_no_decimals(parse: Parse, cell: str) -> None:
    assert one(parse, cell, type="decimal") == (None, [(2, "c", "not_a_decimal")])


@pytest.mark.parametrize("cell", ["True", "YES", "1", "t", " true "])
def test_true(parse: Parse, cell: str) -> None:
    assert one(parse, cell, type="boolean") == (True, [])


@pytest.mark.parametrize("cell", ["False", "no", "0", "F"])
def test_false(parse: Parse, cell: str) -> None:
    assert one(parse, cell, type="boolean") == (False, [])


def test_neither_true_nor_false(parse: Parse) -> None:
    assert one(parse, "2", type="boolean") == (None, [(2, "c", "not_a_boolean")])


MONTHS = ["%b %Y", "%b-%y", "%d-%b-%y", "%Y %b", "%Y %B"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("Jan 2003", date(2003, 1, 1)),
        ("Jan-03", date(2003, 1, 1)),
        ("17-Sep-25", date(2025, 9, 1)),
        ("2025 Feb", date(2025, 2, 1)),
        ("2025 February", date(2025, 2, 1)),
    ],
)
def test_months_by_the_first_format_that_fits(parse: Parse, cell: str, value: date) -> None:
    assert one(parse, cell, type="month", formats=MONTHS) == (value, [])


NAMES = {
    "sep": 9, "Sept": 9, "SEPT.": 9, "Sep.": 9, "September": 9, "Jan.": 1, "july": 7, "June": 6, "May": 5, "Aug.": 8,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("form", "cell"),
    [
        ("%b-%y", "{}-20"), ("%b %Y", "{} 2020"), ("%Y %b", "2020 {}"), ("%B %Y", "{}  2020"), ("%d-%b-%y", "05-{}-20"),
        ("%d %B %Y", "5 {} 2020"), ("%b-%y", "{}–20"), ("%d/%b/%Y %H:%M", "05/{}/2020 10:00"), ("%Y%b", "2020{}"),
    ],
)  # fmt: skip
def test_a_month_may_be_written_by_any_of_its_names(parse: Parse, form: str, cell: str, name: str) -> None:
    for kind in ("month", "date", "timestamp"):
        got, codes = one(parse, cell.format(name), type=kind, formats=[form])
        assert codes == []
        day = got.astimezone(LONDON) if kind == "timestamp" else got
        assert (day.year, day.month) == (2020, NAMES[name])


@pytest.mark.parametrize("cell", ["Septe-20", "Se-20", "Sepp-20", "xSept-20", "Septx-20", "Sept-2020-1"])
def test_other_words_are_no_month(parse: Parse, cell: str) -> None:
    assert one(parse, cell, type="month", formats=["%b-%y"]) == (None, [(2, "c", "not_a_month")])


@pytest.mark.parametrize("cell", ["Febraury 2021", "2025-13", "30-Feb-25", "٢٠٢٥ Feb"])
def test_no_months(parse: Parse, cell: str) -> None:
    assert one(parse, cell, type="month", formats=MONTHS) == (None, [(2, "c", "not_a_month")])


def test_dates(parse: Parse) -> None:
    assert one(parse, "29/02/2024", type="date", formats=["%d/%m/%Y"]) == (date(2024, 2, 29), [])
    assert one(parse, "30/02/2024", type="date", formats=["%d/%m/%Y"]) == (None, [(2, "c", "not_a_date")])


@pytest.mark.parametrize(
    ("cell", "value", "month"),
    [
        ("2023-12-01T00:08:00+00:00", datetime(2023, 12, 1, 0, 8, tzinfo=UTC), date(2023, 12, 1)),
        ("2024-05-31T23:02:00+00:00", datetime(2024, 5, 31, 23, 2, tzinfo=UTC), date(2024, 6, 1)),
        ("2024-06-01T00:02:00+01:00", datetime(2024, 5, 31, 23, 2, tzinfo=UTC), date(2024, 6, 1)),
        ("2024-10-27T01:30:00+00:00", datetime(2024, 10, 27, 1, 30, tzinfo=UTC), date(2024, 10, 1)),
        # without an offset: London; the first of a repeated hour, a skipped hour as in winter time
        ("01/07/2024 00:30", datetime(2024, 6, 30, 23, 30, tzinfo=UTC), date(2024, 7, 1)),
        ("27/10/2024 01:30", datetime(2024, 10, 27, 0, 30, tzinfo=UTC), date(2024, 10, 1)),
        ("31/03/2024 01:30", datetime(2024, 3, 31, 1, 30, tzinfo=UTC), date(2024, 3, 1)),
    ],
)
def test_times_are_utc_and_their_month_is_londons(parse: Parse, cell: str, value: datetime, month: date) -> None:
    columns = [
        {"name": "at", "type": "timestamp", "formats": ["%Y-%m-%dT%H:%M:%S%z", "%d/%m/%Y %H:%M"]},
        {"name": "month", "type": "month", "month_of": "at", "nullable": False},
    ]
    got = parse(f"at\n{cell}\n", contract(columns, grain="month", unit_column="month"))
    assert got.rows == [{"line_number": 2, "at": value, "month": month}]
    assert got.reading.period_start == month


@pytest.mark.parametrize("cell", ["2024-02-30T00:00:00+00:00", "2024-02-01", "yesterday"])
def test_no_times(parse: Parse, cell: str) -> None:
    column = {"type": "timestamp", "formats": ["%Y-%m-%dT%H:%M:%S%z"]}
    assert one(parse, cell, **column) == (None, [(2, "c", "not_a_timestamp")])


@pytest.mark.parametrize(
    ("cell", "code"), [('{""a"": [1]}', []), ("{", ["not_json"]), ("NaN", ["not_json"]), (r'""\u0000""', ["not_json"])]
)
def test_json(parse: Parse, cell: str, code: list[str]) -> None:
    assert [c for *_, c in one(parse, cell, type="json")[1]] == code


def test_text_is_trimmed_and_blank_is_null(parse: Parse) -> None:
    got = parse('a,b\n x ,1\n  ,2\n"",3\n\u00a0,4\n,5\n007,6\n', contract([{"name": "a"}, {"name": "b"}]))
    assert [row["a"] for row in got.rows] == ["x", None, None, None, None, "007"]


@pytest.mark.parametrize(
    "blank", [*BLANKS.translate(dict.fromkeys(map(ord, "\v\f\x85"))), *JOINERS, "\u200b", "\u2060"]
)
def test_every_blank_is_trimmed_in_every_type_of_column(parse: Parse, blank: str) -> None:
    """And what was received stays beside a value and in quarantine."""
    row = ["a", "2024-01", "knife", "7", "1.5", "of  words"]
    padded = [f"{blank}{cell}{blank}{blank}" for cell in row]
    lines = ["Code,Month,Kind,Victims,Rate,Note", ",".join(row), ",".join(padded), f"b,{blank}2024-13,Knife,1,1,x"]
    got = parse("\n".join(lines) + "\n")
    values = {"code": "a", "month": date(2024, 1, 1), "kind": "Knife", "victims": 7, "rate": "1.5", "note": "of words"}
    assert got.rows == [
        {"line_number": 2, **values, "kind_source": "knife"},
        {"line_number": 3, **values, "kind_source": padded[2]},
    ]
    assert [(r.code, r.record["month"]) for r in got.rejects] == [("not_a_month", f"{blank}2024-13")]


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "\u1680", "\u2003", "\u202f", "\u3000", " \u2003\u00a0"])
def test_one_blank_cell_among_full_ones_is_null_however_it_is_blank(parse: Parse, blank: str) -> None:
    got = parse(f"a,b\nfull,1\n{blank},2\nfull {blank},3\n", contract([{"name": "a"}, {"name": "b"}]))
    assert [row["a"] for row in got.rows] == ["full", None, "full"]


def test_values_are_compared_trimmed_in_any_case_and_the_cell_is_kept(parse: Parse) -> None:
    got = parse(HEADER + "a,2024-01, knife ,1,1\nb,Feb-24,BLADE,1,1\nc,2024-03,,1,1\n")
    assert [(row["kind"], row["kind_source"]) for row in got.rows] == [
        ("Knife", " knife "),
        ("Knife", "BLADE"),
        (None, None),
    ]
    assert got.chunks[0].frame.columns == [
        "line_number", "part", "code", "month", "kind", "kind_source", "victims", "rate", "note",
    ]  # fmt: skip


def test_unknown_values_reject_the_row_and_the_reason_holds_no_value(parse: Parse) -> None:
    got = parse(HEADER + "a,2024-01,Gun,x,1\nb,2024-01,Knife,1,1\n")
    assert got.codes == [(2, "kind", "unknown_value"), (2, "victims", "not_an_integer")]
    assert got.rejects[0].record == {"code": "a", "month": "2024-01", "kind": "Gun", "victims": "x", "rate": "1"}
    assert all("Gun" not in r.reason for r in got.rejects)
    assert (got.reading.rows_parsed, got.reading.rows_rejected, got.reading.rows_accepted) == (2, 1, 1)


LABELS = {"White - British": [], "Black & Asian": ["Black or Asian"], "Other": ["N/A.", "1"], "Not known/Recorded": []}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("Other.", "Other"),
        ("OTHER", "Other"),
        ("White – British", "White - British"),
        ("white-british.", "White - British"),
        ("Black and Asian", "Black & Asian"),
        ("Black &  ASIAN", "Black & Asian"),
        ("Black or Asian", "Black & Asian"),
        ("n/a", "Other"),
        ("Not known / recorded", "Not known/Recorded"),
        ("1.", "Other"),
    ],
)
def test_a_label_that_differs_only_in_spelling_is_that_label(parse: Parse, cell: str, value: str) -> None:
    got = parse(f'c,n\n"{cell}",1\n', contract([{"name": "c", "values": LABELS}, {"name": "n"}]))
    assert [(row["c"], row["c_source"]) for row in got.rows] == [(value, cell)]


@pytest.mark.parametrize(("cell", "near"), [("Othr", "Other"), ("Black or Asia", "Black & Asian"), ("Green", None)])
@pytest.mark.parametrize("unmapped", ["reject", "null_cell"])
def test_a_label_that_differs_in_more_is_proposed_and_not_guessed(
    parse: Parse, cell: str, near: str | None, unmapped: str
) -> None:
    columns = [{"name": "c", "values": LABELS, "unmapped": unmapped}, {"name": "n"}]
    got = parse(f"c,n\n{cell},1\n", contract(columns))
    (reason,) = [r.reason for r in [*got.rejects, *got.nulled]]
    assert (f"did you mean '{near}'?" in reason) if near else ("did you mean" not in reason)
    assert cell not in reason.replace(str(near), "")
    closed = contract(columns).model_copy(update={"personal_data": True})
    got = parse(f"c,n\n{cell},1\n", closed)
    (reason,) = [r.reason for r in [*got.rejects, *got.nulled]]
    assert "did you mean" not in reason


@pytest.mark.parametrize("marker", ["n/a", "N / A", "n/a.", " N/A "])
def test_null_markers_are_compared_so_too(parse: Parse, marker: str) -> None:
    got = parse(HEADER + f"a,2024-01,Knife,1,{marker}\n")
    assert (got.codes, got.rows[0]["rate"]) == ([], None)


def test_two_values_that_only_differ_in_spelling_are_refused() -> None:
    with pytest.raises(ValueError, match="stands for two values, 'Other' and 'Others'"):
        contract([{"name": "c", "values": {"Other": [], "Others": ["other."]}}])


def test_an_unknown_value_may_null_the_cell_while_the_row_counts(parse: Parse) -> None:
    columns = [
        {"name": "kind", "values": {"Knife": []}, "unmapped": "null_cell", "mandatory": True},
        {"name": "n", "type": "integer"},
    ]
    got = parse("kind,n\nGun,1\nGun,x\nKnife,1\n,1\n", contract(columns))
    assert got.codes == [(3, "n", "not_an_integer")]
    assert [(n.line_number, n.column, n.code, n.received) for n in got.nulled] == [(2, "kind", "unknown_value", "Gun")]
    assert "Gun" not in got.nulled[0].reason
    assert got.rows[0] == {"line_number": 2, "kind": None, "kind_source": "Gun", "n": 1}
    assert (got.reading.mandatory_cells, got.reading.blank_cells) == (3, 1)


def test_a_column_that_may_not_be_blank_is_not_nulled(parse: Parse) -> None:
    column = {"values": {"Knife": []}, "unmapped": "null_cell", "nullable": False}
    assert one(parse, "Gun", **column) == (None, [(2, "c", "unknown_value")])
    assert one(parse, " ", **column) == (None, [(2, "c", "blank_not_allowed")])


def test_null_markers_are_no_value(parse: Parse) -> None:
    got = parse(HEADER + "a,2024-01,Knife,1, N/A \nb,2024-01,Knife,1,0\n")
    assert [row["rate"] for row in got.rows] == [None, "0"]


def test_a_record_of_blank_cells_is_a_blank_row(parse: Parse) -> None:
    assert parse(HEADER + "a,2024-01,Knife,1,1\n,,, ,\n").codes == [(3, "", "blank_row")]


def test_completeness_counts_accepted_rows_and_absent_columns(parse: Parse) -> None:
    columns = [
        {"name": "a", "mandatory": True},
        {"name": "b", "mandatory": True, "required": False},
        {"name": "n", "type": "integer"},
    ]
    got = parse("a,n\nx,1\n,2\ny,z\n", contract(columns))
    assert (got.reading.mandatory_cells, got.reading.blank_cells) == (4, 3)


@pytest.mark.parametrize(
    ("grain", "first", "last"),
    [
        ("month", date(2023, 12, 1), date(2024, 2, 29)),
        ("quarter", date(2023, 10, 1), date(2024, 3, 31)),
        ("year", date(2023, 1, 1), date(2024, 12, 31)),
    ],
)
def test_the_period_is_that_of_the_accepted_rows(parse: Parse, grain: str, first: date, last: date) -> None:
    text = HEADER + "a,2024-02,Knife,1,1\na,2023-12,Knife,1,1\na,2019-01,Gun,1,1\n"
    reading = parse(text, contract(grain=grain, unit_column="month"), chunk_rows=1).reading
    assert (reading.period_start, reading.period_end) == (first, last)


def test_the_period_of_a_year_column(parse: Parse) -> None:
    under = contract(
        [{"name": "y", "type": "date", "formats": ["%Y"], "nullable": False}], grain="year", unit_column="y"
    )
    reading = parse("y\n2001\n2003\n", under).reading
    assert (reading.period_start, reading.period_end) == (date(2001, 1, 1), date(2003, 12, 31))


@pytest.mark.parametrize(
    ("rows", "partition", "warned"),
    [
        ("Met Police\n met police \n", "met", False),
        ("Met Police\nCity Police\n", None, True),
        ("Kent Police\n", None, True),
        ("Met Police\nKent Police\n", None, True),
    ],
)
def test_the_partition_of_the_rows(parse: Parse, rows: str, partition: str | None, warned: bool) -> None:
    rule = {"column": "force", "map": {"Met Police": "met", "City Police": "city"}}
    reading = parse("force\n" + rows, contract([{"name": "force"}], partition=rule), chunk_rows=1).reading
    assert reading.partition == partition
    assert bool(reading.warnings) == warned
    assert all("Kent" not in w for w in reading.warnings)


def test_line_numbers_and_types_hold_over_chunks(parse: Parse) -> None:
    body = "".join(f"c{i},2024-01,Knife,{i},{i}.5\n" if i % 7 else f"c{i},2024-01,Knife,bad,1\n" for i in range(100))
    got = parse(HEADER + body, chunk_rows=9, block_bytes=400)
    assert [row["line_number"] for row in got.rows] == [i + 2 for i in range(100) if i % 7]
    assert [r.line_number for r in got.rejects] == [i + 2 for i in range(0, 100, 7)]
    assert {tuple(c.frame.schema.items()) for c in got.chunks} == {
        (
            ("line_number", pl.Int64), ("part", pl.Int64), ("code", pl.String), ("month", pl.Date), ("kind", pl.String),
            ("kind_source", pl.String), ("victims", pl.Int64), ("rate", pl.String), ("note", pl.String),
        )
    }  # fmt: skip
