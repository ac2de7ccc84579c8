"""Every suite fits its contract, can be built by Great Expectations, and says why in words for a partner."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from vru import documents
from vru.contracts import Contract, load_contracts
from vru.quality.checks import TYPES, Subject, document
from vru.quality.scaffold import suite_yaml
from vru.quality.suites import Check, SuiteError, load_feed_suite, load_mart_suites
from vru.settings import settings

CONTRACTS = load_contracts()
PLACES = [
    (feed, resource.name, check)
    for feed, contract in CONTRACTS.items()
    for resource in contract.resources
    for check in load_feed_suite(feed).resources[resource.name].checks
]
MART_CHECKS = [(suite.mart, check) for suite in load_mart_suites() for check in suite.checks]


def test_every_feed_has_a_suite_and_every_suite_a_feed() -> None:
    files = {path.stem for path in (settings().expectations_dir / "raw").glob("*.yml")}
    assert files == set(CONTRACTS)
    for feed, contract in CONTRACTS.items():
        assert set(load_feed_suite(feed).resources) == {resource.name for resource in contract.resources}


@pytest.mark.parametrize(("feed", "resource", "check"), PLACES, ids=[f"{f}.{r}.{c.id}" for f, r, c in PLACES])
def test_check_fits_its_contract(feed: str, resource: str, check: Check) -> None:
    shape = CONTRACTS[feed].resource(resource)
    names = {column.name for column in shape.columns}
    assert list(check.misfits(shape)) == []
    words = re.sub(r"'[^']*'|\{\w+\}|\bops\.\w+", " ", f"{check.where or ''}")
    used = {
        word
        for word in re.findall(r"[a-z_][a-z_0-9]*", words)
        if "_" in word and word not in {"jsonb_typeof", "jsonb_path_query_first"}
    }
    assert used <= names, f"'where' names {sorted(used - names)}"


def test_checks_of_marts_name_columns_that_the_models_contract() -> None:
    models = {
        model["name"]: {column["name"] for column in model["columns"]}
        for path in (settings().dbt_dir / "models" / "marts").rglob("*.yml")
        for model in documents.read(path).get("models", [])
    }
    for mart, check in MART_CHECKS:
        named = {getattr(check.kind, name) for name in check.kind.column_parameters()} - {None}
        assert named <= models[mart], f"{mart}.{check.id}"


@pytest.mark.parametrize("feed", CONTRACTS)
def test_what_holds_for_every_resource(feed: str) -> None:
    """A short file, a cut one, an empty one and a key that is none are caught everywhere."""
    for resource in CONTRACTS[feed].resources:
        types = {
            check.type
            for check in load_feed_suite(feed).resources[resource.name].checks
            if check.severity == "critical"
        }
        usual = {entry["type"] for kind in TYPES.values() if kind.is_needed for entry in kind.usual(resource)}
        assert usual - types == set()
        assert ("expect_key_to_be_unique" in types) == (resource.row_identity == "key")


REASONS = [*((f"{f}.{r}.{c.id}", c.reason) for f, r, c in PLACES), *((f"{m}.{c.id}", c.reason) for m, c in MART_CHECKS)]


@pytest.mark.parametrize(("place", "reason"), REASONS, ids=[place for place, _ in REASONS])
def test_reason_is_in_plain_words(place: str, reason: str) -> None:
    text = reason.strip()
    assert text[0].isupper()
    assert text.endswith(".")
    assert not re.search(r"[a-z]_[a-z]|regex|null value|\bSQL\b|\bNULL\b|schema", text), (
        "a partner does not know our names"
    )


@pytest.mark.parametrize("level", ["raw", "marts"])
def test_great_expectations_takes_every_check(level: str) -> None:
    from vru.quality import gate

    today = date(2024, 3, 1)
    if level == "marts":
        mart = Subject(today=today, schema="marts_build", table="t")
        built = [gate.build(check.expectation(mart)) for _, check in MART_CHECKS]
        assert len(built) == len(MART_CHECKS) > 20
        return
    for feed, resource, check in PLACES:
        contract = CONTRACTS[feed]
        shape = contract.resource(resource)
        batch = Subject(
            today=today, period_start=today, period_end=today, table=contract.raw_table(resource), batch_id=1,
            resource=shape,
        )  # fmt: skip
        gate.build(check.expectation(batch), batch.batch_id)


CONTRACT = Contract.model_validate(
    {
        "feed": "demo", "title": "Demo", "publisher": "A", "owner": "A team", "licence": "OGL v3.0",
        "attribution": "A", "homepage": "https://example.org", "contract_version": 1, "schedule": "0 6 * * 1",
        "cadence_days": 31, "due_lag_days": 31, "transport": {"kind": "inbox"},
        "description": "A list of names, each with the month in which it was noted.",
        "when_red": "Read the last line of the failed task.",
        "resources": [
            {
                "name": "rows", "description": "One row is a name.", "formats": [{"kind": "csv"}],
                "delivery": "snapshot", "grain": "month", "unit_column": "month",
                "columns": [
                    {"name": "name", "description": "The name as written."},
                    {"name": "month", "description": "Month of the note.", "type": "month", "formats": ["%Y-%m"],
                     "nullable": False},
                    {"name": "note_count", "description": "How many notes.", "type": "integer"},
                ],
            }
        ],
    }
)  # fmt: skip
GOOD = """
feed: demo
resources:
  rows:
    cells: [month]
    checks:
      - id: one
        type: expect_column_values_to_not_be_null
        column: name
        severity: critical
        reason: A reason that a partner understands and can act on.
