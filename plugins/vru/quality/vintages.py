"""Checks of a batch against what was stated with it, against earlier vintages, and against earlier periods.

Each is one SQL statement that returns one row: whether it holds, the figure that it looked at, and a remark. An
earlier batch is always the newest sound one *stated* before (`ops.earlier_sound_batch`), never the one that came
before: loading newest first ends where loading oldest first ends. Where there is none, the check holds.
"""

# ruff: noqa: S608 # every name is a contract's, every figure a suite's

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vru.contracts import Contract, Resource
from vru.quality.predicates import literal, quoted
from vru.quality.suites import Check


@dataclass(frozen=True)
class Comparison:
    """How one type of comparison is written: its parameters with their usual values, and its SQL."""

    statement: Callable[[_Subject, Mapping[str, Any]], str]
    parameters: Mapping[str, Any]
    needs_column: bool = False


@dataclass(frozen=True)
class _Subject:
    batch_id: int
    contract: Contract
    resource: Resource
    column: str | None
    has_rows_taken_out: bool

    @property
    def table(self) -> str:
        """Rows of the resource; of this batch also those that its audit took out, for it is judged as it came."""
        raw = f"raw.{quoted(self.contract.raw_table(self.resource.name))}"
        if not self.has_rows_taken_out:
            return raw
        return f"""(
            select * from {raw}
            union all
            select r.*
            from (
                select distinct on (line_number, part) batch_id, record from quarantine.row
                where batch_id = {self.batch_id:d} and stage = 'audit'
            ) q
            cross join lateral jsonb_populate_record(
                null::{raw}, q.record || jsonb_build_object('batch_id', q.batch_id)
            ) r
        )"""

    def earlier(self, sound_column: str = "") -> str:
        return f"ops.earlier_sound_batch({self.batch_id:d}, {literal(sound_column)})"


def statement(
    check: Check, batch_id: int, contract: Contract, resource: Resource, *, has_rows_taken_out: bool = False
) -> str:
    """SQL of a comparison: one row of `is_success boolean, observed numeric, remark text`."""
    comparison = COMPARISONS[check.type]
    subject = _Subject(batch_id, contract, resource, check.column, has_rows_taken_out)
    sql = comparison.statement(subject, {**comparison.parameters, **check.kwargs})
    return f"select s.is_success, s.observed, s.remark from ({sql}) as s (is_success, observed, remark)"


def _final_newline(on: _Subject, _: Mapping[str, Any]) -> str:
    return f"""
        select
            not exists (select 1 from unnest(b.warnings) as w (text) where w.text like 'no_final_newline%')
                or coalesce(bool_or(d.is_whole or d.manifest_rows = b.rows_parsed), false),
            null::numeric,
            case
                when not exists (select 1 from unnest(b.warnings) as w (text) where w.text like 'no_final_newline%')
                then ''
                when coalesce(bool_or(d.is_whole or d.manifest_rows = b.rows_parsed), false)
                then 'no final newline, but size or row count prove that it is whole'
                else 'no final newline, and nothing proves that it is whole'
            end
        from ops.batch b
        left join ops.delivery d on d.content_id = b.content_id
        where b.batch_id = {on.batch_id:d}
        group by b.batch_id
    """


def _manifest_rows(on: _Subject, _: Mapping[str, Any]) -> str:
    return f"""
        select
            coalesce(bool_and(d.manifest_rows = b.rows_parsed), true),
            b.rows_parsed - min(d.manifest_rows),
            coalesce(b.rows_parsed || ' rows read, ' || min(d.manifest_rows) || ' announced', 'no row count announced')
        from ops.batch b
        left join ops.delivery d on d.content_id = b.content_id
         and d.manifest_rows is not null
        where b.batch_id = {on.batch_id:d}
        group by b.batch_id
    """


