"""Small parts of the build: messages without values, names of schemas, the fingerprint."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from vru.transform import dbt, run_domain, schemas


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
