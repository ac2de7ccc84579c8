"""Airflow's side of the platform; the only package that imports airflow."""
