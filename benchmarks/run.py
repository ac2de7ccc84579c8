"""`vru run` on a fresh state folder and again with nothing new, and where the time goes."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import state
from benchmarks.figures import PAIRS, Figure, ratio, seconds

VRU = Path(sys.executable).with_name("vru")
STARTS = Path(__file__).with_name("starts")


def figures() -> list[Figure]:
    """Each pair in a state folder of its own; the first, which does not count, is watched."""
    starts, table = _watched()
    pairs, cpu = [], []
    for _ in range(PAIRS):
        home = Path(tempfile.mkdtemp(prefix="vru-bench-"))
        try:
            first = seconds(partial(_run, home))
            before = _cpu()
            pairs.append((seconds(partial(_run, home)), first))
            cpu.append(round(_cpu() - before, 2))
        finally:
            _destroy(home)
    value, context = ratio(pairs)
    most = max(max(line["starts"].values()) for line in starts)
    heavy = sorted({"great_expectations", "dbt"} & set(table["again"]["imports"]))
    return [
        Figure("run_again_to_first", value, {**context, "where_the_time_goes": table}),
        Figure("run_again_cpu", statistics.median(cpu), {"each_s": cpu}),
        Figure("run_again_imports", len(heavy), {"packages": heavy}),
        Figure("starts_per_process", most, {"processes": starts}),
    ]


def _watched() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What each process of a first and a second run starts, and the seconds of each task in both."""
    home = Path(tempfile.mkdtemp(prefix="vru-bench-"))
    said = home / "starts.jsonl"
    table: dict[str, Any] = {}
    try:
        for name in ("first", "again"):
            before = len(said.read_text(encoding="utf-8").splitlines()) if said.exists() else 0
            whole = seconds(partial(_run, home, PYTHONPATH=str(STARTS), VRU_BENCH_STARTS=str(said)))
            lines = [json.loads(line) for line in said.read_text(encoding="utf-8").splitlines()[before:]]
            main = next(line for line in lines if Path(line["process"][0]).name == "vru")
            tasks = _tasks(home)
            table[name] = {
                "whole_s": round(whole, 1),
                "imports_s": main["import_s"],
                "imports": sorted({package for line in lines for package in line["import_s"]}),
                "dags_s": {dag: round(sum(found.values()), 1) for dag, found in tasks.items()},
                "longest_tasks_s": dict(
                    sorted(
                        ((f"{dag}.{task}", taken) for dag, found in tasks.items() for task, taken in found.items()),
                        key=lambda item: -item[1],
                    )[:8]
                ),
            }
        return [json.loads(line) for line in said.read_text(encoding="utf-8").splitlines()], table
    finally:
        _destroy(home)


def _cpu() -> float:
    """Processor seconds of this process's ended children, and theirs; the database's server is not one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tasks(home: Path) -> dict[str, dict[str, float]]:
    """Seconds of each task of the newest run of each DAG."""
    import psycopg2
    from vru.warehouse.server.embedded import Server

    state.use(home)
    connection = psycopg2.connect(**Server(home).ensure().connect_args("airflow", "airflow"))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select t.dag_id, t.task_id, coalesce(t.duration, 0) from task_instance t
            join (select dag_id, max(id) as id from dag_run group by dag_id) newest on newest.dag_id = t.dag_id
            join dag_run r on r.id = newest.id and r.run_id = t.run_id
            order by t.dag_id, t.start_date
            """
        )
        found: dict[str, dict[str, float]] = {}
        for dag, task, taken in cursor.fetchall():
            found.setdefault(dag, {})[task] = round(float(taken), 1)
    connection.close()
    return found


def _run(home: Path, **more: str) -> None:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("VRU_", "AIRFLOW", "DBT_"))}
    done = subprocess.run(
        [str(VRU), "run"],
        env={**inherited, "VRU_ENV_FILE": "", "VRU_HOME": str(home), **more},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(f"vru run ended with {done.returncode}:\n{done.stderr[-2000:]}")


def _destroy(home: Path) -> None:
    from vru.warehouse.server.embedded import Server

    state.use(home)
    Server(home).destroy()
    shutil.rmtree(home, ignore_errors=True)
