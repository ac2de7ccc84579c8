"""Numbers of advisory locks that SQL must spell itself are those of `locks`."""

from __future__ import annotations

import re

from vru.warehouse import locks
from vru.warehouse.migrate import MIGRATIONS


def test_migrations_take_the_lock_of_the_ledger_and_no_other() -> None:
    text = " ".join(path.read_text(encoding="utf-8") for path in MIGRATIONS.glob("*.sql"))
    assert {int(number) for number in re.findall(r"advisory\w*lock\w*\((\d+)\)", text)} == {locks.LEDGER}


def test_no_number_is_taken_twice() -> None:
    numbers = [value for name, value in vars(locks).items() if name.isupper() and isinstance(value, int)]
    assert len(numbers) == len(set(numbers)) > 5
