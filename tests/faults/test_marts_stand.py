"""Bad files leave the marts byte for byte as they were, and after a restatement the marts of before can be had again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from vru import transform

from tests.faults import changes as c
from tests.faults import json_changes as j
from tests.faults.feeds import FEEDS, RECORDS, Delivery
from tests.faults.platform import Platform

BEFORE, LATER = datetime(2022, 11, 30, 12, tzinfo=UTC), "2022-12-01"
BAD = {
    "text": (
        ("rejected", c.cut_mid_row, "2022-11-01", None),
        ("rejected", c.without_required, "2022-11-02", None),
        ("held", c.comma_after_every_record, "2022-11-03", None),
        ("held", c.without_last_record, "2022-11-04", RECORDS),
    ),
    "geojson": (
        ("rejected", j.cut_mid_feature, "2022-11-01", None),
        ("rejected", j.without_required, "2022-11-02", None),
        ("held", j.in_feature(j.one_property_less), "2022-11-03", None),
        ("held", j.without_last, "2022-11-04", RECORDS),
    ),
}
"""By the shape of the file: status that must come of it, what is done to it, vintage and rows that the manifest states."""


@pytest.mark.deep
def test_marts_stand(platform: Platform) -> None:
    """One story for all feeds, since every build takes its seconds: clean, bad, restated, and as known before that."""
    for feed in FEEDS:
        assert platform.deliver(feed, Delivery(feed.file_name, feed.clean, feed.vintage)).exit_code == 0
    first = transform.build()
    assert first is not None
    assert first.is_full
    standing = transform.mart_hash()

    for feed in FEEDS:
        for status, change, vintage, announced in BAD[feed.shape]:
            answer = platform.deliver(feed, Delivery(feed.file_name, change(feed, feed.clean), vintage, announced))
            assert (answer.exit_code, answer.batch["status"]) == (1, status), answer.message
        assert not transform.is_due(), feed.name
        assert transform.mart_hash() == standing, feed.name
    assert transform.build() is None

    for feed in FEEDS:
        restated = feed.restated(feed, feed.clean, "rows_added")
        assert platform.deliver(feed, Delivery(feed.file_name, restated, LATER)).exit_code == 0
    assert transform.build() is not None
    assert transform.mart_hash() != standing
    # in full, from everything that is here by now: what was known before the restatement
    past = transform.build(BEFORE)
    assert past is not None
    assert past.is_full
    assert transform.mart_hash(past.schema) == standing
