"""Airflow: the dag that writes the reports on a schedule; see `vru.orchestration.reports`."""

from vru.orchestration.reports import reports_dag

publish_reports = reports_dag()