def _unmapped_cells(on: _Subject, given: Mapping[str, Any]) -> str:
    """Holds up to `max_pct` of the rows, and above `up_to_pct`, where a stricter check takes over."""
    return f"""
        select
            coalesce(max(c.pct), 0) <= {literal(given["max_pct"])} or max(c.pct) > {literal(given["up_to_pct"])},
            coalesce(max(c.pct), 0),
               coalesce('most in ' || (array_agg(c.column_name order by c.pct desc, c.column_name))[1], 'none')
        from (
            select q.column_name, round(100.0 * count(distinct q.line_number) / nullif(max(b.rows_parsed), 0), 3) as pct
            from quarantine.cell q join ops.batch b using (batch_id)
            where q.batch_id = {on.batch_id:d}
            group by q.column_name
        ) c
    """


def _no_unit_missing(on: _Subject, given: Mapping[str, Any]) -> str:
    unit = quoted(on.resource.unit_column or on.column or "")
    if on.resource.rolling_window:
        return "select true, 0::numeric, 'a rolling window may lose units'"
    return f"""
        with e as (select {on.earlier()} as batch_id)
        select count(m.unit) = 0, count(m.unit)::numeric,
               case when e.batch_id is null then 'no earlier vintage'
                    else count(m.unit) || ' units of batch ' || e.batch_id || ' have no row' end
        from e
        left join lateral (
            select p.{unit} as unit from {on.table} p where p.batch_id = e.batch_id
            group by 1 having count(*) >= {literal(given["min_rows"])}
            except
            select o.{unit} from {on.table} o where o.batch_id = {on.batch_id:d}
        ) m on true
        group by e.batch_id
    """


def _volume(on: _Subject, given: Mapping[str, Any]) -> str:
    """Against each of the last sound vintages, so that small steps add up; what a person released begins anew."""
    is_usual = f"p.pct > {literal(given['min_pct'])} and p.pct < {literal(given['max_pct'])}"
    return f"""
        with recursive e (nth, batch_id) as (
            select 1, {on.earlier()}
            union all
            select e.nth + 1, ops.earlier_sound_batch(e.batch_id, '') from e
            where e.nth < {int(given["window"])} and e.batch_id is not null and not exists (
                select 1 from ops.decision d where d.batch_id = e.batch_id and d.decision = 'release'
            )
        ),
        p as (
            select e.nth, c.batch_id, 100.0 * (o.rows_parsed - c.rows_parsed) / c.rows_parsed as pct
            from e join ops.batch c on c.batch_id = e.batch_id join ops.batch o on o.batch_id = {on.batch_id:d}
            where c.rows_parsed >= {literal(given["min_rows"])}
        )
        select
            coalesce(w.is_usual, true), round(w.pct, 1),
            coalesce(round(w.pct, 1) || ' % against batch ' || w.batch_id, 'no earlier vintage to compare with')
        from (select 1) as one
        left join lateral (
            select p.*, {is_usual} as is_usual from p order by ({is_usual}), p.nth limit 1
        ) w on true
    """


def _older_units_stable(on: _Subject, given: Mapping[str, Any]) -> str:
    unit = quoted(on.resource.unit_column or on.column or "")
    return f"""
        with e as (select {on.earlier()} as batch_id),
        latest as (select max(p.{unit}) as unit from {on.table} p, e where p.batch_id = e.batch_id),
        cell as (
            select r.{unit} as unit, count(*) filter (where r.batch_id = e.batch_id) as before,
                   count(*) filter (where r.batch_id = {on.batch_id:d}) as after
            from {on.table} r, e, latest
            where r.batch_id in (e.batch_id, {on.batch_id:d})
              and r.{unit} < latest.unit - make_interval(months => {int(given["older_than_months"])})
            group by 1
        ),
        total as (select round(100.0 * sum(abs(after - before)) / nullif(sum(before), 0), 2) as pct from cell)
        select coalesce(pct <= {literal(given["max_pct"])}, true), pct,
               coalesce(pct || ' % of older rows restated', 'no earlier vintage to compare with')
        from total
    """


