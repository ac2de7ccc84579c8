"""Stops and searches, in the wire format of data.police.uk.

Columns and labels follow the real Metropolitan file of 2023-12. Times are written in UTC, while a file
holds the searches of one month in local time: a file for June starts on 31 May at 23:0x (later public copy).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random

from vru.sandbox import geography, months, seeded
from vru.sandbox.police import Force

HEADER = (
    "Type,Date,Part of a policing operation,Policing operation,Latitude,Longitude,Gender,Age range,"
    "Self-defined ethnicity,Officer-defined ethnicity,Legislation,Object of search,Outcome,"
    "Outcome linked to object of search,Removal of more than just outer clothing"
)
LAST_COLUMNS_FROM = date(2024, 1, 1)
"""Before this month the last two columns are empty."""
BLANK_PLACE_SHARE, BLANK_AGE_SHARE, REPEAT_SHARE = 0.1, 0.14, 0.015

_TYPES: seeded.Weighted = (("Person search", 80), ("Person and Vehicle search", 19), ("Vehicle search", 1))
_GENDERS: seeded.Weighted = (("Male", 895), ("Female", 90), ("", 12), ("Other", 3))
_AGES: seeded.Weighted = (("18-24", 30), ("over 34", 27), ("25-34", 26), ("10-17", 17))
_OFFICER: seeded.Weighted = (("White", 39), ("Black", 38), ("Asian", 14), ("Other", 7), ("", 2))
_SELF: dict[str, seeded.Weighted] = {
    "White": (
        ("White - English/Welsh/Scottish/Northern Irish/British", 45),
        ("White - Any other White background", 25), ("White - Irish", 3),
        ("Other ethnic group - Not stated", 27),
    ),
    "Black": (
        ("Black/African/Caribbean/Black British - Any other Black/African/Caribbean background", 32),
        ("Black/African/Caribbean/Black British - African", 20),
        ("Black/African/Caribbean/Black British - Caribbean", 10),
        ("Mixed/Multiple ethnic groups - White and Black Caribbean", 3),
        ("Mixed/Multiple ethnic groups - White and Black African", 1),
        ("Other ethnic group - Not stated", 34),
    ),
    "Asian": (
        ("Asian/Asian British - Any other Asian background", 36), ("Asian/Asian British - Bangladeshi", 14),
        ("Asian/Asian British - Indian", 10), ("Asian/Asian British - Pakistani", 7),
        ("Asian/Asian British - Chinese", 1), ("Mixed/Multiple ethnic groups - White and Asian", 2),
        ("Other ethnic group - Not stated", 30),
    ),
    "Other": (
        ("Other ethnic group - Any other ethnic group", 45), ("Other ethnic group - Not stated", 40),
        ("Mixed/Multiple ethnic groups - Any other Mixed/Multiple ethnic background", 15),
    ),
    "": (("", 60), ("Other ethnic group - Not stated", 40)),
}  # fmt: skip
_MISUSE, _PACE = "Misuse of Drugs Act 1971 (section 23)", "Police and Criminal Evidence Act 1984 (section 1)"
_ORDER, _FIREARMS = (
    "Criminal Justice and Public Order Act 1994 (section 60)",
    "Firearms Act 1968 (section 47)",
)
_REASONS: seeded.Weighted = (
    (f"{_MISUSE}|Controlled drugs", 550),
    (f"{_PACE}|Stolen goods", 200),
    (f"{_PACE}|Offensive weapons", 170),
    (f"{_PACE}|Evidence of offences under the Act", 52),
    (f"{_PACE}|Articles for use in criminal damage", 6),
    (f"{_PACE}|Fireworks", 2),
    (f"{_PACE}|", 2),
    (f"{_ORDER}|Anything to threaten or harm anyone", 10),
    (f"{_FIREARMS}|Firearms", 8),
)
_OUTCOMES: seeded.Weighted = (
    ("A no further action disposal", 678), ("Arrest", 177), ("Community resolution", 98),
    ("Penalty Notice for Disorder", 28), ("Summons / charged by post", 18),
    ("Caution (simple or conditional)", 1),
)  # fmt: skip


def _last_sunday(year: int, month: int) -> date:
    day = months.last_day(date(year, month, 1))
    return day - timedelta(days=(day.weekday() + 1) % 7)


def to_utc(local: datetime) -> datetime:
    """UTC of a London wall-clock time; summer time starts and ends on the last Sundays at 01:00 UTC.

    The repeated hour in October is read as summer time, the hour that March does not have as winter time.
    """
    start = datetime.combine(_last_sunday(local.year, 3), datetime.min.time()) + timedelta(hours=2)
    end = datetime.combine(_last_sunday(local.year, 10), datetime.min.time()) + timedelta(hours=2)
    return (local - timedelta(hours=1 if start <= local < end else 0)).replace(tzinfo=UTC)


def _times(draw: Random, month: date, count: int) -> list[datetime]:
    """Times in UTC; the first search is always in the first minutes of the local month."""
    days = months.last_day(month).day
    first = datetime.combine(month, datetime.min.time())
    minutes = [draw.randrange(1, 9)]
    for _ in range(count - 1):
        minutes.append(draw.randrange(days) * 1440 + int(draw.triangular(0, 1440, 1080)) % 1440)
    return sorted(to_utc(first + timedelta(minutes=minute)) for minute in minutes)


def _place(seed: int, force: Force, draw: Random) -> tuple[str, str]:
    if draw.random() < BLANK_PLACE_SHARE:
        return "", ""
    if force.slug == "metropolitan":
        pool = geography.AUTHORITIES[1:]
        area = draw.choices(pool, [place.thousands * place.violence for place in pool])[0]
    elif force.slug == "city-of-london":
        area = geography.AUTHORITIES[0]
    elif force.slug == "btp":
        area = draw.choice((*geography.AUTHORITIES, *geography.OUTSIDE))
    else:
        area = geography.OUTSIDE[1]
    point = draw.choice(geography.points(seed, area))
    return point.latitude, point.longitude


def _flags(draw: Random, month: date, outcome: str) -> tuple[str, str]:
    """The last two columns: not supplied before 2024."""
    if month < LAST_COLUMNS_FROM:
        return "", ""
    linked = str(draw.random() < (0.2 if outcome.startswith("A no further") else 0.8))
    return linked, str(draw.random() < 0.03)


@lru_cache(maxsize=2048)
def stop_search_csv(seed: int, force: Force, month: date) -> bytes:
    """The `-stop-and-search.csv` member for one force and month."""
    draw = seeded.source(seed, "stops", force.slug, month)
    count = max(2, round(force.stop_rows * draw.uniform(0.9, 1.1)))
    rows: list[str] = []
    for when in _times(draw, month, count):
        latitude, longitude = _place(seed, force, draw)
        officer = seeded.pick(draw, _OFFICER)
        legislation, _, wanted = seeded.pick(draw, _REASONS).partition("|")
        outcome = seeded.pick(draw, _OUTCOMES)
        kind = seeded.pick(draw, _TYPES)
        is_vehicle = kind == "Vehicle search"
        person = ["", "", "", ""]
        if not is_vehicle:
            age = "" if draw.random() < BLANK_AGE_SHARE else seeded.pick(draw, _AGES)
            person = [seeded.pick(draw, _GENDERS), age, seeded.pick(draw, _SELF[officer]), officer]
        place = ["False", "", latitude, longitude]
        ground = [legislation, wanted, outcome, *_flags(draw, month, outcome)]
        rows.append(",".join([kind, when.isoformat(), *place, *person, *ground]))
        if draw.random() < REPEAT_SHARE:
            rows.append(rows[-1])
    return "".join(line + force.newline for line in (HEADER, *rows)).encode("ascii")
