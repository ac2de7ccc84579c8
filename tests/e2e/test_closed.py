"""Nothing leaves the machine while the platform runs, and no value leaves the tables that are there for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from vru.settings import CHECKOUT
from vru.warehouse.server.cluster import cluster_dir
from vru.warehouse.server.embedded import Server

from tests.e2e import alone, canaries
from tests.e2e.conftest import VRU, Home

RUN_SECONDS = 280

REACHES_OUT = """
import socket
def quietly(call, *arguments):
    try:
        call(*arguments)
    except OSError:
        pass
def connect(family, address):
    with socket.socket(family) as tcp:
        tcp.settimeout(0.2)
        tcp.connect((address, 443))
quietly(connect, socket.AF_INET, "203.0.113.9")
quietly(connect, socket.AF_INET6, "2001:db8::9")
quietly(socket.getaddrinfo, "telemetry.example", 443)
quietly(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto, b"usage", ("203.0.113.10", 8125))
"""


@dataclass(frozen=True)
class Run:
    """A command that ran alone: what it said, and what tried to leave the machine."""

    done: subprocess.CompletedProcess[str]
    packets: list[tuple[str, str, int]]
    unroutable: int


def run_alone(report: Path, command: list[str | Path], environment: dict[str, str] | None = None) -> Run:
    """Run a command on a machine that is alone; skips where the system gives no network namespace."""
    done = subprocess.run(
        [sys.executable, alone.__file__, str(report), *map(str, command)],
        env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=RUN_SECONDS,
    )  # fmt: skip
    if done.returncode == alone.IMPOSSIBLE:
        pytest.skip(done.stderr.strip())
    left = json.loads(report.read_text(encoding="utf-8"))
    return Run(done, [tuple(packet) for packet in left["packets"]], left["unroutable"])


def test_whatever_any_process_sends_is_seen(tmp_path: Path) -> None:
    """The proof below can fail: by address and by name, IPv4 and IPv6, TCP and UDP, from a child of a child."""
    found = run_alone(tmp_path / "left.json", ["sh", "-c", f"'{sys.executable}' -c '{REACHES_OUT}'; true"])
    if found.packets:
        assert set(found.packets) == {
            ("tcp", "203.0.113.9", 443), ("udp", alone.NAME_SERVER, 53), ("udp", "203.0.113.10", 8125),
        }  # fmt: skip
        assert found.unroutable == 1, "IPv6"
    else:
        assert found.unroutable >= 4


def test_what_stays_on_the_machine_is_not(tmp_path: Path) -> None:
    listens = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    found = run_alone(tmp_path / "left.json", [sys.executable, "-c", listens])
    assert (found.done.returncode, found.packets, found.unroutable) == (0, [], 0)


@pytest.mark.deep
def test_no_packet_leaves_the_machine_while_the_sandbox_is_run(new_home: Callable[..., Home], tmp_path: Path) -> None:
    home = new_home()
    run = run_alone(tmp_path / "left.json", [VRU, "run", "--feed", "ons_population"], home.variables)
    assert run.done.returncode == 0, run.done.stdout + run.done.stderr
    assert home.sql("select count(*) > 0 from ops.batch where status = 'admitted'") == [(True,)]
    assert (run.packets, run.unroutable) == ([], 0)


@dataclass(frozen=True)
class Planted:
    """A state folder after a run of deliveries with marked words in them, and all that commands said."""

    home: Home
    run: Run
    said: str
    listed: str
    """What `vru quarantine` said: the words of open feeds that stand in cells left empty, and no other."""


@pytest.fixture(scope="module")
def planted(new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("closed")
    home = new_home()
    (folder / "user").mkdir()
    home.environment["HOME"] = str(folder / "user")  # what a tool keeps for its user is searched too
    inbox = canaries.fill(folder / "inbox")
    run = run_alone(folder / "left.json", [VRU, "run", "--inbox", inbox], home.variables)
    assert run.done.returncode == 1, run.done.stdout + run.done.stderr
    said = [
        home(*listing.split(), expect=None) for listing in ("batches", "checks", "checks --json", "feeds", "status")
    ]
    listed = [home(*listing.split(), expect=None) for listing in ("quarantine", "quarantine --json")]
    return Planted(
        home, run,
        "".join(done.stdout + done.stderr for done in (run.done, *said)),
        "".join(done.stdout + done.stderr for done in listed),
    )  # fmt: skip


def test_no_packet_leaves_the_machine_while_an_inbox_is_run(planted: Planted) -> None:
    assert (planted.run.packets, planted.run.unroutable) == ([], 0)


def test_the_words_went_through_every_step(planted: Planted) -> None:
    """Files counted, were held and rejected; marts, report and Data Docs were made of them."""
    found = planted.home.sql(
        "select feed, status, count(*), sum(rows_quarantined)::integer from ops.batch group by 1, 2 order by 1, 2"
    )
    assert found == [
        ("mps_homicide_victims", "admitted", 2, 0),
        ("mps_homicide_victims", "held", 1, 1),
        ("mps_homicide_victims", "rejected", 2, 0),
        ("police_uk_stop_search", "admitted", 1, 0),
        ("police_uk_street", "admitted", 1, 2),
        ("police_uk_street", "held", 1, 19),
    ]
    assert planted.home.sql("select count(*) from quarantine.cell where received_value = 'canary-age'") == [(1,)]
    failed = planted.home.sql("select distinct check_id from ops.check_result where not is_success")
    assert len(failed) >= 4
    assert list((planted.home.path / "reports").glob("*.html"))
    assert list((planted.home.path / "data_docs").rglob("*.html"))


def test_no_word_stands_in_a_log_a_page_or_a_file_of_a_tool(planted: Planted) -> None:
    home = planted.home.path
    cluster = cluster_dir(home)
    assert cluster is not None
    landing = canaries.in_files([home / "landing"])
    assert [word for word, files in landing.items() if not files] == [], "the search finds what there is to find"
    found = canaries.in_files(
        [home, cluster, Path(planted.home.environment["HOME"]), CHECKOUT / "dbt_project"],
        outside=[home / "landing", cluster / "data"],
    )
    assert {word: files for word, files in found.items() if files} == {}
    assert [word for word in canaries.WORDS if word in planted.said] == []
    assert [word for word in canaries.WORDS if word in planted.listed] == [canaries.PUBLIC_WORD]


def test_a_word_stands_only_in_the_tables_that_are_there_for_it(planted: Planted) -> None:
    server = Server(planted.home.path).ensure()
    expected: dict[str, list[str]] = {word: [] for word in canaries.STORED_NOWHERE}
    expected |= {word: [table] for word, table in canaries.QUARANTINED.items()}
    expected |= {word: list(tables) for word, tables in canaries.RECEIVED.items()}
    assert canaries.in_tables(server, "vru") == expected
    assert canaries.in_tables(server, "airflow") == {word: [] for word in canaries.WORDS}


def test_refused_rows_are_read_by_those_who_mend_them_alone(planted: Planted) -> None:
    readers = planted.home.sql(
        "select rolname::text from pg_roles where not rolsuper and rolname !~ '^pg_' "
        "and has_schema_privilege(rolname, 'quarantine', 'usage') "
        "and (has_table_privilege(rolname, 'quarantine.row', 'select') "
        "or has_table_privilege(rolname, 'quarantine.cell', 'select')) order by 1"
    )
    assert readers == [("checker",), ("loader",), ("migrator",)]
