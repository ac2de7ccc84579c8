"""How sources count definitions: measure specifications, `<source>.measures.yml` beside a source's facts.

A definition is a row of the seed `definition`. How one source counts it is an entry of that source's specification;
the macros in `dbt_project/macros/measures.sql` make counts, coverage and the measure mart of these entries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from vru import documents
from vru.contracts import Contract, load_contracts
from vru.contracts.base import Slug, Strict
from vru.contracts.problems import problems
from vru.settings import Settings, settings
from vru.transform.errors import BuildError

SUFFIX = ".measures.yml"


class MeasureError(BuildError):
    """A measure specification that cannot be used. The message says which file, which key and how to mend it."""


class Lag(Strict):
    """How long after its end a period may still change: whole months, or days."""

    months: int | None = Field(default=None, ge=0)
    days: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one(self) -> Lag:
        if (self.months is None) == (self.days is None):
            raise ValueError("give either 'months' or 'days'")
        return self


class Areas(Strict):
    """A kind of area that a source counts for, and the fact whose rows are counted there."""

    kind: Literal["region", "borough"]
    fact: Slug
    code: str | None = None
    """The one area to which every row belongs."""
    column: Slug | None = None
    """Or the column that says to which a row belongs: the area's code, or its name."""
    matches: Literal["area_code", "area_name"] = "area_code"
    where: str | None = None
    """SQL condition on the fact: the rows that take part. One of which it is null may be one of them: it is in no area,
    and stands in `unplaced_pct` beside every figure."""
    sound_column: Slug | None = None
    """Counted is the newest delivery in which this withholdable column is sound, not the newest of all: the fact holds
    it, or says in `current_for` which rows are its."""
    needs: list[Slug] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one(self) -> Areas:
        if (self.code is None) == (self.column is None):
            raise ValueError("give either 'code' (every row is that area's) or 'column'")
        return self


class Counting(Strict):
    """How a source counts; an entry may say otherwise."""

    count_unit: Literal["victims", "offences", "incidents", "attendances", "admissions"]
    place_basis: Literal["place_offence", "place_residence"]
    grain: Literal["month", "quarter", "calendar_year", "financial_year"]
    """The finest unit of time that the source has; nothing finer is shown, and longer periods are sums of it."""
    period_column: Slug
    """The fact's date, by which a row belongs to a unit."""
    weight: Slug | None = None
    """The fact's column that says for how many events a row stands; without it, each for one."""
    current_for: Slug | None = None
    """The facts' column that lists for what a row's delivery is current: '' as a whole, or columns that newer ones
    have withheld. With it a measure is counted on the newest delivery in which the column that it needs is sound."""
    reporting_lag: Lag
    denominator: Literal["residents", "none"]
    areas: list[Areas] = Field(min_length=1)
    partitions: list[str] = Field(default_factory=lambda: [""], min_length=1)
    """The partitions of the resource that a unit needs to be whole."""


class Measure(Strict):
    """How the source counts one definition."""

    definition_id: Slug
    headline_rank: int = Field(ge=1)
    """Of several sources of a definition the lowest rank is the headline."""
    rows: str = "true"
    """SQL condition on the fact: what is counted. Where it gives null, it is unknown whether the row counts."""
    unknown: str = "false"
    """SQL condition: rows of which the source does not say whether they count, beside those."""
    needs: list[Slug] = Field(default_factory=list)
    """Columns of the raw table that `rows` rests on; while a check withholds one, there is no figure.

    With `current_for`, and where the kind of area asks for no other, the first is taken from where it is sound.
    """
    counting: dict[str, Any] = Field(default_factory=dict)
    """Keys of the source's `counting` in which this entry says otherwise."""


class Gap(Strict):
    """Areas that the source does not cover, and what their figures say."""

    area_kind: Literal["region", "borough"]
    area_codes: list[str] = Field(min_length=1)
    reason: str = Field(min_length=10)


class Specification(Strict):
    """How one resource of one feed counts definitions."""

    source_feed: Slug
    resource: Slug
    counting: Counting
    gaps: list[Gap] = Field(default_factory=list)
    measures: list[Measure] = Field(min_length=1)

    @model_validator(mode="after")
    def _once(self) -> Specification:
        found = [measure.definition_id for measure in self.measures]
        if twice := sorted({name for name in found if found.count(name) > 1}):
            raise ValueError(f"definition {twice} has two entries; a source counts a definition in one way")
        return self

    def counting_of(self, measure: Measure) -> Counting:
        """How the definition of an entry is counted. Raises ValidationError."""
        return Counting.model_validate({**self.counting.model_dump(), **measure.counting})


def load_measures(of: Settings | None = None) -> list[Specification]:
    """Every measure specification of the dbt project, by feed. Raises MeasureError and ContractError."""
    of = of or settings()
    contracts = load_contracts(of.feeds_dir)
    found = [(path, _load(path, contracts)) for path in files(of.dbt_dir)]
    ranks: dict[tuple[str, int], str] = {}
    for path, specification in found:
        for measure in specification.measures:
            other = ranks.setdefault((measure.definition_id, measure.headline_rank), path.name)
            if other != path.name:
                raise MeasureError(
                    f"{path.name}, key measures.{measure.definition_id}.headline_rank: {measure.headline_rank} is that "
                    f"of {other} too, and one figure has one headline; give it another rank"
                )
    return [specification for _, specification in found]


def files(project: Path) -> list[Path]:
    """The files of the measure specifications."""
    return sorted((project / "models").rglob(f"*{SUFFIX}"))


