"""A migrated warehouse, and batches written into it as the parse leaves them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contents import content_of

if TYPE_CHECKING:
    from vru.warehouse.server.embedded import Server

TODAY = date(2024, 3, 1)
Row = dict[str, Any]


def month(text: str) -> date:
    """The first day of a month written YYYY-MM."""
    return date.fromisoformat(f"{text}-01")


def month_end(first: date) -> date:
    """The last day of the month that begins on `first`."""
    return (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def victims(months: int = 12, each: int = 10, **cells: Any) -> list[Row]:
    """A list of victims from January 2020, spread evenly over ten boroughs."""
    boroughs = ["Barnet", "Bexley", "Brent", "Camden", "Ealing", "Hackney", "Lambeth", "Newham", "Sutton", "Merton"]
    found = []
    for index in range(months):
        first = date(2020 + index // 12, index % 12 + 1, 1)
        for number in range(each):
            found.append(
                {"victim_count": 1, "recorded_month": first, "borough_name": boroughs[number % 10],
                 "solved_status": "Unsolved" if number % 5 == 0 else "Solved", "homicide_id": f"{index}-{number}",
                 **cells}
            )  # fmt: skip
    return found


def crimes(count: int = 200, first: str = "2023-01", **cells: Any) -> list[Row]:
    """Street-level records of one month of the City of London Police."""
    return [
        {"crime_id": hashlib.sha256(str(number).encode()).hexdigest(), "month": month(first),
         "reported_by": "City of London Police", "falls_within": "City of London Police", "longitude": "-0.1",
         "latitude": "51.5", "lsoa_code": "E01000001", "lsoa_name": "City of London 001A", "crime_type": "Drugs",
         "last_outcome": "Under investigation", **cells}
        for number in range(count)
    ]  # fmt: skip


def estimates(years: Iterable[int] = (2019, 2020)) -> list[Row]:
    """Population estimates of all authorities and London."""
    found = []
    for year in years:
        for number in range(1, 34):
            found.append(
                {"area_code": f"E090000{number:02d}", "area_name": "x", "mid_year": year, "population_count": 9000}
            )
        found.append({"area_code": "E12000007", "area_name": "London", "mid_year": year, "population_count": 33 * 9000})
    return found


@dataclass
class Warehouse:
    """Writes deliveries and parsed batches, and reads back what the gate did."""

    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def sql(self, query: str, *values: Any, role: str = "loader") -> list[tuple[Any, ...]]:
        """Rows of a statement, committed."""
        from vru.warehouse.engine import raw_connection

        connection = raw_connection(role)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def parsed(
        self,
        feed: str,
        resource: str,
        rows: list[Row],
        *,
        vintage: str = "2024-01-15",
        partition: str = "",
        period: date | None = None,
        manifest_rows: int | None = None,
        is_whole: bool | None = None,
        warnings: tuple[str, ...] = (),
        rejected: Mapping[int, str] | None = None,
        blank_cells: int = 0,
    ) -> int:
        """A batch as the parse leaves it; `rejected` are lines (beside the rows) with the column at fault."""
        from psycopg2.extras import execute_values
        from vru.contracts import load_contract
        from vru.warehouse.engine import raw_connection

        rejected = rejected or {}
        contract = load_contract(feed)
        shape = contract.resource(resource)
        start, end = (period, month_end(period)) if period else (None, None)
        if start is None and shape.unit_column and rows:
            start, end = min(r[shape.unit_column] for r in rows), month_end(max(r[shape.unit_column] for r in rows))
        sha256 = hashlib.sha256(f"{next(self.counter)}".encode()).hexdigest()
        vintage_at = datetime.fromisoformat(vintage).replace(tzinfo=UTC)
        total = len({row.get("line_number", line) for line, row in enumerate(rows, start=2)} | set(rejected))
        connection = raw_connection("loader")
        with connection, connection.cursor() as cursor:
            content_id = content_of(cursor, feed, resource, sha256, partition, start, end)
            cursor.execute(
                "insert into ops.delivery (content_id, vintage_at, vintage_source, manifest_rows, is_whole, source_url, "
                "file_name, size_bytes) values (%s, %s, 'manifest', %s, %s, '', 'file.csv', 1)",
                (content_id, vintage_at, manifest_rows, is_whole),
            )
            cursor.execute(
                "insert into ops.batch (content_id, feed, resource, partition, period_start, period_end, sha256, "
                "contract_version, status, file_name, rows_parsed, rows_quarantined, mandatory_cells, blank_cells, "
                "warnings) "
                "values (%s, %s, %s, %s, %s, %s, %s, 1, 'parsed', 'file.csv', %s, %s, %s, %s, %s) returning batch_id",
                (content_id, feed, resource, partition, start, end, sha256, total, len(rejected), 10 * total,
                 blank_cells, list(warnings)),
            )  # fmt: skip
            batch_id = int(cursor.fetchall()[0][0])
            names = sorted({name for row in rows for name in row} - {"line_number", "part"})
            if rows:
                execute_values(
                    cursor,
                    f"insert into raw.{contract.raw_table(resource)} (batch_id, line_number, part, {', '.join(names)}) values %s",
                    [
                        (batch_id, row.get("line_number", line), row.get("part", 0), *(row.get(name) for name in names))
                        for line, row in enumerate(rows, start=2)
                    ],
                )
            for line, column in rejected.items():
                cursor.execute(
                    "insert into quarantine.row (batch_id, line_number, column_name, check_id, stage, reason, record) "
                    "values (%s, %s, %s, 'not_readable', 'parse', 'The cell cannot be read.', '{}')",
                    (batch_id, line, column),
                )
        connection.close()
        return batch_id

    def homicides(self, rows: list[Row], vintage: str = "2024-01-15", **options: Any) -> int:
        """A parsed list of victims."""
        return self.parsed("mps_homicide_victims", "victims", rows, vintage=vintage, **options)

    def street(self, rows: list[Row], first: str = "2023-01", vintage: str = "2024-01-15", **options: Any) -> int:
        """A parsed month of street-level records."""
        options = {"partition": "city-of-london", "period": month(first), **options}
        return self.parsed("police_uk_street", "street", rows, vintage=vintage, **options)

    def population(self, rows: list[Row], vintage: str = "2024-01-15", **options: Any) -> int:
        """Parsed population estimates."""
        return self.parsed("ons_population", "borough", rows, vintage=vintage, **options)

    def status(self, batch_id: int) -> tuple[str, list[str]]:
        """Status of a batch and the columns withheld from it."""
        found = self.sql(
            "select status, array(select distinct column_name from ops.withheld_column w where w.batch_id = b.batch_id "
            "and lifted_at is null order by 1) from ops.batch b where batch_id = %s",
            batch_id,
        )
        return found[0][0], found[0][1]


@pytest.fixture(scope="module")
def migrated(migrated_cluster: Server) -> Server:
    """The embedded server with every migration and the contracts of this checkout."""
    return migrated_cluster


@pytest.fixture
def warehouse(migrated: Server) -> Iterator[Warehouse]:
    """An empty warehouse."""
    yield Warehouse()
    empty()


def empty() -> None:
    """Take out whatever was received and decided."""
    Warehouse().sql(
        "do $$ begin execute (select 'truncate ' || string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables "
        "where schemaname in ('raw', 'quarantine') or (schemaname = 'ops' and tablename not in "
        "('feed', 'resource', 'migration', 'score_weight'))); end $$",
        role="migrator",
    )
