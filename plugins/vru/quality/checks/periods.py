"""Types of checks of a batch against earlier periods, where each delivery is a period of its own.

For each earlier period the sound batch counts that stood for it when this one was stated (`ops.earlier_periods`).
"""

# ruff: noqa: ARG002, S608 # not every type needs all that it is given; every name is a contract's, every figure a suite's

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from vru.contracts import Resource
from vru.quality.checks.base import AtLeastOne, BetweenCheck, Count, NumberColumn, TextColumn
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
