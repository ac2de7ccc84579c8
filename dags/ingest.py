"""Airflow: one dag per feed, made from its contract. What they do stands in `vru.orchestration.ingest`."""

from vru.contracts import load_contracts
from vru.orchestration.ingest import ingest_dag
from vru.orchestration.parsing import is_asked_for

for contract in load_contracts().values():
    if is_asked_for(f"ingest__{contract.feed}"):
        globals()[f"ingest__{contract.feed}"] = ingest_dag(contract)
