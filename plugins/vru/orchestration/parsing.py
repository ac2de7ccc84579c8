"""Which DAGs a DAG file need make: a task's process, and a run without a scheduler, ask for one only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk import get_parsing_context

ASKED = "_AIRFLOW_PARSING_CONTEXT_DAG_ID"
"""Where Airflow itself says it to the processes of tasks."""


def is_asked_for(dag_id: str) -> bool:
    """Whether this DAG is to be made: it is the one asked for, or no single one is."""
    return get_parsing_context().dag_id in (None, dag_id)


@contextmanager
def only(dag_id: str) -> Iterator[None]:
    """Ask for this DAG alone: `dag.test()` reads the folder of DAGs again, and writes down all that it finds."""
    os.environ[ASKED] = dag_id
    try:
        yield
    finally:
        del os.environ[ASKED]
