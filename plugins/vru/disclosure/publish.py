"""Moves what passed disclosure control from the marts into `publish`, in one transaction, as role publisher.

Tables of the build in use stand under their plain name; those of a past build (schema `asof_20210601`) carry
its name behind two underscores, so that a past report never meets the present figures. The same input gives
the same tables and adds nothing to the ledger `publish.release`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, execute_values

from vru.contracts import Contract
from vru.disclosure import homicide
from vru.disclosure.exemption import Counted, Evidence, Release, recount
from vru.disclosure.policy import Policy, load_policy
from vru.disclosure.readers import publisher, rows
from vru.disclosure.tables import LEDGER, TABLES, Table
from vru.landing import Landing
from vru.warehouse import locks

MEASURE = "homicide"
BREAKS_OF = ("all", "all offence codes")
"""What a series break must affect (definitions A11) to touch homicide."""
READERS = ("analyst", "analyst_restricted", "report_reader")


@dataclass(frozen=True)
class Published:
    """What one run did. ``is_new`` is false where the content of every table stood already."""

    row_counts: Mapping[str, int]
    content_sha256: str
    is_new: bool
    exempt_cells: int
    protected_cells: int
    hidden_cells: int


def publish(*, landing: Landing, contracts: Mapping[str, Contract], schema: str = "marts") -> Published:
    """Publish the homicide tables of the build in ``schema``.

    Raises WarehouseError, psycopg2.Error, and what landing and parsing raise when landed bytes cannot be read.
    """
    policy = load_policy()
    with publisher(f"publish {schema}") as connection:
        content = _content(connection, schema, policy, landing, contracts)
        return _write(connection, schema, policy, content)


def table_name(table: str, schema: str = "marts") -> str:
    """Name in schema `publish` of ``table`` for the build in ``schema``."""
    return table if schema == "marts" else f"{table}__{schema}"


def _content(
    connection: Connection,
    schema: str,
    policy: Policy,
    landing: Landing,
    contracts: Mapping[str, Contract],
) -> dict[str, list[dict[str, Any]]]:
    """Every published table's rows, as dictionaries by column name."""
    months = [
        homicide.Month(r["period_start"], r["value_count"], bool(r["is_provisional"]), r["null_reason"])
        for r in _rows(
            connection,
            schema,
            "select period_start, value_count, is_provisional, null_reason, source_feed "
            "from {}.headline_london_month where definition_id = %s order by period_start",
            (MEASURE,),
        )
    ]
    # The measure table itself, because the headline view does not say which population series it used.
    boroughs = [
        homicide.BoroughYear(
            r["area_code"], r["area_name"], r["period_start"].year, r["value_count"], r["population_count"],
            r["population_series"], r["null_reason"],
        )
        for r in _rows(
            connection,
            schema,
            "select area_code, area_name, period_start, value_count, population_count, population_series, null_reason "
            "from {}.mart_measure where definition_id = %s and is_headline and area_kind = 'borough' "
            "and period_kind = 'calendar_year' order by area_code, period_start",
            (MEASURE,),
        )
    ]  # fmt: skip
    population = {
        r["period_start"].year: r["population_count"]
        for r in _rows(
            connection,
            schema,
            "select period_start, population_count from {}.mart_measure where definition_id = %s and is_headline "
            "and period_kind = 'calendar_year' and area_code = %s and population_count is not null",
            (MEASURE, homicide.LONDON_CODE),
        )
    }
    evidence = _evidence(connection, schema, policy, landing, contracts)
    breaks = [
        homicide.SeriesBreak(r["break_date"], r["end_date"], r["title"], r["is_real_change"])
        for r in _rows(
            connection,
            schema,
            "select break_date, end_date, title, is_real_change from {}.dim_series_break "
            "where affects = any(%s) order by break_date, break_id",
            (list(BREAKS_OF),),
        )
    ]
    month_rows, verdict = homicide.london_months(months, breaks, evidence)
    year_rows = homicide.london_years(months, population, evidence)
    borough_rows, borough_total = homicide.borough_period(boroughs, evidence)
    used = {
        "homicide_london_month": [evidence.release_of([r["period_start"]]) for r in month_rows],
        "homicide_london_year": [
            evidence.release_of([date(r["period_start"].year, m, 1) for m in range(1, r["month_count"] + 1)])
            for r in year_rows
        ],
        "homicide_borough_period": [_borough_release(evidence, r) for r in borough_rows],
    }
    content = {
        "homicide_london_month": month_rows,
        "homicide_london_year": year_rows,
        "homicide_borough_period": borough_rows,
        "homicide_borough_total": [borough_total] if borough_total else [],
        "homicide_london_verdict": [verdict],
        "borough_boundary": _boundaries(connection, schema),
        "provenance": _provenance(evidence, used),
    }
    for name, releases in used.items():
        for row, release in zip(content[name], releases, strict=True):
            row["source_feed"] = policy.recounts[MEASURE].feed
            row["release_sha256"] = release.sha256 if release else None
            row["release_vintage_at"] = release.vintage_at if release else None
    for name, table_rows in content.items():
        if name != "borough_boundary":
            for row in table_rows:
                row["policy_version"] = policy.policy_version
    return content


