"""Layers of ArcGIS feature services, paged by `resultOffset` in the order of the object id, up to the layer's count.

That an answer was cut is said by `exceededTransferLimit`, which is left out where it is false, by some servers always
in GeoJSON, and lost in caches between: the flag alone proves nothing, `returnCountOnly` does (developers.arcgis.com,
Query of a feature service's layer). Without `orderByFields` the order is the database's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vru.contracts import Arcgis, Pages
from vru.transport.http import Http
from vru.transport.model import Asked
from vru.transport.paging import Page, PagedQuery, with_parameters
from vru.transport.sniff import Due
from vru.transport.source import Source

DUE: frozenset[Due] = frozenset({"geojson", "json"})
RECORD_SEPARATOR = b"\x1e"
OBJECT_ID_TYPE = "esriFieldTypeOID"


def fetch(source: Source, transport: Arcgis, http: Http) -> Iterator[Asked]:
    """One attempt per query; its pages are kept as they came, as a sequence of JSON texts (RFC 7464)."""
    orders: dict[str, str] = {}
    for query in transport.queries:
        yield _ArcgisQuery(source, query, transport.limit, http, orders).fetch()


class _ArcgisQuery(PagedQuery):
    def __init__(self, source: Source, query: Pages, limit: int, http: Http, orders: dict[str, str]) -> None:
        super().__init__(source, query, limit, http)
        self._orders = orders
        """The field of the object id by layer, as far as it was asked for."""

    def count(self) -> int:
        """By `returnCountOnly`, which no limit of the service cuts."""
        body = self.http.read(self.url(returnCountOnly="true", f="json"), DUE).body
        count = self._object(body).get("count")
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise self.refused("no_count", "the layer does not say how many rows it has; try the query by hand", body)
        return count

    def pages(self, row_count: int) -> Iterator[Page]:
        """Every page between a record separator and a line feed."""
        order = self._order()
        offset, before = 0, b""
        seen: set[object] = set()
        while True:
            answer = self.http.read(
                self.url(orderByFields=order, resultOffset=offset, resultRecordCount=self.limit), DUE
            )
            page = self._page(answer.body)
            features = page["features"]
            is_cut = _is_cut(page)
            ids = [found for each in features if (found := _object_id(each, order)) is not None]
            if answer.body == before or (is_cut and not features) or not seen.isdisjoint(ids):
                raise self.refused(
                    "paging_ignored",
                    "the next page brings again what came before; resultOffset is no longer obeyed",
                    answer.body,
                )
            if not features and offset > 0:
                return
            yield Page(answer, RECORD_SEPARATOR + answer.body + b"\n", len(features))
            offset += len(features)
            if not features or (offset >= row_count and not is_cut):
                return
            before = answer.body
            seen.update(ids)

    def _order(self) -> str:
        """The field by which pages are put in order: the contract's, else the layer's object id."""
        address, _, query = self.query.url.partition("?")
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            if name.lower() == "orderbyfields" and value:
                return value
        layer = address.removesuffix("/").removesuffix("/query")
        if layer not in self._orders:
            body = self.http.read(with_parameters(layer, f="json"), DUE).body
            described = self._object(body)
            fields = described.get("fields")
            found = described.get("objectIdField") or next(
                (
                    field.get("name")
                    for field in (fields if isinstance(fields, list) else [])
                    if isinstance(field, dict) and field.get("type") == OBJECT_ID_TYPE
                ),
                None,
            )
            if not isinstance(found, str) or not found:
                raise self.refused(
                    "no_order",
                    "the layer names no object id, so that its pages have no fixed order; put orderByFields with a key "
                    "of the layer into the contract's url",
                    body,
                )
            self._orders[layer] = found
        return self._orders[layer]

    def _page(self, body: bytes) -> dict[str, Any]:
        """The page as JSON with a list of features. Raises SourceError."""
        page = self._object(body)
        if not isinstance(page.get("features"), list):
            raise self.refused("no_features", "the answer has no list of features; try it by hand", body)
        return page

    def _object(self, body: bytes) -> dict[str, Any]:
        """An answer as a JSON object that is no error. Raises SourceError."""
        try:
            page = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self.refused("not_json", "the answer cannot be read; open its address", body) from error
        if isinstance(page, dict) and "error" in page:
            code = page["error"].get("code") if isinstance(page["error"], dict) else None
            named = f" with code {code}" if isinstance(code, int) else ""
            raise self.refused("json_error", f"an error object{named} came; try the query by hand", body)
        return page if isinstance(page, dict) else {}


def _object_id(feature: object, order: str) -> object:
    """What tells a feature from every other of its layer; None where it has nothing that does."""
    if not isinstance(feature, dict):
        return None
    own = feature.get("id")
    if own is None:
        held = feature.get("attributes") or feature.get("properties")
        own = held.get(order) if isinstance(held, dict) else None
    return own if isinstance(own, int | str) else None


def _is_cut(page: dict[str, Any]) -> bool:
    """Whether there is more: in JSON the flag is at the top, in GeoJSON among the properties."""
    properties = page.get("properties")
    inner = properties.get("exceededTransferLimit") if isinstance(properties, dict) else None
    return page.get("exceededTransferLimit") is True or inner is True
