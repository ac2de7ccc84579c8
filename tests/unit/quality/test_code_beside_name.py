"""A code decides where a record lies: names that change hold nothing, cells that moved against each other do."""

from __future__ import annotations

import random
from typing import Any

import pytest
from vru import quality

from tests.unit.quality.conftest import TODAY, Row, Warehouse, crimes

HOLDS, WARNS, VANISHED = "area_is_that_of_code", "name_is_that_of_code", "no_area_vanished"
#: Small areas of three boroughs and of two districts elsewhere, ten records each, in the order of their codes.
AREAS = [
    *((f"E010009{n:02d}", f"Camden {n:03d}A") for n in range(10)),
    *((f"E010030{n:02d}", f"Kingston upon Thames {n:03d}A") for n in range(10)),
    *((f"E010043{n:02d}", f"Tower Hamlets {n:03d}A") for n in range(10)),
    *((f"E010176{n:02d}", f"Old Vale {n:03d}A") for n in range(10)),
    *((f"E010525{n:02d}", f"West Shire {n:03d}A") for n in range(10)),
]
CODES = [code for code, _ in AREAS]


def month_of(first: str = "2023-01", each: int = 10) -> list[Row]:
    """Records of one month, so many for each code."""
    rows = crimes(each * len(AREAS), first)
    return [
        {**row, "lsoa_code": code, "lsoa_name": name, "longitude": None, "latitude": None}  # no point speaks
        for row, (code, name) in zip(rows, AREAS * each, strict=True)
    ]


def shifted(rows: list[Row], every: int) -> list[Row]:
    """One record in so many has the next code, as where a column was filled down."""
    following = dict(zip(CODES, [*CODES[1:], CODES[0]], strict=True))
    return [
        {**row, "lsoa_code": following[row["lsoa_code"]]} if number % every == 0 else row
        for number, row in enumerate(rows)
    ]


def renamed(rows: list[Row], old: str, new: str, every: int = 1) -> list[Row]:
    """A name changes, in one record of so many."""
    return [
        {**row, "lsoa_name": row["lsoa_name"].replace(old, new)} if number % every == 0 else row
        for number, row in enumerate(rows)
    ]


def failed(warehouse: Warehouse, batch_id: int) -> set[str]:
    """Checks of names that the batch fails, once it is audited; it counts afterwards if it passed."""
    verdict = quality.audit(batch_id, today=TODAY)
    quality.admit(batch_id)
    rows = warehouse.sql("select check_id from ops.check_result where batch_id = %s and not is_success", batch_id)
    names = {name for (name,) in rows} & {HOLDS, WARNS, VANISHED}
    assert (verdict.status == "held") == bool(names & {HOLDS, VANISHED}), verdict.reason
    return names


def before(warehouse: Warehouse, count: int = 1, each: int = 10) -> None:
    """Sound months before January 2023."""
    for number in range(12, 12 - count, -1):
        first = f"2022-{number:02d}"
        assert failed(warehouse, warehouse.street(month_of(first, each), first, vintage="2023-01-15")) == set()


@pytest.mark.parametrize("has_history", [True, False])
@pytest.mark.parametrize(
    ("old", "new", "every"),
    [
        ("Old Vale", "New Shire", 1),  # a district was merged into another
        ("Old Vale", "New Shire", 2),  # a month of both names
        ("Old Vale", "West Shire", 1),  # merged into one that stands there, too
        ("Kingston upon Thames", "Kingston Upon Thames", 2),
        ("Kingston upon Thames", " KINGSTON UPON THAMES", 3),
    ],
)
def test_a_name_that_changes_says_nothing(
    warehouse: Warehouse, old: str, new: str, every: int, has_history: bool
) -> None:
    if has_history:
        before(warehouse)
    assert failed(warehouse, warehouse.street(renamed(month_of(), old, new, every))) == set()


