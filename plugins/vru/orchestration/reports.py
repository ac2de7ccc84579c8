"""The DAG that writes the reports on a schedule."""

from __future__ import annotations

from airflow.sdk import DAG, task

from vru.orchestration.ingest import START
from vru.orchestration.steps import default_args, log, task_errors

DOC = """\
### Publish the reports

Writes the quality report of the newest month from the marts in use, after disclosure control; and the Data Docs of
the newest checks, which are for the engineer and stay in the state folder.

**When red.** Nothing was published. The last line says which figure or table was refused; then: `vru report quality`.
"""


def reports_dag() -> DAG:
    """The DAG `publish_reports`."""
    dag = DAG(
        dag_id="publish_reports",
        dag_display_name="Publish the reports",
        description="Quality report, after disclosure control",
        doc_md=DOC,
        schedule="0 8 * * 1",
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=default_args("data engineering"),
        tags=["report"],
    )

    @task(dag=dag)
    def quality() -> str:
        """Write the quality report; the name of its file."""
        with task_errors():
            from airflow.sdk.exceptions import AirflowSkipException

            from vru import clock, profile, reporting, transform

            if not transform.has_marts():
                raise AirflowSkipException("no marts have been built yet; there is nothing to report on")
            now = profile.current()
            path = reporting.write_report("quality", profile=now, today=clock.today(now))
            log.info("report written: %s", path)
            return path.name

    @task(dag=dag)
    def data_docs() -> None:
        """Great Expectations' own pages of the newest checks, for the engineer."""
        with task_errors():
            from vru.quality import data_docs as write

            log.info("Data Docs: %s", write())

    quality()
    data_docs()
    return dag
