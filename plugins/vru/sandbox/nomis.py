"""Nomis: mid-year population estimates as CSV (dataset NM_2002_1).

Served: `geography` (`TYPE464` local authorities, `TYPE480` regions, `2013265927` London,
`2013265927TYPE464` its authorities, GSS codes, lists of these), `date` or `time` (years, lists, `a-b`,
`latest`, `latestMINUSn`), `gender` (0, 1, 2), `c_age` (200 all ages, 101 to 191 = age 0 to 90 and over; lists
and `a...b`), `measures` (20100), `select`, `recordoffset`, `recordlimit`.

As at the publisher, column names come back in upper case, at most 25,000 rows are returned without a word
(the column `RECORD_COUNT` alone tells how many there are), texts are quoted and numbers are not. The quoting
and the CRLF line ends are those of public copies of Nomis files; they are not documented.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, product

from vru.sandbox import events, geography, population
from vru.sandbox.clock import World
from vru.sandbox.responses import CSV_TYPE, Request, Response, html_page, not_found

HOST = "www.nomisweb.co.uk"
DATASET_PATH = "/api/v01/dataset/NM_2002_1.data.csv"
ROW_LIMIT = 25_000
VALUE_MEASURE = 20100
ALL_AGES_CODE, AGE_ZERO_CODE = 200, 101
NOMIS_LONDON = "2013265927"
SEXES = {0: ("Total", [population.MALE, population.FEMALE]), 1: ("Male", [1]), 2: ("Female", [2])}
REGIONS = {
    "E12000006": "East of England",
    geography.LONDON_CODE: geography.LONDON_NAME,
    "E12000008": "South East",
}


class BadQueryError(ValueError):
    """The query asks for something that the dataset does not have."""


@dataclass(frozen=True)
class Cell:
    """One observation to be written."""

    number: int
    total: int
    year: int
    area_code: str
    gender: int
    age_code: int
    value: int


def _area_name(code: str) -> str:
    return REGIONS.get(code) or population.members(code)[0].name


def _age_name(code: int) -> str:
    if code == ALL_AGES_CODE:
        return "All Ages"
    age = code - AGE_ZERO_CODE
    return f"Aged {age}+" if age == population.OLDEST else f"Age {age}"


def _quoted(text: object) -> str:
    return f'"{text}"'


_COLUMNS: dict[str, Callable[[Cell], str]] = {
    "DATE": lambda cell: str(cell.year),
    "DATE_NAME": lambda cell: _quoted(cell.year),
    "DATE_CODE": lambda cell: _quoted(cell.year),
    "GEOGRAPHY_NAME": lambda cell: _quoted(_area_name(cell.area_code)),
    "GEOGRAPHY_CODE": lambda cell: _quoted(cell.area_code),
    "GENDER": lambda cell: str(cell.gender),
    "GENDER_NAME": lambda cell: _quoted(SEXES[cell.gender][0]),
    "C_AGE": lambda cell: str(cell.age_code),
    "C_AGE_NAME": lambda cell: _quoted(_age_name(cell.age_code)),
    "MEASURES": lambda _: str(VALUE_MEASURE),
    "MEASURES_NAME": lambda _: _quoted("Value"),
    "OBS_VALUE": lambda cell: str(cell.value),
    "OBS_STATUS": lambda _: _quoted("A"),
    "OBS_STATUS_NAME": lambda _: _quoted("Normal Value"),
    "RECORD_OFFSET": lambda cell: str(cell.number),
    "RECORD_COUNT": lambda cell: str(cell.total),
}


def _areas(text: str) -> list[str]:
    everywhere = (*geography.AUTHORITIES, *geography.OUTSIDE)
    found: list[str] = []
    for item in text.split(","):
        match item:
            case "TYPE464":
                found += [area.code for area in sorted(everywhere, key=lambda area: area.code)]
            case "TYPE480":
                found += sorted(REGIONS)
            case _ if item == NOMIS_LONDON:
                found.append(geography.LONDON_CODE)
            case _ if item in (f"{NOMIS_LONDON}TYPE464", f"{geography.LONDON_CODE}TYPE464"):
                found += [area.code for area in geography.AUTHORITIES]
            case _ if population.members(item):
                found.append(item)
            case _:
                raise BadQueryError("geography")
    return found


def _year(text: str, last: int) -> int:
    if text.startswith("latest"):
        back = text.removeprefix("latest").removeprefix("MINUS")
        return last - (_integer(back, "date") if back else 0)
    return last if text == "latest" else _integer(text, "date")


def _years(text: str, last: int) -> list[int]:
    found: list[int] = []
    for item in text.split(","):
        start, _, end = item.partition("-")
        first_year = _year(start, last)
        found += range(first_year, _year(end, last) + 1) if end else [first_year]
    return [year for year in found if population.FIRST_YEAR <= year <= last]


def _integer(text: str, name: str) -> int:
    if not text.isdigit():
        raise BadQueryError(name)
    return int(text)


def _codes(text: str, name: str, allowed: set[int]) -> list[int]:
    found: list[int] = []
    for item in text.split(","):
        start, _, end = item.partition("...")
        first = _integer(start, name)
        found += range(first, _integer(end, name) + 1) if end else [first]
    if not set(found) <= allowed:
        raise BadQueryError(name)
    return found


def _selected(text: str) -> list[str]:
    names = [name.strip().upper() for name in text.split(",")]
    if unknown := [name for name in names if name not in _COLUMNS]:
        raise BadQueryError(f"select {unknown[0]}")
    return names


def csv_text(world: World, query: dict[str, str]) -> str:
    """The answer to one query, as Nomis writes it."""
    release = population.current_release(world.delivered_to)
    ages = set(range(AGE_ZERO_CODE, AGE_ZERO_CODE + population.OLDEST + 1)) | {ALL_AGES_CODE}
    cells = list(
        product(
            _years(query.get("date") or query.get("time") or "latest", release.last_year),
            _areas(query.get("geography", "TYPE464")),
            _codes(query.get("gender", "0"), "gender", set(SEXES)),
            _codes(query.get("c_age", str(ALL_AGES_CODE)), "c_age", ages),
            _codes(query.get("measures", str(VALUE_MEASURE)), "measures", {VALUE_MEASURE}),
        )
    )
    names = _selected(query.get("select", ",".join(_COLUMNS)))
    writers = [_COLUMNS[name] for name in names]
    offset = _integer(query.get("recordoffset", "0"), "recordoffset")
    limit = min(ROW_LIMIT, _integer(query.get("recordlimit", str(ROW_LIMIT)), "recordlimit"))
    lines = [",".join(map(_quoted, names))]
    for number, (year, code, gender, age_code, _) in enumerate(islice(cells, offset, offset + limit), offset):
        age = None if age_code == ALL_AGES_CODE else age_code - AGE_ZERO_CODE
        value = population.residents(world.seed, release, code, year, SEXES[gender][1], age)
        cell = Cell(number, len(cells), year, code, gender, age_code, value)
        lines.append(",".join(write(cell) for write in writers))
    return "".join(line + "\r\n" for line in lines)


def respond(request: Request) -> Response:
    """Answer one request to www.nomisweb.co.uk."""
    if request.path != DATASET_PATH:
        return not_found()
    if events.broken_partner(request.world.delivered_to) == "nomis":
        return html_page()
    try:
        return Response(csv_text(request.world, request.query).encode("ascii"), CSV_TYPE)
    except BadQueryError as error:
        return Response(f"Error: the query is not valid ({error})\r\n".encode(), "text/plain; charset=utf-8", 400)
