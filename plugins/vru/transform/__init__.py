"""Builds the marts with dbt: works out what differs, builds it aside, and swaps it in when it is sound.

The steps are separate, so that Airflow can run each as a task; :func:`build` runs them all.
"""

from vru.transform.build import (
    BuildError,
    Plan,
    Result,
    audit,
    build,
    fail,
    finish,
    has_marts,
    is_due,
    prepare,
    run_domain,
)
from vru.transform.domains import domains
from vru.transform.hashing import mart_hash

__all__ = [
    "BuildError",
    "Plan",
    "Result",
    "audit",
    "build",
    "domains",
    "fail",
    "finish",
    "has_marts",
    "is_due",
    "mart_hash",
    "prepare",
    "run_domain",
]
