"""Street-level crime and its outcomes, in the wire format of data.police.uk.

Columns, labels, blanks and line ends follow the real City of London (2022-07 to 2022-12) and Metropolitan
(2023-01) files; the columns of the outcomes file follow a later public copy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from random import Random

from vru.sandbox import events, geography, months, seeded
from vru.sandbox.geography import Point
from vru.sandbox.police import Force

HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,"
    "Crime type,Last outcome category,Context"
)
OUTCOME_HEADER = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Outcome type"
ANTI_SOCIAL = "Anti-social behaviour"
VIOLENCE = "Violence and sexual offences"
NO_SUSPECT = "Investigation complete; no suspect identified"

MIXED_FROM, MIXED_UNTIL = date(2022, 7, 1), date(2023, 6, 1)
"""Months in which 2011 and 2021 LSOA codes stand side by side."""
REPEATS_END = date(2024, 3, 1)
"""From this month on the Metropolitan files repeat no Crime ID."""
SETTLED_AGE = 3
"""Releases after which a month changes no more, save by a restatement."""

_CRIME_TYPES: dict[str, seeded.Weighted] = {
    "metropolitan": (
        (VIOLENCE, 26), (ANTI_SOCIAL, 18), ("Vehicle crime", 11), ("Other theft", 10), ("Burglary", 6),
        ("Criminal damage and arson", 6), ("Shoplifting", 5), ("Drugs", 5), ("Public order", 5),
        ("Theft from the person", 4), ("Robbery", 3), ("Other crime", 1), ("Bicycle theft", 2),
        ("Possession of weapons", 1),
    ),
    "city-of-london": (
        ("Other theft", 25), ("Theft from the person", 18), (VIOLENCE, 17), (ANTI_SOCIAL, 12),
        ("Shoplifting", 8), ("Drugs", 6), ("Public order", 6), ("Burglary", 4),
        ("Criminal damage and arson", 3), ("Bicycle theft", 2), ("Robbery", 2), ("Vehicle crime", 2),
        ("Other crime", 2), ("Possession of weapons", 1),
    ),
}  # fmt: skip
_FINAL_OUTCOMES: dict[str, seeded.Weighted] = {
    "metropolitan": (
        (NO_SUSPECT, 60), ("Unable to prosecute suspect", 22), ("Local resolution", 4),
        ("Awaiting court outcome", 6), ("Offender given penalty notice", 1), ("Offender given a caution", 3),
        ("Further investigation is not in the public interest", 2), ("Court result unavailable", 2),
    ),
    "city-of-london": (
        (NO_SUSPECT, 56), ("Status update unavailable", 12), ("Unable to prosecute suspect", 16),
        ("Court result unavailable", 5), ("Awaiting court outcome", 3), ("Offender given a caution", 2),
        ("Offender given a drugs possession warning", 3), ("Local resolution", 1),
        ("Formal action is not in the public interest", 2),
        ("Action to be taken by another organisation", 1),
    ),
}  # fmt: skip
_OPEN_OUTCOME = {"city-of-london": "Status update unavailable"}
_OUTCOME_TYPES = {
    "Awaiting court outcome": "Suspect charged",
    "Court result unavailable": "Suspect charged",
}
_CITY_NEIGHBOURS = ("Tower Hamlets", "Camden", "Hackney", "Islington", "Southwark", "Westminster")


@dataclass(frozen=True)
class Record:
    """One record as it will be known in the end, with the ages at which it changes until then."""

    crime_id: str
    crime_type: str
    point: Point | None
    is_2021: bool
    final_outcome: str
    settles_at: int
    appears_at: int
    vanishes_at: int | None


def _authorities(force: Force, draw: Random, count: int) -> list[geography.Authority]:
    """Where this force's records lie; nearly all in its own area."""
    if force.slug == "metropolitan":
        pool = [*geography.AUTHORITIES[1:], geography.OUTSIDE[0]]
        weights = [area.thousands * (0.4 + 0.6 * area.violence) for area in pool[:-1]] + [30.0]
    elif force.slug == "city-of-london":
        pool = [geography.AUTHORITIES[0], *map(geography.authority_named, _CITY_NEIGHBOURS)]
        weights = [94.0] + [1.0] * len(_CITY_NEIGHBOURS)
    elif force.slug == "btp":
        pool = [*geography.AUTHORITIES, *geography.OUTSIDE]
        weights = [3.0] * len(geography.AUTHORITIES) + [8.0] * len(geography.OUTSIDE)
    else:
        pool = [geography.OUTSIDE[1], geography.authority_named("Bexley")]
        weights = [95.0, 5.0]
    return draw.choices(pool, weights, k=count)


def _volume(force: Force, month: date, draw: Random) -> int:
    """Rows of this month: more in summer, fewer in the spring of 2020, a little noise."""
    season = 1 + 0.08 * (1 - abs(month.month - 7) / 3)
    lockdown = 0.7 if date(2020, 4, 1) <= month <= date(2020, 6, 1) else 1.0
    return max(3, round(force.street_rows * season * lockdown * draw.uniform(0.93, 1.07)))


def _code_vintages(month: date, draw: Random, count: int) -> list[bool]:
    if month < MIXED_FROM:
        return [False] * count
    if month > MIXED_UNTIL:
        return [True] * count
    return [draw.random() < 0.5 for _ in range(count)]


