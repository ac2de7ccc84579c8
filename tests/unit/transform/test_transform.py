"""Small parts of the build: messages without values, names of schemas, the fingerprint."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from vru.settings import CHECKOUT, Settings
from vru.transform import dbt, run_domain, schemas
from vru.transform.fingerprint import fingerprint


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            'Database Error in model a (models/a.sql)\n  invalid input syntax for type integer: "Jane Doe"\n  LINE 3: x',
            "Database Error in model a (models/a.sql) invalid input syntax for type integer",
        ),
        (
            'duplicate key value violates unique constraint "a_pkey"\nDETAIL:  Key (name)=(Jane Doe) already exists.',
            'duplicate key value violates unique constraint "a_pkey"',
        ),
        (
            'null value in column "b" of relation "a" violates not-null constraint\n'
            "  DETAIL:  Failing row contains (Jane Doe, null).",
            'null value in column "b" of relation "a" violates not-null constraint',
        ),
        ('date/time field value out of range: "99 Jane"', "date/time field value out of range"),
        ("Got 3 results, configured to fail if != 0", "Got 3 results, configured to fail if != 0"),
        ('column "score" does not exist\nLINE 4:  min(score)\n   ^', 'column "score" does not exist'),
    ],
)
def test_messages_hold_no_value(message: str, expected: str) -> None:
    assert dbt.without_values(message) == expected


def test_an_as_of_schema_is_named_by_the_day_in_london() -> None:
    assert schemas.asof_name(datetime(2021, 12, 31, 23, 59, tzinfo=UTC)) == "asof_20211231"
    assert schemas.asof_name(datetime(2021, 6, 30, 23, 30, tzinfo=UTC)) == "asof_20210701"
    assert schemas.layers("asof_20210701") == ("stg_asof_20210701",)
    assert schemas.restricted("marts_build") == "marts_restricted_build"


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(ValueError, match="shared, homicide, police_uk, measures"):
        run_domain(1, "weather")


def test_the_fingerprint_follows_what_makes_the_marts(tmp_path: Path) -> None:
    migrations = "plugins/vru/warehouse/migrations"
    for name in ("dbt_project", "feeds", migrations):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("target", "logs"))

    class Copy(Settings):
        @property
        def checkout(self) -> Path:
            return tmp_path

    copy = Copy(home=tmp_path)
    seen = {fingerprint(copy)}
    assert seen == {fingerprint()}, "where a checkout lies makes no difference"
    (tmp_path / "dbt_project" / "target").mkdir()
    (tmp_path / "dbt_project" / "target" / "run.sql").write_text("select 1")
    assert fingerprint(copy) in seen, "what dbt writes is no part of it"
    for path in (
        "dbt_project/models/marts/measures/mart_measure.sql",
        "dbt_project/macros/cleaned.sql",
        "dbt_project/seeds/definition.csv",
        "dbt_project/dbt_project.yml",
        "feeds/mps_homicide_victims.yml",
        "feeds/values/borough.yml",
        f"{migrations}/0005_statistics.sql",
    ):
        with (tmp_path / path).open("a") as file:
            file.write("\n")
        now = fingerprint(copy)
        assert now not in seen, path
        seen.add(now)
