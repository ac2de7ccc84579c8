"""The one HTTP client: whole answers or none, from checked addresses, within limits."""

from __future__ import annotations

import errno
import random
import ssl
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Protocol, Self

import httpx

from vru.transport.addresses import Addresses
from vru.transport.errors import SourceError
from vru.transport.limits import MIB, Limits
from vru.transport.model import Landed, Landing, LastAnswer, Progress
from vru.transport.network import CheckedTransport, Deadline
from vru.transport.sniff import HEAD_BYTES, Due, refusal

USER_AGENT = "vru-data-platform/0.1 (London Violence Reduction Unit)"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK_BYTES = 1 << 18
PROGRESS_BYTES = 4 * MIB
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_MEANS = {
    401: "the access key is missing or has expired; renew it",
    403: "access is refused; ask the partner whether this machine or key is blocked",
    404: "there is nothing at this address; check whether the partner has moved it",
    410: "the partner has withdrawn it; ask where it is now",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; for `is_not_modified` only the two validators count."""

    landed: Landed | None
    body: bytes
    etag: str | None
    last_modified: str | None
    is_whole: bool | None
    """True where Content-Length has proved it."""
    is_not_modified: bool = False


class _Sink(Protocol):
    def write(self, data: bytes) -> None: ...


class _Memory:
    """Bytes held in memory."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> None:
        self.content += data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class _Headers:
    etag: str | None
    last_modified: str | None
    is_whole: bool | None
    is_not_modified: bool
    head: bytes


class _RetryableError(Exception):
    """A try that failed in a way that may pass."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.retry_after = reason, retry_after


class Http:
    """Use it in a ``with``. No cookies, no credentials, nothing from the environment but CA certificates."""

    def __init__(
        self, addresses: Addresses, landing: Landing, limits: Limits, progress: Progress | None = None
    ) -> None:
        self.addresses, self._landing, self._limits = addresses, landing, limits
        self._progress = progress
        self._deadline = Deadline()
        self._random = random.Random()  # noqa: S311 - spreads waits, guards nothing
        self._client = httpx.Client(
            transport=CheckedTransport(addresses.permits, self._deadline),
            timeout=httpx.Timeout(limits.idle_seconds, connect=limits.connect_seconds),
            headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def land(self, url: str, due: frozenset[Due], last: LastAnswer | None = None) -> Answer:
        """Fetch a file into the landing store; `last` makes the request conditional.

        Raises SourceError. Bytes that are plainly not what is due are landed too and named by the error.
        """
        headers = _conditions(last) if last and last.sha256 and self._landing.exists(last.sha256) else {}

        def attempt() -> Answer:
            with self._landing.receive() as receiver:
                found = self._stream(url, headers, receiver, self._limits.max_bytes)
                if found.is_not_modified:
                    return Answer(None, b"", found.etag, found.last_modified, None, True)
                landed = receiver.commit()
            if problem := refusal(found.head, due):
                raise SourceError(problem, outcome="refused", landed=landed)
            return Answer(landed, b"", found.etag, found.last_modified, found.is_whole)

        return self._persist(attempt)

    def read(self, url: str, due: frozenset[Due]) -> Answer:
        """Fetch at most `page_bytes` into memory. Raises SourceError; refused bytes are landed."""

        def attempt() -> Answer:
            with _Memory() as memory:
                found = self._stream(url, {}, memory, self._limits.page_bytes)
                body = bytes(memory.content)
            if problem := refusal(found.head, due):
                raise SourceError(problem, outcome="refused", landed=self.keep(body))
            return Answer(None, body, found.etag, found.last_modified, found.is_whole)

        return self._persist(attempt)

    def keep(self, body: bytes) -> Landed:
        """Land bytes that were read into memory, so that they can be found again."""
        with self._landing.receive() as receiver:
            receiver.write(body)
            return receiver.commit()

    def _persist(self, attempt: Callable[[], Answer]) -> Answer:
        limits = self._limits
        for number in range(limits.attempts):
            try:
                return attempt()
            except _RetryableError as error:
                if number + 1 == limits.attempts:
                    raise SourceError(
                        f"{error.reason}; tried {limits.attempts} times, the task can be run again",
                        is_retryable=True,
                    ) from error
                time.sleep(self._wait(number, error.retry_after))
        raise ValueError("Limits.attempts must be at least 1")

    def _wait(self, number: int, retry_after: float | None) -> float:
        """Seconds until the next try."""
        limits = self._limits
        if retry_after is not None:
            jitter = self._random.uniform(0, limits.backoff_seconds)
            return min(retry_after, limits.retry_after_cap_seconds) + jitter
        return self._random.uniform(0, min(limits.backoff_cap_seconds, limits.backoff_seconds * 2**number))

    def _stream(self, url: str, headers: dict[str, str], sink: _Sink, max_bytes: int) -> _Headers:
        """One try: follow redirects, write the body, return the headers. Raises SourceError, _RetryableError."""
        self._deadline.start(self._limits.total_seconds)
        target = self.addresses.actual(url)
        host = self.addresses.source_url(target).partition("://")[2].partition("/")[0]
        try:
            for _ in range(self._limits.max_redirects + 1):
                with self._send(target, headers) as response:
                    if response.status_code in REDIRECTS:
                        location = response.headers.get("Location")
                        if not location:
                            raise SourceError(f"redirect_refused: {host} redirects to nowhere; tell the partner")
                        target = self.addresses.redirected(target, location)
                        continue
                    return self._body(response, host, url, sink, max_bytes, bool(headers))
        except httpx.TransportError as error:
            if isinstance(error, httpx.ConnectError) and (problem := _tls_problem(error)):
                raise SourceError(f"tls: {host}: {problem}; the partner must mend its certificate") from error
            raise _RetryableError(f"{_kind(error)}: {host} did not give a whole answer") from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise SourceError(
                f"bad_address: {host} names a malformed address; check contract, catalogue and redirect",
                outcome="refused",
            ) from error
        raise SourceError(
            f"redirect_loop: {host} redirected more than {self._limits.max_redirects} times; tell the partner"
        )

    def _send(self, target: str, headers: dict[str, str]) -> AbstractContextManager[httpx.Response]:
        return self._client.stream("GET", target, headers=headers)

    def _body(
        self, response: httpx.Response, host: str, url: str, sink: _Sink, max_bytes: int, is_conditional: bool
    ) -> _Headers:
        status = response.status_code
        if status == 304 and is_conditional:
            return _Headers(response.headers.get("ETag"), response.headers.get("Last-Modified"), None, True, b"")
        if status != 200:
            raise _refused_status(host, response)
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isascii() and length.isdigit() else None
        if total is not None and total > max_bytes:
            raise _too_large(host, max_bytes)
        head = b""
        size = told = 0
        for data in _decoded(response, host):
            size += len(data)
            if size > max_bytes:
                raise _too_large(host, max_bytes)
            sink.write(data)
            if len(head) < HEAD_BYTES:
                head += data[: HEAD_BYTES - len(head)]
            if self._progress is not None and size - told >= PROGRESS_BYTES:
                told = size
                self._progress(self.addresses.source_url(url), size, total)
        # h11 raises where fewer bytes came than announced, or the last chunk is missing
        is_whole = True if total is not None and response.num_bytes_downloaded == total else None
        return _Headers(response.headers.get("ETag"), response.headers.get("Last-Modified"), is_whole, False, head)


def _conditions(last: LastAnswer) -> dict[str, str]:
    headers = {}
    if last.etag:
        headers["If-None-Match"] = last.etag
    if last.last_modified:
        headers["If-Modified-Since"] = last.last_modified
    return headers


def _decoded(response: httpx.Response, host: str) -> Iterator[bytes]:
    """The body; we ask for no compression, but some servers send gzip all the same."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        yield from response.iter_raw(CHUNK_BYTES)
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise SourceError(f"encoding: {host} answered in an encoding that was not asked for; tell the partner")
    unpacker = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        for packed in response.iter_raw(CHUNK_BYTES):
            rest = packed
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, CHUNK_BYTES)
                rest = unpacker.unconsumed_tail
            if rest or unpacker.unused_data:
                raise SourceError(
                    f"encoding: {host} sends more after the end of its compressed answer; tell the partner"
                )
        yield unpacker.flush()
    except zlib.error as error:
        raise _RetryableError(f"corrupt: the compressed answer of {host} cannot be unpacked") from error
    if not unpacker.eof:
        raise _RetryableError(f"truncated: the compressed answer of {host} ends early")


