"""Replace keys: which records of an upsert resource a batch speaks of, written beside its rows."""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from vru.contracts import Contract

OLD_RULE = "btrim("
"""What stands in the expression of a key that was made before words were compared as `vru.spelling` says."""


def unit_key(columns: list[tuple[str, str]]) -> str:
    """SQL of the replace key of a raw row: a JSON array of the cells of these columns (name, SQL type), each as typed.

    Text counts as the gate compares keys.
    """
    parts = [f'ops.compared("{name}")' if kind == "text" else f'"{name}"' for name, kind in columns]
    return "'[]'::jsonb" + "".join(f" || ops.key_part({part})" for part in parts)


def record_keys(cursor: Cursor, contract: Contract, resource_name: str, batch_id: int) -> None:
    """Make `ops.batch_key` what the rows of the batch in raw say; the transaction is the caller's.

    One row is a key and whether a row of it is a withdrawn marker. Nothing is written for other modes than upsert.
    """
    resource = contract.resource(resource_name)
    if resource.delivery != "upsert":
        return
    marker = resource.withdrawn
    is_withdrawn: sql.Composable = sql.SQL("false")
    if marker is not None:
        is_withdrawn = sql.SQL("coalesce(bool_or({} = any({})), false)").format(
            sql.Identifier(marker.column), sql.Literal(marker.values)
        )
    cursor.execute("delete from ops.batch_key where batch_id = %s", (batch_id,))
    cursor.execute(
        sql.SQL(
            "insert into ops.batch_key (batch_id, unit_key, is_withdrawn) "
            "select batch_id, unit_key, {} from {} where batch_id = %s group by batch_id, unit_key"
        ).format(is_withdrawn, sql.Identifier("raw", contract.raw_table(resource.name))),
        (batch_id,),
    )
