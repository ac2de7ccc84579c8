"""Airflow: the dag that writes the reports on a schedule; see `vru.orchestration.reports`."""

from vru.orchestration.parsing import is_asked_for
from vru.orchestration.reports import reports_dag

if is_asked_for("publish_reports"):
    publish_reports = reports_dag()
