"""Rows 3 and 5 to 8: the answer of a partner, and the way it comes.

Row 3 is about files, and runs with the others in `test_bad_input.py`. Rows 5 to 8 are about requests, with their
limits, waits and number; each of them is an `OnTheWire`, and `test_transport.py` runs it.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from vru.transport import Limits

from tests.faults import changes as c
from tests.faults.case import Case, Channel, Expected, Variants, by_feed, exact, failed, refused, rejected
from tests.faults.feeds import ARCHIVES, CATALOGUED, FEEDS, PAGED, SERVED, Feed
from tests.faults.partners import zipped

VARIANTS: Variants = {
    3: ("gzip_crc_wrong", "gzip_truncated", "zip_central_dir_missing", "md5_mismatch", "bit_flip_in_member"),
}
WIRE_VARIANTS: Variants = {
    5: ("seconds", "http_date", "absurd_10_days", "negative", "missing_header"),
    6: ("401_expired_key", "403_ip", "404_unpublished_month", "404_moved_url", "403_on_one_page"),
    7: ("one_byte_per_second", "stall_after_headers", "stall_mid_body", "slow_headers", "never_closes"),
    8: ("other_host", "loopback", "metadata_ip", "https_to_http", "redirect_loop"),
}
NO_MONTH = "its address names no month, so that nothing there can be unpublished yet"
NOT_ASKED = "it is put into a folder; nobody is asked for it"
WIRE_NOT_APPLICABLE: dict[tuple[int, str, str], str] = {
    **{(6, "404_unpublished_month", feed.name): NO_MONTH for feed in (*CATALOGUED, *PAGED)},
    **{(row, variant, feed.name): NOT_ASKED for row, names in WIRE_VARIANTS.items() for variant in names
       for feed in FEEDS if feed not in SERVED},
}  # fmt: skip

# Row 3

GZIP = {"Content-Encoding": "gzip"}


def flipped(feed: Feed, content: bytes) -> bytes:
    """One bit in the middle is another."""
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 0x04
    return bytes(changed)


def one_record_twice(feed: Feed, content: bytes) -> bytes:
    """Nothing is wrong to the eye: the last record, or of one line the last byte, stands there twice."""
    return content + (c.lines(content)[-1] if content.count(b"\n") > 1 else b" ")


def gzip_crc_wrong(body: bytes) -> bytes:
    """Compressed, with another checksum at the end."""
    packed = bytearray(gzip.compress(body))
    packed[-8] ^= 0xFF
    return bytes(packed)


def gzip_truncated(body: bytes) -> bytes:
    """Compressed, without the end of the stream."""
    return gzip.compress(body)[:-12]


def without_directory(feed: Feed, archive: bytes) -> bytes:
    """The end record points to a directory that is not there."""
    return archive[: archive.index(b"PK\x01\x02")] + archive[archive.index(b"PK\x05\x06") :]


def in_archive(change: Callable[[Feed, bytes], bytes]) -> Callable[[Feed, bytes], bytes]:
    """The file in an archive of its own, of which that becomes."""
    return lambda feed, content: change(feed, zipped(f"2022-08/{feed.file_name}", content))


def damaged_archive(by_hand: str, tries: int = 2) -> Expected:
    """Feeds that come in archives refuse a damaged one; the others take none."""
    is_refused = {feed.name: refused("corrupt_archive", tries=tries) for feed in ARCHIVES}
    return by_feed({feed.name: rejected(by_hand) for feed in FEEDS} | is_refused)


SEALED: Expected = rejected("checksum_mismatch", in_reason="line 2")
"""The manifest's sha256 is that of the clean file."""

