"""A partner's HTTP server on loopback, contracts that point to it, and a memory of what was asked."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from vru.contracts import Contract
from vru.landing import Landing
from vru.transport import Asked, LastAnswer, Limits, Shelved, fetch

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FAST = Limits(
    connect_seconds=2.0,
    idle_seconds=0.3,
    total_seconds=1.0,
    attempts=3,
    backoff_seconds=0.02,
    backoff_cap_seconds=0.05,
    retry_after_cap_seconds=0.4,
    max_redirects=3,
    settle_seconds=0.05,
    max_bytes=4_000_000,
    page_bytes=4_000_000,
)
CSV = b"code,name\r\nE09000001,City of London\r\nE09000002,Barking and Dagenham\r\n"


class Handler(BaseHTTPRequestHandler):
    """One request; the partner's route answers it."""

    protocol_version = "HTTP/1.1"
    partner: Partner

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method it replaces
        """Nothing is printed."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.partner.requests.append((self.path, dict(self.headers)))
        route = self.partner.routes.get(path)
        try:
            if route is None:
                self.answer(b"<html><h1>Not Found</h1></html>", status=404)
            else:
                route(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, body: bytes, *, status: int = 200, length: int | None = None, **headers: Any) -> None:
        """A sound answer, or one whose Content-Length is another."""
        self.head(status, Content_Length=str(len(body) if length is None else length), **headers)
        self.wfile.write(body)
        if length is not None:
            self.close_connection = True

    def head(self, status: int = 200, **headers: str) -> None:
        """Status line and headers (`_` stands for `-`)."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    @property
    def number(self) -> int:
        """How many requests this path has had besides those for a count, this one included."""
        return self.partner.asked(self.path.partition("?")[0])


Route = Callable[[Handler], None]
COUNT = "select=record_count"


def counted(pages: Route, count: int | Callable[[], int]) -> Route:
    """Routes of Nomis whose RECORD_COUNT is said to be this."""

    def route(handler: Handler) -> None:
        if COUNT in handler.path:
            number = count() if callable(count) else count
            handler.answer(f'"RECORD_COUNT"\r\n{number}\r\n'.encode() if number else b'"RECORD_COUNT"\r\n')
        else:
            pages(handler)

    return route


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to report."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Partner:
    """The server. `routes` maps `/HOST/PATH` to what answers there; `requests` are target and headers."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.stopped = threading.Event()
        handler = type("BoundHandler", (Handler,), {"partner": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop; whatever still waits ends."""
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, path: str) -> int:
        """How often this path was asked for, but for counts."""
        return sum(target.partition("?")[0] == path and COUNT not in target for target in self.targets())

    def targets(self) -> list[str]:
        """Paths with queries, in the order in which they were asked for."""
        return [target for target, _ in self.requests]


class Memory:
    """The history that the pipeline keeps: the last sound answer of each address."""

    def __init__(self) -> None:
        self.known: dict[str, LastAnswer] = {}
        self.shelf = self.known
        """Of every feed; the same unless a test gives another feed's."""

    def last(self, source_url: str) -> LastAnswer | None:
        return self.known.get(source_url)

    def landed(self, prefix: str) -> list[Shelved]:
        return [
            Shelved(url.partition("#")[0], answer.sha256, answer.etag, answer.last_modified)
            for url, answer in reversed((self.known | self.shelf).items())
            if url.startswith(prefix) and answer.sha256
        ]

    def alone(self, address: str) -> AbstractContextManager[None]:
        return nullcontext()

    def add(self, asked: Asked) -> None:
        if asked.outcome in ("new", "unchanged", "not_modified"):
            self.known[asked.source_url] = LastAnswer(asked.etag, asked.last_modified, asked.sha256)


class World:
    """A partner, a landing store and a history."""

    def __init__(self, partner: Partner, root: Path) -> None:
        self.partner, self.root = partner, root
        self.landing, self.history = Landing(root / "landing"), Memory()

    def ask(self, contract: Contract, *, limits: Limits = FAST, **options: Any) -> list[Asked]:
        """Fetch in profile sandbox and remember the answers, one by one as the pipeline does."""
        return list(self._each(contract, limits, {"profile": "sandbox", "base_url": self.partner.url, **options}))

    def _each(self, contract: Contract, limits: Limits, options: dict[str, Any]) -> Iterator[Asked]:
        now = options.pop("now", NOW)
        for asked in fetch(contract, landing=self.landing, history=self.history, now=now, limits=limits, **options):
            self.history.add(asked)
            yield asked

    def one(self, contract: Contract, **options: Any) -> Asked:
        """The only attempt."""
        (asked,) = self.ask(contract, **options)
        return asked

    def read(self, sha256: str | None) -> bytes:
        """A landed content."""
        assert sha256 is not None
        with self.landing.open(sha256) as stream:
            return stream.read()

    def partial(self) -> list[Path]:
        """What stands half received."""
        folder = self.root / "landing" / "tmp"
        return list(folder.iterdir()) if folder.is_dir() else []

    def landed(self) -> int:
        """How many contents stand in the store."""
        folder = self.root / "landing"
        return sum(1 for path in folder.rglob("*") if path.is_file() and len(path.name) == 64)


def resource(name: str = "area", pattern: str | None = None, **more: Any) -> dict[str, Any]:
    """A resource of two columns."""
    return {
        "name": name,
        "description": "Areas by their code.",
        "names": [{"pattern": pattern}] if pattern else [],
        "formats": [{"kind": "csv"}],
        "delivery": "snapshot",
        "columns": [
            {"name": "code", "description": "Code of the area."},
            {"name": "name", "description": "Name of the area."},
        ],
        **more,
    }


def contract(transport: dict[str, Any], *resources: dict[str, Any], **more: Any) -> Contract:
    """A contract of feed `areas` whose hosts are `api.example` and `store.example`."""
    return Contract.model_validate(
        {
            "feed": "areas",
            "title": "Areas",
            "publisher": "A partner",
            "owner": "The team",
            "description": "One row is one area, as the partner lists it at the end of the month.",
            "licence": "OGL v3.0",
            "attribution": "A partner",
            "homepage": "https://api.example",
            "contract_version": 1,
            "schedule": "0 6 * * *",
            "cadence_days": 31,
            "due_lag_days": 31,
            "allowed_hosts": ["api.example", "store.example"],
            "transport": transport,
            "when_red": "Read the reason and ask the partner.",
            "resources": list(resources) or [resource()],
            **more,
        }
    )


def police(window_months: int = 36) -> Contract:
    """An archive feed with one file per force and month."""
    month = {
        "name": "month",
        "type": "month",
        "formats": ["%Y-%m"],
        "nullable": False,
        "description": "Month of the row.",
    }
    return contract(
        {
            "kind": "archive",
            "url": "https://api.example/archive/{period}.zip",
            "latest_url": "https://api.example/archive/latest.zip",
            "window_months": window_months,
        },
        resource(
            "street",
            r"(?P<period>\d{4}-\d{2})-(?P<partition>metropolitan|btp)-street",
            delivery="period",
            grain="month",
            unit_column="month",
            columns=[month],
        ),
    )


def month(year: int, number: int) -> date:
    return date(year, number, 1)
