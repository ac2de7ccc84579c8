"""Deliveries by folder, with and without a manifest, and single files given by hand."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from vru.contracts import Contract, load_contract
from vru.transport import Asked, Limits

from tests.real_data import REAL, needs_real_data
from tests.unit.transport.partner import CSV, FAST, NOW, World, contract, police, resource

A, B, C = CSV, CSV + b"E09000003,Barnet\r\n", CSV + b"E09000004,Bexley\r\n"


def feed(**more: Any) -> Contract:
    return contract({"kind": "inbox"}, **more)


class Inbox:
    """The folder of feed `areas`."""

    def __init__(self, world: World) -> None:
        self.world, self.root = world, world.root / "inbox"
        self.folder = self.root / "areas"
        self.folder.mkdir(parents=True)

    def put(self, name: str, body: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(body)
        return path

    def manifest(self, *lines: str, header: str = "file,vintage_at,rows,sha256", end: str = "\n") -> None:
        self.put("manifest.csv", "".join(line + end for line in (header, *lines)).encode())

    def ask(self, what: Contract | None = None, **options: Any) -> list[Asked]:
        return self.world.ask(what or feed(), profile="files", base_url=None, inbox=self.root, **options)

    def one(self, what: Contract | None = None, **options: Any) -> Asked:
        (asked,) = self.ask(what, **options)
        return asked


@pytest.fixture
def inbox(world: World) -> Inbox:
    return Inbox(world)


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_files_are_taken_in_order_of_vintage_then_line(inbox: Inbox) -> None:
    for name, body in {"a.csv": A, "b.csv": B, "c.csv": C, "d.csv": A + b"d"}.items():
        inbox.put(name, body)
    inbox.manifest(
        f"c.csv,2024-03-01,4,{sha(C)}",
        "a.csv,2023-01-01T09:00:00+01:00,,",
        f"b.csv,2024-03-01,3,{sha(B).upper()}",
        "d.csv,2022-06-30T23:59:59Z,7",
    )
    received = [asked.received[0] for asked in inbox.ask()]
    assert [
        (r.file_name, r.vintage_at, r.manifest_line, r.manifest_rows, r.is_whole) for r in received
    ] == [
        ("d.csv", datetime(2022, 6, 30, 23, 59, 59, tzinfo=UTC), 5, 7, None),
        ("a.csv", datetime(2023, 1, 1, 8, tzinfo=UTC), 3, None, None),
        ("c.csv", datetime(2024, 3, 1, tzinfo=UTC), 2, 4, True),
        ("b.csv", datetime(2024, 3, 1, tzinfo=UTC), 4, 3, True),
    ]  # fmt: skip
    assert {r.vintage_source for r in received} == {"manifest"}
    assert inbox.world.read(received[2].sha256) == C
    assert received[2].source_url == "inbox:areas/c.csv"
    assert all(not r.warning and not r.refusal and r.resource == "area" for r in received)


def test_a_manifest_as_a_spreadsheet_writes_it_is_read(inbox: Inbox) -> None:
    inbox.put("a, b.csv", A)
    inbox.manifest('"a, b.csv", 2024-03-01 , 2 ,', "", ",,,", header="\ufeffFile, Vintage_At,rows,sha256", end="\r\n")
    assert inbox.one().received[0].manifest_line == 2


def test_a_b_a_ends_at_a(inbox: Inbox) -> None:
    inbox.put("a.csv", A)
    inbox.put("b.csv", B)
    inbox.manifest("a.csv,2023-01-01,,", "b.csv,2023-02-01,,", "a.csv,2023-03-01,,")
    received = [asked.received[0] for asked in inbox.ask()]
    assert [r.sha256 for r in received] == [sha(A), sha(B), sha(A)]
    assert received[0].source_url != received[2].source_url
    assert [asked.outcome for asked in inbox.ask()] == ["unchanged"] * 3


def test_a_dated_file_states_its_date_every_time(inbox: Inbox) -> None:
    inbox.put("a.csv", A)
    inbox.manifest("a.csv,2023-01-01,,")
    assert inbox.one().outcome == "new"
    again = inbox.one()
    assert (again.outcome, len(again.received)) == ("unchanged", 1)
    inbox.manifest("a.csv,2023-02-01,,")
    moved = inbox.one()
    assert (moved.outcome, moved.received[0].vintage_at) == ("unchanged", datetime(2023, 2, 1, tzinfo=UTC))


def test_an_open_feed_loads_what_no_line_names_with_a_warning(inbox: Inbox) -> None:
    inbox.put("a.csv", A)
    inbox.put("b.csv", B)
    inbox.put(".hidden.csv", B)
    (inbox.folder / "older").mkdir()
    inbox.manifest("b.csv,2023-01-01,,")
    dated, loose = inbox.ask()
    (received,) = loose.received
    assert (dated.received[0].file_name, received.file_name, loose.outcome) == ("b.csv", "a.csv", "new")
    assert (received.vintage_at, received.vintage_source, received.is_whole) == (None, "received", None)
    assert received.warning.startswith("no_manifest_line: ")
    again = inbox.ask()[1]
    assert (again.outcome, again.received) == ("unchanged", ()), "an undated repeat is only an attempt"
    inbox.put("a.csv", C)
    assert inbox.ask()[1].outcome == "new"
    inbox.put("a.csv", A)
    assert len(inbox.ask()[1].received) == 1, "a file that returns is stated again"


def test_a_restricted_feed_refuses_what_no_line_names(inbox: Inbox) -> None:
    inbox.put("a.csv", A)
    for _ in range(2):
        asked = inbox.one(feed(personal_data=True))
        assert asked.outcome == "refused"
        assert asked.received[0].refusal == asked.reason
        assert asked.reason.startswith("no_manifest_line: ")
    inbox.manifest("a.csv,2023-01-01,,")
    assert inbox.one(feed(personal_data=True)).outcome == "new"


def test_another_sha256_than_the_manifest_states_is_refused(inbox: Inbox) -> None:
    inbox.put("a.csv", B)
    inbox.manifest(f"a.csv,2023-01-01,2,{sha(A)}")
    asked = inbox.one()
    (received,) = asked.received
    assert (asked.outcome, asked.sha256, received.sha256) == ("refused", sha(B), sha(B))
    assert received.refusal == asked.reason
    assert received.refusal.startswith("checksum_mismatch: manifest.csv, line 2 ")
    assert received.is_whole is None
    inbox.put("a.csv", A)
    assert inbox.one().outcome == "new"


def test_a_line_without_its_file_fails_and_the_others_go_on(inbox: Inbox) -> None:
    inbox.put("a.csv", A)
    inbox.manifest("gone.csv,2022-01-01,,", "a.csv,2023-01-01,,")
    gone, sound = inbox.ask()
    assert (gone.outcome, gone.is_retryable, gone.received, sound.outcome) == ("failed", False, (), "new")
    assert gone.reason.startswith("no_such_file: ")
    assert gone.source_url == "inbox:areas/gone.csv"


@pytest.mark.parametrize(
    "line",
    [
        "a.csv,01/03/2024,,",
        "a.csv,,,",
        "a.csv",
        "a.csv,2024-02-30,,",
        "a.csv,2024-03-01,many,",
        "a.csv,2024-03-01,-1,",
        "a.csv,2024-03-01,,abc",
        "../a.csv,2024-03-01,,",
        "/etc/passwd,2024-03-01,,",
        "..,2024-03-01,,",
        ",2024-03-01,,",
    ],
)
def test_a_line_that_cannot_be_used_is_named(inbox: Inbox, line: str) -> None:
    inbox.put("b.csv", B)
    inbox.manifest(line, "b.csv,2023-01-01,,")
    bad, sound = inbox.ask()
    assert (bad.outcome, bad.received, sound.outcome) == ("refused", (), "new")
    assert bad.reason.startswith("manifest_line: manifest.csv, line 2: ")
    assert "passwd" not in bad.reason


@pytest.mark.parametrize(
    "content",
    [b"", b"name,date\na.csv,2024\n", b"file,vintage_at\n\xff\xfe,2024-01-01\n", b'file,vintage_at\n"a.csv,2024\n'],
)
def test_an_unreadable_manifest_stops_the_folder(inbox: Inbox, content: bytes) -> None:
    inbox.put("a.csv", A)
    inbox.put("manifest.csv", content)
    asked = inbox.one()
    assert (asked.outcome, asked.received) == ("refused", ())
    assert asked.reason.startswith("manifest_unreadable: ")
    assert inbox.world.landed() == 0


def test_a_vintage_in_the_future_is_not_believed(inbox: Inbox) -> None:
    inbox.put("a.csv", A)
    inbox.put("b.csv", B)
    inbox.manifest("a.csv,2090-01-01,,", f"b.csv,{NOW:%Y-%m-%d},,")
    received = {asked.received[0].file_name: asked.received[0] for asked in inbox.ask()}
    assert (received["a.csv"].vintage_at, received["a.csv"].vintage_source) == (None, "received")
    assert received["a.csv"].warning.startswith("vintage_in_future: ")
    assert received["a.csv"].manifest_line == 2
    assert received["b.csv"].vintage_at == NOW.replace(hour=0)


def test_an_empty_inbox_is_not_yet(inbox: Inbox) -> None:
    assert (inbox.one().outcome, inbox.one().reason[:8]) == ("not_yet", "no_files")
    inbox.folder.rmdir()
    assert (inbox.one().outcome, inbox.one().reason[:9]) == ("not_yet", "no_folder")


def test_only_plain_files_of_the_folder_are_read(inbox: Inbox) -> None:
    secret = inbox.world.root / "secret.csv"
    secret.write_bytes(b"secret")
    (inbox.folder / "link.csv").symlink_to(secret)
    (inbox.folder / "broken.csv").symlink_to("nowhere.csv")
    (inbox.folder / "loop.csv").symlink_to("loop.csv")
    os.mkfifo(inbox.folder / "pipe.csv")
    inbox.put("real.csv", A)
    (inbox.folder / "within.csv").symlink_to("real.csv")
    found = {asked.source_url.rpartition("/")[2]: asked for asked in inbox.ask()}
    assert {name: asked.outcome for name, asked in found.items()} == {
        "broken.csv": "failed",
        "link.csv": "refused",
        "loop.csv": "failed",
        "pipe.csv": "refused",
        "real.csv": "new",
        "within.csv": "new",
    }
    assert not inbox.world.landing.exists(sha(b"secret"))


def test_what_is_too_large_is_refused(inbox: Inbox) -> None:
    inbox.put("a.csv", A)
    asked = inbox.one(limits=Limits(max_bytes=len(A) - 1))
    assert (asked.outcome, asked.reason[:9]) == ("refused", "too_large")
    assert inbox.one(limits=Limits(max_bytes=len(A))).outcome == "new"


def test_a_name_that_fits_no_resource_is_loaded_where_the_manifest_lists_it(inbox: Inbox) -> None:
    two = contract({"kind": "inbox"}, resource("borough", "borough"), resource("ward", "ward"))
    inbox.put("Ward_list.csv", A)
    inbox.put("x.csv", B)
    word, fits = inbox.ask(two)
    assert (fits.resource, fits.received[0].resource) == ("ward", "ward")
    assert (word.outcome, word.received, word.reason[:35]) == ("not_yet", (), "left_alone: 1 file is no delivery o")
    assert ": x.csv; to load one, list it in manifest.csv" in word.reason
    inbox.manifest("x.csv,2024-03-01,,")
    unknown, fits = inbox.ask(two)
    assert (unknown.resource, unknown.received[0].resource) == ("", "")
    assert "unknown_name: " in unknown.received[0].warning


def test_only_the_periods_that_were_asked_for_are_read(inbox: Inbox) -> None:
    what = police().model_copy(update={"feed": "areas"})
    for name in ("2024_01_btp_street", "2024_02_btp_street", "2024_03_btp_street", "undated"):
        inbox.put(f"{name}.csv", name.encode())
    inbox.manifest("undated.csv,2024-03-01,,")

    def starts(**options: Any) -> list[date | None]:
        return [asked.period_start for asked in inbox.ask(what, **options)]

    january, february, march = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)
    assert starts() == [None, january, february, march]
    assert starts(since=date(2024, 2, 15)) == [None, february, march]
    assert starts(period=date(2024, 2, 15)) == [None, february]


# What lies in a folder and is no delivery


WHOLE = "2024-01-btp-street.csv"
FOREIGN = [
    "2024-02-btp-street.csv.crdownload", "2024-02-btp-street.csv.part", "2024-02-btp-street.csv.filepart",
    "2024-02-btp-street.csv.tmp", "2024-02-btp-street.tmp", "2024-02-btp-street.csv~", "2024-02-btp-street.csv.bak",
    "~$24-02-btp-street.csv", "~$2024-02-btp-street.csv", "#2024-02-btp-street.csv#", "Thumbs.db", "desktop.ini",
    "readme.txt", "2024-02-btp-outcomes.csv", "other.zip", "Unconfirmed 4711.crdownload", "2024-02-btp-street.lnk",
]  # fmt: skip
HIDDEN = ["._2024-02-btp-street.csv", ".2024-02-btp-street.csv.Zk1x9P", ".~lock.2024-02-btp-street.csv#", ".DS_Store"]


def test_partly_written_and_foreign_files_are_no_deliveries(inbox: Inbox) -> None:
    what = police().model_copy(update={"feed": "areas"})
    for name in (*FOREIGN, *HIDDEN):
        inbox.put(name, b"code,na")
    with zipfile.ZipFile(inbox.folder / "other.zip", "w") as other:
        other.writestr("2024-01-btp-outcomes.csv", "x")
    inbox.put(WHOLE, A)
    for _ in range(2):
        word, taken = inbox.ask(what)
        assert (word.outcome, word.received, word.is_retryable) == ("not_yet", (), False)
        assert word.reason.startswith(f"left_alone: {len(FOREIGN)} files are ")
        assert f" and {len(FOREIGN) - 5} more" in word.reason
        assert (taken.source_url, taken.outcome in ("new", "unchanged")) == (f"inbox:areas/{WHOLE}", True)
    assert inbox.world.landed() == 1, "nothing of them is kept"
    restricted = what.model_copy(update={"personal_data": True})
    assert "Thumbs" not in inbox.ask(restricted)[0].reason
    (inbox.folder / WHOLE).unlink()
    (word,) = inbox.ask(what)
    assert word.reason.startswith("left_alone: ")


@pytest.mark.parametrize(
    "name",
    [
        "2024-02-btp-street.csv", "2024_02_BTP_Street.CSV", "2024-02-btp-street", "2024-02-btp-street (1).csv",
        "Copy of 2024-02-btp-street.csv", "_2024-02-btp-street.csv", "2024-02-btp-street.csv.gz",
        "2024-02-btp-street.parquet", "2024-02-btp-street.xlsx",
    ],
)  # fmt: skip
def test_a_whole_name_is_a_delivery_whatever_stands_around_it(inbox: Inbox, name: str) -> None:
    """Also one that says that the content is what the feed never sends: the parse says so then."""
    inbox.put(name, A)
    assert inbox.one(police().model_copy(update={"feed": "areas"})).partition == "btp"


def test_a_file_that_is_named_by_hand_is_always_taken(inbox: Inbox) -> None:
    path = inbox.put("~$2024-02-btp-street.csv.part", A)
    asked = inbox.world.one(police(), profile="files", base_url=None, file=path)
    assert (asked.outcome, asked.partition) == ("new", "btp")


def test_a_listed_file_is_taken_whatever_its_name(inbox: Inbox) -> None:
    inbox.put("delivery.tmp", A)
    inbox.manifest("delivery.tmp,2024-03-01,,")
    assert inbox.one(police().model_copy(update={"feed": "areas"})).outcome == "new"


class Writer:
    """Goes on writing to files until it is stopped."""

    def __init__(self, *paths: Path) -> None:
        self._paths, self._stop = paths, threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def _write(self) -> None:
        while not self._stop.wait(0.002):
            for path in self._paths:
                with path.open("ab") as stream:
                    stream.write(b"E09000009,Ealing\r\n")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_file_is_taken_when_it_has_stopped_growing(inbox: Inbox) -> None:
    growing, whole = inbox.put("a.csv", A), inbox.put("b.csv", B)
    with Writer(growing):
        waits, taken = inbox.ask()
    assert (waits.outcome, waits.received, waits.source_url) == ("not_yet", (), "inbox:areas/a.csv")
    assert waits.reason.startswith("growing: a.csv is still being written; ")
    assert (taken.outcome, taken.source_url) == ("new", f"inbox:areas/{whole.name}")
    assert inbox.world.landed() == 1
    first, second = inbox.ask()
    assert (first.outcome, second.outcome) == ("new", "unchanged")
    assert inbox.world.read(first.sha256) == growing.read_bytes()


def test_a_file_whose_size_stands_still_while_it_is_written_is_not_at_rest(inbox: Inbox) -> None:
    """As of a program that makes room for the whole first, and sets the time of the original."""
    path = inbox.put("a.csv", A)
    stop = threading.Event()

    def fill() -> None:
        while not stop.wait(0.002):
            path.write_bytes(A.swapcase())
            os.utime(path, (1_600_000_000, 1_600_000_000))

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        assert {asked.reason[:9] for asked in inbox.ask()} <= {"growing: ", "changing:"}
    finally:
        stop.set()
        thread.join()


def test_nothing_is_taken_while_the_manifest_is_written(inbox: Inbox) -> None:
    inbox.put("a.csv", A)
    inbox.manifest("a.csv,2023-01-01,,")
    with Writer(inbox.folder / "manifest.csv"):
        asked = inbox.one()
    assert (asked.outcome, asked.reason[:22]) == ("not_yet", "growing: manifest.csv ")
    assert inbox.world.landed() == 0


def test_two_looks_cost_one_pause_for_a_folder_and_none_for_one_at_rest(inbox: Inbox) -> None:
    for number in range(20):
        inbox.put(f"{number}.csv", A + bytes(str(number), "ascii"))
    patient = replace(FAST, settle_seconds=0.5)

    def took(limits: Limits) -> float:
        started = time.monotonic()
        assert len(inbox.ask(limits=limits)) == 20
        return time.monotonic() - started

    at_rest = min(took(replace(patient, quiet_seconds=-3600)) for _ in range(3))
    fresh = min(took(patient) for _ in range(3))
    assert 0.5 < fresh < 2.0 + at_rest
    assert fresh - at_rest > 0.3


def archive() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as writing:
        for name in ("2024-01/2024-01-btp-street.csv", "2024-01/2024-01-btp-outcomes.csv"):
            writing.writestr(zipfile.ZipInfo(name, (2024, 3, 28, 9, 0, 0)), name.encode() * 10)
    return target.getvalue()


def test_an_archive_that_was_downloaded_by_hand_is_read(inbox: Inbox) -> None:
    what = police().model_copy(update={"feed": "areas"})
    path = inbox.put("2024-01.zip", archive())
    for asked in (inbox.one(what), inbox.world.one(what, file=path, profile="files", base_url=None)):
        (received,) = asked.received
        assert (asked.outcome, received.file_name, received.partition) == ("new", "2024-01-btp-street.csv", "btp")
        assert received.container_sha256 == asked.sha256
        assert received.vintage_at == datetime(2024, 3, 28, 9, tzinfo=UTC)
        assert "no_manifest_line" in received.warning
    inbox.manifest(f"2024-01.zip,2024-03-29,,{sha(archive())}")
    assert inbox.one(what).received[0].vintage_at == datetime(2024, 3, 29, tzinfo=UTC)
    inbox.manifest(f"2024-01.zip,2024-03-29,,{sha(b'x')}")
    assert inbox.one(what).reason.startswith("checksum_mismatch: ")
    path.write_bytes(archive()[:-30])
    inbox.manifest("2024-01.zip,2024-03-29,,")
    assert inbox.one(what).reason.startswith("corrupt_archive: ")


# A single file


def test_a_file_by_hand_needs_no_folder_and_no_profile(world: World) -> None:
    path = world.root / "areas.csv"
    path.write_bytes(A)
    nomis = load_contract("ons_population")
    for profile in ("files", "sandbox", "live"):
        asked = world.one(nomis, profile=profile, base_url=None, file=path)
        assert asked.source_url == "file:areas.csv"
    (received,) = world.one(feed(), profile="files", base_url=None, file=path, limits=FAST).received or (None,)
    assert received is None, "the same file again says nothing new"


def test_a_file_by_hand_uses_the_manifest_beside_it(inbox: Inbox) -> None:
    path = inbox.put("a.csv", A)
    inbox.put("b.csv", B)
    inbox.manifest("b.csv,2022-01-01,,", f"a.csv,2023-01-01,2,{sha(A)}")
    asked = inbox.world.one(feed(personal_data=True), profile="files", base_url=None, file=path)
    (received,) = asked.received
    assert (received.vintage_at, received.manifest_line) == (datetime(2023, 1, 1, tzinfo=UTC), 3)
    link = inbox.world.root / "linked.csv"
    link.symlink_to(path)
    (received,) = inbox.world.one(feed(), profile="files", base_url=None, file=link).received
    assert (received.file_name, received.vintage_source) == ("linked.csv", "received")


def test_a_file_that_is_not_there_fails(world: World) -> None:
    asked = world.one(feed(), profile="files", base_url=None, file=world.root / "gone.csv")
    assert (asked.outcome, asked.is_retryable) == ("failed", False)
    assert asked.reason.startswith("no_such_file: ")


@needs_real_data
@pytest.mark.parametrize("name", ["police_uk_street", "mps_homicide_victims", "ons_population", "ons_geography"])
def test_the_real_folders_are_read_without_a_complaint(world: World, name: str) -> None:
    asked = world.ask(load_contract(name), profile="files", base_url=None, inbox=REAL, limits=Limits())
    lines = (REAL / name / "manifest.csv").read_text().splitlines()[1:]
    assert len(asked) == len(lines)
    received = [item for each in asked for item in each.received]
    assert {line.split(",")[0]: line.split(",")[3] for line in lines} == {r.file_name: r.sha256 for r in received}
    assert all(r.resource and r.is_whole and not r.warning and not r.refusal for r in received)
    vintages = [r.vintage_at for r in received if r.vintage_at is not None]
    assert vintages == sorted(vintages)
    assert len(vintages) == len(received)
