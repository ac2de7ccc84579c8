"""What may leave is data: the specifications, and what is refused when they are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from vru.disclosure.specification import TABLES, SpecificationError, load_specifications

CROSS = """
comment: A made-up table of boroughs by year.
shape: cross
measures: [homicide_knife]
area_kind: borough
period_kind: calendar_year
window: 3
"""


def read(folder: Path, text: str, name: str = "made_up") -> None:
    (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    load_specifications(folder)


def test_every_table_that_leaves_has_a_specification_with_a_comment_on_every_column() -> None:
    specs = load_specifications()
    assert set(specs) == {path.stem for path in TABLES.glob("*.yml")}
    order = list(specs)
    assert all(spec.of is None or order.index(spec.of) < order.index(name) for name, spec in specs.items())
    for spec in specs.values():
        assert all(column.comment and "{" not in column.comment for column in spec.layout.columns)
    assert "Victims, as they may be published" in specs["homicide_london_month"].layout.columns[3].comment


def test_a_new_table_is_one_file(tmp_path: Path) -> None:
    read(tmp_path, CROSS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("calendar_year", "month"), "key period_kind: 'month' by borough is no period that may leave"),
        (("borough", "lsoa"), "key area_kind: 'lsoa' has no grain"),
        (("window: 3", ""), "key window: missing"),
        (("window: 3", "window: 3\nof: made_up"), "key of: shape 'cross' does not use it"),
        (("window: 3", "window: 3\ndetails: [sex, method]"), "key details: below London a table has at most one"),
        (("window: 3", "window: 3\ndetails: [star_sign]"), "key details: 'star_sign' is none of"),
        (("window: 3", "window: 3\nwords: {no_such: x}"), "key words.no_such: shape 'cross' has no such column"),
        (("window: 3", "window: 3\nsurprise: 1"), "key surprise"),
        (("measures: [homicide_knife]", "measures: []"), "key measures: missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_the_policy_forbids_is_refused_with_file_and_key(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecificationError, match=r"tables/made_up\.yml") as error:
        read(tmp_path, CROSS.replace(*change))
    assert message in str(error.value)


def test_quarters_of_a_borough_are_for_large_kinds(tmp_path: Path) -> None:
    quarterly = CROSS.replace("calendar_year", "quarter")
    with pytest.raises(SpecificationError, match="key period_kind"):
        read(tmp_path, quarterly)
    read(tmp_path, quarterly + "is_large_kind: true\n")


@pytest.mark.parametrize(("one", "other"), [("month", "rolling_12_months"), ("calendar_year", "financial_year")])
def test_sets_of_periods_that_overlap_are_refused(one: str, other: str, tmp_path: Path) -> None:
    """12 months to March less 12 months to February is March less March a year before."""
    text = "comment: A made-up series of London.\nshape: series\nmeasures: [homicide]\narea_kind: region\nperiod_kind: "
    read(tmp_path, text + one, "first")
    with pytest.raises(SpecificationError, match=rf"tables/second\.yml, key period_kind: '{other}'.*first\.yml"):
        read(tmp_path, text + other, "second")


def test_a_derived_table_names_one_that_it_can_be_made_of(tmp_path: Path) -> None:
    read(tmp_path, CROSS)
    with pytest.raises(SpecificationError, match=r"tables/sum\.yml, key of: must name a table of shape areas"):
        read(tmp_path, "comment: A made-up total of it.\nshape: total\nof: made_up\ntitle: All", "sum")
