"""Where a fetch may connect to: rows 8, 9 and 10 of the bad-input table below the level of one feed."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpcore
import pytest
from vru.landing import Landing
from vru.transport.addresses import Addresses
from vru.transport.errors import SourceError
from vru.transport.http import Http
from vru.transport.network import CheckedBackend, Deadline

from tests.unit.transport.partner import FAST

LIVE = Addresses(["data.police.uk", "policeuk-data.s3.amazonaws.com"])
SANDBOX = Addresses(["data.police.uk"], "http://127.0.0.1:8080/")


def test_the_live_address_is_asked_as_it_stands() -> None:
    url = "https://data.police.uk/data/archive/latest.zip?a=b%20c"
    assert LIVE.actual(url) == LIVE.source_url(url) == url


def test_in_the_sandbox_every_host_stands_on_loopback() -> None:
    url = "https://data.police.uk/data/archive/latest.zip?a=b%20c"
    assert SANDBOX.actual(url) == "http://127.0.0.1:8080/data.police.uk/data/archive/latest.zip?a=b%20c"
    assert SANDBOX.actual(SANDBOX.actual(url)) == SANDBOX.actual(url)
    assert SANDBOX.source_url(url) == "sandbox://data.police.uk/data/archive/latest.zip?a=b%20c"
    assert SANDBOX.source_url(SANDBOX.actual(url)) == SANDBOX.source_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://data.police.uk/latest.zip",
        "https://data.police.uk.evil.example/latest.zip",
        "https://evil.example/data.police.uk/latest.zip",
        "https://data.police.uk@evil.example/latest.zip",
        "https://user:secret@data.police.uk/latest.zip",
        "https://data.police.uk:8443/latest.zip",
        "https://data.police.uk:bad/latest.zip",
        "https://data.police.uk\\@evil.example/",
        "https://[::1/latest.zip",
        "https://127.0.0.1/latest.zip",
        "ftp://data.police.uk/latest.zip",
        "latest.zip",
        "",
    ],
)
def test_no_other_address_is_asked(url: str) -> None:
    with pytest.raises(SourceError, match="redirect_refused") as caught:
        LIVE.actual(url)
    assert caught.value.outcome == "refused"
    assert "secret" not in caught.value.reason
    with pytest.raises(SourceError, match="redirect_refused"):
        SANDBOX.actual(url)


def test_https_never_becomes_http() -> None:
    with pytest.raises(SourceError, match="without https"):
        LIVE.redirected("https://data.police.uk/a", "http://data.police.uk/a")
    target = "https://policeuk-data.s3.amazonaws.com/archive/latest.zip"
    assert LIVE.redirected("https://data.police.uk/a", target) == target
    assert LIVE.redirected("https://data.police.uk/a/b", "c?d") == "https://data.police.uk/a/c?d"


def test_the_sandbox_is_on_loopback() -> None:
    for url in ("http://example.org", "https://10.0.0.1:80"):
        with pytest.raises(ValueError, match="loopback"):
            Addresses([], url)


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("51.140.0.1", True), ("2603:1020::1", True), ("127.0.0.1", False), ("10.1.2.3", False), ("::1", False),
        ("192.168.0.1", False), ("169.254.169.254", False), ("fe80::1%eth0", False), ("fd00::1", False),
        ("::ffff:127.0.0.1", False), ("::ffff:169.254.169.254", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("100.64.0.1", False),
    ],
)  # fmt: skip
def test_live_connects_to_public_addresses_only(address: str, is_public: bool) -> None:
    assert LIVE.permits(address) is is_public
    assert SANDBOX.permits(address) is (address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"))


@pytest.mark.parametrize("second", ["127.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254"])
def test_a_name_that_also_leads_inside_is_refused(second: str) -> None:
    backend = CheckedBackend(LIVE.permits, Deadline(), lambda host, port: ["51.140.0.1", second])
    with pytest.raises(SourceError, match="address_refused: data.police.uk"):
        backend.connect_tcp("data.police.uk", 443, timeout=1)


def test_the_name_is_looked_up_once_and_the_checked_address_is_used(tmp_path: Path) -> None:
    lookups = []

    def lookup(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"] if len(lookups) == 1 else ["51.140.0.1"]

    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        backend = CheckedBackend(SANDBOX.permits, Deadline(), lookup)
        stream = backend.connect_tcp("data.police.uk", server.server_port, timeout=1)
        assert stream.get_extra_info("server_addr") == ("127.0.0.1", server.server_port)
        stream.close()
    assert lookups == ["data.police.uk"]


def test_a_name_that_is_not_found_may_be_tried_again() -> None:
    def lookup(host: str, port: int) -> list[str]:
        raise OSError("unknown")

    with pytest.raises(httpcore.ConnectError):
        CheckedBackend(LIVE.permits, Deadline(), lookup).connect_tcp("data.police.uk", 443)


# Row 10


def certificate(folder: Path, *options: str) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, *options],
        check=True,
        capture_output=True,
    )
    return cert, key


class Answering(BaseHTTPRequestHandler):
    asked = 0

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method it replaces
        """Nothing is printed."""

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"a,b\n")


class Quiet(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that the client breaks off is what the tests want."""


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Quiet, ssl.SSLContext]]:
    Answering.asked = 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = Quiet(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})

    def start() -> None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread.start()

    server.start = start  # type: ignore[attr-defined]
    yield server, context
    server.shutdown()
    thread.join()
    server.server_close()


def ask(server: Quiet, folder: Path) -> bytes:
    server.start()  # type: ignore[attr-defined]
    base = f"https://127.0.0.1:{server.server_port}"
    with Http(Addresses(["api.example"], base), Landing(folder / "landing"), FAST) as http:
        return http.read("https://api.example/a.csv", frozenset({"csv"})).body


@pytest.mark.parametrize(
    ("problem", "options", "is_known"),
    [
        ("self_signed", ["-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"], False),
        ("wrong_host", ["-subj", "/CN=api", "-addext", "subjectAltName=DNS:other.example", "-days", "2"], True),
        (
            "expired",
            ["-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "-1"],
            True,
        ),
    ],
)
def test_a_bad_certificate_fails_at_once(
    secure: tuple[Quiet, ssl.SSLContext],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    problem: str,
    options: list[str],
    is_known: bool,
) -> None:
    server, context = secure
    cert, key = certificate(tmp_path, *options)
    context.load_cert_chain(cert, key)
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with pytest.raises(SourceError, match="tls: api.example: its certificate is not valid") as caught:
        ask(server, tmp_path)
    assert not caught.value.is_retryable
    assert Answering.asked == 0


def test_a_good_certificate_of_a_known_authority_is_accepted(
    secure: tuple[Quiet, ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, context = secure
    cert, key = certificate(tmp_path, "-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    context.load_cert_chain(cert, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    assert ask(server, tmp_path) == b"a,b\n"


def test_an_old_protocol_fails_at_once(
    secure: tuple[Quiet, ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, context = secure
    cert, key = certificate(tmp_path, "-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    context.load_cert_chain(cert, key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with pytest.raises(SourceError, match="tls: api.example: no safe connection"):
        ask(server, tmp_path)
    assert Answering.asked == 0
