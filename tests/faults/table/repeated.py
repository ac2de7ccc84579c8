"""Rows 29 and 33: a file that comes again, and one that says something else of the same months.

Each is a story of several deliveries, told in `test_same_again.py` and `test_restated.py`; here stand the names.
"""

from __future__ import annotations

from tests.faults.case import Case, Variants

VARIANTS: Variants = {
    29: ("same_name", "renamed", "recompressed", "next_day", "older_after_newer"),
    33: ("values_changed", "rows_deleted", "rows_added", "all_replaced", "restated_twice"),
}
REPEATS = VARIANTS[29]
"""One test each."""
RESTATEMENTS = VARIANTS[33]
"""What `Feed.restated` makes of the clean file."""

CASES: list[Case] = []
