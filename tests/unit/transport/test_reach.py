"""How far a list reaches, by its title or name."""

from __future__ import annotations

from datetime import date

import pytest
from vru.transport.reach import reach


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("Victims 2003 - March 2022", date(2022, 3, 31)),
        ("LDS Victims 2003-Mar 2022.csv", date(2022, 3, 31)),
        ("Jan-03 to Feb-20", date(2020, 2, 29)),
        ("31 March 2022", date(2022, 3, 31)),
        ("Sept 2025", date(2025, 9, 30)),
        ("2022 November", date(2022, 11, 30)),
        ("victims_2025_09.csv", date(2025, 9, 30)),
        ("202203", date(2022, 3, 31)),
        ("2022-03-15", date(2022, 3, 31)),
        ("31/03/2022", date(2022, 3, 31)),
        ("Q1 2022", date(2022, 3, 31)),
        ("2022 Q3", date(2022, 9, 30)),
        ("2021/22", date(2022, 3, 31)),
        ("2003-21", date(2021, 12, 31)),
        ("2003-2021", date(2021, 12, 31)),
        ("June 2022, then May 2021", date(2022, 6, 30)),
        ("Victims", None),
        ("id 12345678, marching in 1066", None),
        ("", None),
    ],
)
def test_the_last_period_of_a_title(text: str, last: date | None) -> None:
    assert reach(text) == last
