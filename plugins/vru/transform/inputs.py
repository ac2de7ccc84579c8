"""The input set of a build, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

COLUMNS = (
    "feed", "resource", "partition", "unit_start", "unit_end", "unit_key", "column_name", "batch_id", "vintage_at",
    "withheld_columns",
)  # fmt: skip
UNIT = COLUMNS[:7]
CONTENT = (*UNIT, "batch_id", "withheld_columns")
"""What decides which rows of raw are read; a later vintage of the same content changes none."""


def read_current(cursor: Cursor, known_at: datetime, admitted_at: datetime) -> None:
    """Put the input set at (K, W) into the temporary table `new_input`."""
    cursor.execute("drop table if exists pg_temp.new_input")
    cursor.execute(
        _sql("create temporary table new_input as select {all} from ops.current_input(%s, %s)"),
        (known_at, admitted_at),
    )
    cursor.execute("analyze pg_temp.new_input")


def is_same(cursor: Cursor, schema: str) -> bool:
    """Whether the schema was built from `new_input` exactly."""
    cursor.execute(
        _sql(
            """
            select not exists (
                (select {all} from pg_temp.new_input except all select {all} from {schema}.build_input)
                union all
                (select {all} from {schema}.build_input except all select {all} from pg_temp.new_input)
            )
            """,
            schema,
        )
    )
    row = cursor.fetchone()
    return bool(row and row[0])


def record_changes(cursor: Cursor, schema: str, lookups: Iterable[tuple[str, str]]) -> tuple[int, bool]:
    """Add to `build_change` the units in which `new_input` differs from the schema's own input.

    ``lookups`` are feeds and resources that every row of an incremental mart looks up. Returns how many units the
    tables still have to catch up with, and whether a lookup is among them, so that every unit must be written again.
    """
    cursor.execute(
        _sql(
            """
            insert into {schema}.build_change ({unit})
            select distinct {unit} from (
                (select {content} from pg_temp.new_input except select {content} from {schema}.build_input)
                union all
                (select {content} from {schema}.build_input except select {content} from pg_temp.new_input)
            ) as difference
            on conflict do nothing
            """,
            schema,
        )
    )
    looked_up = sorted(lookups)
    cursor.execute(
        _sql(
            """
            select count(*), bool_or(
                exists (
                    select 1 from unnest(%s::text[], %s::text[]) as lookup (feed, resource)
                    where lookup.feed = change.feed and lookup.resource = change.resource
                )
            )
            from {schema}.build_change as change
            """,
            schema,
        ),
        ([feed for feed, _ in looked_up], [resource for _, resource in looked_up]),
    )
    units, is_lookup_changed = cursor.fetchone() or (0, False)
    return int(units), bool(is_lookup_changed)


def write(cursor: Cursor, schema: str) -> int:
    """Make `new_input` the schema's own input; the number of units."""
    # deleted, not truncated: a reader may still be in a statement on what were the marts a moment ago
    cursor.execute(_sql("delete from {schema}.build_input", schema))
    cursor.execute(_sql("insert into {schema}.build_input ({all}) select {all} from pg_temp.new_input", schema))
    units = cursor.rowcount
    for table in ("build_input", "build_change"):
        cursor.execute(sql.SQL("analyze {}").format(sql.Identifier(schema, table)))
    return units


def _sql(text: str, schema: str = "") -> sql.Composed:
    return sql.SQL(text).format(
        schema=sql.Identifier(schema) if schema else sql.SQL(""),
        all=_list(COLUMNS),
        unit=_list(UNIT),
        content=_list(CONTENT),
    )


def _list(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)
