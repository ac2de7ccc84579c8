"""A running Airflow (scheduler, DAG processor, LocalExecutor): whatever is admitted, by whomever, ends in the marts."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from vru.sandbox import SandboxServer
from vru.warehouse.server.sockets import free_port

from tests.e2e.conftest import VRU, Home

PYTHON = VRU.with_name("python")
ENVIRONMENT = """
import json, os
from vru.profile import bind
from vru.settings import settings
from vru.warehouse.migrate import migrate
settings().ensure_home()
migrate()
bind("sandbox")
from vru.orchestration.headless import migrate_airflow
migrate_airflow()
print("ENVIRONMENT" + json.dumps(dict(os.environ)))
"""
SINCE = "2022-06"
"""First month of the police feeds that is fetched, so that the proof is quick."""
STREET, SEARCH, VICTIMS = "police_uk_street", "police_uk_stop_search", "mps_homicide_victims"
GEOGRAPHY, POPULATION = "ons_geography", "ons_population"
SECONDS = 900

pytestmark = [pytest.mark.timeout(1200), pytest.mark.deep]


@dataclass
class Airflow:
    """A running Airflow on a state folder, and the partners that its runs ask."""

    home: Home
    partners: SandboxServer
    page: str
    environment: dict[str, str]
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start one part of Airflow; its words go to a log in the state folder."""
        with (self.home.path / "logs" / f"airflow-{name}.log").open("ab") as out:
            self.parts[name] = subprocess.Popen(
                [str(PYTHON), "-m", "airflow", name], env=self.environment, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        """End every part with its children."""
        for part in self.parts.values():
            if part.poll() is None:
                os.killpg(part.pid, signal.SIGTERM)
        for part in self.parts.values():
            try:
                part.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(part.pid, signal.SIGKILL)
                part.wait()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One exchange with Airflow's REST interface."""
        request = urllib.request.Request(
            f"{self.page}/api/v2/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def trigger(self, feed: str, *, at: str | None = None, **conf: str) -> None:
        """Ask for a run of a feed, at a logical date or at none."""
        self.call("POST", f"dags/ingest__{feed}/dagRuns", {"logical_date": at, "conf": conf})

    def unpause(self, *dag_ids: str) -> None:
        """Let runs of these DAGs begin; one that is on a schedule begins with the newest that is due."""
        for dag_id in dag_ids:
            self.call("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of Airflow's own database."""
        return self.home.sql(query, *values, role="airflow")

    def runs(self, dag_id: str) -> list[str]:
        """State of every run of a DAG, oldest first."""
        return [state for (state,) in self.sql("select state from dag_run where dag_id = %s order by id", dag_id)]

    def events(self, feed: str) -> int:
        """How often it was told that a feed's admitted rows changed."""
        return int(
            self.sql(
                "select count(*) from asset_event e join asset a on a.id = e.asset_id where a.name = %s", f"raw/{feed}"
            )[0][0]
        )

    def wait(self, what: str, is_so: Callable[[], bool]) -> None:
        """Wait until something is so; fail with every task's log if it never is, or if a run or a part fails."""
        deadline = time.monotonic() + SECONDS
        while not is_so():
            dead = [name for name, part in self.parts.items() if part.poll() is not None]
            failed = self.sql("select dag_id, run_id from dag_run where state = 'failed'")
            if dead or failed or time.monotonic() > deadline:
                pytest.fail(f"{what}: not so; failed: {failed}; ended: {dead}\n{self.state()}\n{self.logs()}")
            time.sleep(0.5)

    def settle(self, what: str) -> None:
        """Wait until no run is under way and no event waits."""
        self.wait(what, self.is_settled)

    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.sql(
            "select (select count(*) from dag_run where state in ('queued', 'running')), "
            "(select count(*) from asset_dag_run_queue)"
        ) == [(0, 0)]

    def state(self) -> str:
        """Every run and every task that did not succeed."""
        return "\n".join(
            str(row)
            for row in self.sql(
                "select r.dag_id, r.run_id, r.state, t.task_id, t.state from dag_run r "
                "left join task_instance t on t.dag_id = r.dag_id and t.run_id = r.run_id "
                "and t.state is distinct from 'success' order by r.id"
            )
        )

    def logs(self) -> str:
        """The end of every task's log and of every part's."""
        found = sorted(
            (self.home.path / "airflow" / "logs").rglob("attempt=*.log"), key=lambda path: path.stat().st_mtime
        )
        found += sorted((self.home.path / "logs").glob("airflow-*.log"))
        return "\n".join(f"--- {path}\n{path.read_text(errors='replace')[-2000:]}" for path in found)


def run(home: Home, text: str) -> str:
    """What a Python program on a state folder prints."""
    done = subprocess.run(
        [str(PYTHON), "-c", text], env=home.variables, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def mart_hash(home: Home, schema: str = "marts") -> str:
    """The hash of every mart of a state folder."""
    return run(home, f"from vru.transform import mart_hash; print(mart_hash('{schema}'))").strip()


def is_due(home: Home) -> bool:
    """Whether the marts differ from what is current."""
    return run(home, "from vru.transform import is_due; print(is_due())").strip() == "True"


@pytest.fixture(scope="module")
def partners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """The synthetic partners, whose requests can be counted."""
    with SandboxServer(tmp_path_factory.mktemp("partners")) as server:
        yield server


@pytest.fixture(scope="module")
def at_rest(new_home: Callable[..., Home], partners: SandboxServer) -> Iterator[Airflow]:
    """Airflow with every DAG known and paused."""
    home = new_home()
    home.environment["VRU_SANDBOX_URL"] = partners.url
    told = run(home, ENVIRONMENT)
    port = free_port()
    page = f"http://127.0.0.1:{port}"
    environment = {
        **json.loads(told[told.index("ENVIRONMENT") + len("ENVIRONMENT") :]),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{page}/execution/",
    }
    running = Airflow(home, partners, page, environment)
    try:
        for part in ("api-server", "dag-processor", "scheduler"):
            running.start(part)
        running.wait("every DAG is known", lambda: known(running) == 7)
        running.wait("the page answers", lambda: answers(running))
        yield running
    finally:
        running.stop()


def known(airflow: Airflow) -> int:
    return int(airflow.sql("select count(*) from serialized_dag")[0][0])


def answers(airflow: Airflow) -> bool:
    try:
        return "version" in airflow.call("GET", "version")
    except OSError:
        return False


def downloads(partners: SandboxServer) -> list[str]:
    """Archives that were sent whole."""
    return [
        target.rsplit("/", 1)[1] for _, target, status in partners.requests if "/archive/" in target and status == 200
    ]


def get(partners: SandboxServer, url: str) -> bytes:
    """What a partner's address answers."""
    with urllib.request.urlopen(partners.live(url), timeout=60) as answer:
        content: bytes = answer.read()
        return content


def victims(partners: SandboxServer) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the newest list of homicide victims."""
    listed = json.loads(get(partners, "https://data.london.gov.uk/api/dataset/2l1w8"))["resources"].values()
    newest = max((e for e in listed if "Victims" in e["title"]), key=lambda entry: str(entry["check_timestamp"]))
    header, *rows = csv.reader(get(partners, newest["url"]).decode("utf-8-sig").splitlines())
    return header, rows


def police_rows(partners: SandboxServer, *kinds: str) -> list[int]:
    """Rows of the London forces since the first month that is fetched, for each kind of file."""
    archive = zipfile.ZipFile(io.BytesIO(get(partners, "https://data.police.uk/data/archive/latest.zip")))
    pattern = r"(\d{4}-\d{2})-(?:metropolitan|city-of-london|btp)-(.+)\.csv"
    found = [(name, match[1], match[2]) for name in archive.namelist() if (match := re.search(pattern, name))]
    return [
        sum(len(archive.read(name).splitlines()) - 1 for name, month, each in found if each == kind and month >= SINCE)
        for kind in kinds
    ]


def shortened(partners: SandboxServer, folder: Path) -> Path:
    """The newest list of victims without its first month, which it must not lack."""
    header, rows = victims(partners)
    month = header.index("Recorded Date")
    path = folder / "homicide-victims.csv"
    with path.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target).writerows([header, *(row for row in rows if row[month] != rows[0][month])])
    return path


@pytest.fixture(scope="module")
def airflow(at_rest: Airflow) -> Airflow:
    """Airflow after the first run of one feed, and after the build that came of it."""
    at_rest.unpause("build_marts", f"ingest__{VICTIMS}")
    at_rest.wait("the schedule made one run", lambda: at_rest.runs(f"ingest__{VICTIMS}") == ["success"])
    at_rest.wait("the asset made a build", lambda: at_rest.runs("build_marts") == ["success"])
    return at_rest


def test_an_ingest_alone_makes_the_build_happen(airflow: Airflow) -> None:
    assert airflow.sql("select distinct run_type from dag_run where dag_id = 'build_marts'") == [("asset_triggered",)]
    assert airflow.events(VICTIMS) == 1
    assert not is_due(airflow.home)


def test_six_ingests_at_once_end_in_the_right_marts(airflow: Airflow) -> None:
    before = len(airflow.runs("build_marts"))
    feeds = {STREET: {"since": SINCE}, SEARCH: {"since": SINCE}, POPULATION: {}, GEOGRAPHY: {}}
    for feed, conf in feeds.items():  # they take the place of the scheduled runs, and wait for the DAG
        due = airflow.call("GET", f"dags/ingest__{feed}")["next_dagrun_logical_date"]
        airflow.trigger(feed, at=due, **conf)
    airflow.trigger(POPULATION)
    airflow.unpause(*(f"ingest__{feed}" for feed in feeds))
    airflow.trigger(VICTIMS)
    airflow.settle("six ingests and their builds are over")
    ingests = [state for feed in (*feeds, VICTIMS) for state in airflow.runs(f"ingest__{feed}")]
    assert ingests == ["success"] * 7, "six, and the one before them"
    assert 1 <= len(airflow.runs("build_marts")) - before <= 4
    assert not is_due(airflow.home)
    assert downloads(airflow.partners) == ["latest.zip"], "what one police feed has landed serves the other"

    tables = ("fct_homicide_victim", "fct_street_crime", "fct_stop_search")
    ((*counts,),) = airflow.home.sql(
        "select " + ", ".join(f"(select count(*) from marts.{table})" for table in tables), role="transformer"
    )
    assert counts == [len(victims(airflow.partners)[1]), *police_rows(airflow.partners, "street", "stop-and-search")]
    now = datetime.now(UTC)
    airflow.home("build", "--as-known-at", now.isoformat())
    assert mart_hash(airflow.home) == mart_hash(airflow.home, f"asof_{now:%Y%m%d}"), "as one build of everything"


def test_a_backfill_of_three_months_fetches_one_archive(airflow: Airflow) -> None:
    events, sent, asked = airflow.events(SEARCH), len(downloads(airflow.partners)), len(airflow.partners.requests)
    searches = "select count(*) from marts.fct_stop_search where search_month < date '2018-08-01'"
    assert airflow.home.sql(searches, role="transformer") == [(0,)]
    airflow.home(
        "airflow", "backfill", "create", "--dag-id", f"ingest__{SEARCH}", "--from-date", "2018-05-01",
        "--to-date", "2018-07-31",
    )  # fmt: skip
    airflow.settle("the backfill and its builds are over")
    airflow.wait(
        "the backfill is complete", lambda: airflow.sql("select completed_at is null from backfill") == [(False,)]
    )
    states = airflow.sql("select state from dag_run where run_type = 'backfill' and dag_id = %s", f"ingest__{SEARCH}")
    assert states == [("success",)] * 13, "one for each Tuesday"
    assert downloads(airflow.partners)[sent:] == ["2019-07.zip"], "it ends where the one that is held begins"
    assert len(airflow.partners.requests) == asked + 2, "a redirect, and the archive"
    batches = airflow.home.sql(
        "select period_start::text, count(*), min(status), max(status) from ops.batch where feed = %s "
        "and period_start < date '2018-08-01' group by 1 order by 1", SEARCH
    )  # fmt: skip
    assert batches == [(f"2018-0{month}-01", 3, "admitted", "admitted") for month in (5, 6, 7)]
    assert 1 <= airflow.events(SEARCH) - events <= 3, "only where something was admitted"
    assert not is_due(airflow.home)
    assert airflow.home.sql(searches, role="transformer")[0][0] > 0


def test_a_backfill_of_a_feed_that_replaces_itself_asks_nobody(airflow: Airflow) -> None:
    events, asked = airflow.events(VICTIMS), len(airflow.partners.requests)
    airflow.home(
        "airflow", "backfill", "create", "--dag-id", f"ingest__{VICTIMS}", "--from-date", "2022-05-01",
        "--to-date", "2022-05-05",
    )  # fmt: skip
    airflow.settle("the backfill is over")
    query = "select r.state, t.state from dag_run r join task_instance t using (dag_id, run_id) "
    query += "where r.run_type = 'backfill' and r.dag_id = %s and t.task_id = 'fetch'"
    assert airflow.sql(query, f"ingest__{VICTIMS}") == [("success", "skipped")]
    assert len(airflow.partners.requests) == asked
    assert airflow.events(VICTIMS) == events


def test_decisions_on_the_command_line_make_a_build(airflow: Airflow, tmp_path: Path) -> None:
    home, events = airflow.home, airflow.events(VICTIMS)
    before, builds = mart_hash(home), len(airflow.runs("build_marts"))
    ((newest,),) = home.sql(
        "select batch_id from ops.batch where feed = %s and status = 'admitted' order by batch_id desc limit 1", VICTIMS
    )
    home("withdraw", str(newest), "--reason", "a test")
    assert airflow.events(VICTIMS) == events + 1
    airflow.wait("the build was made", lambda: len(airflow.runs("build_marts")) > builds)
    airflow.settle("it is over")
    assert not is_due(home)
    assert mart_hash(home) != before

    assert "held" in home("ingest", VICTIMS, "--file", shortened(airflow.partners, tmp_path), expect=1).stderr
    assert airflow.events(VICTIMS) == events + 1, "what is held changes nothing"
    ((held,),) = home.sql("select batch_id from ops.batch where feed = %s and status = 'held'", VICTIMS)
    home("release", str(held), "--reason", "a test")
    assert airflow.events(VICTIMS) == events + 2
    home("withdraw", str(held), "--reason", "the test is over")
    assert airflow.events(VICTIMS) == events + 3

    # as if it had been parsed under the contract version before
    home.sql("update ops.batch set contract_version = contract_version - 1 where batch_id = %s returning 1", newest)
    assert "1 contents parsed again, 1 admitted" in home("replay", VICTIMS, "--batch", str(newest)).stdout
    assert airflow.events(VICTIMS) == events + 4
    airflow.settle("the builds are over")
    assert not is_due(home)
    assert mart_hash(home) == before
