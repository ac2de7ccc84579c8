"""Files of other months, and longer or shorter ones, made of the records of a clean file."""

from __future__ import annotations

import itertools
from datetime import date

from tests.faults.derive import again, of_month
from tests.faults.feed import Feed, Record, opened, parsed, told

__all__ = ["found", "longer", "of_month", "reaching_back", "shorter"]


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


def reaching_back(feed: Feed, records: list[Record], count: int) -> list[Record]:
    """So many records of a list of events: the same events in times before it, of which nothing was known.

    In the times that it covers no more are due than there were: a list of all times is judged year by year.
    """
    column = feed.column(feed.date)
    months = [at.year * 12 + at.month - 1 for at in (parsed(column, record[feed.date]) for record in records)]
    span = max(months) - min(months) + 1
    longer_list = []
    for number, record in enumerate(itertools.islice(itertools.cycle(records), count)):
        at = months[number % len(records)] - span * (number // len(records))
        longer_list.append({**record, feed.date: told(column, date(at // 12, at % 12 + 1, 1), record[feed.date])})
    return longer_list
