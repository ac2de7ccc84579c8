"""Airflow: the dag that builds the marts when raw has changed; see `vru.orchestration.build`."""

from vru.contracts import load_contracts
from vru.orchestration.build import build_dag
from vru.orchestration.parsing import is_asked_for

if is_asked_for("build_marts"):
    build_marts = build_dag(list(load_contracts().values()))
