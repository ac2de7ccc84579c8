"""The real wide files, a column for each month, read under a contract of this test: every control total agrees."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import Any

import polars as pl
import pytest
from vru.parsing import read

from tests.real_data import REAL, needs_real_data
from tests.unit.parsing.conftest import contract

FEED = "mps_recorded_crime"
COLUMNS: list[dict[str, Any]] = [
    {"name": "major", "aliases": ["Major Category", "MajorText"], "nullable": False},
    {"name": "minor", "aliases": ["Minor Category", "MinorText"], "nullable": False},
    {"name": "borough", "aliases": ["Borough", "LookUp_BoroughName"], "nullable": False},
    {"name": "ward_code", "aliases": ["WardCode"], "required": False},
    {"name": "ward_name", "aliases": ["WardName"], "required": False},
    {"name": "month", "type": "month", "formats": ["%Y%m"], "nullable": False},
    {"name": "offences", "type": "integer", "nullable": False},
]
UNPIVOT = {"headers": r"\d{6}", "header_column": "month", "cell_column": "offences"}
KEY = ["major", "minor", "borough"]
SAME_BYTES = {"bytes", "sha256"}

pytestmark = needs_real_data


@pytest.fixture(scope="module")
def files() -> dict[str, tuple[dict[str, int], pl.DataFrame]]:
    """Every file: what the reading says of it, and its rows."""
    under = contract(COLUMNS, unpivot=UNPIVOT, grain="month", unit_column="month")
    found = {}
    for path in sorted((REAL / FEED).glob("*.csv")):
        if path.name == "manifest.csv":
            continue
        with path.open("rb") as stream:
            reading = read(under, "rows", stream, file_name=path.name)
            chunks = list(reading)
        assert not any(chunk.rejects or chunk.nulled for chunk in chunks)
        assert max(chunk.frame.height for chunk in chunks) <= 50_000, "memory is bounded by rows, not by records"
        frame = pl.concat([chunk.frame for chunk in chunks])
        assert reading.raw_rows == frame.height
        assert frame.select("line_number", "part").is_unique().all()
        assert reading.period_start is not None and reading.period_end is not None
        said = {
            "rows": reading.rows_accepted, "columns": len(reading.headers), "long_rows_after_unpivot": reading.raw_rows,
            "first_month": int(f"{reading.period_start:%Y%m}"), "last_month": int(f"{reading.period_end:%Y%m}"),
        }  # fmt: skip
        found[path.name] = (said, frame)
    return found


def wanted() -> dict[str, dict[tuple[str, str], int]]:
    """Control totals by file."""
    totals: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    with (REAL / "control_totals.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["feed"] == FEED and row["measure"] not in SAME_BYTES and row["value"].isdigit():
                totals[row["file"]][row["measure"], row["key"]] = int(row["value"])
    return totals


def computed(frame: pl.DataFrame) -> dict[tuple[str, str], int]:
    """Every total of some rows."""
    frame = frame.with_columns(year=pl.col("month").dt.year().cast(pl.String))
    months = frame.select("month", "year").unique()
    killings = frame.filter(pl.col("minor").str.to_lowercase() == "homicide")
    murders = frame.filter(pl.col("minor").str.to_lowercase() == "murder")
    key = [*KEY, "ward_code"]
    out = {
        ("month_columns", ""): months.height,
        ("sum_of_all_month_columns", ""): frame["offences"].sum(),
        ("zero_cells", ""): (frame["offences"] == 0).sum(),
        ("distinct_boroughs", ""): frame["borough"].n_unique(),
        ("distinct_major", ""): frame["major"].n_unique(),
        ("distinct_major_minor", ""): frame.select("major", "minor").n_unique(),
        ("duplicate_keys", ""): frame.select(*key, "line_number").unique().select(key).is_duplicated().sum(),
        ("distinct_ward_codes", ""): frame["ward_code"].drop_nulls().n_unique(),
        ("distinct_ward_names", ""): frame["ward_name"].drop_nulls().n_unique(),
        ("ward_codes_in_more_than_one_borough", ""): (
            frame.drop_nulls("ward_code").group_by("ward_code").agg(n=pl.col("borough").n_unique())["n"] > 1
        ).sum(),
    }
    for name, rows, by in (
        ("offences_by_year", frame, ["year"]), ("offences_by_borough", frame, ["borough"]),
        ("offences_by_major_year", frame, ["major", "year"]), ("homicide_by_year", killings, ["year"]),
        ("murder_by_year", murders, ["year"]),
    ):  # fmt: skip
        for *parts, count in rows.group_by(by).agg(pl.col("offences").sum()).iter_rows():
            out[name, "|".join(parts)] = count
    for year, count in months.group_by("year").len().iter_rows():
        out["months_in_year", year] = count
    return out


def test_every_total_of_every_file_agrees(files: dict[str, tuple[dict[str, int], pl.DataFrame]]) -> None:
    totals = wanted()
    compared = 0
    for name, (said, frame) in files.items():
        got = computed(frame) | {(measure, ""): value for measure, value in said.items()}
        assert {key: got.get(key) for key in totals[name]} == totals[name], name
        compared += len(totals[name])
    for name in (name for name in totals if name.endswith(" (both files)")):
        both = [frame for file, (_, frame) in files.items() if file.startswith(name.removesuffix(" (both files)"))]
        assert len(both) == 2
        got = computed(pl.concat(both))
        assert {key: got.get(key) for key in totals[name]} == totals[name], name
        compared += len(totals[name])
    assert compared > 1_400


def test_what_was_restated_agrees(files: dict[str, tuple[dict[str, int], pl.DataFrame]]) -> None:
    key = [*KEY, "month"]

    def vintage(stem: str) -> pl.DataFrame:
        return pl.concat([frame for name, (_, frame) in files.items() if name.startswith(stem)]).select(
            *key, "offences"
        )

    old, new = vintage("borough_vintage_2023_08"), vintage("borough_vintage_2024_02")
    shared = set(old["month"].unique()) & set(new["month"].unique())
    old, new = (frame.filter(pl.col("month").is_in(list(shared))) for frame in (old, new))
    both = old.join(new, on=key, how="full", coalesce=True, suffix="_new")
    change = both["offences_new"].fill_null(0) - both["offences"].fill_null(0)
    totals = wanted()["2023_08 -> 2024_02"]
    got = {
        "cells_compared": both.height,
        "cells_restated": (change != 0).sum(),
        "cells_absent_in_older": both["offences"].null_count(),
        "cells_absent_in_newer": both["offences_new"].null_count(),
        "net_change": change.sum(),
        "gross_change": change.abs().sum(),
    }
    assert got == {measure: totals[measure, ""] for measure in got}
