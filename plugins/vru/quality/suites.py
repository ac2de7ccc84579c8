"""Reads the suites in `expectations/`; every message names the file, the key and the mend."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vru.contracts.base import Slug
from vru.settings import settings

#: Types whose failing rows can be named: of Great Expectations, then ours. They are what quarantine works on.
ROW_TYPES = frozenset(
    {
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_be_between",
        "expect_column_value_lengths_to_be_between",
        "expect_no_rows_where",
        "expect_key_to_be_unique",
    }
)
#: Types that judge the batch as a whole. `kwargs` are those of Great Expectations.
TABLE_TYPES = frozenset(
    {
        "expect_table_row_count_to_be_between",
        "expect_column_unique_value_count_to_be_between",
        "expect_column_distinct_values_to_contain_set",
        "expect_column_sum_to_be_between",
        "expect_share_of_rows_where_to_be_at_most",
        "expect_query_to_return_no_rows",
    }
)
#: Checks that compare a batch with what was stated about it or before it; see `vru.quality.vintages`.
COMPARISON_PREFIXES = ("delivery.", "between_vintages.", "between_periods.")

WITHOUT_COLUMN = frozenset(
    {
        "expect_no_rows_where",
        "expect_key_to_be_unique",
        "expect_table_row_count_to_be_between",
        "expect_share_of_rows_where_to_be_at_most",
        "expect_query_to_return_no_rows",
    }
)


class SuiteError(Exception):
    """A suite that cannot be used. The message says which file, which key and how to mend it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Withhold(_Strict):
    """Admit the batch, but keep these columns out of every measure."""

    withhold: list[Slug] = Field(min_length=1)


class Check(_Strict):
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

    @property
    def level(self) -> Literal["row", "table"]:
        """Whether single rows fail, or the batch."""
        return "row" if self.type in ROW_TYPES else "table"

    @property
    def is_comparison(self) -> bool:
        """Whether it looks at other deliveries or at what was stated with this one."""
        return self.type.startswith(COMPARISON_PREFIXES)

    @property
    def is_between(self) -> bool:
        """Whether it compares with other vintages or periods, so that its verdict changes with what stands before."""
        return self.type.startswith("between_")

    @property
    def severity_name(self) -> Literal["critical", "warning", "withhold"]:
        """The severity as `ops.check_result` names it."""
        return "withhold" if isinstance(self.severity, Withhold) else self.severity

    @property
    def withheld_columns(self) -> list[str]:
        """Columns that a failure withholds."""
        return list(self.severity.withhold) if isinstance(self.severity, Withhold) else []

    @model_validator(mode="after")
    def _consistent(self) -> Check:
        if not self.is_comparison and self.type not in ROW_TYPES | TABLE_TYPES:
            known = ", ".join(sorted(ROW_TYPES | TABLE_TYPES))
            raise ValueError(f"unknown type '{self.type}'; use one of {known}, or one that starts with "
                             f"{', '.join(COMPARISON_PREFIXES)}")  # fmt: skip
        if self.is_comparison:
            from vru.quality.vintages import COMPARISONS

            if self.type not in COMPARISONS:
                raise ValueError(f"unknown comparison '{self.type}'; use one of {', '.join(sorted(COMPARISONS))}")
            if unknown := set(self.kwargs) - set(COMPARISONS[self.type].parameters):
                raise ValueError(f"'{self.type}' takes no {sorted(unknown)}; "
                                 f"it takes {sorted(COMPARISONS[self.type].parameters) or 'nothing'}")  # fmt: skip
            if COMPARISONS[self.type].needs_column and self.column is None:
                raise ValueError(f"'{self.type}' needs a 'column'; add it")
        elif (self.column is None) != (self.type in WITHOUT_COLUMN):
            raise ValueError(f"'{self.type}' {'takes no' if self.column else 'needs a'} 'column'; mend that")
        if ("where" in self.type) != (self.where is not None):
            raise ValueError(
                f"'where' belongs to a type that ends in or holds 'where', and only there (type {self.type})"
            )
        if ("query" in self.type) != (self.query is not None):
            raise ValueError(f"'query' belongs to expect_query_to_return_no_rows, and only there (type {self.type})")
        if self.type == "expect_share_of_rows_where_to_be_at_most" and set(self.kwargs) != {"max_pct"}:
            raise ValueError("give 'kwargs: {max_pct: N}', the share of rows in per cent above which it fails")
        return self


class ResourceSuite(_Strict):
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


class FeedSuite(_Strict):
    """`expectations/raw/<feed>.yml`."""

    feed: Slug
    resources: dict[Slug, ResourceSuite]


class MartSuite(_Strict):
    """`expectations/marts/<mart>.yml`."""

    mart: Slug
    checks: list[Check] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> MartSuite:
        _refuse_twice(self.checks)
        for check in self.checks:
            if check.is_comparison or check.withheld_columns or check.type == "expect_key_to_be_unique":
                raise ValueError(f"check {check.id}: comparisons, keys and withheld columns belong to raw suites")
        return self


def load_feed_suite(feed: str, folder: Path | None = None) -> FeedSuite:
    """The suite of a feed. Raises SuiteError."""
    path = (folder or settings().expectations_dir / "raw") / f"{feed}.yml"
    if not path.is_file():
        raise SuiteError(f"expectations/raw/{path.name}: missing; every feed needs a suite before it is loaded")
    return FeedSuite.model_validate(_read(path, "feed", path.stat().st_mtime_ns, FeedSuite))


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
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise SuiteError(f"{where}{line}: not YAML; check the indentation and quotes there") from error
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
