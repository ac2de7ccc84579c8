"""What the paged APIs share: asking page after page, landing them as one content, and the source's own count of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from vru.contracts import Pages
from vru.received import Received
from vru.transport.errors import SourceError
from vru.transport.http import Answer, Http, modified_at
from vru.transport.model import Asked, Landed
from vru.transport.names import match
from vru.transport.source import Question, Source, ask, changed, is_repeat, last_modified_vintage

TRIES = 2
"""How often a query is asked whose count is another one after its pages than before them."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a paged query."""

    answer: Answer
    content: bytes
    """What it adds to the content."""
    rows: int
    """Records in it."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """All pages of a query as one content, and how many rows the source says that it has."""

    landed: Landed
    answers: tuple[Answer, ...]
    row_count: int


class PagedQuery(ABC):
    """One query of a paged API. A subclass says how rows are counted, and how pages are asked for, cut and joined."""

    def __init__(self, source: Source, query: Pages, limit: int, http: Http) -> None:
        self.source, self.query, self.limit, self.http = source, query, limit, http

    @abstractmethod
    def count(self) -> int:
        """How many rows the source itself says that the query has. Raises SourceError."""

    @abstractmethod
    def pages(self, row_count: int) -> Iterator[Page]:
        """Every page, in a fixed order, until so many rows have come or none comes any more. Raises SourceError."""

    def url(self, **parameters: int | str) -> str:
        """The query's address with more parameters."""
        return with_parameters(self.query.url, **parameters)

    def refused(self, code: str, what: str, body: bytes) -> SourceError:
        """The error for a page that is not what was asked for; the page is landed."""
        return SourceError(f"{code}: {what}", outcome="refused", landed=self.http.keep(body))

    def fetch(self) -> Asked:
        """Ask for the count and every page, land them as one content, and report."""
        source_url = self.http.addresses.source_url(self.query.url)
        return ask(Question(source_url, self.query.resource, self.query.partition), self._work)

    def _work(self, question: Question) -> Asked:
        whole = self._whole()
        landed = whole.landed
        last = self.source.history.last(question.source_url)
        last_modified = _newest([answer.last_modified for answer in whole.answers])
        etag = whole.answers[0].etag if len(whole.answers) == 1 else None
        stated = last_modified_vintage(last_modified, self.source.now)
        says = match(self.source.contract, self.query.file_name)
        received = Received(
            resource=self.query.resource,
            partition=self.query.partition or (says.partition if says else None),
            period_start=says.period_start if says else None,
            period_end=says.period_end if says else None,
            sha256=landed.sha256,
            size_bytes=landed.size_bytes,
            file_name=self.query.file_name,
            source_url=question.source_url,
            vintage_at=stated.at,
            vintage_source=stated.source,
            source_rows=whole.row_count,
            is_whole=True if all(answer.is_whole for answer in whole.answers) else None,
            warning=stated.warning,
        )
        return question.ends(
            changed(last, landed.sha256),
            sha256=landed.sha256,
            size_bytes=landed.size_bytes,
            etag=etag,
            last_modified=last_modified,
            received=() if is_repeat(last, landed.sha256, last_modified) else (received,),
        )

    def _whole(self) -> _Whole:
        """The query between two counts that agree, with as many rows as they say. Raises SourceError."""
        before = self.count()
        for _ in range(TRIES):
            whole, rows = self._land(before)
            after = self.count()
            if after == before:
                if rows != before:
                    raise _another_number(rows, whole)
                return whole
            before = after
        raise SourceError(
            "count_changed: the source states another number of rows after its pages than before; it is being changed, "
            "run the task again",
            is_retryable=True,
        )

    def _land(self, row_count: int) -> tuple[_Whole, int]:
        """Every page as one content, and the rows that came."""
        answers: list[Answer] = []
        rows = 0
        with self.source.landing.receive() as receiver:
            for page in bounded(self.pages(row_count), self.source.limits.max_pages):
                answers.append(page.answer)
                rows += page.rows
                receiver.write(page.content)
            landed: Landed = receiver.commit()
        return _Whole(landed, tuple(answers), row_count), rows


def with_parameters(url: str, **parameters: int | str) -> str:
    """An address with these query parameters; one that it has already, in any case, is replaced."""
    if not parameters:
        return url
    parts = urlsplit(url)
    known = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    extra = urlencode({name: str(value) for name, value in parameters.items()}, quote_via=quote, safe=",")
    if known.isdisjoint(parameters_lower := {name.lower() for name in parameters}):
        return f"{url}{'&' if '?' in url else '?'}{extra}"
    kept = [pair for pair in parts.query.split("&") if pair.partition("=")[0].lower() not in parameters_lower]
    return urlunsplit(parts._replace(query="&".join([*kept, extra])))


def bounded(pages: Iterable[Page], max_pages: int) -> Iterator[Page]:
    """The pages, but no more than so many. Raises SourceError."""
    for number, page in enumerate(pages):
        if number == max_pages:
            raise SourceError(
                f"too_many_pages: more than {max_pages} pages; if that is right, raise the limit",
                outcome="refused",
            )
        yield page


def _another_number(rows: int, whole: _Whole) -> SourceError:
    """What is said of pages that together have fewer or more rows than the source says."""
    code, what = ("short", "some are missing") if rows < whole.row_count else ("too_many_rows", "some came twice")
    return SourceError(
        f"{code}: the source says that it has {whole.row_count} rows, and {rows} came: {what}; nothing of it is used, "
        "run the task again, and ask the partner if that does not help",
        outcome="refused",
        landed=whole.landed,
    )


def _newest(stated: list[str | None]) -> str | None:
    """The newest Last-Modified of all pages; None where one has none, because then the content is undated."""
    dated = [(moment, text) for text in stated if text and (moment := modified_at(text))]
    return max(dated)[1] if len(dated) == len(stated) and dated else None