CASES: list[Case] = [
    # an answer that is compressed on its way only; what never was whole is no delivery
    Case(3, "gzip_crc_wrong", c.as_is, failed("corrupt"), Channel.FAULT, "http", fault="alter",
         params={"change": gzip_crc_wrong, "headers": GZIP}, only=SERVED),
    Case(3, "gzip_crc_wrong", c.as_is, exact(tries=2), Channel.FAULT_ONCE, "http_once", fault="alter",
         params={"change": gzip_crc_wrong, "headers": GZIP}, only=SERVED),
    Case(3, "gzip_truncated", c.as_is, failed("truncated"), Channel.FAULT, "http", fault="alter",
         params={"change": gzip_truncated, "headers": GZIP}, only=SERVED),
    Case(3, "gzip_truncated", c.as_is, exact(tries=2), Channel.FAULT_ONCE, "http_once", fault="alter",
         params={"change": gzip_truncated, "headers": GZIP}, only=SERVED),
    # a compressed file by hand: no contract takes one
    Case(3, "gzip_crc_wrong", lambda feed, content: gzip_crc_wrong(content), rejected("gzip_file"), note="by_hand"),
    Case(3, "gzip_truncated", lambda feed, content: gzip_truncated(content), rejected("gzip_file"), note="by_hand"),
    # archives
    Case(3, "zip_central_dir_missing", without_directory, refused("corrupt_archive", tries=2), Channel.WIRE, "http",
         only=ARCHIVES),
    Case(3, "zip_central_dir_missing", c.as_is, exact(tries=2), Channel.FAULT_ONCE, "http_once", fault="alter",
         params={"change": lambda body: without_directory(ARCHIVES[0], body)}, only=ARCHIVES),
    Case(3, "zip_central_dir_missing", in_archive(without_directory), damaged_archive("zip_file"), note="by_hand"),
    Case(3, "bit_flip_in_member", flipped, refused("corrupt_archive", tries=2), Channel.WIRE, "http", only=ARCHIVES),
    Case(3, "bit_flip_in_member", in_archive(flipped), damaged_archive("zip_file"), note="by_hand"),
    # a checksum beside the file: the catalogue's MD5, the manifest's sha256
    Case(3, "bit_flip_in_member", flipped, rejected("checksum_mismatch", tries=2), Channel.WIRE, "http_catalogue",
         only=CATALOGUED),
    Case(3, "bit_flip_in_member", flipped, SEALED, Channel.SEALED, "sealed"),
    Case(3, "md5_mismatch", one_record_twice, rejected("checksum_mismatch", tries=2), Channel.WIRE, "http",
         only=CATALOGUED),
    Case(3, "md5_mismatch", c.as_is, exact(tries=2), Channel.FAULT_ONCE, "http_once", fault="alter",
         params={"change": lambda body: body + b" "}, only=CATALOGUED),
    Case(3, "md5_mismatch", one_record_twice, SEALED, Channel.SEALED, "by_hand"),
]  # fmt: skip

# Rows 5 to 8

USUAL = Limits()
WAITING = Limits(attempts=2, backoff_seconds=0.2, backoff_cap_seconds=0.2, retry_after_cap_seconds=60.0)
CAPPED = Limits(attempts=2, backoff_seconds=0.2, backoff_cap_seconds=0.2, retry_after_cap_seconds=0.6)
IMPATIENT = Limits(idle_seconds=2.0, total_seconds=60.0, attempts=2, backoff_seconds=0.1)
SHORT = Limits(idle_seconds=3.0, total_seconds=4.0, attempts=2, backoff_seconds=0.1)
"""As the defaults, only sooner, so that a case takes seconds."""


@dataclass(frozen=True)
class Place:
    """Where things stand while a case runs: what a redirect may lead to."""

    url: str
    """The sandbox's own address."""
    other_url: str
    """Another server on loopback, which nobody may ask."""
    path: str
    """Of the file on the sandbox server, the partner's host first."""

    @property
    def live(self) -> str:
        """Host and path at the live partner."""
        return self.path.lstrip("/")


Params = Callable[[Place], Mapping[str, Any]]


@dataclass(frozen=True)
class OnTheWire:
    """One line of the table about requests; it runs for every feed, or for those of `only`."""

    row: int
    variant: str
    fault: str
    """Kind of the sandbox's fault."""
    expect: Expected
    params: Params = field(default=lambda place: {})
    """Of the fault."""
    times: int | None = None
    """How often it happens; None: every time."""
    limits: Limits = USUAL
    seconds: tuple[float, float] | None = None
    """Between the first two requests for the file, as the partner sees them."""
    lasts: float = 0.0
    """At least, in seconds: every try that fails takes its limit."""
    note: str = ""
    is_latest: bool = False
    """The newest archive is asked for, whatever its month."""
    only: tuple[Feed, ...] = SERVED

    @property
    def name(self) -> str:
        """`bi<row>_<variant>`, and the note."""
        return f"bi{self.row}_{self.variant}" + (f"-{self.note}" if self.note else "")


def given(**params: Any) -> Params:
    """The same parameters wherever it runs."""
    return lambda place: params


