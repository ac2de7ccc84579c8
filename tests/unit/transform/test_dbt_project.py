"""The dbt project against the contracts and the rules for marts; no database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from vru import documents
from vru.contracts import load_contracts
from vru.settings import settings
from vru.transform import domains, scaffold
from vru.transform.properties import lookups

CONTRACTS = load_contracts()
MODELS = settings().dbt_dir / "models"


def described() -> Iterator[dict[str, Any]]:
    """Every mart as its yml file describes it."""
    for path in sorted((MODELS / "marts").rglob("*.yml")):
        yield from documents.read(path).get("models", [])


MARTS = {mart["name"]: mart for mart in described()}


@pytest.mark.parametrize("feed", CONTRACTS)
def test_sources_follow_from_the_contract(feed: str) -> None:
    (path,) = (MODELS / "staging").rglob(f"{feed}.yml")
    text = path.read_text(encoding="utf-8")
    assert text == scaffold.sources_yaml(CONTRACTS[feed]), "write it anew with vru.transform.scaffold.sources_yaml"


@pytest.mark.parametrize(("feed", "resource"), [(c.feed, r.name) for c in CONTRACTS.values() for r in c.resources])
def test_every_resource_has_a_staging_model_with_its_columns(feed: str, resource: str) -> None:
    contract = CONTRACTS[feed]
    declared = contract.resource(resource)
    (path,) = (MODELS / "staging").rglob(f"{scaffold.staging_name(contract, declared)}.sql")
    text = path.read_text(encoding="utf-8")
    for column in declared.columns:
        assert f"received.{column.name}" in text
    assert "current_rows(" in text, "a staging model reads only what is current in its build"


def test_a_model_of_sound_columns_follows_from_the_contract() -> None:
    found = {path.stem: path.read_text(encoding="utf-8") for path in MODELS.rglob("*__sound.sql")}
    written = {
        f"{scaffold.staging_name(contract, resource)}__sound": scaffold.staging_sql(contract, resource, is_sound=True)
        for contract in CONTRACTS.values()
        for resource in contract.resources
        if resource.withholdable
    }
    assert found
    assert found.items() <= written.items(), "write it anew with vru.transform.scaffold.staging_sql(…, is_sound=True)"


def test_raw_is_read_by_staging_alone() -> None:
    for path in MODELS.rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        reads_raw = "source('raw'" in text or "current_rows(" in text
        assert reads_raw == (path.parent.parent.name == "staging"), path.name


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


def test_domains_follow_from_folders() -> None:
    assert domains() == ("shared", "homicide", "police_uk", "measures")
    assert {path.parent.name for path in MODELS.rglob("*.sql")} == set(domains())


def test_an_incremental_model_declares_what_its_rows_look_up() -> None:
    """What it reads beside the units that it writes: the raw rows behind every other model of its ancestry."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in MODELS.rglob("*.sql")}

    def raw(model: str) -> set[tuple[str, str]]:
        found = set(re.findall(r"current_rows\('(\w+)', '(\w+)'", texts.get(model, "")))
        for parent in re.findall(r"ref\('(\w+)'\)", texts.get(model, "")):
            found |= raw(parent)
        return found

    incremental = [name for name, text in texts.items() if "materialized='incremental'" in text]
    assert len(incremental) >= 2
    needed = set()
    for name in incremental:
        own = set(re.findall(r"delete_changed_units\('(\w+)', '(\w+)'", texts[name]))
        assert len(own) == 1, name
        needed |= raw(name) - own
    assert lookups(settings().dbt_dir) == needed


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
