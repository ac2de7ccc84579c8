"""Every count that is about to leave, in one family: protected together, with all that connects them.

An attacker adds and subtracts across tables: months and their year, boroughs and London, a part and its whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from vru.disclosure import releases, rules
from vru.disclosure.attacker import ENDLESS, Sum
from vru.disclosure.exemption import Evidence
from vru.disclosure.policy import Policy
from vru.disclosure.releases import Earlier
from vru.disclosure.shapes import Fact, Key
from vru.disclosure.suppression import Figure, protect

DISAGREES, UNPROTECTED, REFUSED = "disagrees", "unprotected", "refused"


@dataclass(frozen=True)
class Withheld:
    """Why a table is not shown."""

    kind: str
    reason: str


@dataclass
class Family:
    """Protected cells by what they count; tables that cannot be shown, and why."""

    cells: dict[Key, rules.Cell] = field(default_factory=dict)
    withheld: dict[str, Withheld] = field(default_factory=dict)


def protect_family(
    tables: Mapping[str, Sequence[Fact]],
    known_totals: Sequence[str],
    evidence: Mapping[str, Evidence],
    earlier: Mapping[Key, Sequence[Earlier]],
    policy: Policy,
) -> Family:
    """Protect the counts of all ``tables`` (name -> facts) together.

    ``known_totals`` are tables of which the exact sum is taken as known. ``evidence`` is by definition.
    """
    family = Family()
    facts: dict[Key, Fact] = {}
    for name, found in tables.items():
        wrong = [f for f in found if evidence[f.definition_id].differs(f.count, f.months, f.place)]
        if wrong:
            family.withheld[name] = Withheld(DISAGREES, _disagreement(wrong[0]))
            continue
        for f in found:
            facts.setdefault(f.key, f)
    sound = {name: found for name, found in tables.items() if name not in family.withheld}
    keys = list(facts)
    figures = [
        releases.figure(
            f.count, evidence[f.definition_id].is_exempt(f.count, f.months, f.place), earlier.get(f.key, ()), policy
        )
        for f in facts.values()
    ]
    sums = known_sums(sound, [name for name in known_totals if name in sound], keys, figures, policy)
    protected = protect(figures, sums, policy)
    family.cells = dict(zip(keys, protected.cells, strict=True))
    lost = {keys[i] for i in protected.withheld if protected.cells[i].is_suppressed}
    for name, found in sound.items():
        mine = {f.key for f in found} & lost
        if mine:
            is_refused = any(f != Figure(f.count) for k, f in zip(keys, figures, strict=True) if k in mine)
            family.withheld[name] = Withheld(REFUSED, _REFUSED) if is_refused else Withheld(UNPROTECTED, _UNPROTECTED)
    return family


_UNPROTECTED = "hiding single counts cannot protect the people in this table; all of its counts are hidden"
_REFUSED = "beside an earlier release it would tell too much of a hidden count; the release is held"


def _disagreement(f: Fact) -> str:
    return (
        f"the marts and the publisher's own file, counted again as it came, give different numbers, the first for "
        f"{f.area_name} from {f.period_start:%B %Y}; nothing of the table is shown until they agree"
    )


def known_sums(
    tables: Mapping[str, Sequence[Fact]],
    known_totals: Sequence[str],
    keys: Sequence[Key],
    figures: Sequence[Figure],
    policy: Policy,
) -> list[Sum]:
    """What an attacker can add up: totals, periods within periods, areas within London, parts of a whole."""
    index = {key: i for i, key in enumerate(keys)}
    known = {name: [f for f in found if f.count is not None] for name, found in tables.items()}
    sums: list[Sum] = []
    for name in known_totals:
        total = sum(f.count or 0 for f in known[name])
        sums.append(Sum({index[f.key]: 1 for f in known[name]}, total, total))
    by_place: dict[tuple[str, str], dict[str, list[Fact]]] = {}
    for name, found in known.items():
        for f in found:
            by_place.setdefault((f.definition_id, f.area_code), {}).setdefault(name, []).append(f)
    for places in by_place.values():
        for f in {f.key: f for found in places.values() for f in found}.values():
            for found in places.values():
                children = _tiles(found, f.period_start, f.period_end)
                if children and [c.key for c in children] != [f.key]:
                    sums.append(Sum({index[f.key]: 1, **{index[c.key]: -1 for c in children}}, 0, 0))
    regions: dict[str, list[list[Fact]]] = {}
    for (definition, _), places in by_place.items():
        for found in places.values():
            if found[0].area_kind == "region":
                regions.setdefault(definition, []).append(found)
    for found in known.values():
        inner: dict[tuple[str, date, date], list[Fact]] = {}
        for f in found:
            if f.area_kind != "region":
                inner.setdefault((f.definition_id, f.period_start, f.period_end), []).append(f)
        for (definition, start, end), parts in inner.items():
            for region in regions.get(definition, []):
                around = _tiles(region, start, end)
                if around:
                    weights = {index[f.key]: 1 for f in around} | {index[f.key]: -1 for f in parts}
                    sums.append(Sum(weights, 0, ENDLESS))
    for whole, parts_of in policy.parts.items():
        for part in parts_of:
            for key, i in index.items():
                j = index.get((part, *key[1:]))
                if key[0] == whole and j is not None and None not in (figures[i].count, figures[j].count):
                    sums.append(Sum({i: 1, j: -1}, 0, ENDLESS))
    return [s for s in sums if any(figures[i].count and not figures[i].is_exempt for i in s.parts)]


def _tiles(facts: Sequence[Fact], start: date, end: date) -> list[Fact]:
    """The facts of one area whose periods fill the time from ``start`` to ``end`` exactly; empty if they do not."""
    inside = sorted((f for f in facts if start <= f.period_start and f.period_end <= end), key=lambda f: f.period_start)
    at = start
    for f in inside:
        if f.period_start != at:
            return []
        at = f.period_end + timedelta(days=1)
    return inside if inside and at == end + timedelta(days=1) else []
