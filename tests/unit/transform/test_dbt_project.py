"""The dbt project against the contracts and the rules for marts; no database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from vru.contracts import load_contracts
from vru.settings import settings
from vru.transform import DOMAINS, scaffold

CONTRACTS = load_contracts()
MODELS = settings().dbt_dir / "models"


def described() -> Iterator[dict[str, Any]]:
    """Every mart as its yml file describes it."""
    for path in sorted((MODELS / "marts").rglob("*.yml")):
        yield from yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])


MARTS = {mart["name"]: mart for mart in described()}


@pytest.mark.parametrize("feed", CONTRACTS)
def test_sources_follow_from_the_contract(feed: str) -> None:
    text = (MODELS / "staging" / f"{feed}.yml").read_text(encoding="utf-8")
    assert text == scaffold.sources_yaml(CONTRACTS[feed]), "write it anew with vru.transform.scaffold.sources_yaml"


@pytest.mark.parametrize(("feed", "resource"), [(c.feed, r.name) for c in CONTRACTS.values() for r in c.resources])
def test_every_resource_has_a_staging_model_with_its_columns(feed: str, resource: str) -> None:
    contract = CONTRACTS[feed]
    declared = contract.resource(resource)
    text = (MODELS / "staging" / f"{scaffold.staging_name(contract, declared)}.sql").read_text(encoding="utf-8")
    for column in declared.columns:
        assert f"received.{column.name}" in text
    assert "current_rows(" in text, "a staging model reads only what is current in its build"


def test_raw_is_read_by_staging_alone() -> None:
    for path in MODELS.rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        reads_raw = "source('raw'" in text or "current_rows(" in text
        assert reads_raw == (path.parent.name == "staging"), path.name


def test_every_mart_is_described() -> None:
    files = {path.stem for path in (MODELS / "marts").rglob("*.sql")}
    assert files == set(MARTS)
    assert len(files) >= 10
    for name, mart in MARTS.items():
        assert mart["description"].startswith("One row is"), name
        for column in mart["columns"]:
            assert len(column["description"]) >= 10, f"{name}.{column['name']}"
            assert column["data_type"], f"{name}.{column['name']}"


def test_every_table_has_a_key() -> None:
    views = {"headline_london_month", "headline_borough_year"}
    without = {name for name, mart in MARTS.items() if not mart.get("constraints")}
    assert without == views | {"mart_feed_quality"}  # a period that did not come has neither batch nor key


def test_every_sql_file_says_what_a_row_is() -> None:
    for path in MODELS.rglob("*.sql"):
        lines = path.read_text(encoding="utf-8").splitlines()
        comment = next(line for line in lines if line.startswith("--"))
        assert comment.startswith("-- One row "), path.name


def test_marts_have_the_columns_that_others_rely_on() -> None:
    promised = {
        "mart_measure": "definition_id definition_version source_feed is_headline count_unit place_basis area_key area_kind "
        "area_code area_name period_kind period_start value_count population_count rate_per_100k rate_low rate_high "
        "is_provisional quarantined_count quality_score null_reason known_at",
        "fct_homicide_victim": "recorded_month borough_name age_group sex ethnicity method is_domestic offence "
        "solved_status batch_id victim_count is_borough_withheld",
        "fct_street_crime": "force_name month crime_type crime_id lsoa_code is_in_london longitude latitude "
        "last_outcome batch_id",
    }
    for name, columns in promised.items():
        assert set(columns.split()) <= {column["name"] for column in MARTS[name]["columns"]}, name


def test_every_domain_has_its_tag() -> None:
    project = yaml.safe_load((settings().dbt_dir / "dbt_project.yml").read_text(encoding="utf-8"))
    marts = project["models"]["vru"]["marts"]
    assert {tag for key in marts if not key.startswith("+") for tag in marts[key]["+tags"]} == set(DOMAINS)
    assert {path.parent.name for path in (MODELS / "marts").rglob("*.sql")} == set(DOMAINS)
    assert project["flags"]["send_anonymous_usage_stats"] is False


def test_definitions_state_what_the_registry_asks() -> None:
    import csv

    with (settings().dbt_dir / "seeds" / "definition.csv").open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    required = ["definition_id", "definition_version", "name", "owner", "rule", "valid_from", "source", "status"]
    for line in found:
        assert all(line[column] for column in required), line["definition_id"]
    assert {"homicide", "homicide_knife", "homicide_domestic"} <= {line["definition_id"] for line in found}
    keys = [(line["definition_id"], line["definition_version"]) for line in found]
    assert len(keys) == len(set(keys))
