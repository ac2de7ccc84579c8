"""Faults on the wire: rows 2 and 4 to 10 of the bad-input table, against a real server."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Literal

import pytest
from vru.contracts import Contract
from vru.transport import Asked, Limits
from vru.transport.limits import Limits as SameLimits

from tests.unit.transport.partner import CSV, FAST, Handler, Route, World, contract, counted

Way = Literal["page", "file"]
PATHS = {"page": "/api.example/data.csv", "file": "/api.example/download/areas.csv"}


class Feed:
    """One CSV, had either as a page of an API (held in memory) or as a file (streamed to landing)."""

    def __init__(self, world: World, way: Way) -> None:
        self.world, self.way, self.path = world, way, PATHS[way]
        self.contract = _contract(way)
        catalogue = {"resources": {"a": {"title": "Areas", "url": "https://api.example/download/areas.csv"}}}
        world.partner.routes["/api.example/api/dataset/areas"] = lambda h: h.answer(json.dumps(catalogue).encode())

    def answers(self, route: Route) -> None:
        self.world.partner.routes[self.path] = counted(route, 2) if self.way == "page" else route

    def ask(self, limits: Limits = FAST) -> Asked:
        return self.world.one(self.contract, limits=limits)

    @property
    def tries(self) -> int:
        return self.world.partner.asked(self.path)


def _contract(way: Way) -> Contract:
    if way == "page":
        query = {"resource": "area", "url": "https://api.example/data.csv", "file_name": "areas.csv"}
        return contract({"kind": "nomis", "queries": [query], "limit": 1000})
    url = "https://api.example/api/dataset/areas"
    return contract({"kind": "datastore", "url": url, "title_pattern": "Areas"})


@pytest.fixture(params=["page", "file"])
def feed(request: pytest.FixtureRequest, world: World) -> Feed:
    return Feed(world, request.param)


def sound(handler: Handler) -> None:
    handler.answer(CSV)


def assert_nothing_landed(feed: Feed) -> None:
    assert feed.world.landed() == 0
    assert feed.world.partial() == []


def test_a_sound_answer_is_whole(feed: Feed) -> None:
    feed.answers(sound)
    asked = feed.ask()
    assert (asked.outcome, asked.reason, feed.tries) == ("new", "", 1)
    (received,) = asked.received
    assert feed.world.read(received.sha256) == CSV
    assert (received.size_bytes, received.is_whole, received.resource) == (len(CSV), True, "area")
    assert (received.vintage_at, received.vintage_source) == (None, "received")
    assert asked.source_url == f"sandbox:/{feed.path}"
    assert NOW_ISH - timedelta(minutes=5) < asked.started_at <= asked.finished_at


NOW_ISH = datetime.now(UTC)


def test_limits_are_exported() -> None:
    assert Limits is SameLimits
    assert Limits().attempts == 4


# Row 2


def short(handler: Handler) -> None:
    handler.answer(CSV[:30], length=len(CSV))


def chunked_early(handler: Handler) -> None:
    handler.head(Transfer_Encoding="chunked")
    handler.wfile.write(b"%x\r\n%s\r\n" % (30, CSV[:30]))
    handler.close_connection = True


def cut_in_chunk(handler: Handler) -> None:
    handler.head(Transfer_Encoding="chunked")
    handler.wfile.write(b"%x\r\n%s" % (len(CSV), CSV[:30]))
    handler.close_connection = True


def cut_gzip(handler: Handler) -> None:
    handler.answer(gzip.compress(CSV)[:-12], Content_Encoding="gzip")


def gzip_crc_wrong(handler: Handler) -> None:
    packed = bytearray(gzip.compress(CSV))
    packed[-8] ^= 0xFF
    handler.answer(bytes(packed), Content_Encoding="gzip")


CUTS = pytest.mark.parametrize("cut", [short, chunked_early, cut_in_chunk, cut_gzip, gzip_crc_wrong])


@CUTS
def test_a_cut_answer_is_asked_for_again(feed: Feed, cut: Route) -> None:
    feed.answers(lambda handler: cut(handler) if handler.number == 1 else sound(handler))
    asked = feed.ask()
    assert (asked.outcome, feed.tries) == ("new", 2)
    assert feed.world.read(asked.sha256) == CSV
    assert feed.world.partial() == []


@CUTS
def test_an_answer_that_stays_cut_fails_and_leaves_nothing(feed: Feed, cut: Route) -> None:
    feed.answers(cut)
    asked = feed.ask()
    assert (asked.outcome, asked.is_retryable, feed.tries) == ("failed", True, FAST.attempts)
    assert asked.reason.startswith(("truncated: ", "corrupt: "))
    assert asked.received == ()
    assert asked.sha256 is None
    assert_nothing_landed(feed)


def test_chunks_and_gzip_are_read_though_nothing_proves_them_whole(feed: Feed) -> None:
    def chunked(handler: Handler) -> None:
        handler.head(Transfer_Encoding="chunked")
        for byte in CSV:
            handler.wfile.write(b"1\r\n%c\r\n" % byte)
        handler.wfile.write(b"0\r\n\r\n")

    feed.answers(chunked)
    (received,) = feed.ask().received
    assert feed.world.read(received.sha256) == CSV
    assert received.is_whole is None
    feed.answers(lambda handler: handler.answer(gzip.compress(CSV), Content_Encoding="gzip"))
    asked = feed.ask()
    assert asked.outcome == "unchanged"
    assert feed.world.read(asked.sha256) == CSV


# Row 4


HTML = b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form>Password</form></body></html>"


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        ("html_page", HTML, "text/html"),
        ("html_page", b"\xef\xbb\xbf\n\n  " + HTML, "text/html"),
        ("html_page", HTML, "text/csv"),
        ("html_page", b"500 Internal Server Error\n<html><body>sorry</body></html>", "text/plain"),
        ("html_page", b"<html><script>challenge()</script></html>", "text/html"),
        ("html_page", HTML.decode().encode("utf-16"), "text/html"),
        ("xml_page", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "application/xml"),
        ("json_error", b'{"error": {"code": 500}}', "application/json"),
        ("json_error", b'\n[{"error": "no"}]', "text/csv"),
    ],
)
def test_an_error_page_with_status_200_is_refused_and_kept(feed: Feed, code: str, body: bytes, kind: str) -> None:
    feed.answers(lambda handler: handler.answer(body, Content_Type=kind))
    asked = feed.ask()
    assert (asked.outcome, asked.is_retryable, asked.received, feed.tries) == ("refused", False, (), 1)
    assert asked.reason.startswith(f"{code}: ")
    assert "Password" not in asked.reason
    assert feed.world.read(asked.sha256) == body
    assert asked.size_bytes == len(body)
    feed.answers(sound)
    assert feed.ask().outcome == "new", "a refused answer is no history"


# Row 5


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_partner_is_asked_again_up_to_a_number(feed: Feed, status: int) -> None:
    feed.answers(lambda handler: handler.answer(b"", status=status))
    asked = feed.ask()
    assert (asked.outcome, asked.is_retryable, feed.tries) == ("failed", True, FAST.attempts)
    assert asked.reason.startswith(f"http_{status}: ")
    assert_nothing_landed(feed)


def _soon() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "at_least", "below"),
    [
        pytest.param("0.1", 0.0, 0.3, id="malformed"),
        pytest.param("1", 0.4, 0.8, id="seconds"),
        pytest.param("864000", 0.4, 0.8, id="absurd_10_days"),
        pytest.param("9" * 400, 0.4, 0.8, id="absurd_digits"),
        pytest.param("-5", 0.0, 0.3, id="negative"),
        pytest.param("soon", 0.0, 0.3, id="words"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 GMT", 0.0, 0.3, id="past_date"),
        pytest.param(None, 0.0, 0.3, id="missing_header"),
        pytest.param("date", 0.4, 0.8, id="http_date"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed_and_capped(
    world: World, status: int, retry_after: str | None, at_least: float, below: float
) -> None:
    feed, times = Feed(world, "page"), list[float]()

    def route(handler: Handler) -> None:
        times.append(time.monotonic())
        if handler.number > 1:
            sound(handler)
        elif retry_after is None:
            handler.answer(b"", status=status)
        else:
            handler.answer(b"", status=status, Retry_After=_soon() if retry_after == "date" else retry_after)

    feed.answers(route)
    assert feed.ask().outcome == "new"
    assert at_least <= times[1] - times[0] < below


def test_waits_differ(world: World) -> None:
    feed, times = Feed(world, "page"), list[float]()

    def route(handler: Handler) -> None:
        times.append(time.monotonic())
        handler.answer(b"", status=503)

    feed.answers(route)
    feed.ask(Limits(attempts=8, backoff_seconds=0.1, backoff_cap_seconds=0.1))
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert max(waits) < 0.2
    assert max(waits) - min(waits) > 0.01, "full jitter"


# Row 6


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204])
def test_a_plain_no_fails_at_once(feed: Feed, status: int) -> None:
    feed.answers(lambda handler: handler.answer(b"", status=status))
    asked = feed.ask()
    assert (asked.outcome, asked.is_retryable, feed.tries) == ("failed", False, 1)
    assert asked.reason.startswith(f"http_{status}: api.example answered {status}; ")
    assert_nothing_landed(feed)


def test_a_no_to_the_catalogue_is_an_attempt_too(world: World) -> None:
    feed = Feed(world, "file")
    world.partner.routes["/api.example/api/dataset/areas"] = lambda h: h.answer(b'{"error": "private"}', status=403)
    asked = feed.ask()
    assert (asked.outcome, asked.source_url) == ("failed", "sandbox://api.example/api/dataset/areas")
    assert asked.reason.startswith("http_403: ")


# Row 7


def stall_before_headers(handler: Handler) -> None:
    handler.partner.stopped.wait(5)
    handler.close_connection = True


def stall_after_headers(handler: Handler) -> None:
    handler.head(Content_Length=str(len(CSV)))
    handler.partner.stopped.wait(5)
    handler.close_connection = True


def stall_mid_body(handler: Handler) -> None:
    handler.head(Content_Length=str(len(CSV)))
    handler.wfile.write(CSV[:30])
    handler.partner.stopped.wait(5)
    handler.close_connection = True


def never_closes(handler: Handler) -> None:
    handler.head(Connection="close")
    handler.wfile.write(CSV)
    handler.partner.stopped.wait(5)
    handler.close_connection = True


@pytest.mark.parametrize("stall", [stall_before_headers, stall_after_headers, stall_mid_body, never_closes])
def test_a_stalled_answer_ends_at_the_idle_limit(feed: Feed, stall: Route) -> None:
    feed.answers(stall)
    began = time.monotonic()
    asked = feed.ask()
    assert (asked.outcome, asked.is_retryable, feed.tries) == ("failed", True, FAST.attempts)
    assert asked.reason.startswith("timeout: ")
    assert time.monotonic() - began < FAST.attempts * (FAST.idle_seconds + 0.3)
    assert_nothing_landed(feed)


def trickling_body(handler: Handler) -> None:
    handler.head(Content_Length=str(len(CSV)))
    for byte in CSV:
        handler.wfile.write(bytes([byte]))
        if handler.partner.stopped.wait(0.1):
            return


def trickling_headers(handler: Handler) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: text/csv; charset=utf-8\r\nContent-Length: 0\r\n\r\n":
        handler.wfile.write(bytes([byte]))
        if handler.partner.stopped.wait(0.1):
            return


@pytest.mark.parametrize("trickle", [trickling_body, trickling_headers])
def test_a_trickle_ends_at_the_total_limit(feed: Feed, trickle: Route) -> None:
    feed.answers(trickle)
    limits = Limits(idle_seconds=0.5, total_seconds=0.6, attempts=2, backoff_seconds=0.01)
    began = time.monotonic()
    asked = feed.ask(limits)
    assert (asked.outcome, asked.is_retryable, feed.tries) == ("failed", True, 2)
    assert asked.reason.startswith("timeout: ")
    assert 1.1 < time.monotonic() - began < 2.0
    assert_nothing_landed(feed)


def test_after_a_stall_the_next_try_succeeds(feed: Feed) -> None:
    feed.answers(lambda handler: stall_mid_body(handler) if handler.number == 1 else sound(handler))
    assert feed.ask().outcome == "new"


def test_a_partner_that_is_down_is_tried_again(world: World) -> None:
    feed = Feed(world, "page")
    url = world.partner.url
    world.partner.close()
    (asked,) = world.ask(feed.contract, base_url=url)
    assert (asked.outcome, asked.is_retryable) == ("failed", True)
    assert asked.reason.startswith("connect: ")


# Row 8


def redirect(target: str) -> Route:
    return lambda handler: handler.answer(b"", status=302, Location=target.replace("SELF", handler.partner.url))


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("http://evil.example/data.csv", id="other_host"),
        pytest.param("https://store.example/data.csv", id="live_host_from_the_sandbox"),
        pytest.param("http://127.0.0.1:1/api.example/data.csv", id="loopback_other_port"),
        pytest.param("http://localhost/api.example/data.csv", id="loopback_other_name"),
        pytest.param("http://169.254.169.254/latest/meta-data/", id="metadata_ip"),
        pytest.param("SELF/evil.example/data.csv", id="unknown_host_in_the_sandbox"),
        pytest.param("SELF@evil.example/api.example/data.csv", id="credentials"),
        pytest.param("/evil.example/../evil.example/x", id="path"),
        pytest.param("//evil.example/api.example/data.csv", id="without_scheme"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("http:\\\\evil.example/api.example", id="backslash"),
    ],
)
def test_a_redirect_elsewhere_is_refused(feed: Feed, target: str) -> None:
    feed.world.partner.routes["/evil.example/data.csv"] = sound
    feed.answers(redirect(target))
    asked = feed.ask()
    assert (asked.outcome, asked.is_retryable, feed.tries, asked.received) == ("refused", False, 1, ())
    assert asked.reason.startswith(("redirect_refused: ", "bad_address: "))
    assert all("evil" not in path for path in feed.world.partner.targets())
    assert_nothing_landed(feed)


@pytest.mark.parametrize("target", ["SELF/store.example/areas.csv", "/store.example/areas.csv"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_an_allowed_host_is_followed(feed: Feed, target: str, status: int) -> None:
    location = target.replace("SELF", feed.world.partner.url)
    feed.answers(lambda handler: handler.answer(b"moved", status=status, Location=location))
    feed.world.partner.routes["/store.example/areas.csv"] = sound
    asked = feed.ask()
    assert asked.outcome == "new"
    assert asked.source_url == f"sandbox:/{feed.path}"


def test_a_redirect_loop_ends(feed: Feed) -> None:
    feed.answers(redirect(f"SELF{feed.path}"))
    asked = feed.ask()
    assert (asked.outcome, asked.is_retryable, feed.tries) == ("failed", False, FAST.max_redirects + 1)
    assert asked.reason.startswith("redirect_loop: ")


def test_cookies_and_credentials_are_never_sent(feed: Feed) -> None:
    feed.answers(
        lambda h: h.answer(b"", status=302, Location="/store.example/areas.csv", Set_Cookie="session=1; Path=/")
    )
    feed.world.partner.routes["/store.example/areas.csv"] = sound
    assert feed.ask().outcome == "new"
    for _, headers in feed.world.partner.requests:
        assert not {"cookie", "authorization"} & {name.lower() for name in headers}


# Sizes


def test_more_than_the_limit_is_refused_before_and_while_it_comes(feed: Feed) -> None:
    limits = Limits(max_bytes=2000, page_bytes=2000)
    feed.answers(lambda handler: handler.answer(b"a" * 2001))
    announced = feed.ask(limits)

    def unannounced(handler: Handler) -> None:
        handler.head(Transfer_Encoding="chunked")
        while not handler.partner.stopped.is_set():
            handler.wfile.write(b"400\r\n%s\r\n" % (b"a" * 1024))

    feed.answers(unannounced)
    endless = feed.ask(limits)
    feed.answers(lambda handler: handler.answer(gzip.compress(b"a" * 3_000_000), Content_Encoding="gzip"))
    bomb = feed.ask(limits)
    for asked in (announced, endless, bomb):
        assert (asked.outcome, asked.is_retryable) == ("refused", False)
        assert asked.reason.startswith("too_large: ")
    assert_nothing_landed(feed)


def test_an_unknown_encoding_fails(feed: Feed) -> None:
    feed.answers(lambda handler: handler.answer(b"???", Content_Encoding="br"))
    assert feed.ask().reason.startswith("encoding: ")


def test_progress_is_told(world: World) -> None:
    feed, told = Feed(world, "file"), list[tuple[str, int, int | None]]()
    content = CSV + b"E09000003,Barnet\r\n" * 600_000
    feed.answers(lambda handler: handler.answer(content))
    world.ask(
        feed.contract,
        limits=Limits(),
        progress=lambda source_url, received_bytes, total_bytes: told.append((source_url, received_bytes, total_bytes)),
    )
    assert told
    assert {(url, total) for url, _, total in told} == {("sandbox://api.example/download/areas.csv", len(content))}
    assert [size for _, size, _ in told] == sorted(size for _, size, _ in told)
