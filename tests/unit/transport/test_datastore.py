"""Files that a catalogue of the London Datastore names."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from vru.contracts import Contract

from tests.unit.transport.partner import CSV, Handler, World, contract, resource

CATALOGUE = "/api.example/api/dataset/areas"


def feed(**more: Any) -> Contract:
    transport = {"kind": "datastore", "url": "https://api.example/api/dataset/areas", "title_pattern": "(?i)^areas"}
    return contract(transport, **more)


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def entry(name: str, body: bytes | None = None, checked: str | None = None, **more: Any) -> dict[str, Any]:
    item = {"title": f"Areas {name}", "url": f"https://api.example/download/areas/{name}/areas%20{name}.csv", **more}
    if body is not None:
        item["check_hash"] = md5(body)
    if checked is not None:
        item["check_timestamp"] = checked
    return item


def serve(world: World, *items: dict[str, Any]) -> None:
    content = {"title": "Areas", "resources": {f"id{number}": item for number, item in enumerate(items)}}
    world.partner.routes[CATALOGUE] = lambda h: h.answer(json.dumps(content).encode())


def serve_file(world: World, name: str, body: bytes, **headers: Any) -> None:
    route = f"/api.example/download/areas/{name}/areas%20{name}.csv"
    world.partner.routes[route] = lambda h: h.answer(body, **headers)


def downloads(world: World) -> list[str]:
    return [target.split("/")[4] for target in world.partner.targets() if "/download/" in target]


OLD, NEW = CSV, CSV + b"E09000003,Barnet\r\n"


def test_every_fitting_file_is_a_delivery_oldest_first(world: World) -> None:
    serve(
        world,
        entry("new", NEW, "2024-03-01T10:00:00.000Z"),
        entry("other", None, None, title="Notes on areas"),
        entry("undated"),
        entry("old", OLD, "2023-03-01T10:00:00.000Z"),
    )
    for name, body in {"new": NEW, "old": OLD, "undated": CSV + b"\r\n"}.items():
        serve_file(world, name, body)
    asked = world.ask(feed())
    assert downloads(world) == ["old", "new", "undated"]
    received = [item for each in asked for item in each.received]
    assert [(r.vintage_at, r.vintage_source) for r in received] == [
        (datetime(2023, 3, 1, 10, tzinfo=UTC), "catalogue"),
        (datetime(2024, 3, 1, 10, tzinfo=UTC), "catalogue"),
        (None, "received"),
    ]
    assert [(r.file_name, r.resource, r.is_whole) for r in received] == [
        ("areas old.csv", "area", True), ("areas new.csv", "area", True), ("areas undated.csv", "area", True),
    ]  # fmt: skip
    assert world.read(received[0].sha256) == OLD
    assert received[0].source_url == "sandbox://api.example/download/areas/old/areas%20old.csv"


def test_what_has_the_same_md5_is_not_downloaded_again(world: World) -> None:
    serve(world, entry("a", OLD, "2024-03-01T10:00:00.000Z"))
    serve_file(world, "a", OLD)
    first, second = world.one(feed()), world.one(feed())
    assert downloads(world) == ["a"]
    assert (second.outcome, second.sha256, second.received) == ("unchanged", first.sha256, ())
    assert first.etag == second.etag == md5(OLD)
    serve(world, entry("a", OLD, "2024-04-01T10:00:00.000Z"))
    third = world.one(feed())
    assert (third.outcome, downloads(world)) == ("unchanged", ["a"])
    (received,) = third.received
    assert received.vintage_at == datetime(2024, 4, 1, 10, tzinfo=UTC), "a newer date is a statement of its own"
    assert (received.sha256, received.size_bytes) == (first.sha256, len(OLD))
    serve(world, entry("a", NEW, "2024-05-01T10:00:00.000Z"))
    serve_file(world, "a", NEW)
    assert world.one(feed()).outcome == "new"
    assert downloads(world) == ["a", "a"]


def test_what_has_left_the_landing_store_is_downloaded_again(world: World) -> None:
    serve(world, entry("a", OLD, "2024-03-01T10:00:00.000Z"))
    serve_file(world, "a", OLD)
    first = world.one(feed())
    for path in (world.root / "landing").rglob(str(first.sha256)):
        path.unlink()
    world.one(feed())
    assert downloads(world) == ["a", "a"]


def test_without_an_md5_the_bytes_decide(world: World) -> None:
    serve(world, entry("a"))
    serve_file(world, "a", OLD, Last_Modified="Sun, 28 Apr 2024 09:30:00 GMT")
    (received,) = world.one(feed()).received
    assert (received.vintage_at, received.vintage_source) == (datetime(2024, 4, 28, 9, 30, tzinfo=UTC), "last_modified")
    again = world.one(feed())
    assert (again.outcome, again.received) == ("unchanged", ())
    assert downloads(world) == ["a", "a"]


def test_a_wrong_md5_is_fetched_once_more_then_rejected(world: World) -> None:
    serve(world, entry("a", NEW, "2024-03-01T10:00:00.000Z"))
    serve_file(world, "a", OLD)
    asked = world.one(feed())
    assert asked.outcome == "refused"
    (received,) = asked.received
    assert asked.reason == received.refusal
    assert received.refusal.startswith("checksum_mismatch: ")
    assert world.read(received.sha256) == OLD
    assert downloads(world) == ["a", "a"]
    serve_file(world, "a", NEW)
    mended = world.one(feed())
    assert (mended.outcome, mended.received[0].refusal) == ("new", "")


def test_a_wrong_md5_that_was_a_slip_of_the_wire_is_forgotten(world: World) -> None:
    serve(world, entry("a", NEW, "2024-03-01T10:00:00.000Z"))
    route = "/api.example/download/areas/a/areas%20a.csv"
    world.partner.routes[route] = lambda h: h.answer(OLD if h.number == 1 else NEW)
    asked = world.one(feed())
    assert (asked.outcome, asked.received[0].refusal) == ("new", "")


@pytest.mark.parametrize(
    ("checked", "warns"), [("2090-01-01T00:00:00Z", True), ("yesterday", False), (17, False), ("", False)]
)
def test_a_date_that_cannot_be_is_not_believed(world: World, checked: Any, warns: bool) -> None:
    serve(world, entry("a", OLD, checked))
    serve_file(world, "a", OLD)
    (received,) = world.one(feed()).received
    assert (received.vintage_at, received.vintage_source) == (None, "received")
    assert ("vintage_in_future" in received.warning) is warns


@pytest.mark.parametrize(
    ("body", "code", "outcome"),
    [
        (b"<html>busy</html>", "html_page", "refused"),
        (b'{"error": "not found"}', "json_error", "refused"),
        (b"[]", "json_error", "refused"),
        (b'{"resources": ', "not_json", "refused"),
        (b'{"resources": {}}', "no_match", "refused"),
        (b'{"resources": {"a": {"title": "Wards", "url": "https://api.example/w.csv"}}}', "no_match", "refused"),
        (b'{"resources": {"a": {"title": "Areas"}, "b": 5}}', "no_match", "refused"),
    ],
)
def test_a_catalogue_that_cannot_be_used_is_one_attempt(world: World, body: bytes, code: str, outcome: str) -> None:
    world.partner.routes[CATALOGUE] = lambda h: h.answer(body)
    asked = world.one(feed())
    assert (asked.outcome, asked.received) == (outcome, ())
    assert asked.reason.startswith(f"{code}: ")
    assert world.read(asked.sha256) == body


@pytest.mark.parametrize(
    "url", ["https://evil.example/areas.csv", "http://api.example/a.csv", "file:///etc/passwd", "x"]
)
def test_a_catalogue_cannot_send_us_elsewhere(world: World, url: str) -> None:
    serve(world, entry("a", url=url), entry("b", OLD, "2024-03-01"))
    serve_file(world, "b", OLD)
    sound, bad = world.ask(feed())
    assert sound.outcome == "new", "one bad file does not stop the others"
    assert (bad.outcome, bad.received) == ("refused", ())
    assert bad.reason.startswith("redirect_refused: ")


def test_an_error_page_for_one_file_is_refused(world: World) -> None:
    body = b"<!DOCTYPE html><html>log in</html>"
    serve(world, entry("a", OLD, "2024-03-01"))
    serve_file(world, "a", body)
    asked = world.one(feed())
    assert (asked.outcome, asked.received) == ("refused", ())
    assert world.read(asked.sha256) == body


def test_a_list_of_resources_is_read_too(world: World) -> None:
    content = {"resources": [entry("a", OLD, "2024-03-01T10:00:00Z")]}
    world.partner.routes[CATALOGUE] = lambda h: h.answer(json.dumps(content).encode())
    serve_file(world, "a", OLD)
    assert world.one(feed()).outcome == "new"


def test_the_name_says_which_resource(world: World) -> None:
    transport = {"kind": "datastore", "url": "https://api.example/api/dataset/areas", "title_pattern": "."}
    two = contract(transport, resource("borough", "areas-b"), resource("ward", "areas-w"))
    serve(world, entry("b", OLD, "2024-03-01"), entry("w", NEW, "2024-03-02"), entry("x", CSV + b"x", "2024-03-03"))
    for name, body in {"b": OLD, "w": NEW, "x": CSV + b"x"}.items():
        serve_file(world, name, body)
    asked = world.ask(two)
    assert [each.received[0].resource for each in asked] == ["borough", "ward", ""]
    assert "unknown_name" in asked[2].received[0].warning


def test_a_file_is_fetched_through_a_redirect(world: World) -> None:
    serve(world, entry("a", OLD, "2024-03-01"))

    def route(handler: Handler) -> None:
        handler.answer(b"", status=302, Location="/store.example/a.csv")

    world.partner.routes["/api.example/download/areas/a/areas%20a.csv"] = route
    world.partner.routes["/store.example/a.csv"] = lambda h: h.answer(OLD)
    assert world.one(feed()).outcome == "new"
