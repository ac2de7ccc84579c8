"""Homicide victims, in the four header generations of the Metropolitan Police file on the London Datastore.

The 2021-05 and 2022 generations follow the real copies cell for cell (spellings, padding, line ends). The
2025 generations follow the drift table of the feed reference; what it leaves open (the text of the month,
the unknown label, the form of the identifier) is chosen here. Every victim is invented.
"""

from __future__ import annotations

import calendar
import csv
import io
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from random import Random

from vru.sandbox import events, geography, months, seeded
from vru.sandbox.clock import World

FIRST_RECORDED = date(2003, 1, 1)
LAST_RECORDED = date(2035, 12, 1)
PUBLICATION_DAY = 10
PUBLICATION_LAG_MONTHS = 3

KNIFE, PHYSICAL, OTHER_METHOD, BURNING = "knife", "physical", "other", "burning"
UNKNOWN = "unknown"

_METHODS: seeded.Weighted = (
    (KNIFE, 54), ("shooting", 11), ("blunt", 7), (PHYSICAL, 10), (OTHER_METHOD, 13), ("not_known", 4.5),
    (BURNING, 0.5),
)  # fmt: skip
_DOMESTIC_METHODS: seeded.Weighted = (
    (KNIFE, 45), ("shooting", 2), ("blunt", 10), (PHYSICAL, 18), (OTHER_METHOD, 20), ("not_known", 5),
)  # fmt: skip
_AGES: seeded.Weighted = (
    ("0 to 12", 5), ("13 to 19", 14), ("20 to 24", 17), ("25 to 34", 22), ("35 to 44", 16), ("45 to 54", 12),
    ("55 to 64", 7), ("65 and over", 7),
)  # fmt: skip
_ETHNICITIES: seeded.Weighted = (("White", 46), ("Black", 36), ("Asian", 15), ("Other", 2), (UNKNOWN, 1))
_OFFENCES: seeded.Weighted = (
    ("Murder", 944), ("Manslaughter", 50), ("Corporate Manslaughter", 4), ("Infanticide", 1),
)  # fmt: skip
_YEARLY_LEVEL = {
    2003: 148, 2004: 146, 2005: 145, 2006: 143, 2007: 142, 2008: 138, 2009: 128, 2010: 124, 2011: 117,
    2012: 108, 2013: 107, 2014: 101, 2015: 115, 2016: 111, 2017: 133, 2018: 135, 2019: 128, 2020: 125,
    2021: 129, 2022: 113, 2023: 112, 2024: 109, 2025: 104,
}  # fmt: skip
_LATER_LEVEL = 108
_MONTH_LEVEL = (0.95, 0.92, 0.98, 1.0, 1.04, 1.07, 1.12, 1.05, 1.0, 0.98, 0.94, 0.95)
_UPPER_CASE_SMALL_WORDS = {" and ": " & ", " upon ": " Upon "}


@dataclass(frozen=True)
class Victim:
    """One victim as the police know them in the end."""

    number: int
    recorded: date
    known_from: date
    """The day from which the file holds this victim: later than the month where an assault was upgraded."""
    removed_on: date | None
    solved_from: date | None
    age_group: str
    sex: str
    method: str
    is_domestic: bool
    offence: str
    borough: str
    ethnicity: str


@dataclass(frozen=True)
class Vintage:
    """One published snapshot: the day it came out and the last month that it covers."""

    published: date
    last_month: date

    @property
    def generation(self) -> str:
        """Which header this snapshot has, by the day it came out."""
        if self.published < date(2022, 1, 1):
            return "2021-05"
        if self.published < date(2025, 2, 1):
            return "2022"
        return "2025-02" if self.published < date(2025, 9, 1) else "2025-09"


def _quarterly(year: int, quarter: int) -> Vintage:
    last_month = date(year, quarter * 3, 1)
    lag = PUBLICATION_LAG_MONTHS + events.is_homicide_late(year, quarter)
    return Vintage(months.add_months(last_month, lag).replace(day=PUBLICATION_DAY), last_month)


