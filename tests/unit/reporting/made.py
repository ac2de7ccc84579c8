"""A made-up world in a real warehouse: two releases of the victims file, boundaries, scores and a few faults.

The tables of the marts are made from the dbt project's own schema files, so a column that is renamed there breaks
the tests here. No figure is real.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extras import Json
from vru import documents
from vru.landing import Landing
from vru.periods import last_day
from vru.settings import CHECKOUT

from tests.contents import content_of

FEED = "mps_homicide_victims"
VICTIMS, STREET = (FEED, "victims"), ("police_uk_street", "street")
BOROUGHS = [("E09000001", "City of London"), ("E09000005", "Brent"), ("E09000009", "Ealing"), ("E09000012", "Hackney")]
HEADER = (
    "Count of Victims,Age Group,Sex,Method of Killing,Domestic Abuse,Recorded Date,Homicide Offence Type,"
    "Solved Status,Borough,Officer Observed Ethnicity\n"
)
VINTAGES = (datetime(2021, 5, 5, tzinfo=UTC), datetime(2022, 3, 1, tzinfo=UTC), datetime(2021, 6, 5, tzinfo=UTC))
EVIL = "</td><script>alert('x')</script><img src=https://evil.example/x onerror=alert(1)>"


def months(first: int, last: int) -> list[date]:
    """First days of the months of the years ``first`` to ``last``."""
    return [date(year, month, 1) for year in range(first, last + 1) for month in range(1, 13)]


def victims(first: int, last: int, *, shifted: bool = False) -> list[tuple[date, str]]:
    """Month and borough of every made-up victim; ``shifted`` moves some of them to Ealing."""
    found = []
    for i, month in enumerate(months(first, last)):
        for k in range(9 + i * 7 % 5):
            borough = "Ealing" if shifted and k % 4 == 0 else ("Hackney", "Ealing")[(i + k * k) % 2]
            # Brent has three victims in all, so that a small count would show if it could.
            found.append((month, "Brent" if k == 0 and month.year == 2018 and month.month in (2, 5, 9) else borough))
    return found


def csv_of(rows: list[tuple[date, str]]) -> bytes:
    """The rows in the publisher's format."""
    text = io.StringIO()
    text.write(HEADER)
    for month, borough in rows:
        text.write(f"1,25 to 34,Male,Shooting,Not Domestic,{month:%b %Y},Murder,Solved,{borough},White\n")
    return text.getvalue().encode()


def clear_published() -> None:
    """Drop everything that was published, so that no test sees what another one released."""
    from vru.warehouse.engine import raw_connection
    from vru.warehouse.migrate import migrate

    migrate()
    with raw_connection("publisher") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relkind = 'r' and relnamespace = 'publish'::regnamespace "
            "and relowner = 'publisher'::regrole"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL("drop table {}").format(sql.Identifier("publish", name)))
    with raw_connection("migrator") as connection, connection.cursor() as cursor:
        cursor.execute("truncate publish.release, ops.release_refusal restart identity cascade")


URL = "https://data.london.gov.uk/dataset/mps-homicide-dashboard-data"


