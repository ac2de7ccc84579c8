"""The way of a delivery up to its verdict, by the real steps in this process, and what the ledger then says."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from psycopg2.extras import RealDictCursor
from vru import pipeline, quality
from vru.contracts import load_contract, load_contracts
from vru.profile import Source
from vru.warehouse.engine import raw_connection

from tests.unit.quality.walk.files import Delivery

OF_BATCH = (
    "ops.batch_status", "ops.check_result", "ops.withheld_column", "ops.batch_measure", "ops.decision",
    "ops.disputed_column", "ops.comparison", "quarantine.row", "quarantine.cell",
)  # fmt: skip


OF_OTHERS = {"ops.disputed_column": "disputed_by", "ops.comparison": "earlier_batch_id"}
"""What is said of one batch for another, and names that one."""

SEES_EVERYTHING = ("between_vintages.rows_restated",)
"""Types of checks that look at every row stated again, and so see most of what others see, too."""


@dataclass(frozen=True)
class Stand:
    """How a batch stands: what does not depend on its number or on the time."""

    status: str
    reason: str
    failed: frozenset[str]
    """Checks that do not hold, by their newest results."""
    measured: dict[str, str]
    """What each of those says of its figure and its limit."""
    withheld: tuple[str, ...]
    quarantined: frozenset[tuple[int, str]]
    """Line and check."""
    measures: tuple[tuple[str, int], ...]
    is_held_for_rows: bool = False
    """One of those that see everything holds it; none of them is among `failed`."""


class Gate:
    """Deliveries into one warehouse, and back to what stood before them."""

    def __init__(self) -> None:
        self._connection = raw_connection("migrator", name="tests")
        self._connection.autocommit = True
        self._folder = tempfile.TemporaryDirectory(prefix="vw-")
        self.tables = [
            f"raw.{contract.raw_table(resource.name)}"
            for contract in load_contracts().values()
            for resource in contract.resources
        ]

    def close(self) -> None:
        """End the connection and delete the files."""
        self._connection.close()
        self._folder.cleanup()

    def query(self, text: str, *values: object) -> list[dict[str, Any]]:
        """Rows of a query."""
        with self._connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(text, values or None)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def audited(self, delivery: Delivery) -> int:
        """Hand a file in beside its manifest, up to its audit, on the day of its vintage; the batch."""
        path = Path(self._folder.name) / delivery.file_name
        path.write_bytes(delivery.content)
        announced = "" if delivery.announced is None else delivery.announced
        (path.parent / "manifest.csv").write_text(
            f"file,vintage_at,rows,sha256\n{delivery.file_name},{delivery.vintage},{announced},\n"
        )
        fetched = pipeline.fetch(delivery.feed, Source("files"), file=path)
        fetched.check()
        parsed = pipeline.parse(delivery.feed, fetched.deliveries)
        parsed.check()
        (batch_id,) = parsed.batches
        today = date.fromisoformat(delivery.vintage)
        alone = self.judged_alone(batch_id, today)
        assert quality.audit(batch_id, today=today) == alone
        return batch_id

    def judged_alone(self, batch_id: int, today: date) -> quality.Verdict:
        """What an audit finds that runs without Great Expectations, on one connection, and is rolled back."""
        connection = raw_connection("loader", name="tests")
        try:
            with connection.cursor(cursor_factory=RealDictCursor) as cursor:
                return quality.audit_here(cursor, batch_id, today=today)
        finally:
            connection.rollback()
            connection.close()

    def admitted(self, delivery: Delivery) -> int:
        """Hand a file in and let it count if it passed; the batch."""
        batch_id = self.audited(delivery)
        quality.admit(batch_id)
        return batch_id

    def stand(self, batch_id: int) -> Stand:
        """How a batch stands now."""
        (batch,) = self.query("select status, reason from ops.batch where batch_id = %s", batch_id)
        failed = self.query(
            "select check_id, check_type = any(%s) as sees_everything, severity, detail from ("
            "select distinct on (check_id) * from ops.check_result where batch_id = %s "
            "order by check_id, check_result_id desc) newest where not is_success",
            list(SEES_EVERYTHING), batch_id,
        )  # fmt: skip
        withheld = self.query(
            "select distinct column_name from ops.withheld_column where batch_id = %s and lifted_at is null order by 1",
            batch_id,
        )
        rows = self.query("select line_number, check_id from quarantine.row where batch_id = %s", batch_id)
        measures = self.query(
            "select distinct on (measure) measure, value::integer from ops.batch_measure where batch_id = %s "
            "order by measure, measured_at desc", batch_id,
        )  # fmt: skip
        return Stand(
            batch["status"], batch["reason"], frozenset(row["check_id"] for row in failed if not row["sees_everything"]),
            {row["check_id"]: row["detail"] for row in failed},
            tuple(row["column_name"] for row in withheld),
            frozenset((row["line_number"], row["check_id"]) for row in rows),
            tuple((row["measure"], row["value"]) for row in measures if row["value"]),
            any(row["sees_everything"] and row["severity"] == "critical" for row in failed),
        )  # fmt: skip

    def lines(self, feed: str, resource: str, batch_id: int) -> set[int]:
        """Lines of a batch that stand in raw."""
        table = load_contract(feed).raw_table(resource)
        return {
            r["line_number"] for r in self.query(f"select line_number from raw.{table} where batch_id = %s", batch_id)
        }

    def current(self, feed: str) -> list[tuple[Any, ...]]:
        """Unit, column and bytes that are current for a feed."""
        found = self.query(
            "select c.resource, c.partition, c.unit_start, c.column_name, b.sha256, c.withheld_columns "
            "from ops.current_input() c join ops.batch b using (batch_id) where c.feed = %s order by 1, 2, 3, 4", feed,
        )  # fmt: skip
        return [tuple(row.values()) for row in found]

    def mark(self) -> dict[str, int]:
        """What stands now, for `forget`."""
        return {
            table: self.query(f"select coalesce(max({table}_id), 0) as newest from ops.{table}")[0]["newest"]
            for table in ("batch", "attempt", "delivery")
        }

    def forget(self, mark: dict[str, int]) -> None:
        """Take out whatever came since the mark. What stood before must not have been touched."""
        for table, column in OF_OTHERS.items():
            self.query(f"delete from {table} where {column} > %s", mark["batch"])
        for table in [*OF_BATCH, *self.tables, "ops.batch"]:
            self.query(f"delete from {table} where batch_id > %s", mark["batch"])
        for table in ("delivery", "attempt"):
            self.query(f"delete from ops.{table} where {table}_id > %s", mark[table])