def test_a_new_name_of_an_area_of_london_is_noted(warehouse: Warehouse) -> None:
    before(warehouse)
    assert failed(warehouse, warehouse.street(renamed(month_of(), "Camden", "St Pancras"))) == {WARNS}


def test_a_renamed_area_has_not_vanished_and_one_without_its_codes_has(warehouse: Warehouse) -> None:
    before(warehouse, count=3, each=20)
    rows = renamed(month_of(each=20), "West Shire", "Great Shire")
    assert failed(warehouse, warehouse.street(rows)) == set()
    gone = [row for row in rows if not row["lsoa_name"].startswith("Tower Hamlets")]
    # a single code that stood beside its name by mistake does not stand for the borough
    strays = [{**row, "lsoa_code": CODES[0]} for row in month_of(each=20) if row["lsoa_name"] == "Tower Hamlets 001A"]
    assert failed(warehouse, warehouse.street([*gone, *renamed(strays[:1], "Tower Hamlets 001A", "Camden 000A")])) == {
        VANISHED
    }


@pytest.mark.parametrize(
    ("every", "has_history", "found"),
    [
        (249, False, {WARNS}), (249, True, {WARNS}),  # three in five hundred
        (33, False, {HOLDS}), (33, True, {HOLDS}),
        (11, False, {HOLDS}), (11, True, {HOLDS}),
        (1, True, {HOLDS}),
        (1, False, set()),  # cannot be seen: each code has one name, and nothing tells that it is another's
    ],
)  # fmt: skip
def test_codes_shifted_against_their_names(
    warehouse: Warehouse, every: int, has_history: bool, found: set[str]
) -> None:
    if has_history:
        before(warehouse)
    # the last area of each borough moves into the next one, the others within it: the names of small areas tell
    assert failed(warehouse, warehouse.street(shifted(month_of(), every))) == found


def test_shuffled_codes_are_held(warehouse: Warehouse) -> None:
    rows = month_of()
    codes = [row["lsoa_code"] for row in rows]
    random.Random(20230101).shuffle(codes)  # a seeded order
    found = [{**row, "lsoa_code": code} for row, code in zip(rows, codes, strict=True)]
    assert failed(warehouse, warehouse.street(found)) == {HOLDS}


def test_the_register_tells_where_nothing_came_before(warehouse: Warehouse) -> None:
    """Every code is the next one in the first file of all: only the register knows."""
    register: list[dict[str, Any]] = [
        {"lsoa_code": code, "lsoa_name": name, "borough_code": "E09000007"} for code, name in AREAS[:30]
    ]
    batch_id = warehouse.parsed("ons_geography", "lsoa", register, partition="2011")
    warehouse.sql("update ops.batch set audited_at = now() where batch_id = %s", batch_id)
    assert quality.admit(batch_id)
    assert failed(warehouse, warehouse.street(shifted(month_of(), 1))) == {HOLDS}
    assert failed(warehouse, warehouse.street(month_of("2023-02"), "2023-02", vintage="2024-01-16")) == set()
    # a code that the register has not, beside a name of its own and beside another code's
    rows = renamed(month_of("2023-02"), "Camden", "CAMDEN")
    rows[0] = {**rows[0], "lsoa_code": "E01099999", "lsoa_name": "Camden 099Z"}
    assert failed(warehouse, warehouse.street(rows, "2023-02", vintage="2024-01-17")) == set()
    rows[0] = {**rows[0], "lsoa_name": "Camden 000A"}
    assert failed(warehouse, warehouse.street(rows, "2023-02", vintage="2024-01-18")) == {WARNS}


def test_elsewhere_no_name_is_judged(warehouse: Warehouse) -> None:
    before(warehouse)
    rows = [
        {**row, "lsoa_code": CODES[30 + (CODES.index(row["lsoa_code"]) + 1) % 20]}
        if CODES.index(row["lsoa_code"]) >= 30
        else row
        for row in month_of()
    ]
    assert failed(warehouse, warehouse.street(rows)) == set()
