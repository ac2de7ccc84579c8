"""Every type of check: it fails on what is made for it and passes what is sound, by Great Expectations and quarantine.

Types that look at deliveries, vintages and periods are proven on files in `test_every_check.py`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extras import RealDictCursor, execute_values
from vru.contracts import Contract, load_contracts
from vru.quality import quarantine
from vru.quality.batch import Batch
from vru.quality.checks import TYPES, RowCheck, Subject
from vru.quality.checks.base import Expectation
from vru.quality.checks.sql import quoted
from vru.quality.suites import Check, ResourceSuite, load_feed_suite
from vru.spelling import compared
from vru.warehouse.engine import raw_connection, url

from tests.unit.quality.conftest import TODAY, Warehouse

Cells = tuple[str | None, Decimal | None, date | None]
CONTRACT = Contract.model_validate(
    {
        "feed": "agreement", "title": "Made", "publisher": "A", "owner": "A team", "licence": "OGL v3.0",
        "attribution": "A", "homepage": "https://example.org", "contract_version": 1, "schedule": "0 6 * * 1",
        "cadence_days": 31, "due_lag_days": 31, "transport": {"kind": "inbox"},
        "description": "Cells of every type of column, made for the checks.",
        "when_red": "Read the last line of the failed task.",
        "resources": [
            {
                "name": "rows", "description": "One row is made.", "formats": [{"kind": "csv"}],
                "delivery": "snapshot", "row_identity": "key", "key": ["cell_text"],
                "columns": [
                    {"name": "cell_text", "description": "Some text.", "unmapped": "keep",
                     "values": {"Drugs": ["Narcotics"], "it's": [], "100%": [], ":x %s {today}": []}},
                    {"name": "cell_number", "description": "Some number.", "type": "decimal"},
                    {"name": "cell_day", "description": "Some day or other.", "type": "date", "formats": ["%Y-%m-%d"]},
                ],
            }
        ],
    }
)  # fmt: skip
RESOURCE = CONTRACT.resource("rows")
ROW_TYPES = {name for name, kind in TYPES.items() if issubclass(kind, RowCheck)}


def check(kind: str, column: str | None = None, where: str | None = None, **more: Any) -> Check:
    """A check as a suite holds it."""
    query = more.pop("query", None)
    return Check(
        id=more.pop("id", "c"), type=kind, column=column, where=where, query=query, kwargs=more, severity="critical",
        reason="x" * 40,
    )  # fmt: skip


@pytest.fixture
def cells(warehouse: Warehouse) -> Iterator[Warehouse]:
    """A raw table of the made contract."""
    warehouse.sql(
        "create table raw.agreement (batch_id bigint, line_number bigint, part integer, cell_text text, cell_number numeric, cell_day date)",
        role="migrator",
    )
    yield warehouse
    warehouse.sql("drop table raw.agreement", role="migrator")


#: Cells that are easy to get wrong.
HARD: list[Cells] = [
    (None, None, None),
    ("", Decimal(0), date(2024, 3, 1)),
    (" ", Decimal(-1), date(2024, 3, 2)),
    ("Drugs", Decimal(1), date(1900, 1, 1)),
    ("drugs", Decimal("1.00001"), date(2024, 2, 29)),
    ("Drugs ", Decimal("0.99999"), date(9999, 12, 31)),
    ("it's", Decimal(100), date(2003, 1, 1)),
    ("100%", Decimal("100.5"), date(2002, 12, 31)),
    (":x %s {today}", Decimal("1e10"), date(2020, 1, 1)),
    ("E01000001", Decimal("-1e-10"), date(2020, 1, 1)),
    ("E01000001\n", Decimal("0.5"), date(2020, 1, 1)),
    ("é" * 9, Decimal("51.5"), date(2020, 1, 1)),
]
#: Checks that Great Expectations has under the same name.
OF_GREAT_EXPECTATIONS = [
    check("expect_column_values_to_not_be_null", "cell_text"),
    check("expect_column_values_to_not_be_null", "cell_number"),
    check("expect_column_values_to_be_in_set", "cell_text", value_set=["Drugs", "it's", "100%", ":x %s {today}"]),
    check("expect_column_values_to_be_in_set", "cell_number", value_set=[0, 1, 0.5]),
    check("expect_column_values_to_match_regex", "cell_text", regex=r"^[EW]01\d{6}$"),
    check("expect_column_values_to_match_regex", "cell_text", regex="'|%"),
    check("expect_column_values_to_be_between", "cell_number", min_value=0, max_value=1.00001),
    check("expect_column_values_to_be_between", "cell_number", min_value=1),
    check("expect_column_values_to_be_between", "cell_number", max_value=-0.5),
    check("expect_column_values_to_be_between", "cell_day", min_value="2003-01-01", max_value="2024-03-01"),
    check("expect_column_value_lengths_to_be_between", "cell_text", min_value=1, max_value=9),
    check("expect_column_value_lengths_to_be_between", "cell_text", max_value=4),
]


def test_a_type_means_what_great_expectations_means_by_its_name(cells: Warehouse) -> None:
    """Line by line, by Great Expectations' own SQL, on few enough rows that it lists them all."""
    import great_expectations as gx
    from vru.quality import gate

    batch_id = _batch(cells, HARD)
    on = Subject(today=TODAY, table="agreement", batch_id=batch_id, resource=RESOURCE)
    native = [
        gate.build(Expectation(f"c{n}", one.type, {"column": one.column, **one.kwargs}, "critical"))
        for n, one in enumerate(OF_GREAT_EXPECTATIONS)
    ]
    address = url("checker").update_query_dict({"options": "-csearch_path=raw"}).render_as_string(hide_password=False)
    source = gate.context().data_sources.add_postgres("peer", connection_string=address)
    asset = source.add_table_asset("agreement", table_name="agreement")
    lists = {"result_format": "COMPLETE", "unexpected_index_column_names": ["line_number"]}
    suite = gx.ExpectationSuite(name="peer", expectations=native)
    found = asset.add_batch_definition_whole_table("all").get_batch().validate(suite, result_format=lists)
    assert len(found.results) == len(OF_GREAT_EXPECTATIONS)
    for result in found.results:
        one = OF_GREAT_EXPECTATIONS[int(result.expectation_config.meta["check_id"][1:])]
        theirs = {row["line_number"] for row in result.result.get("unexpected_index_list") or []}
        assert isinstance(one.kind, RowCheck)
        ours = {line for (line,) in cells.sql(f"select line_number from raw.agreement where {one.kind.failing(on)}")}
        assert ours == theirs, f"{one.type} {one.kwargs}"
        assert 0 < len(ours) < len(HARD), "every check passes and fails"


