"""What a fetch yields, and what it needs from its surroundings."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import BinaryIO, Literal, NamedTuple, Protocol, Self

Outcome = Literal["new", "unchanged", "not_modified", "not_yet", "refused", "failed"]
VintageSource = Literal["manifest", "catalogue", "last_modified", "received"]


@dataclass(frozen=True, slots=True)
class Received:
    """One content that a partner stated.

    `resource`, `partition` and the period are those that file name, manifest or request state, else None.
    `vintage_at` is None exactly where `vintage_source` is `received`: it is then the time of receipt.
    `is_whole` is True where Content-Length, a checksum or the archive's directory proves
    that no byte is missing.
    `refusal` says why the bytes must be rejected unread.
    """

    resource: str | None
    partition: str | None
    period_start: date | None
    period_end: date | None
    sha256: str
    size_bytes: int
    file_name: str
    source_url: str
    vintage_at: datetime | None
    vintage_source: VintageSource
    manifest_line: int | None = None
    manifest_rows: int | None = None
    is_whole: bool | None = None
    container_sha256: str | None = None
    member_name: str | None = None
    warning: str = ""
    refusal: str = ""


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


class Named(NamedTuple):
    """What a file name says: the resource, and partition and period as far as the name holds them."""

    resource: str
    partition: str | None
    period_start: date | None
    period_end: date | None


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
