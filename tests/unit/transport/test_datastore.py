"""Files that a catalogue of the London Datastore names."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from vru.contracts import Contract
from vru.transport import LastAnswer

from tests.unit.transport.partner import CSV, Handler, World, contract, resource

CATALOGUE = "/api.example/api/dataset/areas"


def feed(**more: Any) -> Contract:
    transport = {"kind": "datastore", "url": "https://api.example/api/dataset/areas", "title_pattern": "(?i)^areas"}
    return contract(transport, **more)


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


CHECKED = "2024-03-03T03:00:00.000Z"


def entry(name: str, body: bytes | None = None, **more: Any) -> dict[str, Any]:
    """A file as the catalogue describes it by the address of its download, with a check of its link."""
    item = {"title": f"Areas {name}", "url": f"https://api.example/download/areas/{name}/areas%20{name}.csv", **more}
    if body is not None:
        item = {"check_hash": md5(body), "check_size": len(body), "check_timestamp": CHECKED, **item}
    return item


def serve(world: World, *items: dict[str, Any]) -> None:
    content = {"title": "Areas", "resources": {f"id{number}": item for number, item in enumerate(items)}}
    world.partner.routes[CATALOGUE] = lambda h: h.answer(json.dumps(content).encode())


def stamp(day: str) -> str:
    """Ten o'clock of a day, as Last-Modified states it."""
    return format_datetime(datetime.fromisoformat(day).replace(hour=10, tzinfo=UTC), usegmt=True)


def serve_file(world: World, name: str, body: bytes, issued: str | None = None, **headers: Any) -> None:
    route = f"/api.example/download/areas/{name}/areas%20{name}.csv"
    if issued is not None:
        headers["Last_Modified"] = stamp(issued)
    world.partner.routes[route] = lambda h: h.answer(body, **headers)


def downloads(world: World) -> list[str]:
    return [target.split("/")[4] for target in world.partner.targets() if "/download/" in target]


OLD, NEW = CSV, CSV + b"E09000003,Barnet\r\n"


