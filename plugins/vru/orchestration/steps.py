"""How a step of the platform runs as an Airflow task: what retries, what fails at once, what the log ends with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

log = logging.getLogger("vru.task")

FELL_SHORT = "fell_short"
"""XCom key under which a task leaves one line for each file or figure that fell short."""


def default_args(owner: str) -> dict[str, Any]:
    """Task defaults: only a transport or database error is raised in a way that retries."""
    return {
        "owner": owner,
        "retries": 3,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=2),
    }


@contextmanager
def task_errors() -> Iterator[None]:
    """Let transport and database errors retry; fail at once, with the mending command last, on all else."""
    from airflow.sdk import get_current_context
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
    from psycopg2 import InterfaceError, OperationalError

    from vru.errors import ShortfallError, SourceError

    try:
        yield
    except ShortfallError as error:
        get_current_context()["ti"].xcom_push(key=FELL_SHORT, value=str(error).splitlines())
        for line in str(error).splitlines():
            log.error(line)
        raise AirflowFailException(str(error)) from None
    except (SourceError, OperationalError, InterfaceError) as error:
        if isinstance(error, SourceError) and not error.is_retryable:
            raise AirflowFailException(str(error)) from None
        raise AirflowException(str(error)) from error
    except AirflowException:
        raise
    except Exception as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