texts = st.none() | st.sampled_from([str(row[0]) for row in HARD[1:]]) | st.text("aAé1%' \n", max_size=4)
numbers = st.none() | st.decimals(-3, 3, places=2)
days = st.none() | st.dates(date(2024, 2, 27), date(2024, 3, 4))
rows_made = st.lists(st.tuples(texts, numbers, days), max_size=8)
COLUMNS = ("cell_text", "cell_number", "cell_day")
Oracle = Callable[[Check, list[Cells]], list[bool]]
WHERE: dict[str, Callable[[Cells], bool]] = {
    "cell_text like '%a%' or cell_number between 0 and 1": lambda row: (
        "a" in (row[0] or "") or (row[1] is not None and 0 <= row[1] <= 1)
    ),
    "cell_day > {today}": lambda row: row[2] is not None and row[2] > TODAY,
    "(cell_text is null) <> (cell_number is null) or cell_text like ':x%'": lambda row: (
        (row[0] is None) != (row[1] is None) or (row[0] or "").startswith(":x")
    ),
}


def by_cell(is_sound: Callable[[Check, Any], bool]) -> Oracle:
    """Row by row; a null passes."""

    def found(one: Check, rows: list[Cells]) -> list[bool]:
        filled = [row[COLUMNS.index(one.column or "")] for row in rows]
        return [cell is not None and not is_sound(one, cell) for cell in filled]

    return found


def is_null(one: Check, rows: list[Cells]) -> list[bool]:
    return [row[COLUMNS.index(one.column or "")] is None for row in rows]


def matches(one: Check, cell: str) -> bool:
    """As PostgreSQL reads these patterns: the end is the very end, a dot any character, letters those of ASCII."""
    return re.search(one.kwargs["regex"].replace("$", r"\Z"), cell, re.DOTALL | re.ASCII) is not None


def within(one: Check, cell: Any) -> bool:
    least, most = one.kwargs.get("min_value"), one.kwargs.get("max_value")
    most = TODAY if most == "{today}" else most
    return (least is None or cell >= least) and (most is None or cell <= most)


def conflicts(_: Check, rows: list[Cells]) -> list[bool]:
    said = defaultdict(set)
    for text, *others in rows:
        if text is not None:
            said[compared(text)].add(tuple(others))
    return [row[0] is not None and len(said[compared(row[0])]) > 1 for row in rows]


def limits(values: Any) -> Any:
    """One or two limits, in order."""
    pairs = st.tuples(values, values).map(sorted)
    one = st.builds(lambda name, value: {name: value}, st.sampled_from(["min_value", "max_value"]), values)
    return one | pairs.map(lambda pair: {"min_value": pair[0], "max_value": pair[1]})


def checks_of(kind: str, column: Any, **options: Any) -> Any:
    return st.builds(lambda c, options: check(kind, c, id=kind, **options), column, st.fixed_dictionaries(options))


