"""Paged APIs: Nomis by `recordoffset`, ArcGIS by `resultOffset`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from vru.contracts import Contract
from vru.transport import Asked, Limits

from tests.unit.transport.partner import FAST, Handler, World, contract, resource

HEADER = '"GEOGRAPHY_CODE","GEOGRAPHY_NAME"'
QUERY = {
    "resource": "area",
    "url": "https://api.example/data.csv?geography=TYPE464&select=a%2Cb",
    "file_name": "mye.csv",
}


def nomis(limit: int) -> Contract:
    return contract({"kind": "nomis", "queries": [QUERY], "limit": limit})


def offset(handler: Handler, name: str) -> int:
    return int(parse_qs(urlsplit(handler.path).query).get(name, ["0"])[0])


def lines(count: int, end: str = "\r\n") -> list[str]:
    """Rows of which every third has a line end inside quotes."""
    inside = ["a", "b, c", "d\ne f"]
    return [f'"E{number:08d}","{inside[number % 3].replace(chr(34), chr(34) * 2)}"{end}' for number in range(count)]


def serve_rows(world: World, count: int, limit: int, *, end: str = "\r\n", bom: bytes = b"") -> None:
    def route(handler: Handler) -> None:
        start = offset(handler, "recordoffset")
        handler.answer(bom + "".join([HEADER + end, *lines(count, end)[start : start + limit]]).encode())

    world.partner.routes["/api.example/data.csv"] = route


@pytest.mark.parametrize(
    ("count", "limit", "requests"), [(0, 5, 1), (4, 5, 1), (5, 5, 2), (6, 5, 2), (10, 5, 3), (23, 5, 5), (7, 1, 8)]
)
@pytest.mark.parametrize(("end", "bom"), [("\r\n", b""), ("\n", b"\xef\xbb\xbf")])
def test_nomis_pages_become_one_csv(world: World, count: int, limit: int, requests: int, end: str, bom: bytes) -> None:
    serve_rows(world, count, limit, end=end, bom=bom)
    asked = world.one(nomis(limit))
    whole = world.read(asked.sha256)
    assert whole == bom + "".join([HEADER + end, *lines(count, end)]).encode()
    assert len(list(csv.reader(io.StringIO(whole.decode(), newline="")))) == count + 1
    assert len(world.partner.requests) == requests
    assert world.partner.targets()[0] == "/api.example/data.csv?geography=TYPE464&select=a%2Cb"
    if requests > 1:
        assert world.partner.targets()[1].endswith(f"&select=a%2Cb&recordoffset={limit}")
    (received,) = asked.received
    assert (received.resource, received.file_name, received.is_whole) == ("area", "mye.csv", True)
    assert received.source_url == asked.source_url == f"sandbox://{QUERY['url'].removeprefix('https://')}"


def test_nomis_pages_without_a_final_newline_do_not_run_together(world: World) -> None:
    pages = [f"{HEADER}\n1,a\n2,b", f"{HEADER}\n3,c\n4,d", f"{HEADER}"]
    world.partner.routes["/api.example/data.csv"] = lambda h: h.answer(pages[offset(h, "recordoffset") // 2].encode())
    assert world.read(world.one(nomis(2)).sha256) == f"{HEADER}\n1,a\n2,b\n3,c\n4,d".encode()


def test_nomis_may_answer_an_empty_last_page(world: World) -> None:
    pages = [f"{HEADER}\n1,a\n2,b\n".encode(), b""]
    world.partner.routes["/api.example/data.csv"] = lambda h: h.answer(pages[offset(h, "recordoffset") // 2])
    assert world.read(world.one(nomis(2)).sha256) == pages[0]


def test_the_same_answer_again_says_nothing_new(world: World) -> None:
    serve_rows(world, 7, 5)
    first, second = world.one(nomis(5)), world.one(nomis(5))
    assert (first.outcome, len(first.received)) == ("new", 1)
    assert (second.outcome, second.sha256, second.received) == ("unchanged", first.sha256, ())
    serve_rows(world, 8, 5)
    assert world.one(nomis(5)).outcome == "new"
    serve_rows(world, 7, 5)
    back = world.one(nomis(5))
    assert (back.outcome, len(back.received)) == ("new", 1), "a content that returns is stated again"


def fails(world: World, asked: Asked, outcome: str, code: str) -> None:
    assert (asked.outcome, asked.received) == (outcome, ())
    assert asked.reason.startswith(f"{code}: ")
    assert world.partial() == []


def test_one_bad_page_of_nomis_spoils_the_whole(world: World) -> None:
    def route(handler: Handler, second: Callable[[Handler], None]) -> None:
        if offset(handler, "recordoffset"):
            second(handler)
        else:
            handler.answer("".join([HEADER + "\n", *lines(5, "\n")]).encode())

    routes = world.partner.routes
    routes["/api.example/data.csv"] = lambda h: route(h, lambda h: h.answer(b"", status=403))
    fails(world, world.one(nomis(5)), "failed", "http_403")
    routes["/api.example/data.csv"] = lambda h: route(h, lambda h: h.answer(b"a", length=9))
    asked = world.one(nomis(5))
    fails(world, asked, "failed", "truncated")
    assert asked.is_retryable
    assert world.landed() == 0
    routes["/api.example/data.csv"] = lambda h: route(h, lambda h: h.answer(b"<html>busy</html>"))
    fails(world, world.one(nomis(5)), "refused", "html_page")
    routes["/api.example/data.csv"] = lambda h: route(h, lambda h: h.answer(b"OTHER,HEADER\n1,2\n"))
    asked = world.one(nomis(5))
    fails(world, asked, "refused", "header_changed")
    assert world.read(asked.sha256) == b"OTHER,HEADER\n1,2\n"


def test_a_nomis_that_ignores_the_offset_is_noticed(world: World) -> None:
    body = "".join([HEADER + "\n", *lines(5, "\n")]).encode()
    world.partner.routes["/api.example/data.csv"] = lambda h: h.answer(body)
    fails(world, world.one(nomis(5)), "refused", "paging_ignored")


def test_the_number_of_pages_is_limited(world: World) -> None:
    serve_rows(world, 30, 1)
    asked = world.one(nomis(1), limits=Limits(max_pages=5))
    fails(world, asked, "refused", "too_many_pages")


def test_pages_that_are_all_dated_date_the_whole(world: World) -> None:
    stamps = ["Sun, 28 Apr 2024 09:30:00 GMT", "Mon, 29 Apr 2024 09:30:00 GMT"]

    def route(handler: Handler) -> None:
        start = offset(handler, "recordoffset")
        body = "".join([HEADER + "\n", *lines(7, "\n")[start : start + 5]]).encode()
        handler.answer(body, Last_Modified=stamps[start // 5])

    world.partner.routes["/api.example/data.csv"] = route
    (received,) = world.one(nomis(5)).received
    assert received.vintage_source == "last_modified"
    assert received.vintage_at is not None
    assert received.vintage_at.day == 29


# ArcGIS


def arcgis(limit: int) -> Contract:
    url = "https://api.example/query?where=1%3D1&f=geojson"
    queries = [{"resource": "area", "partition": "2021", "url": url, "file_name": "a.geojson"}]
    return contract({"kind": "arcgis", "queries": queries, "limit": limit}, resource(formats=[{"kind": "geojson"}]))


def feature(number: int) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"code": f"E{number}", "name": "\u001e\n"}, "geometry": None}


def serve_features(world: World, count: int, *, is_geojson: bool = True, most: int = 1000) -> list[bytes]:
    sent: list[bytes] = []

    def route(handler: Handler) -> None:
        start, size = offset(handler, "resultOffset"), min(most, offset(handler, "resultRecordCount"))
        page: dict[str, Any] = {"features": [feature(n) for n in range(count)][start : start + size]}
        if start + size < count:
            flag = {"exceededTransferLimit": True}
            page |= {"properties": flag} if is_geojson else flag
        body = json.dumps(page, indent=1 if start else None).encode()
        sent.append(body)
        handler.answer(body)

    world.partner.routes["/api.example/query"] = route
    return sent


@pytest.mark.parametrize(
    ("count", "limit", "most", "requests"), [(0, 5, 9, 1), (5, 5, 9, 1), (6, 5, 9, 2), (12, 5, 9, 3), (12, 9, 4, 3)]
)
@pytest.mark.parametrize("is_geojson", [True, False])
def test_arcgis_pages_are_kept_as_they_came(
    world: World, count: int, limit: int, most: int, requests: int, is_geojson: bool
) -> None:
    sent = serve_features(world, count, is_geojson=is_geojson, most=most)
    asked = world.one(arcgis(limit))
    whole = world.read(asked.sha256)
    assert whole == b"".join(b"\x1e" + page + b"\n" for page in sent)
    assert len(sent) == requests
    read = [each for text in whole.split(b"\x1e")[1:] for each in json.loads(text)["features"]]
    assert read == [feature(number) for number in range(count)]
    assert world.partner.targets()[0] == (
        f"/api.example/query?where=1%3D1&f=geojson&resultOffset=0&resultRecordCount={limit}"
    )
    (received,) = asked.received
    assert (received.resource, received.partition, received.is_whole) == ("area", "2021", True)
    assert asked.partition == "2021"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": {"code": 400, "message": "secret"}}', "json_error"),
        (b'{"error": "secret"}', "json_error"),
        (b'{"count": 33}', "no_features"),
        (b"[1, 2]", "no_features"),
        (b'{"features": [', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"<html>login</html>", "html_page"),
        (b"", "not_json"),
    ],
)
@pytest.mark.parametrize("on_page", [1, 2])
def test_an_arcgis_answer_without_features_is_refused(world: World, body: bytes, code: str, on_page: int) -> None:
    serve_features(world, 12)
    sound = world.partner.routes["/api.example/query"]
    world.partner.routes["/api.example/query"] = lambda h: h.answer(body) if h.number == on_page else sound(h)
    asked = world.one(arcgis(5))
    fails(world, asked, "refused", code)
    assert "secret" not in asked.reason
    assert world.read(asked.sha256) == body


def test_an_arcgis_service_that_ignores_the_offset_is_noticed(world: World) -> None:
    page = {"features": [feature(1)], "exceededTransferLimit": True}
    world.partner.routes["/api.example/query"] = lambda h: h.answer(json.dumps(page).encode())
    fails(world, world.one(arcgis(5)), "refused", "paging_ignored")
    page = {"features": [], "exceededTransferLimit": True}
    fails(world, world.one(arcgis(5)), "refused", "paging_ignored")


def test_every_query_is_an_attempt_of_its_own(world: World) -> None:
    serve_rows(world, 3, 5)
    second = {**QUERY, "resource": "ward", "url": "https://api.example/missing.csv"}
    queries = contract(
        {"kind": "nomis", "queries": [QUERY, second], "limit": 5}, resource("area", "area"), resource("ward", "ward")
    )
    asked = world.ask(queries, limits=FAST)
    assert [(a.resource, a.outcome) for a in asked] == [("area", "new"), ("ward", "failed")]
