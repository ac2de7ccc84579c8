"""All arithmetic on calendar units."""

from __future__ import annotations

from datetime import date

import pytest
from vru.periods import Grain, in_words, months_between, months_up_to, newest_due, shifted, span, unit_end, unit_start


@pytest.mark.parametrize(
    ("grain", "day", "start", "end"),
    [
        ("none", date(2024, 2, 29), date(2024, 2, 29), date(2024, 2, 29)),
        ("day", date(2024, 2, 29), date(2024, 2, 29), date(2024, 2, 29)),
        ("month", date(2024, 2, 29), date(2024, 2, 1), date(2024, 2, 29)),
        ("quarter", date(2024, 11, 30), date(2024, 10, 1), date(2024, 12, 31)),
        ("year", date(2023, 6, 1), date(2023, 1, 1), date(2023, 12, 31)),
        ("year", date(9999, 12, 31), date(9999, 1, 1), date(9999, 12, 31)),
    ],
)
def test_first_and_last_day_of_a_unit(grain: Grain, day: date, start: date, end: date) -> None:
    assert (unit_start(day, grain), unit_end(day, grain)) == (start, end)


def test_months_are_counted_over_years() -> None:
    assert shifted(date(2024, 1, 31), -36) == date(2021, 1, 1)
    assert shifted(date(2024, 11, 1), 2) == date(2025, 1, 1)
    assert months_between(date(2021, 1, 1), date(2024, 1, 1)) == 36
    assert months_up_to(date(2024, 1, 1), 2) == {date(2023, 12, 1), date(2024, 1, 1)}
    assert span(date(2023, 12, 1), date(2024, 1, 1)) == [date(2023, 12, 1), date(2024, 1, 1)]
    assert span(date(2024, 1, 1), date(2023, 12, 1)) == []


def test_a_month_is_due_so_many_days_after_its_end() -> None:
    assert newest_due(date(2024, 3, 30), 30) == date(2024, 1, 1)
    assert newest_due(date(2024, 3, 31), 30) == date(2024, 2, 1)


def test_months_in_words() -> None:
    assert in_words([date(2014, 2, 1), date(2014, 1, 1), date(2015, 2, 1)]) == "2014-01 to 2014-02, 2015-02"
