"""R10, what was released before: every row of every released table is kept, and what it tells of a present count.

Between two releases of a cell its true count may have changed. A change by few records (``known_change_to`` of the
policy) is taken as known exactly to the attacker, who may have made it; a larger one as not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, execute_values

from vru.disclosure.attacker import ENDLESS, Bounds
from vru.disclosure.policy import Policy
from vru.disclosure.readers import rows
from vru.disclosure.suppression import Figure, shown_bounds

Key = tuple[str, str, date, date]


@dataclass(frozen=True)
class Earlier:
    """A cell as one release showed it, and the exact count behind it."""

    release_id: int
    exact: int
    value: int | None
    is_suppressed: bool


def earlier_cells(connection: Connection, definitions: Sequence[str]) -> dict[Key, list[Earlier]]:
    """Every protected cell that was ever released of these definitions, in whatever table and edition, oldest first.

    An exempt cell is left out: it told what anyone could read in the publisher's own file.
    """
    found: dict[Key, list[Earlier]] = {}
    for r in rows(
        connection,
        "select definition_id, area_code, period_start, period_end, exact_count, value_count, is_suppressed, "
        "max(release_id) as release_id from ops.release_cell "
        "where definition_id = any(%s) and not is_exempt and exact_count is not null group by 1, 2, 3, 4, 5, 6, 7",
        (list(definitions),),
    ):
        key = (r["definition_id"], r["area_code"], r["period_start"], r["period_end"])
        found.setdefault(key, []).append(
            Earlier(r["release_id"], r["exact_count"], r["value_count"], r["is_suppressed"])
        )
    return {key: sorted(cells, key=lambda c: c.release_id) for key, cells in found.items()}


def figure(count: int | None, is_exempt: bool, earlier: Iterable[Earlier], policy: Policy) -> Figure:
    """A present count with what earlier releases of it tell."""
    if count is None or is_exempt:
        return Figure(count, is_exempt)
    window, is_kept_hidden = Bounds(0, ENDLESS), False
    for cell in earlier:
        change = count - cell.exact
        if abs(change) > policy.known_change_to:
            continue
        if cell.is_suppressed:
            then = Bounds(policy.redact_from, policy.redact_to if cell.exact <= policy.redact_to else ENDLESS)
            is_kept_hidden = True
        elif cell.value is None:
            continue
        else:
            then = shown_bounds(cell.value, policy)
        window = window.within(Bounds(max(0, then.low + change), then.high + change))
    return Figure(count, False, window, is_kept_hidden)


def keep(
    connection: Connection,
    release_id: int,
    table: str,
    content: Sequence[Mapping[str, Any]],
    keys: Sequence[Key | None],
    exact: Mapping[Key, int | None],
) -> None:
    """Keep the rows of a released table whole. ``keys`` says of each row which count it shows, if it shows one."""
    values = []
    for number, (row, key) in enumerate(zip(content, keys, strict=True), 1):
        definition, area, start, end = key or (None, None, None, None)
        is_exempt = bool(row.get("is_exempt"))
        values.append(
            (
                release_id, table, number, definition, area, start, end, row.get("value_count"),
                bool(row.get("is_suppressed")), is_exempt, None if key is None or is_exempt else exact[key],
                Json(dict(row), dumps=_dumps),
            )
        )  # fmt: skip
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "insert into ops.release_cell (release_id, table_name, row_number, definition_id, area_code, period_start, "
            "period_end, value_count, is_suppressed, is_exempt, exact_count, shown) values %s",
            values,
        )


def _dumps(value: Any) -> str:
    import json

    return json.dumps(value, default=str, ensure_ascii=False)
