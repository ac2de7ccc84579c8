"""The real files of the feeds with a contract: every row is read, and the control totals hold."""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from typing import Any

import pytest
from vru.contracts.loader import load_contracts
from vru.parsing import read
from vru.settings import CHECKOUT

from tests.real_data import REAL, needs_real_data
from tests.unit.parsing.conftest import Result

FEEDS = CHECKOUT / "feeds"

pytestmark = needs_real_data


@cache
def totals(feed: str, file: str) -> dict[tuple[str, str], str]:
    """(measure, key) to value."""
    with (REAL / "control_totals.csv").open(encoding="utf-8", newline="") as lines:
        rows = [r for r in csv.DictReader(lines) if (r["feed"], r["file"]) == (feed, file)]
    return {(r["measure"], r["key"]): r["value"] for r in rows}


def files() -> list[tuple[str, str]]:
    """Feed and file of every real file whose feed has a contract."""
    found = [(feed, path.name) for feed in load_contracts(FEEDS) for path in sorted((REAL / feed).glob("*"))]
    return [(feed, name) for feed, name in found if name != "manifest.csv"]


def whole(feed: str, name: str) -> Result:
    with (REAL / feed / name).open("rb") as stream:
        return Result(read(load_contracts(FEEDS)[feed], None, stream, file_name=name))


@pytest.mark.parametrize(("feed", "name"), files())
def test_every_row_is_read(feed: str, name: str) -> None:
    known = totals(feed, name)
    got = whole(feed, name)
    assert got.rejects == []
    assert got.nulled == []
    assert len(got.rows) == int(known.get(("rows", "")) or known[("features", "")])
    assert got.reading.has_final_newline
    if got.reading.kind == "csv":
        assert [row["line_number"] for row in got.rows] == list(range(2, len(got.rows) + 2))


def counted(rows: list[dict[str, Any]], column: str) -> dict[str, int]:
    return dict(Counter("" if row[column] is None else str(row[column]) for row in rows))


def known_counts(feed: str, name: str, measure: str) -> dict[str, int]:
    return {key: int(value) for (m, key), value in totals(feed, name).items() if m == measure}


@pytest.mark.parametrize("name", ["homicide_victims_vintage_2021_05.csv", "homicide_victims_vintage_2022.csv"])
def test_homicide_totals_hold(name: str) -> None:
    rows = whole("mps_homicide_victims", name).rows
    years = Counter(str(row["recorded_month"].year) for row in rows)
    assert years == known_counts("mps_homicide_victims", name, "victims_by_year")
    boroughs = known_counts("mps_homicide_victims", name, "victims_by_borough")
    assert sorted(counted(rows, "borough_name").values()) == sorted(boroughs.values())
    knives = Counter(str(row["recorded_month"].year) for row in rows if row["method"] == "Knife or Sharp Implement")
    assert knives == known_counts("mps_homicide_victims", name, "knife_victims_by_year")


def test_stop_search_totals_hold() -> None:
    name = "2023_12_metropolitan_stop_and_search.csv"
    rows = whole("police_uk_stop_search", name).rows
    for measure, column in {
        "rows_by_age_range": "age_range",
        "rows_by_gender": "gender",
        "rows_by_type": "search_type",
        "rows_by_outcome": "outcome",
    }.items():
        known = {
            k if k != "(blank)" else "": v for k, v in known_counts("police_uk_stop_search", name, measure).items()
        }
        assert counted(rows, column) == known


@pytest.mark.parametrize("name", [n for f, n in files() if f == "police_uk_street"])
def test_street_totals_hold(name: str) -> None:
    rows = whole("police_uk_street", name).rows
    assert counted(rows, "crime_type") == known_counts("police_uk_street", name, "rows_by_crime_type")
    known = {
        measure: int(v) for (measure, key), v in totals("police_uk_street", name).items() if not key and v.isdigit()
    }
    assert sum(row["crime_id"] is None for row in rows) == known["rows_without_crime_id"]
    assert sum(row["longitude"] is None for row in rows) == known["blank_coordinates"]
    assert sum(row["lsoa_code"] is None for row in rows) == known["blank_lsoa"]
    assert sum(row["context"] is not None for row in rows) == known["non_blank_context"]


def test_forces_are_the_partitions_of_street_files() -> None:
    parts = {n: whole("police_uk_street", n).reading for f, n in files() if f == "police_uk_street"}
    assert {n: r.partition for n, r in parts.items()} == {
        n: "metropolitan" if "metropolitan" in n else "city-of-london" for n in parts
    }
    assert all(r.period_start and n.startswith(r.period_start.strftime("%Y_%m")) for n, r in parts.items())
