"""Types of checks of a batch against earlier periods, where each delivery is a period of its own.

For each earlier period the sound batch counts that stood for it when this one was stated (`ops.earlier_periods`).
"""

# ruff: noqa: ARG002, S608 # not every type needs all that it is given; every name is a contract's, every figure a suite's

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from vru.contracts import Resource
from vru.contracts.base import Slug
from vru.quality.checks.base import AtLeastOne, BetweenCheck, Count, Names, NumberColumn, Pct, TextColumn
from vru.quality.checks.sql import literal, quoted
from vru.quality.checks.subject import Subject

Periods = Annotated[int, Field(ge=1, le=24)]
"""A later period is compared again for at most 24 sound ones before it (`vru.quality.recheck`)."""

_OF_ITS_ROWS = 0.25
"""An area is there under another name if the codes that still have rows had this share of its rows before."""


class PeriodCheck(BetweenCheck):
    """A comparison with earlier periods."""

    level = "between periods"

    def misfits(self, resource: Resource) -> Iterator[str]:
        """Columns, and a resource of which a delivery is no period."""
        yield from super().misfits(resource)
        if resource.delivery != "period":
            yield f"deliveries of this resource are '{resource.delivery}', so that no period stands before one; drop it"


class Volume(PeriodCheck):
    """The number of rows differs by more than `min_pct` and less than `max_pct` per cent from the usual.

    The usual is the median of the last `window` periods; `min_periods` of them and a mean of `min_mean_rows` rows are
    needed to judge.
    """

    called = "between_periods.volume"
    min_pct: float = -60
    max_pct: float = 300
    window: Periods = 12
    min_periods: AtLeastOne = 6
    min_mean_rows: Count = 50

    def limit(self, on: Subject) -> str:
        """The two ends."""
        return f"above {self.min_pct:g} % and below {self.max_pct:g} %"

    def statement(self, on: Subject) -> str:
        """Rows against the median of earlier periods."""
        return f"""
            with p as (
                select count(*) as n, avg(h.row_count) as mean,
                       percentile_cont(0.5) within group (order by h.row_count)::numeric as middle
                from ops.earlier_periods({on.batch:d}, {self.window:d}) h
            ),
            c as (
                select 100.0 * (b.rows_parsed - p.middle) / p.middle as pct, p.n
                from p join ops.batch b on b.batch_id = {on.batch:d}
                where p.n >= {self.min_periods:d} and p.mean >= {literal(self.min_mean_rows)} and p.middle > 0
            )
            select coalesce(c.pct > {literal(self.min_pct)} and c.pct < {literal(self.max_pct)}, true),
                   round(c.pct, 1),
                   'a change of ' || round(c.pct, 1) || ' % in rows from the median of ' || c.n || ' earlier periods'
            from (select 1) as one left join c on true
        """


class NoAreaVanished(PeriodCheck):
    """Every area with `min_mean_rows` rows a period in the last `window` periods has a row.

    An area is the text in `column` without what the regular expression `strip` matches. `min_periods` are needed. With
    `code`, an area is there under whatever name as long as the codes that had a quarter of its rows before have rows.
    """

    called = "between_periods.no_area_vanished"
    column: TextColumn
    code: TextColumn | None = None
    strip: str = ""
    window: Periods = 3
    min_periods: AtLeastOne = 3
    min_mean_rows: Count = 50

    def limit(self, on: Subject) -> str:
        """None."""
        return "none"

    def statement(self, on: Subject) -> str:
        """Areas of the earlier periods without a row here."""
        column = quoted(self.column)
        area = f"ops.compared(regexp_replace(ops.trimmed({column}), {literal(self.strip)}, ''))"
        code = "null::text" if self.code is None else f"r.{quoted(self.code)}"
        # a code that stood beside a foreign name by mistake does not keep that name's area alive
        by_code = (
            ""
            if self.code is None
            else f"""
            and coalesce(sum(n) filter (where code in (
                select {code} from {on.compared} r where r.batch_id = {on.batch:d}
            )), 0) < {_OF_ITS_ROWS} * sum(n)
        """
        )
        # Counted by the column as it is before the area is cut out of it: a few thousand cuts, not one for each row.
        return f"""
            with h as materialized (select * from ops.earlier_periods({on.batch:d}, {self.window:d})),
            m as (
                select {area} as area
                from (
                    select r.{column}, {code} as code, count(*) as n
                    from {on.compared} r join h on h.batch_id = r.batch_id
                    where (select count(*) from h) >= {self.min_periods:d}
                    group by 1, 2
                ) before
                group by 1
                having sum(n) >= {literal(self.min_mean_rows)} * (select count(*) from h) {by_code}
                except
                select {area} from (select distinct {column} from {on.compared} where batch_id = {on.batch:d}) after
            )
            select count(area) = 0, count(area)::numeric, count(area) || ' areas without a row' from m
        """


