"""Types of checks that judge a batch unit by unit (year, month) against what was stated before it, not only as a whole.

What stands before is `Subject.before`: for each day the newest sound batch stated before this one. A damage that hides
in the whole (one year twice, half of one lost, one column lost in eight years) shows in its unit. Limits come from what
vintages of real lists do; the suites say beside each what was measured.
"""

# ruff: noqa: ARG002, S608 # not every type needs all that it is given; every name is a contract's, every figure a suite's

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from vru.contracts import Resource
from vru.contracts.base import Slug
from vru.quality.checks.base import AtLeastOne, Count, Names, Pct, StatementCheck
from vru.quality.checks.sql import literal, quoted
from vru.quality.checks.subject import Subject
from vru.quality.checks.vintages import VintageCheck

Unit = Literal["month", "quarter", "year"]
Columns = Annotated[list[Annotated[Slug, Names()]], Field(min_length=1)]
UNIT_WORD = {"month": "YYYY-MM", "quarter": 'YYYY-"Q"Q', "year": "YYYY"}
AT_MOST = 3
"""Units that a remark names."""


def named_columns(columns: list[str], alias: str, name: str = "column_name") -> str:
    """SQL of the text of the column that `name` says."""
    cases = " ".join(f"when {literal(column)} then {alias}.{quoted(column)}::text" for column in columns)
    return f"case {name} {cases} end"


def is_listed(resource: Resource) -> bool:
    """Whether each delivery states the whole list again."""
    return resource.delivery == "snapshot" and resource.grain != "none" and not resource.rolling_window


def categories(resource: Resource) -> list[str]:
    """Columns with a closed list of values, and yes-or-no columns."""
    return [c.name for c in resource.columns if c.values is not None or c.type == "boolean"]


class UnitVintageCheck(VintageCheck):
    """One that puts the units of the contract together to the longer ones of `by`."""

    by: Unit = "year"
    older_than_months: Count = 24

    def misfits(self, resource: Resource) -> Iterator[str]:
        """A resource without units, and columns."""
        yield from super().misfits(resource)
        if resource.unit_column is None:
            yield "the contract declares no 'unit_column' for this resource; declare it, or drop the check"
        names = {column.name for column in resource.columns}
        for name in getattr(self, "columns", []):
            if name not in names:
                yield f"columns: '{name}' is no column of the resource; it has {', '.join(sorted(names))}"

    def unit(self, on: Subject) -> str:
        """The column of units, as an SQL name."""
        return quoted(on.shape.unit_column or "")

    def named_unit(self, unit: str) -> str:
        """A unit of `by` in words: 2019, 2019-04, 2019-Q2."""
        return f"to_char({unit}, {literal(UNIT_WORD[self.by])})"


