"""The entrance: what a call must give, and what happens when the landing store refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from datetime import date, datetime
from typing import Any

import pytest

from tests.unit.transport.partner import CSV, FAST, NOW, World, contract, police

DATASTORE = {"kind": "datastore", "url": "https://api.example/catalogue", "title_pattern": "Areas"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"profile": "test", "base_url": None}, "profile 'test' is unknown"),
        ({"profile": "sandbox", "base_url": None}, "base_url"),
        ({"profile": "live"}, "base_url"),
        ({"profile": "files"}, "inbox"),
        ({"since": date(2024, 1, 1), "period": date(2024, 1, 1)}, "not both"),
        ({"now": datetime(2024, 1, 1)}, "time zone"),  # noqa: DTZ001 - what it must refuse
        ({"base_url": "http://partner.example"}, "loopback"),
    ],
)
def test_a_call_that_makes_no_sense_raises(world: World, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        world.ask(police(), **options)
    assert world.partner.requests == []


def test_of_a_feed_by_inbox_nothing_is_due_where_there_is_none_whatever_the_profile(world: World) -> None:
    what = contract({"kind": "inbox"})
    without = world.one(what)
    assert (without.outcome, without.reason[:10]) == ("not_yet", "no_inbox: ")
    assert world.one(what, inbox=world.root).outcome == "not_yet"
    assert world.one(what, profile="live", base_url=None, inbox=world.root).outcome == "not_yet"


def test_a_contract_that_names_a_host_it_does_not_allow_is_refused(world: World) -> None:
    what = contract({**DATASTORE, "url": "https://other.example/catalogue"})
    assert world.one(what).reason.startswith("redirect_refused: other.example")
    assert world.partner.requests == []


def test_attempts_come_one_by_one(world: World) -> None:
    items = [{"title": "Areas", "url": f"https://api.example/{name}.csv", "check_timestamp": "2024"} for name in "ab"]
    world.partner.routes["/api.example/catalogue"] = lambda h: h.answer(json.dumps({"resources": items}).encode())
    world.partner.routes["/api.example/a.csv"] = lambda h: h.answer(CSV)
    world.partner.routes["/api.example/b.csv"] = lambda h: h.answer(CSV + b"x")
    options = {"profile": "sandbox", "base_url": world.partner.url, "now": NOW}
    asking = world._each(contract(DATASTORE), FAST, options)
    next(asking)
    assert world.partner.targets() == ["/api.example/catalogue", "/api.example/a.csv"]


FETCH = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tests.unit.transport.partner import Memory, contract
from vru.landing import Landing
from vru.transport import fetch
{before}
feed = contract({{"kind": "datastore", "url": "https://api.example/catalogue", "title_pattern": "Areas"}})
for asked in fetch(feed, profile="sandbox", base_url=sys.argv[1], landing=Landing(sys.argv[2]), history=Memory(),
                   now=datetime.now(UTC)):
    print(asked.outcome, asked.is_retryable, asked.sha256, asked.reason)
"""


def start(world: World, before: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH.format(before=before), world.partner.url, str(world.root / "landing")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def serve_large(world: World, body: bytes) -> threading.Event:
    """The file comes in two halves; the event says that the first has been sent."""
    item = {"title": "Areas", "url": "https://api.example/a.csv"}
    world.partner.routes["/api.example/catalogue"] = lambda h: h.answer(json.dumps({"resources": [item]}).encode())
    half_sent = threading.Event()

    def route(handler: Any) -> None:
        handler.head(Content_Length=str(len(body)))
        handler.wfile.write(body[: len(body) // 2])
        if handler.number == 1 and not half_sent.is_set():
            half_sent.set()
            handler.partner.stopped.wait(20)
        handler.wfile.write(body[len(body) // 2 :])

    world.partner.routes["/api.example/a.csv"] = route
    return half_sent


def test_a_fetch_that_was_killed_leaves_only_a_temporary_file(world: World) -> None:
    half_sent = serve_large(world, CSV * 40_000)
    child = start(world)
    assert half_sent.wait(60)
    while not world.partial():
        assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert (world.landed(), len(world.partial())) == (0, 1)
    asked = world.one(contract(DATASTORE))
    assert asked.outcome == "new"
    assert world.read(asked.sha256) == CSV * 40_000
    assert world.landing.remove_stale() == 1
    assert (world.landed(), world.partial()) == (1, [])


def test_a_disk_that_refuses_is_retryable_and_leaves_nothing(world: World) -> None:
    serve_large(world, CSV * 40_000).set()
    limit = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))"
    out, _ = start(world, limit).communicate(timeout=60)
    assert out.startswith("failed True None landing: the store cannot be written or read (EFBIG)")
    assert (world.landed(), world.partial()) == (0, [])