class NoPlaceVanished(PeriodCheck):
    """Every square with `min_rows` rows in each of the last `window` periods has a row: for files that name no areas.

    A square has sides of `degrees`; `column` and `beside` are its two coordinates. `min_periods` are needed.
    """

    called = "between_periods.no_place_vanished"
    column: NumberColumn
    beside: NumberColumn
    degrees: Annotated[float, Field(gt=0)] = 0.02
    window: Periods = 3
    min_periods: AtLeastOne = 3
    min_rows: AtLeastOne = 15

    def limit(self, on: Subject) -> str:
        """None."""
        return "none"

    def statement(self, on: Subject) -> str:
        """Squares of the earlier periods without a row here."""
        size = literal(self.degrees)
        square = f"round({quoted(self.column)} / {size}), round({quoted(self.beside)} / {size})"
        return f"""
            with h as materialized (select * from ops.earlier_periods({on.batch:d}, {self.window:d})),
            m as (
                select x, y
                from (
                    select r.batch_id, {square}, count(*) from {on.compared} r join h on h.batch_id = r.batch_id
                    where (select count(*) from h) >= {self.min_periods:d}
                    group by 1, 2, 3
                ) before (batch_id, x, y, n)
                where n >= {literal(self.min_rows)}
                group by x, y having count(*) = (select count(*) from h)
                except
                select {square} from {on.compared} where batch_id = {on.batch:d}
            )
            select count(x) = 0, count(x)::numeric, count(x) || ' squares without a row' from m
        """