def make(landing: Landing, *, schema: str = "marts", mixed: bool = False, confirmed: bool = True) -> dict[str, Any]:
    """Fill ledger, landing and ``schema``; ``mixed`` takes 2020's boroughs from a third file.

    The files were loaded by hand; unless ``confirmed`` is false a person has said that they are the publisher's.
    """
    from vru.warehouse.engine import raw_connection
    from vru.warehouse.migrate import migrate

    migrate()
    old, new = victims(2015, 2020), victims(2015, 2021, shifted=True)
    third = [(m, "Hackney" if m.year == 2020 else b) for m, b in old]
    with raw_connection("migrator") as connection, connection.cursor() as cursor:
        cursor.execute(
            "truncate ops.batch, ops.delivery, ops.content, ops.withheld_column, ops.report, quarantine.row, "
            "quarantine.cell, ops.check_result, ops.attempt restart identity cascade"
        )
        batches = [
            _batch(cursor, landing, csv_of(rows), name, date(rows[0][0].year, 1, 1), last, vintage, len(rows))
            for rows, name, last, vintage in (
                (old, "victims_2021_05.csv", date(2020, 12, 31), VINTAGES[0]),
                (new, "victims_2022.csv", date(2021, 12, 31), VINTAGES[1]),
                (third, "victims_2021_06.csv", date(2020, 12, 31), VINTAGES[2]),
            )
        ]
        if confirmed:
            cursor.execute(
                "insert into ops.confirmation (batch_id, feed, sha256, url, reason, confirmed_by) "
                "select batch_id, feed, sha256, %s, 'compared with the site', 'a tester' from ops.batch",
                (URL,),
            )
        cursor.execute(
            "insert into ops.withheld_column (batch_id, column_name, check_id, reason) values (%s, %s, %s, %s)",
            (batches[1], "borough_name", "borough_shift", f"boroughs moved {EVIL}"),
        )
        _batch(
            cursor, landing, b"october", "2021-10-city-of-london-street.csv", date(2021, 10, 1), date(2021, 10, 31),
            datetime(2021, 12, 28, tzinfo=UTC), 25, feed=STREET, partition="city-of-london",
        )  # fmt: skip
        cursor.execute(
            "insert into ops.attempt (feed, resource, source_url, asked_on, started_at, finished_at, outcome, reason) "
            "values (%s, 'street', 'https://data.example/archive/latest.zip?key=1', '2022-05-18', now(), now(), "
            "'refused', %s)",
            (STREET[0], f"html_page: a web page came where an archive is due {EVIL}"),
        )
        held = _batch(
            cursor, landing, b"broken", f"{EVIL}.csv", None, None, datetime(2022, 4, 1, tzinfo=UTC), 0,
            status="rejected", reason=f"unknown_header: line 1 {EVIL}",
        )  # fmt: skip
        cursor.execute(
            "insert into quarantine.row (batch_id, line_number, check_id, stage, reason, record) "
            "values (%s, 7, 'month', 'audit', 'the month is not a month', %s)",
            (batches[0], Json({"secret": "CELL VALUE"})),
        )
        cursor.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
        cursor.execute(sql.SQL("create schema {} authorization transformer").format(sql.Identifier(schema)))
        _marts(cursor, schema, old, new, third, batches, mixed=mixed)
    return {"old": old, "new": new, "batches": batches, "held": held}


def _batch(
    cursor: Any, landing: Landing, data: bytes, name: str, first: date | None, last: date | None, vintage: datetime,
    row_count: int, *, status: str = "admitted", reason: str = "", feed: tuple[str, str] = VICTIMS, partition: str = "",
) -> int:  # fmt: skip
    with landing.receive() as receiver:
        receiver.write(data)
        receiver.commit()
    sha256 = hashlib.sha256(data).hexdigest()
    content_id = content_of(cursor, *feed, sha256)
    cursor.execute(
        "insert into ops.delivery (content_id, vintage_at, vintage_source, source_url, file_name, size_bytes) "
        "values (%s, %s, 'manifest', %s, %s, %s)",
        (content_id, vintage, f"file:{name}", name, len(data)),
    )
    cursor.execute(
        "insert into ops.batch (content_id, feed, resource, partition, period_start, period_end, sha256, contract_version, "
        "status, reason, file_name, names_tried, admitted_at, rows_parsed, rows_admitted) "
        "values (%s, %s, %s, %s, %s, %s, %s, 1, %s, %s, %s, %s, %s, %s, %s) returning batch_id",
        (
            # what was rejected under another name would be tried again under this one
            content_id, *feed, partition, first, last, sha256, status, reason, name, [name],
            datetime(2022, 5, 1, tzinfo=UTC) if status == "admitted" else None, row_count, row_count,
        ),
    )  # fmt: skip
    return int(cursor.fetchone()[0])


