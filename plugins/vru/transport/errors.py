"""Why a source could not be had."""

from __future__ import annotations

from typing import Literal

from vru.transport.model import Landed


class SourceError(Exception):
    """A source that gave nothing usable.

    The message is `code: what happened; what to do`, never a part of the content. `refused` means that the
    source answered, but not with what is due; `failed` that it did not answer. `landed` are refused bytes.
    """

    def __init__(
        self,
        reason: str,
        *,
        outcome: Literal["refused", "failed"] = "failed",
        is_retryable: bool = False,
        status: int | None = None,
        landed: Landed | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome
        self.is_retryable = is_retryable
        self.status = status
        self.landed = landed
