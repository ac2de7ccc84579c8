"""What may leave: `tables/*.yml`, one file for each published table, named after it.

Loading refuses what the policy forbids (R11, R17): figures too fine to be protected, too many details below London,
sets of periods that overlap. Every message names the file, the key and the mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vru import documents
from vru.disclosure import columns
from vru.disclosure.columns import Layout
from vru.disclosure.policy import Policy, load_policy

TABLES = Path(__file__).with_name("tables")
LAYOUTS: Mapping[str, Layout] = {
    "series": columns.SERIES,
    "sums": columns.SUMS,
    "areas": columns.AREAS,
    "total": columns.TOTAL,
    "cross": columns.CROSS,
    "verdict": columns.VERDICT,
    "level": columns.LEVEL,
    "steps": columns.STEPS,
    "boundaries": columns.BOUNDARIES,
    "provenance": columns.PROVENANCE,
    "withheld": columns.WITHHELD,
}
NEEDS: Mapping[str, frozenset[str]] = {
    "series": frozenset({"measures", "area_kind", "period_kind"}),
    "areas": frozenset({"measures", "area_kind", "period_kind", "window"}),
    "cross": frozenset({"measures", "area_kind", "period_kind", "window"}),
    "sums": frozenset({"of"}),
    "total": frozenset({"of", "title"}),
    "verdict": frozenset({"of"}),
    "level": frozenset({"of"}),
    "steps": frozenset({"of"}),
    "boundaries": frozenset({"area_kind"}),
    "provenance": frozenset(),
    "withheld": frozenset(),
}
SOURCES = {"sums": ("series",), "verdict": ("series",), "level": ("series",), "steps": ("series",), "total": ("areas",)}
"""Shapes of the table that a derived one may be made of."""
OVERLAPPING = (
    {"rolling_12_months", "month"}, {"rolling_12_months", "quarter"}, {"rolling_12_months", "calendar_year"},
    {"rolling_12_months", "financial_year"}, {"calendar_year", "financial_year"},
)  # fmt: skip
"""Kinds of period of which the difference of two published sums is a figure of its own (R11)."""


class SpecificationError(Exception):
    """A specification that cannot be used. The message says which file, which key and how to mend it."""


class Specification(BaseModel):
    """One published table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    comment: str = Field(min_length=20)
    shape: Literal[
        "series", "sums", "areas", "total", "cross", "verdict", "level", "steps", "boundaries", "provenance", "withheld"
    ]
    measures: list[str] = []
    """Definition ids."""
    of: str | None = None
    """The table that this one is derived from."""
    area_kind: str | None = None
    period_kind: str | None = None
    window: int | None = Field(default=None, ge=1, le=30)
    """Newest periods in a row that the table covers."""
    details: list[str] = []
    """What the rows are split by besides area and period."""
    is_large_kind: bool = False
    """The kind counts so many events a year that R17 allows finer periods."""
    title: str | None = None
    """Name of the row of a total."""
    unit: str = "events"
    words: dict[str, str] = {}
    """Column comments in place of the shape's own."""

    @property
    def layout(self) -> Layout:
        """Columns and key, with comments in this table's words."""
        return LAYOUTS[self.shape].in_words(self.unit, self.words)

    @property
    def is_measured(self) -> bool:
        """Whether its cells are counts of measures, and not made of another table."""
        return bool(self.measures)


def load_specifications(folder: Path | None = None, policy: Policy | None = None) -> dict[str, Specification]:
    """Every table that may leave, by name; those that others are made of come first. Raises SpecificationError."""
    folder, policy = folder or TABLES, policy or load_policy()
    found = {path.stem: _load(path) for path in sorted(folder.glob("*.yml"))}
    for spec in found.values():
        _check(spec, found, policy)
    _check_overlaps(found)
    return dict(sorted(found.items(), key=lambda item: (list(NEEDS).index(item[1].shape), item[0])))


def _load(path: Path) -> Specification:
    try:
        content = documents.read(path)
    except documents.DocumentError as error:
        raise SpecificationError(f"tables/{error}") from error
    if not isinstance(content, dict):
        raise SpecificationError(f"tables/{path.name}: empty; a specification is a mapping that starts with 'comment:'")
    try:
        return Specification.model_validate({"table": path.stem, **content})
    except ValidationError as error:
        problems = "; ".join(f"key {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SpecificationError(f"tables/{path.name}: {problems}") from error


def _check(spec: Specification, all_: Mapping[str, Specification], policy: Policy) -> None:
    def wrong(key: str, what: str) -> SpecificationError:
        return SpecificationError(f"tables/{spec.table}.yml, key {key}: {what}")

    given = {key for key in ("measures", "of", "area_kind", "period_kind", "window", "title") if getattr(spec, key)}
    if missing := sorted(NEEDS[spec.shape] - given):
        raise wrong(missing[0], f"missing; shape '{spec.shape}' needs it")
    if surplus := sorted(given - NEEDS[spec.shape]):
        raise wrong(surplus[0], f"shape '{spec.shape}' does not use it; take it out")
    if unknown := sorted(set(spec.words) - {c.name for c in spec.layout.columns}):
        raise wrong(f"words.{unknown[0]}", f"shape '{spec.shape}' has no such column")
    if spec.of is not None:
        source = all_.get(spec.of)
        if source is None or source.shape not in SOURCES[spec.shape]:
            raise wrong("of", f"must name a table of shape {' or '.join(SOURCES[spec.shape])}; '{spec.of}' is none")
    if spec.shape in ("series", "areas") and len(spec.measures) > 1:
        raise wrong("measures", f"shape '{spec.shape}' shows one definition; use a table for each, or shape 'cross'")
    if not spec.is_measured:
        return
    area, period = str(spec.area_kind), str(spec.period_kind)
    if unknown := sorted(set(spec.details) - set(policy.details)):
        raise wrong("details", f"'{unknown[0]}' is none of {', '.join(policy.details)}")
    if spec.details:
        if area != "region" and len(spec.details) > 1:
            raise wrong("details", "below London a table has at most one of them (R12); take the others out")
        raise wrong("details", "no shape is split by them yet; make a definition for each value, and use shape 'cross'")
    if area not in policy.grains:
        raise wrong("area_kind", f"'{area}' has no grain in the policy (R17); use one of {', '.join(policy.grains)}")
    allowed = policy.grains[area] + (policy.large_grains.get(area, []) if spec.is_large_kind else [])
    if period not in allowed:
        raise wrong(
            "period_kind",
            f"'{period}' by {area} is no period that may leave (R12, R17); use one of {', '.join(allowed)}",
        )


def _check_overlaps(all_: Mapping[str, Specification]) -> None:
    """R11: of one definition and kind of area no two sets of periods may overlap without nesting."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for spec in all_.values():
        for measure in spec.measures:
            kinds = seen.setdefault((measure, str(spec.area_kind)), {})
            for kind, other in kinds.items():
                if {kind, spec.period_kind} in OVERLAPPING:
                    raise SpecificationError(
                        f"tables/{spec.table}.yml, key period_kind: '{spec.period_kind}' of {measure} overlaps with "
                        f"'{kind}' in tables/{other}.yml, so that one taken from the other is a figure of its own "
                        "(R11); publish one of the two"
                    )
            kinds[str(spec.period_kind)] = spec.table
