"""Row 33: a restated month is a new version; both can be had again, and the ledger says how much changed.

A list of areas that has lost some is asked about first, as is a file in which every row says something else, and is the
new version once a person has released it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from vru import pipeline

from tests.faults.feeds import FEEDS, Delivery, Feed
from tests.faults.platform import Platform, current, query
from tests.faults.suite import LOST
from tests.faults.table.repeated import RESTATEMENTS


def contents(feed: Feed, variant: str) -> list[bytes]:
    """The clean file and what it is restated to, in order."""
    if variant != "restated_twice":
        return [feed.clean, feed.restated(feed, feed.clean, variant)]
    once = feed.restated(feed, feed.clean, "values_changed")
    return [feed.clean, once, feed.restated(feed, once, "values_changed" if feed.is_keyed else "rows_added")]


def asked_about(feed: Feed, variant: str) -> str:
    """The check for which the restatement waits for a person; empty where it counts at once."""
    match variant:
        case "rows_deleted" if feed.is_keyed:
            return feed.suite.of_type(*LOST)
        case "all_replaced":
            return feed.suite.restating(feed.suite.cell_value)
        case _:
            return ""


def batches(rows: list[dict[str, Any]], feed: Feed, platform: Platform) -> set[int]:
    """What the feed's months are read from, as far as it came in this test."""
    return {row["batch_id"] for row in rows if row["feed"] == feed.name and row["batch_id"] > platform.marks["batch"]}


def failed_checks(batch_id: int) -> set[str]:
    """What the batch failed."""
    failed = query("select check_id from ops.check_result where batch_id = %s and not is_success", batch_id)
    return {row["check_id"] for row in failed}


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.label)
@pytest.mark.parametrize("variant", RESTATEMENTS, ids=lambda variant: f"bi33_{variant}")
def test_restated(variant: str, feed: Feed, platform: Platform) -> None:
    earlier = platform.picture()
    came: list[tuple[int, datetime, datetime]] = []
    versions = contents(feed, variant)
    assert len({*versions}) == len(versions)
    for day, content in zip(map(feed.day, (8, 9, 10)), versions, strict=False):
        answer = platform.deliver(feed, Delivery(feed.file_name, content, day))
        if day != feed.day(8) and (check := asked_about(feed, variant)):
            assert (answer.exit_code, answer.batch["status"]) == (1, "held"), answer.message
            assert check in failed_checks(answer.batch["batch_id"])
            pipeline.release(answer.batch["batch_id"], "the publisher confirmed it", "a test")
        else:
            assert (answer.exit_code, answer.batch["status"]) == (0, "admitted"), answer.message
        (now,) = query("select clock_timestamp() as instant")
        came.append(
            (answer.batch["batch_id"], datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC), now["instant"])
        )

    if variant == "all_replaced" and not asked_about(feed, variant) and not feed.suite.cell_value:
        withheld = query("select column_name from ops.withheld_column where batch_id = %s", came[-1][0])
        assert withheld, "what is said anew of every row is not used"
    assert batches(current(), feed, platform) == {came[-1][0]}
    for (batch_id, known_at, admitted_at), content in zip(came, versions, strict=True):
        assert batches(current(known_at, None), feed, platform) == {batch_id}
        assert batches(current(None, admitted_at), feed, platform) == {batch_id}
        assert platform.raw_rows(feed, batch_id) == feed.raw_rows(content)
    assert platform.picture().raw == earlier.raw

    # the change itself: how many figures (rows by month and place) of the version before are no longer so; a boundary
    # is no figure
    if feed.is_keyed and not feed.suite.cell_value:
        return
    for batch_id, _, _ in came[1:]:
        measures = query("select measure, value from ops.batch_measure where batch_id = %s", batch_id)
        found = {row["measure"]: row["value"] for row in measures}
        is_changed = not (feed.is_keyed and variant == "rows_added")
        assert 0 <= found["cells_unchanged"] <= found["cells_compared"] - is_changed