def in_three_seconds() -> str:
    """An instant as HTTP writes it, in whole seconds."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)


def busy(variant: str, code: int, limits: Limits, seconds: tuple[float, float], **params: Any) -> list[OnTheWire]:
    """A partner that is busy once, and one that stays so."""
    said = given(code=code, **params)
    return [
        OnTheWire(5, variant, "status", exact(tries=2), said, 1, limits, seconds, note="once"),
        OnTheWire(5, variant, "status", failed(f"http_{code}", tries=2), said, None, limits, seconds),
    ]


def slow(variant: str, fault: str, limits: Limits = IMPATIENT, note: str = "", **params: Any) -> list[OnTheWire]:
    """A partner that is too slow once, and one that stays so: over the idle or the total limit of every try."""
    ends = limits.idle_seconds if limits is IMPATIENT else limits.total_seconds
    once, said = f"{note}_once" if note else "once", given(**params)
    return [
        OnTheWire(7, variant, fault, exact(tries=2), said, 1, limits, lasts=ends, note=once),
        OnTheWire(7, variant, fault, failed("timeout", tries=2), said, None, limits, lasts=2 * ends, note=note),
    ]


def elsewhere(variant: str, url: Callable[[Place], str], note: str = "") -> OnTheWire:
    """A redirect to where the contract does not allow."""
    return OnTheWire(
        8, variant, "redirect_to", refused("redirect_refused", "bad_address"), lambda p: {"url": url(p)}, note=note
    )


def hops(feed: Feed) -> int:
    """Redirects that a request has behind it when it reaches the file: data.police.uk sends on to its store."""
    return 1 if feed in ARCHIVES else 0


LONG = 30.0
"""More than any wait asked for here, however busy the machine; less than what would be waited by mistake."""

ON_THE_WIRE: list[OnTheWire] = [
    # 5: busy. What the partner asks for is waited, up to the cap; a header that says nothing sensible counts as none.
    *busy("seconds", 429, WAITING, (1.0, LONG), retry_after=1),
    *busy("http_date", 503, WAITING, (1.9, LONG), retry_after=in_three_seconds),
    *busy("absurd_10_days", 503, CAPPED, (0.6, LONG), retry_after=864_000),
    *busy("negative", 429, WAITING, (0.0, LONG), retry_after=-60),
    *busy("missing_header", 503, WAITING, (0.0, LONG)),
    # 6: a plain no, which asking again does not change
    OnTheWire(6, "401_expired_key", "status", failed("http_401", tries=1), given(code=401)),
    OnTheWire(6, "403_ip", "status", failed("http_403", tries=1), given(code=403)),
    OnTheWire(6, "404_moved_url", "status", failed("http_404", tries=1), given(code=404),
              only=(*CATALOGUED, *PAGED)),
    OnTheWire(6, "404_moved_url", "status", failed("http_404", tries=1), given(code=404), is_latest=True,
              only=ARCHIVES),
    # 7: slow. Nothing for `idle_seconds`, or not all within `total_seconds`.
    *slow("one_byte_per_second", "slow_body", SHORT, chunk=1, seconds=1),
    *slow("stall_after_headers", "stall_after_headers", seconds=20),
    *slow("stall_mid_body", "stall_mid_body", seconds=20),
    *slow("slow_headers", "slow_headers", seconds=20),
    *slow("slow_headers", "trickled_headers", SHORT, "trickled", chunk=1, seconds=0.25),
    *slow("never_closes", "never_closes", seconds=20),
    # 8: sent elsewhere
    elsewhere("other_host", lambda place: "https://evil.example/data.csv"),
    elsewhere("other_host", lambda place: f"{place.url}/evil.example/data.csv", "in_the_sandbox"),
    elsewhere("other_host", lambda place: f"//evil.example{place.path}", "without_scheme"),
    elsewhere("other_host", lambda place: f"http://name:hunter2@{place.url.removeprefix('http://')}{place.path}",
              "with_credentials"),
    elsewhere("loopback", lambda place: f"{place.other_url}{place.path}"),
    elsewhere("loopback", lambda place: f"http://localhost:{place.other_url.rpartition(':')[2]}{place.path}", "by_name"),
    elsewhere("metadata_ip", lambda place: "http://169.254.169.254/latest/meta-data/"),
    elsewhere("metadata_ip", lambda place: f"http://[::ffff:169.254.169.254]/{place.live}", "mapped"),
    elsewhere("https_to_http", lambda place: f"http://{place.live}"),
    OnTheWire(8, "redirect_loop", "redirect_loop",
              lambda feed: failed("redirect_loop", tries=USUAL.max_redirects + 1 - hops(feed))(feed)),
]  # fmt: skip