def _share_shift(on: _Subject, _: Mapping[str, Any]) -> str:
    """Definitions B20: half the summed absolute change of shares over the units that both hold."""
    rule = next((w for w in on.resource.withholdable if w.column == on.column), None)
    if rule is None:
        raise ValueError(f"the contract declares nothing withholdable for column {on.column}; add it or drop the check")
    column, unit = quoted(rule.column), quoted(on.resource.unit_column or "")
    apart = ", ".join(literal(value) for value in rule.apart) or "null"
    return f"""
        with e as (select {on.earlier(rule.column)} as batch_id),
        both_hold as (
            select p.{unit} as unit from {on.table} p, e where p.batch_id = e.batch_id
            intersect
            select o.{unit} from {on.table} o where o.batch_id = {on.batch_id:d}
        ),
        counted as (
            select r.{column} as value, count(*) filter (where r.batch_id = e.batch_id)::numeric as before,
                   count(*) filter (where r.batch_id = {on.batch_id:d})::numeric as after
            from {on.table} r join both_hold on both_hold.unit = r.{unit} cross join e
            where r.batch_id in (e.batch_id, {on.batch_id:d})
              and r.{column} is not null and (r.{column} in ({apart})) is not true
            group by 1
        ),
        shift as (
            select round(50 * sum(abs(c.after / nullif(t.after, 0) - c.before / nullif(t.before, 0))), 3) as pct
            from counted c cross join (select sum(before) as before, sum(after) as after from counted) t
        )
        select coalesce(s.pct <= {literal(rule.max_shift_pct)}, true), s.pct,
               coalesce(s.pct || ' % of rows moved, against batch ' || e.batch_id, 'no earlier vintage to compare with')
        from shift s cross join e
    """


def _no_value_vanished(on: _Subject, given: Mapping[str, Any]) -> str:
    column = quoted(on.column or "")
    return f"""
        with e as (select {on.earlier(on.column or "")} as batch_id)
        select count(m.value) = 0, count(m.value)::numeric,
               case when e.batch_id is null then 'no earlier vintage' else count(m.value) || ' values vanished' end
        from e
        left join lateral (
            select p.{column} as value from {on.table} p where p.batch_id = e.batch_id and p.{column} is not null
            group by 1 having count(*) >= {literal(given["min_rows"])}
            except
            select o.{column} from {on.table} o where o.batch_id = {on.batch_id:d}
        ) m on true
        group by e.batch_id
    """


def _period_volume(on: _Subject, given: Mapping[str, Any]) -> str:
    return f"""
        with p as (
            select count(*) as n, avg(h.row_count) as mean,
                   percentile_cont(0.5) within group (order by h.row_count)::numeric as middle
            from ops.earlier_periods({on.batch_id:d}, {int(given["window"])}) h
        ),
        c as (
            select 100.0 * (b.rows_parsed - p.middle) / p.middle as pct, p.n
            from p join ops.batch b on b.batch_id = {on.batch_id:d}
            where p.n >= {int(given["min_periods"])} and p.mean >= {literal(given["min_mean_rows"])} and p.middle > 0
        )
        select coalesce(c.pct > {literal(given["min_pct"])} and c.pct < {literal(given["max_pct"])}, true),
               round(c.pct, 1),
               coalesce(round(c.pct, 1) || ' % against the median of ' || c.n || ' earlier periods',
                        'too little history to judge by')
        from (select 1) as one left join c on true
    """


def _area_vanished(on: _Subject, given: Mapping[str, Any]) -> str:
    column = quoted(on.column or "")
    area = f"regexp_replace({column}, {literal(given['strip'])}, '')"
    # Counted by the column as it is before the area is cut out of it: a few thousand cuts, not one for each row.
    return f"""
        with h as (select * from ops.earlier_periods({on.batch_id:d}, {int(given["window"])})),
        m as (
            select {area} as area
            from (
                select r.{column}, count(*) as n
                from {on.table} r join h on h.batch_id = r.batch_id
                where (select count(*) from h) >= {int(given["min_periods"])}
                group by r.{column}
            ) before
            group by 1
            having sum(n) >= {literal(given["min_mean_rows"])} * (select count(*) from h)
            except
            select {area} from (select distinct {column} from {on.table} where batch_id = {on.batch_id:d}) after
        )
        select count(area) = 0, count(area)::numeric, count(area) || ' areas without a row' from m
    """


