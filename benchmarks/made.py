"""Made files: street-level records of no real place or person, in the publisher's format; the same bytes every time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import polars as pl
from vru.sandbox.geography import AUTHORITIES, lsoas_2011, lsoas_2021

#: The small areas of the synthetic London that stand in both vintages, so that its lookup knows them all.
AREAS = [
    area
    for authority in AUTHORITIES
    for old, new in [(lsoas_2011(authority), lsoas_2021(authority))]
    for area in old
    if area in new
]
CRIME_TYPES = (
    "Anti-social behaviour", "Burglary", "Criminal damage and arson", "Drugs", "Other theft", "Public order", "Robbery",
    "Shoplifting", "Theft from the person", "Vehicle crime", "Violence and sexual offences",
)  # fmt: skip
OUTCOMES = (
    "Awaiting court outcome", "Investigation complete; no suspect identified", "Local resolution",
    "Status update unavailable", "Unable to prosecute suspect", "Under investigation",
)  # fmt: skip
FORCE = "Metropolitan Police Service"
CHUNK = 250_000
FORM = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
"""What the files are made by; another form makes other files."""


def data_folder() -> Path:
    """Where made files are kept, outside the checkout."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vru-bench"
    folder = Path(os.environ.get("VRU_BENCH_DATA", default))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def street_file(month: str, rows: int) -> Path:
    """A synthetic file of one force and month (YYYY-MM); made once, in a folder for each form and size."""
    path = data_folder() / f"street-{FORM}-{rows}" / f"{month}-metropolitan-street.csv"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([int(month.replace("-", "")), rows])
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        for start in range(0, rows, CHUNK):
            _street(month, min(CHUNK, rows - start), generator).write_csv(file, include_header=start == 0)
    unfinished.replace(path)
    return path


def _street(month: str, rows: int, generator: np.random.Generator) -> pl.DataFrame:
    area = generator.integers(0, len(AREAS), rows)
    kind = generator.integers(0, len(CRIME_TYPES), rows)
    is_antisocial = pl.Series(kind == 0)
    is_placed = pl.Series(generator.random(rows) > 0.06)
    letters = generator.integers(0, 1 << 63, (4, rows), dtype=np.int64)
    identity = pl.Series(["".join(f"{part:016x}" for part in row) for row in letters.T.tolist()])
    frame = pl.DataFrame(
        {
            "Crime ID": identity,
            "Month": pl.Series([month] * rows),
            "Reported by": pl.Series([FORCE] * rows),
            "Falls within": pl.Series([FORCE] * rows),
            "Longitude": pl.Series((generator.random(rows) * 0.7 - 0.45).round(6)),
            "Latitude": pl.Series((generator.random(rows) * 0.35 + 51.3).round(6)),
            "Location": "On or near Made Street " + pl.Series(area).cast(pl.Utf8),
            "LSOA code": pl.Series(np.array([lsoa.code for lsoa in AREAS])[area]),
            "LSOA name": pl.Series(np.array([lsoa.name for lsoa in AREAS])[area]),
            "Crime type": pl.Series(np.array(CRIME_TYPES)[kind]),
            "Last outcome category": pl.Series(np.array(OUTCOMES)[generator.integers(0, len(OUTCOMES), rows)]),
            "Context": pl.Series([None] * rows, dtype=pl.Utf8),
        }
    )
    placed = pl.when(is_placed)
    return frame.with_columns(
        pl.when(~is_antisocial).then("Crime ID").alias("Crime ID"),
        pl.when(~is_antisocial).then("Last outcome category").alias("Last outcome category"),
        placed.then("Longitude").alias("Longitude"),
        placed.then("Latitude").alias("Latitude"),
        placed.then("Location").otherwise(pl.lit("No location")).alias("Location"),
        placed.then("LSOA code").alias("LSOA code"),
        placed.then("LSOA name").alias("LSOA name"),
    )
