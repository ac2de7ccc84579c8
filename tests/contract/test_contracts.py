"""The feed contracts: valid, in step with their versions, and one slug for each feed everywhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from vru.contracts import ContractError, load_contract, load_contracts
from vru.contracts.values import shared_values
from vru.parsing import read
from vru.settings import CHECKOUT

VERSIONS = Path(__file__).with_name("contract_versions.yml")


def test_a_contract_that_reads_differently_has_a_new_version() -> None:
    known = yaml.safe_load(VERSIONS.read_text(encoding="utf-8"))
    for feed, contract in load_contracts().items():
        versions = known.get(feed, {})
        assert contract.contract_version in versions, (
            f"{feed}: note version {contract.contract_version} in {VERSIONS.name} with fingerprint "
            f"{contract.fingerprint}"
        )
        assert versions[contract.contract_version] == contract.fingerprint, (
            f"{feed}: the contract reads the same bytes differently now; raise contract_version to "
            f"{contract.contract_version + 1} and note it in {VERSIONS.name} with {contract.fingerprint}"
        )
        assert contract.contract_version == max(versions)


def test_words_do_not_change_the_fingerprint_and_spellings_do(tmp_path: Path) -> None:
    before = load_contract("mps_homicide_victims").fingerprint
    shutil.copytree(CHECKOUT / "feeds", tmp_path / "feeds")
    path = tmp_path / "feeds" / "mps_homicide_victims.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("Method of killing.", "How the victim was killed."), encoding="utf-8")
    assert load_contract("mps_homicide_victims", path.parent).fingerprint == before
    path.write_text(text.replace("Shooting: []", "Shooting: [Firearm]"), encoding="utf-8")
    assert load_contract("mps_homicide_victims", path.parent).fingerprint != before


@pytest.mark.parametrize("feed", sorted(load_contracts()))
def test_one_slug_everywhere(feed: str) -> None:
    contract = load_contract(feed)
    assert (CHECKOUT / "expectations" / "raw" / f"{feed}.yml").is_file()
    models = {path.stem for path in (CHECKOUT / "dbt_project" / "models" / "staging").rglob("*.sql")}
    for resource in contract.resources:
        assert f"stg_{contract.raw_table(resource.name)}" in models
    fixtures = sorted((CHECKOUT / "tests" / "fixtures" / feed).iterdir())
    assert fixtures
    for path in fixtures:
        with path.open("rb") as stream:
            reading = read(contract, None, stream, file_name=path.name)
            assert [reject for chunk in reading for reject in chunk.rejects] == []
        assert reading.rows_accepted >= 30


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("schedule:", "scedule:"), ["mps_homicide_victims.yml", "scedule", "remove it or correct the spelling"]),
        (("    delivery: snapshot\n", ""), ["resources.victims.delivery", "add it"]),
        (
            ("unit_column: recorded_month", "unit_column: month"),
            ["resources.victims", "'month' is not among the columns"],
        ),
        (('formats: ["%b %Y"', 'formats: []\n        null_markers: ["%b %Y"'), ["recorded_month", "needs 'formats'"]),
        (("values_from: borough", "values_from: burough"), ["values_from", "values/burough.yml"]),
        (("tolerance_pct: 0", "tolerance_pct: 1"), ["tolerance_pct", "must be 0"]),
        (("feed: mps_homicide_victims", "feed: victims"), ["key feed", "mps_homicide_victims"]),
        (("aliases: [Sex]", "aliases: [Age Group]"), ["claimed by both 'age_group' and 'sex'"]),
        (("resources:", "resources: ]"), ["line", "not YAML"]),
    ],
)
def test_a_mistake_is_told_with_file_key_and_mend(tmp_path: Path, change: tuple[str, str], words: list[str]) -> None:
    shutil.copytree(CHECKOUT / "feeds", tmp_path / "feeds")
    path = tmp_path / "feeds" / "mps_homicide_victims.yml"
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(change[0], change[1], 1), encoding="utf-8")
    with pytest.raises(ContractError) as raised:
        load_contract("mps_homicide_victims", path.parent)
    for word in ["mps_homicide_victims.yml", *words]:
        assert word in str(raised.value)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("police_uk_street.yml", ("cadence_days: 31", "cadence_days: never"), ["must be a number", "period by period"]),
        ("values/borough.yml", ("seed:", "seed: ["), ["values_from", "values/borough.yml, line", "not YAML"]),
    ],
)
def test_a_mistake_elsewhere_is_told_likewise(
    tmp_path: Path, name: str, change: tuple[str, str], words: list[str]
) -> None:
    shutil.copytree(CHECKOUT / "feeds", tmp_path / "feeds")
    path = tmp_path / "feeds" / name
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(change[0], change[1], 1), encoding="utf-8")
    with pytest.raises(ContractError) as raised:
        load_contracts(tmp_path / "feeds")
    for word in words:
        assert word in str(raised.value)


def test_an_unknown_feed_is_told_with_the_known_ones() -> None:
    with pytest.raises(ContractError, match="police_uk_street"):
        load_contract("police_uk_stret")


def test_names_of_boroughs_stand_once() -> None:
    """In the list of areas. A sentence may name a borough or two; the sandbox is apart, so that it cannot agree by it."""
    place = CHECKOUT / "dbt_project" / "seeds" / "london_area.csv"
    names = sorted(name for name, code in shared_values("borough").codes.items() if code.startswith("E09"))
    assert len(names) == 33
    texts = {
        path: path.read_text(encoding="utf-8")
        for room in ("plugins", "feeds", "expectations", "dags", "dbt_project")
        for path in sorted((CHECKOUT / room).rglob("*"))
        if path.suffix in (".py", ".sql", ".yml", ".csv", ".json")
        and "sandbox" not in path.parts and "target" not in path.parts and not path.name.endswith("_unit_tests.yml")
    }  # fmt: skip
    assert all(name in texts[place] for name in names)
    for path, text in texts.items():
        found = [name for name in names if re.search(rf"\b{name}\b", text, re.IGNORECASE)]
        assert path == place or len(found) <= 2, f"{path.relative_to(CHECKOUT)} lists {found}"