"""
ONE = "type: expect_column_values_to_not_be_null\n        column: name\n        severity: critical"
AT = "raw/demo.yml: key resources.rows.checks.one: "


def entry(text: str, severity: str = "critical") -> tuple[str, str]:
    """The one check of the suite replaced."""
    return ONE, f"{text}\n        severity: {severity}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("feed: demo", "feed: other"), "raw/demo.yml, key feed: must be 'demo', the name of the file"),
        (("        column: name\n", ""), AT + "'expect_column_values_to_not_be_null' needs a 'column'; add it"),
        (("severity: critical", "severity: fatal"), "key resources.rows.checks.one.severity"),
        (("        severity: critical\n", ""), "key resources.rows.checks.one.severity: Field required; add it"),
        (
            ("severity: critical", "severity: critical\n        colour: red"),
            "one.colour: Extra inputs are not permitted; unknown key",
        ),
        (
            ("reason: A reason that a partner understands and can act on.", "reason: bad"),
            "checks.one.reason: String should have at least 40",
        ),
        (
            ("to_not_be_null", "to_be_nice"),
            AT + "unknown type 'expect_column_values_to_be_nice'; use one of between_periods.",
        ),
        (entry("type: between_vintages.luck"), AT + "unknown type 'between_vintages.luck'; use one of"),
        (
            entry("type: expect_no_rows_where\n        column: name\n        where: name = ''"),
            AT + "'expect_no_rows_where' takes no 'column'; it takes where",
        ),
        (entry("type: expect_no_rows_where"), AT + "'expect_no_rows_where' needs a 'where'; add it"),
        (
            entry("type: between_vintages.volume\n        kwargs: {least: 3}"),
            AT + "'between_vintages.volume' takes no 'least'; it takes min_pct, max_pct, min_rows, window",
        ),
        (
            entry("type: between_vintages.volume\n        kwargs: {window: six}"),
            AT + "'window': Input should be a valid integer",
        ),
        (
            entry("type: expect_column_values_to_match_regex\n        kwargs: {regex: a, column: name}"),
            AT + "column stands beside 'type', not under 'kwargs'; move it",
        ),
        (
            entry("type: expect_column_values_to_be_between\n        column: note_count"),
            AT + "give 'min_value', 'max_value' or both",
        ),
        (
            entry(
                "type: expect_column_values_to_be_between\n        column: month\n        kwargs: {min_value: '2010-13'}"
            ),
            AT + "min_value must be a day such as '2010-12-01', or one of {today}",
        ),
        (
            entry(
                "type: expect_column_values_to_be_between\n        column: note_count\n        kwargs: {min_value: few}"
            ),
            AT + "min_value must be a number, as column 'note_count' is",
        ),
        (
            entry("type: expect_column_values_to_match_regex\n        column: note_count\n        kwargs: {regex: a}"),
            AT + "column 'note_count' is of type integer, and this check needs text",
        ),
        (
            ("column: name", "column: nam"),
            AT + "column 'nam' is no column of the resource; it has name, month, note_count",
        ),
        (
            entry("type: expect_key_to_be_unique"),
            AT + "the contract declares no key for this resource; declare 'row_identity: key'",
        ),
        (
            entry("type: between_vintages.columns_kept\n        kwargs: {columns: [name]}"),
            AT + "the contract lists no column 'name' under 'withholdable'; declare it there",
        ),
        (
            entry("type: between_vintages.no_value_vanished\n        column: name", "{withhold: [name]}"),
            AT + "severity withholds 'name', which no model would leave out",
        ),
        (
            ("severity: critical", "severity: {withhold: [name]}"),
            AT + "'expect_column_values_to_not_be_null' has severity critical or warning; choose one",
        ),
        (entry("type: between_periods.volume"), AT + "deliveries of this resource are 'snapshot'"),
        (entry("type: delivery.unmapped_cells"), AT + "no column of the contract says 'unmapped: null_cell'"),
        (
            entry(
                "type: expect_code_to_be_that_of_name\n        column: name\n"
                "        kwargs: {name: name, values: planets}"
            ),
            AT + "no file values/planets.yml; add it or correct the name",
        ),
        (("cells: [month]", "cells: [moth]"), "key resources.rows.cells: 'moth' is no column of feeds/demo.yml"),
        (("  rows:", "  lines:"), "key resources.lines: feeds/demo.yml has no such resource; it has rows"),
        (("feed: demo", "feed: [demo"), "raw/demo.yml, line"),
        (
            ("feed: demo", "feed: 2010-13-01"),
            "raw/demo.yml: a value cannot be read (month must be in 1..12); correct it",
        ),
    ],
)
def test_mistake_is_named_with_file_key_and_mend(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    assert change[0] in GOOD
    (folder / "demo.yml").write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(SuiteError, match=re.escape(said)):
        load_feed_suite("demo", folder, CONTRACT)


def test_good_suite_loads_and_a_missing_one_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "demo.yml").write_text(GOOD, encoding="utf-8")
    (check,) = load_feed_suite("demo", folder, CONTRACT).resources["rows"].checks
    assert check.kind.level == "row"
    with pytest.raises(SuiteError, match=re.escape("expectations/raw/absent.yml: missing; every feed needs a suite")):
        load_feed_suite("absent", folder)


def test_an_id_stands_for_one_check(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    twice = GOOD + GOOD[GOOD.index("      - id: one") :]
    (folder / "demo.yml").write_text(twice, encoding="utf-8")
    with pytest.raises(SuiteError, match=r"check id \['one'\] is used twice"):
        load_feed_suite("demo", folder, CONTRACT)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("type: between_vintages.volume\n    severity: critical", "comparisons, keys and withheld columns"),
        (
            "type: expect_query_to_return_no_rows\n    query: select 1\n    severity: {withhold: [a]}",
            "comparisons, keys and withheld columns",
        ),
        ("type: expect_query_to_return_no_rows\n    severity: critical", "needs a 'query'; add it"),
    ],
)
def test_a_mart_has_neither_deliveries_nor_keys(tmp_path: Path, entry: str, said: str) -> None:
    text = f"mart: m\nchecks:\n  - id: one\n    {entry}\n    reason: {'A reason that can be acted on. ' * 2}\n"
    (tmp_path / "m.yml").write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError, match=re.escape(said)):
        load_mart_suites(tmp_path)


def test_the_page_of_types_is_current() -> None:
    page = (settings().checkout / "docs" / "checks.md").read_text(encoding="utf-8")
    assert page == document.markdown(), "run: python -m vru.quality.checks.document > docs/checks.md"
    assert all(f"`{name}`" in page for name in TYPES)


@pytest.mark.parametrize("feed", ["demo", *CONTRACTS])
def test_the_scaffold_of_a_suite_fits_its_contract(tmp_path: Path, feed: str) -> None:
    contract = {**CONTRACTS, "demo": CONTRACT}[feed]
    (tmp_path / f"{feed}.yml").write_text(suite_yaml(contract), encoding="utf-8")
    suite = load_feed_suite(feed, tmp_path, contract)
    assert set(suite.resources) == {resource.name for resource in contract.resources}
    if feed == "demo":
        section = suite.resources["rows"]
        assert (section.cells, section.cell_value) == (["month", "name"], "note_count")
        assert {check.id for check in section.checks} == {
            "manifest_rows_agree", "file_is_whole", "no_month_lost", "month_not_in_future", "month_not_before_series",
            "note_count_is_a_count", "volume_against_earlier_file", "name_is_filled", "every_year_kept", "rows_not_doubled",
        }  # fmt: skip
