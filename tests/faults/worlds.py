"""What the partners of the five feeds may come to state in the end, and the orders in which it may reach us.

The files are the small ones of `tests/fixtures`, restated, cut short, spoilt and returned to; they are made up.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from vru.settings import CHECKOUT

FIXTURES = CHECKOUT / "tests" / "fixtures"
Row = dict[str, str]


@dataclass(frozen=True)
class Statement:
    """A file of a feed, and the day of which it states how things stood."""

    feed: str
    file_name: str
    content: bytes
    vintage: str

    def __repr__(self) -> str:
        return f"{self.feed}, {self.file_name} of {self.vintage}"


@dataclass(frozen=True)
class World:
    """Everything that is stated, and which of it a person withdraws or lets in although it is held."""

    statements: tuple[Statement, ...]
    withdrawn: tuple[Statement, ...]
    released: tuple[Statement, ...]


def fixture(feed: str, file_name: str) -> bytes:
    """A small file of a feed."""
    return (FIXTURES / feed / file_name).read_bytes()


def changed(content: bytes, change: Callable[[list[Row]], list[Row]]) -> bytes:
    """The file with other records."""
    reader = csv.DictReader(io.StringIO(content.decode()))
    out = io.StringIO()
    writer = csv.DictWriter(out, reader.fieldnames or [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(change(list(reader)))
    return out.getvalue().encode()


def world(number: int) -> World:
    """One of many worlds, always the same under its number."""
    random = Random(f"world {number}")
    stated = [*_areas(), *_population(random), *_street(random), *_searches(random)]
    victims, released = _victims(random, number)
    restated = [one for one in stated if one.feed == "police_uk_street" and one.vintage == "2022-11-08"]
    return World((*stated, *victims), tuple(restated[: random.randrange(2)]), released)


def _areas() -> list[Statement]:
    names = ("lsoa11_to_borough.csv", "boroughs_gss.csv")
    return [Statement("ons_geography", name, fixture("ons_geography", name), "2021-02-01") for name in names]


def _population(random: Random) -> list[Statement]:
    name = "nomis_borough_mye.csv"
    first = fixture("ons_population", name)
    place = random.randrange(60)

    def corrected(rows: list[Row]) -> list[Row]:
        rows[place]["OBS_VALUE"] = str(int(rows[place]["OBS_VALUE"]) + random.randrange(1, 100))
        return rows

    return [
        Statement("ons_population", name, first, "2021-06-25"),
        Statement("ons_population", name, changed(first, corrected), "2022-06-22"),
    ]


def _victims(random: Random, number: int) -> tuple[list[Statement], tuple[Statement, ...]]:
    """A list that grows and is corrected; by the number it then returns, has one borough too often, or loses its end."""
    whole = fixture("mps_homicide_victims", "homicide_victims.csv")
    months = list(dict.fromkeys(line.split(",")[5] for line in whole.decode().splitlines()[1:]))

    def until(last: int) -> bytes:
        return changed(whole, lambda rows: [row for row in rows if row["Recorded Date"] in months[:last]])

    def corrected(rows: list[Row]) -> list[Row]:
        row = rows[random.randrange(len(rows))]
        row["Method of Killing"] = "Blunt Implement" if row["Method of Killing"] != "Blunt Implement" else "Shooting"
        return rows

    def shifted(rows: list[Row]) -> list[Row]:
        for row in rows[::12]:
            row["Borough"] = "Ealing"
        return rows

    first, later = until(len(months) - random.randrange(2, 5)), changed(whole, corrected)
    contents = [first, whole, later, (whole, changed(later, shifted), first, first)[number % 4]]
    days = ("2022-01-20", "2022-04-20", "2022-07-20", "2022-10-20")
    stated = [
        Statement("mps_homicide_victims", "homicide_victims.csv", content, day)
        for content, day in zip(contents, days, strict=True)
    ]
    return stated, tuple(stated[3:] if number % 4 == 3 else ())


def _street(random: Random) -> list[Statement]:
    """Two months of one force and one of another; the first is restated and may return."""
    august = fixture("police_uk_street", "2022-08-metropolitan-street.csv")
    september = august.replace(b",2022-08,", b",2022-09,")
    city = changed(august, lambda rows: [{**row, "Reported by": "City of London Police"} for row in rows[:40]])
    restated = changed(august, lambda rows: rows[: -random.randrange(1, 20)])
    stated = [
        ("2022-08-metropolitan-street.csv", august, "2022-10-04"),
        ("2022-08-metropolitan-street.csv", restated, "2022-11-08"),
        ("2022-09-metropolitan-street.csv", september, "2022-11-01"),
        ("2022-08-city-of-london-street.csv", city, "2022-10-04"),
    ]
    if random.randrange(2):
        stated.append(("2022-08-metropolitan-street.csv", august, "2022-12-06"))
    return [Statement("police_uk_street", *one) for one in stated]


def _searches(random: Random) -> list[Statement]:
    name = "2022-07-metropolitan-stop-and-search.csv"
    first = fixture("police_uk_stop_search", name)
    restated = changed(first, lambda rows: rows[random.randrange(1, 4) :])
    return [
        Statement("police_uk_stop_search", name, first, "2022-09-06"),
        Statement("police_uk_stop_search", name, restated, "2022-10-04"),
    ]


def arrival(number: int, of: World) -> tuple[list[Statement], int]:
    """The statements of a world as they reach us: late, out of order, some twice; and after how many marts are built."""
    random = Random(f"arrival {number}")
    arriving = list(of.statements)
    random.shuffle(arriving)
    for _ in range(random.randrange(1, 4)):
        again = random.randrange(len(arriving))
        arriving.insert(random.randrange(again + 1, len(arriving) + 1), arriving[again])
    return arriving, random.randrange(len(arriving) // 3, len(arriving) * 3 // 4)
