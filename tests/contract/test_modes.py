"""A contract under which rows could stand in raw and never be current does not validate."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from vru.contracts import Contract

MADE = Path(__file__).parents[1] / "warehouse" / "upsert_feed" / "feeds" / "made_reviews.yml"
Edit = Callable[[dict[str, Any], dict[str, Any]], object]


def column(resource: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in resource["columns"] if c["name"] == name)


def by_month(resource: dict[str, Any], **more: Any) -> None:
    """Make it a list by month, whose column is of no use unless `more` says otherwise."""
    for key in ("parent", "withdrawn", "key", "row_identity", "unpivot"):
        resource.pop(key, None)
    resource |= {"delivery": "snapshot", "grain": "month", "unit_column": "month"}
    resource["columns"].append(
        {"name": "month", "description": "The month of it.", "type": "month", "formats": ["%Y-%m"], "nullable": False}
        | more
    )


CASES: dict[str, tuple[Edit, str]] = {
    "an upsert without a key": (
        lambda review, _: [review.pop(key) for key in ("key", "row_identity", "withdrawn")], "needs 'row_identity: key'"
    ),
    "a key that may be blank": (lambda review, _: column(review, "board").pop("nullable"), "must not be nullable"),
    "a key that is no value": (lambda review, _: column(review, "review_number").update(type="json"), "not be json"),
    "a parent that is not there": (lambda _, child: child["parent"].update(resource="panel"), "must be an upsert"),
    "a parent that is a child": (lambda _, child: child["parent"].update(resource="recommendation"), "must be an upsert"),
    "half of the parent's key": (lambda _, child: child["parent"]["key"].pop("board"), "the key of 'review'"),
    "a key of another type": (lambda _, child: column(child, "of_review").pop("type"), "must be of the type"),
    "a parent that is cut": (
        lambda review, _: review.update(partition={"column": "board"}), "cut into the same partitions"
    ),
    "a parent in another mode": (lambda _, child: child.update(delivery="snapshot"), "are for delivery 'upsert'"),
    "a marker nobody can write": (
        lambda review, _: review["withdrawn"].update(values=["deleted"]), "['deleted'] are not"
    ),
    "a marker in no column": (lambda review, _: review["withdrawn"].update(column="gone"), "not among the columns"),
    "a marker in the key": (lambda review, _: review["withdrawn"].update(column="board"), "no part of the key"),
    "a marker of what belongs to others": (
        lambda review, child: child.update(withdrawn=review["withdrawn"]), "belongs to the parent"
    ),
    "a unit that may be blank": (lambda review, child: by_month(child, nullable=True), "a row without a unit"),
    "a unit that is no day": (
        lambda review, child: by_month(child, type="integer", formats=[]), "must be a date or a month"
    ),
    "a period without a grain": (
        lambda review, child: (by_month(child), child.update(delivery="period", grain="none", unit_column=None)),
        "needs a grain",
    ),
    "a window over no snapshot": (lambda review, _: review.update(rolling_window=True), "is for delivery 'snapshot'"),
    "a column compared without units": (
        lambda review, _: review.update(
            withholdable=[{"column": "title", "max_shift_pct": 1, "reason": "Made for this test, like all here."}]
        ),
        "needs a grain",
    ),
}  # fmt: skip


def made() -> dict[str, Any]:
    """The contract of the made feed."""
    found: dict[str, Any] = yaml.safe_load(MADE.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_mode_that_would_show_nothing_is_refused(case: str) -> None:
    edit, words = CASES[case]
    content = deepcopy(made())
    edit(*content["resources"])
    with pytest.raises(ValidationError) as raised:
        Contract.model_validate(content)
    assert words in str(raised.value)


def test_the_feed_itself_is_valid_and_so_is_a_list_by_month() -> None:
    content = made()
    assert Contract.model_validate(content).resources[1].replace_key == ["board", "of_review"]
    by_month(content["resources"][1])
    Contract.model_validate(content)
