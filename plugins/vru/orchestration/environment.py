"""Airflow's settings for this state folder. Imports nothing of Airflow, which reads them when it is imported."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from vru.settings import Settings, private_dir, settings


def apply(now: Settings | None = None) -> None:
    """Put Airflow's settings into the environment of this process and of its children."""
    from vru.warehouse.engine import url_string

    now = now or settings()
    home = private_dir(now.home / "airflow")
    values = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(now.dags_dir),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": _secret(now, "airflow_fernet_key"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(now.checkout / "plugins"),
        "AIRFLOW__API__SECRET_KEY": _secret(now, "airflow_api_secret"),
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(now, "airflow_jwt_secret"),
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url_string("airflow", "airflow"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "SCARF_ANALYTICS": "false",
        "VRU_HOME": str(now.home),
    }
    os.environ.update(values)


def _secret(now: Settings, name: str) -> str:
    """A random key of this state folder, made once and readable by its owner alone."""
    path = private_dir(now.secrets_dir) / name
    if not path.exists():
        key = base64.urlsafe_b64encode(secrets.token_bytes(32))
        _write_private(path, key)
    return path.read_text(encoding="ascii")


def _write_private(path: Path, content: bytes) -> None:
    """Write a 0600 file; the first of two writers wins."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
