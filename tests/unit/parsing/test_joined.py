"""Several files in one: the second header is seen in whatever form it stands, and nothing else is taken for one."""

from __future__ import annotations

from typing import Any

import pytest
from vru.contracts import Contract
from vru.parsing import Unreadable

from tests.books import sheet, xlsx
from tests.unit.parsing.conftest import Parse, contract

HEAD = "Code,Month,Kind,Victims,Rate,Note\n"
ROWS = "a,2024-01,Knife,1,0.5,x\nb,2024-02,Blade,2,n/a,\n"
WORDS: list[dict[str, Any]] = [
    {"name": "code", "aliases": ["Code"]}, {"name": "ward", "aliases": [["Borough", "Ward"]]},
    {"name": "kind", "aliases": ["Kind"], "values": {"Knife": []}, "unmapped": "keep"},
]  # fmt: skip
WIDE: list[dict[str, Any]] = [
    {"name": "area", "aliases": ["Area", "Borough"]}, {"name": "kind", "aliases": ["Kind"]},
    {"name": "month", "type": "month", "formats": ["%Y%m"], "nullable": False}, {"name": "offences", "type": "integer"},
]  # fmt: skip


def wide() -> Contract:
    unpivot = {"headers": r"(\d{6})", "header_column": "month", "cell_column": "offences"}
    return contract(WIDE, unpivot=unpivot, grain="month", unit_column="month")


def refused(parse: Parse, content: Any, under: Contract | None = None, **more: Any) -> int | None:
    with pytest.raises(Unreadable) as caught:
        parse(content, under, **more) if under else parse(content, **more)
    assert caught.value.code == "second_header"
    assert caught.value.line is not None
    return caught.value.line


@pytest.mark.parametrize(
    "again",
    [
        HEAD,
        HEAD.lower(),
        HEAD.upper(),
        '"Code","Month","Kind","Victims","Rate","Note"\n',
        "Note,Rate,Victims,Kind,Month,Code\n",
        '"victims",note , code,"rate",kind,MONTH\n',
        " Code , Month , Kind , Victims , Rate , Note \n",
        "Code,Month,Kind,Victims,Rate\n",  # of another width
        "Code,Month,Kind,Victims,Rate,Note,\n",
    ],
)
@pytest.mark.parametrize("rows", [0, 1, 500])
def test_a_second_header_in_any_form_refuses_the_file(parse: Parse, again: str, rows: int) -> None:
    between = ROWS.splitlines(keepends=True)[0] * rows
    assert refused(parse, HEAD + between + again + ROWS, chunk_rows=3) == 2 + rows


def test_a_second_header_may_use_other_names_of_the_columns(parse: Parse) -> None:
    columns = [
        {"name": "code", "aliases": ["Code", "Area code"]}, {"name": "victims", "type": "integer", "aliases": ["Victims", "Number"]},
    ]  # fmt: skip
    assert refused(parse, "Code,Victims\na,1\nNumber,Area code\nb,2\n", contract(columns)) == 3


@pytest.mark.parametrize(
    "again", ["code,borough,ward,kind\n", '"Kind","Ward","Borough","Code"\n', "Code,Borough,Ward,Kind\n"]
)
def test_where_any_column_may_hold_any_word(parse: Parse, again: str) -> None:
    content = "Code,Borough,Ward,Kind\na,Camden,Regents,Knife\n" + again + "b,Brent,Kilburn,Knife\n"
    assert refused(parse, content, contract(WORDS)) == 3


@pytest.mark.parametrize("again", ['"Area","Kind","202401","202402"\n', "kind,area,202401,202402\n"])
def test_headers_of_a_wide_table_read_as_figures_too(parse: Parse, again: str) -> None:
    assert refused(parse, "Area,Kind,202401,202402\nCamden,Burglary,1,2\n" + again + "Brent,Robbery,3,4\n", wide()) == 3


def test_a_second_header_in_a_sheet(parse: Parse) -> None:
    columns = [{"name": "area", "aliases": ["Area"]}, {"name": "victims", "type": "integer", "aliases": ["Victims"]}]
    book = sheet(xlsx({"Data": [["Area", "Victims"], ["Camden", 1], ["victims", "area"], ["Brent", 2]]}), "Data")
    under = contract(columns, formats=[{"kind": "workbook", "sheet": "Data"}])
    assert refused(parse, book, under, name="book.xlsx#Data") == 3


@pytest.mark.parametrize(
    "row",
    [
        "Code,2024-01,Knife,1,0.5,Note\n",  # words of the header in sound cells
        "kind,2024-01,Blade,many,,\n",  # one word of it in a row that is refused for another cell
        ",,,,,\n",
        "Month,,,,,\n",
    ],
)
def test_a_row_that_says_a_word_of_the_header_is_none(parse: Parse, row: str) -> None:
    assert parse(HEAD + ROWS + row + ROWS).reading.rows_parsed == 5


def test_words_of_a_header_in_a_table_of_words(parse: Parse) -> None:
    got = parse("Code,Borough,Ward,Kind\nKind,Camden,Ward,Code\nCode,,,\n", contract(WORDS))
    assert got.reading.rows_parsed == 2
