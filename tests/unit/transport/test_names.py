"""What a file name says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from vru.contracts import load_contract
from vru.received import Named
from vru.transport import match
from vru.transport.names import named

from tests.unit.transport.partner import contract, police, resource

DAY = {"name": "day", "type": "date", "formats": ["%Y-%m-%d"], "nullable": False,
       "description": "Day of the record."}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "2022-07-metropolitan-street.csv",
        "2022_07_Metropolitan_street.csv",
        "a/b/2022-07 METROPOLITAN street.CSV",
        "c:\\data\\2022-07-metropolitan-street.csv",
        "2022_07__metropolitan_street_first_4000.csv",
    ],
)
def test_a_name_says_resource_partition_and_period(name: str) -> None:
    assert match(police(), name) == Named("street", "metropolitan", date(2022, 7, 1), date(2022, 7, 31))


@pytest.mark.parametrize("name", ["2022-13-metropolitan-street.csv", "2022-07-kent-street.csv", "", "street.csv"])
def test_a_name_that_does_not_fit_says_nothing(name: str) -> None:
    assert match(police(), name) is None


def test_a_feed_with_one_resource_gives_it_whatever_the_name() -> None:
    assert named(contract({"kind": "inbox"}), "notes.txt") == Named("area", None, None, None)
    two = contract({"kind": "inbox"}, resource("borough", "borough"), resource("ward", "ward"))
    assert named(two, "notes.txt") is None
    assert named(two, "Ward 2022.csv") == Named("ward", None, None, None)


def graded(grain: str, period_format: str, group: str) -> Any:
    more: dict[str, Any] = {"delivery": "period", "grain": grain, "unit_column": "day", "columns": [DAY]}
    names = [{"pattern": f"(?P<period>{group})", "period_format": period_format}]
    return contract({"kind": "inbox"}, resource("area", **more, names=names))


@pytest.mark.parametrize(
    ("grain", "period_format", "group", "name", "start", "end"),
    [
        ("day", "%Y%m%d", r"\d{8}", "site_20240229.csv", date(2024, 2, 29), date(2024, 2, 29)),
        ("month", "%b-%Y", r"[a-z]{3}-\d{4}", "to Feb 2024.csv", date(2024, 2, 1), date(2024, 2, 29)),
        ("quarter", "%Y-%m", r"\d{4}-\d{2}", "q_2024-11.csv", date(2024, 10, 1), date(2024, 12, 31)),
        ("year", "%Y", r"\d{4}", "mye 2023.csv", date(2023, 1, 1), date(2023, 12, 31)),
    ],
)
def test_the_grain_says_where_a_period_ends(
    grain: str, period_format: str, group: str, name: str, start: date, end: date
) -> None:
    assert match(graded(grain, period_format, group), name) == Named("area", None, start, end)


def test_the_names_of_the_real_files_are_known() -> None:
    assert match(load_contract("police_uk_street"), "2023_01_metropolitan_street_first_4000.csv") == Named(
        "street", "metropolitan", date(2023, 1, 1), date(2023, 1, 31)
    )
    found = match(load_contract("ons_geography"), "lsoa21.geojson")
    assert found is not None
    assert found.resource == "lsoa_boundary"
