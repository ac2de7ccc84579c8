"""Reads the suites in `expectations/`; every message names the file, the key and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from vru import documents
from vru.contracts import Contract, Resource, load_contract
from vru.contracts.base import Slug, Strict
from vru.quality.checks import TYPES, BetweenCheck, CheckType, RowCheck, Subject
from vru.quality.checks.base import Expectation
from vru.settings import settings

BESIDE = ("column", "where", "query")
"""Parameters of a type that stand beside it in a suite; the others stand under `kwargs`."""


class SuiteError(Exception):
    """A suite that cannot be used. The message says which file, which key and how to mend it."""


class Withhold(Strict):
    """Admit the batch, but keep these columns out of every measure."""

    withhold: list[Slug] = Field(min_length=1)


class Check(Strict):
    """One check: what must hold, how bad it is if it does not, and why, in words that a partner understands.

    A `critical` check on rows sends the failing rows to quarantine; a `critical` check on the whole holds the batch.
    `where`, `query` and text in `kwargs` may name `{today}`, `{period_start}`, `{period_end}`, `{partition}`; a
    query also `{batch}` (the rows that are checked) and `{schema}`.
    """

    id: Slug
    type: str
    column: Slug | None = None
    kwargs: dict[str, Any] = Field(default_factory=dict)
    where: str | None = None
    """SQL that is true for a failing row."""
    query: str | None = None
    """SQL that returns a row for every breach."""
    severity: Literal["critical", "warning"] | Withhold
    reason: str = Field(min_length=40)

    @cached_property
    def kind(self) -> CheckType:
        """The type with the parameters given."""
        beside = {name: getattr(self, name) for name in BESIDE if getattr(self, name) is not None}
        return TYPES[self.type].model_validate({**self.kwargs, **beside})

    @property
    def is_on_rows(self) -> bool:
        """Whether single rows fail, and not the batch."""
        return isinstance(self.kind, RowCheck)

    @property
    def is_between(self) -> bool:
        """Whether it compares with other vintages or periods, so that its verdict changes with what stands before."""
        return isinstance(self.kind, BetweenCheck)

    @property
    def severity_name(self) -> Literal["critical", "warning", "withhold"]:
        """The severity as `ops.check_result` names it."""
        return "withhold" if isinstance(self.severity, Withhold) else self.severity

    @property
    def withheld_columns(self) -> list[str]:
        """Columns that a failure withholds."""
        return list(self.severity.withhold) if isinstance(self.severity, Withhold) else []

    def expectation(self, on: Subject) -> Expectation:
        """The check as Great Expectations runs it."""
        form, kwargs = self.kind.expectation(on)
        return Expectation(self.id, form, kwargs, "critical" if self.severity == "critical" else "warning")

    def misfits(self, resource: Resource) -> Iterator[str]:
        """What keeps it from being run on rows of a resource, each with its mend."""
        yield from self.kind.misfits(resource)
        for column in sorted(set(self.withheld_columns) - {rule.column for rule in resource.withholdable}):
            yield (
                f"severity withholds '{column}', which no model would leave out: the contract does not list it under "
                "'withholdable'; declare it there, or choose another severity"
            )

    @model_validator(mode="after")
    def _consistent(self) -> Check:
        if self.type not in TYPES:
            raise ValueError(f"unknown type '{self.type}'; use one of {', '.join(sorted(TYPES))} (docs/checks.md)")
        if misplaced := sorted(set(BESIDE) & set(self.kwargs)):
            raise ValueError(f"{', '.join(misplaced)} stands beside 'type', not under 'kwargs'; move it")
        try:
            kind = self.kind
        except ValidationError as error:
            raise ValueError("; ".join(self._mistake(dict(item)) for item in error.errors())) from error
        if self.severity_name not in kind.severities:
            raise ValueError(f"'{self.type}' has severity {' or '.join(kind.severities)}; choose one")
        return self

    def _mistake(self, item: dict[str, Any]) -> str:
        name = ".".join(map(str, item["loc"][:1]))
        if item["type"] == "missing":
            return f"'{self.type}' needs a '{name}'; add it"
        if item["type"] == "extra_forbidden":
            return f"'{self.type}' takes no '{name}'; it takes {', '.join(TYPES[self.type].model_fields) or 'nothing'}"
        said = str(item["msg"]).removeprefix("Value error, ")
        return f"'{name}': {said}" if name else said


class ResourceSuite(Strict):
    """The checks of one resource.

    `cells` are the columns by which the quality score follows figures from vintage to vintage (definitions B18); a
    cell's figure is its number of rows, or `cell_value`.
    """

    cells: list[Slug] = Field(default_factory=list)
    cell_value: Slug | None = None
    checks: list[Check] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> ResourceSuite:
        _refuse_twice(self.checks)
        return self


class FeedSuite(Strict):
    """`expectations/raw/<feed>.yml`."""

    feed: Slug
    resources: dict[Slug, ResourceSuite]


class MartSuite(Strict):
    """`expectations/marts/<mart>.yml`."""

    mart: Slug
    checks: list[Check] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> MartSuite:
        _refuse_twice(self.checks)
        for check in self.checks:
            if not check.kind.is_for_marts or check.withheld_columns:
                raise ValueError(f"check {check.id}: comparisons, keys and withheld columns belong to raw suites")
        return self


def load_feed_suite(feed: str, folder: Path | None = None, contract: Contract | None = None) -> FeedSuite:
    """The suite of a feed, which fits its contract. Raises SuiteError, and ContractError where none is given."""
    path = (folder or settings().expectations_dir / "raw") / f"{feed}.yml"
    if not path.is_file():
        raise SuiteError(f"expectations/raw/{path.name}: missing; every feed needs a suite before it is loaded")
    suite = FeedSuite.model_validate(_read(path, "feed", path.stat().st_mtime_ns, FeedSuite))
    if misfits := list(_misfits(suite, contract or load_contract(feed))):
        raise SuiteError(f"expectations/raw/{path.name}: {'; '.join(misfits)}")
    return suite


def _misfits(suite: FeedSuite, contract: Contract) -> Iterator[str]:
    """Where a suite and its contract differ, each as `key a.b.c: what; mend`."""
    resources = {resource.name: resource for resource in contract.resources}
    for name, part in suite.resources.items():
        if name not in resources:
            yield f"key resources.{name}: feeds/{suite.feed}.yml has no such resource; it has {', '.join(resources)}"
            continue
        columns = {column.name for column in resources[name].columns}
        for column in [*part.cells, *([part.cell_value] if part.cell_value else [])]:
            if column not in columns:
                yield f"key resources.{name}.cells: '{column}' is no column of feeds/{suite.feed}.yml; correct the name"
        for check in part.checks:
            for misfit in check.misfits(resources[name]):
                yield f"key resources.{name}.checks.{check.id}: {misfit}"


def load_mart_suites(folder: Path | None = None) -> list[MartSuite]:
    """The suites of all marts, in alphabetical order. Raises SuiteError."""
    folder = folder or settings().expectations_dir / "marts"
    return [
        MartSuite.model_validate(_read(path, "mart", path.stat().st_mtime_ns, MartSuite))
        for path in sorted(folder.glob("*.yml"))
    ]


@cache
def _read(path: Path, subject: str, _changed: int, model: type[BaseModel]) -> BaseModel:
    where = f"expectations/{path.parent.name}/{path.name}"
    try:
        content = documents.read(path)
    except documents.DocumentError as error:
        raise SuiteError(f"expectations/{path.parent.name}/{error}") from error
    except ValueError as error:  # what looks like a date and is none
        raise SuiteError(f"{where}: a value cannot be read ({error}); correct it, or put it in quotes") from error
    if not isinstance(content, dict) or content.get(subject) != path.stem:
        raise SuiteError(f"{where}, key {subject}: must be '{path.stem}', the name of the file")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise SuiteError(f"{where}: {'; '.join(_problem(content, dict(item)) for item in error.errors())}") from error


def _problem(content: Any, item: dict[str, Any]) -> str:
    """One mistake as `key a.b.c: what; mend`, with ids in place of list positions."""
    parts: list[str] = []
    node = content
    for step in item["loc"]:
        node = node[step] if _holds(node, step) else None
        name = node.get("id") if isinstance(step, int) and isinstance(node, dict) else None
        parts.append(str(name or step))
    mend = {"missing": "; add it", "extra_forbidden": "; unknown key, remove it or correct the spelling"}
    return f"key {'.'.join(parts)}: {item['msg'].removeprefix('Value error, ')}{mend.get(item['type'], '')}"


def _holds(node: Any, step: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(step, int) and step < len(node)
    return isinstance(node, dict) and step in node


def _refuse_twice(checks: list[Check]) -> None:
    ids = [check.id for check in checks]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"check id {twice} is used twice; rename one")
