"""Measure specifications: those that stand, and what is said of one that cannot be used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from vru import documents
from vru.settings import CHECKOUT, Settings, settings
from vru.transform.measures import MeasureError, files, load_measures, variables

NAME = "mps_homicide_victims.measures.yml"
SPECIFICATION = f"dbt_project/models/marts/homicide/{NAME}"


@pytest.fixture
def checkout(tmp_path: Path) -> Settings:
    """A copy of what the specifications rest on."""
    for part in ("feeds", "dbt_project"):
        shutil.copytree(CHECKOUT / part, tmp_path / part, ignore=shutil.ignore_patterns("target", "logs"))

    class Copy(Settings):
        @property
        def checkout(self) -> Path:
            return tmp_path

    return Copy(home=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("grain: month", "grain: week", ["key counting.grain", "'quarter'"]),
        ("  weight: victim_count", "  wait: victim_count", ["counting.wait", "unknown key; remove it"]),
        ("  period_column: recorded_month\n", "", ["counting.period_column", "add it"]),
        ("{months: 3}", "{months: 3, days: 2}", ["counting.reporting_lag", "give either 'months' or 'days'"]),
        ("code: E12000007, ", "", ["counting.areas.region", "give either 'code'", "or 'column'"]),
        ("definition_id: homicide_knife", "definition_id: homicide", ["['homicide'] has two entries"]),
        ("source_feed: mps_homicide_victims", "source_feed: victims", ["key source_feed", "the name of the file"]),
        ("resource: victims", "resource: people", ["key resource", "has victims"]),
        ("needs: [method]", "needs: [weapon]", ["measures.homicide_knife.needs", "no column weapon"]),
        ("sound_column: borough_name", "sound_column: homicide_id", ["no check withholds homicide_id", "feeds/"]),
        ("needs: [method]", "needs: [victim_count]", ["homicide_knife.needs", "no check withholds victim_count"]),
        (
            "rows: is_domestic",
            "counting: {grain: day}",
            ["measures.homicide_domestic.counting: key grain", "'quarter'"],
        ),
        ("gaps:", "gaps: ]", ["line", "not YAML"]),
    ],
)
def test_a_mistake_is_told_with_file_key_and_mend(checkout: Settings, old: str, new: str, words: list[str]) -> None:
    path = checkout.checkout / SPECIFICATION
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MeasureError) as raised:
        load_measures(checkout)
    for word in [NAME, *words]:
        assert word in str(raised.value)


def test_two_sources_are_not_both_the_headline(checkout: Settings) -> None:
    text = (checkout.checkout / SPECIFICATION).read_text(encoding="utf-8")
    other = checkout.dbt_dir / "models/marts/police_uk/police_uk_street.measures.yml"
    text = text.replace("source_feed: mps_homicide_victims", "source_feed: police_uk_street")
    text = text.replace("resource: victims", "resource: street").replace(", sound_column: borough_name", "")
    text = text.replace("  current_for: current_for\n", "")
    text = text.replace("    needs: [method]\n", "").replace("    needs: [domestic_abuse]\n", "")
    other.write_text(text, encoding="utf-8")
    with pytest.raises(
        MeasureError, match=r"police_uk_street\.measures\.yml, key measures\.homicide\.headline_rank: 1 is "
    ):
        load_measures(checkout)
    other.write_text(text.replace("headline_rank: 1", "headline_rank: 2"), encoding="utf-8")
    assert len(load_measures(checkout)) == len(load_measures()) + 1


def test_an_entry_may_say_otherwise_than_its_source(checkout: Settings) -> None:
    path = checkout.checkout / SPECIFICATION
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "    counting: {grain: quarter, reporting_lag: {days: 50}}\n", encoding="utf-8")
    found = variables(load_measures(checkout))
    told = {
        (entry["definition_id"], entry["grain"], entry["reporting_lag"], entry["lag_precision"])
        for entry in found["entries"]
    }
    assert told == {
        ("homicide", "month", "3 months", "month"),
        ("homicide_knife", "month", "3 months", "month"),
        ("homicide_domestic", "quarter", "50 days", "day"),
    }
    needed = {(e["definition_id"], e["area_kind"]): (e["sound_column"], e["needed_columns"]) for e in found["entries"]}
    assert needed["homicide", "region"] == ("", [])
    assert needed["homicide_knife", "region"] == ("method", []), "from the newest delivery in which it is sound"
    assert needed["homicide_knife", "borough"] == ("borough_name", ["method"])
    # a fact is read once for all that is counted on it in one way
    assert sorted(len(scan["measures"]) for scan in found["scans"]) == [1, 1, 2, 2]


def test_what_is_summed_and_dated_is_never_null() -> None:
    """A row without a date or a weight would be lost without a word."""
    marts = {
        model["name"]: {column["name"]: column for column in model["columns"]}
        for path in (settings().dbt_dir / "models").rglob("*.yml")
        for model in documents.read(path).get("models", [])
        if "columns" in model
    }
    scans = variables(load_measures())["scans"]
    assert scans
    for scan in scans:
        columns = marts[scan["fact"]]
        for name in filter(None, (scan["period_column"], scan["weight"])):
            is_tested = "not_null" in columns[name].get("data_tests", [])
            assert is_tested or {"type": "not_null"} in columns[name].get("constraints", []), f"{scan['fact']}.{name}"
        assert scan["area_column"] is None or scan["area_column"] in columns


def test_every_specification_lies_beside_its_facts() -> None:
    for path in files(settings().dbt_dir):
        text = path.read_text(encoding="utf-8")
        of_domain = (settings().dbt_dir / "models").rglob(f"{path.parent.name}/*.sql")
        assert any(f"fact: {fact.stem}" in text for fact in of_domain), path.name