def facts(project: Path) -> set[str]:
    """The models that measure specifications count on, read from their text alone."""
    found: set[str] = set()
    for path in files(project):
        found |= set(re.findall(r"\bfact:\s*['\"]?(\w+)", path.read_text(encoding="utf-8")))
    return found


def variables(specifications: list[Specification]) -> dict[str, Any]:
    """What the macros read, as the dbt variable `measures`.

    `entries`: a definition, source and kind of area each, how it is counted. `scans`: a fact, read once for all the
    definitions counted on it in one way. `gaps`: an area that a source does not cover each.
    """
    entries: list[dict[str, Any]] = []
    scans: dict[str, dict[str, Any]] = {}
    gaps: list[dict[str, Any]] = []
    for source in specifications:
        gaps += [
            {"source_feed": source.source_feed, "area_kind": gap.area_kind, "area_code": code, "reason": gap.reason}
            for gap in source.gaps
            for code in gap.area_codes
        ]
        for measure in source.measures:
            counting = source.counting_of(measure)
            for areas in counting.areas:
                entries.append(_entry(source, measure, counting, areas))
                scan = _scan(source, counting, areas)
                scans.setdefault(repr(scan), scan | {"measures": []})["measures"].append(
                    {
                        "definition_id": measure.definition_id, "rows": measure.rows, "unknown": measure.unknown,
                        "sound_column": _sound_column(measure, counting, areas),
                    }
                )  # fmt: skip
    return {"entries": entries, "scans": list(scans.values()), "gaps": gaps}


def _entry(source: Specification, measure: Measure, counting: Counting, areas: Areas) -> dict[str, Any]:
    lag = counting.reporting_lag
    sound = _sound_column(measure, counting, areas)
    return {
        "definition_id": measure.definition_id,
        "source_feed": source.source_feed,
        "resource": source.resource,
        "area_kind": areas.kind,
        "grain": counting.grain,
        "partitions": counting.partitions,
        "sound_column": sound,
        "needed_columns": sorted({*measure.needs, *areas.needs} - {sound}),
        "area_columns": sorted(_area_columns(areas)),
        "headline_rank": measure.headline_rank,
        "count_unit": counting.count_unit,
        "place_basis": counting.place_basis,
        "reporting_lag": f"{lag.days} days" if lag.months is None else f"{lag.months} months",
        "lag_precision": "day" if lag.months is None else "month",
        "denominator": counting.denominator,
    }


def _sound_column(measure: Measure, counting: Counting, areas: Areas) -> str:
    """The column by which the newest delivery is chosen that is counted; '' where it is the newest of all."""
    needed = [*measure.needs, *areas.needs] if counting.current_for else []
    return areas.sound_column or next(iter(needed), "")


def _area_columns(areas: Areas) -> set[str]:
    """Columns without which nobody can say to which area a record belongs; none where every record is one area's."""
    if areas.column is None:
        return set()
    return {areas.column, areas.sound_column or areas.column, *areas.needs}


def _scan(source: Specification, counting: Counting, areas: Areas) -> dict[str, Any]:
    return {
        "source_feed": source.source_feed,
        "fact": areas.fact,
        "area_kind": areas.kind,
        "area_code": areas.code,
        "area_column": areas.column,
        "area_matches": "area_code" if areas.column is None else areas.matches,
        "where": areas.where,
        "period_column": counting.period_column,
        "grain": counting.grain,
        "weight": counting.weight,
        "current_for": counting.current_for,
    }


def _load(path: Path, contracts: Mapping[str, Contract]) -> Specification:
    try:
        content = documents.read(path)
    except documents.DocumentError as error:
        raise MeasureError(str(error)) from error
    feed = path.name.removesuffix(SUFFIX)
    if not isinstance(content, dict) or content.get("source_feed") != feed:
        raise MeasureError(f"{path.name}, key source_feed: must be '{feed}', the name of the file; rename one of them")
    try:
        specification = Specification.model_validate(content)
    except ValidationError as error:
        raise MeasureError(f"{path.name}: {problems(content, error)}") from error
    _hold_against(path, specification, contracts)
    return specification


def _hold_against(path: Path, specification: Specification, contracts: Mapping[str, Contract]) -> None:
    """Raise MeasureError where the specification names what the feed's contract does not have."""
    contract = contracts.get(specification.source_feed)
    if contract is None:
        raise MeasureError(f"{path.name}, key source_feed: there is no feed {specification.source_feed}")
    names = [resource.name for resource in contract.resources]
    if specification.resource not in names:
        raise MeasureError(f"{path.name}, key resource: {contract.feed} has {', '.join(names)}")
    resource = contract.resource(specification.resource)
    columns = {column.name for column in resource.columns}
    withholdable = {found.column for found in resource.withholdable}
    for measure in specification.measures:
        where = f"{path.name}, key measures.{measure.definition_id}"
        try:
            counting = specification.counting_of(measure)
        except ValidationError as error:
            raise MeasureError(f"{where}.counting: {problems(measure.counting, error)}") from error
        for areas in counting.areas:
            if missing := {*measure.needs, *areas.needs} - columns:
                raise MeasureError(f"{where}.needs: {resource.name} has no column {', '.join(sorted(missing))}")
            sound = _sound_column(measure, counting, areas)
            if sound and sound not in withholdable:
                raise MeasureError(
                    f"{where}.{'sound_column' if areas.sound_column else 'needs'}: no check withholds {sound}; "
                    f"declare it under 'withholdable' in feeds/{contract.feed}.yml or leave it out"
                )
