"""Sheets of workbooks as bytes: what they hold, what stays the same, and which workbooks are not opened."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import date, datetime, time
from typing import Any

import pytest
from vru.landing import Landing
from vru.landing.workbook import MAGIC, Workbook, WorkbookError, WorkbookLimits, kind_of

from tests.books import ods, part, sheet, with_part, xlsx

TABLE = [["Area", "Victims"], ["Camden", 3], ["Brent", 4.1]]


def lines(book: bytes, name: str = "Data") -> list[Any]:
    """The rows of a sheet: number, then cells, numbers as their digits."""
    magic, merged, *rows = sheet(book, name).split(b"\n")[:-1]
    assert magic + b"\n" == MAGIC
    assert set(json.loads(merged)) == {"merged"}
    return [json.loads(row, parse_int=str, parse_float=str) for row in rows]


def refusal(book: bytes, limits: WorkbookLimits | None = None, name: str = "Data") -> str:
    with pytest.raises(WorkbookError) as caught:
        list(Workbook(io.BytesIO(book), limits or WorkbookLimits()).lines(name))
    return caught.value.code


@pytest.mark.parametrize("make", [xlsx, ods])
def test_cells_have_their_types_and_rows_their_own_numbers(make: Any) -> None:
    rows = [
        [],
        [None, None, "Area", "When", "Share", "Known"],
        [],
        [None, None, "Camden", date(2024, 1, 31), 4.1, True],
        [None, None, "Brent", datetime.fromisoformat("2024-01-31T10:05:06"), 5.0, False],
        [None, None, "é [c] ..", None, 1234567.25],
        [None, None, 0.1 + 0.2, None, 12345678901234],
    ]
    assert lines(make({"Data": rows})) == [
        ["2", None, None, "Area", "When", "Share", "Known"],
        ["4", None, None, "Camden", {"t": "2024-01-31"}, "4.1", True],
        ["5", None, None, "Brent", {"t": "2024-01-31T10:05:06"}, "5", False],
        ["6", None, None, "é [c] ..", None, "1234567.25"],
        ["7", None, None, "0.3", None, "12345678901234"],
    ]


def test_noise_behind_the_fifteenth_digit_is_no_value() -> None:
    book = xlsx({"Data": [[4.1]]})
    path = "xl/worksheets/sheet1.xml"
    for stored, read in (("4.0999999999999996", "4.1"), ("1E-7", "0.0000001"), ("2.9999999999999998E2", "300")):
        noisy = with_part(book, path, part(book, path).replace(b"<v>4.1</v>", f"<v>{stored}</v>".encode()))
        assert lines(noisy) == [["1", read]]


def test_times_and_durations() -> None:
    assert lines(xlsx({"Data": [[time(9, 30)]]})) == [["1", {"t": "09:30:00"}]]


def test_a_fault_and_a_formula_without_a_stored_value_are_not_blank() -> None:
    """The reader of workbooks makes both blank, which would be a value lost without a word."""
    book = xlsx(
        {"Data": [["a", "b", None], ["x", "=1+1"], ["y"]]}, errors=[("Data", "C3", "#REF!"), ("Data", "A5", "#N/A")]
    )
    assert lines(book) == [
        ["1", "a", "b"],
        ["2", "x", {"e": "#NO_STORED_VALUE"}],
        ["3", "y", None, {"e": "#REF!"}],
        ["5", {"e": "#N/A"}],
    ]


def test_a_formula_is_its_stored_value() -> None:
    book = xlsx({"Data": [["=1+1"], ['=A1&""']]})
    path = "xl/worksheets/sheet1.xml"
    stored = part(book, path)
    assert b"<f>1+1</f><v />" in stored or b"<f>1+1</f><v/>" in stored or b"<f>1+1</f><v></v>" in stored
    for empty in (b"<v />", b"<v/>", b"<v></v>"):
        stored = stored.replace(b"<f>1+1</f>" + empty, b"<f>1+1</f><v>2</v>")
    assert lines(with_part(book, path, stored))[0] == ["1", "2"]


def test_a_sheet_that_did_not_change_keeps_its_identity() -> None:
    before = xlsx({"Cover": [["May"]], "Data": TABLE, "Notes": [["a"]]})
    after = xlsx({"Cover": [["June"]], "Notes": [["b"]], "Data": TABLE})
    assert before != after
    assert sheet(before, "Data") == sheet(after, "Data")
    assert sheet(before, "Cover") != sheet(after, "Cover")
    assert sheet(before, "Data") != sheet(xlsx({"Data": [[], *TABLE]}), "Data"), "the same cells a row lower are others"
    assert sheet(before, "Data") == sheet(ods({"Data": TABLE}), "Data"), "how it was packed does not count"


def test_merged_cells_belong_to_a_sheet() -> None:
    book = xlsx({"Data": [["2023", None], ["a", "b"]]}, merged={"Data": ["A1:B1"]})
    assert sheet(book, "Data").split(b"\n")[1] == b'{"merged":[[1,1,1,2]]}'
    spanned = ods({"Data": [["2023", ...], ["a", "b"]]}, spans={("Data", 1, 1): (1, 2)})
    assert sheet(spanned, "Data").split(b"\n")[1] == b'{"merged":[[1,1,1,2]]}'


def test_hidden_sheets_are_not_offered() -> None:
    book = Workbook(io.BytesIO(xlsx({"Cover": [], "Data": TABLE, "Old": TABLE}, hidden=["Old"])))
    assert (book.names, book.hidden_count) == (["Cover", "Data"], 1)
    with pytest.raises(KeyError):
        list(book.lines("Old"))
    assert [*book.lines("Cover")][2:] == []


def test_landed_members_are_read_by_their_kind(tmp_path: Any) -> None:
    store = Landing(tmp_path)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("Data", "a,b\n")
    for content, wanted in (
        (xlsx({"Data": TABLE}), sheet(xlsx({"Data": TABLE}), "Data")),
        (archive.getvalue(), b"a,b\n"),
    ):
        with store.receive() as receiver:
            receiver.write(content)
            landed = receiver.commit()
        with store.open_member(landed.sha256, "Data") as stream:
            assert stream.read() == wanted
    assert hashlib.sha256(wanted).hexdigest()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (xlsx({"Data": TABLE}), "workbook"),
        (ods({"Data": TABLE}), "workbook"),
        (b"PK\x05\x06" + b"\0" * 18, "zip"),
        (b"PK\x03\x04 cut", "zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "old_workbook"),
        (b"a,b\n", "other"),
        (b"", "other"),
    ],
)
def test_what_the_bytes_are(content: bytes, kind: str) -> None:
    stream = io.BytesIO(content)
    assert kind_of(stream) == kind
    assert stream.tell() == 0


def test_workbooks_that_are_not_opened() -> None:
    good = xlsx({"Data": TABLE})
    assert refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600) == "old_workbook"
    encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 300_000 + "EncryptedPackage".encode("utf-16-le")
    assert refusal(encrypted) == "password_protected"
    assert refusal(with_part(good, "xl/vbaProject.bin", b"macro")) == "macros"
    assert refusal(with_part(good, "xl/workbook.bin", b"")) == "binary_workbook"
    assert refusal(good[: len(good) // 2]) == "corrupt_workbook"
    assert refusal(with_part(good, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData>")) == "corrupt_workbook"
    assert refusal(good, WorkbookLimits(parts=3)) == "too_many_members"
    manifest = part(ods({"Data": TABLE}), "META-INF/manifest.xml")
    closed = manifest.replace(b"</manifest:manifest>", b"<manifest:encryption-data/></manifest:manifest>")
    assert refusal(with_part(ods({"Data": TABLE}), "META-INF/manifest.xml", closed)) == "password_protected"


def test_a_flipped_bit_is_found() -> None:
    book = bytearray(xlsx({"Data": [[f"area {n}", n] for n in range(500)]}))
    with zipfile.ZipFile(io.BytesIO(bytes(book))) as archive:
        entry = archive.getinfo("xl/worksheets/sheet1.xml")
    book[entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2] ^= 0x10
    assert refusal(bytes(book)) == "corrupt_workbook"


def test_what_unpacks_to_more_than_the_limit_is_refused_before_it_is_read() -> None:
    bomb = with_part(xlsx({"Data": TABLE}), "xl/worksheets/sheet1.xml", b"<worksheet>" + b" " * (8 << 20))
    assert len(bomb) < 64 << 10
    assert refusal(bomb, WorkbookLimits(unpacked_bytes=4 << 20)) == "too_large"


def test_a_cell_far_away_does_not_fill_the_memory() -> None:
    """17 billion cells would be held for these two; the reader is never asked."""
    book = xlsx({"Data": TABLE})
    path = "xl/worksheets/sheet1.xml"
    far = part(book, path).replace(
        b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )
    assert refusal(with_part(book, path, far)) == "too_many_cells"
    wide = ods({"Data": TABLE})
    content = part(wide, "content.xml")
    row = b'<table:table-row table:number-rows-repeated="1000000"><table:table-cell office:value-type="float" '
    row += b'office:value="1" table:number-columns-repeated="1000"/></table:table-row></table:table>'
    assert refusal(with_part(wide, "content.xml", content.replace(b"</table:table>", row, 1))) == "too_many_cells"


def test_styled_blank_cells_far_away_are_no_cells() -> None:
    book = xlsx({"Data": TABLE})
    path = "xl/worksheets/sheet1.xml"
    styled = part(book, path).replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>')
    assert sheet(with_part(book, path, styled), "Data") == sheet(book, "Data")


def test_a_document_type_is_refused() -> None:
    book = xlsx({"Data": TABLE})
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>' + part(book, "xl/worksheets/sheet1.xml").split(b"?>")[-1]
    )
    assert refusal(with_part(book, "xl/worksheets/sheet1.xml", bomb)) == "unsafe_xml"
