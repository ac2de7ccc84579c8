"""Airflow as a service on one machine: web page, scheduler, DAG processor and triggerer, until Ctrl-C."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import FrameType
from typing import Never

from vru.orchestration import environment
from vru.orchestration.headless import migrate_airflow
from vru.settings import private_dir, settings
from vru.warehouse.server.sockets import free_port, is_free

PAGE = "api-server"
"""Started first: tasks report to it."""
OTHERS = ("dag-processor", "scheduler", "triggerer")
STARTUP_SECONDS = 120
USUAL_PORT = 8080
USER = "admin"


def serve() -> None:
    """Start everything, print address and log-in, and stop everything on Ctrl-C or when one part dies."""
    from vru.profile import sandbox_running

    migrate_airflow()
    port = int(os.environ.get("AIRFLOW__API__PORT") or (USUAL_PORT if is_free(USUAL_PORT) else free_port()))
    for name, value in {
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
    }.items():
        os.environ.setdefault(name, value)  # what is said outside wins
    signal.signal(signal.SIGTERM, _interrupt)
    password = _login()
    with sandbox_running():
        parts = {PAGE: _start(PAGE)}
        try:
            _wait_until_healthy(port, parts)
            parts |= {name: _start(name) for name in OTHERS}
            sys.stdout.write(f"Airflow: http://127.0.0.1:{port}  user {USER}, password {password}\nCtrl-C stops it\n")
            sys.stdout.flush()
            while not (dead := [name for name, part in parts.items() if part.poll() is not None]):
                time.sleep(1)
            raise RuntimeError(f"{dead[0]} ended by itself; see {settings().logs_dir / f'airflow-{dead[0]}.log'}")
        finally:
            _stop(parts)


def _start(name: str) -> subprocess.Popen[bytes]:
    log = private_dir(settings().logs_dir) / f"airflow-{name}.log"
    with log.open("ab") as out:
        return subprocess.Popen([sys.executable, "-m", "airflow", name], stdout=out, stderr=out)


def _stop(parts: dict[str, subprocess.Popen[bytes]]) -> None:
    for part in parts.values():
        if part.poll() is None:
            part.terminate()
    for part in parts.values():
        try:
            part.wait(timeout=20)
        except subprocess.TimeoutExpired:
            part.kill()


def _wait_until_healthy(port: int, parts: dict[str, subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        for name, part in parts.items():
            if part.poll() is not None:
                raise RuntimeError(f"{name} did not start; see {settings().logs_dir / f'airflow-{name}.log'}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/version", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"the web page did not answer within {STARTUP_SECONDS} s; see {settings().logs_dir}")


def _login() -> str:
    """The password of the one administrator, made once per state folder and kept beside the other secrets."""
    path = private_dir(settings().secrets_dir) / "airflow_admin_password"
    if path.exists():
        return path.read_text(encoding="ascii")
    password = secrets.token_urlsafe(12)
    names = ["--firstname", "Airflow", "--lastname", "Administrator", "--email", "admin@localhost"]
    done = _users(password, "create", "--role", "Admin", *names)
    if done.returncode == 0 and "already exists" in done.stdout:  # of a state folder whose secrets were deleted
        done = _users(password, "reset-password")
    if done.returncode:
        raise RuntimeError(f"Airflow's administrator could not be made: {done.stderr.strip()[-500:]}")
    environment.write_private(path, password.encode("ascii"))
    return password


def _users(password: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Airflow's own command on the administrator; it asks for the password, which no list of processes then shows."""
    return subprocess.run(
        [sys.executable, "-m", "airflow", "users", command, "--username", USER, *options],
        input=f"{password}\n{password}\n", start_new_session=True, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _interrupt(_signal: int, _frame: FrameType | None) -> Never:
    raise KeyboardInterrupt
