"""Runs every DAG once, in this process, through Airflow and without a scheduler."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from vru.orchestration import dead_runs, environment
from vru.orchestration.steps import FELL_SHORT
from vru.settings import private_dir, settings


@dataclass
class DagOutcome:
    """How one DAG run ended: state, failed tasks, and one line for each thing that fell short."""

    dag_id: str
    state: str
    failed: list[str] = field(default_factory=list)
    fell_short: list[str] = field(default_factory=list)
    seconds: float = 0.0
    logs: list[Path] = field(default_factory=list)
    """Logs of the failed tasks."""

    @property
    def is_broken(self) -> bool:
        """Something other than a partner's data failed."""
        return bool(self.failed) and not self.fell_short


def migrate_airflow() -> None:
    """Make Airflow's tables, once per version of Airflow. Raises subprocess.CalledProcessError."""
    from importlib.metadata import version

    environment.apply()
    marker = private_dir(settings().home / "airflow") / "migrated"
    wanted = f"{version('apache-airflow-core')} {version('apache-airflow-providers-fab')}"
    if marker.exists() and marker.read_text(encoding="ascii") == wanted:
        return
    log = private_dir(settings().logs_dir) / "airflow-migrate.log"
    with log.open("ab") as out:
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, stdout=out, stderr=out)
    marker.write_text(wanted, encoding="ascii")


Watcher = Callable[[TextIO, int], AbstractContextManager[Callable[[str], None]]]
"""Makes what is told of each DAG as it starts, given the terminal and the number of DAGs."""


def run_dags(feeds: list[str], conf: dict[str, Any], watcher: Watcher) -> list[DagOutcome]:
    """Ingest every feed, build, report; each DAG once, whatever the one before it ended in.

    Each task's log goes where Airflow's page looks for it, Airflow's own words to `logs/airflow-run.log`.
    """
    _spare_frameworks()
    environment.apply()
    os.environ["AIRFLOW__LOGGING__JSON_LOGS"] = "True"  # the form in which Airflow's page reads them
    # nobody logs in to this process; the page's own manager costs a second to import, and keeps its rights itself
    os.environ["AIRFLOW__CORE__AUTH_MANAGER"] = (
        "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
    )
    dag_ids = [*(f"ingest__{feed}" for feed in feeds), "build_marts", "publish_reports"]
    log = private_dir(settings().logs_dir) / "airflow-run.log"
    with _words_to(log) as terminal, dead_runs.failed_first(), watcher(terminal, len(dag_ids)) as on_start:
        return _run_dags(dag_ids, conf, on_start)


def _spare_frameworks() -> None:
    """Airflow's container of services imports every web framework that is installed; Airflow itself uses FastAPI's."""
    for name in ("aiohttp", "flask"):
        sys.modules.setdefault(f"svcs.{name}", None)  # type: ignore[arg-type] # None: cannot be imported


def _spare_old_interfaces() -> None:
    """Airflow makes the interface that tasks speak to once for every version of it: 2 seconds of a run.

    The one inside this process has one client, the installed one, which speaks the newest.
    """
    from airflow.api_fastapi.execution_api import versions
    from airflow.api_fastapi.execution_api.routes import execution_api_router
    from cadwyn import HeadVersion, Version, VersionBundle
    from cadwyn.route_generation import _DELETED_ROUTE_TAG

    versions.bundle = VersionBundle(HeadVersion(), Version(versions.bundle.versions[0].value))
    execution_api_router.routes[:] = [
        route for route in execution_api_router.routes if _DELETED_ROUTE_TAG not in getattr(route, "tags", ())
    ]


def _run_dags(dag_ids: list[str], conf: dict[str, Any], on_start: Callable[[str], None]) -> list[DagOutcome]:
    from airflow.dag_processing.dagbag import DagBag

    from vru.orchestration import parsing, task_logs

    _spare_old_interfaces()
    bag = DagBag(dag_folder=str(settings().dags_dir))
    if bag.import_errors:
        raise RuntimeError(f"a DAG file cannot be read: {'; '.join(bag.import_errors.values())}")
    outcomes = []
    for dag_id in dag_ids:
        on_start(dag_id)
        started = time.monotonic()
        dag = bag.dags[dag_id]
        # A test run would really wait for a retry. What Airflow's database knows of the DAG is unchanged.
        for task in dag.tasks:
            task.retries = 0
        with task_logs.kept(), parsing.only(dag_id):
            run = dag.test(run_conf=conf if dag_id.startswith("ingest__") else None)
        outcome = _outcome(dag_id, run)
        outcome.seconds = time.monotonic() - started
        outcomes.append(outcome)
    return outcomes


def _outcome(dag_id: str, run: Any) -> DagOutcome:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from vru.orchestration import task_logs

    with create_session() as session:
        tasks = run.get_task_instances(session=session)
        lines = [
            line
            for value in session.scalars(
                select(XComModel).where(
                    XComModel.dag_id == dag_id, XComModel.run_id == run.run_id, XComModel.key == FELL_SHORT
                )
            )
            for line in XComModel.deserialize_value(value)
        ]
    failed = sorted((t for t in tasks if t.state == "failed"), key=lambda t: str(t.task_id))
    folder = Path(os.environ["AIRFLOW__LOGGING__BASE_LOG_FOLDER"])
    return DagOutcome(
        dag_id,
        str(run.state),
        [t.task_id for t in failed],
        list(dict.fromkeys(lines)),
        logs=[folder / task_logs.relative_path(t) for t in failed],
    )


@contextmanager
def _words_to(path: Path) -> Iterator[TextIO]:
    """Send everything that this process and its children print into a file; yields the terminal."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with path.open("ab") as file, os.fdopen(os.dup(2), "w", encoding="utf-8", buffering=1) as terminal:
        path.chmod(0o600)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, descriptor in enumerate(saved, start=1):
                os.dup2(descriptor, number)
                os.close(descriptor)
