"""What a check looks at: the rows of one batch, or a mart, and what its SQL may refer to by name."""

# ruff: noqa: S608 # every name is a contract's, every value a suite's, quoted here

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from vru.contracts import Resource
from vru.quality.checks.sql import literal, quoted

_NAME = re.compile(r"\{(today|period_start|period_end|partition|batch|schema)\}")


@dataclass(frozen=True)
class Subject:
    """A batch with the part of the contract that its rows follow; without both, a mart."""

    today: date
    table: str = ""
    schema: str = "raw"
    batch_id: int | None = None
    resource: Resource | None = None
    period_start: date | None = None
    period_end: date | None = None
    partition: str = ""
    repeated: str = ""
    """True for rows that only repeat another one of a keyed resource: they are taken out and count for nothing."""
    has_rows_taken_out: bool = False
    """An audit has moved rows of the batch to quarantine."""
    against: int | None = None
    """The batch that it is compared with, instead of what was stated before it."""

    @property
    def name(self) -> str:
        """The table, as an SQL name."""
        return f"{quoted(self.schema)}.{quoted(self.table)}"

    @property
    def batch(self) -> int:
        """Number of the batch. Raises ValueError for a mart."""
        if self.batch_id is None:
            raise ValueError(f"{self.table} is no batch")
        return self.batch_id

    @property
    def shape(self) -> Resource:
        """The resource of the batch. Raises ValueError for a mart."""
        if self.resource is None:
            raise ValueError(f"{self.table} follows no contract")
        return self.resource

    def word(self, column: str, table: str = "") -> str:
        """SQL of a cell as words are compared: of a batch's text without a list of values, else the cell as it is."""
        name = f"{table}.{quoted(column)}" if table else quoted(column)
        columns = self.resource.columns if self.resource else ()
        is_free = any(c.name == column and c.type == "text" and c.values is None for c in columns)
        return f"ops.compared({name})" if is_free else name

    @property
    def received(self) -> str:
        """All rows of the batch (of the table, if there is none), as a sub-select."""
        where = "" if self.batch_id is None else f" where batch_id = {self.batch_id:d}"
        return f"(select * from {self.name}{where})"

    @property
    def rows(self) -> str:
        """The rows that stand for something, as a sub-select."""
        return f"(select * from {self.received} r where not {self.repeated})" if self.repeated else self.received

    @property
    def compared(self) -> str:
        """Rows of all batches; of this one also those that its audit took out, for it is judged as it came."""
        if not self.has_rows_taken_out:
            return self.name
        return f"""(
            select * from {self.name}
            union all
            select r.*
            from (
                select distinct on (line_number, part) batch_id, record from quarantine.row
                where batch_id = {self.batch:d} and stage = 'audit'
            ) q
            cross join lateral jsonb_populate_record(
                null::{self.name}, q.record || jsonb_build_object('batch_id', q.batch_id)
            ) r
        )"""

    def earlier(self, sound_column: str = "") -> str:
        """SQL of the batch to compare with: the newest sound one stated before this one; null if there is none."""
        if self.against is not None:
            return f"{self.against:d}::bigint"
        return f"ops.earlier_sound_batch({self.batch:d}, {literal(sound_column)})"

    def before(self, sound_column: str = "") -> str:
        """What stood before this one, unit by unit, as a sub-select: `batch_id`, and the `days` for which it counts."""
        if self.against is not None:
            return f"(select {self.against:d}::bigint as batch_id, datemultirange(daterange(null, null)) as days)"
        return f"(select * from ops.earlier_sound_units({self.batch:d}, {literal(sound_column)}))"

    def filled(self, text: str) -> str:
        """SQL of a suite with the names it refers to put in as literals."""

        def value(found: re.Match[str]) -> str:
            name = found.group(1)
            if name == "batch":
                return self.rows
            if name == "schema":
                return quoted(self.schema)
            return literal(getattr(self, name))

        return _NAME.sub(value, text)

    def literal(self, value: object) -> str:
        """A value of a suite as an SQL literal; a text that is just a name, such as `{today}`, is what it names."""
        if isinstance(value, str) and _NAME.fullmatch(value):
            return self.filled(value)
        return literal(value)