def vintages(world: World) -> list[Vintage]:
    """Every snapshot published by today, oldest first; the first covers 2003 to 2020.

    The first quarter of 2021 has none of its own, so that six stand side by side at the start. Of those that a silence
    swallowed, the newest comes out after it.
    """
    today = world.delivered_to
    first = Vintage(date(2021, 5, 5), date(2020, 12, 1))
    later = [_quarterly(year, quarter) for year in range(2021, today.year + 1) for quarter in (1, 2, 3, 4)]
    planned = [vintage for vintage in [first, *later[1:]] if vintage.published <= today]
    newest = {world.heard_on(vintage.published): vintage for vintage in planned}
    return [replace(vintage, published=published) for published, vintage in newest.items() if published <= today]


def _mean(month: date) -> float:
    return _YEARLY_LEVEL.get(month.year, _LATER_LEVEL) / 12 * _MONTH_LEVEL[month.month - 1]


def _upgrade_day(draw: Random, month: date) -> date:
    """Nearly always the month itself; one in sixteen is an assault that became a homicide later."""
    if draw.random() >= 1 / 16:
        return month
    return months.add_months(month, draw.randrange(4, 30))


def _victim(draw: Random, number: int, month: date) -> Victim:
    boroughs = geography.AUTHORITIES[1:]
    weights = [area.thousands * area.violence for area in boroughs]
    is_domestic = draw.random() < 0.18
    sex = seeded.pick(draw, (("Female", 72), ("Male", 28)) if is_domestic else (("Male", 87), ("Female", 13)))
    if draw.random() < 0.001:
        sex = "Unrecorded"
    known_from = _upgrade_day(draw, month)
    solves_after = draw.choices((0, 3, 9, 30, None), (60, 15, 8, 5, 12))[0]
    return Victim(
        number=number,
        recorded=month,
        known_from=known_from,
        removed_on=months.add_months(month, draw.randrange(12, 80)) if draw.random() < 0.004 else None,
        solved_from=None if solves_after is None else months.add_months(known_from, solves_after),
        age_group=seeded.pick(draw, _AGES),
        sex=sex,
        method=seeded.pick(draw, _DOMESTIC_METHODS if is_domestic else _METHODS),
        is_domestic=is_domestic,
        offence=seeded.pick(draw, _OFFENCES),
        borough="Heathrow" if draw.random() < 0.0008 else draw.choices(boroughs, weights)[0].name,
        ethnicity=seeded.pick(draw, _ETHNICITIES),
    )


@lru_cache(maxsize=512)
def _recorded(seed: int, month: date) -> tuple[Victim, ...]:
    """Everyone who will ever be recorded for one month, in the order of the file."""
    draw = seeded.source(seed, "homicide", month)
    base = months.months_between(FIRST_RECORDED, month) * 100
    found: list[Victim] = []
    for place in range(seeded.poisson(draw, _mean(month))):
        number = 100_001 + base + place
        if found and draw.random() < 0.01:
            # a second victim of one attack: every published column alike, and yet another person
            found.append(replace(found[-1], number=number))
        else:
            found.append(_victim(draw, number, month))
    return tuple(found)


def victims(world: World, vintage: Vintage) -> list[Victim]:
    """The victims that one snapshot holds, with the labels that it gives them."""
    held = [
        victim
        for month in months.month_range(FIRST_RECORDED, vintage.last_month)
        for victim in _recorded(world.seed, month)
        if victim.known_from <= vintage.published
        and (victim.removed_on is None or victim.removed_on > vintage.published)
    ]
    if world.ealing_defect and vintage.published.year == 2022:
        return _doubled_ealing(world.seed, held)
    return held


def _doubled_ealing(seed: int, held: list[Victim]) -> list[Victim]:
    """The defect of one real copy: about as many victims again are labelled Ealing; totals stay."""
    others = [place for place, victim in enumerate(held) if victim.borough != "Ealing"]
    moved = set(seeded.source(seed, "ealing").sample(others, len(held) - len(others)))
    return [replace(victim, borough="Ealing") if place in moved else victim for place, victim in enumerate(held)]


def _borough(victim: Victim, generation: str) -> str:
    if generation.startswith("2025") and victim.number % 331 == 0:
        return "Unmapped"
    name = victim.borough
    for small, capital in _UPPER_CASE_SMALL_WORDS.items():
        name = name.replace(small, capital)
    return name


