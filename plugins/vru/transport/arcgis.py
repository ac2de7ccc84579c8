"""Layers of ArcGIS feature services, paged by `resultOffset` while the answer says that it was cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vru.contracts import Arcgis
from vru.transport.http import Answer, Http
from vru.transport.model import Asked
from vru.transport.paging import PagedQuery
from vru.transport.sniff import Due
from vru.transport.source import Source

DUE: frozenset[Due] = frozenset({"geojson", "json"})
RECORD_SEPARATOR = b"\x1e"


def fetch(source: Source, transport: Arcgis, http: Http) -> Iterator[Asked]:
    """One attempt per query; its pages are kept as they came, as a sequence of JSON texts (RFC 7464)."""
    for query in transport.queries:
        yield _ArcgisQuery(source, query, transport.limit, http).fetch()


class _ArcgisQuery(PagedQuery):
    def pages(self) -> Iterator[tuple[Answer, bytes]]:
        """Every page between a record separator and a line feed."""
        offset, before = 0, b""
        while True:
            answer = self.http.read(self.url(resultOffset=offset, resultRecordCount=self.limit), DUE)
            page = self._page(answer.body)
            count = len(page["features"])
            is_cut = _is_cut(page)
            if answer.body == before or (is_cut and count == 0):
                raise self.refused(
                    "paging_ignored",
                    "the next page brings nothing new; resultOffset is no longer obeyed",
                    answer.body,
                )
            yield answer, RECORD_SEPARATOR + answer.body + b"\n"
            if not is_cut:
                return
            before = answer.body
            offset += count

    def _page(self, body: bytes) -> dict[str, Any]:
        """The page as JSON with a list of features. Raises SourceError."""
        try:
            page = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self.refused("not_json", "the answer cannot be read; open its address", body) from error
        if isinstance(page, dict) and "error" in page:
            code = page["error"].get("code") if isinstance(page["error"], dict) else None
            named = f" with code {code}" if isinstance(code, int) else ""
            raise self.refused("json_error", f"an error object{named} came; try the query by hand", body)
        if not isinstance(page, dict) or not isinstance(page.get("features"), list):
            raise self.refused("no_features", "the answer has no list of features; try it by hand", body)
        return page


def _is_cut(page: dict[str, Any]) -> bool:
    """Whether there is more: in JSON the flag is at the top, in GeoJSON among the properties."""
    properties = page.get("properties")
    inner = properties.get("exceededTransferLimit") if isinstance(properties, dict) else None
    return page.get("exceededTransferLimit") is True or inner is True
