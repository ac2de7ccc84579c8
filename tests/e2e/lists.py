"""A small list of victims as the publisher writes it, made row by row, so that a test can say what is wrong with it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

HEADER = (
    "Count of Victims", "Age Group", "Sex", "Method of Killing", "Domestic Abuse", "Recorded Date",
    "Homicide Offence Type", "Solved Status", "Borough", "Officer Observed Ethnicity",
)  # fmt: skip
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
BOROUGHS = ("Barnet", "Brent", "Camden", "Croydon", "Ealing", "Enfield", "Hackney", "Lambeth")
YEARS, EACH = (2018, 2019), 4
Row = dict[str, str]


def write(path: Path, change: Callable[[Row], Row | None] = lambda row: row) -> Path:
    """A list of two years with four victims a month; `change` may change a row, or take it out."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        for number in range(len(YEARS) * 12 * EACH):
            month = number // EACH
            cells = (
                "1", ("25 to 34", "13 to 19", "65 and over")[number % 3], "Female" if number % 4 == 0 else "Male",
                ("Knife or Sharp Implement", "Shooting", "Blunt Implement")[number % 3],
                "Yes" if number % 5 == 0 else "No", f"{MONTHS[month % 12]} {YEARS[month // 12]}", "Murder",
                "Unsolved" if number % 7 == 0 else "Solved", BOROUGHS[number % 8], ("Asian", "Black", "White")[number % 3],
            )  # fmt: skip
            row = change(dict(zip(HEADER, cells, strict=True)))
            if row is not None:
                writer.writerow(row)
    return path


def said(header: str, before: str, after: str) -> Callable[[Row], Row]:
    """Wherever the column says one thing, another."""
    return lambda row: {**row, header: after} if row[header] == before else row