def _method(victim: Victim, generation: str) -> str:
    is_first = generation == "2021-05"
    return {
        KNIFE: "Knife or Sharp Implement",
        "shooting": "Shooting",
        "blunt": "Blunt Implement",
        PHYSICAL: "Physical Assault, no weapon" if is_first else "Pysical Assualt, no weapon",
        OTHER_METHOD: "Other Method of Killing" if is_first else "Other Methods of Killing",
        BURNING: "Other Method of Killing" if is_first else "Burning, scalding",
        "not_known": "Not known/Not Recorded",
    }[victim.method]


def _fields(victim: Victim, vintage: Vintage) -> dict[str, str]:
    """Every cell of one victim by column, in the spelling of the generation."""
    generation = vintage.generation
    year, month = victim.recorded.year, months.MONTH_NAMES[victim.recorded.month - 1]
    is_solved = victim.solved_from is not None and victim.solved_from <= vintage.published
    domestic = {
        "2021-05": ("No", "Yes"),
        "2022": ("Not Domestic", "Domestic"),
        "2025-02": ("Not Domestic Abuse", "Domestic Abuse"),
        "2025-09": ("0", "1"),
    }[generation][victim.is_domestic]
    unknown = {"2021-05": "Not Recorded / Unknown", "2022": "Not Reported/Not known"}.get(generation, "Not Known")
    recorded = {
        "2021-05": f"{month} {year}",
        "2022": f"{month}-{year % 100:02d}",
    }.get(generation, f"01-{month}-{year % 100:02d}")
    method = _method(victim, generation)
    return {
        "Homicide ID": str(victim.number),
        "Count of Victims": "1",
        "Age Group": victim.age_group,
        "Sex": victim.sex,
        "Method of Killing": method,
        "MethodofKilling": method,
        "Domestic Abuse": domestic,
        "Recorded Date": recorded,
        "Recorded Year": str(year),
        "Recorded Month": month,
        "Homicide Offence Type": victim.offence,
        "Solved Status": "Solved" if is_solved else " Unsolved " if generation == "2022" else "Unsolved",
        "Borough": _borough(victim, generation),
        "Officer Observed Ethnicity": unknown if victim.ethnicity == UNKNOWN else victim.ethnicity,
    }


def columns(generation: str) -> list[str]:
    """The header of one generation, in order."""
    recorded = ["Recorded Year", "Recorded Month"] if generation == "2025-02" else ["Recorded Date"]
    return [
        *(["Homicide ID"] if generation == "2025-09" else []),
        "Count of Victims", "Age Group", "Sex",
        "MethodofKilling" if generation == "2025-02" else "Method of Killing",
        "Domestic Abuse", *recorded, "Homicide Offence Type", "Solved Status", "Borough",
        "Officer Observed Ethnicity",
    ]  # fmt: skip


@lru_cache(maxsize=64)
def victims_csv(world: World, vintage: Vintage) -> bytes:
    """The file of one snapshot; `world` decides nothing but the seed and the Ealing defect."""
    buffer = io.StringIO()
    newline = "\n" if vintage.generation == "2021-05" else "\r\n"
    writer = csv.DictWriter(buffer, columns(vintage.generation), extrasaction="ignore", lineterminator=newline)
    writer.writeheader()
    writer.writerows(_fields(victim, vintage) for victim in victims(world, vintage))
    return buffer.getvalue().encode("ascii")


def accused_csv(world: World, vintage: Vintage) -> bytes:
    """A short file of people proceeded against, so that a reader has to choose the right resource."""
    header = (
        "Count of PPA,Borough,Gender,Age Group,Self Classified Ethnicity,Offence Type,"
        "Charged/Summonsed,Proceedings Date"
    )
    lines = [header]
    ages = ("15 to 19", "20 to 24", "25 to 29", "30 to 34", "35 to 39", "40 to 44")
    for victim in victims(world, vintage):
        if victim.solved_from is not None and victim.solved_from <= vintage.published:
            draw = seeded.source(world.seed, "accused", victim.number)
            month = f"{calendar.month_name[victim.recorded.month]} {victim.recorded.year}"
            borough = _borough(victim, vintage.generation)
            ethnicity = draw.choice(("White ", "Black", "Asian ", "Mixed", "Not Recorded"))
            lines.append(
                f"1,{borough},{draw.choice(('Male', 'Male', 'Male', 'Female'))},{draw.choice(ages)},"
                f"{ethnicity},{victim.offence},Charge or Summons,{month}"
            )
    return "".join(line + "\n" for line in lines).encode("ascii")