BETWEEN = "expect_column_values_to_be_between"
MADE: dict[str, tuple[Any, Oracle]] = {
    "expect_column_values_to_not_be_null": (
        checks_of("expect_column_values_to_not_be_null", st.sampled_from(COLUMNS)),
        is_null,
    ),
    "expect_column_values_to_be_in_set": (
        checks_of(
            "expect_column_values_to_be_in_set",
            st.just("cell_text"),
            value_set=st.lists(texts.filter(lambda text: text is not None), min_size=1, max_size=4),
        )
        | checks_of(
            "expect_column_values_to_be_in_set",
            st.just("cell_number"),
            value_set=st.lists(st.integers(-3, 3), min_size=1, max_size=4),
        ),
        by_cell(lambda one, cell: cell in one.kwargs["value_set"]),
    ),
    "expect_word_to_be_known": (
        checks_of("expect_word_to_be_known", st.just("cell_text")),
        by_cell(lambda _, cell: cell in ("Drugs", "it's", "100%", ":x %s {today}")),
    ),
    "expect_column_values_to_match_regex": (
        checks_of(
            "expect_column_values_to_match_regex",
            st.just("cell_text"),
            regex=st.sampled_from([r"^[EW]01\d{6}$", "'|%", r"\s", "^.$", "^[A-Za-z]*$", "%s:?"]),
        ),
        by_cell(matches),
    ),
    BETWEEN: (
        limits(st.integers(-3, 3)).map(lambda given: check(BETWEEN, "cell_number", id=BETWEEN, **given))
        | limits(st.dates(date(2024, 2, 27), date(2024, 3, 4))).map(
            lambda given: check(BETWEEN, "cell_day", id=BETWEEN, **given)
        )
        | st.just(check(BETWEEN, "cell_day", id=BETWEEN, max_value="{today}")),
        by_cell(within),
    ),
    "expect_column_value_lengths_to_be_between": (
        limits(st.integers(0, 5)).map(
            lambda given: check(
                "expect_column_value_lengths_to_be_between",
                "cell_text",
                id="expect_column_value_lengths_to_be_between",
                **given,
            )
        ),
        by_cell(lambda one, cell: within(one, len(cell))),
    ),
    "expect_no_rows_where": (
        st.sampled_from(sorted(WHERE)).map(
            lambda where: check("expect_no_rows_where", where=where, id="expect_no_rows_where")
        ),
        lambda one, rows: [WHERE[one.where or ""](row) for row in rows],
    ),
    "expect_key_to_be_unique": (
        st.just(check("expect_key_to_be_unique", id="expect_key_to_be_unique")),
        conflicts,
    ),
}


def test_every_type_on_rows_is_made_here() -> None:
    assert set(MADE) == ROW_TYPES, "add the type with a way to make its parameters, and its meaning in Python"


@given(rows=rows_made, checks=st.tuples(*(made for made, _ in MADE.values())))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_gate_and_quarantine_find_the_same_rows(cells: Warehouse, rows: list[Cells], checks: tuple[Check, ...]) -> None:
    """Great Expectations, the counts, what is moved out, and the meaning in Python agree, line by line."""
    from vru.quality import gate

    batch_id = _batch(cells, rows)
    batch = _as_batch(batch_id, list(checks), rows)
    outcomes = gate.run("raw", "agreement", batch_id, [one.expectation(batch.subject) for one in checks])
    wanted = {
        (line, one.id)
        for one in checks
        for line, fails in enumerate(MADE[one.type][1](one, rows), start=2)
        if fails
    }  # fmt: skip
    connection = raw_connection("loader")
    try:
        with connection.cursor(cursor_factory=RealDictCursor) as cursor:
            failing = quarantine.failing_rows(cursor, batch, outcomes)
            quarantine.move_out(cursor, batch, outcomes)
            cursor.execute(
                "select line_number, check_id from quarantine.row where check_id <> %s", (quarantine.REPEATED,)
            )
            moved: set[tuple[int, str]] = {(row["line_number"], row["check_id"]) for row in cursor.fetchall()}
            connection.rollback()
    finally:
        connection.close()
    assert moved == wanted
    assert {name for name, outcome in outcomes.items() if not outcome.is_success} == {name for _, name in wanted}
    lines = {one.id: sorted(line for line, name in wanted if name == one.id) for one in checks}
    assert failing == {name: quarantine.Failing(len(at), tuple(at[:3])) for name, at in lines.items() if at}


def _batch(cells: Warehouse, rows: list[Cells]) -> int:
    """The rows in place of those before, under the number of a batch that the ledger knows."""
    known = cells.sql("select max(batch_id) from ops.batch")[0][0]
    batch_id = int(known or cells.homicides([]))
    connection = raw_connection("migrator")
    with connection, connection.cursor() as cursor:
        cursor.execute("truncate raw.agreement")
        if rows:
            execute_values(
                cursor,
                "insert into raw.agreement values %s",
                [(batch_id, line, 0, *row) for line, row in enumerate(rows, start=2)],
            )
    connection.close()
    return batch_id


