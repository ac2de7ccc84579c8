"""The same histories through the product's own functions, event by event, with its instants and its triggers."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values
from vru.contracts import Contract
from vru.quality import withholding
from vru.quality.suites import Check
from vru.quality.suites import Withhold as Withholds
from vru.received import Received
from vru.warehouse import admission, decisions, ledger
from vru.warehouse.engine import raw_connection
from vru.warehouse.raw_tables import sync_raw_tables
from vru.warehouse.replace_keys import record_keys

from tests.warehouse.histories import bulk
from tests.warehouse.histories import strategies as s
from tests.warehouse.histories.bulk import Moment
from tests.warehouse.histories.model import OF_CHILDREN, Period
from tests.warehouse.histories.strategies import History

PARTS = 2
"""Rows that each record of a second resource makes."""


def contract_of(feed: str, history: History) -> Contract:
    """What a contract says of the resources of an upsert: a key, a marker, and rows that belong to a record."""
    column = {"description": "A column of a history."}
    key = {**column, "name": "key", "nullable": False}
    shape = {"description": "Rows of a history.", "formats": [{"kind": "csv"}], "delivery": "upsert"}
    records = {
        **shape, "name": feed, "row_identity": "key", "key": ["key"],
        "columns": [key, {**column, "name": "state", "values": {"gone": [], "here": []}}],
        "withdrawn": {"column": "state", "values": ["gone"]},
    }  # fmt: skip
    children = {
        **shape, "name": bulk.resource_of(feed, OF_CHILDREN), "parent": {"resource": feed, "key": {"key": "key_of"}},
        "columns": [{**key, "name": "key_of"}, {**column, "name": "state"}],
    }  # fmt: skip
    return Contract.model_validate(
        {
            "feed": feed, "title": "A history", "publisher": "A test", "owner": "A test", "contract_version": 1,
            "description": "A feed that exists only so that its histories can be written.", "licence": "none",
            "attribution": "none", "homepage": "https://example.org", "schedule": "0 6 * * 1", "cadence_days": 31,
            "due_lag_days": 31, "transport": {"kind": "inbox"}, "when_red": "Nothing can be done about it.",
            "resources": [records, *[children] * history.resource.has_children],
        }
    )  # fmt: skip


def write(feed: str, history: History) -> Written:
    """Let the product write a history of a feed that is declared."""
    contract = None
    if history.resource.mode == "upsert":
        contract = contract_of(feed, history)
        with closing(raw_connection("migrator")) as connection, connection:
            sync_raw_tables(connection, {feed: contract})
    with closing(raw_connection("loader")) as connection:
        written = Written(connection, feed, contract)
        events = list(history.events)
        for tick in range(s.END + 2):
            written.starts.append(written.now())
            while events and events[0].at == tick:
                written.write(events.pop(0))
    return written


@dataclass
class Written:
    """What was written: a tick is the time from its start to the next one's."""

    connection: Connection
    feed: str
    contract: Contract | None
    """Of an upsert, whose rows are written too."""
    starts: list[datetime] = field(default_factory=list)
    batches: dict[int, int] = field(default_factory=dict)
    """Number of a batch to batch_id."""

    def instant(self, tick: int) -> datetime:
        """The last instant of a tick."""
        return self.starts[tick + 1] - timedelta(microseconds=1)

    def tick(self, instant: datetime) -> int:
        """The tick of an instant."""
        return bisect_right(self.starts, instant) - 1

    def now(self) -> datetime:
        """The wall clock of the server."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("select clock_timestamp()")
            ((now,),) = cursor.fetchall()
        return now

    def write(self, event: s.Event) -> None:
        """Do what happened."""
        match event:
            case s.Receive():
                self._receive(event)
            case s.ParseContent():
                self._parse(event)
            case s.Audit():
                self._audit(event)
            case s.Release(_, number):
                with self.connection:
                    decisions.release(self.connection, self.batches[number], "it is right", "a person")
            case s.Withdraw(_, number):
                with self.connection:
                    decisions.withdraw(self.connection, self.batches[number], bulk.reason("withdrawn"), "a person")
            case s.Lift(_, number, column, None):
                with self.connection:
                    decisions.release(self.connection, self.batches[number], "it is right", "a person", column)
            case s.Admit(_, number):
                with self.connection, self.connection.cursor() as cursor:
                    admission.admit(cursor, self.batches[number])
            case s.Hold(_, number):
                with self.connection, self.connection.cursor() as cursor:
                    admission.hold(cursor, self.batches[number], bulk.reason("held"))
            case s.Withhold(_, number, column, check):
                with self.connection, self.connection.cursor() as cursor:
                    withholding.withhold(cursor, self.batches[number], _check(column, check), None, bulk.REASON)
            case s.Lift(_, number, column, str(check)):
                with self.connection, self.connection.cursor() as cursor:
                    withholding.lift(cursor, self.batches[number], _check(column, check))

    def _receive(self, event: s.Receive) -> None:
        content, vintage = event.content, event.vintage_at
        period = content.period or (None, None)
        if vintage is not None:  # what is dated later than it is received bears the instant of its receipt
            stated_at = self.starts[vintage] if vintage < event.at else self.starts[event.at] + timedelta(days=365)
        with self.connection, self.connection.cursor() as cursor:
            delivery_id, is_new = ledger.record_delivery(
                self.connection,
                self.feed,
                Received(
                    bulk.resource_of(self.feed, content.of), content.partition, *period, sha256=bulk.sha(content), size_bytes=1,
                    file_name=f"{content.text}.csv", source_url="",
                    vintage_at=None if vintage is None else stated_at, vintage_source="manifest",
                    manifest_line=event.line,
                ),
                ledger.stamp(self.connection),
            )  # fmt: skip
            if is_new:  # so that what is dated by this tick later is dated by the very instant
                cursor.execute("select received_at from ops.delivery where delivery_id = %s", (delivery_id,))
                ((self.starts[event.at],),) = cursor.fetchall()

    def _parse(self, event: s.ParseContent) -> None:
        with self.connection, self.connection.cursor() as cursor:
            waiting = ledger.contents_to_parse(self.connection, self.feed)
            if event.version > 1:
                waiting = ledger.contents_to_replay(self.connection, self.feed, event.version)
            resource = bulk.resource_of(self.feed, event.content.of)
            identity = resource, event.content.partition, event.content.period, bulk.sha(event.content)
            (content,) = [
                found for found in waiting
                if (found.resource, found.partition, _period(found.period_start, found.period_end), found.sha256)
                == identity
            ]  # fmt: skip
            status = "rejected" if event.is_rejected else "parsed"
            batch_id = ledger.record_batch(
                self.connection, content, event.version, status, reason=bulk.reason(status)
            )  # fmt: skip
            if not event.is_rejected:
                first, last = event.parse.period or (None, None)
                ledger.finish_batch(
                    self.connection, batch_id, partition=event.parse.partition, period_start=first, period_end=last
                )
            if self.contract is not None:
                self._write_rows(cursor, resource, batch_id, event)
        self.batches[event.batch] = batch_id

    def _write_rows(self, cursor: Cursor, resource: str, batch_id: int, event: s.ParseContent) -> None:
        assert self.contract is not None
        parts = range(1, PARTS + 1) if event.content.of else [0]
        keys = sorted(event.parse.holds | event.parse.removes)
        rows = [
            (batch_id, line, part, key, "gone" if key in event.parse.removes else "here")
            for line, key in enumerate(keys, start=2) for part in parts
        ]  # fmt: skip
        if rows:
            execute_values(
                cursor,
                f"insert into raw.{self.contract.raw_table(resource)} (batch_id, line_number, part, "
                f"{'key_of' if event.content.of else 'key'}, state) values %s",
                rows,
            )
        record_keys(cursor, self.contract, resource, batch_id)

    def rows(self, connection: Connection, moment: Moment) -> Counter[tuple[str, int, str]]:
        """The rows in raw that are current at a moment: how many of which resource, batch_id and key."""
        assert self.contract is not None
        found: Counter[tuple[str, int, str]] = Counter()
        with connection.cursor() as cursor:
            for resource in self.contract.resources:
                cursor.execute(
                    "select r.batch_id, r.unit_key ->> 0 from ops.current_input(%s, %s) i "
                    f"join raw.{self.contract.raw_table(resource.name)} r using (batch_id, unit_key) "
                    "where i.feed = %s and i.resource = %s and i.column_name = ''",
                    (*(None if at is None else self.instant(at) for at in moment), self.feed, resource.name),
                )
                of = resource.name[len(self.feed) + 1 :]
                found.update((of, batch_id, key) for batch_id, key in cursor.fetchall())
        return found

    def _audit(self, event: s.Audit) -> None:
        batch_id = self.batches[event.batch]
        with self.connection, self.connection.cursor() as cursor:
            for column, check in event.withheld:
                withholding.withhold(cursor, batch_id, _check(column, check), None, bulk.REASON)
            status = "held" if event.is_held else "parsed"
            cursor.execute(
                "update ops.batch set audited_at = clock_timestamp(), status = %s, reason = %s where batch_id = %s",
                (status, bulk.reason(status), batch_id),
            )


def _period(first: date | None, last: date | None) -> Period | None:
    return None if first is None or last is None else (first, last)


def _check(column: str, check: str) -> Check:
    return Check(
        id=bulk.check_id(column, check), type="between_vintages.no_value_vanished", column=column,
        severity=Withholds(withhold=[column]), reason=bulk.REASON,
    )  # fmt: skip
