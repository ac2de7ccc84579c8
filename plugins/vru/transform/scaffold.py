"""What dbt must know of a feed follows from its contract: its raw tables as sources, and its staging models.

`vru new-feed` writes these files; a test holds the ones in the repository against the contracts.
"""

from __future__ import annotations

import textwrap
from typing import Any

import yaml

from vru.contracts import Contract, Resource


def staging_name(contract: Contract, resource: Resource) -> str:
    """Name of the staging model of a resource: `stg_` and the name of its raw table."""
    return f"stg_{contract.raw_table(resource.name)}"


def sources_yaml(contract: Contract) -> str:
    """Text of `models/staging/<domain>/<feed>.yml`: columns of the raw tables, and a line on each staging model."""
    tables = []
    models = []
    for resource in contract.resources:
        columns = [
            _column("batch_id", "bigint", "Batch that the row came with; see ops.v_batch."),
            _column("line_number", "bigint", "Line of the file on which the record starts; the header is line 1."),
            _column("part", "integer", "Which of the rows made of that record it is; 0 where a record makes one."),
        ]
        if resource.replace_key:
            columns.append(_column("unit_key", "jsonb", f"Replace key: {', '.join(resource.replace_key)}."))
        for column in resource.columns:
            columns.append(_column(column.name, column.sql_type, column.description))
            if column.source_name:
                columns.append(
                    _column(column.source_name, "text", f"The cell of {column.name} as received, before any mapping.")
                )
        tables.append(
            {"name": contract.raw_table(resource.name), "description": resource.description, "columns": columns}
        )
        models.append(
            {
                "name": staging_name(contract, resource),
                "description": f"The rows that are current in this build. {resource.description}",
            }
        )
    content = {
        "version": 2,
        "sources": [{"name": "raw", "schema": "raw", "tables": tables}],
        "models": models,
    }
    head = f"# Follows from feeds/{contract.feed}.yml; a test compares the two.\n"
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def staging_sql(contract: Contract, resource: Resource, *, is_sound: bool = False) -> str:
    """Text of a staging model: current rows, free text trimmed, nothing else changed.

    `is_sound` is for a second model, `<name>__sound`: with the rows of older deliveries that are current for a column
    which newer ones have withheld; `current_for` says for which.
    """
    lines = [
        "received.batch_id",
        "received.line_number",
        "received.part",
        "current_input.partition as source_partition",
        "current_input.vintage_at as known_at",
    ]
    unit = "unit_key" if resource.replace_key else resource.unit_column
    if resource.replace_key:
        lines.insert(3, "received.unit_key")
    if is_sound:
        lines.append("current_input.current_for")
    for column in resource.columns:
        # a word that the contract keeps without knowing it is as free as any text
        if column.type == "text" and (column.values is None or column.unmapped == "keep"):
            lines.append(f"{{{{ cleaned('received.{column.name}') }}}} as {column.name}")
        else:
            lines.append(f"received.{column.name}")
        if column.source_name:
            lines.append(f"received.{column.source_name}")
    arguments = [contract.feed, resource.name, contract.raw_table(resource.name)]
    if unit:
        arguments.append(unit)
    call = ", ".join(f"'{argument}'" for argument in arguments) + (", is_sound=true" if is_sound else "")
    selected = ",\n".join(f"    {line}" for line in lines)
    which = "row, current as a whole or for a column," if is_sound else "current row"
    head = f"One row is one {which} of raw.{contract.raw_table(resource.name)}. {resource.description}"
    comment = "\n".join(f"-- {line}" for line in textwrap.wrap(head, 110))
    return f"{comment}\nselect\n{selected}\n{{{{ current_rows({call}) }}}}\n"


def _column(name: str, data_type: str, description: str) -> dict[str, Any]:
    return {"name": name, "data_type": data_type, "description": description}
