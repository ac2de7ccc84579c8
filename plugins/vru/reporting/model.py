"""What a report is to those who write, send and schedule it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from psycopg2.extensions import connection as Connection


class ReportError(Exception):
    """A report that cannot be written. The message says what is missing and how to get it."""


@dataclass(frozen=True)
class Asked:
    """What a report is to be about: the month, the platform's today, and (K, W), both now where they are None."""

    month: date
    today: date
    is_synthetic: bool
    schema: str = "marts"
    known_at: datetime | None = None
    admitted_at: datetime | None = None
    are_marts_old: bool = False
    """Whether something was let in that the marts do not hold yet."""


@dataclass(frozen=True)
class Statement:
    """One headline: a short answer and the evidence for it, as a text or line by line."""

    question: str
    answer: str
    evidence: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What a report says in short, as its mail does."""

    title: str
    is_synthetic: bool
    statements: list[Statement]

    def plain(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {
            "title": self.title,
            "is_synthetic": self.is_synthetic,
            "statements": [
                {"question": s.question, "answer": s.answer, "evidence": " ".join([s.evidence, *s.lines]).strip()}
                for s in self.statements
            ],
        }


class Report(Protocol):
    """One kind of report. Its folder under `reports` bears its name and holds one of these as `REPORT`."""

    @property
    def title(self) -> str:
        """What it is called, without its month."""

    def read(self, connection: Connection, asked: Asked) -> Any:
        """Everything that it says and nothing else, read on a connection of the publisher; keys in it are texts.

        Raises ReportError.
        """

    def summarise(self, content: Any, asked: Asked) -> Summary:
        """What it says in short."""

    def render(self, content: Any, asked: Asked) -> str:
        """The page; the same content gives the same text."""
