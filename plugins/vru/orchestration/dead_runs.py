"""Runs whose process was killed: in Airflow's database they run for ever, and a scheduler would go on with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from vru.orchestration import environment
from vru.warehouse import locks
from vru.warehouse.engine import raw_connection

log = logging.getLogger(__name__)


@contextmanager
def failed_first() -> Iterator[None]:
    """Count as a process that runs DAGs while the block runs; if no other does, fail first what dead ones left."""
    connection = raw_connection("loader", name="run")
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            is_alone = locks.take_if_free(cursor, locks.HEADLESS)
            if is_alone and _are_any():
                _fail_all()
            locks.share(cursor, locks.HEADLESS)
            if is_alone:
                locks.let_go(cursor, locks.HEADLESS)
        yield
    finally:
        connection.close()


def _are_any() -> bool:
    """Whether there are runs to fail. Airflow's own code, which costs two seconds to import, is then worth it."""
    url = environment.database_url()
    if url is None:
        return True
    unended = text("select exists (select from dag_run where state = 'running' and triggered_by = 'TEST')")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return bool(connection.scalar(unended))


def _fail_all() -> None:
    """Fail every run that `dag.test()` began and never ended; its unfinished tasks are failed or skipped."""
    from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy import select

    with create_session() as session:
        dead = select(DagRun).where(
            DagRun.state == DagRunState.RUNNING, DagRun.triggered_by == DagRunTriggeredByType.TEST
        )
        for run in session.scalars(dead).all():
            dag = DBDagBag().get_dag_for_run(run, session)
            if dag is not None:
                log.warning("%s, %s: its process died; marked as failed", run.dag_id, run.run_id)
                set_dag_run_state_to_failed(dag=dag, run_id=run.run_id, commit=True, session=session)