def _refused_status(host: str, response: httpx.Response) -> Exception:
    status = response.status_code
    if status in (408, 429) or status >= 500:
        return _RetryableError(
            f"http_{status}: {host} answered {status}", _retry_after(response.headers.get("Retry-After"))
        )
    means = _MEANS.get(status, "this is not an answer to work with; check the address in the contract")
    return SourceError(f"http_{status}: {host} answered {status}; {means}", status=status)


def _retry_after(text: str | None) -> float | None:
    """Seconds that a Retry-After header asks for; None for one that is negative, past or malformed."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        # longer numbers are absurd, and capped like any other
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - datetime.now(UTC)).total_seconds()
    return seconds if seconds > 0 else None


def modified_at(text: str | None) -> datetime | None:
    """The instant that a Last-Modified header states, in UTC; None where it states none."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _too_large(host: str, max_bytes: int) -> SourceError:
    return SourceError(
        f"too_large: {host} sends more than {max_bytes} bytes; if that is right, raise the limit",
        outcome="refused",
    )


def _kind(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return "connect"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.RemoteProtocolError):
        return "truncated"
    return "connection"


def _tls_problem(error: BaseException) -> str:
    """What is wrong with the certificate or the protocol; '' if the failure is another one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return f"no safe connection ({cause.reason or 'unknown'})"
        cause = cause.__cause__ or cause.__context__
    return ""


def storage_problem(error: OSError) -> str:
    """Why the landing store refused, without a path."""
    if error.errno == errno.ENOSPC:
        return "landing: the disk is full; make room, then run the task again"
    return f"landing: the store cannot be written or read ({errno.errorcode.get(error.errno or 0, 'unknown')})"
