"""The one place where the steps of a delivery meet. DAGs and the command line both call it.

A feed's run has four steps, each safe to repeat: `fetch` asks the partner and keeps the bytes, `parse` makes typed
rows of them, `audit` checks the rows, `admit` lets them count. A killed step leaves nothing half done, and the
next call of the same step finishes what was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import RealDictCursor

from vru import clock, profile
from vru.contracts import Contract, load_contract
from vru.errors import ShortfallError, SourceError, printable
from vru.landing import Landing
from vru.parsing import HEAD_BYTES, Reading, Unreadable, choose_resource, read
from vru.profile import Source
from vru.received import Content, Received
from vru.settings import settings
from vru.transport import Asked, LastAnswer, Limits, Progress, Shelved, has_only_the_present
from vru.transport import fetch as ask
from vru.warehouse import decisions, ledger, locks, undated
from vru.warehouse.engine import raw_connection
from vru.warehouse.ledger import BatchState, Parsable
from vru.warehouse.loader import copy_chunks
from vru.warehouse.replace_keys import record_keys


@dataclass
class Fetched:
    """What one fetch brought: the deliveries met (new or known), and what fell short."""

    deliveries: list[int] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    is_retryable: bool = False
    """Asking again may help at least one that failed."""
    new: list[int] = field(default_factory=list)
    """Deliveries that say something new."""
    lacking: list[str] = field(default_factory=list)
    """Why some of what was asked for is not to be had, which is no failure."""

    def check(self) -> None:
        """Raise what the fetch ended in, if it did not end well."""
        if self.failed:
            raise SourceError("; ".join(map(printable, self.failed)), is_retryable=self.is_retryable)
        if self.refused:
            raise ShortfallError("; ".join(map(printable, self.refused)))


@dataclass
class Outcome:
    """What `parse`, `audit` or `admit` did: batches handled, and one line for each that fell short."""

    batches: list[int] = field(default_factory=list)
    fell_short: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise ShortfallError with one line per batch, if any fell short."""
        if self.fell_short:
            raise ShortfallError("\n".join(map(printable, self.fell_short)))


def landing() -> Landing:
    """The store of received bytes of this state folder."""
    return Landing(settings().landing_dir)


