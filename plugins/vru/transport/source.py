"""What every kind of transport works with, and how it reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from vru.contracts import Contract, Resource
from vru.periods import last_day
from vru.received import Named, Received, VintageSource
from vru.transport.errors import SourceError
from vru.transport.http import modified_at, storage_problem
from vru.transport.limits import Limits
from vru.transport.model import Asked, History, Landing, LastAnswer, Outcome
from vru.transport.sniff import Due

UNKNOWN_NAME = "unknown_name: the name fits no resource of the feed; add a pattern to the contract"


Piece = tuple[str, str, date]
"""Resource, partition and first day of a period: what one publisher's file is of many."""


def piece_of(says: Named) -> Piece | None:
    """The piece that a name tells; None where it tells no period."""
    return None if says.period_start is None else (says.resource, says.partition or "", says.period_start)


@dataclass(frozen=True, slots=True)
class Source:
    """One fetch of one feed."""

    contract: Contract
    landing: Landing
    history: History
    limits: Limits
    now: datetime
    since: date | None = None
    """First month that is wanted, as its first day."""
    until: date | None = None
    """Last month that is wanted, as its first day; given only with `since`."""
    today: date | None = None
    """The platform's day, which decides what a publisher should have by now; that of `now` unless given."""
    pieces: frozenset[Piece] | None = None
    """Of what has a period, only these are wanted; None for all."""

    @property
    def period(self) -> date | None:
        """The one month that is wanted; None if it is not one."""
        return self.since if self.since == self.until else None

    def wants(self, start: date | None, end: date | None) -> bool:
        """Whether a content of this period was asked for; one that states no period always is."""
        if start is None:
            return True
        if self.until is not None and start > last_day(self.until):
            return False
        return self.since is None or (end or start) >= self.since

    def wants_named(self, says: Named) -> bool:
        """Whether a content of this name was asked for."""
        piece = piece_of(says)
        is_asked_for = self.pieces is None or piece is None or piece in self.pieces
        return is_asked_for and self.wants(says.period_start, says.period_end)


@dataclass(frozen=True, slots=True)
class Known:
    """A content that has been in the landing store since an earlier time."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Question:
    """One time that we ask: what for, where, since when."""

    source_url: str
    resource: str = ""
    partition: str = ""
    period_start: date | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def at(self, source_url: str) -> Question:
        """The same question under another address."""
        return replace(self, source_url=source_url)

    def ends(
        self,
        outcome: Outcome,
        reason: str = "",
        *,
        sha256: str | None = None,
        size_bytes: int | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
        received: tuple[Received, ...] = (),
        is_retryable: bool = False,
    ) -> Asked:
        """The finished attempt."""
        return Asked(
            resource=self.resource, partition=self.partition, period_start=self.period_start,
            source_url=self.source_url, started_at=self.started_at, finished_at=datetime.now(UTC),
            outcome=outcome, sha256=sha256, size_bytes=size_bytes, etag=etag, last_modified=last_modified,
            reason=reason, received=received, is_retryable=is_retryable,
        )  # fmt: skip

    def fails(self, error: SourceError) -> Asked:
        """The attempt that ended with this error."""
        landed = error.landed
        return self.ends(
            error.outcome,
            error.reason,
            sha256=landed.sha256 if landed else None,
            size_bytes=landed.size_bytes if landed else None,
            is_retryable=error.is_retryable,
        )

    def not_modified(self, last: LastAnswer, reason: str = "") -> Asked:
        """The source said that nothing has changed."""
        return self.ends("not_modified", reason, sha256=last.sha256, etag=last.etag, last_modified=last.last_modified)


def ask(question: Question, work: Callable[[Question], Asked]) -> Asked:
    """Do the work of one question; whatever goes wrong becomes the attempt's outcome and reason."""
    try:
        return work(question)
    except SourceError as error:
        return question.fails(error)
    except OSError as error:
        return question.ends("failed", storage_problem(error), is_retryable=True)


def due(resources: Iterable[Resource]) -> frozenset[Due]:
    """The kinds of content that these resources may be."""
    return frozenset(form.kind for resource in resources for form in resource.formats)


def is_repeat(last: LastAnswer | None, sha256: str, last_modified: str | None) -> bool:
    """Whether a source says what it said last time, of the same date."""
    return last is not None and last.sha256 == sha256 and last.last_modified == last_modified


def changed(last: LastAnswer | None, sha256: str) -> Outcome:
    """`unchanged` where the bytes are those of last time, else `new`."""
    return "unchanged" if last is not None and last.sha256 == sha256 else "new"


@dataclass(frozen=True, slots=True)
class Vintage:
    """When things stood as a content says, who says so, and what is wrong with that."""

    at: datetime | None
    source: VintageSource
    warning: str = ""


def vintage(at: datetime | None, source: VintageSource, now: datetime) -> Vintage:
    """A stated instant, unless it lies in the future: then the time of receipt counts, with a warning."""
    if at is None:
        return Vintage(None, "received")
    if at > now:
        return Vintage(
            None,
            "received",
            "vintage_in_future: the stated date is not reached yet; the time of receipt counts",
        )
    return Vintage(at, source)


def last_modified_vintage(last_modified: str | None, now: datetime) -> Vintage:
    """The vintage that a Last-Modified header states."""
    return vintage(modified_at(last_modified), "last_modified", now)


def joined(*warnings: str) -> str:
    """Several warnings as one text."""
    return "; ".join(filter(None, warnings))
