"""Connections that go only to checked addresses and never outlive their deadline."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

from vru.transport.errors import SourceError

Permits = Callable[[str], bool]
Resolve = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a host. Raises OSError if it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Deadline:
    """The moment at which the present try ends, whatever still trickles in."""

    def __init__(self) -> None:
        self._ends = float("inf")

    def start(self, seconds: float) -> None:
        """Begin a new try."""
        self._ends = time.monotonic() + seconds

    def clip(self, timeout: float | None) -> float:
        """The shorter of the timeout and the time left. Raises httpcore.ReadTimeout when none is left."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole answer is over")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.clip(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.clip(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._deadline.clip(timeout))
        return _Stream(secure, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class CheckedBackend(httpcore.NetworkBackend):
    """Looks a name up once, checks every address, and connects to one of just these (no DNS rebinding)."""

    def __init__(self, permits: Permits, deadline: Deadline, lookup: Resolve = resolve) -> None:
        self._permits, self._deadline, self._lookup = permits, deadline, lookup
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._lookup(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"the name {host} was not found") from error
        if not addresses or not all(self._permits(address) for address in addresses):
            raise SourceError(
                f"address_refused: {host} leads to an address that may not be asked; check the name service",
                outcome="refused",
            )
        last: Exception | None = None
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(
                    address, port, self._deadline.clip(timeout), local_address, socket_options
                )
                return _Stream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or httpcore.ConnectError(f"{host} has no address")


class CheckedTransport(httpx.HTTPTransport):
    """httpx on checked connections: HTTP/1.1, certificates always verified, no proxies."""

    def __init__(self, permits: Permits, deadline: Deadline, lookup: Resolve = resolve) -> None:
        super().__init__()
        # httpx has no parameter for the network backend; the pool is the same one with ours
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=2,
            network_backend=CheckedBackend(permits, deadline, lookup),
        )