def fetch(
    feed: str,
    source: Source,
    *,
    file: Path | None = None,
    since: date | None = None,
    until: date | None = None,
    period: date | None = None,
    progress: Progress | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Fetched:
    """Ask the partner, keep the bytes, and note every attempt and delivery. Raises ContractError.

    `since` alone asks for the present and what came before it; `since` with `until`, or `period`, for that past only,
    of which a feed whose every delivery replaces the one before has nothing. A content that was parsed already and is
    now stated at another date may stand before vintages that it was not compared with, or behind none of those that it
    was; these comparisons are made again.
    """
    contract = load_contract(feed)
    store = landing()
    done = Fetched()
    if (until or period) and file is None and has_only_the_present(contract):
        done.lacking.append(f"{feed}: each delivery replaces the one before, so only the present one exists")
        return done
    connection = raw_connection("loader", name=f"fetch {feed}")
    try:
        asked = ask(
            contract, profile=source.profile, base_url=source.base_url, landing=store,
            history=_History(connection, feed), inbox=source.inbox, file=file, since=since, until=until,
            period=period, now=clock.now(), today=clock.today(source.profile), progress=progress, limits=limits,
        )  # fmt: skip
        for answer in asked:
            with connection:
                _note(connection, contract, store, answer, done, clock.asked_on(source.profile))
    finally:
        connection.close()
    clock.note(source.profile)
    return done


def parse(feed: str, deliveries: Sequence[int] = ()) -> Outcome:
    """Parse what was delivered and never parsed. A rejected batch among these or `deliveries` falls short."""
    contract = load_contract(feed)
    outcome = Outcome()
    with _one_at_a_time(feed) as connection:
        while waiting := ledger.contents_to_parse(connection, feed):  # what is rejected may have another name to try
            outcome.batches += [_parse_content(connection, contract, content) for content in waiting]
        for batch in _met(connection, outcome.batches, deliveries):
            if batch.status == "rejected":
                outcome.fell_short.append(
                    f"{_where(batch)}: rejected: {batch.reason}. Correct the contract feeds/{feed}.yml if the partner "
                    f"means it so, then: vru replay {feed} --batch {batch.batch_id}; otherwise ask for a new file"
                )
    return outcome


def audit(feed: str, deliveries: Sequence[int] = ()) -> Outcome:
    """Check what was parsed and not yet audited. A held batch among these or `deliveries` falls short."""
    from vru import quality

    outcome = Outcome()
    now_is = profile.current()
    with _one_at_a_time(feed) as connection:
        for batch in ledger.batches_waiting(connection, feed):
            if not batch.is_audited:
                quality.audit(batch.batch_id, today=clock.audited_on(now_is, batch.batch_id))
                outcome.batches.append(batch.batch_id)
        for batch in _met(connection, outcome.batches, deliveries):
            if batch.status == "held":
                outcome.fell_short.append(
                    f"{_where(batch)}: held: {batch.reason}. See vru quarantine {feed} and vru batches {feed}; if it "
                    f"is right as it is: vru release {batch.batch_id} --reason TEXT"
                )
        for batch_id, file_name, reason in ledger.held_deliveries(connection, deliveries):
            outcome.fell_short.append(
                f"{feed}, {file_name} (batch {batch_id}): this statement of it is held: {reason} If it is right as it "
                f"is: vru release {batch_id} --reason TEXT"
            )
    return outcome


def admit(feed: str) -> Outcome:
    """Let every batch count whose audit passed."""
    from vru import quality

    outcome = Outcome()
    with _one_at_a_time(feed) as connection:
        for batch in ledger.batches_waiting(connection, feed):
            if batch.is_audited and quality.admit(batch.batch_id):
                outcome.batches.append(batch.batch_id)
    return outcome


def has_work(feed: str, deliveries: Sequence[int]) -> bool:
    """Whether `parse`, `audit` or `admit` would find anything to do, or to say of these deliveries."""
    connection = raw_connection("loader", name=f"work of {feed}")
    try:
        with connection:
            return bool(
                ledger.contents_to_parse(connection, feed)
                or ledger.batches_waiting(connection, feed)
                or any(b.status in ("rejected", "held") for b in _met(connection, [], deliveries))
                or ledger.held_deliveries(connection, deliveries)
            )
    finally:
        connection.close()


def has_news(feed: str, since: datetime) -> bool:
    """Whether a partner has stated since then what counts; without a new batch, an older one may be current again."""
    connection = raw_connection("loader", name=f"news of {feed}")
    try:
        with connection:
            return ledger.is_restated_since(connection, feed, since)
    finally:
        connection.close()


@dataclass
class Ingested:
    """What one run of a feed did."""

    fetched: Fetched
    parsed: Outcome
    audited: Outcome
    admitted: Outcome

    def check(self) -> None:
        """Raise SourceError or ShortfallError if any step fell short."""
        lines = [*self.fetched.failed, *self.fetched.refused, *self.parsed.fell_short, *self.audited.fell_short]
        told = "\n".join(map(printable, lines))
        if self.fetched.failed:
            raise SourceError(told, is_retryable=self.fetched.is_retryable)
        if lines:
            raise ShortfallError(told)


def ingest(feed: str, source: Source, **options: Any) -> Ingested:
    """All four steps; what falls short of one file does not keep the others out."""
    fetched = fetch(feed, source, **options)
    return Ingested(fetched, parse(feed, fetched.deliveries), audit(feed, fetched.deliveries), admit(feed))


def replay(feed: str, batch_id: int | None = None) -> Ingested:
    """Parse landed bytes again under the present contract, then audit and admit them."""
    contract = load_contract(feed)
    parsed = Outcome()
    with _one_at_a_time(feed) as connection:
        for content in ledger.contents_to_replay(connection, feed, contract.contract_version, batch_id):
            parsed.batches.append(_parse_content(connection, contract, content))
        for batch in _met(connection, parsed.batches, ()):
            if batch.status == "rejected":
                parsed.fell_short.append(f"{_where(batch)}: still rejected: {batch.reason}")
    audited = audit(feed)
    return Ingested(Fetched(), parsed, audited, admit(feed))


def release(batch_id: int, reason: str, decided_by: str, column: str | None = None) -> str:
    """Admit a held batch, or lift a withheld column; later vintages are then checked against it. The batch's feed."""
    return _decide(batch_id, lambda connection: decisions.release(connection, batch_id, reason, decided_by, column))


def withdraw(batch_id: int, reason: str, decided_by: str) -> str:
    """Take an admitted batch back; later vintages are then checked against the one before it. The batch's feed."""
    return _decide(batch_id, lambda connection: decisions.withdraw(connection, batch_id, reason, decided_by))


def _decide(batch_id: int, decision: Callable[[Connection], None]) -> str:
    """A decision and what follows from it for later vintages, in one transaction. Raises DecisionError."""
    from vru import quality

    connection = raw_connection("loader", name=f"decide on batch {batch_id}")
    try:
        with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
            feed = decisions.feed_of(connection, batch_id)
            _alone_until_commit(cursor, feed)
            decision(connection)
            quality.recheck_later(cursor, batch_id)
        return feed
    finally:
        connection.close()


class _History:
    """What the ledger knows of earlier answers."""

    def __init__(self, connection: Connection, feed: str) -> None:
        self._connection, self._feed = connection, feed

    def last(self, source_url: str) -> LastAnswer | None:
        with self._connection:  # no transaction stays open while bytes come in
            found = ledger.last_answer(self._connection, self._feed, source_url)
        return LastAnswer(*found) if found else None

    def landed(self, prefix: str) -> list[Shelved]:
        with self._connection:
            return [Shelved(*found) for found in ledger.landed_from(self._connection, prefix)]

    @contextmanager
    def alone(self, address: str) -> Iterator[None]:
        with self._connection, self._connection.cursor() as cursor:
            locks.take(cursor, locks.ADDRESS, address)
        try:
            yield
        finally:
            with self._connection, self._connection.cursor() as cursor:
                locks.let_go(cursor, locks.ADDRESS, address)


def _note(
    connection: Connection, contract: Contract, store: Landing, answer: Asked, done: Fetched, asked_on: date
) -> None:
    """Write one attempt with its deliveries, and what they change about audits of before, in one transaction."""
    from vru import quality

    feed = contract.feed
    with connection.cursor() as cursor:
        _alone_until_commit(cursor, feed)
    outcome = answer.outcome
    received_at = ledger.stamp(connection)  # one for all that came with one answer: it was stated together
    noted = [note_delivery(connection, contract, store, received, received_at) for received in answer.received]
    met = [delivery_id for delivery_id, _ in noted]
    new = [delivery_id for delivery_id, is_new in noted if is_new]
    done.new += new
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        quality.recheck_stated_again(cursor, new)
    if outcome == "new" and met and not new:
        outcome = "unchanged"
    if outcome in ("not_modified", "unchanged") and answer.sha256 and not met:
        met = ledger.deliveries_of_bytes(connection, feed, answer.sha256)
    ledger.record_attempt(
        connection, feed,
        resource=answer.resource, partition=answer.partition, period_start=answer.period_start,
        source_url=answer.source_url, asked_on=asked_on, started_at=answer.started_at, finished_at=answer.finished_at,
        outcome=outcome,
        sha256=answer.sha256, size_bytes=answer.size_bytes, etag=answer.etag, last_modified=answer.last_modified,
        reason=answer.reason,
    )  # fmt: skip
    done.deliveries += met
    done.outcomes[outcome] = done.outcomes.get(outcome, 0) + 1
    line = f"{feed}, {answer.source_url}: {outcome}: {answer.reason}"
    if outcome == "not_yet":
        done.lacking.append(f"{feed}: {answer.reason}")
    if outcome == "failed":
        done.failed.append(line)
        done.is_retryable |= answer.is_retryable
    elif outcome == "refused" and not answer.received:
        done.refused.append(line)


def note_delivery(
    connection: Connection, contract: Contract, store: Landing, received: Received, received_at: datetime
) -> tuple[int, bool]:
    """Keep what was stated, under the resource that name or header tell; as `ledger.record_delivery`."""
    resource = received.resource or ("" if received.refusal else _resource_of(contract, store, received))
    return ledger.record_delivery(connection, contract.feed, replace(received, resource=resource), received_at)


def _resource_of(contract: Contract, store: Landing, received: Received) -> str:
    """The resource that the header tells; '' where nothing tells it, which the parse then rejects."""
    with _open(store, received) as stream:
        try:
            return choose_resource(contract, stream.read(HEAD_BYTES), received.file_name).name
        except Unreadable:
            return ""


def _parse_content(connection: Connection, contract: Contract, content: Parsable) -> int:
    """Parse one content into one batch: its rows and the status in one transaction; batch_id."""
    with connection:
        return parse_content(connection, contract, content, landing())


def parse_content(connection: Connection, contract: Contract, content: Parsable, store: Landing) -> int:
    """Parse one content of the store into one batch; batch_id. The transaction is the caller's."""
    with _open(store, content) as stream, connection.cursor() as cursor:
        cursor.execute("savepoint content")
        try:
            if content.refusal:
                raise Unreadable(*content.refusal.split(": ", 1))
            if not content.resource:
                content = _with_resource(connection, contract, content, store)
                cursor.execute("savepoint content")  # which resource it is stands even if no row can be read
                known = ledger.batch_of_content(connection, content.content_id, contract.contract_version)
                if known is not None:  # the same bytes came under a name that told their resource
                    return known
            reading = read(contract, content.resource, stream, file_name=content.file_name)
            batch_id = ledger.record_batch(connection, content, contract.contract_version, "parsed")
            copy_chunks(connection, contract.raw_table(content.resource), batch_id, reading)
            record_keys(cursor, contract, content.resource, batch_id)
            ledger.finish_batch(
                connection, batch_id,
                partition=content.partition or reading.partition or "",
                period_start=content.period_start or reading.period_start,
                period_end=content.period_end or reading.period_end,
                rows_parsed=reading.rows_parsed, rows_quarantined=reading.rows_rejected,
                mandatory_cells=reading.mandatory_cells, blank_cells=reading.blank_cells,
                headers=reading.headers, warnings=[*reading.warnings, *_unfinished(reading)],
            )  # fmt: skip
            undated.place(connection, contract.feed, content.resource, content.partition or reading.partition or "")
        except Unreadable as error:
            cursor.execute("rollback to savepoint content")
            where = ", ".join(part for part in (f"line {error.line}" if error.line else "", error.column or "") if part)
            batch_id = ledger.record_batch(
                connection, content, contract.contract_version, "rejected",
                reason=f"{error.code}: {error.message}" + (f" ({where})" if where else ""),
            )  # fmt: skip
    return batch_id


def _with_resource(connection: Connection, contract: Contract, content: Parsable, store: Landing) -> Parsable:
    """The content with the resource that its header tells, noted in the ledger."""
    with _open(store, content) as head:
        resource = choose_resource(contract, head.read(HEAD_BYTES), content.file_name).name
    content_id = ledger.name_resource(connection, content, resource)
    return replace(content, content_id=content_id, resource=resource)


def _unfinished(reading: Reading) -> list[str]:
    if reading.has_final_newline:
        return []
    return ["no_final_newline: the last line has no end; the file may have been cut off"]


def _met(connection: Connection, batches: Sequence[int], deliveries: Sequence[int]) -> list[BatchState]:
    """The batches handled now and those of the contents met in this run, each once."""
    found = {b.batch_id: b for b in ledger.batches_of_deliveries(connection, deliveries)}
    for batch_id in batches:
        state = ledger.batch(connection, batch_id)
        if state is not None:
            found[batch_id] = state
    return [found[key] for key in sorted(found)]


def _where(batch: BatchState) -> str:
    return f"{batch.feed}, {batch.file_name} (batch {batch.batch_id})"


@contextmanager
def _open(store: Landing, content: Content) -> Iterator[BinaryIO]:
    stream = (
        store.open_member(content.container_sha256, content.member_name)
        if content.container_sha256 and content.member_name
        else store.open(content.sha256)
    )
    try:
        yield stream
    finally:
        stream.close()


def _alone_until_commit(cursor: Cursor, feed: str) -> None:
    """Take the feed's lock for this transaction: who audits meanwhile would not see what is compared again."""
    locks.until_commit(cursor, locks.FEED, feed)


@contextmanager
def _one_at_a_time(feed: str) -> Iterator[Connection]:
    """A loader connection that holds the feed's lock; a second process waits, and a killed one lets go at once."""
    connection = raw_connection("loader", name=f"ingest {feed}")
    try:
        with connection.cursor() as cursor:
            locks.take(cursor, locks.FEED, feed)
        connection.commit()
        yield connection
        connection.commit()
    finally:
        connection.close()
