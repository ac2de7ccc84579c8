"""The DAG that writes the reports on a schedule."""

from __future__ import annotations

from airflow.sdk import DAG, task

from vru.orchestration.ingest import START
from vru.orchestration.steps import default_args, log, task_errors

DOC = """\
### Publish the reports

Writes the quality report of the newest month from the marts in use, after disclosure control, and mails it to the
approved recipients, each report once; and the Data Docs of the newest checks, which are for the engineer and stay in
the state folder.

**When red.** `quality` red: nothing was published. The last line says which figure or table was refused; then:
`vru report quality`. `mail` red: the last line says whether a recipient is not approved (nobody was mailed), the mail
server said no (it is asked again), or a mail was cut off (nobody knows whether it left: `vru mails`).
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

    @task(dag=dag)
    def mail(file_name: str) -> None:
        """Mail the report to whoever has not had it; skipped where nobody is to receive reports."""
        with task_errors():
            from airflow.sdk.exceptions import AirflowSkipException

            from vru.orchestration.mail import send_report
            from vru.reporting.recipients import recipients
            from vru.settings import settings

            to = recipients(settings().report_to, settings().report_approved)
            if not to:
                raise AirflowSkipException("VRU_REPORT_TO names nobody; nothing is mailed")
            log.info(
                "%s: mailed to %d of %d recipients; the others had it", file_name, send_report(file_name, to), len(to)
            )

    mail(quality())  # type: ignore[arg-type]
    data_docs()
    return dag
