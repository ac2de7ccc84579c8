"""Instants as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from vru import clock


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-12-31", datetime(2021, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2021-06-30", datetime(2021, 6, 30, 22, 59, 59, 999999, tzinfo=UTC)),  # summer time
        ("2021-10-31", datetime(2021, 10, 31, 23, 59, 59, 999999, tzinfo=UTC)),  # the day on which it ends
        ("2021-12-31T12:00+00:00", datetime(2021, 12, 31, 12, tzinfo=UTC)),
        ("2021-06-30T12:00", datetime(2021, 6, 30, 11, tzinfo=UTC)),
    ],
)
def test_a_bare_date_is_the_end_of_that_day_in_london(text: str, expected: datetime) -> None:
    assert clock.instant(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "31/12/2021", "2021-13-01", ""])
def test_anything_else_is_told_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="2021-12-31"):
        clock.instant(text)


def test_a_month_is_its_first_day() -> None:
    assert clock.month("2014-01") == date(2014, 1, 1)
    with pytest.raises(ValueError, match="2014-01"):
        clock.month("January 2014")
