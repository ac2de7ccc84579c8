"""Changed SQL, seeds and contracts reach both schemas of marts, also the units that no delivery touches."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from vru.settings import CHECKOUT, Settings

from tests.warehouse.build_loader import TODAY, rows
from tests.warehouse.small_feeds import built_warehouse, street

PARTS = ("dbt_project", "expectations", "feeds", "plugins/vru/warehouse/migrations")


@dataclass(frozen=True)
class Change:
    """One edit of a file, and where in the marts it shows: a query, and what it gives before and after."""

    file: str
    old: str
    new: str
    query: str
    before: str
    after: str

    def make(self, checkout: Path) -> None:
        """Edit the file."""
        path = checkout / self.file
        text = path.read_text(encoding="utf-8")
        assert self.old in text
        path.write_text(text.replace(self.old, self.new, 1), encoding="utf-8")

    def shows(self, schema: str) -> bool:
        """Whether every row of that schema has it; fails where some have and some have not."""
        ((found,),) = rows(self.query.format(schema), role="transformer")
        assert found in (self.before, self.after)
        return bool(found == self.after)


CHANGES = (
    Change(
        "dbt_project/models/marts/police_uk/fct_street_crime.sql",
        "street.location as location_name", "upper(street.location) as location_name",
        "select distinct location_name from {}.fct_street_crime", "On or near A", "ON OR NEAR A",
    ),
    Change(
        "dbt_project/seeds/force.csv",
        "metropolitan,Metropolitan Police Service", "metropolitan,The Met",
        "select distinct force_name from {}.fct_stop_search", "Metropolitan Police Service", "The Met",
    ),
    Change(
        "feeds/police_uk_street.yml",
        "title: Street-level crime (data.police.uk)", "title: Crime in the street",
        "select distinct feed_title from {}.mart_feed_quality where feed = 'police_uk_street'",
        "Street-level crime (data.police.uk)", "Crime in the street",
    ),
)  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of what a build is made with, which this process then works on; marts are built from it."""
    for part in PARTS:
        shutil.copytree(CHECKOUT / part, tmp_path / part, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr(Settings.__init__, "__defaults__", (None, None, None, tmp_path))
    with built_warehouse():
        yield tmp_path


def test_changed_sql_seed_and_contract_reach_both_schemas(checkout: Path) -> None:
    from vru import transform
    from vru.warehouse.migrate import migrate

    made: list[Change] = []
    for change in CHANGES:
        assert not transform.is_due()
        change.make(checkout)
        migrate()  # as every command does first
        assert transform.is_due()
        result = transform.build(today=TODAY)
        assert result is not None
        assert result.is_full
        assert change.shows("marts")
        assert not change.shows("marts_build")
        for earlier in made:
            assert earlier.shows("marts") and earlier.shows("marts_build")
        made.append(change)
    # one more month is all that a difference to the marts in use would show
    street("2022-09", 1)
    result = transform.build(today=TODAY)
    assert result is not None
    assert result.is_full
    for change in CHANGES:
        assert change.shows("marts") and change.shows("marts_build")
