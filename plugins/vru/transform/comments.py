"""Comments of the marts in PostgreSQL: what the project says of each table and column.

dbt writes them when it builds a table. A sentence that was reworded makes no build due, and is written here.
"""

from __future__ import annotations

from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from vru.transform import schemas
from vru.transform.properties import descriptions

SCHEMAS = (schemas.LIVE, schemas.BUILD, schemas.restricted(schemas.LIVE), schemas.restricted(schemas.BUILD))


def write(cursor: Cursor, project: Path) -> int:
    """Write every comment that differs from the project, in one statement; how many. The caller owns the tables."""
    wanted = descriptions(project)
    cursor.execute(
        """
        select n.nspname, c.relname, c.relkind = 'v', a.attname,
            coalesce(col_description(c.oid, coalesce(a.attnum, 0)), '')
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        cross join lateral (
            select null::name as attname, null::smallint as attnum
            union all
            select attname, attnum from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
        ) a
        where n.nspname = any(%s) and c.relname = any(%s) and c.relkind in ('r', 'v')
        order by 1, 2, a.attnum nulls first
        """,
        (list(SCHEMAS), list(wanted)),
    )
    statements = []
    for schema, table, is_view, column, standing in cursor.fetchall():
        text = wanted[table].text if column is None else wanted[table].columns.get(column, "")
        if text == standing:
            continue
        kind = sql.SQL("column" if column else "view" if is_view else "table")
        name = sql.Identifier(schema, table, column) if column else sql.Identifier(schema, table)
        statements.append(sql.SQL("comment on {} {} is {}").format(kind, name, sql.Literal(text)))
    if statements:
        cursor.execute(sql.SQL("; ").join(statements))
    return len(statements)
