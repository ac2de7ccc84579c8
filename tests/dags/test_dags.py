"""The DAG files: they load fast, import nothing heavy, and every DAG tells its owner what to do when it is red."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from vru import transform
from vru.contracts import load_contracts

HEAVY = ("great_expectations", "dbt", "pandas", "polars", "pyarrow", "altair", "vl_convert", "httpx", "scipy")
PARSE = """
import json, sys, time
from vru.orchestration import environment
environment.apply()
import airflow
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from vru.settings import settings
before = set(sys.modules)
started = time.perf_counter()
bag = DagBag(dag_folder=str(settings().dags_dir))
seconds = time.perf_counter() - started
dags = {
    dag_id: {
        "owners": sorted({task.owner for task in dag.tasks}),
        "retries": sorted({task.retries for task in dag.tasks}),
        "doc": dag.doc_md,
        "catchup": dag.catchup,
        "tasks": [task.task_id for task in dag.topological_sort()],
        "schedule": str(dag.timetable.summary) if hasattr(dag.timetable, "summary") else str(dag.schedule),
    }
    for dag_id, dag in bag.dags.items()
}
new = {name.split(".")[0] for name in set(sys.modules) - before}
print("RESULT" + json.dumps({"seconds": seconds, "errors": bag.import_errors, "dags": dags, "new": sorted(new)}))
"""


@pytest.fixture(scope="module")
def parsed(cluster: object) -> dict[str, Any]:
    """What Airflow makes of the DAG folder, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", PARSE], capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert lines, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(lines[0].removeprefix("RESULT"))


def test_every_file_loads_and_the_bag_holds_every_dag(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == {f"ingest__{feed}" for feed in load_contracts()} | {"build_marts", "publish_reports"}


def test_parsing_is_fast_and_imports_nothing_heavy(parsed: dict[str, Any]) -> None:
    assert parsed["seconds"] < 2
    assert not set(HEAVY) & set(parsed["new"])


def test_every_dag_has_owner_words_retries_and_no_catchup(parsed: dict[str, Any]) -> None:
    for dag_id, dag in parsed["dags"].items():
        assert dag["owners"] and "airflow" not in dag["owners"], dag_id
        assert "When red." in dag["doc"], dag_id
        assert dag["retries"] == [3], dag_id
        assert dag["catchup"] is False, dag_id


def test_fetch_parse_audit_and_admit_are_tasks_of_their_own(parsed: dict[str, Any]) -> None:
    for feed, contract in load_contracts().items():
        dag = parsed["dags"][f"ingest__{feed}"]
        assert dag["tasks"] == ["fetch", "parse", "audit", "admit", "finish"]
        assert contract.owner in dag["owners"]
        assert contract.when_red.split(".")[0] in dag["doc"]


def test_every_domain_of_marts_is_a_task_in_the_order_of_building(parsed: dict[str, Any]) -> None:
    domains = [f"dbt__{domain}" for domain in transform.domains()]
    assert len(domains) >= 4
    assert parsed["dags"]["build_marts"]["tasks"] == ["prepare", *domains, "check", "swap"]


def test_dags_hold_no_logic() -> None:
    for path in (Path(__file__).parents[2] / "dags").glob("*.py"):
        lines = [line for line in path.read_text().splitlines() if line.strip()]
        assert len(lines) < 12, f"{path.name} names steps; what they do belongs to vru.orchestration"
