"""The audit of marts that were just built: every check of `expectations/marts` has a state that it alone fails.

The states are made in a scratch copy of the marts, its columns and constraints those that the dbt models contract.
`marts.yml` holds the state that fails nothing, and for each check what is done to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import pytest
from vru import documents, quality
from vru.quality.suites import load_mart_suites
from vru.settings import CHECKOUT
from vru.transform.schemas import BUILD_TABLES

from tests.unit.quality.conftest import Warehouse, crimes, month

CHECKS = {(suite.mart, check.id): check for suite in load_mart_suites() for check in suite.checks}
STATES: dict[str, Any] = documents.read(Path(__file__).with_name("marts.yml"))
MADE = {"text": "''", "date": "date '2023-01-01'", "timestamp with time zone": "now()", "boolean": "false"}
"""What a column that may not be null holds where a state does not name it; 1 where it is a number."""


def test_every_check_has_a_state_and_every_state_a_check() -> None:
    assert {(mart, name) for mart, states in STATES["checks"].items() for name in states} == set(CHECKS)


@cache
def contracted() -> str:
    """SQL that makes the audited marts as the dbt models contract them."""
    tables = []
    for path in sorted((CHECKOUT / "dbt_project" / "models" / "marts").rglob("*.yml")):
        for model in documents.read(path).get("models", []):
            if model["name"] in STATES["checks"]:
                columns = [column(given) for given in model["columns"]]
                columns += [f"primary key ({', '.join(rule['columns'])})" for rule in model["constraints"]]
                tables.append(f"create table {model['name']} ({', '.join(columns)});")
    assert len(tables) == len(STATES["checks"])
    return "\n".join(tables)


def column(given: dict[str, Any]) -> str:
    kind = given["data_type"]
    if not any(rule["type"] == "not_null" for rule in given.get("constraints", [])):
        return f"{given['name']} {kind}"
    return f"{given['name']} {kind} not null default {MADE.get(kind, '1')}"


@dataclass(frozen=True)
class Marts:
    """The scratch copy, and the batches that its states name."""

    warehouse: Warehouse
    batches: dict[str, int]

    def run(self, *statements: str) -> None:
        """Statements in one transaction."""
        script = ";\n".join(["set local search_path = marts_build", *statements])
        self.warehouse.sql(Template(script).substitute(self.batches), role="migrator")


@pytest.fixture
def marts(warehouse: Warehouse) -> Iterator[Marts]:
    """Two victims, two searches and two records of January 2023, and marts that hold exactly them."""
    first = month("2023-01")
    search = {"search_type": "Person search", "searched_at": "2023-01-10T12:00:00+00:00", "search_month": first}
    made = Marts(warehouse, {
        "victims": warehouse.homicides([{"victim_count": 1, "recorded_month": first}] * 2),
        "searches": warehouse.parsed(
            "police_uk_stop_search", "stop_search", [search] * 2, partition="metropolitan", period=first
        ),
        "crimes": warehouse.street(crimes(2), partition="metropolitan"),
    })  # fmt: skip
    made.run(
        "update ops.batch set rows_admitted = 2",
        f"create schema marts_build; {BUILD_TABLES.format(schema='marts_build', readers='checker')}{contracted()}",
        *STATES["base"],
        "grant usage on schema marts_build to checker",
        "grant select on all tables in schema marts_build to checker",
    )
    yield made
    made.run("drop schema marts_build cascade")


def failed(marts: Marts, build_id: int) -> set[tuple[str, str]]:
    """Mart and check of what the ledger says did not hold."""
    rows = marts.warehouse.sql(
        "select suite, check_id from ops.check_result where build_id = %s and not is_success", build_id
    )
    return {(suite.removeprefix("marts/"), check) for suite, check in rows}


def test_marts_that_agree_with_raw_pass(marts: Marts) -> None:
    assert quality.audit_build("marts_build", 7) == []
    quality.data_docs()
    pages = {path.stem for path in (quality.data_docs().parent / "validations").rglob("*.html")}
    assert "marts mart_measure build 7" in pages
    found = marts.warehouse.sql(
        "select build_id, batch_id, is_success, count(*) from ops.check_result group by 1, 2, 3"
    )
    assert found == [(7, None, True, len(CHECKS))]


@pytest.mark.parametrize(("mart", "name"), sorted(CHECKS), ids=[".".join(place) for place in sorted(CHECKS)])
def test_a_check_fails_alone(marts: Marts, mart: str, name: str) -> None:
    marts.run(*STATES["checks"][mart][name])
    found = quality.audit_build("marts_build", 8)
    assert failed(marts, 8) == {(mart, name)}
    is_critical = CHECKS[mart, name].severity == "critical"
    assert [check.check_id for check in found] == ([f"{mart}.{name}"] if is_critical else [])


def test_a_mart_that_is_missing_fails(marts: Marts) -> None:
    marts.run("drop table fct_stop_search")
    (found,) = quality.audit_build("marts_build", 9)
    assert (found.check_id, found.severity) == ("fct_stop_search.mart_is_there", "critical")