def _as_batch(batch_id: int, checks: list[Check], rows: list[Cells]) -> Batch:
    on = Subject(today=TODAY, table="agreement", batch_id=batch_id, resource=RESOURCE)
    return Batch(
        batch_id=batch_id, contract=CONTRACT, resource=RESOURCE, suite=ResourceSuite(checks=checks), subject=on,
        status="parsed", is_audited=False, rows_parsed=len(rows), rows_quarantined=0,
    )  # fmt: skip


AREAS: list[Cells] = [
    ("E09000002", Decimal(4), None), ("E09000003", Decimal(6), None), ("E09000003", Decimal(6), None), (None, None, None),
]  # fmt: skip
#: Types on the whole: what such a check must say for these rows to fail, and to pass.
ON_THE_WHOLE = [
    (check("expect_table_row_count_to_be_between", min_value=5), check("expect_table_row_count_to_be_between", min_value=4)),
    (
        check("expect_column_unique_value_count_to_be_between", "cell_text", max_value=1),
        check("expect_column_unique_value_count_to_be_between", "cell_text", min_value=2, max_value=2),
    ),
    (
        check("expect_column_distinct_values_to_contain_set", "cell_text", value_set=["E09000004"]),
        check("expect_column_distinct_values_to_contain_set", "cell_text", value_set=["E09000003"]),
    ),
    (
        check("expect_column_sum_to_be_between", "cell_number", max_value=15),
        check("expect_column_sum_to_be_between", "cell_number", min_value=16, max_value=16),
    ),
    (
        check("expect_share_of_rows_where_to_be_at_most", where="cell_number > 5", max_pct=49),
        check("expect_share_of_rows_where_to_be_at_most", where="cell_number > 5", max_pct=50),
    ),
    (
        check("expect_query_to_return_no_rows", query="select 1 from {batch} b having count(*) > 3"),
        check("expect_query_to_return_no_rows", query="select 1 from {batch} b having count(*) > 4"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fails", "passes"), ON_THE_WHOLE, ids=[fails.type for fails, _ in ON_THE_WHOLE])
def test_a_type_on_the_whole_fails_and_passes(cells: Warehouse, fails: Check, passes: Check) -> None:
    from vru.quality import gate

    batch_id = _batch(cells, AREAS)
    on = _as_batch(batch_id, [fails], AREAS).subject
    cells.sql("insert into raw.agreement values (%s, 2, 0, 'E09000004', 1000, null)", batch_id + 1, role="migrator")
    for one, is_success in ((fails, False), (passes, True)):
        assert gate.run("raw", "agreement", batch_id, [one.expectation(on)])["c"].is_success is is_success


@pytest.mark.parametrize(
    ("name", "code", "is_sound"),
    [
        ("Barnet", "E09000003", True), (" barnet", "E09000003 ", True), ("Barnet", "E09000002", False),
        ("Barking & Dagenham", "E09000002", True), ("Barking and Dagenham", "E09000003", False),
        ("Barking & Dagenham 001A", "E09000002", True), ("Barnet 001A", "E09000002", False),
        ("Atlantis", "E09000002", True), (None, "E09000002", True), ("Barnet", None, True),
    ],
)  # fmt: skip
def test_a_code_stands_beside_its_name(
    warehouse: Warehouse, name: str | None, code: str | None, is_sound: bool
) -> None:
    kind = TYPES["expect_code_to_be_that_of_name"].model_validate(
        {"column": "code", "name": "name", "values": "borough", "strip": r" \d{3}[A-Z]$"}
    )
    on = Subject(today=TODAY)
    where = kind.expectation(on)[1]["where"]
    found = warehouse.sql(f"select {where} from (select %s::text as code, %s::text as name) r", code, name)
    assert found == [(not is_sound,)]


def test_every_type_is_proven_somewhere() -> None:
    walked = {
        one.type
        for feed in load_contracts()
        for part in load_feed_suite(feed).resources.values()
        for one in part.checks
    }
    assert set(TYPES) - walked - ROW_TYPES - {fails.type for fails, _ in ON_THE_WHOLE} == set()


def test_text_of_a_suite_stays_text() -> None:
    on = Subject(today=TODAY, partition="x'; drop table raw.agreement; --")
    assert on.filled("force = {partition}") == "force = 'x''; drop table raw.agreement; --'"
    assert on.filled(r"code ~ '^\d{6}$' and {unknown}") == r"code ~ '^\d{6}$' and {unknown}"
    assert on.filled("day > {today}") == "day > date '2024-03-01'"
    assert quoted('a"b') == '"a""b"'