def _marts(
    cursor: Any, schema: str, old: list[tuple[date, str]], new: list[tuple[date, str]], third: list[tuple[date, str]],
    batches: list[int], *, mixed: bool,
) -> None:  # fmt: skip
    columns = _declared()
    for table in ("mart_measure", "headline_london_month", "dim_series_break"):
        _create(cursor, schema, table, columns[table])
    boundary = columns.get("dim_area_boundary") or [
        (name, "text") for name in ("area_key", "area_code", "area_name", "area_kind", "vintage")
    ] + [("geometry", "jsonb")]
    _create(cursor, schema, "dim_area_boundary", boundary)
    _create(
        cursor,
        schema,
        "build_input",
        [
            ("feed", "text"), ("resource", "text"), ("partition", "text"), ("unit_start", "date"), ("unit_end", "date"),
            ("unit_key", "jsonb"), ("column_name", "text"), ("batch_id", "bigint"), ("vintage_at", "timestamptz"),
            ("withheld_columns", "text[]"),
        ],
    )  # fmt: skip
    for month in months(2015, 2021):
        unit: dict[str, Any] = {
            "feed": FEED,
            "resource": "victims",
            "partition": "",
            "unit_start": month,
            "unit_end": month,
            "unit_key": "[]",
        }
        whole = {
            "column_name": "",
            "batch_id": batches[1],
            "vintage_at": VINTAGES[1],
            "withheld_columns": ["borough_name"],
        }
        _insert(cursor, schema, "build_input", **unit, **whole)
        if month.year < 2021:
            index = 2 if mixed and month.year == 2020 else 0
            sound = {
                "column_name": "borough_name", "batch_id": batches[index], "vintage_at": VINTAGES[index],
                "withheld_columns": [],
            }  # fmt: skip
            _insert(cursor, schema, "build_input", **unit, **sound)
    by_month = Counter(month for month, _ in new)
    for month in months(2015, 2021):
        _insert(cursor, schema, "mart_measure", definition_id="homicide", source_feed=FEED, is_headline=True,
                period_kind="month", area_kind="region", area_code="E12000007", area_name="London",
                period_start=month, period_end=last_day(month), value_count=by_month[month],
                is_provisional=month >= date(2021, 10, 1))  # fmt: skip
    for year in range(2015, 2022):
        start = date(year, 1, 1)
        _insert(cursor, schema, "mart_measure", definition_id="homicide", source_feed=FEED, is_headline=True,
                period_kind="calendar_year", area_kind="region", area_code="E12000007", area_name="London",
                period_start=start, period_end=date(year, 12, 31), population_count=8_800_000)  # fmt: skip
        rows = third if mixed and year == 2020 else old
        counted = Counter(borough for month, borough in rows if month.year == year)
        for code, name in BOROUGHS:
            is_known = name != "City of London" and year < 2021
            _insert(
                cursor, schema, "mart_measure", definition_id="homicide", source_feed=FEED, is_headline=True,
                period_kind="calendar_year", area_kind="borough", area_code=code, area_name=name, period_start=start,
                period_end=date(year, 12, 31), value_count=counted[name] if is_known else None, population_count=300_000, population_series="mye",
                null_reason=None if is_known else (
                    "not covered by this source" if name == "City of London" else "borough column withheld"
                ),
            )  # fmt: skip
    for number, (code, name) in enumerate(BOROUGHS):
        west, south = number % 2 * 0.2, number // 2 * 0.2
        ring = [[west, 51 + south], [west + 0.2, 51 + south], [west + 0.2, 51.2 + south], [west, 51.2 + south]]
        _insert(cursor, schema, "dim_area_boundary", area_key=f"borough-{code}", area_code=code, area_name=name,
                area_kind="borough", vintage="2022",
                geometry=Json({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}))  # fmt: skip
    _insert(cursor, schema, "dim_series_break", break_id="covid_2020", break_date=date(2020, 3, 1),
            end_date=date(2021, 7, 31), title="COVID-19 restrictions", affects="all", is_real_change=True,
            definition_ids=["homicide"])  # fmt: skip
    cursor.execute(
        sql.SQL("grant usage on schema {0} to publisher; grant select on all tables in schema {0} to publisher").format(
            sql.Identifier(schema)
        )
    )


def _declared() -> dict[str, list[tuple[str, str]]]:
    """Columns and types of every mart, as the dbt project declares them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted((CHECKOUT / "dbt_project" / "models" / "marts").rglob("*.yml")):
        for model in documents.read(path).get("models", []):
            found[model["name"]] = [(c["name"], c["data_type"]) for c in model.get("columns", [])]
    return found


def _create(cursor: Any, schema: str, table: str, columns: list[tuple[str, str]]) -> None:
    cursor.execute(
        sql.SQL("create table {} ({})").format(
            sql.Identifier(schema, table),
            sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in columns),
        )
    )


def _insert(cursor: Any, schema: str, table: str, **values: Any) -> None:
    cursor.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(schema, table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join([sql.Placeholder()] * len(values)),
        ),
        list(values.values()),
    )
