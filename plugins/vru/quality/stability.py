"""How many older figures a new vintage leaves as they were (definitions B18, stability)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vru.quality.checks.sql import quoted

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from vru.contracts import Contract, Resource
    from vru.quality.suites import ResourceSuite

OLDER_THAN = "3 months"


def measure(cursor: Cursor, batch_id: int, contract: Contract, resource: Resource, suite: ResourceSuite) -> None:
    """Write the number of cells older than three months that the earlier sound vintage holds, and that are unchanged.

    A cell is a combination of the suite's `cells`, within the period that this batch states; its figure the number of
    rows, or `cell_value`. Both are 0 where there is no earlier vintage. What was measured before is kept, so that a
    past score stays; nothing is written where it is the same.
    """
    if not suite.cells:
        return
    names = ", ".join(quoted(name) for name in suite.cells)
    figure = f"sum(r.{quoted(suite.cell_value)})" if suite.cell_value else "count(*)"
    within = "true"
    if resource.unit_column is not None:
        unit = quoted(resource.unit_column)
        within = (
            f"r.{unit} between b.period_start and b.period_end "
            f"and ops.next_unit(r.{unit}, '{resource.grain}') "
            f"<= ((b.vintage_at at time zone 'Europe/London') - interval '{OLDER_THAN}')::date"
        )
    table = f"raw.{quoted(contract.raw_table(resource.name))}"
    cursor.execute(
        f"""
        insert into ops.batch_measure (batch_id, measure, value, measured_at)
        with
        b as materialized (
            select *, ops.earlier_sound_batch(batch_id) as earlier from ops.batch_vintage where batch_id = %(batch)s
        ),
        figure as (
            select {names}, {figure} filter (where r.batch_id = b.earlier) as before,
                   {figure} filter (where r.batch_id = b.batch_id) as after
            from {table} r join b on r.batch_id in (b.batch_id, b.earlier)
            where b.earlier is not null and {within}
            group by {names}
        ),
        compared as (
            select count(*) as cells, count(*) filter (where before is not distinct from after) as unchanged
            from figure where before is not null and before <> 0
        ),
        known as (
            select coalesce(sum(value) filter (where measure = 'cells_compared'), 0) as cells,
                   coalesce(sum(value) filter (where measure = 'cells_unchanged'), 0) as unchanged
            from (
                select distinct on (measure) measure, value from ops.batch_measure
                where batch_id = %(batch)s order by measure, measured_at desc
            ) newest
        )
        select %(batch)s, m.measure, m.value, ops.stamp()
        from compared c
        join known k on (k.cells, k.unchanged) <> (c.cells, c.unchanged)
        cross join lateral (values ('cells_compared', c.cells), ('cells_unchanged', c.unchanged)) as m (measure, value)
        """,  # noqa: S608 # names of contracts and suites
        {"batch": batch_id},
    )
