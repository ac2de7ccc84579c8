"""A synthetic London: 33 real authority names and GSS codes, made-up small areas, tile shapes in WGS84.

The authorities, `E12000007` and their names are those of the Office for National Statistics. Everything
below them is invented: small-area codes have the true form (`E01` and six digits) but lie in a range that
no real area uses (`E019…`). Each authority is one tile of a grid over the true bounding box of London;
ten 2011 LSOAs tile each authority. In one authority of three an LSOA is split into two for 2021, in
another two are merged into one; all other codes stand in both vintages, as most real ones do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from vru.sandbox import seeded

LONDON_CODE, LONDON_NAME = "E12000007", "London"
WEST, SOUTH, EAST, NORTH = -0.51, 51.286, 0.334, 51.692
GRID_COLUMNS, GRID_ROWS = 8, 7
LSOA_COLUMNS, LSOA_ROWS = 5, 2
POINTS_PER_LSOA = 6
POINT_MARGIN = 0.08

Box = tuple[float, float, float, float]
Ring = list[list[float]]


@dataclass(frozen=True)
class Authority:
    """A local authority: code, name, tile (column, row from the north), residents in thousands about 2011."""

    code: str
    name: str
    column: int
    row: int
    thousands: float
    violence: float
    """Violence per resident against the London average; invented, of a plausible spread."""
    region_code: str = LONDON_CODE
    region_name: str = LONDON_NAME

    @property
    def number(self) -> int:
        """Two digits that its small-area codes carry."""
        return int(self.code[-2:]) if self.is_in_london else 40 + _OUTSIDE_ORDER.index(self.code)

    @property
    def is_in_london(self) -> bool:
        """Whether it is one of the 33."""
        return self.region_code == LONDON_CODE


@dataclass(frozen=True)
class Lsoa:
    """A small area of one census vintage."""

    code: str
    name: str
    msoa_code: str
    msoa_name: str
    ward_code: str
    ward_name: str
    authority: Authority
    box: Box


@dataclass(frozen=True)
class Point:
    """One of the fixed anonymous points that offences are moved to."""

    longitude: str
    latitude: str
    location: str
    lsoa11: Lsoa
    lsoa21: Lsoa


AUTHORITIES: tuple[Authority, ...] = (
    Authority("E09000001", "City of London", 4, 3, 7.4, 1.0),
    Authority("E09000002", "Barking and Dagenham", 7, 3, 187, 1.2),
    Authority("E09000003", "Barnet", 3, 1, 357, 0.7),
    Authority("E09000004", "Bexley", 7, 4, 232, 0.6),
    Authority("E09000005", "Brent", 2, 2, 312, 1.3),
    Authority("E09000006", "Bromley", 5, 5, 310, 0.5),
    Authority("E09000007", "Camden", 3, 2, 220, 1.2),
    Authority("E09000008", "Croydon", 4, 5, 364, 1.2),
    Authority("E09000009", "Ealing", 1, 3, 339, 0.9),
    Authority("E09000010", "Enfield", 4, 0, 313, 1.1),
    Authority("E09000011", "Greenwich", 6, 4, 255, 1.4),
    Authority("E09000012", "Hackney", 5, 2, 247, 1.6),
    Authority("E09000013", "Hammersmith and Fulham", 2, 4, 182, 0.9),
    Authority("E09000014", "Haringey", 4, 1, 255, 1.5),
    Authority("E09000015", "Harrow", 1, 2, 240, 0.5),
    Authority("E09000016", "Havering", 7, 2, 238, 0.6),
    Authority("E09000017", "Hillingdon", 0, 3, 275, 0.7),
    Authority("E09000018", "Hounslow", 1, 4, 255, 0.8),
    Authority("E09000019", "Islington", 4, 2, 206, 1.4),
    Authority("E09000020", "Kensington and Chelsea", 2, 3, 158, 0.8),
    Authority("E09000021", "Kingston upon Thames", 2, 6, 160, 0.5),
    Authority("E09000022", "Lambeth", 3, 4, 304, 1.6),
    Authority("E09000023", "Lewisham", 5, 4, 276, 1.2),
    Authority("E09000024", "Merton", 3, 5, 200, 0.5),
    Authority("E09000025", "Newham", 6, 3, 310, 1.5),
    Authority("E09000026", "Redbridge", 6, 2, 281, 0.9),
    Authority("E09000027", "Richmond upon Thames", 1, 5, 187, 0.4),
    Authority("E09000028", "Southwark", 4, 4, 289, 1.5),
    Authority("E09000029", "Sutton", 3, 6, 191, 0.4),
    Authority("E09000030", "Tower Hamlets", 5, 3, 256, 1.2),
    Authority("E09000031", "Waltham Forest", 5, 1, 260, 1.1),
    Authority("E09000032", "Wandsworth", 2, 5, 308, 0.9),
    Authority("E09000033", "Westminster", 3, 3, 220, 1.4),
)
OUTSIDE: tuple[Authority, ...] = (
    Authority("E07000072", "Epping Forest", 7, 0, 125, 0.6, "E12000006", "East of England"),
    Authority("E07000111", "Sevenoaks", 7, 6, 115, 0.5, "E12000008", "South East"),
    Authority("E07000207", "Elmbridge", 0, 6, 131, 0.4, "E12000008", "South East"),
)
_OUTSIDE_ORDER = tuple(authority.code for authority in OUTSIDE)

_STREET_WORDS = (
    "Alder",
    "Beacon",
    "Cedar",
    "Dunmore",
    "Eldon",
    "Foxley",
    "Garnet",
    "Hollis",
    "Ivory",
    "Juniper",
)
_STREET_KINDS = ("Road", "Street", "Avenue", "Lane", "Close", "Gardens", "Way", "Place")
_PLACE_KINDS = (
    "Parking Area",
    "Supermarket",
    "Shopping Area",
    "Petrol Station",
    "Park/Open Space",
    "Hospital",
)


def authority_named(name: str) -> Authority:
    """The London authority of this name."""
    return next(authority for authority in AUTHORITIES if authority.name == name)


def authority_box(authority: Authority) -> Box:
    """West, south, east, north of the authority's tile."""
    width, height = (EAST - WEST) / GRID_COLUMNS, (NORTH - SOUTH) / GRID_ROWS
    west, north = WEST + authority.column * width, NORTH - authority.row * height
    return west, north - height, west + width, north


