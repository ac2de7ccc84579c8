"""What day it is: the wall clock, the synthetic today, or the newest vintage that a folder of files states.

It drives due dates, provisional flags, checks for future dates and report dates only. When something was
received, admitted or withdrawn is always the wall clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from vru.periods import LONDON
from vru.settings import settings


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def today(profile: str) -> date:
    """The platform's today under this profile."""
    if profile == "sandbox":
        from vru import sandbox

        return sandbox.today(settings().home / "sandbox")
    if profile == "files":
        from vru.warehouse import ledger
        from vru.warehouse.engine import raw_connection

        connection = raw_connection("loader")
        try:
            newest = ledger.newest_vintage(connection)
        finally:
            connection.close()
        if newest is not None:
            return newest.astimezone(LONDON).date()
    return now().astimezone(LONDON).date()


def today_at(profile: str, known_at: datetime | None = None, admitted_at: datetime | None = None) -> date:
    """The platform's today at (K, W), both now where None: the day of K, or the last on which we asked anyone by W."""
    now_is = today(profile)
    if known_at is not None:
        return min(now_is, known_at.astimezone(LONDON).date())
    if admitted_at is not None:
        from vru.warehouse import ledger
        from vru.warehouse.engine import raw_connection

        connection = raw_connection("loader", name="clock")
        try:
            return min(now_is, ledger.last_asked_on(connection, admitted_at) or now_is)
        finally:
            connection.close()
    return now_is


def asked_on(profile: str) -> date:
    """The day on which a source is asked: the synthetic today in the sandbox, else the wall clock's."""
    return today(profile) if profile == "sandbox" else now().astimezone(LONDON).date()


def note(profile: str) -> None:
    """Tell the database what day it is, for those who ask it without us."""
    from vru.warehouse import ledger
    from vru.warehouse.engine import raw_connection

    day = None if profile == "live" else today(profile)
    connection = raw_connection("loader", name="clock")
    try:
        with connection:
            ledger.note_today(connection, day)
    finally:
        connection.close()


def instant(text: str) -> datetime:
    """An instant from the command line; a bare date is the end of that day in Europe/London.

    Raises ValueError with what was expected.
    """
    try:
        if len(text.strip()) == 10:
            day = date.fromisoformat(text.strip())
            midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=LONDON)
            return midnight.astimezone(UTC) - timedelta(microseconds=1)
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError(f"'{text}' is no date or instant; write 2021-12-31 or 2021-12-31T18:00+00:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=LONDON)


def month(text: str) -> date:
    """The first day of a month written YYYY-MM. Raises ValueError with what was expected."""
    try:
        return date.fromisoformat(f"{text.strip()}-01")
    except ValueError as error:
        raise ValueError(f"'{text}' is no month; write it as 2014-01") from error
