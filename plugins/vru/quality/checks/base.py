"""What a type of check is: one class for each, which declares name, level and parameters, and writes its SQL.

A type is added by declaring its class in the module of its level, and nowhere else: suites, gate, quarantine,
comparisons, the scaffold of a new feed and `docs/checks.md` all read the table `TYPES`.
"""

# ruff: noqa: ARG002, ARG003, S608 # not every type needs all that it is given; names are quoted, values are literals

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from vru.contracts import Column, Resource
from vru.contracts.base import Slug, Strict
from vru.quality.checks.subject import Subject

Level = Literal["row", "table", "delivery", "between vintages", "between periods"]
TYPES: dict[str, type[CheckType]] = {}
"""Every type of check by its name in a suite."""

NO_ROWS_WHERE = "expect_no_rows_where"
SHARE_OF_ROWS_WHERE = "expect_share_of_rows_where_to_be_at_most"
STATEMENT = "expect_statement_to_hold"
"""The forms in which Great Expectations runs our own SQL; see `vru.quality.gate`."""


@dataclass(frozen=True)
class Names:
    """Marks a parameter that names a column of the resource: of one of these types, or of any."""

    types: tuple[str, ...] = ()


AnyColumn = Annotated[Slug, Names()]
TextColumn = Annotated[Slug, Names(("text",))]
NumberColumn = Annotated[Slug, Names(("integer", "decimal"))]
OrderedColumn = Annotated[Slug, Names(("integer", "decimal", "date", "month", "timestamp"))]
UnitColumn = Annotated[Slug | None, Names(("date", "month"))]
Sql = Annotated[str, Field(min_length=1)]
Pct = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Expectation:
    """One check as Great Expectations runs it."""

    check_id: str
    type: str
    kwargs: dict[str, Any]
    severity: str


@dataclass(frozen=True)
class Outcome:
    """What came of one: `observed` is the figure looked at (rows, or the unit of the remark), None if not asked.

    `columns` says which columns a failure withholds and on which days each (a `datemultirange` as text); None where it
    concerns every column that the check names, on all days.
    """

    is_success: bool
    observed: float | None = None
    remark: str = ""
    columns: dict[str, str] | None = None


class CheckType(Strict):
    """One type of check. Its fields are the parameters of a suite's entry: `column`, `where`, `query`, `kwargs`."""

    called: ClassVar[str]
    level: ClassVar[Level]
    severities: ClassVar[tuple[str, ...]] = ("critical", "warning", "withhold")
    is_for_marts: ClassVar[bool] = False
    is_needed: ClassVar[bool] = False
    """Every suite has it where `usual` names it; a test looks."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "called" in cls.__dict__:
            if cls.called in TYPES:
                raise ValueError(f"check type '{cls.called}' is declared twice")
            TYPES[cls.called] = cls

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Entries that the suite of such a resource usually has, for the scaffold of a new feed."""
        yield from ()

    @classmethod
    def column_parameters(cls) -> dict[str, Names]:
        """The parameters that name a column."""
        marked = {name: [m for m in field.metadata if isinstance(m, Names)] for name, field in cls.model_fields.items()}
        return {name: marks[0] for name, marks in marked.items() if marks}

    def misfits(self, resource: Resource) -> Iterator[str]:
        """What keeps the check from being run on rows of a resource, each with its mend."""
        columns = {column.name: column for column in resource.columns}
        for parameter, names in self.column_parameters().items():
            given = getattr(self, parameter)
            if given is None:
                continue
            if given not in columns:
                yield f"{parameter} '{given}' is no column of the resource; it has {', '.join(columns)}"
            elif names.types and columns[given].type not in names.types:
                yield (
                    f"{parameter} '{given}' is of type {columns[given].type}, and this check needs "
                    f"{' or '.join(names.types)}; name another column or use another type of check"
                )
            else:
                yield from self.column_misfits(columns[given])

    def column_misfits(self, column: Column) -> Iterator[str]:
        """What keeps a parameter from being compared with this column; for types that look closer."""
        yield from ()

    def limit(self, on: Subject) -> str:
        """What is measured may not go beyond this, in words; empty where the remark says so itself."""
        return ""

    @abstractmethod
    def expectation(self, on: Subject) -> tuple[str, dict[str, Any]]:
        """The expectation of Great Expectations that runs it, and its kwargs."""


class RowsCheck(CheckType):
    """A check with one SQL form that is true for exactly the rows that fail, for gate and quarantine alike.

    A null passes every such check but that it is not null.
    """

    is_for_marts = True
    is_alone: ClassVar[bool] = False
    """Its SQL looks at other rows too, so that it is a statement of its own and no part of the one aggregate."""

    @abstractmethod
    def failing(self, on: Subject) -> str:
        """SQL that is true for a failing row, false or null for any other."""

    def repeated(self, on: Subject) -> str:
        """SQL that is true for rows that repeat another one and count for nothing; empty where the type has none."""
        return ""


class RowCheck(RowsCheck):
    """A check of single rows: with severity critical, those that fail go to quarantine."""

    level = "row"
    severities = ("critical", "warning")

    def limit(self, on: Subject) -> str:
        """No row may fail."""
        return "none"

    def expectation(self, on: Subject) -> tuple[str, dict[str, Any]]:
        """A condition in the one aggregate, or a statement of its own."""
        if not self.is_alone:
            return NO_ROWS_WHERE, {"where": self.failing(on)}
        return _statement(f"select count(*) = 0, count(*), '' from {on.received} r where {self.failing(on)}")


class StatementCheck(CheckType):
    """A check that is one SQL statement, which returns one row: whether it holds, the figure looked at, a remark.

    The remark says what was measured, in words. It holds no value of the data and no number of ours (batches are
    numbered in the order in which they came): another delivery is named by its day, see `stated_on`.
    """

    says_columns: ClassVar[bool] = False
    """The statement has a fourth column, a `jsonb` object: which columns fail, each with the days of its failure."""

    @abstractmethod
    def statement(self, on: Subject) -> str:
        """The statement; its columns are `is_success`, `observed`, `remark` in this order, and perhaps `columns`."""

    def named(self, on: Subject) -> str:
        """The statement with its columns under their names."""
        names = "is_success, observed, remark"
        inner = self.statement(on)
        if self.says_columns:
            return f"select s.{names.replace(', ', ', s.')}, s.columns from ({inner}) as s ({names}, columns)"
        return f"select s.{names.replace(', ', ', s.')}, null::jsonb as columns from ({inner}) as s ({names})"

    def expectation(self, on: Subject) -> tuple[str, dict[str, Any]]:
        """The statement."""
        return _statement(self.named(on))


class BetweenCheck(StatementCheck):
    """A comparison with other vintages or periods, whose verdict changes with what stands before the batch."""


class SaidCheck(StatementCheck):
    """A comparison with what is said of the content, whose verdict changes with whatever is said later."""


def stated_on(batch: str) -> str:
    """SQL that names a delivery by the day, in London, on which it was first stated."""
    return (
        "(select 'the delivery of ' || to_char(v.vintage_at at time zone 'Europe/London', 'YYYY-MM-DD') "
        f"from ops.batch_vintage v where v.batch_id = {batch})"
    )


def _statement(sql: str) -> tuple[str, dict[str, Any]]:
    return STATEMENT, {"statement": sql}