class UnitsKept(UnitVintageCheck):
    """Rows of each unit, and of all together, changed by no more than `max_pct`, `recent_max_pct` and `total_max_pct`.

    All together: `total_max_pct` of the older ones and `recent_max_pct` of the recent.

    Of units that still have a row. Both ways, and only by more rows than `min_rows`, so that a natural change of a
    small unit is none. A unit is recent if it ends less than `older_than_months` before the last of the earlier one.
    """

    called = "between_vintages.units_kept"
    is_needed = True
    max_pct: Pct = 5
    recent_max_pct: Pct = 15
    total_max_pct: Pct = 2
    min_rows: Count = 5

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Wherever each delivery states the whole list again."""
        if is_listed(resource):
            yield {
                "id": "every_year_kept", "type": cls.called, "severity": "critical",
                "reason": "A year that an earlier file covers, or all of them together, has many rows more or fewer in "
                "this one. Please see whether rows are doubled or missing there.",
            }  # fmt: skip

    def statement(self, on: Subject) -> str:
        """Units whose number of rows moved too far."""
        unit = self.unit(on)
        is_older = f"unit < (select unit from latest) - make_interval(months => {self.older_than_months:d})"
        return f"""
            with e as materialized (select * from {on.before()}),
            latest as (select max(p.{unit}) as unit from {on.compared} p join e on e.batch_id = p.batch_id),
            cell as (
                select p.{unit} as unit, count(*) as before, 0::bigint as after
                from {on.compared} p join e on e.batch_id = p.batch_id and p.{unit} <@ e.days group by 1
                union all
                select r.{unit}, 0, count(*) from {on.compared} r
                where r.batch_id = {on.batch:d} and exists (select 1 from e where r.{unit} <@ e.days)
                  and r.{unit} <= (select unit from latest) group by 1
            ),
            -- a unit without any row is what `between_vintages.no_unit_missing` looks for
            kept as (
                select unit, sum(before) as before, sum(after) as after from cell group by 1 having sum(after) > 0
            ),
            judged as (
                select date_trunc('{self.by}', unit)::date as unit, sum(before) as before, sum(after) as after,
                       -- recent units may move more, so that what is recent in all may, too
                       case when grouping(date_trunc('{self.by}', unit)) = 1
                            then round(sum(before * case when {is_older} then {literal(self.total_max_pct)}
                                else {literal(self.recent_max_pct)} end) / nullif(sum(before), 0), 1)
                            when max(unit) < (select unit from latest)
                                - make_interval(months => {self.older_than_months:d})
                            then {literal(self.max_pct)} else {literal(self.recent_max_pct)} end as max_pct
                from kept group by grouping sets ((date_trunc('{self.by}', unit)), ())
            ),
            failed as (
                select *, round(100 * (after - before) / nullif(before, 0), 1) as pct,
                       row_number() over (order by (unit is not null), abs(after - before) desc) as nth
                from judged
                where abs(after - before) > greatest({self.min_rows:d}, max_pct * before / 100)
            ),
            whole as (select before, after from judged where unit is null and before > 0)
            select not exists (select 1 from failed),
                   (select round(100.0 * (after - before) / before, 1) from whole),
                   coalesce(
                       (select string_agg(
                           coalesce({self.named_unit("f.unit")}, 'all together') || ': ' || f.after || ' rows against '
                           || f.before || ' before against limit ±' || f.max_pct || ' %', ', ' order by f.nth)
                           || case when max(f.of_all) > {AT_MOST} then ' (and ' || max(f.of_all) - {AT_MOST}
                               || ' more)' else '' end
                        from (select *, count(*) over () as of_all from failed) f where f.nth <= {AT_MOST}),
                       (select after || ' rows against ' || before || ' before, no unit moved too far' from whole),
                       'no earlier vintage to compare with')
        """


class ColumnsKept(UnitVintageCheck):
    """Cells of each of `columns` stayed as they were: unit by unit each value, and no value, stands in as many rows.

    Of what cannot be paired off, at most `max_pct` per cent of all rows older than `older_than_months`, `unit_max_pct`
    of an older year (`by`) and `recent_unit_max_pct` of a recent one, and only from `min_rows` rows on; and the shares
    of the values moved by at most `share_max_pct` (definitions B20). A failure withholds a column in the years that
    fail (after the last that can be compared, too, if that fails), and everywhere if the others differ or are fewer.
    Without `max_pct` it is that of the contract's `withholdable`.
    """

    called = "between_vintages.columns_kept"
    says_columns: ClassVar[bool] = True
    columns: Columns
    max_pct: Pct | None = None
    unit_max_pct: Pct = 5
    recent_unit_max_pct: Pct = 15
    share_max_pct: Pct = 2
    min_rows: Count = 5

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """For the columns that a check may withhold, where each delivery states the whole list again."""
        columns = [rule.column for rule in resource.withholdable]
        if columns and is_listed(resource):
            yield {
                "id": "columns_kept", "type": cls.called, "kwargs": {"columns": columns},
                "severity": {"withhold": columns},
                "reason": "Cells of a column differ from the earlier file in more rows than are ever corrected. The "
                "rows count, the column is not used there; please check how it is filled.",
            }  # fmt: skip

    def misfits(self, resource: Resource) -> Iterator[str]:
        """A column without a limit."""
        yield from super().misfits(resource)
        if self.max_pct is None:
            for name in sorted(set(self.columns) - {rule.column for rule in resource.withholdable}):
                yield f"the contract lists no column '{name}' under 'withholdable'; declare it there or give 'max_pct'"

    def statement(self, on: Subject) -> str:
        """Columns whose cells moved, with the years; the figure is the largest shift of shares."""
        unit = self.unit(on)
        limits = {rule.column: rule.max_shift_pct for rule in on.shape.withholdable}
        judged = ", ".join(
            f"({literal(name)}, {literal(limits[name] if self.max_pct is None else self.max_pct)}::numeric)"
            for name in self.columns
        )
        apart = ", ".join(
            f"({literal(rule.column)}, {literal(value)})" for rule in on.shape.withholdable for value in rule.apart
        )
        before = " union all ".join(
            f"select {literal(name)} as column_name, x.batch_id, x.days from {on.before(name)} x"
            for name in self.columns
        )
        return f"""
            with judged (column_name, max_pct) as (values {judged}),
            apart (column_name, value) as (values {apart or "(null, null)"}),
            e as materialized ({before}),
            latest as (select max(p.{unit}) as unit from {on.compared} p where p.batch_id in (select batch_id from e)),
            cell as materialized (
                select e.column_name, p.{unit} as unit, {named_columns(self.columns, "p", "e.column_name")} as value,
                       count(*) as before, 0::bigint as after
                from {on.compared} p join e on e.batch_id = p.batch_id and p.{unit} <@ e.days group by 1, 2, 3
                union all
                select j.column_name, r.{unit}, {named_columns(self.columns, "r", "j.column_name")}, 0, count(*)
                from {on.compared} r cross join judged j where r.batch_id = {on.batch:d} group by 1, 2, 3
            ),
            paired as (
                select column_name, unit, value, sum(before) as before, sum(after) as after from cell group by 1, 2, 3
            ),
            moved as (
                select column_name, unit, date_trunc('{self.by}', unit)::date as longer,
                       least(sum(before), sum(after)) as row_count,
                       least(sum(before), sum(after)) - sum(least(before, after)) as moved_count
                from paired group by 1, 2 having sum(before) > 0 and sum(after) > 0
            ),
            share as (
                -- half the summed absolute change of the shares of real values, over the units that both hold
                select column_name,
                       round(50 * sum(abs(after / nullif(all_after, 0) - before / nullif(all_before, 0))), 3) as pct
                from (
                    select p.column_name, p.value, sum(p.before) as before, sum(p.after) as after,
                           sum(sum(p.before)) over of_column as all_before, sum(sum(p.after)) over of_column
                               as all_after
                    from paired p join moved m using (column_name, unit)
                    where p.value is not null
                      and not exists (select 1 from apart a where a.column_name = p.column_name and a.value = p.value)
                    group by 1, 2 window of_column as (partition by p.column_name)
                ) s group by 1
            ),
            by_longer as (
                select column_name, longer, sum(row_count) as row_count, sum(moved_count) as moved_count,
                       max(unit) < (select unit from latest) - make_interval(months => {self.older_than_months:d})
                           as is_older
                from moved group by 1, 2
            ),
            failed_unit as (
                select *, round(100 * moved_count / row_count, 1) as pct from by_longer
                where moved_count > greatest(
                    {self.min_rows:d} - 1,
                    case when is_older then {literal(self.unit_max_pct)} else {literal(self.recent_unit_max_pct)} end
                    * row_count / 100)
                   and moved_count > 0
            ),
            whole as (
                select j.column_name, j.max_pct, s.pct as share_pct,
                       coalesce(sum(b.row_count) filter (where b.is_older), 0) as row_count,
                       coalesce(sum(b.moved_count) filter (where b.is_older), 0) as moved_count,
                       coalesce(sum(b.row_count) filter (where b.is_older and f.longer is null), 0) as other_count,
                       coalesce(sum(b.moved_count) filter (where b.is_older and f.longer is null), 0) as other_moved,
                       coalesce(sum(f.row_count), 0) * 2 >= sum(b.row_count) as has_few_others,
                       count(f.longer) > 0 as has_failed, max(b.longer) as last_longer
                from judged j
                join by_longer b on b.column_name = j.column_name
                left join share s on s.column_name = j.column_name
                left join failed_unit f on f.column_name = b.column_name and f.longer = b.longer
                group by j.column_name, j.max_pct, s.pct
            ),
            everywhere as (
                select column_name from whole
                where other_moved >= greatest({self.min_rows:d}, max_pct * other_count / 100) and other_moved > 0
                   or has_few_others or (share_pct > {literal(self.share_max_pct)} and not has_failed)
            ),
            failed as (
                select column_name, datemultirange(daterange(null, null)) as days from everywhere
                union all
                select f.column_name, range_agg(daterange(
                    f.longer, case when f.longer < w.last_longer then (f.longer + interval '1 {self.by}')::date end
                ))
                from failed_unit f join whole w using (column_name)
                where f.column_name not in (select column_name from everywhere) group by 1
            ),
            told as (
                select w.column_name || ' differs in ' || w.moved_count || ' of ' || w.row_count
                    || ' older rows against limit '
                       || w.max_pct || ' %; its shares moved by ' || coalesce(w.share_pct, 0) || ' % against limit '
                       || {literal(self.share_max_pct)} || ' %' as words,
                       w.moved_count as weight
                from whole w join everywhere using (column_name)
                union all
                select f.column_name || ' of ' || {self.named_unit("f.longer")} || ' differs in ' || f.moved_count
                    || ' of '
                       || f.row_count || ' rows against limit '
                       || case when f.is_older then {literal(self.unit_max_pct)}
                           else {literal(self.recent_unit_max_pct)} end || ' %',
                       f.moved_count
                from failed_unit f where f.column_name not in (select column_name from everywhere)
            )
            select not exists (select 1 from failed),
                   (select max(coalesce(share_pct, 0)) from whole),
                   coalesce(
                       (select string_agg(t.words, ', ' order by t.weight desc, t.words)
                           || case when max(t.of_all) > {AT_MOST} then ' (and ' || max(t.of_all) - {AT_MOST}
                               || ' more)' else '' end
                        from (select *, count(*) over () as of_all, row_number() over (order by weight desc, words)
                            as nth from told) t
                        where t.nth <= {AT_MOST}),
                       (select max(coalesce(share_pct, 0)) || ' % of shares moved in the column that moved most'
                           from whole),
                       'no earlier vintage to compare with'),
                   (select jsonb_object_agg(column_name, days::text) from failed)
        """


class RepeatedRows(UnitVintageCheck):
    """Rows that repeat another one are no more than usual, and `more_pct` points.

    Usual is the share in the earlier vintage and the three periods before, `usual_pct` where nothing stands before.

    Of all rows, and of each unit with at least `min_rows` of them `unit_more_pct` points; without `usual_pct` a first
    delivery is not judged. Where `column` is named, only rows that are filled there count: an identifier, say.
    """

    called = "between_vintages.repeated_rows"
    column: Annotated[Slug | None, Names()] = None
    usual_pct: Pct | None = None
    more_pct: Pct = 2
    unit_more_pct: Pct = 20
    min_rows: AtLeastOne = 8

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Wherever rows have no key of which a repeat is taken out."""
        if resource.row_identity == "none" and resource.unit_column is not None:
            yield {
                "id": "rows_not_doubled", "type": cls.called, "severity": "critical",
                "reason": "Far more rows than usual repeat another row of the file in every cell. Please see whether a "
                "part was exported twice.",
            }  # fmt: skip

    def statement(self, on: Subject) -> str:
        """Units with too many repeats."""
        unit = self.unit(on)
        cells = ", ".join(f"r.{quoted(column.name)}" for column in on.shape.columns)
        where = "true" if self.column is None else f"r.{quoted(self.column)} is not null"
        usual = "null" if self.usual_pct is None else literal(self.usual_pct)
        return f"""
            with e as materialized (
                select batch_id from {on.before()} union select batch_id from ops.earlier_periods({on.batch:d}, 3)
            ),
            same as materialized (
                select r.batch_id = {on.batch:d} as is_here, date_trunc('{self.by}', r.{unit})::date as unit,
                       count(*) as n
                from {on.compared} r
                where (r.batch_id = {on.batch:d} or r.batch_id in (select batch_id from e)) and {where}
                group by r.batch_id, r.{unit}, hash_record_extended(row({cells}), 0)
            ),
            judged as (
                select is_here, unit, sum(n) as n, sum(n - 1) as repeated,
                       round(100 * sum(n - 1) / sum(n), 2) as pct
                from same group by grouping sets ((is_here, unit), (is_here))
            ),
            usual as (
                select coalesce((select pct from judged where unit is null and not is_here), {usual}::numeric) as pct
            ),
            failed as (
                select j.*, row_number() over (order by (j.unit is not null), j.repeated desc) as nth
                from judged j, usual u
                where j.is_here and u.pct is not null and j.repeated >= {self.min_rows:d} and j.n > {self.min_rows:d}
                  and j.pct > u.pct + case when j.unit is null then {literal(self.more_pct)}
                      else {literal(self.unit_more_pct)} end
            )
            select not exists (select 1 from failed),
                   (select pct from judged where is_here and unit is null),
                   coalesce(
                       (select string_agg(
                           coalesce({self.named_unit("f.unit")}, 'all together') || ': ' || f.repeated || ' of ' || f.n
                           || ' rows repeat another (' || f.pct || ' %) against limit ' || u.pct + case
                               when f.unit is null then {literal(self.more_pct)} else {literal(self.unit_more_pct)}
                               end || ' %',
                           ', ' order by f.nth)
                        from failed f, usual u where f.nth <= {AT_MOST}),
                       (select pct || ' % of rows repeat another' from judged where is_here and unit is null),
                       'no row')
        """


