"""What the gate would say of a file, without landing it.

The file is read, parsed and audited by the same code as a delivery, in one transaction that is rolled back, so that it
meets what stands in the ledger and nobody ever meets it. Its bytes are copied into a folder that is deleted. In a
state folder in which nothing ever ran, a server of its own is made and deleted again, and nothing is there to compare
with.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2.extras import RealDictCursor

from vru import clock, pipeline, profile
from vru.contracts import Contract, load_contract
from vru.landing import Landing
from vru.periods import LONDON
from vru.transport import LastAnswer, Shelved
from vru.transport import fetch as ask
from vru.warehouse import admission, ledger, locks
from vru.warehouse.engine import dispose, raw_connection

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

    from vru.received import Received
    from vru.warehouse.ledger import Parsable

Row = dict[str, Any]
LINES = 20
"""So many rows and cells are told of a file."""


@dataclass(frozen=True)
class Judged:
    """What would become of one content: of a file, or of a member of an archive.

    `verdict` is `admitted`, `held`, `rejected` or `refused` (the transport would not take it). `checks` are those that
    failed, with what they measured beside the limit; `kept_out` the rows and cells that would not count, by line.
    """

    file: str
    verdict: str
    reason: str = ""
    resource: str = ""
    partition: str = ""
    period_start: date | None = None
    period_end: date | None = None
    rows_parsed: int = 0
    rows_quarantined: int = 0
    cells_nulled: int = 0
    withheld_columns: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    checks: list[Row] = field(default_factory=list)
    kept_out: list[Row] = field(default_factory=list)
    compared_with: str = ""
    known_as: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether it would count whole."""
        return self.verdict == "admitted" and not self.withheld_columns


def judge(feed: str, file: Path, *, vintage_at: datetime | None = None, rows: int | None = None) -> list[Judged]:
    """What the gate would say of a file, and of each member of an archive. Raises ContractError and SuiteError.

    `vintage_at` and `rows` stand for what a manifest would state of it.
    """
    contract = load_contract(feed)
    with _state() as has_state, tempfile.TemporaryDirectory(prefix="vru-check-") as folder:
        store = Landing(Path(folder))
        connection = raw_connection("loader", name=f"check {feed}")
        try:
            return list(_judged(connection, contract, store, file, vintage_at, rows, has_state=has_state))
        finally:
            connection.rollback()
            connection.close()


def _judged(
    connection: Connection,
    contract: Contract,
    store: Landing,
    file: Path,
    vintage_at: datetime | None,
    row_count: int | None,
    *,
    has_state: bool,
) -> Iterator[Judged]:
    asked = list(
        ask(contract, profile="files", base_url=None, landing=store, history=_NoHistory(), file=file, now=clock.now())
    )
    today = _today(vintage_at, has_state=has_state)
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        locks.until_commit(cursor, locks.FEED, contract.feed)
        received_at = ledger.stamp(connection)
        noted = []
        for answer in asked:
            if not answer.received:
                yield Judged(file.name, "refused", answer.reason)
            for received in answer.received:
                stated = _stated(received, vintage_at, row_count)
                noted.append(pipeline.note_delivery(connection, contract, store, stated, received_at)[0])
        for content in ledger.contents_of_deliveries(connection, noted):
            yield _judge_content(connection, cursor, contract, store, content, today)


def _judge_content(
    connection: Connection, cursor: Cursor, contract: Contract, store: Landing, content: Parsable, today: date
) -> Judged:
    from vru import quality

    known = ledger.set_aside(connection, content.content_id, contract.contract_version)
    batch_id = pipeline.parse_content(connection, contract, content, store)
    state = ledger.batch(connection, batch_id)
    if state is not None and state.status == "parsed":
        verdict = quality.audit_here(cursor, batch_id, today=today)
        if verdict.status == "passed":
            admission.admit(cursor, batch_id)  # the next content of the same archive is compared with it
    return replace(
        _found(cursor, batch_id, content, is_open=not contract.personal_data),
        known_as=f"batch {known.batch_id}, {known.status}" if known else "",
    )