def _place_vanished(on: _Subject, given: Mapping[str, Any]) -> str:
    """Squares of so many degrees: a force that names no areas still gives points."""
    size = literal(given["degrees"])
    square = f"round({quoted(on.column or '')} / {size}), round({quoted(given['beside'])} / {size})"
    return f"""
        with h as (select * from ops.earlier_periods({on.batch_id:d}, {int(given["window"])})),
        m as (
            select x, y
            from (
                select r.batch_id, {square}, count(*) from {on.table} r join h on h.batch_id = r.batch_id
                where (select count(*) from h) >= {int(given["min_periods"])}
                group by 1, 2, 3
            ) before (batch_id, x, y, n)
            where n >= {literal(given["min_rows"])}
            group by x, y having count(*) = (select count(*) from h)
            except
            select {square} from {on.table} where batch_id = {on.batch_id:d}
        )
        select count(x) = 0, count(x)::numeric, count(x) || ' squares without a row' from m
    """


def _code_keeps_its_name(on: _Subject, given: Mapping[str, Any]) -> str:
    """Within the batch, and against the vintage and the period before it."""
    name = f"regexp_replace(btrim(r.{quoted(given['name'])}), {literal(given['strip'])}, '')"
    return f"""
        with h as (
            select {on.batch_id:d} as batch_id union select {on.earlier()}
            union select p.batch_id from ops.earlier_periods({on.batch_id:d}, 1) p
        ),
        m as (
            select btrim(r.code)
            from (
                select distinct r.batch_id, r.{quoted(on.column or "")} as code, r.{quoted(given["name"])}
                from {on.table} r join h on h.batch_id = r.batch_id
            ) r
            where r.code is not null
            group by 1 having count(distinct {name}) > 1 and bool_or(r.batch_id = {on.batch_id:d})
        )
        select count(*) = 0, count(*)::numeric, count(*) || ' codes under more than one name' from m
    """


COMPARISONS: dict[str, Comparison] = {
    "delivery.final_newline": Comparison(_final_newline, {}),
    "delivery.manifest_rows": Comparison(_manifest_rows, {}),
    "delivery.unmapped_cells": Comparison(_unmapped_cells, {"max_pct": 0, "up_to_pct": 100}),
    "between_vintages.no_unit_missing": Comparison(_no_unit_missing, {"min_rows": 1}),
    "between_vintages.volume": Comparison(_volume, {"min_pct": -60, "max_pct": 300, "min_rows": 50, "window": 6}),
    "between_vintages.older_units_stable": Comparison(_older_units_stable, {"older_than_months": 24, "max_pct": 2}),
    "between_vintages.share_shift": Comparison(_share_shift, {}, needs_column=True),
    "between_vintages.no_value_vanished": Comparison(_no_value_vanished, {"min_rows": 20}, needs_column=True),
    "between_periods.volume": Comparison(
        _period_volume, {"min_pct": -60, "max_pct": 300, "window": 12, "min_periods": 6, "min_mean_rows": 50}
    ),
    "between_periods.no_area_vanished": Comparison(
        _area_vanished, {"strip": "", "window": 3, "min_periods": 3, "min_mean_rows": 50}, needs_column=True
    ),
    "between_periods.no_place_vanished": Comparison(
        _place_vanished,
        {"beside": "", "degrees": 0.02, "window": 3, "min_periods": 3, "min_rows": 15},
        needs_column=True,
    ),
    "between_periods.code_keeps_its_name": Comparison(
        _code_keeps_its_name, {"name": "", "strip": ""}, needs_column=True
    ),
}
"""Every comparison by its type in a suite."""
