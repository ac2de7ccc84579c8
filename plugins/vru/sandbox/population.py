"""Mid-year residents by authority, sex and single year of age: invented, with the real break in the series.

As in the real estimates the series based on the Census of 2011 ends in 2020 and the one based on the Census
of 2021 starts lower in 2021; a later release re-bases 2012 to 2020. All figures are whole people: ages add
to all ages, sexes to both, authorities to London.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from vru.sandbox import geography, seeded
from vru.sandbox.geography import Authority

FIRST_YEAR, CENSUS_2011, CENSUS_2021 = 2001, 2011, 2021
OLDEST = 90
"""The last single year of age stands for this age and over."""
MALE, FEMALE = 1, 2
_YEARLY_GROWTH = 0.0098
_CENSUS_2021_STEP = 0.974


@dataclass(frozen=True)
class Release:
    """One issue of the whole series."""

    issued: date
    last_year: int
    is_rebased: bool
    """Whether 2012 to 2020 already agree with the Census of 2021."""


RELEASES: tuple[Release, ...] = (
    Release(date(2021, 6, 25), 2020, False),
    Release(date(2022, 12, 21), 2021, False),
    Release(date(2023, 11, 23), 2022, True),
    Release(date(2024, 7, 15), 2023, True),
    Release(date(2025, 7, 30), 2024, True),
)


def current_release(today: date) -> Release:
    """The newest issue on this day; from 2026 on each July brings one more year."""
    issued = [release for release in RELEASES if release.issued <= today]
    for year in range(2026, today.year + 1):
        if date(year, 7, 15) <= today:
            issued.append(Release(date(year, 7, 15), year - 1, True))
    return issued[-1]


def _base(release: Release, year: int) -> float:
    """The step from the old series to the one based on the Census of 2021."""
    if year >= CENSUS_2021:
        return _CENSUS_2021_STEP
    if release.is_rebased and year > CENSUS_2011:
        return 1 - (1 - _CENSUS_2021_STEP) * (year - CENSUS_2011) / (CENSUS_2021 - CENSUS_2011)
    return 1.0


@lru_cache(maxsize=8192)
def _age_weight(authority: Authority, sex: int, age: int) -> float:
    """A smooth age profile: children, many young adults, fewer old people."""
    children = 1.25 - 0.012 * age if age < 18 else 0.0
    adults = 1.9 * math.exp(-(((age - 31) / 17) ** 2)) if age >= 16 else 0.0
    older = 0.85 * math.exp(-(((age - 52) / 20) ** 2))
    oldest = 2.6 if age == OLDEST else 1.0
    tilt = 1 + (age - 40) / 250 * (1 - authority.violence) * (1.05 if sex == FEMALE else 0.95)
    return max(0.01, (children + adults + older + (0.02 if sex == MALE else 0.035)) * tilt) * oldest


def _shares_to_counts(total: int, weights: list[float]) -> tuple[int, ...]:
    """Whole counts that add exactly to the total, by largest remainder."""
    scale = total / sum(weights)
    exact = [weight * scale for weight in weights]
    counts = [math.floor(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda place: (counts[place] - exact[place], place))
    for place in order[: total - sum(counts)]:
        counts[place] += 1
    return tuple(counts)


@lru_cache(maxsize=8192)
def _by_age(seed: int, release: Release, authority: Authority, year: int, sex: int) -> tuple[int, ...]:
    draw = seeded.source(seed, "population", authority.code, year)
    growth = (1 + _YEARLY_GROWTH) ** (year - CENSUS_2011)
    total = round(authority.thousands * 1000 * growth * _base(release, year) * draw.uniform(0.997, 1.003))
    males = round(total * draw.uniform(0.492, 0.502))
    weights = [_age_weight(authority, sex, age) for age in range(OLDEST + 1)]
    return _shares_to_counts(males if sex == MALE else total - males, weights)


def residents(seed: int, release: Release, area_code: str, year: int, sexes: list[int], age: int | None) -> int:
    """Residents of an authority or of a whole region; `age` None means all ages."""
    count = 0
    for authority in members(area_code):
        for sex in sexes:
            by_age = _by_age(seed, release, authority, year, sex)
            count += sum(by_age) if age is None else by_age[age]
    return count


@lru_cache(maxsize=128)
def members(area_code: str) -> tuple[Authority, ...]:
    """The authorities that make up an area; of the neighbouring regions only those that the sandbox knows."""
    every = (*geography.AUTHORITIES, *geography.OUTSIDE)
    return tuple(item for item in every if area_code in (item.code, item.region_code))
