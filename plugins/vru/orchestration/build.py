"""The DAG that builds the marts whenever raw has changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import or_
from typing import Any

from airflow.sdk import DAG, task

from vru.contracts import Contract
from vru.orchestration import assets
from vru.orchestration.ingest import START
from vru.orchestration.steps import default_args, log, task_errors
from vru.transform import domains

DOC = """\
### Build the marts

Runs when a feed has admitted something. It builds whatever differs from what the marts were built from, checks
the result, and swaps it in; readers see the old marts or the new ones, never a mixture.

**When red.** The marts in use are untouched. `prepare` red: another build holds the lease, or the database is away.
A domain red: the last line names the model; mend the SQL and clear the task. `check` red: the new marts are
implausible; see `ops.check_result` of the build. Then: `vru build`.
"""


def build_dag(contracts: Sequence[Contract]) -> DAG:
    """The DAG `build_marts`."""
    dag = DAG(
        dag_id="build_marts",
        dag_display_name="Build the marts",
        description="dbt builds what differs, Great Expectations checks it, one rename swaps it in",
        doc_md=DOC,
        schedule=reduce(or_, [assets.raw(c.feed) for c in contracts]),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=default_args("data engineering"),
        tags=["build"],
    )

    @task(dag=dag)
    def prepare() -> int:
        """Work out what differs and take the lease; skipped where nothing does."""
        with task_errors():
            from airflow.sdk.exceptions import AirflowSkipException

            from vru import transform

            plan = transform.prepare()
            if plan is None:
                raise AirflowSkipException("the marts are built from what is current")
            return int(plan.build_id)

    def domain_task(domain: str) -> Any:
        @task(dag=dag, task_id=f"dbt__{domain}")
        def run(build_id: int) -> None:
            with _building(build_id):
                from vru import transform

                transform.run_domain(build_id, domain)

        return run

    @task(dag=dag)
    def check(build_id: int) -> None:
        """Audit the marts that were built."""
        with _building(build_id):
            from vru import transform

            transform.audit(build_id)

    @task(dag=dag, outlets=[assets.MARTS])
    def swap(build_id: int) -> None:
        """Put the new marts in the place of the old."""
        with _building(build_id):
            from vru import transform

            log.info("build %d: %s", build_id, transform.finish(build_id))

    build_id: Any = prepare()
    previous = build_id
    for domain in domains():
        step = domain_task(domain)(build_id)
        previous >> step
        previous = step
    checked = check(build_id)
    previous >> checked >> swap(build_id)
    return dag


@contextmanager
def _building(build_id: int) -> Iterator[None]:
    """Let go of the build's lease if the step fails, so that the next build need not wait for it."""
    from vru import transform

    with task_errors():
        try:
            yield
        except Exception as error:
            transform.fail(build_id, f"{type(error).__name__}: {error}")
            raise
