"""Types of checks of a batch that states again what was stated before, row by row.

A release that states the same month, or the same keys, again leaves nearly every row as it was. What differs is told by
column, also where the shares of each column are the same as before: cells that stand beside other rows, codes shifted.
"""

# ruff: noqa: ARG002, S608 # not every type needs all that it is given; every name is a contract's, every figure a suite's

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from vru.contracts import Column, Resource
from vru.contracts.base import Slug
from vru.quality.checks.base import Count, Names, Pct
from vru.quality.checks.sql import literal, quoted
from vru.quality.checks.subject import Subject
from vru.quality.checks.vintages import VintageCheck

Columns = list[Annotated[Slug, Names()]]


class RowsRestated(VintageCheck):
    """At most `max_pct` per cent of the rows stated before are gone or worded otherwise, and of no column more cells.

    Rows are compared by their key, and keys that are new count for nothing. Where they have none, and a delivery is a
    period, rows are compared as they stand. `moving` names columns that releases change by nature: their cells are not
    compared, but blanks are. `within_pct` lets a figure move by so many per cent. `min_rows` rows are needed, and fewer
    changes than `min_changed` are none.
    """

    called = "between_vintages.rows_restated"
    says_columns: ClassVar[bool] = True
    max_pct: Pct = 8
    moving: Columns = Field(default_factory=list)
    within_pct: dict[Slug, Pct] = Field(default_factory=dict)
    min_rows: Count = 20
    min_changed: Count = 2

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Wherever a delivery states keys again, or a period."""
        if resource.delivery == "period" or (resource.delivery == "snapshot" and resource.key):
            yield {
                "id": "rows_as_before", "type": cls.called, "severity": "critical",
                "reason": "Many rows that an earlier file stated are gone or say something else now. Please check "
                "the export, or confirm what was corrected before this file is used.",
            }  # fmt: skip

    def misfits(self, resource: Resource) -> Iterator[str]:
        """Names that are no columns, and a resource of which no row is ever stated again."""
        yield from super().misfits(resource)
        names = {column.name: column for column in resource.columns}
        for name in [*self.moving, *self.within_pct]:
            if name not in names:
                yield f"'{name}' is no column of the resource; correct the name"
        for name in self.within_pct:
            if name in names and names[name].type not in ("integer", "decimal"):
                yield f"within_pct '{name}' is no number; list it under 'moving'"
        if not resource.key and resource.delivery != "period":
            yield "the resource has neither a key nor periods, so that no row is the same one again; drop the check"
        if self.within_pct and not resource.key:
            yield "within_pct needs a key; list the column under 'moving'"

    def limit(self, on: Subject) -> str:
        """The share."""
        return f"at most {self.max_pct:g} %"

    def statement(self, on: Subject) -> str:
        """By key where there is one, else row by row."""
        resource = on.shape
        compared = [c for c in resource.columns if c.name not in (*resource.key, *self.moving)]
        figures = self._by_key(on, compared) if resource.key else self._by_row(on, compared)
        gone, most = ("", "cells differ most in") if resource.key else (" or otherwise", "most in")
        return f"""
            with e as materialized (select {on.earlier()} as batch_id),
            {figures},
            failed as (
                select b.column_name, b.pct from by_column b cross join whole w
                where b.pct > {literal(self.max_pct)} and b.pct * w.row_count >= {100 * self.min_changed:d} - 1
            )
            select
                coalesce(
                    (w.pct <= {literal(self.max_pct)} or w.pct * w.row_count < {100 * self.min_changed:d} - 1)
                    and not exists (select 1 from failed), true)
                    or w.row_count < {self.min_rows:d},
                w.pct,
                coalesce(
                    w.pct || ' % of rows are gone{gone}'
                    || coalesce((select ', {most} ' || string_agg(t.column_name || ' (' || t.pct || ' %)', ', ')
                                 from (select * from failed order by pct desc, column_name limit 3) t), ''),
                    'no earlier vintage to compare with'),
                (select jsonb_object_agg(f.column_name, '{{(,)}}') from failed f)
            from (select 1) as one left join whole w on true
        """

    def _by_key(self, on: Subject, compared: list[Column]) -> str:
        """Rows of the same key beside each other."""
        key = on.shape.key
        names = [quoted(name) for name in [*key, *(c.name for c in [*compared, *self._moving(on)])]]
        same = " and ".join(f"p.{quoted(name)} = n.{quoted(name)}" for name in key)
        differs = {c.name: _differs(on, c, self.within_pct) for c in compared} | {
            c.name: f"p.{quoted(c.name)} is not null and n.{quoted(c.name)} is null" for c in self._moving(on)
        }
        cells = ", ".join(f"count(*) filter (where n.is_there and ({condition}))" for condition in differs.values())
        return f"""
            p as (select {", ".join(names)} from {on.compared} r join e using (batch_id)),
            n as (select true as is_there, {", ".join(names)} from {on.compared} r where batch_id = {on.batch:d}),
            beside as (
                select count(*) as row_count, count(*) filter (where n.is_there is null) as gone,
                       array[{cells}]::bigint[] as cells
                from p left join n on {same}
            ),
            whole as (
                select row_count, round(100.0 * gone / nullif(row_count, 0), 2) as pct from beside where row_count > 0
            ),
            by_column as (
                select t.column_name, round(100.0 * t.cells / nullif(b.row_count, 0), 2) as pct
                from beside b cross join unnest(array[{", ".join(map(literal, differs))}]::text[], b.cells)
                    as t (column_name, cells)
            )
        """

    def _by_row(self, on: Subject, compared: list[Column]) -> str:
        """Rows as they stand, and as they would without one of their columns."""
        names = [c.name for c in compared]
        hashed = ", ".join(f"md5(({on.word(n)})::text) as {quoted(n)}" for n in names)
        sides = "batch_id = (select batch_id from e) as is_before"
        every = f"({', '.join(map(quoted, names))})"
        sets = [every, *(f"({', '.join(quoted(o) for o in names if o != n)})" for n in names)]
        grouping = f"grouping({', '.join(map(quoted, names))})"
        without = "\n".join(f"when {1 << (len(names) - 1 - i)} then {literal(n)}" for i, n in enumerate(names))
        blanks = " union all ".join(
            f"select {literal(c.name)}, 100.0 * (count(*) filter (where not r.is_before and {quoted(c.name)} is null)"
            f"::numeric / nullif(count(*) filter (where not r.is_before), 0) - count(*) filter (where r.is_before and "
            f"{quoted(c.name)} is null)::numeric / nullif(count(*) filter (where r.is_before), 0)) from both_of r"
            for c in self._moving(on)
        )
        return f"""
            both_of as materialized (
                select {sides}, {", ".join(quoted(n) for n in [*names, *(c.name for c in self._moving(on))])}
                from {on.compared} r
                where (select batch_id from e) is not null and batch_id in ((select batch_id from e), {on.batch:d})
            ),
            row_of as materialized (select is_before, {hashed} from both_of),
            size as (
                select count(*) filter (where is_before) as before, count(*) filter (where not is_before) as after
                from row_of
            ),
            kept as (
                select without, sum(least(before, after)) as row_count
                from (
                    select {grouping} as without, count(*) filter (where is_before) as before,
                           count(*) filter (where not is_before) as after
                    from row_of group by grouping sets ({", ".join(sets)})
                ) g group by 1
            ),
            whole as (
                select s.before as row_count,
                       round(100.0 * (greatest(s.before, s.after) - coalesce(k.row_count, 0)) / s.before, 2) as pct
                from size s left join kept k on k.without = 0 where s.before > 0
            ),
            by_column as (
                select case k.without {without} end as column_name,
                       round(100.0 * (k.row_count - coalesce(o.row_count, 0)) / s.before, 2) as pct
                from kept k cross join size s left join kept o on o.without = 0
                where k.without <> 0 and s.before > 0
                {"union all select * from (" + blanks + ") b (column_name, pct)" if blanks else ""}
            )
        """

    def _moving(self, on: Subject) -> list[Column]:
        return [on.shape.column(name) for name in self.moving]


def _differs(on: Subject, column: Column, within_pct: Mapping[str, float]) -> str:
    """SQL that is true where a cell is another one than before."""
    before, now = f"p.{quoted(column.name)}", f"n.{quoted(column.name)}"
    if column.name in within_pct:
        return (
            f"({now} is null) <> ({before} is null) or abs({now} - {before}) > "
            f"{literal(within_pct[column.name])} * abs({before}) / 100.0"
        )
    return f"{on.word(column.name, 'n')} is distinct from {on.word(column.name, 'p')}"