def _found(cursor: Cursor, batch_id: int, content: Parsable, *, is_open: bool) -> Judged:
    """What the ledger holds of the batch until it is rolled back."""
    (batch,) = _rows(cursor, "select * from ops.batch where batch_id = %s", batch_id)
    withheld = _rows(
        cursor,
        "select distinct column_name from ops.withheld_column where batch_id = %s and lifted_at is null order by 1",
        batch_id,
    )
    checks = _rows(
        cursor,
        "select check_id, column_name as column, severity, detail as measured, example_lines as lines, reason "
        "from ops.check_result where batch_id = %s and not is_success order by check_result_id",
        batch_id,
    )
    kept_out = _rows(
        cursor,
        """
        select 'row' as kind, line_number as line, part, column_name as column, check_id as check, reason,
               null as received
        from quarantine.row where batch_id = %(batch)s
        union all
        select 'cell', line_number, part, column_name, check_id, reason,
               case when %(is_open)s then received_value end
        from quarantine.cell where batch_id = %(batch)s
        order by line, part, kind desc, "column", "check"
        """,
        {"batch": batch_id, "is_open": is_open},
    )
    (before,) = _rows(
        cursor,
        """
        select (select file_name from ops.batch e where e.batch_id = ops.earlier_sound_batch(%(batch)s)) as earlier,
               (select count(*) from ops.earlier_periods(%(batch)s)) as periods
        """,
        {"batch": batch_id},
    )
    compared = [f"earlier delivery {before['earlier']}"] if before["earlier"] else []
    compared += [f"{before['periods']} earlier periods"] if before["periods"] else []
    name = content.file_name
    return Judged(
        file=f"{name}, {content.member_name}" if content.member_name and content.member_name != name else name,
        verdict=batch["status"],
        reason=batch["reason"],
        resource=batch["resource"],
        partition=batch["partition"],
        period_start=batch["period_start"],
        period_end=batch["period_end"],
        rows_parsed=batch["rows_parsed"],
        rows_quarantined=batch["rows_quarantined"],
        cells_nulled=sum(row["kind"] == "cell" for row in kept_out),
        withheld_columns=[row["column_name"] for row in withheld],
        warnings=batch["warnings"],
        checks=checks,
        kept_out=kept_out,
        compared_with=" and ".join(compared),
    )


def _rows(cursor: Cursor, query: str, values: object) -> list[Row]:
    cursor.execute(query, values if isinstance(values, dict) else (values,))
    found: list[Any] = cursor.fetchall()
    return [dict(row) for row in found]


def _stated(received: Received, vintage_at: datetime | None, row_count: int | None) -> Received:
    """What would be stated of it, with what the caller says of it."""
    if vintage_at is not None:
        received = replace(received, vintage_at=vintage_at, vintage_source="manifest")
    return received if row_count is None else replace(received, manifest_rows=row_count)


def _today(vintage_at: datetime | None, *, has_state: bool) -> date:
    """The platform's today as it would be once the file had come."""
    day = clock.today(profile.current()) if has_state else clock.now().astimezone(LONDON).date()
    stated = vintage_at.astimezone(LONDON).date() if vintage_at else None
    if stated and (not has_state or profile.current() == "files"):
        return max(day, stated) if has_state else stated
    return day


@contextmanager
def _state() -> Iterator[bool]:
    """A migrated warehouse: that of this state, which is told, else one that is deleted at the end."""
    from vru.warehouse.migrate import migrate

    if profile.bound() is not None:
        migrate()
        yield True
        return
    from vru.warehouse.server.embedded import Server

    home = Path(tempfile.mkdtemp(prefix="vru-check-"))
    with _environment({"VRU_HOME": str(home), "VRU_DATABASE_URL": ""}):
        try:
            migrate()
            yield False
        finally:
            dispose()
            Server(home).destroy()
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _NoHistory:
    """A file that is only looked at has no history, and leaves none."""

    def last(self, source_url: str) -> LastAnswer | None:  # noqa: ARG002
        return None

    def landed(self, prefix: str) -> list[Shelved]:  # noqa: ARG002
        return []

    def alone(self, address: str) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()
