"""Types of checks of a batch against earlier vintages.

An earlier batch is always the newest sound one *stated* before (`ops.earlier_sound_batch`), never the one that came
before: loading newest first ends where loading oldest first ends. Where there is none, the check holds.
"""

# ruff: noqa: ARG002, S608 # not every type needs all that it is given; every name is a contract's, every figure a suite's

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vru.contracts import Resource
from vru.quality.checks.base import AnyColumn, AtLeastOne, BetweenCheck, Count, Pct, UnitColumn, stated_on
from vru.quality.checks.sql import literal, quoted
from vru.quality.checks.subject import Subject


class VintageCheck(BetweenCheck):
    """A comparison with an earlier vintage."""

    level = "between vintages"


class UnitCheck(VintageCheck):
    """One that looks at units: those of the contract, or the days in `column` where it names none."""

    column: UnitColumn = None

    def misfits(self, resource: Resource) -> Iterator[str]:
        """Columns, and a resource without units."""
        yield from super().misfits(resource)
        if self.column is None and resource.unit_column is None:
            yield "the contract declares no 'unit_column' for this resource; declare it, or name a 'column'"

    def unit(self, on: Subject) -> str:
        """The column of units, as an SQL name."""
        return quoted(on.shape.unit_column or self.column or "")


class NoUnitMissing(UnitCheck):
    """Every unit (month, say) that had at least `min_rows` rows in the earlier vintage has one in this one."""

    called = "between_vintages.no_unit_missing"
    is_needed = True
    min_rows: AtLeastOne = 1

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Wherever each delivery states the whole series again."""
        if resource.delivery == "snapshot" and resource.grain != "none":
            yield {
                "id": f"no_{resource.grain}_lost", "type": cls.called, "severity": "critical",
                "reason": "A period that an earlier file covers has no row in this one. Each file is the whole series "
                "again; please send all periods, or confirm in writing that one is empty.",
            }  # fmt: skip

    def limit(self, on: Subject) -> str:
        """None may be missing."""
        return "" if on.shape.rolling_window else "none"

    def statement(self, on: Subject) -> str:
        """Units of the earlier vintage without a row here."""
        unit = self.unit(on)
        if on.shape.rolling_window:
            return "select true, 0::numeric, 'a rolling window may lose units'"
        return f"""
            with e as materialized (select {on.earlier()} as batch_id)
            select count(m.unit) = 0, count(m.unit)::numeric,
                   case when e.batch_id is not null
                        then count(m.unit) || ' units of ' || {stated_on("e.batch_id")} || ' have no row'
                             || coalesce(' (the first ' || min(m.unit) || ')', '') end
            from e
            left join lateral (
                select p.{unit} as unit from {on.compared} p where p.batch_id = e.batch_id
                group by 1 having count(*) >= {literal(self.min_rows)}
                except
                select o.{unit} from {on.compared} o where o.batch_id = {on.batch:d}
            ) m on true
            group by e.batch_id
        """


class Volume(VintageCheck):
    """The number of rows changed by more than `min_pct` and less than `max_pct` per cent.

    Compared with each of the last `window` vintages of at least `min_rows` rows, so that small steps add up; what a
    person released begins anew.
    """

    called = "between_vintages.volume"
    min_pct: float = -60
    max_pct: float = 300
    min_rows: Count = 50
    window: AtLeastOne = 6

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Wherever each delivery states the whole again."""
        if resource.delivery == "snapshot":
            yield {
                "id": "volume_against_earlier_file", "type": cls.called, "severity": "critical",
                "reason": "The number of rows fell by 60 % or more, or rose by 300 % or more, against an earlier file. "
                "Please check what was exported before this file replaces it.",
            }  # fmt: skip

    def limit(self, on: Subject) -> str:
        """The two ends."""
        return f"above {self.min_pct:g} % and below {self.max_pct:g} %"

    def statement(self, on: Subject) -> str:
        """The first vintage against which it is unusual, else the newest."""
        is_usual = f"p.pct > {literal(self.min_pct)} and p.pct < {literal(self.max_pct)}"
        return f"""
            with recursive e (nth, batch_id) as (
                select 1, {on.earlier()}
                union all
                select e.nth + 1, ops.earlier_sound_batch(e.batch_id, '') from e
                where e.nth < {self.window:d} and e.batch_id is not null and not exists (
                    select 1 from ops.decision d where d.batch_id = e.batch_id and d.decision = 'release'
                )
            ),
            p as (
                select e.nth, c.batch_id, 100.0 * (o.rows_parsed - c.rows_parsed) / c.rows_parsed as pct
                from e join ops.batch c on c.batch_id = e.batch_id join ops.batch o on o.batch_id = {on.batch:d}
                where c.rows_parsed >= {literal(self.min_rows)}
            )
            select
                coalesce(w.is_usual, true), round(w.pct, 1),
                'a change of ' || round(w.pct, 1) || ' % in rows since ' || {stated_on("w.batch_id")}
            from (select 1) as one
            left join lateral (
                select p.*, {is_usual} as is_usual from p order by ({is_usual}), p.nth limit 1
            ) w on true
        """


