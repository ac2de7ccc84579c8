"""Paged APIs: Nomis by `recordoffset`, ArcGIS by `resultOffset`."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from vru.contracts import Contract
from vru.transport import Asked, Limits

from tests.unit.transport.partner import FAST, Handler, Route, World, contract, counted, resource

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


def asks(handler: Handler, name: str) -> bool:
    """Whether a request has this parameter."""
    return name in parse_qs(urlsplit(handler.path).query)


def serve_rows(
    world: World, count: int, limit: int, *, end: str = "\r\n", bom: bytes = b"", said: int | None = None
) -> None:
    def route(handler: Handler) -> None:
        start = offset(handler, "recordoffset")
        handler.answer(bom + "".join([HEADER + end, *lines(count, end)[start : start + limit]]).encode())

    world.partner.routes["/api.example/data.csv"] = counted(route, count if said is None else said)


def pages_of(world: World) -> list[str]:
    """What was asked for besides counts and descriptions."""
    return [
        target
        for target in world.partner.targets()
        if "select=record_count" not in target and "returnCountOnly" not in target and not target.endswith("?f=json")
    ]


@pytest.mark.parametrize(
    ("count", "limit", "requests"), [(0, 5, 1), (4, 5, 1), (5, 5, 1), (6, 5, 2), (10, 5, 2), (23, 5, 5), (7, 1, 7)]
)
@pytest.mark.parametrize(("end", "bom"), [("\r\n", b""), ("\n", b"\xef\xbb\xbf")])
def test_nomis_pages_become_one_csv(world: World, count: int, limit: int, requests: int, end: str, bom: bytes) -> None:
    serve_rows(world, count, limit, end=end, bom=bom)
    asked = world.one(nomis(limit))
    whole = world.read(asked.sha256)
    assert whole == bom + "".join([HEADER + end, *lines(count, end)]).encode()
    assert len(list(csv.reader(io.StringIO(whole.decode(), newline="")))) == count + 1
    assert len(pages_of(world)) == requests
    assert len(world.partner.requests) == requests + 2, "the count is asked for before and after"
    asked_for = "/api.example/data.csv?geography=TYPE464"
    assert world.partner.targets()[0] == f"{asked_for}&select=record_count&recordlimit=1"
    assert pages_of(world)[0] == f"{asked_for}&select=a%2Cb&recordlimit={limit}"
    if requests > 1:
        assert pages_of(world)[1].endswith(f"&select=a%2Cb&recordlimit={limit}&recordoffset={limit}")
    (received,) = asked.received
    assert received.source_rows == count
    assert (received.resource, received.file_name, received.is_whole) == ("area", "mye.csv", True)
    assert received.source_url == asked.source_url == f"sandbox://{QUERY['url'].removeprefix('https://')}"


def test_nomis_pages_without_a_final_newline_do_not_run_together(world: World) -> None:
    pages = [f"{HEADER}\n1,a\n2,b", f"{HEADER}\n3,c\n4,d", f"{HEADER}"]
    route = counted(lambda h: h.answer(pages[offset(h, "recordoffset") // 2].encode()), 4)
    world.partner.routes["/api.example/data.csv"] = route
    assert world.read(world.one(nomis(2)).sha256) == f"{HEADER}\n1,a\n2,b\n3,c\n4,d".encode()


@pytest.mark.parametrize("last", [b"", f"{HEADER}\n".encode()])
def test_pages_that_end_before_the_count_are_short(world: World, last: bytes) -> None:
    pages = [f"{HEADER}\n1,a\n2,b\n".encode(), last]
    route = counted(lambda h: h.answer(pages[offset(h, "recordoffset") // 2]), 3)
    world.partner.routes["/api.example/data.csv"] = route
    asked = world.one(nomis(2))
    fails(world, asked, "refused", "short")
    assert "3 rows, and 2 came" in asked.reason
    assert world.read(asked.sha256) == pages[0], "what came is kept, and used for nothing"


def test_a_limit_below_the_contracts_costs_pages_and_no_row(world: World) -> None:
    """The most that Nomis gives falls from 100,000 to 25,000 rows without a word when a key expires."""
    serve_rows(world, 23, 5)
    asked = world.one(nomis(100))
    assert world.read(asked.sha256).decode().count('"E0') == 23
    assert asked.received[0].source_rows == 23


def test_more_rows_than_the_source_says_are_refused(world: World) -> None:
    serve_rows(world, 4, 5, said=3)
    fails(world, world.one(nomis(5)), "refused", "too_many_rows")


def test_a_source_that_changes_between_count_and_pages_is_asked_again(world: World) -> None:
    numbers = iter([3, 4, 4])
    serve_rows(world, 4, 5)
    world.partner.routes["/api.example/data.csv"] = counted(
        lambda h: h.answer("".join([HEADER + "\n", *lines(4, "\n")]).encode()), lambda: next(numbers)
    )
    asked = world.one(nomis(5))
    assert (asked.outcome, asked.received[0].source_rows) == ("new", 4)
    assert len(pages_of(world)) == 2
    restless = iter(range(3, 99))
    world.partner.routes["/api.example/data.csv"] = counted(
        lambda h: h.answer("".join([HEADER + "\n", *lines(4, "\n")]).encode()), lambda: next(restless)
    )
    asked = world.one(nomis(5))
    fails(world, asked, "failed", "count_changed")
    assert asked.is_retryable


@pytest.mark.parametrize(
    "body", [b"", b"RECORD_COUNT\nmany\n", b"RECORD_COUNT\n3\n4\n", b"OBS_VALUE\n3\n", b"RECORD_COUNT\n-1\n"]
)
def test_a_nomis_that_does_not_say_how_many_is_refused(world: World, body: bytes) -> None:
    world.partner.routes["/api.example/data.csv"] = lambda h: h.answer(body)
    asked = world.one(nomis(5))
    fails(world, asked, "refused", "no_count")
    assert world.read(asked.sha256) == body
    assert len(world.partner.requests) == 1


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
    def second(route: Route) -> None:
        def pages(handler: Handler) -> None:
            if offset(handler, "recordoffset"):
                route(handler)
            else:
                handler.answer("".join([HEADER + "\n", *lines(5, "\n")]).encode())

        world.partner.routes["/api.example/data.csv"] = counted(pages, 9)

    second(lambda h: h.answer(b"", status=403))
    fails(world, world.one(nomis(5)), "failed", "http_403")
    second(lambda h: h.answer(b"a", length=9))
    asked = world.one(nomis(5))
    fails(world, asked, "failed", "truncated")
    assert asked.is_retryable
    assert world.landed() == 0
    second(lambda h: h.answer(b"<html>busy</html>"))
    fails(world, world.one(nomis(5)), "refused", "html_page")
    second(lambda h: h.answer(b"OTHER,HEADER\n1,2\n"))
    asked = world.one(nomis(5))
    fails(world, asked, "refused", "header_changed")
    assert world.read(asked.sha256) == b"OTHER,HEADER\n1,2\n"


def test_a_nomis_that_ignores_the_offset_is_noticed(world: World) -> None:
    body = "".join([HEADER + "\n", *lines(5, "\n")]).encode()
    world.partner.routes["/api.example/data.csv"] = counted(lambda h: h.answer(body), 9)
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

    world.partner.routes["/api.example/data.csv"] = counted(route, 7)
    (received,) = world.one(nomis(5)).received
    assert received.vintage_source == "last_modified"
    assert received.vintage_at is not None
    assert received.vintage_at.day == 29


# ArcGIS


LAYER, LAYER_QUERY = "/api.example/layer/0", "/api.example/layer/0/query"
DESCRIBED = {"name": "areas", "objectIdField": "FID"}


def arcgis(limit: int, more: str = "") -> Contract:
    url = f"https://api.example/layer/0/query?where=1%3D1&f=geojson{more}"
    queries = [{"resource": "area", "partition": "2021", "url": url, "file_name": "a.geojson"}]
    return contract({"kind": "arcgis", "queries": queries, "limit": limit}, resource(formats=[{"kind": "geojson"}]))


def feature(number: int) -> dict[str, Any]:
    row = {"FID": number, "code": f"E{number}", "name": "\u001e\n"}
    return {"type": "Feature", "properties": row, "geometry": None}


def serve_features(
    world: World, count: int, *, is_geojson: bool = True, most: int = 1000, flags: bool = True, said: int | None = None
) -> list[bytes]:
    """A layer of so many features; `flags` is whether it says that an answer was cut."""
    sent: list[bytes] = []

    def route(handler: Handler) -> None:
        if asks(handler, "returnCountOnly"):
            handler.answer(json.dumps({"count": count if said is None else said}).encode())
            return
        start, size = offset(handler, "resultOffset"), min(most, offset(handler, "resultRecordCount"))
        page: dict[str, Any] = {"features": [feature(n) for n in range(count)][start : start + size]}
        if flags and start + size < count:
            flag = {"exceededTransferLimit": True}
            page |= {"properties": flag} if is_geojson else flag
        body = json.dumps(page, indent=1 if start else None).encode()
        sent.append(body)
        handler.answer(body)

    world.partner.routes[LAYER] = lambda h: h.answer(json.dumps(DESCRIBED).encode())
    world.partner.routes[LAYER_QUERY] = route
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
    assert world.partner.targets()[:2] == [f"{LAYER_QUERY}?where=1%3D1&returnCountOnly=true&f=json", f"{LAYER}?f=json"]
    assert pages_of(world)[0] == (
        f"{LAYER_QUERY}?where=1%3D1&f=geojson&orderByFields=FID&resultOffset=0&resultRecordCount={limit}"
    )
    assert len(world.partner.requests) == requests + 3
    (received,) = asked.received
    assert received.source_rows == count
    assert (received.resource, received.partition, received.is_whole) == ("area", "2021", True)
    assert asked.partition == "2021"


@pytest.mark.parametrize("is_geojson", [True, False])
@pytest.mark.parametrize(("count", "most"), [(12, 5), (10, 5), (6, 5)])
def test_a_layer_that_is_cut_without_a_flag_is_read_to_its_count(
    world: World, count: int, most: int, is_geojson: bool
) -> None:
    serve_features(world, count, is_geojson=is_geojson, most=most, flags=False)
    whole = world.read(world.one(arcgis(2000)).sha256)
    read = [each for text in whole.split(b"\x1e")[1:] for each in json.loads(text)["features"]]
    assert read == [feature(number) for number in range(count)]


def test_a_layer_that_gives_fewer_than_its_count_is_short(world: World) -> None:
    sent = serve_features(world, 12, most=5, flags=False, said=13)
    asked = world.one(arcgis(2000))
    fails(world, asked, "refused", "short")
    assert "13 rows, and 12 came" in asked.reason
    assert world.read(asked.sha256) == b"".join(b"\x1e" + page + b"\n" for page in sent[:3])
    serve_features(world, 12, most=5, said=11)
    fails(world, world.one(arcgis(2000)), "refused", "too_many_rows")


@pytest.mark.parametrize("body", [b'{"count": "33"}', b'{"count": true}', b'{"count": -1}', b'{"features": []}', b"[]"])
def test_a_layer_that_does_not_say_how_many_is_refused(world: World, body: bytes) -> None:
    world.partner.routes[LAYER_QUERY] = lambda h: h.answer(body)
    fails(world, world.one(arcgis(5)), "refused", "no_count")


def test_pages_that_overlap_are_noticed(world: World) -> None:
    """Without a fixed order a row can come twice and another not at all, and the number agrees."""
    serve_features(world, 10, most=5)
    sound = world.partner.routes[LAYER_QUERY]

    def route(handler: Handler) -> None:
        if offset(handler, "resultOffset"):
            handler.answer(json.dumps({"features": [feature(n) for n in range(4, 9)]}).encode())
        else:
            sound(handler)

    world.partner.routes[LAYER_QUERY] = route
    fails(world, world.one(arcgis(5)), "refused", "paging_ignored")


def test_the_order_is_the_contracts_or_the_object_id_that_the_layer_names(world: World) -> None:
    serve_features(world, 3)
    world.one(arcgis(5, "&orderByFields=code"))
    assert len(pages_of(world)) == len(world.partner.requests) - 2, "nobody asked what the object id is"
    assert pages_of(world)[0].endswith("&orderByFields=code&resultOffset=0&resultRecordCount=5")
    fields = {"fields": [{"name": "code", "type": "esriFieldTypeString"}, {"name": "OID_", "type": "esriFieldTypeOID"}]}
    world.partner.routes[LAYER] = lambda h: h.answer(json.dumps(fields).encode())
    world.one(arcgis(5))
    assert "&orderByFields=OID_&" in pages_of(world)[-1]
    world.partner.routes[LAYER] = lambda h: h.answer(b'{"name": "areas"}')
    fails(world, world.one(arcgis(5)), "refused", "no_order")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": {"code": 400, "message": "secret"}}', "json_error"),
        (b'{"error": "secret"}', "json_error"),
        (b'{"count": 33}', "no_features"),
        (b"[1, 2]", "no_features"),
        (b'{"features": {}}', "no_features"),
        (b'{"features": [', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"<html>login</html>", "html_page"),
        (b"", "not_json"),
    ],
)
@pytest.mark.parametrize("on_page", [1, 2])
def test_an_arcgis_answer_without_features_is_refused(world: World, body: bytes, code: str, on_page: int) -> None:
    serve_features(world, 12)
    sound = world.partner.routes[LAYER_QUERY]
    at = 5 * (on_page - 1)

    def route(handler: Handler) -> None:
        is_meant = not asks(handler, "returnCountOnly") and offset(handler, "resultOffset") == at
        handler.answer(body) if is_meant else sound(handler)

    world.partner.routes[LAYER_QUERY] = route
    asked = world.one(arcgis(5))
    fails(world, asked, "refused", code)
    assert "secret" not in asked.reason
    assert world.read(asked.sha256) == body


def test_an_arcgis_service_that_ignores_the_offset_is_noticed(world: World) -> None:
    serve_features(world, 12)
    page = {"features": [feature(1)], "exceededTransferLimit": True, "count": 12}
    world.partner.routes[LAYER_QUERY] = lambda h: h.answer(json.dumps(page).encode())
    fails(world, world.one(arcgis(5)), "refused", "paging_ignored")
    page["features"] = []
    fails(world, world.one(arcgis(5)), "refused", "paging_ignored")


def test_every_query_is_an_attempt_of_its_own(world: World) -> None:
    serve_rows(world, 3, 5)
    second = {**QUERY, "resource": "ward", "url": "https://api.example/missing.csv"}
    queries = contract(
        {"kind": "nomis", "queries": [QUERY, second], "limit": 5}, resource("area", "area"), resource("ward", "ward")
    )
    asked = world.ask(queries, limits=FAST)
    assert [(a.resource, a.outcome) for a in asked] == [("area", "new"), ("ward", "failed")]
