"""Where the platform's own folders are, and the few environment variables that move them.

The installed package is always used from its checkout, so every path here is derived from this file's
own location and never from the current folder.

Environment
-----------
VRU_HOME
    The state folder (default ``<checkout>/.vru``). Two state folders never meet.
VRU_PROFILE
    ``sandbox``, ``files`` or ``live``; unset means that the state folder decides.
VRU_DATABASE_URL
    Another PostgreSQL server, as the URL of a role that may create roles and databases there.
VRU_INBOX
    The folder in which the ``files`` profile finds deliveries.
VRU_REPORT_TO
    Who receives the reports by mail, parted by commas; unset means nobody.
VRU_REPORT_APPROVED
    The file of approved recipients (default ``<home>/approved_recipients.yml``); see ``vru.reporting.recipients``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """What the environment says now. Paths are absolute; only ``ensure_home`` touches the disk."""

    home: Path
    profile: str | None = None
    database_url: str | None = None
    inbox: Path | None = None
    report_to: str = ""
    approved_recipients: Path | None = None
    checkout: Path = CHECKOUT

    @property
    def feeds_dir(self) -> Path:
        """Feed contracts, one YAML file per feed."""
        return self.checkout / "feeds"

    @property
    def dbt_dir(self) -> Path:
        """The dbt project."""
        return self.checkout / "dbt_project"

    @property
    def expectations_dir(self) -> Path:
        """Great Expectations suites as YAML."""
        return self.checkout / "expectations"

    @property
    def dags_dir(self) -> Path:
        """Airflow DAG files."""
        return self.checkout / "dags"

    @property
    def landing_dir(self) -> Path:
        """Every byte ever received."""
        return self.home / "landing"

    @property
    def reports_dir(self) -> Path:
        """Rendered reports."""
        return self.home / "reports"

    @property
    def logs_dir(self) -> Path:
        """Logs of tasks and commands."""
        return self.home / "logs"

    @property
    def state_dir(self) -> Path:
        """Small files that one run leaves for the next (ports, profile, locks)."""
        return self.home / "state"

    @property
    def run_dir(self) -> Path:
        """Files that matter only while something runs; may be emptied when nothing does."""
        return self.home / "run"

    @property
    def secrets_dir(self) -> Path:
        """Generated passwords and keys, readable by the owner alone."""
        return self.home / "secrets"

    @property
    def approved_recipients_file(self) -> Path:
        """Who may receive reports by mail."""
        return self.approved_recipients or self.home / "approved_recipients.yml"

    def ensure_home(self) -> Path:
        """Create the state folder (mode 0700) if it is missing and return it."""
        return private_dir(self.home)


def settings() -> Settings:
    """Read the environment afresh (cheap), so that a changed variable is never missed."""
    home = os.environ.get("VRU_HOME")
    inbox = os.environ.get("VRU_INBOX")
    approved = os.environ.get("VRU_REPORT_APPROVED")
    return Settings(
        home=_absolute(home) if home else CHECKOUT / ".vru",
        profile=os.environ.get("VRU_PROFILE") or None,
        database_url=os.environ.get("VRU_DATABASE_URL") or None,
        inbox=_absolute(inbox) if inbox else None,
        report_to=os.environ.get("VRU_REPORT_TO", ""),
        approved_recipients=_absolute(approved) if approved else None,
    )


def use_home(path: str | os.PathLike[str]) -> Settings:
    """Make ``path`` the state folder of this process and of every child that it starts."""
    os.environ["VRU_HOME"] = str(_absolute(path))
    return settings()


def private_dir(path: Path) -> Path:
    """Create ``path`` and its missing parents with mode 0700; folders that stand already keep their mode.

    Raises FileExistsError or NotADirectoryError if a file is in the way, OSError if the disk refuses.
    """
    missing = []
    folder = path
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is a file, but a folder is needed there; move the file away")
    return path


def _absolute(path: str | os.PathLike[str]) -> Path:
    """Make a path absolute without following links, so that it stays the one the user knows."""
    return Path(os.path.abspath(os.path.expanduser(path)))
