"""What the suite of a resource promises, so that the table can ask which of its checks must see a fault."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vru import documents
from vru.settings import CHECKOUT

ROW_TYPES = (
    "expect_column_values_to_be_between", "expect_column_values_to_match_regex", "expect_column_values_to_be_in_set",
    "expect_no_rows_where",
)  # fmt: skip
"""A row that fails one of these goes to quarantine."""
LOST = ("between_vintages.no_unit_missing", "between_vintages.no_value_vanished")
KEY = "expect_key_to_be_unique"

Check = Mapping[str, Any]


@dataclass(frozen=True)
class Suite:
    """The checks of one resource, as its file writes them."""

    checks: tuple[Check, ...]
    cells: tuple[str, ...] = ()
    cell_value: str = ""

    @property
    def critical(self) -> list[Check]:
        """Those that set a row aside or hold the file."""
        return [check for check in self.checks if check["severity"] == "critical"]

    def of_type(self, *types: str) -> str:
        """The first critical check of one of these types; empty where there is none."""
        return next((check["id"] for check in self.critical if check["type"] in types), "")

    def of_rows(self, column: str, *words: str) -> str:
        """The first critical row check that is about a column and says one of these words; empty where there is none."""
        for check in self.critical:
            if check["type"] in ROW_TYPES and mentions(check, column):
                said = str({**check, "reason": ""})
                if not words or any(re.search(word, said) for word in words):
                    return str(check["id"])
        return ""

    def restating(self, figure: str) -> str:
        """The critical check that no cell of many rows stated again says something else; empty where a figure may move."""
        found = (check for check in self.critical if check["type"] == "between_vintages.rows_restated")
        return next((str(c["id"]) for c in found if figure not in c.get("kwargs", {}).get("within_pct", {})), "")

    def refusing(self, column: str, value: Any) -> str:
        """The critical row check of one column that a value fails; empty where none does, and for no value."""
        for check in self.critical if value is not None else ():
            if check.get("column") == column and _is_refused(check["type"], check.get("kwargs", {}), value):
                return str(check["id"])
        return ""

    def of_all(self, *words: str) -> str:
        """The first critical check of a share of the rows that says all of these words; empty where there is none."""
        for check in self.critical:
            if check["type"] == "expect_share_of_rows_where_to_be_at_most" and all(w in check["where"] for w in words):
                return str(check["id"])
        return ""

    def is_free(self, column: str) -> bool:
        """Whether no critical check is about a column."""
        return not any(mentions(check, column) for check in self.critical)


def _is_refused(kind: str, kwargs: Mapping[str, Any], value: Any) -> bool:
    match kind:
        case "expect_column_values_to_match_regex":
            return not re.search(kwargs["regex"], str(value))
        case "expect_column_values_to_be_in_set":
            return value not in kwargs["value_set"]
        case "expect_column_values_to_be_between":
            low, high = kwargs.get("min_value"), kwargs.get("max_value")
            return _is_less(value, low) or _is_less(high, value)
        case _:
            return False


def _is_less(one: Any, other: Any) -> bool:
    """Days are compared as ISO 8601 writes them; a limit that is a name, such as that of today, is none here."""
    if one is None or other is None or "{" in f"{one}{other}":
        return False
    return str(one) < str(other) if isinstance(one, str) or isinstance(other, str) else bool(one < other)


def mentions(check: Check, column: str) -> bool:
    """Whether a check is about a column."""
    said = [check.get("column", ""), check.get("where", ""), check.get("query", ""), *check.get("kwargs", {}).values()]
    return any(re.search(rf"\b{column}\b", str(words)) for words in said)


def suite_of(feed: str, resource: str) -> Suite:
    """The suite of a resource."""
    path = CHECKOUT / "expectations" / "raw" / f"{feed}.yml"
    found = documents.read(path)["resources"][resource]
    return Suite(tuple(found["checks"]), tuple(found.get("cells", ())), found.get("cell_value", ""))
