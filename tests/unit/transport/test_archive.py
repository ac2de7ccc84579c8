"""The data.police.uk archive: coverage, members, repeats; rows 3, 11 and 12 of the bad-input table."""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from vru.periods import shifted

from tests.unit.transport.partner import FAST, Handler, World, month, police

RELEASED = "Sun, 28 Apr 2024 09:30:00 GMT"
RELEASED_AT = datetime(2024, 4, 28, 9, 30, tzinfo=UTC)
ROOT = "/api.example/archive"


def content(force: str, when: date) -> bytes:
    return f"Month,Reported by\r\n{when:%Y-%m},{force}\r\n".encode() * 20


def build(*months: date, forces: tuple[str, ...] = ("metropolitan", "btp"), stamp: int = 2024) -> bytes:
    """An archive with a street file per force and month, and files of other forces and kinds."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as writing:
        for when in months:
            for name in (*(f"{force}-street" for force in forces), "kent-street", "metropolitan-outcomes"):
                entry = zipfile.ZipInfo(f"{when:%Y-%m}/{when:%Y-%m}-{name}.csv", (stamp, 4, 1, 8, 0, 0))
                writing.writestr(entry, content(name, when), zipfile.ZIP_DEFLATED)
    return target.getvalue()


def span(newest: date, count: int) -> list[date]:
    return [shifted(newest, -step) for step in reversed(range(count))]


def serve(world: World, name: str, body: bytes, **headers: Any) -> None:
    etag = f'"{hashlib.md5(body).hexdigest()}"'

    def route(handler: Handler) -> None:
        if handler.headers.get("If-None-Match") == etag:
            handler.head(304, ETag=etag)
        else:
            handler.answer(body, ETag=etag, **headers)

    world.partner.routes[f"{ROOT}/{name}.zip"] = route


def serve_series(world: World, newest: date, first: date, window: int) -> None:
    """Every archive of a series, as the publisher has them."""
    when = first
    while when <= newest:
        held = [each for each in span(when, window) if each >= first]
        serve(world, f"{when:%Y-%m}", build(*held), Last_Modified=RELEASED)
        when = shifted(when, 1)
    serve(world, "latest", build(*span(newest, window)), Last_Modified=RELEASED)


def test_every_member_of_the_feed_is_a_delivery_of_its_own(world: World) -> None:
    body = build(month(2024, 1), month(2024, 2))
    serve(world, "latest", body, Last_Modified=RELEASED)
    asked = world.one(police())
    assert (asked.outcome, asked.size_bytes, asked.last_modified) == ("new", len(body), RELEASED)
    assert asked.source_url == "sandbox://api.example/archive/latest.zip"
    assert world.read(asked.sha256) == body
    assert [(r.partition, r.period_start, r.period_end) for r in asked.received] == [
        ("btp", month(2024, 1), date(2024, 1, 31)),
        ("metropolitan", month(2024, 1), date(2024, 1, 31)),
        ("btp", month(2024, 2), date(2024, 2, 29)),
        ("metropolitan", month(2024, 2), date(2024, 2, 29)),
    ]
    for received in asked.received:
        assert received.container_sha256 is not None
        assert received.container_sha256 == asked.sha256
        assert received.member_name is not None
        with world.landing.open_member(received.container_sha256, received.member_name) as stream:
            member = stream.read()
        assert hashlib.sha256(member).hexdigest() == received.sha256
        assert len(member) == received.size_bytes
        assert (received.resource, received.is_whole, received.warning, received.refusal) == ("street", True, "", "")
        assert (received.vintage_at, received.vintage_source) == (RELEASED_AT, "last_modified")
    assert world.landed() == 1, "members stay inside the archive"


def test_a_redirect_to_the_store_is_followed(world: World) -> None:
    body = build(month(2024, 2))
    world.partner.routes[f"{ROOT}/latest.zip"] = lambda h: h.answer(b"", status=302, Location="/store.example/a.zip")
    world.partner.routes["/store.example/a.zip"] = lambda h: h.answer(body, Last_Modified=RELEASED)
    assert world.one(police()).outcome == "new"


def test_an_archive_that_has_not_changed_is_not_sent_again(world: World) -> None:
    serve(world, "latest", build(month(2024, 2)), Last_Modified=RELEASED)
    first, second = world.one(police()), world.one(police())
    assert (second.outcome, second.received) == ("not_modified", ())
    assert (second.sha256, second.etag, second.last_modified) == (first.sha256, first.etag, RELEASED)
    assert world.one(police()).outcome == "not_modified", "also after a 304"
    sent = world.partner.requests[-1][1]
    assert sent["If-None-Match"] == first.etag
    assert sent["If-Modified-Since"] == RELEASED


def test_without_the_bytes_nothing_is_asked_conditionally(world: World) -> None:
    serve(world, "latest", build(month(2024, 2)), Last_Modified=RELEASED)
    first = world.one(police())
    for path in (world.root / "landing").rglob(str(first.sha256)):
        path.unlink()
    asked = world.one(police())
    assert (asked.outcome, asked.sha256) == ("unchanged", first.sha256)
    assert world.landing.exists(str(first.sha256))


def test_a_partner_without_validators_repeats_itself_silently(world: World) -> None:
    body = build(month(2024, 2))
    world.partner.routes[f"{ROOT}/latest.zip"] = lambda h: h.answer(body)
    assert len(world.one(police()).received) == 2
    asked = world.one(police())
    assert (asked.outcome, asked.received) == ("unchanged", ())


def test_the_same_bytes_with_a_newer_date_are_a_new_statement(world: World) -> None:
    body = build(month(2024, 2))
    world.partner.routes[f"{ROOT}/latest.zip"] = lambda h: h.answer(body, Last_Modified=RELEASED)
    world.one(police())
    later = "Tue, 28 May 2024 09:30:00 GMT"
    world.partner.routes[f"{ROOT}/latest.zip"] = lambda h: h.answer(body, Last_Modified=later)
    asked = world.one(police())
    assert asked.outcome == "unchanged"
    assert {r.vintage_at for r in asked.received} == {RELEASED_AT + timedelta(days=30)}


def test_without_last_modified_the_archive_dates_itself(world: World) -> None:
    body = build(month(2023, 2), stamp=2023)
    world.partner.routes[f"{ROOT}/latest.zip"] = lambda h: h.answer(body)
    asked = world.one(police())
    assert {(r.vintage_at, r.vintage_source) for r in asked.received} == {
        (datetime(2023, 4, 1, 8, tzinfo=UTC), "last_modified")
    }


@pytest.mark.parametrize("stamp", [1980, 2040])
def test_a_date_that_cannot_be_is_not_believed(world: World, stamp: int) -> None:
    body = build(month(2024, 2), stamp=stamp)
    world.partner.routes[f"{ROOT}/latest.zip"] = lambda h: h.answer(body)
    asked = world.one(police())
    assert {(r.vintage_at, r.vintage_source) for r in asked.received} == {(None, "received")}
    assert all(("vintage_in_future" in r.warning) is (stamp == 2040) for r in asked.received)


def test_a_last_modified_in_the_future_is_not_believed(world: World) -> None:
    serve(world, "latest", build(month(2024, 2)), Last_Modified="Sun, 28 Apr 2090 09:30:00 GMT")
    (received, _) = world.one(police()).received
    assert (received.vintage_at, received.vintage_source) == (None, "received")
    assert "vintage_in_future" in received.warning


# Coverage


@pytest.mark.parametrize(
    ("since", "archives"),
    [
        (month(2024, 2), ["latest"]),
        (month(2021, 3), ["latest"]),
        (month(2021, 2), ["latest", "2021-02"]),
        (month(2018, 3), ["latest", "2021-02"]),
        (month(2018, 2), ["latest", "2021-02", "2018-02"]),
        (month(2014, 1), ["latest", "2021-02", "2018-02", "2015-02"]),
    ],
)
def test_as_few_archives_as_cover_the_range_each_once(world: World, since: date, archives: list[str]) -> None:
    serve_series(world, month(2024, 2), month(2010, 12), 36)
    asked = world.ask(police(), since=since.replace(day=20))
    assert world.partner.targets() == [f"{ROOT}/{name}.zip" for name in archives]
    assert {a.outcome for a in asked} == {"new"}
    held = sorted(r.period_start for a in asked for r in a.received if r.partition == "btp" and r.period_start)
    months = (2024 - since.year) * 12 + 2 - since.month + 1
    assert held == span(month(2024, 2), months), "every month since then, each once"


def test_a_backfill_ends_where_the_series_begins(world: World) -> None:
    serve_series(world, month(2024, 2), month(2022, 6), 12)
    asked = world.ask(police(12), since=month(2014, 1))
    assert [a.outcome for a in asked] == ["new", "new", "not_yet"]
    assert world.partner.targets()[1:] == [f"{ROOT}/2023-02.zip"], "it is not full, so none before it has more"
    assert asked[-1].reason.startswith("unavailable: no archive of the publisher holds 2014-01 to 2022-05; ")


def test_a_backfill_goes_on_when_the_latest_has_not_changed(world: World) -> None:
    serve_series(world, month(2024, 2), month(2020, 1), 12)
    world.one(police(12))
    asked = world.ask(police(12), since=month(2022, 6))
    assert [a.outcome for a in asked] == ["not_modified", "new"]
    assert {r.period_start for r in asked[1].received} == set(span(month(2023, 2), 9))
    assert [a.outcome for a in world.ask(police(12), since=month(2022, 6))] == ["not_modified"] * 2


def test_what_was_read_of_a_part_does_not_hide_the_rest(world: World) -> None:
    serve_series(world, month(2024, 2), month(2020, 1), 12)
    part = world.one(police(12), period=date(2023, 2, 17))
    assert part.source_url == "sandbox://api.example/archive/2024-01.zip#period=2023-02"
    assert part.period_start == month(2023, 2)
    assert {r.period_start for r in part.received} == {month(2023, 2)}
    again = world.one(police(12), period=month(2023, 2))
    assert (again.outcome, again.source_url) == ("not_modified", part.source_url)
    other = world.one(police(12), period=month(2023, 3))
    assert {r.period_start for r in other.received} == {month(2023, 3)}
    asked = world.ask(police(12), since=month(2022, 3))
    held = {r.period_start for a in [part, *asked] for r in a.received}
    assert held == set(span(month(2024, 2), 24))
    assert world.one(police(12), period=month(2023, 2)).outcome == "not_modified"


def test_a_month_that_is_not_published_is_not_yet_there(world: World) -> None:
    serve_series(world, month(2024, 2), month(2024, 1), 12)
    asked = world.ask(police(), period=month(2024, 5), today=date(2024, 6, 1))
    assert world.partner.targets() == [f"{ROOT}/latest.zip"]
    assert [(a.outcome, a.is_retryable, a.received) for a in asked] == [("new", False, ()), ("not_yet", False, ())]
    assert asked[-1].reason.startswith("unavailable: no archive of the publisher holds 2024-05; ")


def test_the_latest_archive_is_always_there(world: World) -> None:
    assert world.one(police()).reason.startswith("http_404: ")


def test_an_archive_without_a_file_of_the_feed_is_refused(world: World) -> None:
    serve(world, "latest", build(month(2024, 2), forces=()))
    asked = world.one(police())
    assert (asked.outcome, asked.received) == ("refused", ())
    assert asked.reason.startswith("no_members: ")


# Row 3


def without_directory(body: bytes) -> bytes:
    return body[: body.index(b"PK\x01\x02")]


def cut(body: bytes) -> bytes:
    return body[: len(body) * 3 // 5]


def bit_flip(body: bytes) -> bytes:
    at = body.index(b"2024-02/2024-02-btp-street.csv") + 60
    return body[:at] + bytes([body[at] ^ 0x10]) + body[at + 1 :]


def without_end(body: bytes) -> bytes:
    return body[:-10]


DAMAGE = pytest.mark.parametrize("damage", [without_directory, cut, bit_flip, without_end])


@DAMAGE
def test_a_damaged_archive_is_fetched_once_more_then_refused(world: World, damage: Callable[[bytes], bytes]) -> None:
    body = damage(build(month(2024, 1), month(2024, 2)))
    serve(world, "latest", body, Last_Modified=RELEASED)
    asked = world.one(police())
    assert (asked.outcome, asked.received, asked.is_retryable) == ("refused", (), False)
    assert asked.reason.startswith("corrupt_archive: ")
    assert world.read(asked.sha256) == body
    assert len(world.partner.requests) == 2


@DAMAGE
def test_a_damaged_archive_that_is_mended_is_read(world: World, damage: Callable[[bytes], bytes]) -> None:
    body = build(month(2024, 1), month(2024, 2))
    world.partner.routes[f"{ROOT}/latest.zip"] = lambda h: h.answer(damage(body) if h.number == 1 else body)
    asked = world.one(police())
    assert (asked.outcome, len(asked.received)) == ("new", 4)


def test_an_html_page_for_an_archive_is_refused(world: World) -> None:
    serve(world, "latest", b"<!DOCTYPE html><html>busy</html>")
    assert world.one(police()).reason.startswith("html_page: ")
    serve(world, "latest", b"Month,Reported by\r\n")
    assert world.one(police()).reason.startswith("not_a_zip: ")


def test_a_short_archive_is_asked_for_again(world: World) -> None:
    body = build(month(2024, 2))
    world.partner.routes[f"{ROOT}/latest.zip"] = lambda h: (
        h.answer(body[:100], length=len(body)) if h.number == 1 else h.answer(body)
    )
    assert world.one(police()).outcome == "new"
    assert world.partial() == []


# Rows 11 and 12


NAME = "2024-02/2024-02-btp-street.csv"


def made(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as writing:
        for name, data in entries:
            writing.writestr(name, data, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def beside(name: str, data: bytes = b"x") -> bytes:
    """A sound member, and this one."""
    return made((NAME, content("btp", month(2024, 2))), (name, data))


def link(mode: int) -> bytes:
    entry = zipfile.ZipInfo("link.csv")
    entry.create_system = 3
    entry.external_attr = (mode | 0o777) << 16
    return made((NAME, b"Month\n"), (entry, b"/etc/passwd"))


def encrypted() -> bytes:
    body = bytearray(beside("other.csv"))
    at = body.rindex(b"PK\x01\x02")
    body[at + 8] |= 1
    return bytes(body)


def declares(size: int) -> bytes:
    """The directory says that the member unpacks to so many bytes."""
    body = bytearray(made((NAME, b"Month\n" * 20)))
    struct.pack_into("<L", body, body.index(b"PK\x01\x02") + 24, size)
    return bytes(body)


def overlapping() -> bytes:
    body = bytearray(beside("2024-02/2024-02-metropolitan-street.csv", content("met", month(2024, 2))))
    struct.pack_into("<L", body, body.rindex(b"PK\x01\x02") + 42, 0)
    return bytes(body)


def huge_directory() -> bytes:
    body = bytearray(made((NAME, b"Month\n")))
    struct.pack_into("<L", body, body.index(b"PK\x05\x06") + 12, 0x7FFFFFFF)
    return bytes(body)


def nested() -> bytes:
    body = made((NAME, b"Month\n"))
    for _ in range(10):
        body = made((NAME, b"Month\n"), ("inner.zip", body))
    return body


@pytest.mark.parametrize(
    ("code", "body"),
    [
        pytest.param("ratio", lambda: made((NAME, b"\0" * 1_000_000)), id="ratio_1000"),
        pytest.param(
            "too_many_members",
            lambda: made((NAME, b"a"), *((f"{n}.csv", b"") for n in range(10_000))),
            id="many_members",
        ),
        pytest.param("too_many_members", huge_directory, id="huge_directory"),
        pytest.param("nested_archive", nested, id="nested_10"),
        pytest.param("nested_archive", lambda: made((NAME, made(("a.csv", b"a")))), id="nested_under_a_sound_name"),
        pytest.param("too_large", lambda: declares(0xFFFFFFF0), id="huge_declared_size"),
        pytest.param("corrupt_archive", lambda: declares(5000), id="wrong_declared_size"),
        pytest.param("overlap", overlapping, id="overlapping_members"),
        pytest.param("unsafe_path", lambda: beside("../../evil.csv"), id="dot_dot"),
        pytest.param("unsafe_path", lambda: beside("a/../../evil.csv"), id="dot_dot_inside"),
        pytest.param("unsafe_path", lambda: beside("/etc/evil.csv"), id="absolute"),
        pytest.param("unsafe_path", lambda: beside("C:/evil.csv"), id="drive"),
        pytest.param("unsafe_path", lambda: beside("..\\evil.csv"), id="backslash"),
        pytest.param("symlink", lambda: link(stat.S_IFLNK), id="symlink"),
        pytest.param("symlink", lambda: link(stat.S_IFIFO), id="fifo"),
        pytest.param("encrypted", encrypted, id="encrypted"),
    ],
)
def test_an_unsafe_archive_is_refused_whole(world: World, code: str, body: Callable[[], bytes]) -> None:
    serve(world, "latest", body(), Last_Modified=RELEASED)
    asked = world.one(police())
    assert (asked.outcome, asked.received, asked.is_retryable) == ("refused", (), False)
    assert asked.reason.startswith(f"{code}: ")
    assert world.landed() == 1, "only the archive itself, which is kept"
    assert not any("evil" in str(path) for path in Path(world.root).rglob("*"))


def test_two_members_of_one_name_are_refused(world: World) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        body = made((NAME, b"a"), (NAME, b"b"))
    serve(world, "latest", body)
    assert world.one(police()).reason.startswith("duplicate_member: ")


def test_the_limits_of_an_archive_can_be_set(world: World) -> None:
    serve(world, "latest", build(month(2024, 1), month(2024, 2)))
    assert world.one(police(), limits=replace(FAST, zip_total_bytes=500)).reason.startswith("too_large: ")
    assert world.one(police(), limits=replace(FAST, zip_member_bytes=500)).reason.startswith("too_large: ")
    assert world.one(police(), limits=replace(FAST, zip_members=7)).reason.startswith("too_many_members: ")
    assert world.one(police(), limits=replace(FAST, zip_members=8)).outcome == "new"
