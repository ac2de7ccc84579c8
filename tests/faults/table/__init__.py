"""The table of bad inputs, joined from one module per group of rows, each with CASES and VARIANTS.

To extend it:

- another row: add its five variants to VARIANTS and its cases to CASES of the module that it belongs to;
- another feed: nothing; every case runs for each resource of each contract. What it cannot befall follows from what the
  contract declares (`lacks`); what is true of one feed alone stands in `exceptions.py`, with the reason;
- what holds after every case is asserted once, in `test_bad_input.py`.

A case may stand several times under one variant, with a `note`: the same fault by hand, in the inbox or over HTTP.
"""

from __future__ import annotations

from dataclasses import replace

from tests.faults.case import Case, Variants
from tests.faults.feeds import FEEDS, SERVED, Feed
from tests.faults.table import content, meaning, repeated, structure, transport

MODULES = (content, structure, transport, meaning, repeated)

CASES: list[Case] = [
    case if case.only is not None else replace(case, only=FEEDS) for module in MODULES for case in module.CASES
]
VARIANTS: Variants = {row: names for module in MODULES for row, names in module.VARIANTS.items()}

STORIES: set[tuple[int, str]] = {
    *((row, variant) for row in (29, 33, 34, 36) for variant in VARIANTS.get(row, ())),
    (27, "across_members"),
}
"""What takes several files to tell, and is told in a test of its own."""

_NO_HEADER = "a property has its name in every feature; there is no header"
_BY_NAME = "a value has its name beside it, so that one more is another property: row 24"
_NOT_ASKED = "it is put into a folder; nobody is asked for it"


def lacks(feed: Feed) -> dict[tuple[int, str], str]:
    """What cannot befall a feed because of the shape of its file or the way it comes, and why."""
    found: dict[tuple[int, str], str] = {}
    if feed.shape == "geojson":
        found = {
            (1, "header_no_newline"): _NO_HEADER,
            (14, "bom_quoted_header"): "names are always quoted, so that this is bom_header",
            (20, "one_long"): _BY_NAME,
            **{(21, variant): "nothing parts its values but JSON itself" for variant in VARIANTS[21]},
            (24, "unnamed_index"): "features are numbered by `id`, and no name is row 25",
        }
    elif feed not in structure.WITH_DECIMALS:
        found[21, "comma_decimal"] = "it has no decimals"
    if feed not in structure.PLACED:
        found[22, "lat_lng_swapped"] = "no columns of coordinates"
    if not feed.swapped:
        found[22, "two_swapped_same_type"] = "no two columns of one type"
    if feed not in SERVED:
        of_the_way = (*((2, variant) for variant in ("short_of_content_length", "chunked_ended_early")),)
        found.update(dict.fromkeys(of_the_way, _NOT_ASKED))
        found[29, "recompressed"] = _NOT_ASKED
    return found


NOT_APPLICABLE: dict[tuple[int, str, str], str] = {
    **{(*place, feed.label): why for feed in FEEDS for place, why in lacks(feed).items()},
    **meaning.NOT_APPLICABLE,
}
"""What cannot befall a feed: row, variant and feed, and why."""
