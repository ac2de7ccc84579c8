"""CSV queries to Nomis: at most `limit` rows an answer, cut without a word, paged by `recordoffset`."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from vru.contracts import Nomis
from vru.transport.http import Answer, Http
from vru.transport.model import Asked
from vru.transport.paging import PagedQuery
from vru.transport.sniff import Due
from vru.transport.source import Source

DUE: frozenset[Due] = frozenset({"csv"})


def fetch(source: Source, transport: Nomis, http: Http) -> Iterator[Asked]:
    """One attempt per query; its pages are stitched into one CSV with the header of the first."""
    for query in transport.queries:
        yield _NomisQuery(source, query, transport.limit, http).fetch()


class _NomisQuery(PagedQuery):
    def pages(self) -> Iterator[tuple[Answer, bytes]]:
        """The first page as it came, then the rows of the others, until one has fewer rows than the limit."""
        header = before = b""
        offset = 0
        while True:
            answer = self.http.read(self.url(recordoffset=offset) if offset else self.url(), DUE)
            body = answer.body if offset == 0 else answer.body.removeprefix(codecs.BOM_UTF8)
            first_line, _, rest = body.partition(b"\n")
            if offset == 0:
                header = first_line.removeprefix(codecs.BOM_UTF8)
            elif body and first_line.rstrip(b"\r") != header.rstrip(b"\r"):
                raise self.refused("header_changed", "a later page has another header; fetch it again", body)
            elif body == before.removeprefix(codecs.BOM_UTF8):
                raise self.refused(
                    "paging_ignored",
                    "the next page repeats the one before; recordoffset is no longer obeyed",
                    body,
                )
            content = body if offset == 0 else rest
            if before and not before.endswith(b"\n") and content:
                content = b"\n" + content
            rows = _count_rows(body)
            yield answer, content
            if rows < self.limit:
                return
            before = body
            offset += rows


def _count_rows(body: bytes) -> int:
    """Records after the header: line feeds outside quotes, without those at the end."""
    return sum(part.count(b"\n") for part in body.rstrip(b"\r\n").split(b'"')[::2])