class SharesKept(PeriodCheck):
    """The shares of the values of each of `columns`, and of blanks in each of `filled`, are those of earlier periods.

    A column fails whose shares differ from the mean of the last `window` periods by more than `max_pct` points in all,
    and by more than `times` what any of these periods differs itself; of which a value with `min_rows` rows in each of
    them is gone; or that has one value in every row where chance would do so less than once in a million. Needed are
    `min_periods` and `least_rows` rows: of a dozen, chance moves a third. A failure withholds the columns that fail, in
    this period.
    """

    called = "between_periods.shares_kept"
    says_columns: ClassVar[bool] = True
    columns: list[Annotated[Slug, Names()]] = Field(default_factory=list)
    filled: list[Annotated[Slug, Names()]] = Field(default_factory=list)
    window: Periods = 12
    min_periods: AtLeastOne = 6
    max_pct: Pct = 10
    times: Annotated[float, Field(ge=1)] = 2.5
    min_rows: AtLeastOne = 20
    least_rows: Count = 50

    @model_validator(mode="after")
    def _something(self) -> SharesKept:
        if not self.columns and not self.filled:
            raise ValueError("give 'columns', 'filled' or both")
        return self

    @classmethod
    def usual(cls, resource: Resource) -> Iterator[dict[str, Any]]:
        """Columns with a closed list of values, yes or no, and blanks of the others, where a delivery is a period."""
        if resource.delivery != "period":
            return
        listed = [c.name for c in resource.columns if c.values is not None or c.type == "boolean"]
        others = [c.name for c in resource.columns if c.nullable and c.name not in listed and not c.month_of]
        if listed or others:
            yield {
                "id": "shares_kept", "type": cls.called, "severity": "critical",
                "kwargs": {"columns": listed, "filled": others},
                "reason": "The values of a column, or its blanks, are spread quite otherwise than in the periods "
                "before. Please check how it is filled.",
            }  # fmt: skip

    def misfits(self, resource: Resource) -> Iterator[str]:
        """Columns."""
        yield from super().misfits(resource)
        names = {column.name for column in resource.columns}
        for name in [*self.columns, *self.filled]:
            if name not in names:
                yield f"columns: '{name}' is no column of the resource; it has {', '.join(sorted(names))}"

    def statement(self, on: Subject) -> str:
        """Columns whose shares are not those of the periods before; the figure is the largest difference."""
        cells = [(name, f"r.{quoted(name)}::text") for name in self.columns]
        cells += [(name, f"(case when r.{quoted(name)} is null then '' else 'filled' end)") for name in self.filled]
        chosen = ", ".join(f"{sql} as c{nth}" for nth, (_, sql) in enumerate(cells))
        names = " ".join(f"when grouping(c{nth}) = 0 then {literal(name)}" for nth, (name, _) in enumerate(cells))
        values = " ".join(f"when grouping(c{nth}) = 0 then c{nth}" for nth in range(len(cells)))
        sets = ", ".join(f"(batch_id, c{nth})" for nth in range(len(cells)))
        start = "null" if on.period_start is None else literal(on.period_start)
        end = "null" if on.period_end is None else literal(on.period_end)
        return f"""
            with h as materialized (select batch_id from ops.earlier_periods({on.batch:d}, {self.window:d})),
            counted as materialized (
                -- one scan, whatever the number of columns
                select batch_id, case {names} end as column_name, coalesce(case {values} end, '') as value, count(*)
                    as n
                from (
                    select r.batch_id, {chosen} from {on.compared} r
                    where (r.batch_id = {on.batch:d} or r.batch_id in (select batch_id from h))
                      and (select count(*) from h) >= {self.min_periods:d}
                ) r
                group by grouping sets ({sets})
            ),
            summed as (select batch_id, column_name, value, sum(n) as n from counted group by 1, 2, 3),
            share as materialized (
                select *, n / sum(n) over (partition by batch_id, column_name) as share from summed
            ),
            usual as (
                select column_name, value, sum(share) / (select count(*) from h) as share,
                       case when count(*) = (select count(*) from h) then min(n) else 0 end as least_count
                from share where batch_id <> {on.batch:d} group by 1, 2
            ),
            batch as (select {on.batch:d}::bigint as batch_id union all select batch_id from h),
            distance as (
                select b.batch_id, u.column_name, 50 * sum(abs(coalesce(s.share, 0) - u.share))
                       + 50 * coalesce((
                           select sum(n.share) from share n
                           where n.batch_id = b.batch_id and n.column_name = u.column_name and not exists (
                               select 1 from usual k where k.column_name = n.column_name and k.value = n.value
                           )
                       ), 0) as pct
                from batch b cross join usual u
                left join share s on s.batch_id = b.batch_id and s.column_name = u.column_name and s.value = u.value
                group by 1, 2
            ),
            judged as (
                select d.column_name, round(d.pct, 1) as pct,
                       round(greatest({literal(self.max_pct)}, {literal(self.times)} * (
                           select max(o.pct) from distance o where o.column_name = d.column_name
                               and o.batch_id <> d.batch_id
                       )), 1) as max_pct,
                       (select count(*) from usual u where u.column_name = d.column_name
                        and u.least_count >= {self.min_rows:d} and not exists (
                            select 1 from share s where s.batch_id = d.batch_id
                              and s.column_name = u.column_name and s.value = u.value)) as gone_count,
                       (select count(*) = 1
                           and sum(s.n) * ln(least(1, (max(coalesce(u.share, 0)) * 1000 + 0.5) / 1001)) < -ln(1e6)
                        from share s left join usual u on u.column_name = s.column_name and u.value = s.value
                        where s.batch_id = d.batch_id and s.column_name = d.column_name) as stands_still
                from distance d where d.batch_id = {on.batch:d}
                  and (select sum(s.n) from share s where s.batch_id = d.batch_id and s.column_name = d.column_name)
                      >= {self.least_rows:d}
            ),
            failed as (
                select *, row_number() over (order by pct desc, column_name) as nth from judged
                where pct > max_pct or gone_count > 0 or stands_still
            )
            select not exists (select 1 from failed), (select max(pct) from judged),
                   coalesce(
                       (select string_agg(
                           column_name || case
                               when stands_still then ' has one value in every row against limit none'
                               when gone_count > 0
                                   then ' lacks ' || gone_count || ' of its usual values against limit none'
                               else ' is spread otherwise in ' || pct || ' % of rows against limit ' || max_pct || ' %'
                               end,
                           ', ' order by nth) from failed where nth <= 3),
                       case when exists (select 1 from judged) then 'every column is spread as usual'
                           else 'too little history to judge by' end),
                   (select jsonb_object_agg(column_name, datemultirange(daterange({start}, {end}, '[]'))::text)
                       from failed)
        """
