"""The table of bad inputs, joined from one module per group of rows, each with CASES and VARIANTS.

To extend it:

- another row: add its five variants to VARIANTS and its cases to CASES of the module that it belongs to;
- another feed: describe it in `feeds.py` and put it into FEEDS; every case then runs for it. Where a feed has its
  own answer, `by_feed` names it; what cannot befall it stands in NOT_APPLICABLE, with the reason;
- what holds after every case is asserted once, in `test_bad_input.py`.

A case may stand several times under one variant, with a `note`: the same fault by hand, in the inbox or over HTTP.
"""

from __future__ import annotations

from tests.faults.case import Case, Variants
from tests.faults.feeds import GEOGRAPHY, POPULATION, VICTIMS
from tests.faults.table import content, meaning, repeated, structure, transport

MODULES = (content, structure, transport, meaning, repeated)

CASES: list[Case] = [case for module in MODULES for case in module.CASES]
VARIANTS: Variants = {row: names for module in MODULES for row, names in module.VARIANTS.items()}

STORIES: set[tuple[int, str]] = {
    *((row, variant) for row in (29, 33, 34, 36) for variant in VARIANTS.get(row, ())),
    (27, "across_members"),
}
"""What takes several files to tell, and is told in a test of its own."""

_NO_HEADER = "a property has its name in every feature; there is no header"
_BY_NAME = "a value has its name beside it, so that one more is another property: row 24"
_NO_DELIMITER = "nothing parts its values but JSON itself"

NOT_APPLICABLE: dict[tuple[int, str, str], str] = {
    (1, "header_no_newline", GEOGRAPHY.label): _NO_HEADER,
    (14, "bom_quoted_header", GEOGRAPHY.label): "names are always quoted, so that this is bom_header",
    (20, "one_long", GEOGRAPHY.label): _BY_NAME,
    **{(21, variant, GEOGRAPHY.label): _NO_DELIMITER for variant in VARIANTS[21]},
    **{(21, "comma_decimal", feed.label): "it has no decimals" for feed in (VICTIMS, POPULATION)},
    **{(22, "lat_lng_swapped", f.label): "no columns of coordinates" for f in (VICTIMS, POPULATION, GEOGRAPHY)},
    (24, "unnamed_index", GEOGRAPHY.label): "features are numbered by `id`, and no name is row 25",
    **meaning.NOT_APPLICABLE,
}
"""What cannot befall a feed: row, variant and feed, and why."""
