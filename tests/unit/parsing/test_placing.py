"""Within which days a refused row may lie."""

from __future__ import annotations

import io
from datetime import date

import pytest
from vru.contracts import Contract, load_contract
from vru.parsing import read

Days = tuple[date, date] | None
YEAR_2019 = (date(2019, 1, 1), date(2019, 12, 31))
MAY_2019 = (date(2019, 5, 1), date(2019, 5, 31))


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("Febraury 2019", YEAR_2019),
        ("2019 Febraury", YEAR_2019),
        ("13/2019", YEAR_2019),
        ("Febraury-19", YEAR_2019),
        ("Febraury-98", (date(1998, 1, 1), date(1998, 12, 31))),
        ("Febraury", None),
        ("soon", None),
        ("", None),
        ("2018 or 2019", None),  # two years are none
        ("19", None),  # a day, a month, a year: nobody can say
        ("201911", None),
    ],
)
def test_a_month_that_cannot_be_read_lies_in_the_year_that_can(said: str, days: Days) -> None:
    assert _days(load_contract("mps_homicide_victims"), _victim(month=said)) == {days}


def test_a_row_refused_for_something_else_lies_in_its_own_month() -> None:
    assert _days(load_contract("mps_homicide_victims"), _victim(month="May 2019", count="some")) == {MAY_2019}


def test_all_reasons_of_a_row_say_the_same() -> None:
    assert _days(load_contract("mps_homicide_victims"), _victim(month="Mai 2019", count="some")) == {YEAR_2019}


def test_a_torn_record_may_lie_anywhere_although_one_of_its_cells_looks_like_a_month() -> None:
    assert _days(load_contract("mps_homicide_victims"), _victim(month="May 2019") + ",more") == {None}


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("2019-05-31T23:30:00+00:00", (date(2019, 6, 1), date(2019, 6, 30))),  # it is June in London
        ("2019-05-32T23:30:00+00:00", YEAR_2019),
        ("yesterday", None),
    ],
)
def test_the_month_of_a_time(said: str, days: Days) -> None:
    contract = load_contract("police_uk_stop_search")
    cells = {"Type": "Person search", "Date": said, "Latitude": "north", "Longitude": "-0.1"}
    names = [headers[0][0] for c in contract.resources[0].columns if (headers := c.headers)]
    text = ",".join(names) + "\n" + ",".join(cells.get(name, "") for name in names) + "\n"
    assert _read(contract, text) == {days}


def _victim(*, month: str, count: str = "1") -> str:
    return f"{count},25 to 34,Male,Shooting,No,{month},Murder,Solved,Brent,White"


def _days(contract: Contract, row: str) -> set[Days]:
    header = (
        "Count of Victims,Age Group,Sex,Method of Killing,Domestic Abuse,Recorded Date,Homicide Offence Type,"
        "Solved Status,Borough,Officer Observed Ethnicity"
    )
    return _read(contract, f"{header}\n{_victim(month='Jan 2019')}\n{row}\n")


def _read(contract: Contract, text: str) -> set[Days]:
    found = read(contract, None, io.BytesIO(text.encode()), file_name="list.csv")
    rejects = [reject for chunk in found for reject in chunk.rejects]
    assert rejects
    return {reject.days for reject in rejects}
