"""What the paged APIs share: asking page after page, and landing them as one content."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from vru.contracts import Pages
from vru.received import Received
from vru.transport.errors import SourceError
from vru.transport.http import Answer, Http, modified_at
from vru.transport.model import Asked, Landed
from vru.transport.names import match
from vru.transport.source import Question, Source, ask, changed, is_repeat, last_modified_vintage


class PagedQuery(ABC):
    """One query of a paged API. A subclass says how pages are asked for, cut and joined."""

    def __init__(self, source: Source, query: Pages, limit: int, http: Http) -> None:
        self.source, self.query, self.limit, self.http = source, query, limit, http

    @abstractmethod
    def pages(self) -> Iterator[tuple[Answer, bytes]]:
        """Every page: the answer, and the bytes that it adds to the content. Raises SourceError."""

    def url(self, **parameters: int) -> str:
        """The query's address with more parameters."""
        extra = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"{self.query.url}{'&' if '?' in self.query.url else '?'}{extra}" if extra else self.query.url

    def refused(self, code: str, what: str, body: bytes) -> SourceError:
        """The error for a page that is not what was asked for; the page is landed."""
        return SourceError(f"{code}: {what}", outcome="refused", landed=self.http.keep(body))

    def fetch(self) -> Asked:
        """Ask for every page, land them as one content, and report."""
        source_url = self.http.addresses.source_url(self.query.url)
        return ask(Question(source_url, self.query.resource, self.query.partition), self._work)

    def _work(self, question: Question) -> Asked:
        answers: list[Answer] = []
        with self.source.landing.receive() as receiver:
            for answer, content in bounded(self.pages(), self.source.limits.max_pages):
                answers.append(answer)
                receiver.write(content)
            landed: Landed = receiver.commit()
        last = self.source.history.last(question.source_url)
        last_modified = _newest([answer.last_modified for answer in answers])
        etag = answers[0].etag if len(answers) == 1 else None
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
            is_whole=True if all(answer.is_whole for answer in answers) else None,
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


def bounded(pages: Iterable[tuple[Answer, bytes]], max_pages: int) -> Iterator[tuple[Answer, bytes]]:
    """The pages, but no more than so many. Raises SourceError."""
    for number, page in enumerate(pages):
        if number == max_pages:
            raise SourceError(
                f"too_many_pages: more than {max_pages} pages; if that is right, raise the limit",
                outcome="refused",
            )
        yield page


def _newest(stated: list[str | None]) -> str | None:
    """The newest Last-Modified of all pages; None where one has none, because then the content is undated."""
    dated = [(moment, text) for text in stated if text and (moment := modified_at(text))]
    return max(dated)[1] if len(dated) == len(stated) and dated else None
