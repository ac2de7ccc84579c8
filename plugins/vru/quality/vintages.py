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

from vru.contracts import Contract
from vru.contracts.model import Resource
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

    @property
    def table(self) -> str:
        return f"raw.{quoted(self.contract.raw_table(self.resource.name))}"

    def earlier(self, sound_column: str = "") -> str:
        return f"ops.earlier_sound_batch({self.batch_id:d}, {literal(sound_column)})"


def statement(check: Check, batch_id: int, contract: Contract, resource: Resource) -> str:
    """SQL of a comparison: one row of `is_success boolean, observed numeric, remark text`."""
    comparison = COMPARISONS[check.type]
    subject = _Subject(batch_id, contract, resource, check.column)
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
        left join ops.delivery d
          on d.feed = b.feed and d.resource = b.resource and d.content_key = b.content_key and d.sha256 = b.sha256
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
        left join ops.delivery d
          on d.feed = b.feed and d.resource = b.resource and d.content_key = b.content_key and d.sha256 = b.sha256
         and d.manifest_rows is not null
        where b.batch_id = {on.batch_id:d}
        group by b.batch_id
    """


def _unmapped_cells(on: _Subject, given: Mapping[str, Any]) -> str:
    return f"""
        select coalesce(max(c.pct), 0) <= {literal(given["max_pct"])}, coalesce(max(c.pct), 0),
               coalesce('most in ' || (array_agg(c.column_name order by c.pct desc, c.column_name))[1], 'none')
        from (
            select q.column_name, round(100.0 * count(*) / nullif(max(b.rows_parsed), 0), 3) as pct
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
    return f"""
        select
            coalesce(c.pct between {literal(given["min_pct"])} and {literal(given["max_pct"])}, true), c.pct,
            coalesce(c.pct || ' % against batch ' || c.batch_id, 'no earlier vintage to compare with')
        from (select 1) as one
        left join lateral (
            select e.batch_id, round(100.0 * (o.rows_parsed - e.rows_parsed) / e.rows_parsed, 1) as pct
            from ops.batch e join ops.batch o on o.batch_id = {on.batch_id:d}
            where e.batch_id = {on.earlier()} and e.rows_parsed >= {literal(given["min_rows"])}
        ) c on true
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
            select round(100.0 * (b.rows_parsed - p.middle) / p.middle, 1) as pct, p.n
            from p join ops.batch b on b.batch_id = {on.batch_id:d}
            where p.n >= {int(given["min_periods"])} and p.mean >= {literal(given["min_mean_rows"])} and p.middle > 0
        )
        select coalesce(c.pct between {literal(given["min_pct"])} and {literal(given["max_pct"])}, true), c.pct,
               coalesce(c.pct || ' % against the median of ' || c.n || ' earlier periods',
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


COMPARISONS: dict[str, Comparison] = {
    "delivery.final_newline": Comparison(_final_newline, {}),
    "delivery.manifest_rows": Comparison(_manifest_rows, {}),
    "delivery.unmapped_cells": Comparison(_unmapped_cells, {"max_pct": 0}),
    "between_vintages.no_unit_missing": Comparison(_no_unit_missing, {"min_rows": 1}),
    "between_vintages.volume": Comparison(_volume, {"min_pct": -60, "max_pct": 300, "min_rows": 50}),
    "between_vintages.older_units_stable": Comparison(_older_units_stable, {"older_than_months": 24, "max_pct": 2}),
    "between_vintages.share_shift": Comparison(_share_shift, {}, needs_column=True),
    "between_vintages.no_value_vanished": Comparison(_no_value_vanished, {"min_rows": 20}, needs_column=True),
    "between_periods.volume": Comparison(
        _period_volume, {"min_pct": -60, "max_pct": 300, "window": 12, "min_periods": 6, "min_mean_rows": 50}
    ),
    "between_periods.no_area_vanished": Comparison(
        _area_vanished, {"strip": "", "window": 3, "min_periods": 3, "min_mean_rows": 50}, needs_column=True
    ),
}
"""Every comparison by its type in a suite."""
