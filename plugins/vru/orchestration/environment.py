"""Airflow's settings for this state. Imports nothing of Airflow, which reads them when it is imported.

What the environment says (or the file of settings) wins over what the platform would choose: executor, keys, database,
connections, addresses, logs. What must be so whatever anyone says stands in `_insisted`.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from vru.settings import Settings, private_dir, settings

DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"

_chosen: dict[str, str] = {}
"""What this process has put into the environment by its own choice, which it may choose anew."""


def apply(now: Settings | None = None) -> None:
    """Put Airflow's settings into the environment of this process and of its children."""
    now = now or settings()
    for name, choose in _choices(now).items():
        if _is_said(name):
            continue
        os.environ[name] = _chosen[name] = choose()
    os.environ.update(_insisted(now))


def database_url() -> str | None:
    """Where Airflow's own tables are, after `apply`; None if Airflow alone can tell (by a command or a secret)."""
    return os.environ.get(DATABASE)


def _is_said(name: str) -> bool:
    """Whether anyone but this process has set it, in any of the ways that Airflow knows."""
    said = os.environ.get(name)
    if said is not None and said != _chosen.get(name):
        return True
    return any(f"{name}_{way}" in os.environ for way in ("CMD", "SECRET"))


def _choices(now: Settings) -> dict[str, Callable[[], str]]:
    """What the platform chooses where nobody says anything."""
    from vru.warehouse.engine import url_string

    plain = {
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(now.home / "airflow" / "logs"),
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }
    return {
        **{name: lambda value=value: value for name, value in plain.items()},  # type: ignore[misc]
        "AIRFLOW__CORE__FERNET_KEY": lambda: _secret(now, "airflow_fernet_key"),
        "AIRFLOW__API__SECRET_KEY": lambda: _secret(now, "airflow_api_secret"),
        "AIRFLOW__API_AUTH__JWT_SECRET": lambda: _secret(now, "airflow_jwt_secret"),
        DATABASE: lambda: url_string("airflow", "airflow"),
    }


def _insisted(now: Settings) -> dict[str, str]:
    """What is so whatever anyone says: whose code runs, where this state is, and that nothing tells of it outside."""
    return {
        "AIRFLOW_HOME": str(private_dir(now.home / "airflow")),
        "AIRFLOW__CORE__DAGS_FOLDER": str(now.dags_dir),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(now.checkout / "plugins"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "SCARF_ANALYTICS": "false",
        "VRU_HOME": str(now.home),
    }


def _secret(now: Settings, name: str) -> str:
    """A key of this state: the same on every machine with the same VRU_DATABASE_URL, else random and kept here."""
    from vru.warehouse.engine import server

    shared = server().shared_secret(name)
    if shared is not None:
        return base64.urlsafe_b64encode(shared).decode("ascii")
    path = private_dir(now.secrets_dir) / name
    if not path.exists():
        write_private(path, base64.urlsafe_b64encode(secrets.token_bytes(32)))
    return path.read_text(encoding="ascii")


def write_private(path: Path, content: bytes) -> None:
    """Write a 0600 file; the first of two writers wins."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
