"""Every suite fits its contract, can be built by Great Expectations, and says why in words for a partner."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from vru.contracts import load_contracts
from vru.quality import suites
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
    if check.column is not None:
        assert check.column in names
    assert set(check.withheld_columns) <= {w.column for w in shape.withholdable}, "no model would leave it out"
    if check.type == "expect_key_to_be_unique":
        assert shape.row_identity == "key"
    words = re.sub(r"'[^']*'|\{\w+\}|\bops\.\w+", " ", f"{check.where or ''}")
    used = {
        word
        for word in re.findall(r"[a-z_][a-z_0-9]*", words)
        if "_" in word and word not in {"jsonb_typeof", "jsonb_path_query_first"}
    }
    assert used <= names, f"'where' names {sorted(used - names)}"


@pytest.mark.parametrize("feed", CONTRACTS)
def test_cells_are_columns(feed: str) -> None:
    for name, suite in load_feed_suite(feed).resources.items():
        names = {column.name for column in CONTRACTS[feed].resource(name).columns}
        assert {*suite.cells, *([suite.cell_value] if suite.cell_value else [])} <= names


@pytest.mark.parametrize("feed", CONTRACTS)
def test_what_holds_for_every_resource(feed: str) -> None:
    """A short file, a cut one, an empty one and a key that is none are caught everywhere."""
    for resource in CONTRACTS[feed].resources:
        types = {
            check.type
            for check in load_feed_suite(feed).resources[resource.name].checks
            if check.severity == "critical"
        }
        assert "delivery.manifest_rows" in types
        assert any(form.kind != "csv" for form in resource.formats) or "delivery.final_newline" in types
        assert ("expect_key_to_be_unique" in types) == (resource.row_identity == "key")
        assert ("between_vintages.no_unit_missing" in types) == (
            resource.delivery == "snapshot" and resource.grain != "none"
        )


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
    from vru.quality.expectations import expectation
    from vru.quality.predicates import Facts
    from vru.quality.vintages import statement

    today = date(2024, 3, 1)
    if level == "marts":
        facts = Facts(today=today, schema="marts_build", table="t")
        built = [gate.build(expectation(check, facts, "critical")) for _, check in MART_CHECKS]
        assert len(built) == len(MART_CHECKS) > 20
        return
    for feed, resource, check in PLACES:
        contract = CONTRACTS[feed]
        shape = contract.resource(resource)
        facts = Facts(today=today, period_start=today, period_end=today, table=contract.raw_table(resource), batch_id=1)
        if check.is_comparison:
            assert statement(check, 1, contract, shape).startswith("select s.is_success")
        else:
            gate.build(expectation(check, facts, "critical", shape))


GOOD = """
feed: demo
resources:
  rows:
    checks:
      - id: one
        type: expect_column_values_to_not_be_null
        column: name
        severity: critical
        reason: A reason that a partner understands and can act on.
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("feed: demo", "feed: other"), "raw/demo.yml, key feed: must be 'demo', the name of the file"),
        (
            ("        column: name\n", ""),
            "key resources.rows.checks.one: 'expect_column_values_to_not_be_null' needs a 'column'",
        ),
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
        (("to_not_be_null", "to_be_nice"), "unknown type 'expect_column_values_to_be_nice'; use one of"),
        (
            ("expect_column_values_to_not_be_null", "between_vintages.luck"),
            "unknown comparison 'between_vintages.luck'; use one of",
        ),
        (
            ("expect_column_values_to_not_be_null\n        column: name", "expect_no_rows_where"),
            "'where' belongs to a type",
        ),
        (("feed: demo", "feed: [demo"), "raw/demo.yml, line"),
    ],
    ids=["feed", "column", "severity", "no_severity", "extra", "short_reason", "type", "comparison", "where", "yaml"],
)
def test_mistake_is_named_with_file_key_and_mend(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    assert change[0] in GOOD
    (folder / "demo.yml").write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(SuiteError, match=re.escape(said)):
        load_feed_suite("demo", folder)


def test_good_suite_loads_and_a_missing_one_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "demo.yml").write_text(GOOD, encoding="utf-8")
    assert [check.level for check in load_feed_suite("demo", folder).resources["rows"].checks] == ["row"]
    with pytest.raises(SuiteError, match=re.escape("expectations/raw/absent.yml: missing; every feed needs a suite")):
        load_feed_suite("absent", folder)


def test_an_id_stands_for_one_check(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    twice = GOOD + GOOD[GOOD.index("      - id: one") :]
    (folder / "demo.yml").write_text(twice, encoding="utf-8")
    with pytest.raises(SuiteError, match=r"check id \['one'\] is used twice"):
        load_feed_suite("demo", folder)


def test_every_type_is_of_one_level() -> None:
    assert not suites.ROW_TYPES & suites.TABLE_TYPES
