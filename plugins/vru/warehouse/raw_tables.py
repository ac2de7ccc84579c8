"""The raw tables, made as the contracts declare them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from vru.contracts import Column, Contract, Resource
from vru.warehouse.replace_keys import OLD_RULE, record_keys, unit_key

_SYSTEM = (
    ("batch_id", "bigint not null", "Batch to which the row belongs (ops.batch)."),
    (
        "line_number",
        "bigint not null",
        "Physical line on which the record starts, the header being line 1; for GeoJSON the ordinal of the feature.",
    ),
    ("part", "integer not null default 0", "Which of the rows made of that record it is; 0 where a record makes one."),
)


class RawTableError(Exception):
    """A raw table that stands cannot take what the contract declares now."""


def sync_raw_tables(connection: Connection, contracts: Mapping[str, Contract]) -> list[str]:
    """Make missing raw tables and add missing columns, in the caller's transaction; names of the tables changed.

    Nothing is ever dropped: rows of older contract versions stay as they are. Comments always follow the
    contract, and replace keys the rule by which keys are compared now. Raises RawTableError if a column stands there
    with another type.
    """
    changed = []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
            from pg_attribute a
            join pg_class c on c.oid = a.attrelid
            where c.relnamespace = 'raw'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
            """
        )
        standing: dict[str, dict[str, str]] = {}
        for table, column, kind in cursor.fetchall():
            standing.setdefault(table, {})[column] = kind
    for contract in contracts.values():
        for resource in contract.resources:
            if _sync(connection, contract, resource, standing.get(contract.raw_table(resource.name))):
                changed.append(contract.raw_table(resource.name))
    return changed


def raw_columns(resource: Resource) -> list[tuple[str, str, str]]:
    """Name, SQL type and description of every column of the resource's raw table, in order."""
    columns = list(_SYSTEM)
    if resource.replace_key:
        key = unit_key([(name, resource.column(name).sql_type) for name in resource.replace_key])
        columns.append(
            ("unit_key", f"jsonb not null generated always as ({key}) stored",
             f"Replace key of the row: {', '.join(resource.replace_key)}.")
        )  # fmt: skip
    for column in resource.columns:
        columns.append((column.name, column.sql_type, column.description))
        if column.source_name:
            columns.append((column.source_name, "text", _as_received(column)))
    return columns


def _as_received(column: Column) -> str:
    return f"The cell of {column.name} as received, untrimmed."


def _sync(connection: Connection, contract: Contract, resource: Resource, standing: dict[str, str] | None) -> bool:
    name = contract.raw_table(resource.name)
    table = sql.Identifier("raw", name)
    columns = raw_columns(resource)
    with connection.cursor() as cursor:
        if standing is None:
            definitions = [sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(kind)) for c, kind, _ in columns]
            cursor.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(definitions)))
            # rows of a batch lie together: an index of blocks finds them, and one of rows costs a load a third more
            cursor.execute(sql.SQL("create index on {} using brin (batch_id) with (autosummarize)").format(table))
            missing = columns
        else:
            missing = [c for c in columns if c[0] not in standing]
            for column, kind, _ in columns:
                if column in standing and standing[column] not in (
                    wanted := kind.split(" not null")[0],
                    _long(wanted),
                ):
                    raise RawTableError(
                        f"raw.{name}, column {column}: the contract of {contract.feed} says {wanted}, the table has "
                        f"{standing[column]}; give the column a new name in the contract; old rows stay as they are"
                    )
            for column, kind, _ in missing:
                cursor.execute(
                    sql.SQL("alter table {} add column {} {}").format(table, sql.Identifier(column), sql.SQL(kind))
                )
    if standing is not None and resource.replace_key:
        _sync_keys(connection, contract, resource)
    _comment(connection, table, contract, resource, columns)
    return bool(missing)


def _sync_keys(connection: Connection, contract: Contract, resource: Resource) -> None:
    """Write the replace keys of a standing table anew where an older rule of comparing words made them."""
    name = contract.raw_table(resource.name)
    key = unit_key([(column, resource.column(column).sql_type) for column in resource.replace_key])
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d "
            "join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum "
            "where d.adrelid = %s::regclass and a.attname = 'unit_key'",
            (f'raw."{name}"',),
        )
        made: Any = cursor.fetchone()
        if made is None or OLD_RULE not in made[0] or OLD_RULE in key:
            return
        table = sql.Identifier("raw", name)
        cursor.execute(
            sql.SQL("alter table {} alter column unit_key set expression as ({})").format(table, sql.SQL(key))
        )
        cursor.execute(sql.SQL("select distinct batch_id from {} order by 1").format(table))
        for (batch_id,) in cursor.fetchall():
            record_keys(cursor, contract, resource.name, batch_id)


def _long(kind: str) -> str:
    """PostgreSQL's own name of a type."""
    return {"timestamptz": "timestamp with time zone"}.get(kind, kind)


def _comment(
    connection: Connection,
    table: sql.Identifier,
    contract: Contract,
    resource: Resource,
    columns: list[tuple[str, str, str]],
) -> None:
    text = f"{contract.title}: {resource.description} One row is a record of a file; see ops.batch."
    statements = [sql.SQL("comment on table {} is {}").format(table, sql.Literal(text))]
    for column, _, description in columns:
        statements.append(
            sql.SQL("comment on column {}.{} is {}").format(table, sql.Identifier(column), sql.Literal(description))
        )
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("; ").join(statements))
