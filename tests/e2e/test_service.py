"""`vru run`, then `vru up`: Airflow's page shows the runs with their logs, and the report was mailed once."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import VRU, Home
from tests.e2e.inboxes import fill
from tests.e2e.mail_server import MailServer, running

FEED = "mps_homicide_victims"
DAGS = {f"ingest__{FEED}", "build_marts", "publish_reports"}
UP_SECONDS = 240

pytestmark = pytest.mark.timeout(900)


@dataclass
class Page:
    """Airflow's REST interface, logged in as the administrator."""

    base: str
    token: str

    def __call__(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a path answers; with a body it is posted."""
        return call(f"{self.base}/api/v2/{path}", body, {"Authorization": f"Bearer {self.token}"})


def call(url: str, body: dict[str, Any] | None, headers: dict[str, str]) -> dict[str, Any]:
    """One exchange of JSON."""
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


@pytest.fixture(scope="module")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """Where the report is mailed to."""
    with running(tmp_path_factory.mktemp("mail")) as server:
        yield server


@pytest.fixture(scope="module")
def vru(new_home: Callable[..., Home], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A state folder after `vru run`, with one approved recipient; of every feed, so that a scheduler finds no news."""
    home = new_home()
    home.environment |= {**mail_server.environment, "VRU_REPORT_TO": "one@example.org"}
    approved = home.path / "approved_recipients.yml"
    approved.write_text("domains: [example.org]\nrecipients: [one@example.org]\n", encoding="utf-8")
    approved.chmod(0o600)
    home("run", "--inbox", fill(tmp_path_factory.mktemp("inbox"), date(2022, 10, 15)))
    return home


@pytest.fixture(scope="module")
def page(vru: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """`vru up`, until the module ends."""
    said = tmp_path_factory.mktemp("up") / "up.txt"
    with said.open("wb") as out:
        up = subprocess.Popen([str(VRU), "up"], env=vru.variables, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        base, user, password = log_in_lines(up, said)
        token = call(f"{base}/auth/token", {"username": user, "password": password}, {})["access_token"]
        yield Page(base, token)
    finally:
        up.terminate()
        up.wait(timeout=120)


def log_in_lines(up: subprocess.Popen[bytes], said: Path) -> tuple[str, ...]:
    """Address, user and password as `vru up` prints them."""
    deadline = time.monotonic() + UP_SECONDS
    while True:
        if found := re.search(r"(http://\S+)  user (\S+), password (\S+)", said.read_text(encoding="utf-8")):
            return found.groups()
        assert up.poll() is None, said.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, "vru up did not start"
        time.sleep(0.5)


def test_the_run_mailed_its_report(vru: Home, mail_server: MailServer) -> None:
    (mail,) = mail_server.mails()
    body, attachment = mail.iter_parts()
    assert mail["To"] == "one@example.org"
    report = vru.path / "reports" / attachment.get_filename()
    assert attachment.get_payload(decode=True) == report.read_bytes()
    assert "What changed?" in body.get_content()
    (told,) = json.loads(vru("mails", "--json").stdout)
    assert (told["recipient"], told["status"], told["message_id"]) == ("one@example.org", "sent", mail["Message-ID"])


def test_every_dag_is_unpaused(page: Page) -> None:
    dags = {dag["dag_id"]: dag["is_paused"] for dag in page("dags")["dags"]}
    assert set(dags) > DAGS
    assert not any(dags.values())


def test_the_runs_stand_there_with_the_log_of_every_task(page: Page) -> None:
    for dag_id in sorted(DAGS):
        runs = page(f"dags/{dag_id}/dagRuns?run_type=manual")["dag_runs"]
        assert [run["state"] for run in runs] == ["success"], dag_id
        run_id = urllib.parse.quote(runs[0]["dag_run_id"])
        tasks = page(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        for task in tasks:
            where = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
            lines = [line for line in page(where)["content"] if line.get("timestamp")]
            assert lines, f"{dag_id}, {task['task_id']}: no log"
            assert {line["level"] for line in lines} <= {"info", "warning"}, f"{dag_id}, {task['task_id']}: {lines}"
    (fetch,) = [
        line["event"]
        for line in page(
            f"dags/ingest__{FEED}/dagRuns/"
            + urllib.parse.quote(page(f"dags/ingest__{FEED}/dagRuns?run_type=manual")["dag_runs"][0]["dag_run_id"])
            + "/taskInstances/fetch/logs/1"
        )["content"]
        if line.get("event", "").startswith(FEED)
    ]
    assert re.fullmatch(rf"{FEED}: \d+ new; \d+ new of \d+ deliveries", fetch)


@pytest.mark.deep
def test_publishing_again_through_the_scheduler_mails_nothing(page: Page, mail_server: MailServer) -> None:
    run = page("dags/publish_reports/dagRuns", {"logical_date": None, "dag_run_id": "again"})
    deadline = time.monotonic() + 600
    while run["state"] not in ("success", "failed"):
        assert time.monotonic() < deadline, run
        time.sleep(1)
        run = page("dags/publish_reports/dagRuns/again")
    tasks = {
        task["task_id"]: task["state"]
        for task in page("dags/publish_reports/dagRuns/again/taskInstances")["task_instances"]
    }
    assert tasks == dict.fromkeys(("publish", "withheld", "quality", "mail", "data_docs"), "success")
    assert len(mail_server.mails()) == 1
