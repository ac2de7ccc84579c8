"""Quarantine takes exactly the rows that Great Expectations finds at fault: one suite entry, two roads, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from vru.quality import predicates
from vru.quality.expectations import expectation
from vru.quality.predicates import Facts
from vru.quality.suites import Check

from tests.unit.quality.conftest import TODAY, Warehouse

#: Cells that are easy to get wrong: (text, number, day).
CELLS: list[tuple[str | None, str | None, str | None]] = [
    (None, None, None),
    ("", "0", "2024-03-01"),
    (" ", "-1", "2024-03-02"),
    ("Drugs", "1", "1900-01-01"),
    ("drugs", "1.00001", "2024-02-29"),
    ("Drugs ", "0.99999", "9999-12-31"),
    ("it's", "100", "2003-01-01"),
    ("100%", "100.5", "2002-12-31"),
    (":x %s {today}", "1e10", "2020-01-01"),
    ("E01000001", "-1e-10", "2020-01-01"),
    ("E01000001\n", "0.5", "2020-01-01"),
    ("é" * 9, "51.5", "2020-01-01"),
]


def check(kind: str, column: str | None = None, where: str | None = None, **kwargs: Any) -> Check:
    """A check as a suite holds it."""
    return Check(id="c", type=kind, column=column, where=where, kwargs=kwargs, severity="critical", reason="x" * 40)


CHECKS = [
    check("expect_column_values_to_not_be_null", "cell_text"),
    check("expect_column_values_to_not_be_null", "cell_number"),
    check("expect_column_values_to_be_in_set", "cell_text", value_set=["Drugs", "it's", "100%", ":x %s {today}"]),
    check("expect_column_values_to_be_in_set", "cell_number", value_set=[0, 1, 0.5]),
    check("expect_column_values_to_match_regex", "cell_text", regex=r"^[EW]01\d{6}$"),
    check("expect_column_values_to_match_regex", "cell_text", regex="'|%"),
    check("expect_column_values_to_be_between", "cell_number", min_value=0, max_value=1.00001),
    check("expect_column_values_to_be_between", "cell_number", min_value=1),
    check("expect_column_values_to_be_between", "cell_number", max_value=-0.5),
    check("expect_column_values_to_be_between", "cell_day", min_value="2003-01-01", max_value="{today}"),
    check("expect_column_value_lengths_to_be_between", "cell_text", min_value=1, max_value=9),
    check("expect_column_value_lengths_to_be_between", "cell_text", max_value=4),
    check("expect_no_rows_where", where="cell_text like '%s%' or cell_number between 0 and 1"),
    check("expect_no_rows_where", where="cell_day > {today}"),
    check("expect_no_rows_where", where="(cell_text is null) <> (cell_number is null) or cell_text like ':x%'"),
]


@pytest.fixture
def cells(warehouse: Warehouse) -> Iterator[Warehouse]:
    """A raw table in which each row is a batch of its own, so that a verdict is on one row."""
    warehouse.sql(
        "create table raw.agreement (batch_id bigint, line_number bigint, cell_text text, cell_number numeric, cell_day date)",
        role="migrator",
    )
    for number, row in enumerate(CELLS, start=1):
        warehouse.sql("insert into raw.agreement values (%s, 2, %s, %s, %s)", number, *row, role="migrator")
    yield warehouse
    warehouse.sql("drop table raw.agreement", role="migrator")


def test_both_roads_agree_on_every_row(cells: Warehouse) -> None:
    from vru.quality import gate

    seen: set[tuple[int, bool]] = set()
    for batch in range(1, len(CELLS) + 1):
        facts = Facts(today=TODAY, table="agreement", batch_id=batch)
        wanted = [expectation(c.model_copy(update={"id": f"c{n}"}), facts, "critical") for n, c in enumerate(CHECKS)]
        outcomes = gate.run("raw", "agreement", batch, wanted)
        for number, one in enumerate(CHECKS):
            where = predicates.failing(one, facts)
            found = cells.sql(f"select count(*) from raw.agreement where batch_id = {batch} and {where}")[0][0]
            assert outcomes[f"c{number}"].is_success == (found == 0), (
                f"{one.type} {one.kwargs or one.where} on row {batch}"
            )
            seen.add((number, found == 0))
    assert seen == {(n, verdict) for n in range(len(CHECKS)) for verdict in (True, False)}, (
        "every check passes and fails"
    )


def test_text_of_a_suite_stays_text() -> None:
    facts = Facts(today=TODAY, partition="x'; drop table raw.agreement; --")
    assert predicates.filled("force = {partition}", facts) == "force = 'x''; drop table raw.agreement; --'"
    assert predicates.filled(r"code ~ '^\d{6}$' and {unknown}", facts) == r"code ~ '^\d{6}$' and {unknown}"
    assert predicates.filled("day > {today}", facts) == "day > date '2024-03-01'"
    assert predicates.quoted('a"b') == '"a""b"'


def test_check_on_the_whole_names_no_rows() -> None:
    with pytest.raises(ValueError, match="does not name rows"):
        predicates.failing(check("expect_table_row_count_to_be_between", min_value=1), Facts(today=TODAY))
