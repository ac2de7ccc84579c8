"""CSV queries to Nomis: at most `limit` rows an answer, cut without a word, paged by `recordoffset`.

How many rows a query has stands in the column RECORD_COUNT of each of them, which is all that is asked for first. Pages
come in the order of the dimensions; none other can be asked for.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from vru.contracts import Nomis
from vru.transport.http import Http
from vru.transport.model import Asked
from vru.transport.paging import Page, PagedQuery
from vru.transport.sniff import Due
from vru.transport.source import Source

DUE: frozenset[Due] = frozenset({"csv"})
COUNT_COLUMN = b"RECORD_COUNT"


def fetch(source: Source, transport: Nomis, http: Http) -> Iterator[Asked]:
    """One attempt per query; its pages are stitched into one CSV with the header of the first."""
    for query in transport.queries:
        yield _NomisQuery(source, query, transport.limit, http).fetch()


class _NomisQuery(PagedQuery):
    def count(self) -> int:
        """By the column of the first row that counts them all; without a row there is none."""
        body = self.http.read(self.url(select="record_count", recordlimit=1), DUE).body
        head, *told = [cell.strip(b'"') for cell in body.removeprefix(codecs.BOM_UTF8).split()] or [b""]
        if head.upper() != COUNT_COLUMN or len(set(told)) > 1 or not all(cell.isdigit() for cell in told):
            raise self.refused("no_count", "the answer does not say how many rows there are; try it by hand", body)
        return int(told[0]) if told else 0

    def pages(self, row_count: int) -> Iterator[Page]:
        """The first page as it came, then the rows of the others."""
        header = before = b""
        offset = 0
        while True:
            part = {"recordoffset": offset} if offset else {}
            answer = self.http.read(self.url(recordlimit=self.limit, **part), DUE)
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
            rows = _count_rows(body)
            if offset > 0 and rows == 0:
                return
            content = body if offset == 0 else rest
            if before and not before.endswith(b"\n") and content:
                content = b"\n" + content
            yield Page(answer, content, rows)
            offset += rows
            if rows == 0 or offset >= row_count:
                return
            before = body


def _count_rows(body: bytes) -> int:
    """Records after the header: line feeds outside quotes, without those at the end."""
    return sum(part.count(b"\n") for part in body.rstrip(b"\r\n").split(b'"')[::2])
