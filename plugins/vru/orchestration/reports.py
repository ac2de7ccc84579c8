"""The DAG that writes the reports on a schedule."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.sdk import DAG, task

from vru.orchestration.ingest import START
from vru.orchestration.steps import default_args, log, task_errors
from vru.reporting.registry import kinds

DOC = """\
### Publish the reports

Builds the marts if a build is due, publishes of them what may leave, writes each report of the newest month, and mails
it to the approved recipients, each report once; and the Data Docs of the newest checks, which are for the engineer and
stay in the state folder.

**When red.** `publish` red: nothing was published. The last line says which figure or table was refused; then:
`vru report KIND`. `withheld` red: the reports went out without a table whose marts contradict its publisher. A report
red: the last line says what it lacks. `mail` red: the last line says whether a recipient is not approved (nobody was
mailed), the mail server said no (it is asked again), or a mail was cut off (nobody knows whether it left: `vru mails`).
"""


def reports_dag() -> DAG:
    """The DAG `publish_reports`."""
    dag = DAG(
        dag_id="publish_reports",
        dag_display_name="Publish the reports",
        description="Every report, after disclosure control",
        doc_md=DOC,
        schedule="0 8 * * 1",
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=default_args("data engineering"),
        tags=["report"],
    )

    @task(dag=dag)
    def publish() -> dict[str, Any]:
        """Build what is due and publish what may leave; skipped where there is nothing to report on."""
        with task_errors():
            from airflow.sdk.exceptions import AirflowSkipException

            from vru import reporting, transform

            if not transform.has_marts():
                raise AirflowSkipException("no marts have been built yet; there is nothing to report on")
            return asdict(reporting.make_ready())

    @task(dag=dag)
    def withheld(ready: dict[str, Any]) -> None:
        """Red where a table was withheld because the marts contradict its publisher."""
        with task_errors():
            from vru.errors import ShortfallError

            if ready["fell_short"]:
                raise ShortfallError("\n".join(ready["fell_short"]))

    def written(kind: str) -> Any:
        @task(dag=dag, task_id=kind)
        def write(ready: dict[str, Any]) -> str:
            with task_errors():
                from vru import clock, profile, reporting

                now = profile.current()
                path = reporting.write_report(
                    kind, profile=now, today=clock.today(now), are_marts_old=ready["are_marts_old"]
                )
                log.info("report written: %s", path)
                return path.name

        return write

    @task(dag=dag)
    def data_docs() -> None:
        """Great Expectations' own pages of the newest checks, for the engineer."""
        with task_errors():
            from vru.quality import data_docs as write

            log.info("Data Docs: %s", write())

    @task(dag=dag)
    def mail(file_names: list[str]) -> None:
        """Mail each report to whoever has not had it; skipped where nobody is to receive reports."""
        with task_errors():
            from airflow.sdk.exceptions import AirflowSkipException

            from vru.orchestration.mail import send_report
            from vru.reporting.recipients import recipients
            from vru.settings import settings

            to = recipients(settings().report_to, settings().report_approved)
            if not to:
                raise AirflowSkipException("VRU_REPORT_TO names nobody; nothing is mailed")
            for name in file_names:
                log.info("%s: mailed to %d of %d recipients; the others had it", name, send_report(name, to), len(to))

    ready: Any = publish()
    mail([written(kind)(ready) for kind in kinds()])
    withheld(ready)
    data_docs()
    return dag
