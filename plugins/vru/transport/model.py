"""What a fetch yields, and what it needs from its surroundings."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import BinaryIO, Literal, Protocol, Self

from vru.received import Received

Outcome = Literal["new", "unchanged", "not_modified", "not_yet", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One time that we asked a source.

    `received` is what must be recorded as deliveries: empty for an undated repeat of what the source said
    last time. `sha256` is of the bytes that came, refused ones too, or of the last ones for `not_modified`.
    """

    resource: str
    partition: str
    period_start: date | None
    source_url: str
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    sha256: str | None
    size_bytes: int | None
    etag: str | None
    last_modified: str | None
    reason: str
    received: tuple[Received, ...]
    is_retryable: bool = False


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """What a source answered when it was last sound (`new`, `unchanged` or `not_modified`)."""

    etag: str | None
    last_modified: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Shelved:
    """A content in the landing store, and what was said of it at the address (without `#…`) that it came from."""

    source_url: str
    sha256: str
    etag: str | None
    last_modified: str | None

    @property
    def answer(self) -> LastAnswer:
        """As the answer that a request is made conditional by."""
        return LastAnswer(self.etag, self.last_modified, self.sha256)


class History(Protocol):
    """What earlier attempts know."""

    def last(self, source_url: str) -> LastAnswer | None:
        """The last sound answer of this address to this feed, or None."""
        ...

    def landed(self, prefix: str) -> list[Shelved]:
        """What any feed was sent from addresses that begin so, each content once, the last met first."""
        ...

    def alone(self, address: str) -> AbstractContextManager[None]:
        """While it is held, no other process that names the same address goes on."""
        ...


class Progress(Protocol):
    """Told now and then how far a download has come; `total_bytes` is None where the partner does not say."""

    def __call__(self, source_url: str, received_bytes: int, total_bytes: int | None) -> None: ...


# The part of `vru.landing` that transport needs. Transport stands above landing, so it names the shape only.
class Landed(Protocol):
    """One content in the landing store."""

    @property
    def sha256(self) -> str: ...

    @property
    def size_bytes(self) -> int: ...


class Receiver(Protocol):
    """One content on its way into the landing store; left without `commit` it leaves nothing behind."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, data: bytes) -> None: ...

    def commit(self) -> Landed: ...


class Landing(Protocol):
    """The landing store."""

    def receive(self) -> Receiver: ...

    def open(self, sha256: str) -> BinaryIO: ...

    def exists(self, sha256: str) -> bool: ...

    def size(self, sha256: str) -> int: ...