def test_every_fitting_file_is_a_delivery_oldest_first(world: World) -> None:
    serve(
        world,
        entry("new", NEW, timestamp="2024-03-01T10:00:00.000Z"),
        entry("other", None, title="Notes on areas"),
        entry("undated", None),
        entry("old", OLD, timestamp="2023-03-01T10:00:00.000Z"),
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
    serve(world, entry("a", OLD, timestamp="2024-03-01T10:00:00.000Z"))
    serve_file(world, "a", OLD)
    first, second = world.one(feed()), world.one(feed())
    assert downloads(world) == ["a"]
    assert (second.outcome, second.sha256, second.received) == ("unchanged", first.sha256, ())
    assert first.etag == second.etag == md5(OLD)
    serve(world, entry("a", NEW, timestamp="2024-05-01T10:00:00.000Z"))
    serve_file(world, "a", NEW)
    assert world.one(feed()).outcome == "new"
    assert downloads(world) == ["a", "a"]


def test_the_time_of_a_check_is_no_vintage(world: World) -> None:
    serve(world, entry("a", OLD), entry("b", NEW))
    serve_file(world, "a", OLD, issued="2022-03-01")
    serve_file(world, "b", NEW, issued="2023-03-01")
    for asked in world.ask(feed()):
        (received,) = asked.received
        assert (received.vintage_source, received.vintage_at and received.vintage_at.month) == ("last_modified", 3)
    serve(world, entry("a", OLD, check_timestamp="2026-05-31T03:00:00.000Z"), entry("b", NEW))
    for asked in world.ask(feed()):
        assert (asked.outcome, asked.received) == ("unchanged", ()), "the link was checked again, and nothing is said"
    assert downloads(world) == ["a", "b"]


def test_a_file_that_was_once_dated_by_a_check_is_dated_by_its_own_date(world: World) -> None:
    serve(world, entry("a", OLD))
    serve_file(world, "a", OLD, issued="2022-03-01")
    address = "sandbox://api.example/download/areas/a/areas%20a.csv"
    first = world.one(feed())
    world.history.known[address] = LastAnswer(first.etag, CHECKED, first.sha256)
    (received,) = world.one(feed()).received
    assert (received.vintage_at, received.vintage_source) == (datetime(2022, 3, 1, 10, tzinfo=UTC), "last_modified")
    assert world.one(feed()).received == ()
    assert downloads(world) == ["a", "a"]


def test_of_undated_lists_the_one_that_reaches_furthest_comes_last(world: World) -> None:
    titles = {
        "c": ("Areas 2003 - June 2022", 1),
        "d": ("Areas 2003 - June 2022", 4),
        "a": ("Areas to Q4 2021", 9),
        "e": ("Areas 2003 to September 2022", 2),
        "f": ("Areas", 0),
        "g": ("Areas", None),
    }
    items = [entry(name, title=title, order=order) for name, (title, order) in titles.items()]
    serve(world, *items)
    for name in titles:
        serve_file(world, name, CSV + name.encode())
    world.ask(feed())
    assert downloads(world) == ["f", "g", "a", "c", "d", "e"]


# The three shapes of a file


STORED = "london/dataset/areas-of-london/2022-01-17T11:00:00/areas%20{}.csv"
DOWNLOAD = "/api.example/download/areas/id0"


@pytest.mark.parametrize(
    "item",
    [
        {"url": "https://files.datapress.com/" + STORED.format("a"), "check_hash": md5(OLD) + "-1"},
        {"origin": STORED.format("a"), "hash": md5(OLD), "size": len(OLD), "timestamp": "2024-03-01T10:00:00Z"},
        {"origin": STORED.format("a")},
        {"filename": "areas a.csv"},
    ],
    ids=["object_in_the_store", "version_4", "version_4_unchecked", "without_any_address"],
)
def test_a_file_is_had_from_the_site_whatever_store_it_lies_in(world: World, item: dict[str, Any]) -> None:
    serve(world, {"title": "Areas a", "description": "", "order": 3, "format": "csv", **item})
    world.partner.routes[DOWNLOAD] = lambda h: h.answer(OLD)
    asked = world.one(feed())
    (received,) = asked.received
    assert (asked.outcome, received.file_name, received.sha256) == ("new", "areas a.csv", asked.sha256)
    assert received.source_url == f"sandbox:/{DOWNLOAD}"
    is_dated = "timestamp" in item
    assert received.vintage_at == (datetime(2024, 3, 1, 10, tzinfo=UTC) if is_dated else None)
    assert world.one(feed()).received == ()
    assert world.partner.targets().count(DOWNLOAD) == (1 if "hash" in item else 2)


def test_a_list_names_its_files_by_their_own_ids(world: World) -> None:
    content = {"resources": [{"title": "Areas", "id": "x 1", "filename": "areas.csv", "hash": md5(OLD)}]}
    world.partner.routes[CATALOGUE] = lambda h: h.answer(json.dumps(content).encode())
    world.partner.routes["/api.example/download/areas/x%201"] = lambda h: h.answer(OLD)
    assert world.one(feed()).outcome == "new"


def test_without_an_md5_the_size_tells_what_was_cut(world: World) -> None:
    serve(world, {"title": "Areas a", "origin": STORED.format("a"), "size": len(NEW)})
    world.partner.routes[DOWNLOAD] = lambda h: h.answer(OLD)
    asked = world.one(feed())
    assert (asked.outcome, asked.received[0].refusal[:15]) == ("refused", "size_mismatch: ")
    assert world.partner.targets().count(DOWNLOAD) == 2
    world.partner.routes[DOWNLOAD] = lambda h: h.answer(NEW)
    assert (mended := world.one(feed())).outcome == "new"
    assert mended.received[0].is_whole is True


def test_what_has_left_the_landing_store_is_downloaded_again(world: World) -> None:
    serve(world, entry("a", OLD))
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
    serve(world, entry("a", NEW))
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
    serve(world, entry("a", NEW))
    route = "/api.example/download/areas/a/areas%20a.csv"
    world.partner.routes[route] = lambda h: h.answer(OLD if h.number == 1 else NEW)
    asked = world.one(feed())
    assert (asked.outcome, asked.received[0].refusal) == ("new", "")


@pytest.mark.parametrize(
    ("issued", "warns"), [("2090-01-01T00:00:00Z", True), ("yesterday", False), (17, False), ("", False)]
)
def test_a_date_that_cannot_be_is_not_believed(world: World, issued: Any, warns: bool) -> None:
    serve(world, entry("a", OLD, timestamp=issued))
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
        (b'{"resources": {}}', "no_files", "refused"),
        (b'{"resources": [1, "areas"]}', "no_files", "refused"),
        (b'{"resources": {"a": {"title": "Wards", "url": "https://api.example/w.csv"}}}', "no_match", "refused"),
        (b'{"resources": {"a": {"title": "Wards"}, "b": 5}}', "no_match", "refused"),
        (b'{"resources": [{"title": "Areas", "format": "csv"}]}', "no_address", "refused"),
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
    serve(world, entry("a", url=url), entry("b", OLD, timestamp="2024-03-01"))
    serve_file(world, "b", OLD)
    sound, bad = world.ask(feed())
    assert sound.outcome == "new", "one bad file does not stop the others"
    assert (bad.outcome, bad.received) == ("failed", ())
    assert bad.reason.startswith("http_404: api.example "), "the site itself was asked, and nobody else"
    assert world.partner.targets()[-1] == DOWNLOAD


def test_an_error_page_for_one_file_is_refused(world: World) -> None:
    body = b"<!DOCTYPE html><html>log in</html>"
    serve(world, entry("a", OLD))
    serve_file(world, "a", body)
    asked = world.one(feed())
    assert (asked.outcome, asked.received) == ("refused", ())
    assert world.read(asked.sha256) == body


def test_a_list_of_resources_is_read_too(world: World) -> None:
    content = {"resources": [entry("a", OLD)]}
    world.partner.routes[CATALOGUE] = lambda h: h.answer(json.dumps(content).encode())
    serve_file(world, "a", OLD)
    assert world.one(feed()).outcome == "new"


def test_the_name_says_which_resource(world: World) -> None:
    transport = {"kind": "datastore", "url": "https://api.example/api/dataset/areas", "title_pattern": "."}
    two = contract(transport, resource("borough", "areas-b"), resource("ward", "areas-w"))
    serve(world, entry("b", OLD), entry("w", NEW), entry("x", CSV + b"x"))
    for name, body in {"b": OLD, "w": NEW, "x": CSV + b"x"}.items():
        serve_file(world, name, body)
    asked = world.ask(two)
    assert [each.received[0].resource for each in asked] == ["borough", "ward", ""]
    assert "unknown_name" in asked[2].received[0].warning


def test_a_file_is_fetched_through_a_redirect(world: World) -> None:
    serve(world, entry("a", OLD))

    def route(handler: Handler) -> None:
        handler.answer(b"", status=302, Location="/store.example/a.csv")

    world.partner.routes["/api.example/download/areas/a/areas%20a.csv"] = route
    world.partner.routes["/store.example/a.csv"] = lambda h: h.answer(OLD)
    assert world.one(feed()).outcome == "new"