def _evidence(
    connection: Connection, schema: str, policy: Policy, landing: Landing, contracts: Mapping[str, Contract]
) -> Evidence:
    """Which batch each month was read from, and the landed bytes of those batches counted again."""
    how = policy.recounts[MEASURE]
    units = _rows(
        connection,
        schema,
        "select unit_start, column_name, batch_id, vintage_at, withheld_columns from {}.build_input "
        "where feed = %s and resource = %s and unit_start is not null",
        (how.feed, how.resource),
    )
    source_of: dict[tuple[date, str], set[int]] = {}
    for unit in units:
        source_of.setdefault((unit["unit_start"], unit["column_name"]), set()).add(unit["batch_id"])
    # Of the statements of a content the newest that the build knew: it may have been stated again since.
    stated: dict[int, datetime] = {}
    for unit in units:
        stated[unit["batch_id"]] = max(unit["vintage_at"], stated.get(unit["batch_id"], unit["vintage_at"]))
    found = rows(
        connection,
        """
        select distinct on (b.batch_id)
            b.batch_id, b.feed, b.resource, b.sha256, b.file_name, d.source_url, d.vintage_at,
            f.licence, f.homepage, f.personal_data, c.container_sha256, c.member_name
        from unnest(%s::bigint[], %s::timestamptz[]) as i (batch_id, vintage_at)
        join ops.batch b on b.batch_id = i.batch_id
        join ops.feed f on f.feed = b.feed
        join ops.content c on c.content_id = b.content_id
        join ops.delivery d on d.content_id = b.content_id
        where d.vintage_at <= i.vintage_at
        order by b.batch_id, d.vintage_at desc, d.delivery_id desc
        """,
        (list(stated), list(stated.values())),
    )
    releases = {
        r["batch_id"]: Release(
            batch_id=r["batch_id"],
            feed=r["feed"],
            resource=r["resource"],
            sha256=r["sha256"],
            file_name=r["file_name"],
            # A file loaded by hand has no address of its own; the publisher's page is where anyone finds it.
            url=r["source_url"] if r["source_url"].startswith("https://") else r["homepage"],
            vintage_at=r["vintage_at"],
            licence=r["licence"],
            personal_data=r["personal_data"],
            container_sha256=r["container_sha256"],
            member_name=r["member_name"],
        )
        for r in found
    }
    counted: dict[int, Counted] = {
        batch_id: recount(release, how, contracts[release.feed], landing)
        for batch_id, release in releases.items()
        if release.is_open(policy)
    }
    return Evidence(how, policy, {k: frozenset(v) for k, v in source_of.items()}, counted, releases)


def _borough_release(evidence: Evidence, row: Mapping[str, Any]) -> Release | None:
    years = range(row["period_start"].year, row["period_end"].year + 1)
    return evidence.release_of(
        [date(year, month, 1) for year in years for month in range(1, 13)], evidence.how.area_column
    )


def _boundaries(connection: Connection, schema: str) -> list[dict[str, Any]]:
    """Newest vintage of the boroughs' boundaries; empty where the build has none."""
    if not rows(connection, "select to_regclass(%s) as found", (f"{schema}.dim_area_boundary",))[0]["found"]:
        return []
    return _rows(
        connection,
        schema,
        "select area_code, area_name, vintage, geometry from {0}.dim_area_boundary where area_kind = 'borough' "
        "and vintage = (select max(vintage) from {0}.dim_area_boundary where area_kind = 'borough') "
        "order by area_code",
    )


