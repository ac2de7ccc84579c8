"""What is said of bytes that a partner sent, described once for transport, pipeline and ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

VintageSource = Literal["manifest", "catalogue", "last_modified", "received"]


@dataclass(frozen=True, slots=True)
class Named:
    """Where bytes belong, as far as file name, manifest or request say it; '' and None where nothing does."""

    resource: str
    partition: str | None
    period_start: date | None
    period_end: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content(Named):
    """Bytes, with what is stated of them.

    `container_sha256` and `member_name` say in which archive they lie, if in one.
    `refusal` is `code: words` where they are not what the partner announced; they are then rejected unread.
    """

    sha256: str
    file_name: str
    container_sha256: str | None = None
    member_name: str | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Content):
    """One content that a partner stated, and how it was stated.

    `vintage_at` is None exactly where `vintage_source` is `received`: it is then the time of receipt.
    `manifest_rows` is what a manifest announces, `source_rows` what the source that was asked says it has.
    `is_whole` is True where Content-Length, a checksum or the archive's directory proves
    that no byte is missing.
    """

    size_bytes: int
    source_url: str
    vintage_at: datetime | None
    vintage_source: VintageSource
    manifest_line: int | None = None
    manifest_rows: int | None = None
    source_rows: int | None = None
    is_whole: bool | None = None
    warning: str = ""
