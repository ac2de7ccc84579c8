"""Which addresses a fetch may touch, and where a partner stands in the sandbox."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urljoin, urlsplit

from vru.transport.errors import SourceError

HTTPS_PORT = 443
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


class Addresses:
    """The partner's own hosts over https, or with `base_url` their stand-ins on a loopback server.

    There, `https://HOST/PATH?QUERY` stands at `base_url/HOST/PATH?QUERY`.
    """

    def __init__(self, allowed_hosts: Iterable[str], base_url: str | None = None) -> None:
        self._hosts = frozenset(host.lower().rstrip(".") for host in allowed_hosts)
        self._base = base_url.rstrip("/") if base_url else None
        if self._base and urlsplit(self._base).hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("base_url must be a loopback address such as http://127.0.0.1:8080")

    def actual(self, url: str) -> str:
        """Where to ask for an address of contract or catalogue. Raises SourceError if it may not be asked."""
        if self._base is None or not url.startswith("https://"):
            self._check(url)
            return url
        self._check_live(url)
        return f"{self._base}/{url.removeprefix('https://')}"

    def may_ask(self, url: str) -> bool:
        """Whether an address of contract or catalogue is one of the partner's own."""
        try:
            self._check_live(url)
        except SourceError:
            return False
        return True

    def source_url(self, url: str) -> str:
        """How an address is recorded; the sandbox's port changes from run to run and is no part of it."""
        if self._base is None:
            return url
        if url.startswith(f"{self._base}/"):
            return f"sandbox://{url.removeprefix(f'{self._base}/')}"
        return f"sandbox://{url.removeprefix('https://')}"

    def redirected(self, url: str, location: str) -> str:
        """Where a redirect leads. Raises SourceError unless to an allowed host, and over https."""
        target = urljoin(url, location)
        self._check(target)
        return target

    def permits(self, address: str) -> bool:
        """Whether a connection to this IP address is allowed: public ones, in the sandbox loopback only."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        ip = mapped or ip
        if self._base is not None:
            return ip.is_loopback
        return ip.is_global and not ip.is_multicast

    def _check(self, url: str) -> None:
        if self._base is None:
            self._check_live(url)
            return
        parts, base = _split(url), urlsplit(self._base)
        host = parts.path.lstrip("/").partition("/")[0].lower()
        if (parts.scheme, parts.netloc) != (base.scheme, base.netloc) or host not in self._hosts:
            raise _refused(parts if parts.netloc != base.netloc else None, host)

    def _check_live(self, url: str) -> None:
        parts = _split(url)
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme != "https":
            raise SourceError(
                f"redirect_refused: {host or 'an address'} was to be asked without https; tell the partner",
                outcome="refused",
            )
        if host not in self._hosts or parts.username is not None or _port(parts) not in (None, HTTPS_PORT):
            raise _refused(parts, host)


def _split(url: str) -> SplitResult:
    # parsers disagree about these characters, and what is checked here must be what is connected to
    if _UNSAFE.search(url):
        raise SourceError("redirect_refused: the address is malformed; tell the partner", outcome="refused")
    try:
        return urlsplit(url)
    except ValueError as error:
        raise SourceError("redirect_refused: the address is malformed; tell the partner", outcome="refused") from error


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return -1


def _refused(parts: SplitResult | None, host: str) -> SourceError:
    named = (parts.hostname if parts is not None else host) or "another place"
    return SourceError(
        f"redirect_refused: {named} is not among the feed's allowed_hosts; if the partner "
        "has moved there, add it to the contract",
        outcome="refused",
    )