class ColumnsVary(StatementCheck):
    """None of `columns` has one value (or none) in a whole unit (`by`) while the rows of other units have several.

    Judged where chance would do so less than once in `odds`: the value's share in the units where there are several, to
    the power of the unit's rows. A failure withholds a column in the units that fail.
    """

    called = "expect_columns_to_vary_in_each_unit"
    level = "table"
    says_columns: ClassVar[bool] = True
    columns: Columns
    by: Unit = "year"
    odds: Annotated[float, Field(gt=1)] = 1e6

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """For columns with a closed list of values, where a file holds several units."""
        columns = categories(resource)
        if columns and is_listed(resource):
            withheld = [rule.column for rule in resource.withholdable if rule.column in columns]
            yield {
                "id": "no_column_stands_still", "type": cls.called, "kwargs": {"columns": columns},
                "severity": {"withhold": withheld} if withheld == columns else "warning",
                "reason": "A column has one and the same value, or none, in every row of a year, which chance does not "
                "do. It was lost in the export; please check how it is filled.",
            }  # fmt: skip

    def misfits(self, resource: Resource) -> Iterator[str]:
        """A resource without units, and columns."""
        yield from super().misfits(resource)
        if resource.unit_column is None:
            yield "the contract declares no 'unit_column' for this resource; declare it, or drop the check"
        names = {column.name for column in resource.columns}
        for name in self.columns:
            if name not in names:
                yield f"columns: '{name}' is no column of the resource; it has {', '.join(sorted(names))}"

    def limit(self, on: Subject) -> str:
        """How seldom chance may do it."""
        return f"once in {self.odds:,.0f} by chance"

    def statement(self, on: Subject) -> str:
        """Units in which a column stands still."""
        unit = quoted(on.shape.unit_column or "")
        judged = ", ".join(f"({literal(name)})" for name in self.columns)
        return f"""
            with judged (column_name) as (values {judged}),
            counted as materialized (
                select j.column_name, date_trunc('{self.by}', r.{unit})::date as unit,
                       {named_columns(self.columns, "r", "j.column_name")} as value, count(*) as n
                from {on.compared} r cross join judged j where r.batch_id = {on.batch:d} group by 1, 2, 3
            ),
            of_unit as (
                select column_name, unit, count(*) as value_count, sum(n) as n, min(value) as value
                from counted group by 1, 2
            ),
            varied as (
                select c.column_name, c.value, sum(c.n) as n
                from counted c join of_unit u using (column_name, unit) where u.value_count > 1 group by 1, 2
            ),
            failed as (
                select u.column_name, u.unit, u.n
                from of_unit u
                cross join lateral (
                    select coalesce(sum(v.n) filter (where v.value is not distinct from u.value), 0)
                        as same, sum(v.n) as n
                    from varied v where v.column_name = u.column_name
                ) v
                where u.value_count = 1 and v.n > 0
                  and u.n * ln((v.same + 0.5) / (v.n + 1)) < -ln({literal(self.odds)}::numeric)
            ),
            stretch as (
                select column_name, sum(n) as n, count(*) as unit_count, min(unit) as first_unit, max(unit)
                    as last_unit,
                       range_agg(daterange(unit, (unit + interval '1 {self.by}')::date)) as days
                from failed group by 1
            )
            select not exists (select 1 from failed), (select count(*) from failed)::numeric,
                   coalesce((select string_agg(
                       column_name || ' has one value in all ' || n || ' rows of ' || unit_count || ' {self.by}s ('
                       || to_char(first_unit, {literal(UNIT_WORD[self.by])}) || ' to '
                       || to_char(last_unit, {literal(UNIT_WORD[self.by])}) || ')', ', ' order by column_name)
                           from stretch),
                       'every column has several values in every {self.by}'),
                   (select jsonb_object_agg(column_name, days::text) from stretch)
        """