def _provenance(evidence: Evidence, used: Mapping[str, Sequence[Release | None]]) -> list[dict[str, Any]]:
    """One row for each release behind each table: address, vintage, hash and licence (R12)."""
    found = []
    for name, releases in sorted(used.items()):
        for release in sorted({r for r in releases if r}, key=lambda r: r.sha256):
            found.append(
                {
                    "table_name": name,
                    "source_feed": release.feed,
                    "release_url": release.url,
                    "file_name": release.file_name,
                    "release_sha256": release.sha256,
                    "release_vintage_at": release.vintage_at,
                    "licence": release.licence,
                    "is_open": release.is_open(evidence.policy),
                }
            )
    return found


def _write(
    connection: Connection, schema: str, policy: Policy, content: Mapping[str, list[dict[str, Any]]]
) -> Published:
    """Replace every table and note the release, unless the same content was released last."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str, ensure_ascii=False).encode()).hexdigest()
    cells = [
        row
        for name in ("homicide_london_month", "homicide_borough_period")
        for row in content[name]
        if row["value_count"] is not None or row["is_suppressed"]
    ]
    result = Published(
        row_counts={name: len(found) for name, found in content.items()},
        content_sha256=digest,
        is_new=True,
        exempt_cells=sum(row["is_exempt"] for row in cells),
        protected_cells=sum(not row["is_exempt"] for row in cells),
        hidden_cells=sum(row["is_suppressed"] for row in cells),
    )
    with connection.cursor() as cursor:
        # Two publishers at once would trip over each other's tables; the second waits here.
        locks.until_commit(cursor, locks.PUBLISH)
        cursor.execute(LEDGER.create_sql("release", if_not_exists=True))
        _open_to_readers(cursor, LEDGER, "release")
        cursor.execute(
            "select content_sha256 from publish.release where edition = %s order by release_id desc limit 1",
            (schema,),
        )
        last = cursor.fetchone()
        if last and last[0] == digest and _all_stand(cursor, schema):
            return Published(**{**result.__dict__, "is_new": False})
        for table in TABLES:
            _replace(cursor, table, table_name(table.name, schema), content[table.name])
        if not last or last[0] != digest:
            cursor.execute(
                "insert into publish.release (edition, policy_version, content_sha256, exempt_cells, "
                "protected_cells, hidden_cells) values (%s, %s, %s, %s, %s, %s)",
                (
                    schema, policy.policy_version, digest, result.exempt_cells, result.protected_cells,
                    result.hidden_cells,
                ),
            )  # fmt: skip
    return result


def _all_stand(cursor: Any, schema: str) -> bool:
    for table in TABLES:
        cursor.execute("select to_regclass(%s)", (f"publish.{table_name(table.name, schema)}",))
        if cursor.fetchone()[0] is None:
            return False
    return True


def _replace(cursor: Any, table: Table, name: str, content: Sequence[Mapping[str, Any]]) -> None:
    """Make the table afresh: a changed column then needs no migration, and readers see old or new, never half."""
    target = sql.Identifier("publish", name)
    cursor.execute(sql.SQL("drop table if exists {}").format(target))
    cursor.execute(table.create_sql(name))
    columns = table.column_names
    if content:
        execute_values(
            cursor,
            sql.SQL("insert into {} ({}) values %s").format(target, sql.SQL(", ").join(map(sql.Identifier, columns))),
            [[_value(row.get(column)) for column in columns] for row in content],
        )
    _open_to_readers(cursor, table, name)


def _open_to_readers(cursor: Any, table: Table, name: str) -> None:
    target = sql.Identifier("publish", name)
    cursor.execute(sql.SQL("grant select on {} to {}").format(target, sql.SQL(", ").join(map(sql.Identifier, READERS))))
    cursor.execute(sql.SQL("comment on table {} is %s").format(target), (table.comment,))
    for column in table.columns:
        cursor.execute(
            sql.SQL("comment on column {} is %s").format(sql.Identifier("publish", name, column.name)),
            (column.comment,),
        )


def _value(value: Any) -> Any:
    return Json(value) if isinstance(value, (dict, list)) else value


def _rows(connection: Connection, schema: str, text: str, values: Any = None) -> list[dict[str, Any]]:
    return rows(connection, sql.SQL(text).format(sql.Identifier(schema)), values)
