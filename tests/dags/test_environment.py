"""Airflow's settings: what is said outside wins, what must be so is so; asked of Airflow itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from vru.orchestration import environment
from vru.settings import CHECKOUT

ASK = """
import json, os
from vru.orchestration import environment
environment.apply()
from airflow.configuration import conf
print("RESULT" + json.dumps({f"{section}.{key}": conf.get(section, key) for section, key in (
    ("core", "executor"), ("core", "parallelism"), ("core", "fernet_key"), ("core", "dags_folder"),
    ("core", "load_examples"), ("database", "sql_alchemy_conn"), ("logging", "base_log_folder"),
    ("usage_data_collection", "enabled"), ("api_auth", "jwt_secret"),
)} | {"home": os.environ["AIRFLOW_HOME"]}))
"""
OTHER = "postgresql+psycopg2://airflow:secret@db.example.org/airflow"


def asked(**said: str) -> dict[str, str]:
    """What a fresh process's Airflow has, where this is said outside."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env={**inherited, **said}, capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert lines, done.stderr[-2000:]
    found: dict[str, str] = json.loads(lines[0].removeprefix("RESULT"))
    return found


def test_where_nothing_is_said_the_platform_chooses(cluster: object, vru_home: Path) -> None:
    first, again = asked(), asked()
    assert first == again, "keys are made once"
    assert (first["core.executor"], first["core.parallelism"]) == ("LocalExecutor", "4")
    assert "airflow" in first["database.sql_alchemy_conn"]
    assert first["logging.base_log_folder"] == str(vru_home / "airflow" / "logs")
    assert (vru_home / "secrets" / "airflow_fernet_key").read_text() == first["core.fernet_key"]


def test_what_is_said_outside_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is started and no key is made for what is said; also where a command says it."""
    monkeypatch.setenv("VRU_HOME", str(tmp_path / "home"))
    (tmp_path / "key").write_text("from-a-file")
    found = asked(
        AIRFLOW__CORE__EXECUTOR="CeleryExecutor",
        AIRFLOW__CORE__PARALLELISM="64",
        AIRFLOW__CORE__FERNET_KEY_CMD=f"cat {tmp_path / 'key'}",
        AIRFLOW__API__SECRET_KEY="same",
        AIRFLOW__API_AUTH__JWT_SECRET="everywhere",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=OTHER,
        AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(tmp_path / "logs"),
    )
    assert (found["core.executor"], found["core.parallelism"]) == ("CeleryExecutor", "64")
    assert (found["core.fernet_key"], found["api_auth.jwt_secret"]) == ("from-a-file", "everywhere")
    assert found["database.sql_alchemy_conn"] == OTHER
    assert found["logging.base_log_folder"] == str(tmp_path / "logs")
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["airflow"]


def test_some_things_are_so_whatever_is_said(cluster: object, vru_home: Path, tmp_path: Path) -> None:
    found = asked(
        AIRFLOW_HOME=str(tmp_path),
        AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path),
        AIRFLOW__CORE__LOAD_EXAMPLES="True",
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="True",
    )
    assert found["home"] == str(vru_home / "airflow")
    assert found["core.dags_folder"] == str(CHECKOUT / "dags")
    assert (found["core.load_examples"], found["usage_data_collection.enabled"]) == ("False", "False")


@pytest.fixture
def unsaid() -> Iterator[None]:
    """What a test makes this process say of Airflow is unsaid afterwards."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("unsaid")
def test_machines_with_one_database_have_the_same_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They follow from the database's own password, so that a token made on one machine is good on another."""
    seen = []
    for machine, password in (("one", "x"), ("two", "x"), ("three", "y")):
        monkeypatch.setenv("VRU_HOME", str(tmp_path / machine))
        monkeypatch.setenv("VRU_DATABASE_URL", f"postgresql://owner:{password}@db.example.org/vru")
        monkeypatch.setattr(environment, "_chosen", {})
        for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", OTHER)
        environment.apply()
        seen.append((os.environ["AIRFLOW__CORE__FERNET_KEY"], os.environ["AIRFLOW__API_AUTH__JWT_SECRET"]))
        assert not (tmp_path / machine / "secrets").exists()
    assert seen[0] == seen[1] != seen[2]
    assert len({key for pair in seen for key in pair}) == 4


@pytest.mark.usefixtures("unsaid")
def test_another_state_in_the_same_process_is_chosen_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process chose itself is not taken for what was said outside."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(environment, "_chosen", {})
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", OTHER)
    logs = []
    for name in ("one", "two"):
        monkeypatch.setenv("VRU_HOME", str(tmp_path / name))
        environment.apply()
        logs.append(os.environ["AIRFLOW__LOGGING__BASE_LOG_FOLDER"])
    assert logs == [str(tmp_path / name / "airflow" / "logs") for name in ("one", "two")]
