"""A sound file under test: its rows stand in a temporary table, and what its contract and its rows say of each column."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from psycopg2.extensions import connection as Connection
from vru.contracts import Contract, Resource
from vru.contracts.columns import Column
from vru.contracts.values import shared_values
from vru.quality.checks.sql import quoted
from vru.settings import CHECKOUT

SOUND = "sound"
"""The temporary table: `ord`, `part`, `h` (evenly spread over 0 to 1, the same every time) and the columns of raw."""
FEW = 40
"""A column of words with at most so many different ones is a category."""


@dataclass(frozen=True)
class Facts:
    """What the sound rows say of one column."""

    distinct: int
    filled: int
    top: list[tuple[str, int]]
    """Values as text with their rows, most frequent first; at most 400."""


@dataclass
class Subject:
    """One sound batch."""

    world: str
    contract: Contract
    resource: Resource
    partition: str
    period: str
    batch_id: int
    columns: list[str]
    """Columns of its raw table, those of the platform apart."""
    rows: int = 0
    facts: dict[str, Facts] = field(default_factory=dict)
    repeated_pct: float = 0.0
    """Share of rows that are the same as an earlier one."""
    earlier: int | None = None
    """The batch of another content stated before it, of the same unit; None where it is the first."""
    periods: int = 0
    """Sound earlier periods of its partition."""
    others: dict[str, int] = field(default_factory=dict)
    """Batches whose rows may get mixed in, by what they are of: `partner`, `period`."""

    @property
    def table(self) -> str:
        """Its raw table, as an SQL name."""
        return f"raw.{quoted(self.contract.raw_table(self.resource.name))}"

    @property
    def name(self) -> str:
        """How tables name it."""
        return " ".join(filter(None, (self.resource.name, self.partition, self.period)))

    @property
    def unit(self) -> str:
        """The column of days or months of a list of many; empty where the file is one period."""
        name = self.resource.unit_column
        return name if name and self.facts[name].distinct > 1 and self.resource.delivery != "period" else ""

    @cached_property
    def year(self) -> str:
        """SQL of a row's year; empty where the rows have none."""
        if self.unit:
            return f"extract(year from {quoted(self.unit)})::integer"
        for name in self.resource.key:
            if self.resource.column(name).type == "integer" and 1 < self.facts[name].distinct < 100:
                values = [int(value) for value, _ in self.facts[name].top]
                if all(1900 < value < 2200 for value in values):
                    return f"{quoted(name)}::integer"
        return ""

    @cached_property
    def years(self) -> list[int]:
        """The years, in order."""
        if self.unit:
            return sorted({int(value[:4]) for value, _ in self.facts[self.unit].top})
        name = self.year.split("::", maxsplit=1)[0].strip('"')
        return sorted(int(value) for value, _ in self.facts[name].top) if name else []

    @property
    def old_year(self) -> int | None:
        """One well before the last, of which nothing should move any more."""
        return self.years[len(self.years) * 2 // 3] if len(self.years) > 3 else None

    @cached_property
    def area(self) -> str:
        """The column of places: a name or a code with at least five values, the coarsest."""
        found = [
            column.name
            for column in self.described
            if column.type == "text" and re.search(r"(borough|district|area|ward|lsoa|site|region)_(name|code)$", column.name)
            and self.facts[column.name].distinct >= 5
        ]  # fmt: skip
        return min(found, key=lambda name: (self.facts[name].distinct, name.endswith("_name")), default="")

    @property
    def described(self) -> list[Column]:
        """The columns of the contract that its rows fill."""
        return [c for c in self.resource.columns if self.facts[c.name].filled]

    @property
    def categories(self) -> list[Column]:
        """Columns of few words: those with a list of values, marks, and text of few different ones."""
        return [
            column for column in self.described
            if 2 <= self.facts[column.name].distinct <= FEW and column.type in ("text", "boolean")
            and column.name != self.unit
        ]  # fmt: skip

    @property
    def codes(self) -> list[Column]:
        """Columns of codes and identifiers."""
        return [
            c for c in self.described
            if c.type == "text" and c.name.endswith(("_code", "_id")) and self.facts[c.name].distinct > 1
        ]  # fmt: skip

    @property
    def numbers(self) -> list[Column]:
        """Columns of figures, those of the key apart."""
        return [c for c in self.described if c.type in ("integer", "decimal") and c.name not in self.resource.key]

    def beside(self, column: str) -> list[str]:
        """What goes with a column of raw: the cell as received, and a month that is worked out from it."""
        found = [column]
        if f"{column}_source" in self.columns:
            found.append(f"{column}_source")
        return found + [c.name for c in self.resource.columns if c.month_of == column]

    def partner(self, column: str) -> str:
        """The name of a code, or the code of a name; empty where the column has none."""
        stem, _, kind = column.rpartition("_")
        other = {"code": f"{stem}_name", "name": f"{stem}_code"}.get(kind, "")
        return other if other in self.facts and self.facts[other].filled else ""

    def has_register(self, code: str) -> bool:
        """Whether a list that contracts share says which name belongs to the codes."""
        for path in sorted((CHECKOUT / "feeds" / "values").glob("*.yml")):
            codes = set(shared_values(path.stem).codes.values())
            if codes and sum(value.strip() in codes for value, _ in self.facts[code].top) * 10 >= 9 * len(
                self.facts[code].top
            ):
                return True
        return False


def open_(connection: Connection, subject: Subject) -> None:
    """Make the temporary table of its rows and read the facts."""
    names = ", ".join(map(quoted, subject.columns))
    with connection, connection.cursor() as cursor:
        cursor.execute(f"drop table if exists {SOUND}")
        cursor.execute(
            f"create temporary table {SOUND} as select line_number as ord, part, "
            "('x' || substr(md5(line_number || ':' || part), 1, 7))::bit(28)::integer / 268435456.0::float as h, "
            f"{names} from {subject.table} where batch_id = %s order by line_number, part",
            (subject.batch_id,),
        )
        cursor.execute(f"analyze {SOUND}")
        cursor.execute(f"select count(*), count(*) - count(distinct md5(row({names})::text)) from {SOUND}")
        rows, repeated = _one(cursor)
        subject.rows, subject.repeated_pct = rows, 100 * repeated / max(rows, 1)
        for column in subject.resource.columns:
            name = quoted(column.name)
            cursor.execute(f"select count(distinct {name}::text), count({name}) from {SOUND}")
            distinct, filled = _one(cursor)
            top: list[tuple[str, int]] = []
            if column.type != "json":
                cursor.execute(
                    f"select {name}::text, count(*) from {SOUND} where {name} is not null "
                    "group by 1 order by 2 desc, 1 limit 400"
                )
                top = [(str(value), int(count)) for value, count in cursor.fetchall()]
            subject.facts[column.name] = Facts(int(distinct), int(filled), top)


def _one(cursor: Any) -> Any:
    return cursor.fetchone()
