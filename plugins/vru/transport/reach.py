"""How far a list reaches, as its title or file name says: the last day of the last period that it speaks of."""

from __future__ import annotations

import re
from datetime import date

from vru.periods import last_day

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PATTERNS = (
    # 2022-03-31, 2022_03, 202203
    re.compile(rf"(?<!\d){_YEAR}[-_./ ]?(?P<month>0[1-9]|1[0-2])(?:[-_./ ]?(?:0[1-9]|[12]\d|3[01]))?(?!\d)"),
    # 31/03/2022, 03-2022
    re.compile(rf"(?<![\da-z])(?:(?:0?[1-9]|[12]\d|3[01])[-_./ ])?(?P<month>0?[1-9]|1[0-2])[-_./ ]{_YEAR}(?!\d)"),
    # March 2022, Mar-22, 31 March 2022
    re.compile(rf"(?<![a-z]){_NAME}[-_./, ']*(?:{_YEAR}|(?P<short>\d\d))(?!\d)"),
    # 2022 March
    re.compile(rf"(?<!\d){_YEAR}[-_./, ]*{_NAME}(?![a-z])"),
    # Q1 2022, 2022 Q1, of the calendar year
    re.compile(rf"(?<![a-z])q(?P<quarter>[1-4])[-_./, ]*{_YEAR}(?!\d)"),
    re.compile(rf"(?<!\d){_YEAR}[-_./, ]*q(?P<quarter>[1-4])(?!\d)"),
    # 2021/22, a financial year; 2003-21, a range of years
    re.compile(rf"(?<!\d){_YEAR}[/-](?P<next>\d\d)(?!\d)"),
    # 2022
    re.compile(rf"(?<!\d){_YEAR}(?!\d)"),
)


def reach(text: str) -> date | None:
    """The last day of the latest month, quarter, financial or calendar year in a text; None where it has none.

    Where the same digits can be read in two ways, the finer period counts. A two-digit year is of this century.
    """
    found: list[date] = []
    taken: list[tuple[int, int]] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(text.lower()):
            if any(start < match.end() and match.start() < end for start, end in taken):
                continue
            if (day := _day(match.groupdict())) is not None:
                found.append(day)
                taken.append(match.span())
    return max(found, default=None)


def _day(parts: dict[str, str | None]) -> date | None:
    year = int(parts.get("year") or 2000 + int(parts.get("short") or 0))
    if name := parts.get("name"):
        return last_day(date(year, _MONTHS.index(name[:3]) + 1, 1))
    if month := parts.get("month"):
        return last_day(date(year, int(month), 1))
    if quarter := parts.get("quarter"):
        return last_day(date(year, 3 * int(quarter), 1))
    if following := parts.get("next"):
        last = year - year % 100 + int(following)
        return date(last, 3, 31) if last == year + 1 else date(last, 12, 31) if last > year else None
    return date(year, 12, 31)
