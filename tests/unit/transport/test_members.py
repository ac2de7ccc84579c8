"""Containers from every kind of transport: files of a ZIP and sheets of a workbook, and what of them is refused."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from vru.contracts import Contract
from vru.landing.workbook import WorkbookLimits
from vru.transport import Asked, Limits

from tests.books import ods, part, sheet, with_part, xlsx
from tests.unit.transport.partner import CSV, FAST, World, contract, resource

TABLE = [["code", "name"], ["E1", "Camden"]]
MONTH = {
    "name": "month", "type": "month", "formats": ["%Y-%m"], "nullable": False, "description": "Month of the record."
}  # fmt: skip
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DATASTORE = {"kind": "datastore", "url": "https://api.example/api/dataset/areas", "title_pattern": "."}


def workbooks(transport: dict[str, Any] | None = None, **form: Any) -> Contract:
    form = form or {"sheet": "Areas"}
    return contract(transport or {"kind": "inbox"}, resource(formats=[{"kind": "workbook", **form}]))


def monthly() -> Contract:
    """A sheet for each month."""
    form = {
        "kind": "workbook",
        "sheet_pattern": r"^(?P<partition>[a-z]+) (?P<period>\w{3} \d{4})$",
        "period_format": "%b %Y",
    }
    shape = {"delivery": "period", "grain": "month", "unit_column": "month", "columns": [MONTH]}
    return contract({"kind": "inbox"}, resource(formats=[form], **shape))


Ask = Callable[..., Asked]


@pytest.fixture
def ask(world: World) -> Ask:
    """The one attempt for one file in the inbox."""

    def run(name: str, body: bytes, what: Contract, manifest: str = "", **options: Any) -> Asked:
        folder = world.root / "inbox" / "areas"
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        (folder / name).write_bytes(body)
        if manifest:
            (folder / "manifest.csv").write_text(f"file,vintage_at,rows,sha256\n{name},{manifest}\n", encoding="utf-8")
        (asked,) = world.ask(what, profile="files", base_url=None, inbox=world.root / "inbox", **options)
        return asked

    return run


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(("make", "name"), [(xlsx, "book.xlsx"), (ods, "book.ods"), (xlsx, "book")])
def test_the_sheet_that_the_contract_names_is_the_content(world: World, ask: Ask, make: Any, name: str) -> None:
    book = make({"Cover": [["Read me"]], " areas": TABLE, "Notes": [["n"]]})
    asked = ask(name, book, workbooks(), manifest=f"2024-02-29,1,{sha(book)}")
    assert asked.outcome == "new" and asked.sha256 == sha(book)
    (got,) = asked.received
    assert got.sha256 == sha(sheet(book, " areas"))
    assert (got.container_sha256, got.member_name, got.file_name) == (sha(book), " areas", f"{name}# areas")
    assert (got.manifest_rows, got.manifest_line, got.is_whole) == (1, 2, True)
    assert got.vintage_at == datetime(2024, 2, 29, tzinfo=UTC)
    assert world.landing.exists(sha(book)) and not world.landing.exists(got.sha256), "the workbook is what is kept"
    with world.landing.open_member(sha(book), " areas") as stream:
        assert sha(stream.read()) == got.sha256


def test_sheets_may_say_period_and_partition(ask: Ask) -> None:
    book = xlsx({"Notes": [["a"]], "North Jan 2024": TABLE, "south Feb 2024": TABLE, "south Mar 2024": [["x"]]})
    asked = ask("book.xlsx", book, monthly(), manifest=f"2024-04-01,3,{sha(book)}")
    assert [(r.partition, r.period_start, r.period_end, r.member_name) for r in asked.received] == [
        ("north", date(2024, 1, 1), date(2024, 1, 31), "North Jan 2024"),
        ("south", date(2024, 2, 1), date(2024, 2, 29), "south Feb 2024"),
        ("south", date(2024, 3, 1), date(2024, 3, 31), "south Mar 2024"),
    ]
    assert {r.manifest_rows for r in asked.received} == {None}, "nobody knows whose rows they are"
    one = ask("again.xlsx", book, monthly(), period=date(2024, 2, 1))
    assert [r.member_name for r in one.received] == ["south Feb 2024"]
    none = ask("other.xlsx", book, monthly(), period=date(2023, 2, 1))
    assert none.received == () and none.outcome != "refused"


def test_one_workbook_of_several_resources(ask: Ask) -> None:
    two = contract(
        {"kind": "inbox"},
        resource("area", "^areas", formats=[{"kind": "workbook", "sheet": "Areas"}]),
        resource("ward", "^areas", formats=[{"kind": "workbook", "sheet": "Wards"}]),
        resource("other", "^other", formats=[{"kind": "workbook", "sheet": "Other"}]),
    )
    asked = ask("areas_2024.xlsx", xlsx({"Wards": TABLE, "Areas": TABLE}), two)
    assert [(r.resource, r.member_name) for r in asked.received] == [("ward", "Wards"), ("area", "Areas")]
    asked = ask("areas_2024.xlsx", xlsx({"Areas": TABLE}), two)
    assert asked.outcome == "refused" and asked.reason.startswith("no_sheet: ") and "'Wards' (ward)" in asked.reason
    asked = ask("anything.xlsx", xlsx({"Areas": TABLE}), two)
    assert [r.resource for r in asked.received] == ["area"], "where the name tells nothing, what is there is read"


BOOK = xlsx({"Areas": TABLE})


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("bi13_xlsx_named.csv", BOOK, "wrong_file_type"),
        ("bi13_ods_named.xlsx", ods({"Areas": TABLE}), "wrong_file_type"),
        ("bi13_xlsm_macro.xlsm", with_part(BOOK, "xl/vbaProject.bin", b"x"), "macros"),
        ("bi13_old.xls", OLE + b"\0" * 600, "old_workbook"),
        ("password.xlsx", OLE + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600, "password_protected"),
        ("bi3_cut.xlsx", BOOK[: len(BOOK) // 2], "corrupt"),
        ("no_sheet.xlsx", xlsx({"Other": TABLE}), "no_sheet"),
        ("hidden.xlsx", xlsx({"Cover": [], "Areas": TABLE}, hidden=["Areas"]), "no_sheet"),
        ("bi11_many.xlsx", BOOK, "too_many_members"),
        ("bi11_ratio.xlsx", with_part(BOOK, "xl/worksheets/sheet1.xml", b" " * (3 << 20)), "too_large"),
        ("bi17_cells.xlsx", xlsx({"Areas": [["x"] * 60] * 60}), "too_many_cells"),
    ],
)
def test_a_workbook_that_cannot_be_read_is_refused_whole(
    world: World, ask: Ask, name: str, body: bytes, code: str
) -> None:
    small = WorkbookLimits(parts=5 if "many" in name else 50, unpacked_bytes=2 << 20, cells=2_000)
    asked = ask(name, body, workbooks(), limits=Limits(**{**vars_of(FAST), "workbook": small}))
    if code == "corrupt":  # without its directory nobody can tell a workbook from an archive: the parse says what it is
        assert [r.container_sha256 for r in asked.received] == [None]
        return
    assert (asked.outcome, asked.received) == ("refused", ())
    assert asked.reason.startswith(f"{code}: ")
    assert asked.sha256 == sha(body) and world.landing.exists(sha(body)), "what was sent is kept"


def vars_of(limits: Limits) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in limits.__dataclass_fields__}


def test_a_workbook_that_nobody_asked_for_stays_as_it_is(ask: Ask) -> None:
    asked = ask("book.xlsx", BOOK, contract({"kind": "inbox"}))
    assert [(r.sha256, r.container_sha256) for r in asked.received] == [(sha(BOOK), None)]


def test_a_text_beside_workbooks_is_a_content_of_its_own(ask: Ask) -> None:
    both = contract({"kind": "inbox"}, resource(formats=[{"kind": "csv"}, {"kind": "workbook", "sheet": "Areas"}]))
    assert [r.container_sha256 for r in ask("areas.csv", CSV, both).received] == [None]
    assert [r.member_name for r in ask("areas.xlsx", BOOK, both).received] == ["Areas"]


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"in/{name}.csv", content)
    return out.getvalue()


def test_a_zip_is_unpacked_where_the_contract_says_so(ask: Ask) -> None:
    packed = contract({"kind": "inbox"}, resource("area", "^area", formats=[{"kind": "csv"}, {"kind": "zip"}]))
    body = zipped(area1=CSV, area2=CSV + b"E1,x\n", notes=b"n")
    asked = ask("all.zip", body, packed)
    assert [(r.file_name, r.member_name, r.container_sha256) for r in asked.received] == [
        ("area1.csv", "in/area1.csv", sha(body)), ("area2.csv", "in/area2.csv", sha(body)),
    ]  # fmt: skip
    asked = ask("all.zip", zipped(notes=b"n"), packed, "2024-03-01,,")
    assert (asked.outcome, asked.reason.split(":")[0]) == ("refused", "no_members")
    asked = ask("all.zip", zipped(notes=b"n"), packed)
    assert (asked.outcome, asked.reason.split(":")[0]) == ("not_yet", "left_alone"), "nobody said that it is one"
    asked = ask("all.zip", zipped(area=BOOK), packed)
    assert (asked.outcome, asked.reason.split(":")[0]) == ("refused", "nested_archive")
    plain = contract({"kind": "inbox"}, resource("area", "^area"))
    assert [r.container_sha256 for r in ask("area.zip", body, plain).received] == [None]


def test_what_a_system_leaves_in_an_archive_is_no_member(ask: Ask) -> None:
    """As Finder, Explorer and a download manager leave it, at any depth."""
    packed = contract({"kind": "inbox"}, resource("area", "area", formats=[{"kind": "csv"}, {"kind": "zip"}]))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("in/area1.csv", CSV)
        for name in (
            "__MACOSX/in/._area1.csv", "__MACOSX/._in", "in/._area1.csv", "in/.area2.csv", "__MACOSX/in/area3.csv",
            ".Trashes/area4.csv", "in/~$area5.csv", "in/area6.csv.part", "in/.DS_Store", "in/Thumbs.db", "area7.csv~",
        ):  # fmt: skip
            archive.writestr(name, b"\x00\x05\x16\x07")
        archive.writestr("area/", "")
    asked = ask("all.zip", out.getvalue(), packed)
    assert [(asked.outcome, r.member_name) for r in asked.received] == [("new", "in/area1.csv")]
    only = io.BytesIO()
    with zipfile.ZipFile(only, "w") as archive:
        archive.writestr("__MACOSX/._area1.csv", b"\x00\x05\x16\x07")
    assert ask("all.zip", only.getvalue(), packed).reason.startswith("left_alone: ")


@pytest.mark.parametrize(("name", "sheet", "outcome"), [("other.xlsx", "Data", "new"), ("other.xlsx", "x", "not_yet")])
def test_a_workbook_is_a_delivery_by_its_sheet(ask: Ask, name: str, sheet: str, outcome: str) -> None:
    form = {"kind": "workbook", "sheet": sheet}
    books = contract({"kind": "inbox"}, resource("area", "^area", formats=[form]))
    assert ask(name, xlsx({"Data": [["code", "name"], ["E1", "a"]]}), books).outcome == outcome


def test_a_workbook_over_http_is_unpacked_by_the_same_path(world: World) -> None:
    served = {"resources": {"a": {"title": "Areas", "url": "https://api.example/d/areas.xlsx"}}}
    world.partner.routes["/api.example/api/dataset/areas"] = lambda h: h.answer(json.dumps(served).encode())
    world.partner.routes["/api.example/d/areas.xlsx"] = lambda h: h.answer(BOOK, type="application/octet-stream")
    (asked,) = world.ask(workbooks(DATASTORE))
    assert [(r.member_name, r.container_sha256, r.sha256) for r in asked.received] == [
        ("Areas", sha(BOOK), sha(sheet(BOOK, "Areas")))
    ]
    for body, code in (
        (b"<html>login</html>", "html_page"),
        (CSV, "not_a_workbook"),
        (OLE + b"\0" * 600, "old_workbook"),
    ):
        world.partner.routes["/api.example/d/areas.xlsx"] = lambda h, body=body: h.answer(body)
        (asked,) = world.ask(workbooks(DATASTORE))
        assert (asked.outcome, asked.reason.split(":")[0], asked.received) == ("refused", code, ())


def test_a_saved_again_workbook_is_the_contents_that_changed(ask: Ask) -> None:
    form = {"sheet_pattern": "^(?P<partition>[a-z]+)$"}
    before = ask("a.xlsx", xlsx({"north": TABLE, "south": TABLE}), workbooks(**form))
    after = ask("a.xlsx", xlsx({"south": [*TABLE, ["E2", "Brent"]], "north": TABLE}), workbooks(**form))
    old = {r.partition: r.sha256 for r in before.received}
    new = {r.partition: r.sha256 for r in after.received}
    assert before.sha256 != after.sha256
    assert old["north"] == new["north"] and old["south"] != new["south"]


def test_the_names_of_a_part_say_nothing_about_a_path(tmp_path: Path) -> None:
    """A sheet is named as it likes; nothing is ever written under its name."""
    book = xlsx({"Data": TABLE})
    renamed = with_part(book, "xl/workbook.xml", part(book, "xl/workbook.xml").replace(b'"Data"', b'"../../etc"'))
    assert sheet(renamed, "../../etc") == sheet(book, "Data")
    assert list(tmp_path.iterdir()) == []
