"""Structure of delimited text: cells and line numbers are exact, whatever stands in the cells."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vru.parsing import Unreadable, read
from vru.parsing import stream as limits
from vru.parsing.formats import csv as csv_reader
from vru.parsing.formats.base import BLOCK_BYTES
from vru.spelling import trimmed

from tests.unit.parsing.conftest import Parse, Result, contract

CELL = st.text(
    st.one_of(
        st.sampled_from('a,"\n\r \té£‑  \u00a0\u2003\u200b\u200d\u061c’'),
        st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff"),
    ),
    max_size=6,
)


def parquet() -> bytes:
    """A table of one cell."""
    out = io.BytesIO()
    pl.DataFrame({"c0": ["a"]}).write_parquet(out)
    return out.getvalue()


def texts(width: int) -> Any:
    """A contract of text columns c0, c1, …"""
    return contract([{"name": f"c{i}"} for i in range(width)])


def written(rows: list[list[str]], terminator: str, quoting: int) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=terminator, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows(rows)
    return out.getvalue()


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_csv_writer_wrote_is_read_exactly(data: st.DataObject) -> None:
    width = data.draw(st.integers(2, 4))
    rows = data.draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=12))
    terminator = data.draw(st.sampled_from(["\n", "\r\n"]))
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    if any("\r" in cell for row in rows for cell in row):
        quoting = (
            csv.QUOTE_ALL
        )  # with LF as line end csv.writer leaves a CR unquoted, which no reader can tell from CR LF
    header = [f"c{i}" for i in range(width)]
    text = written([header, *rows], terminator, quoting)
    block, chunk = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 5))
    if data.draw(st.booleans()):
        text = text.removesuffix(terminator)
    under = texts(width)
    got = Result(read(under, "rows", io.BytesIO(text.encode()), file_name="f", block_bytes=block, chunk_rows=chunk))

    expected, refused, line = {}, [], 1 + written([header], terminator, quoting).count("\n")
    for row in rows:
        if any(map(trimmed, row)):
            expected[line] = [trimmed(cell) or None for cell in row]
        else:
            refused.append((line, "", "blank_row"))
        line += written([row], terminator, quoting).count("\n")
    assert {row.pop("line_number"): list(row.values()) for row in got.rows} == expected
    assert got.codes == refused
    assert got.reading.has_final_newline == text.endswith("\n")


@pytest.mark.parametrize("inner", ["one\ntwo", "one\r\ntwo", "one\rtwo", "one\n\ntwo", "\n\n\n\n", "a,b\nc,d\n"])
def test_newlines_inside_quotes_are_kept_and_counted(parse: Parse, inner: str) -> None:
    got = parse(f'c0,c1,c2\nx,"{inner}",y\nz,,w\n', texts(3))
    assert [row["c1"] for row in got.rows] == [trimmed(inner) or None, None]
    assert [row["line_number"] for row in got.rows] == [2, 3 + inner.count("\n")]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('"a,b,c\nd,e,f\n', 2),
        ('a,b,c\nd,"e,f\n', 3),
        ("a,b,c\nd,e,f\n" * 3 + 'g,h,"', 8),
        ('a,5" knife,c\nd,e,f\n', 2),
        ('a,b,c\nd,"e"x,f\n', 3),
        ('a,b,c\nd, "e",f\n', 3),
        ('a,b,c\n"d"\r,e,f\n', 3),
        ('a,5" knife,c\nd,5" knife,f\n', 2),
    ],
)
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_a_quote_out_of_place_refuses_the_file(parse: Parse, body: str, line: int, block: int) -> None:
    with pytest.raises(Unreadable) as caught:
        parse("c0,c1,c2\n" + body, texts(3), block_bytes=block)
    assert (caught.value.code, caught.value.line) == ("bad_quote", line)


def test_a_quoted_cell_that_swallows_records_refuses_the_file(parse: Parse) -> None:
    lines = ["c0,c1,c2,c3,c4"] + [f"{i},b,c,d,e" for i in range(100)]
    lines[10] = '9,"b,c,d,e'
    lines[60] = '59,b,c,d",e'
    with pytest.raises(Unreadable) as caught:
        parse("\n".join(lines) + "\n", texts(5))
    assert caught.value.code == "bad_quote"
    assert caught.value.line == 11


NOTE: dict[str, Any] = {"name": "note"}
MONTH = {"name": "month", "type": "month", "formats": ["%Y-%m"]}
FILLED = {**MONTH, "nullable": False}
COUNT = {"name": "count", "type": "integer"}
KIND = {"name": "kind", "values": {"Visit": [], "Call": []}}
OPEN = {**KIND, "unmapped": "null_cell"}


def swallowing(columns: list[dict[str, Any]], whole: int, end: str = "\n") -> str:
    """Sound records, but from the tenth on a quoted note swallows some: so many whole ones and the halves beside them."""
    cells = {"note": "words", "month": "2021-08", "count": "7", "kind": "call", "other": "more"}
    lines = [",".join(column["name"] for column in columns)]
    lines += [",".join(cells[column["name"]] for column in columns)] * 60
    lines[10] = lines[10].replace("words", '"words', 1)
    lines[11 + whole] = lines[11 + whole].replace("words", 'words"', 1)
    return end.join(lines) + end


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        ([MONTH, NOTE, COUNT], 0),
        ([MONTH, KIND, NOTE], 0),
        ([NOTE, MONTH, COUNT], 0),
        ([FILLED, {"name": "other"}, NOTE, {**KIND, "nullable": False}], 0),
        ([MONTH, OPEN, NOTE, COUNT], 0),
        ([MONTH, NOTE], 10),
        ([NOTE, COUNT], 10),
        ([OPEN, NOTE, COUNT], 10),
        ([{"name": "month"}, NOTE, {"name": "count"}, OPEN], 10),
    ],
    ids=lambda value: "-".join(column["name"] for column in value) if isinstance(value, list) else str(value),
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_in_a_narrow_table_as_many_lines_as_no_text_has_are_records(
    parse: Parse, columns: list[dict[str, Any]], lines: int, end: str
) -> None:
    """Two halves are enough where two columns tell."""
    for swallowed in (lines, lines + 1, 45):
        with pytest.raises(Unreadable) as caught:
            parse(swallowing(columns, swallowed, end), contract(columns))
        assert (caught.value.code, caught.value.line) == ("bad_quote", 11)
    if lines:
        got = parse(swallowing(columns, lines - 1, end), contract(columns))
        assert len(got.rows) + len(got.rejects) == 60 - lines, "so few may be words"


WIDE = [{"name": "id"}, MONTH, NOTE, {"name": "place"}, COUNT, {"name": "kind"}, {"name": "end"}]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("column", range(7))
@pytest.mark.parametrize("whole", [0, 1, 5])
def test_a_swallowed_record_is_found_whatever_stands_before_it(parse: Parse, column: int, whole: int, end: str) -> None:
    """Wherever the quote opens, in a table of records with quoted cells and lines of words."""

    def record(number: int) -> list[str]:
        note = f'"said ""{number}"",{end}and so on"' if number % 4 == 0 else f"words {number}"
        return [f"a{number}", "2021-08", note, '"High Street, 2"', str(number), "call", "x"]

    first, second = record(5), record(6 + whole)
    first[column], second[column] = f'"{first[column]}'.replace('""', '"'), f'{second[column]}"'.replace('""', '"')
    if column == 3:
        first[3], second[3] = '"High Street 2', 'High Street 3"'
    between = [record(number) for number in range(6, 6 + whole)]
    plain = [[cell.replace('"', "").replace(",", "").replace(end, " ") for cell in row] for row in between]
    rest = [[*row] for row in (first, *plain, second)]
    for row in rest[:1]:
        row[column + 1 :] = [cell.replace('"', "").replace(",", "").replace(end, " ") for cell in row[column + 1 :]]
    rest[-1][:column] = [cell.replace('"', "").replace(",", "").replace(end, " ") for cell in rest[-1][:column]]
    rows = [record(n) for n in range(1, 5)] + rest + [record(n) for n in range(20, 25)]
    text = end.join(",".join(row) for row in [[c["name"] for c in WIDE], *rows]) + end
    with pytest.raises(Unreadable) as caught:
        parse(text, contract(WIDE))
    assert caught.value.code == "bad_quote"
    assert caught.value.line == 1 + 4 + 1 + 1, "the fourth record has two lines"


def test_a_cell_that_holds_some_words_before_the_records_is_named_by_its_own_line(parse: Parse) -> None:
    text = swallowing([MONTH, NOTE, COUNT], 20)
    text = text.replace('"words', '"words\n\nmore, and, more\n2021-08,words', 1)
    with pytest.raises(Unreadable) as caught:
        parse(text, contract([MONTH, NOTE, COUNT]))
    assert (caught.value.code, caught.value.line) == ("bad_quote", 11)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([NOTE, NOTE | {"name": "other"}], "Surname, forename\n" * 40),
        ([MONTH, NOTE], "Surname, forename\n" * 40),
        (
            [MONTH, NOTE, COUNT],
            "when, what, how many\n2021-08, seen twice, 2\n2021-09, seen once, 1\nand so on, as before, 7\n" * 20,
        ),
        ([MONTH, NOTE, COUNT], "2021-08,it was so\n" * 40),
        ([MONTH, NOTE, COUNT], ",,\n" * 40),
        ([NOTE, COUNT], "Monday, 3\nTuesday, 5\nWednesday, 2\nThursday, 4\nFriday, 1\nSaturday, 0\nSunday, 9\n"),
        ([NOTE, COUNT], "Monday, none\n" * 40),
        ([KIND, NOTE], "Statement, taken\n" * 40),
    ],
    ids=range(8),
)
def test_words_with_many_lines_are_words(parse: Parse, columns: list[dict[str, Any]], words: str) -> None:
    cells = {"month": "2021-08", "count": "7", "kind": "call", "other": "x", "note": f'"{words}"'}
    names = [column["name"] for column in columns]
    got = parse(f"{','.join(names)}\n{','.join(cells[name] for name in names)}\n", contract(columns))
    assert [row["note"] for row in got.rows] == [trimmed(words)]
    assert got.rejects == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=3, max_size=20), st.integers(1, 400))
def test_whatever_lines_a_cell_of_a_narrow_table_holds_they_are_read(rows: list[tuple[str, ...]], block: int) -> None:
    """Lines of three cells that are no records."""
    bare = [",".join(cell.replace('"', "").replace(",", "").replace("\n", "") for cell in row) for row in rows]
    words = "\n".join(bare)
    text = f'month,note,count\n2021-08,"x\n{words}\nx",7\n2021-09,,8\n'
    got = Result(
        read(contract([MONTH, NOTE, COUNT]), "rows", io.BytesIO(text.encode()), file_name="f", block_bytes=block)
    )
    assert [row["note"] for row in got.rows] == [trimmed(f"x\n{words}\nx"), None]


def test_ragged_rows_go_to_quarantine_with_their_line(parse: Parse) -> None:
    got = parse('c0,c1\na,b\nshort\n"x\ny",b,extra\n\nc,d\n', texts(2))
    assert got.codes == [(3, "", "too_few_cells"), (4, "", "too_many_cells"), (6, "", "blank_row")]
    assert [r.record for r in got.rejects] == [
        {"c0": "short", "c1": ""},
        {"c0": "x\ny", "c1": "b", "cell_3": "extra"},
        {},
    ]
    assert [row["line_number"] for row in got.rows] == [2, 7]


def test_a_trailing_comma_on_every_row_rejects_every_row(parse: Parse) -> None:
    got = parse("c0,c1\n" + "a,b,\n" * 7, texts(2))
    assert got.codes == [(line, "", "too_many_cells") for line in range(2, 9)]


@pytest.mark.parametrize("shifted", ["a,x,s,b\n", "s,b\n"])
def test_no_cell_of_a_shifted_record_is_kept_where_unknown_columns_are(parse: Parse, shifted: str) -> None:
    got = parse(f"c0,secret,c1\n{shifted}c,d,e\n", texts(2))
    assert [r.record for r in got.rejects] == [{}]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('c0,c1\n"a,b\nc,d\n"e",f\n', 2),
        ('c0,c1\na,b\nc,d" e\n"e",f\n', 3),
        ('c0,c1\na,"b ""x"" y"\nc,"d\ne,f\n', 3),
    ],
)
@pytest.mark.parametrize("block", [1, 1 << 20])
def test_a_quote_that_never_closes_is_named_by_its_own_line(parse: Parse, text: str, line: int, block: int) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text, texts(2), block_bytes=block)
    assert (caught.value.code, caught.value.line) == ("bad_quote", line)


@pytest.mark.parametrize("block", [1, 12, 1 << 20])
@pytest.mark.parametrize("tail", ["\n", "\r\n"])
def test_a_second_header_refuses_the_file(parse: Parse, tail: str, block: int) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(f"c0,c1{tail}a,b{tail}c0,c1{tail}a,b{tail}", texts(2), block_bytes=block)
    assert (caught.value.code, caught.value.line) == ("second_header", 3)


@pytest.mark.parametrize("block", [1, 12, 1 << 20])
@pytest.mark.parametrize("tail", ["Source: the police\n", "\nSource: the police\n", "Source\nNote\n", "a\n\n\n"])
def test_short_lines_after_the_last_record_refuse_the_file(parse: Parse, tail: str, block: int) -> None:
    with pytest.raises(Unreadable) as caught:
        parse("c0,c1\na,b\n" + tail, texts(2), block_bytes=block)
    assert caught.value.code == "footnote"
    assert caught.value.line == 3 + tail.startswith("\n")


def test_a_last_record_without_newline_and_cells_was_cut(parse: Parse) -> None:
    with pytest.raises(Unreadable) as caught:
        parse("c0,c1\na,b\nc", texts(2))
    assert (caught.value.code, caught.value.line) == ("cut_short", 3)


def test_one_short_row_is_a_row(parse: Parse) -> None:
    assert parse("c0,c1\na\n", texts(2)).codes == [(2, "", "too_few_cells")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("c0,c1,c2\na,b\nc,d\n", "the header has 3 cells, and every record 2: the header has 1 too many"),
        ("c0,c1,\na,b\n\nc,d\n", "the header has 3 cells, and every record 2: the header has 1 too many"),
        ("c0,c1\na,b,x\nc,d,\n", "the header has 2 cells, and every record 3: the header has 1 too few"),
        ('c0,c1\n"a,b",b,x,y\nc,d,x,y\n', "the header has 2 cells, and every record 4: the header has 2 too few"),
    ],
)
def test_a_header_of_another_width_than_every_record_says_so(parse: Parse, text: str, words: str) -> None:
    under = contract([{"name": "c0"}, {"name": "c1"}, {"name": "c2", "required": False}])
    with pytest.raises(Unreadable) as caught:
        parse(text, under)
    assert (caught.value.code, caught.value.line) == ("header_width", 1)
    assert words in caught.value.message


def test_a_delimiter_too_many_at_every_end_is_said_beside_the_rows(parse: Parse) -> None:
    got = parse("c0,c1\na,b,\nc,d,\n", texts(2))
    assert [code for _, _, code in got.codes] == ["too_many_cells"] * 2
    assert got.reading.warnings == ["every record ends in a delimiter too many: 3 cells, the header 2"]


def test_blank_lines_at_the_end_are_named_in_a_warning(parse: Parse) -> None:
    got = parse("c0,c1\na,b\n\n\n", texts(2))
    assert got.codes == []
    assert got.reading.rows_parsed == 1
    assert got.reading.warnings == ["2 blank line(s) at the end of the file were left out"]


def test_very_many_short_rows_do_not_pile_up(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "MAX_WAITING", 5)
    got = parse("c0,c1\n" + "a\n" * 12 + "b,c\n", texts(2), chunk_rows=4)
    assert len(got.rejects) == 12
    with pytest.raises(Unreadable) as caught:
        parse("c0,c1\nb,c\n" + "a\n" * 12, texts(2))
    assert caught.value.code == "footnote"


@pytest.mark.parametrize("control", ["\x00", "\x1a", "\x0b", "\x7f", "\x1b", "\x80", "\x85", "\x96", "\x9f"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_control_character_rejects_its_row(parse: Parse, control: str, quote: str) -> None:
    got = parse(f"c0,c1\na,b\nc,{quote}d{control}e{quote}\nf,g\n", texts(2))
    assert got.codes == [(3, "c1", "control_character")]
    assert got.rejects[0].record == {"c0": "c", "c1": f"d{control}e"}
    assert len(got.rows) == 2


def test_a_lone_carriage_return_outside_quotes_is_a_control_character(parse: Parse) -> None:
    assert parse("c0,c1\na\rx,b\nc,d\n", texts(2)).codes == [(2, "", "control_character")]


def test_a_tab_is_a_blank_and_no_control_character(parse: Parse) -> None:
    assert parse("c0,c1\na\tb,\tc\n", texts(2)).rows == [{"line_number": 2, "c0": "a b", "c1": "c"}]


@pytest.mark.parametrize("start", ["\ufeff", '\ufeff"'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_byte_order_mark_is_removed(parse: Parse, start: str, end: str) -> None:
    quote = start[1:]
    got = parse(f"{start}c0{quote},c1{end}a,b{end}", texts(2))
    assert got.rows == [{"line_number": 2, "c0": "a", "c1": "b"}]


@pytest.mark.parametrize("cell", ["d\ufeffe", "\ufeffd", '"d\ufeff"', '"\ufeff"'])
@pytest.mark.parametrize("column", [0, 1])
def test_a_byte_order_mark_inside_a_cell_rejects_its_row(parse: Parse, cell: str, column: int) -> None:
    """But at the beginning of a line another file begins there."""
    record = ["c", "c"]
    record[column] = cell
    if column == 0 and cell.startswith("\ufeff"):
        record[0] = f'"{cell}"'
    got = parse(f"c0,c1\na,b\n{','.join(record)}\nf,g\n", texts(2))
    assert got.codes == [(3, f"c{column}", "bom_in_cell")]
    assert got.rejects[0].record[f"c{column}"] == cell.strip('"')
    assert len(got.rows) == 2


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("\ufeff\ufeffc0,c1\na,b\n", "second_bom", 1),
        ("\ufeffc0,c1\na,b\ufeffc0,c1\nc,d\n", "bom_in_file", 2),
        ('\ufeffc0,c1\na,b\ufeff"C0","C1"\nc,d\n', "bom_in_file", 2),
        ("c0,c1\na,b\nx\ufeffy,b\n\ufeffa,b\n", "bom_in_file", 4),
        ("c0,c1\n\ufeffa,b\n", "bom_in_file", 2),
        ("c0,c1\na,b\n\ufeffc0,c1\n", "bom_in_file", 3),
    ],
)
def test_other_byte_order_marks_refuse_the_file(parse: Parse, content: str, code: str, line: int) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(content, texts(2))
    assert (caught.value.code, caught.value.line) == (code, line)


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("c0,c1\na,£\n".encode("cp1252"), "not_utf8", 2),
        ("c0,c1\na,é\nb,é\n".encode().replace(b"b,\xc3\xa9", b"b,\xe9"), "not_utf8", 3),
        ("c0,c1\na,é".encode()[:-1], "not_utf8", 2),
        ("£0,c1\na,b\n".encode("latin-1"), "not_utf8", 1),
        ("c0,c1\na,b\n".encode("utf-16"), "utf_16", 1),
        ("c0,c1\na,b\n".encode("utf-16-be"), "utf_16", 1),
    ],
)
def test_other_encodings_refuse_the_file(parse: Parse, content: bytes, code: str, line: int) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(content, texts(2))
    assert (caught.value.code, caught.value.line) == (code, line)


def test_the_declared_encoding_is_used(parse: Parse) -> None:
    under = contract([{"name": "c0"}, {"name": "c1"}], formats=[{"kind": "csv", "encoding": "cp1252"}])
    assert parse("c0,c1\n£,—\n".encode("cp1252"), under).rows[0] == {"line_number": 2, "c0": "£", "c1": "—"}
    with pytest.raises(Unreadable) as caught:
        parse(b"c0,c1\na,b\n\x81,b\n", under)
    assert (caught.value.code, caught.value.line) == ("wrong_encoding", 3)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_file"),
        ("\n\n\n", "empty_file"),
        ("\ufeff", "empty_file"),
        ("c0,c1", "no_rows"),
        ("c0,c1\n", "no_rows"),
        ("c0,c1\n\n", "no_rows"),
        ("\nc0,c1\na,b\n", "preamble"),
        ("A title\n\nc0,c1\na,b\n", "preamble"),
        ("c0;c1\na;b\n", "wrong_delimiter"),
        ("c0\tc1\na\tb\n", "wrong_delimiter"),
        ("c0|c1\na|b\n", "wrong_delimiter"),
        ("c0,c\x001\na,b\n", "control_character"),
        ("c0,c1\ra,b\r", "bad_newline"),
        ('c0,"c1\na,b\n', "bad_quote"),
        ("c0,c1" + ",x" * 2000 + "\na,b\n", "too_many_columns"),
        ("c0,c1" + "x" * 70_000 + "\na,b\n", "header_too_long"),
        ("c0,c1" + "x" * 70_000, "header_too_long"),
        ("<!DOCTYPE html><html>", "html_page"),
        ("  <html lang='en'>", "html_page"),
        ("<?xml version='1.0'?><data/>", "xml_document"),
        ('{"error": "quota"}', "json_body"),
        (b"PK\x03\x04abc", "zip_file"),
        (b"PAR1\x15\x04", "parquet_file"),
        (b"BZh91AY&SY", "bzip2_file"),
        (b"{\\rtf1\\ansi", "rtf_file"),
        (b"\x1f\x8b\x08\x00", "gzip_file"),
        (b"%PDF-1.7", "pdf_file"),
        (b"\xd0\xcf\x11\xe0abc", "office_file"),
    ],
)
def test_what_is_no_text_table_is_refused(parse: Parse, content: str | bytes, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(content, texts(2))
    assert caught.value.code == code
    assert str(caught.value).startswith("test_feed, file.csv")


def zipped(*names: str, first: bytes = b"") -> bytes:
    """An archive with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, first)
    return out.getvalue()


OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("content", "suffix", "code", "words"),
    [
        (zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"), "xlsx", "excel_file", "an Excel workbook"),
        (zipped("mimetype", first=b"application/vnd.oasis.opendocument.spreadsheet"), "ods", "ods_file", "OpenDocument"),
        (zipped("[Content_Types].xml", "word/document.xml"), "docx", "office_file", "an office document"),
        (zipped("2022-11-street.csv"), "zip", "zip_file", "a ZIP archive"),
        (OLD + "Workbook".encode("utf-16-le"), "xls", "excel_file", "an Excel workbook"),
        (OLD + "EncryptedPackage".encode("utf-16-le"), "xlsx", "locked_file", "behind a password"),
        (gzip.compress(b"c0,c1\na,b\n"), "csv.gz", "gzip_file", "gzip-compressed, but a delimited text file is due; unpack"),
        (parquet(), "parquet", "parquet_file", "a Parquet file, but a delimited text file is due; export it as CSV"),
    ],
    ids=["xlsx", "ods", "docx", "zip", "xls", "locked", "gzip", "parquet"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_another_kind_of_file_is_named_as_what_it_is(
    parse: Parse, content: bytes, suffix: str, code: str, words: str, encoding: str
) -> None:
    """Under its own name, and under that of a text."""
    under = contract([{"name": "c0"}, {"name": "c1"}], formats=[{"kind": "csv", "encoding": encoding}])
    for name in (f"file.{suffix}", "file.csv", f"FILE.{suffix.upper()}"):
        with pytest.raises(Unreadable) as caught:
            parse(content, under, name=name)
        assert caught.value.code == code
        assert words in caught.value.message


def test_a_name_that_announces_another_type_is_refused(parse: Parse) -> None:
    with pytest.raises(Unreadable) as caught:
        parse("c0,c1\na,b\n", texts(2), name="file.XLSX")
    assert caught.value.code == "wrong_file_type"


def test_a_header_alone_may_state_zero(parse: Parse) -> None:
    under = contract([{"name": "c0"}], formats=[{"kind": "csv", "allow_empty": True}])
    got = parse("c0\n", under)
    assert (got.reading.rows_parsed, got.reading.period_start) == (0, None)


class Endless(io.RawIOBase):
    """A stream that repeats one piece for a long time and counts what was taken of it."""

    def __init__(self, start: bytes, piece: bytes) -> None:
        self._start, self._piece, self.taken = start, piece, 0

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        if self._start:
            start, self._start = self._start[:size], self._start[size:]
            return start
        self.taken += size
        assert self.taken < 64 << 20, "the reader does not stop"
        return (self._piece * (size // len(self._piece) + 1))[:size]


@pytest.mark.parametrize(
    ("start", "piece", "code"),
    [(b"c0,c1\na,", b"x" * 1024, "record_too_long"), (b'c0,c1\na,"', b"x,y\n" * 256, "bad_quote")],
)
def test_a_record_without_end_does_not_fill_memory(start: bytes, piece: bytes, code: str) -> None:
    stream = Endless(start, piece)
    with pytest.raises(Unreadable) as caught:
        list(read(texts(2), "rows", stream, file_name="f"))  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.line) == (code, 2) or code == "bad_quote" == caught.value.code
    assert stream.taken <= limits.MAX_RECORD_BYTES + 2 * BLOCK_BYTES


def test_a_huge_cell_refuses_the_file(parse: Parse) -> None:
    with pytest.raises(Unreadable) as caught:
        parse("c0,c1\na,b\nc," + "x" * (limits.MAX_FIELD_BYTES + 1) + "\n", texts(2))
    assert (caught.value.code, caught.value.line) == ("cell_too_long", 3)


def test_a_stream_that_hands_out_little_at_a_time_is_read_whole() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(3, size or 3))

    got = Result(read(texts(2), "rows", Trickle(b"c0,c1\n" + b"ab,cd\n" * 500), file_name="f"))
    assert (len(got.rows), len(got.chunks)) == (500, 1)