@lru_cache(maxsize=2048)
def records(seed: int, force: Force, month: date) -> tuple[Record, ...]:
    """Everything that a force will ever have published for one month."""
    draw = seeded.source(seed, "street", force.slug, month)
    count = _volume(force, month, draw)
    kinds = seeded.pick_many(draw, _CRIME_TYPES.get(force.slug, _CRIME_TYPES["metropolitan"]), count)
    finals = seeded.pick_many(draw, _FINAL_OUTCOMES.get(force.slug, _FINAL_OUTCOMES["metropolitan"]), count)
    areas = _authorities(force, draw, count)
    vintages = _code_vintages(month, draw, count)
    blank_share = {"metropolitan": 0.015, "kent": 0.02}.get(force.slug, 0.08)
    can_repeat = force.slug != "metropolitan" or month < REPEATS_END
    found: list[Record] = []
    for row in range(count):
        is_asb = kinds[row] == ANTI_SOCIAL
        spot = None if draw.random() < blank_share else draw.choice(geography.points(seed, areas[row]))
        record = Record(
            crime_id="" if is_asb else seeded.digest(seed, force.slug, month, row),
            crime_type=kinds[row],
            point=spot,
            is_2021=vintages[row],
            final_outcome="" if is_asb else finals[row],
            settles_at=draw.choices((0, 1, 2, 3), (35, 35, 20, 10))[0],
            appears_at=draw.choices((0, 1, 2), (97, 2, 1))[0],
            vanishes_at=draw.choices((None, 2, 3), (992, 5, 3))[0],
        )
        fate = draw.random()
        if found and found[-1].crime_id and record.crime_id and can_repeat and fate < 0.03:
            record = replace(record, crime_id=found[-1].crime_id)
        found.append(record)
        if (is_asb and fate > 0.95) or (not is_asb and can_repeat and fate > 0.985):
            found.append(record)  # an identical row is another event, not a mistake
    return tuple(found)


def _restated(
    seed: int, force: Force, month: date, release: date, rows: list[tuple[Record, str]]
) -> list[tuple[Record, str]]:
    """The rows after every restatement of this month up to the release."""
    for restating in months.month_range(months.add_months(month, 5), months.add_months(month, 11)):
        if restating > release or events.restated_month(restating) != (force.slug, month):
            continue
        draw = seeded.source(seed, "restated", force.slug, month, restating)
        kept = []
        for record, outcome in rows:
            chance = draw.random()
            if chance < 0.01:
                continue
            if chance < 0.08 and outcome:
                outcome = "Local resolution" if outcome != "Local resolution" else NO_SUSPECT
            kept.append((record, outcome))
        rows = kept
    return rows


def _visible(seed: int, force: Force, month: date, release: date) -> list[tuple[Record, str]]:
    """The records and last outcomes of a month as one release shows them."""
    age = months.months_between(month, release)
    undecided = _OPEN_OUTCOME.get(force.slug, "Under investigation")
    rows = [
        (record, record.final_outcome if age >= record.settles_at or not record.final_outcome else undecided)
        for record in records(seed, force, month)
        if age >= record.appears_at and (record.vanishes_at is None or age < record.vanishes_at)
    ]
    return _restated(seed, force, month, release, rows)


def _where(record: Record, force: Force) -> tuple[str, str, str, str, str]:
    if record.point is None:
        return "", "", force.no_location, "", ""
    area = record.point.lsoa21 if record.is_2021 else record.point.lsoa11
    return record.point.longitude, record.point.latitude, record.point.location, area.code, area.name


def _sorted_rows(rows: list[list[str]]) -> list[list[str]]:
    """By LSOA name, rows without a place last, as in the real files."""
    return sorted(rows, key=lambda row: (row[8] == "", row[8]))


def _text(header: str, rows: list[list[str]], newline: str) -> bytes:
    return "".join(line + newline for line in (header, *map(",".join, rows))).encode("ascii")


def street_csv(seed: int, force: Force, month: date, release: date) -> bytes:
    """The `-street.csv` member for one force and month, as this release holds it."""
    rows = [
        [
            record.crime_id, months.month_text(month), force.name, force.name,
            *_where(record, force), record.crime_type, outcome, "",
        ]
        for record, outcome in _visible(seed, force, month, release)
    ]  # fmt: skip
    return _text(HEADER, _sorted_rows(rows), force.newline)


def outcomes_csv(seed: int, force: Force, month: date) -> bytes:
    """The `-outcomes.csv` member: outcomes recorded in this month, also of crimes of earlier months."""
    rows = []
    for age in range(SETTLED_AGE + 1):
        crime_month = months.add_months(month, -age)
        if crime_month < events.FIRST_MONTH:
            break
        for record in records(seed, force, crime_month):
            if record.final_outcome and record.settles_at == age:
                outcome = _OUTCOME_TYPES.get(record.final_outcome, record.final_outcome)
                about = [record.crime_id, months.month_text(month), force.name, force.name]
                rows.append([*about, *_where(record, force), outcome])
    return _text(OUTCOME_HEADER, _sorted_rows(rows), force.newline)
