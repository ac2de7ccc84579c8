"""Files of other months, and longer or shorter ones, made of the records of a clean file."""

from __future__ import annotations

import itertools

from tests.faults.derive import again, of_month
from tests.faults.feed import Feed, Record, opened

__all__ = ["found", "longer", "of_month", "shorter"]


def found(feed: Feed) -> list[Record]:
    """The records of the clean file."""
    return opened(feed.shape, feed.clean)


def shorter(feed: Feed, records: list[Record], count: int) -> list[Record]:
    """So many of the records; of a list of all months some of every month, since a month that is lost is another fault."""
    if feed.is_period or feed.is_keyed:
        return records[:count]
    months = [list(each) for _, each in itertools.groupby(records, lambda record: record[feed.date])]
    in_turn = [record for rank in itertools.zip_longest(*months) for record in rank if record]
    left = {id(record) for record in in_turn[:count]}
    return [record for record in records if id(record) in left]


def longer(feed: Feed, records: list[Record], count: int) -> list[Record]:
    """So many records: of a list with a key other things, else the same events again."""
    return list(itertools.islice(again(feed.declared, records), count))
