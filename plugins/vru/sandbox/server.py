"""The HTTP server: `https://HOST/PATH` of each partner stands at `http://127.0.0.1:PORT/HOST/PATH`."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from vru.sandbox import arcgis, clock, datastore, nomis, police_site
from vru.sandbox.faults import Fault, FaultBook
from vru.sandbox.responses import (
    Request,
    Response,
    conditional,
    html_page,
    json_response,
    not_found,
    redirect,
)

ADDRESS = "127.0.0.1"
DEFAULT_STALL_SECONDS = 30.0
IDLE_SECONDS = 30.0
LABEL_HEADER = ("X-Data", "synthetic")
MAX_FORM_BYTES = 1_000_000

PARTNERS: dict[str, Callable[[Request], Response]] = {
    police_site.HOST: police_site.respond,
    police_site.STORE_HOST: police_site.respond_store,
    datastore.HOST: datastore.respond,
    nomis.HOST: nomis.respond,
    arcgis.HOST: arcgis.respond,
}


@dataclass(frozen=True)
class Answered:
    """One request and when it was answered, by a clock that only goes forward."""

    method: str
    target: str
    """Path with its query."""
    status: int
    """0 for a dropped connection."""
    headers: Mapping[str, str]
    """Of the request; names in lower case."""
    at: float


def _parameters(text: str) -> dict[str, str]:
    return {name.lower(): value for name, value in parse_qsl(text, keep_blank_values=True)}


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "vru-sandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    owner: SandboxServer

    def log_message(self, *_: object) -> None:
        """Requests are kept in `SandboxServer.requests`, not printed."""

    def do_GET(self) -> None:
        self._serve("")

    def do_HEAD(self) -> None:
        self._serve("")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdigit() else 0
        if size > MAX_FORM_BYTES:
            self.close_connection = True
            self._send(Response(b"", "text/plain", 413))
            return
        self._serve(self.rfile.read(size).decode("utf-8", "replace"))

    def _serve(self, form: str) -> None:
        fault = self.owner.faults.take(self.path)
        try:
            if fault is None:
                self._send(self._answer(form))
            else:
                self._send_faulty(fault, form)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, form: str) -> Response:
        parts = urlsplit(self.path)
        host, _, path = parts.path.lstrip("/").partition("/")
        partner = PARTNERS.get(host)
        if partner is None:
            return not_found()
        request = Request(
            world=clock.read(self.owner.state_dir),
            base_url=self.owner.url,
            path="/" + unquote(path),
            query=_parameters(parts.query) | _parameters(form),
        )
        response = partner(request)
        return conditional(response, self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since"))

    def _note(self, status: int) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.owner.note(Answered(self.command, self.path, status, headers, time.monotonic()))

    def _head(self, response: Response, length: int | Literal["chunked"] | None) -> None:
        """Status line and headers; without a length the end of the connection ends the body."""
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header(*LABEL_HEADER)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if length == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif length is not None and response.status != 304:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()

    def _send(self, response: Response) -> None:
        self._note(response.status)
        self._write(response)

    def _write(self, response: Response) -> None:
        self._head(response, len(response.body))
        if self.command != "HEAD" and response.status != 304:
            self.wfile.write(response.body)

    def _send_faulty(self, fault: Fault, form: str) -> None:
        replaced = self._replacement(fault)
        if replaced is not None:
            self._send(replaced)
            return
        if fault.kind == "slow_headers":
            response = self._answer(form)
            self._note(response.status)
            self.owner.pause(fault.number("seconds", 2))
            self._write(response)
            return
        self.close_connection = True
        if fault.kind == "drop":
            self._note(0)
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        response = self._answer(form)
        if fault.kind == "alter":
            body = fault.alteration()(response.body)
            self._send(Response(body, response.content_type, response.status, response.headers | fault.headers))
            return
        self._send_part(fault, response)

    def _replacement(self, fault: Fault) -> Response | None:
        """The whole answer of faults that do not need the sound one."""
        match fault.kind:
            case "html_200":
                return html_page()
            case "json_error_200":
                return json_response({"error": {"code": 500, "message": "Error performing query operation"}})
            case "status":
                retry_after = fault.params.get("retry_after")
                if callable(retry_after):
                    retry_after = retry_after()
                headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
                return Response(b"", "text/plain", int(fault.params["code"]), headers)
            case "replace_body":
                kind = str(fault.params.get("content_type", "text/csv"))
                return Response(bytes(fault.params["body"]), kind, headers=fault.headers)
            case "redirect_to":
                return redirect(str(fault.params["url"]), fault.headers)
            case "redirect_loop":
                return redirect(f"{self.owner.url}{self.path}")
            case _:
                return None

    def _send_part(self, fault: Fault, response: Response) -> None:
        """Faults in the middle of a sound answer; the connection ends with them."""
        self._note(response.status)
        body, half = response.body, len(response.body) // 2
        match fault.kind:
            case "chunked_ended_early":
                self._head(response, "chunked")
                self.wfile.write(b"%x\r\n%s\r\n" % (half, body[:half]))
            case "stall_after_headers":
                self._head(response, len(body))
                self.owner.pause(fault.number("seconds", DEFAULT_STALL_SECONDS))
            case "stall_mid_body":
                self._head(response, len(body))
                self.wfile.write(body[:half])
                self.wfile.flush()
                self.owner.pause(fault.number("seconds", DEFAULT_STALL_SECONDS))
            case "never_closes":
                self._head(response, None)
                self.wfile.write(body)
                self.wfile.flush()
                self.owner.pause(fault.number("seconds", DEFAULT_STALL_SECONDS))
            case "trickled_headers":
                self._trickle(fault, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            case "slow_body":
                self._head(response, len(body))
                self._trickle(fault, body)
            case _:
                self._head(response, len(body))
                self.wfile.write(body[:half])
        self.wfile.flush()

    def _trickle(self, fault: Fault, text: bytes) -> None:
        """A few bytes at a time, until the server is stopped."""
        size, delay = int(fault.number("chunk", 1)), fault.number("seconds", 1)
        for start in range(0, len(text), size):
            self.wfile.write(text[start : start + size])
            self.wfile.flush()
            if self.owner.pause(delay):
                return


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, handler: type[_Handler], port: int) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((ADDRESS, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to report; everything else is."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, OSError)):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        """End what clients still keep open."""
        with self._open_lock:
            waiting = list(self._open)
        for connection in waiting:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class SandboxServer:
    """The synthetic partners on 127.0.0.1; use it as a context manager or with `start` and `stop`."""

    def __init__(self, state_dir: Path | str, port: int = 0) -> None:
        self.state_dir = Path(state_dir)
        self.faults = FaultBook()
        self._wanted_port = port
        self._answered: list[Answered] = []
        self._requests_lock = threading.Lock()
        self._stopping = threading.Event()
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._listener is None:
            raise RuntimeError("the sandbox server is not running")
        return int(self._listener.server_address[1])

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at the end."""
        return f"http://{ADDRESS}:{self.port}"

    @property
    def requests(self) -> list[tuple[str, str, int]]:
        """Every request so far: method, target with its query, status (0 for a dropped connection)."""
        return [(each.method, each.target, each.status) for each in self.answered]

    @property
    def answered(self) -> list[Answered]:
        """Every request so far, with its headers and its time."""
        with self._requests_lock:
            return list(self._answered)

    def live(self, url: str) -> str:
        """Where an address of a live partner stands here."""
        return f"{self.url}/{url.removeprefix('https://')}"

    def start(self) -> SandboxServer:
        """Listen, in a thread of its own."""
        if self._listener is not None:
            raise RuntimeError("the sandbox server is already running")
        self._stopping.clear()
        if not (self.state_dir / clock.FILE_NAME).exists():
            clock.write(self.state_dir, clock.World())
        handler = type("Handler", (_Handler,), {"owner": self})
        self._listener = _Listener(handler, self._wanted_port)
        self._thread = threading.Thread(
            target=self._listener.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="vru-sandbox",
            daemon=True,
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and end open connections; a second call does nothing."""
        listener, thread = self._listener, self._thread
        if listener is None:
            return
        self._stopping.set()
        listener.shutdown()
        listener.server_close()
        listener.close_connections()
        if thread is not None:
            thread.join()
        self._listener = self._thread = None

    def __enter__(self) -> SandboxServer:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def fault(self, path_glob: str, kind: str, *, times: int | None = None, **params: Any) -> None:
        """Answer requests whose path fits with a fault, `times` times or until `clear_faults`.

        Paths are those of this server (`/data.police.uk/data/archive/*.zip`); a glob may also fit the path
        with its query. Kinds and their parameters: `html_200`; `json_error_200`; `status` (code, retry_after:
        what the header says, or a function that tells it); `replace_body` (body, content_type, headers); `alter`
        (change: bytes to bytes, headers); `short_of_content_length`; `chunked_ended_early`; `stall_after_headers`,
        `stall_mid_body` and `never_closes` (seconds, 30); `slow_headers` (seconds, 2); `trickled_headers` and
        `slow_body` (chunk 1, seconds 1); `redirect_to` (url, headers); `redirect_loop`; `drop`.
        """
        self.faults.add(Fault(path_glob, kind, times, params))

    def clear_faults(self) -> None:
        """Make every partner healthy again."""
        self.faults.clear()

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        with self._requests_lock:
            self._answered.clear()

    def note(self, answered: Answered) -> None:
        """Record one answered request."""
        with self._requests_lock:
            self._answered.append(answered)

    def pause(self, seconds: float) -> bool:
        """Wait; True if the server is being stopped meanwhile."""
        return self._stopping.wait(min(seconds, threading.TIMEOUT_MAX))
