"""A build is due for what changes figures, which then reaches both schemas of marts, and for nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from vru.settings import CHECKOUT, Settings

from tests.warehouse.build_loader import execute, rows
from tests.warehouse.small_feeds import built_warehouse, street

PARTS = ("dbt_project", "expectations", "feeds")


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
        "dbt_project/models/marts/homicide/mps_homicide_victims.measures.yml",
        "count_unit: victims", "count_unit: offences",
        "select distinct count_unit from {}.mart_measure", "victims", "offences",
    ),
)  # fmt: skip


MODELS = "dbt_project/models"
MEASURES = f"{MODELS}/marts/homicide/mps_homicide_victims.measures.yml"
STREET = f"{MODELS}/marts/police_uk/fct_street_crime.sql"
POLICE = f"{MODELS}/marts/police_uk/police_uk.yml"
FIGURES = (
    (STREET, "street.month,", "(street.month + interval '1 month')::date as month,"),
    (STREET, "'no LSOA in the source'", "'no  LSOA in the source'"),
    ("dbt_project/macros/cleaned.sql", "nullif(", "coalesce("),
    ("dbt_project/seeds/definition.csv", "One row is one victim;", "A row is one victim;"),
    ("dbt_project/dbt_project.yml", "+materialized: view\n      +schema: intermediate", "+materialized: table\n      +schema: intermediate"),
    (POLICE, "resource: lsoa", "resource: borough"),
    (POLICE, "name: longitude\n        data_type: double precision", "name: longitude\n        data_type: numeric"),
    (MEASURES, "'Knife or Sharp Implement'", "'Shooting'"),
    (MEASURES, "{months: 3}", "{months: 4}"),
    (MEASURES, "not covered by this source", "outside this source's area"),
    ("feeds/mps_homicide_victims.yml", "Shooting: []", "Shooting: [Firearm]"),
    ("feeds/values/borough.yml", "[Barking & Dagenham]", "[Barking]"),
)  # fmt: skip
"""Edits that could change a figure: file, old, new."""

WORDS = (
    (STREET, "as the newest release states it", "as it was stated last"),
    (STREET, "select\n    street", "select\n\n    street"),
    ("dbt_project/macros/cleaned.sql", "as it is shown", "as shown"),
    ("dbt_project/dbt_project.yml", "# models/", "# The folder models/"),
    (POLICE, "Force that reported the record.", "The force that reported it."),
    (f"{MODELS}/marts/measures/measures.yml", "                  - victims\n", ""),
    (f"{MODELS}/marts/homicide/homicide_unit_tests.yml", "the row still counts", "the row counts"),
    ("dbt_project/tests/null_has_a_reason.sql", "<>", "!="),
    (MEASURES, "# How the homicide list", "# How the list"),
    ("expectations/marts/mart_measure.yml", "mart: mart_measure", "# words\nmart: mart_measure"),
    ("feeds/police_uk_street.yml", "title: Street-level crime (data.police.uk)", "title: Crime in the street"),
    ("feeds/mps_homicide_victims.yml", "Method of killing.", "How the victim was killed."),
    ("feeds/mps_homicide_victims.yml", 'schedule: "15 6 * * 1"', 'schedule: "45 6 * * 2"'),
    ("feeds/mps_homicide_victims.yml", "cadence_days: 91", "cadence_days: 90"),
    ("feeds/mps_homicide_victims.yml", "homepage: https://data.london.gov.uk/", "homepage: https://london.gov.uk/"),
    ("feeds/mps_homicide_victims.yml", "allowed_hosts: [data.london.gov.uk]", "allowed_hosts: [london.gov.uk]"),
)
"""Edits that only say or schedule something."""

FUNCTION = """
    create or replace function ops.next_unit(unit_start date, grain text) returns date
    language sql immutable parallel safe as $$
        select (unit_start + case grain{}
            when 'day' then interval '{}'
            when 'month' then interval '1 month'
            when 'quarter' then interval '3 months'
            when 'year' then interval '1 year'
        end)::date
    $$
"""
"""A function that no model calls itself, but a function that a model calls does."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of what a build is made with, which this process then works on; marts are built from it."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns("target", "logs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Settings, "checkout", folder)
        with built_warehouse():
            yield folder


@contextmanager
def edited(checkout: Path, file: str, old: str, new: str) -> Iterator[None]:
    """The file with one edit, and as it was afterwards."""
    path = checkout / file
    before = path.read_text(encoding="utf-8")
    assert old in before, f"{file}: {old}"
    path.write_text(before.replace(old, new, 1), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(("file", "old", "new"), FIGURES)
def test_a_build_is_due_for_what_can_change_a_figure(checkout: Path, file: str, old: str, new: str) -> None:
    from vru import transform

    with edited(checkout, file, old, new):
        assert transform.is_due()
    assert not transform.is_due()


@pytest.mark.parametrize(("file", "old", "new"), WORDS)
def test_no_build_is_due_for_words_and_schedules(checkout: Path, file: str, old: str, new: str) -> None:
    from vru import transform

    with edited(checkout, file, old, new):
        assert not transform.is_due()


def test_a_build_is_due_for_a_function_that_models_call(checkout: Path) -> None:
    from vru import transform

    execute("migrator", FUNCTION.format(" -- said anew", "1 day"))
    assert not transform.is_due(), "a comment in its body is no change"
    execute("migrator", FUNCTION.format("", "2 days"))
    assert transform.is_due()
    execute("migrator", FUNCTION.format("", "1 day"))
    assert not transform.is_due()


def test_a_reworded_description_reaches_the_comments_without_a_build(checkout: Path) -> None:
    from vru import transform

    query = "select col_description('{}.fct_street_crime'::regclass, 1), obj_description('{}.mart_measure'::regclass)"
    old = rows(query.format("marts", "marts"))
    builds = rows("select count(*) from ops.build")
    assert old[0][0] == "Force that reported the record."
    with (
        edited(checkout, POLICE, "Force that reported the record.", "The force's own name."),
        edited(
            checkout,
            f"{MODELS}/marts/measures/measures.yml",
            "'One row is a definition, source,",
            "'A row is a definition, source,",
        ),
    ):
        assert transform.build() is None
        ((column, table),) = rows(query.format("marts", "marts"))
        assert column == "The force's own name."
        assert table == old[0][1].replace("One row", "A row", 1)
    assert transform.build() is None
    assert rows(query.format("marts", "marts")) == old
    assert rows("select count(*) from ops.build") == builds


def test_changed_sql_seed_and_specification_reach_both_schemas(checkout: Path) -> None:
    from vru import transform
    from vru.warehouse.migrate import migrate

    made: list[Change] = []
    for change in CHANGES:
        assert not transform.is_due()
        change.make(checkout)
        migrate()  # as every command does first
        assert transform.is_due()
        result = transform.build()
        assert result is not None
        assert result.is_full
        assert change.shows("marts")
        assert not change.shows("marts_build")
        for earlier in made:
            assert earlier.shows("marts") and earlier.shows("marts_build")
        made.append(change)
    # words reach both schemas, each once
    reworded = "select col_description('{}.fct_street_crime'::regclass, 1)"
    with edited(checkout, POLICE, "Force that reported the record.", "The force's own name."):
        assert transform.build() is None
        for schema in ("marts", "marts_build"):
            assert rows(reworded.format(schema), role="transformer") == [("The force's own name.",)]
    # one more month is all that a difference to the marts in use would show
    street("2022-09", 1)
    result = transform.build()
    assert result is not None
    assert result.is_full
    for change in CHANGES:
        assert change.shows("marts") and change.shows("marts_build")