def ring(box: Box) -> Ring:
    """The closed outline of a box, anticlockwise as GeoJSON (RFC 7946) wants it, to 5 decimals."""
    west, south, east, north = (round(side, 5) for side in box)
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def _cell_box(authority: Authority, cell: int) -> Box:
    west, south, east, north = authority_box(authority)
    width, height = (east - west) / LSOA_COLUMNS, (north - south) / LSOA_ROWS
    column, row = cell % LSOA_COLUMNS, cell // LSOA_COLUMNS
    return (
        west + column * width,
        north - (row + 1) * height,
        west + (column + 1) * width,
        north - row * height,
    )


def _lsoa(authority: Authority, cell: int, number: int, box: Box) -> Lsoa:
    msoa, ward = 1 + cell // LSOA_COLUMNS, 1 + cell % LSOA_COLUMNS // 2
    letter = "ABCDEFGHIJKL"[number - 1]
    return Lsoa(
        code=f"E019{authority.number:02d}{number:03d}",
        name=f"{authority.name} {msoa:03d}{letter}",
        msoa_code=f"E029{authority.number:02d}{msoa:03d}",
        msoa_name=f"{authority.name} {msoa:03d}",
        ward_code=f"E059{authority.number:02d}{ward:03d}",
        ward_name=("North Ward", "Central Ward", "South Ward")[ward - 1],
        authority=authority,
        box=box,
    )


def lsoas_2011(authority: Authority) -> list[Lsoa]:
    """The 2011 LSOAs of one authority: one for each cell."""
    cells = range(LSOA_COLUMNS * LSOA_ROWS)
    return [_lsoa(authority, cell, cell + 1, _cell_box(authority, cell)) for cell in cells]


def lsoas_2021(authority: Authority) -> list[Lsoa]:
    """The 2021 LSOAs of one authority: the last cell split, the last two merged, or as in 2011."""
    old = lsoas_2011(authority)
    last = len(old) - 1
    west, south, east, north = old[last].box
    match authority.number % 3:
        case 0:
            middle = (west + east) / 2
            halves = (west, south, middle, north), (middle, south, east, north)
            return old[:last] + [_lsoa(authority, last, last + 2 + half, halves[half]) for half in (0, 1)]
        case 1:
            merged = (old[last - 1].box[0], south, east, north)
            return [*old[: last - 1], _lsoa(authority, last, last + 2, merged)]
        case _:
            return old


def _holder(areas: list[Lsoa], longitude: float, latitude: float) -> Lsoa:
    for area in areas:
        west, south, east, north = area.box
        if west <= longitude < east and south <= latitude < north:
            return area
    raise ValueError(f"no area holds {longitude}, {latitude}")


def _location(draw: Random) -> str:
    kind = draw.random()
    if kind < 0.18:
        return "On or near "
    if kind < 0.3:
        return f"On or near {draw.choice(_PLACE_KINDS)}"
    return f"On or near {draw.choice(_STREET_WORDS)} {draw.choice(_STREET_KINDS)}"


@lru_cache(maxsize=128)
def points(seed: int, authority: Authority) -> tuple[Point, ...]:
    """The fixed anonymous points of one authority, each well inside its 2011 and its 2021 LSOA."""
    draw = seeded.source(seed, "points", authority.code)
    old, new = lsoas_2011(authority), lsoas_2021(authority)
    found = []
    for area in old:
        west, south, east, north = area.box
        for number in range(POINTS_PER_LSOA):
            # left and right half in turn, so that no point falls on the line where an LSOA is split
            share = number % 2 / 2 + POINT_MARGIN + draw.random() * (0.5 - 2 * POINT_MARGIN)
            longitude = round(west + (east - west) * share, 6)
            share = POINT_MARGIN + draw.random() * (1 - 2 * POINT_MARGIN)
            latitude = round(south + (north - south) * share, 6)
            holder = _holder(new, longitude, latitude)
            found.append(Point(f"{longitude:.6f}", f"{latitude:.6f}", _location(draw), area, holder))
    return tuple(found)
