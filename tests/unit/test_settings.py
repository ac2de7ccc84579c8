"""Settings are read in one place, and `.env.example` says what is true of them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from vru.settings import CHECKOUT, Settings, SettingsError, settings

EXAMPLE = CHECKOUT / ".env.example"
VALUES = {
    "home": ".vru",
    "profile": "sandbox",
    "inbox": "./inbox",
    "database_url": "postgresql://owner:PASSWORD@db.example.org:5432/vru",
    "landing_url": "s3://bucket/landing",
    "reports_url": "s3://bucket/reports",
    "report_to": "analysis@example.org",
    "report_approved": ".vru/approved_recipients.yml",
    "sandbox_url": "http://127.0.0.1:8900",
    "debug": "false",
}
"""What the example shows of each: its default, or one that could be."""


@pytest.fixture(autouse=True)
def unsaid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Nothing is said by the environment but the name of a file of settings, which is returned and not there yet."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("VRU_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VRU_ENV_FILE", str(tmp_path / "settings.env"))
    yield tmp_path / "settings.env"
    for name in set(os.environ) - set(before):  # what a file put there
        del os.environ[name]


def test_the_example_holds_every_setting_with_its_meaning() -> None:
    lines = []
    for name, field in Settings.model_fields.items():
        lines += [*textwrap.wrap(field.description or "", 118, initial_indent="# ", subsequent_indent="# ")]
        lines += [f"# VRU_{name.upper()}={VALUES[name]}", ""]
    expected = "\n".join(lines)
    assert expected in EXAMPLE.read_text(encoding="utf-8"), f"{EXAMPLE.name} should hold:\n{expected}"


def test_what_the_example_says_can_be_said(unsaid: Path) -> None:
    """Copied with every line in force, each setting has the value that stands there."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    told = [line.removeprefix("# ") for line in lines if line.startswith(("# VRU_", "# AIRFLOW_", "# AWS_"))]
    unsaid.write_text("\n".join(told) + "\n", encoding="utf-8")
    now = settings()
    assert now.home == Path.cwd() / ".vru"
    assert (now.landing_url, str(now.reports_dir / "x.html")) == ("s3://bucket/landing", "s3://bucket/reports/x.html")
    assert now.database_url == VALUES["database_url"]
    assert not now.debug
    others = [line.partition("=")[0] for line in told if not line.startswith("VRU_")]
    assert others
    assert all(name in os.environ for name in others), "what Airflow and the object store read"


def test_the_environment_wins_over_the_file(unsaid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unsaid.write_text("VRU_PROFILE=files\nAIRFLOW__CORE__EXECUTOR=CeleryExecutor\nVRU_REPORT_TO=\n", encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    assert settings().profile == "files"
    monkeypatch.setenv("VRU_PROFILE", "live")
    assert settings().profile == "live"
    assert os.environ["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    monkeypatch.setenv("VRU_ENV_FILE", "")
    monkeypatch.delenv("VRU_PROFILE")
    assert settings().profile is None, "no file is read"


def test_a_changed_variable_or_file_is_seen(unsaid: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert settings().home == CHECKOUT / ".vru"
    assert settings().landing_dir == CHECKOUT / ".vru" / "landing"
    monkeypatch.setenv("VRU_HOME", str(tmp_path / "a"))
    assert settings().reports_dir == tmp_path / "a" / "reports"
    monkeypatch.setenv("VRU_HOME", "b")
    monkeypatch.chdir(tmp_path)
    assert settings().home == tmp_path / "b"
    unsaid.write_text("VRU_DEBUG=1\n", encoding="utf-8")
    assert settings().debug
    unsaid.write_text("VRU_DEBUG=no\n", encoding="utf-8")
    assert not settings().debug


@pytest.mark.parametrize("where", ["environment", "file"])
@pytest.mark.parametrize("name", ["VRU_HOEM", "vru_home", "VRU_LANDING"])
def test_a_name_that_is_no_setting_is_refused(
    name: str, where: str, unsaid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "file":
        unsaid.write_text(f"{name}=/somewhere\n", encoding="utf-8")
    else:
        monkeypatch.setenv(name, "/somewhere")
    with pytest.raises(SettingsError, match=f"sets {name}, which is no setting; VRU_.* may be meant"):
        settings()


def test_a_value_that_cannot_be_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VRU_PROFILE", "canary")
    monkeypatch.setenv("VRU_DATABASE_URL", "postgresql://owner:canary@db.example.org/vru")
    with pytest.raises(SettingsError, match=r"VRU_PROFILE: .*'sandbox', 'files' or 'live'") as refused:
        settings()
    assert "canary" not in str(refused.value)
    monkeypatch.delenv("VRU_PROFILE")
    assert "canary" not in repr(settings())


def test_the_command_ends_with_2_and_no_state_is_made(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("vru")), "run"],
        env={**os.environ, "VRU_HOEM": str(tmp_path / "home"), "VRU_HOME": str(tmp_path / "home")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "the environment sets VRU_HOEM, which is no setting; VRU_HOME may be meant\n"
    assert not (tmp_path / "home").exists()


def test_reading_them_again_is_cheap() -> None:
    """They are read afresh hundreds of times in a run."""
    settings()
    code = "from vru.settings import settings, _read\nfor _ in range(200): settings()\nprint(_read.cache_info().misses)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
