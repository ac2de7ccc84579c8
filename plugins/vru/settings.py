"""The platform's settings: read in this one place, from the environment and from a file `.env`.

A setting is a variable `VRU_…`. The environment wins over the file, which is `.env` in the checkout unless VRU_ENV_FILE
names another (or nothing). `.env.example` lists them all with their meaning; a test holds it to this module. Whatever
else stands in the file (`AIRFLOW_…`, `AWS_…`) is put into the environment, where it does not stand there already.

The installed package is always used from its checkout, so every path of the code is derived from this file's own
location and never from the current folder.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from upath import UPath

CHECKOUT = Path(__file__).resolve().parents[2]
PREFIX = "VRU_"
ENV_FILE = "VRU_ENV_FILE"

Profile = Literal["sandbox", "files", "live"]
PROFILES: tuple[Profile, ...] = get_args(Profile)

NOT_SETTINGS = ("VRU_DBT_", "VRU_BENCH_", "VRU_REAL_DATA")
"""What else may begin so: what the platform hands to dbt, and what the bench and the tests are told."""


class SettingsError(ValueError):
    """A setting that does not exist or cannot be so. The message says what to write, and never what was written."""


def _absolute(path: str | os.PathLike[str]) -> Path:
    """Make a path absolute without following links, so that it stays the one the user knows."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def _address(text: str) -> str:
    """An address as it stands; a folder as its absolute path."""
    text = text.removeprefix("file://")
    return text.rstrip("/") if _is_far(text) else str(_absolute(text))


def _is_far(address: str) -> bool:
    return "://" in address or "::" in address


Folder = Annotated[Path, AfterValidator(_absolute)]
Address = Annotated[str, AfterValidator(_address)]


class Settings(BaseSettings):
    """What the environment says now. Paths are absolute; only ``ensure_home`` touches the disk."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    home: Folder = Field(
        CHECKOUT / ".vru",
        description="The state folder: the embedded database, secrets, logs. Two state folders never meet.",
    )
    profile: Profile | None = Field(
        None,
        description="Where bytes come from: sandbox, files or live. A state keeps the profile of its first run; unset, "
        "that is sandbox.",
    )
    inbox: Folder | None = Field(None, description="Where profile files finds deliveries, one sub-folder per feed.")
    database_url: str | None = Field(
        None,
        repr=False,
        description="Another PostgreSQL server than the embedded one: the URL of a role that may create roles and "
        "databases there. Machines with the same URL share one state.",
    )
    landing_url: Address = Field(
        default_factory=lambda found: str(found["home"] / "landing"),
        description="Where received bytes are kept: a folder, or an address that fsspec knows (s3://bucket/landing). "
        "Several machines need one that all of them reach.",
    )
    reports_url: Address = Field(
        default_factory=lambda found: str(found["home"] / "reports"),
        description="Where reports are written: a folder or an address, as for VRU_LANDING_URL.",
    )
    report_to: str = Field("", description="Who receives the reports by mail, parted by commas; unset means nobody.")
    report_approved: Folder = Field(
        default_factory=lambda found: found["home"] / "approved_recipients.yml",
        description="The file of approved recipients: domains and addresses that reports may be mailed to.",
    )
    sandbox_url: str | None = Field(
        None, description="Where the synthetic partners answer already; unset, they are started when needed."
    )
    debug: bool = Field(False, description="Show where in the code a command broke.")

    @property
    def checkout(self) -> Path:
        """The checkout that this code lies in."""
        return CHECKOUT

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
    def landing_dir(self) -> Path | UPath:
        """Every byte ever received."""
        return place(self.landing_url)

    @property
    def reports_dir(self) -> Path | UPath:
        """Rendered reports."""
        return place(self.reports_url)

    @property
    def logs_dir(self) -> Path:
        """Logs of tasks and commands."""
        return self.home / "logs"

    @property
    def run_dir(self) -> Path:
        """Files that matter only while something runs; may be emptied when nothing does."""
        return self.home / "run"

    @property
    def secrets_dir(self) -> Path:
        """Generated passwords and keys, readable by the owner alone."""
        return self.home / "secrets"

    def ensure_home(self) -> Path:
        """Create the state folder (mode 0700) if it is missing and return it."""
        return private_dir(self.home)


def settings() -> Settings:
    """What the environment and the file say now, so that a changed variable is never missed. Raises SettingsError."""
    found = tuple(item for item in os.environ.items() if item[0].upper().startswith(PREFIX))
    file = env_file()
    stamp = file.stat() if file is not None else None
    # a path may be relative, or begin with ~
    around = (os.environ.get("HOME"), os.getcwd())
    return _read(found, file, (stamp.st_mtime_ns, stamp.st_size) if stamp else None, around)


def env_file() -> Path | None:
    """The file of settings, if there is one."""
    path = os.environ.get(ENV_FILE, str(CHECKOUT / ".env"))
    return Path(path) if path and os.path.isfile(path) else None


@lru_cache(maxsize=8)
def _read(environment: tuple[tuple[str, str], ...], file: Path | None, *_: object) -> Settings:
    _refuse_unknown((name for name, _value in environment), "the environment")
    if file is not None:
        found = dotenv_values(file)
        _refuse_unknown(found, str(file))
        for name, value in found.items():
            if value and not name.startswith(PREFIX):
                os.environ.setdefault(name, value)
    try:
        return Settings(_env_file=file)  # type: ignore[call-arg] # the base class takes it
    except ValidationError as error:
        wrong = [e for e in error.errors(include_input=False) if e["type"] != "default_factory_not_called"]
        told = "; ".join(f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in wrong)
        raise SettingsError(told) from None


def _refuse_unknown(names: Iterable[str], where: str) -> None:
    """A mistyped name would silently change nothing. Raises SettingsError."""
    known = {ENV_FILE, *(f"{PREFIX}{name.upper()}" for name in Settings.model_fields)}
    for name in names:
        if name.upper().startswith(PREFIX) and name not in known and not name.startswith(NOT_SETTINGS):
            near = difflib.get_close_matches(name.upper(), known, 1)
            raise SettingsError(
                f"{where} sets {name}, which is no setting; "
                + (f"{near[0]} may be meant" if near else "`.env.example` lists them all")
            )


def place(address: str) -> Path | UPath:
    """A folder as its path; another address as a path of the same manners. Listings of it are never out of date."""
    if not _is_far(address):
        return Path(address)
    from upath import UPath

    return UPath(address, use_listings_cache=False)


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
