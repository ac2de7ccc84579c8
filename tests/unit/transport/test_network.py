"""Where a fetch may connect to: rows 8, 9 and 10 of the bad-input table below the level of one feed."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
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
    with pytest.raises(SourceError, match=r"address_refused: data\.police\.uk"):
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


def certificate(folder: Path, name: x509.GeneralName, *, days: int = 2) -> tuple[Path, Path]:
    """A self-signed certificate for this name that ends in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "partner")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / "cert.pem", folder / "key.pem"
    cert_path.write_bytes(made.public_bytes(Encoding.PEM))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert_path, key_path


LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))


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


@contextmanager
def serving(context: ssl.SSLContext) -> Iterator[str]:
    """A server that speaks TLS in this way; gives its address."""
    Answering.asked = 0
    with Quiet(("127.0.0.1", 0), Answering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def ask(base_url: str, folder: Path) -> bytes:
    with Http(Addresses(["api.example"], base_url), Landing(folder / "landing"), FAST) as http:
        return http.read("https://api.example/a.csv", frozenset({"csv"})).body


def speaking(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@pytest.mark.parametrize(
    ("name", "days", "is_known"),
    [
        pytest.param(LOOPBACK, 2, False, id="self_signed"),
        pytest.param(x509.DNSName("other.example"), 2, True, id="wrong_host"),
        pytest.param(LOOPBACK, -1, True, id="expired"),
    ],
)
def test_a_bad_certificate_fails_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: x509.GeneralName, days: int, is_known: bool
) -> None:
    cert, key = certificate(tmp_path, name, days=days)
    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with (
        serving(speaking(cert, key)) as url,
        pytest.raises(SourceError, match=r"tls: api\.example: its certificate is not valid") as caught,
    ):
        ask(url, tmp_path)
    assert not caught.value.is_retryable
    assert Answering.asked == 0


def test_a_good_certificate_of_a_known_authority_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = certificate(tmp_path, LOOPBACK)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with serving(speaking(cert, key)) as url:
        assert ask(url, tmp_path) == b"a,b\n"


def test_an_old_protocol_fails_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = certificate(tmp_path, LOOPBACK)
    context = speaking(cert, key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with serving(context) as url, pytest.raises(SourceError, match=r"tls: api\.example: no safe connection"):
        ask(url, tmp_path)
    assert Answering.asked == 0