class OlderUnitsStable(UnitCheck):
    """Of units more than `older_than_months` before the latest, at most `max_pct` per cent of rows were restated."""

    called = "between_vintages.older_units_stable"
    older_than_months: Count = 24
    max_pct: Pct = 2

    def limit(self, on: Subject) -> str:
        """The share."""
        return f"at most {self.max_pct:g} %"

    def statement(self, on: Subject) -> str:
        """Summed absolute change of units over their rows before."""
        unit = self.unit(on)
        return f"""
            with e as materialized (select {on.earlier()} as batch_id),
            latest as (select max(p.{unit}) as unit from {on.compared} p, e where p.batch_id = e.batch_id),
            cell as (
                select r.{unit} as unit, count(*) filter (where r.batch_id = e.batch_id) as before,
                       count(*) filter (where r.batch_id = {on.batch:d}) as after
                from {on.compared} r, e, latest
                where r.batch_id in (e.batch_id, {on.batch:d})
                  and r.{unit} < latest.unit - make_interval(months => {self.older_than_months:d})
                group by 1
            ),
            total as (select round(100.0 * sum(abs(after - before)) / nullif(sum(before), 0), 2) as pct from cell)
            select coalesce(pct <= {literal(self.max_pct)}, true), pct,
                   pct || ' % of older rows restated since ' || {stated_on("e.batch_id")}
            from total cross join e
        """


class NoValueVanished(VintageCheck):
    """Every value of the column that had at least `min_rows` rows in the earlier vintage has one in this one."""

    called = "between_vintages.no_value_vanished"
    column: AnyColumn
    min_rows: AtLeastOne = 20

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """For each column with a closed list of values, where each delivery states the whole again."""
        for column in resource.columns if resource.delivery == "snapshot" else ():
            if column.values is not None:
                yield {
                    "id": f"{column.name}_vanished", "type": cls.called, "column": column.name,
                    "kwargs": {"min_rows": 20}, "severity": "critical",
                    "reason": "What had twenty rows or more in the earlier file has none in this one. Please check "
                    "whether something was left out or renamed.",
                }  # fmt: skip

    def limit(self, on: Subject) -> str:
        """None may vanish."""
        return "none"

    def statement(self, on: Subject) -> str:
        """Values of the earlier vintage without a row here."""
        column = quoted(self.column)
        return f"""
            with e as materialized (select {on.earlier(self.column)} as batch_id)
            select count(m.value) = 0, count(m.value)::numeric,
                   case when e.batch_id is not null
                        then count(m.value) || ' values of ' || {stated_on("e.batch_id")} || ' vanished' end
            from e
            left join lateral (
                select {on.word(self.column, "p")} as value from {on.compared} p
                where p.batch_id = e.batch_id and p.{column} is not null
                group by 1 having count(*) >= {literal(self.min_rows)}
                except
                select {on.word(self.column, "o")} from {on.compared} o where o.batch_id = {on.batch:d}
            ) m on true
            group by e.batch_id
        """
