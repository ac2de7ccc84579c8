"""What day it is: the wall clock, the synthetic today, or the newest day that admitted files state.

It drives due dates, provisional flags, checks for future dates and report dates only. When something was
received, admitted or withdrawn is always the wall clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from vru.periods import LONDON, london_day
from vru.settings import settings


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def today(profile: str) -> date:
    """The platform's today under this profile."""
    if profile == "sandbox":
        from vru import sandbox

        return sandbox.today(settings().home / "sandbox")
    newest = _newest_day() if profile == "files" else None
    return newest or london_day(now())


def today_at(profile: str, known_at: datetime | None = None, admitted_at: datetime | None = None) -> date:
    """The platform's today at (K, W), both now where None: the day of K, or the last on which we asked anyone by W."""
    now_is = today(profile)
    if known_at is not None:
        return min(now_is, london_day(known_at))
    if admitted_at is not None and profile == "files":
        return _newest_day(admitted_at) or now_is
    if admitted_at is not None:
        from vru.warehouse import days
        from vru.warehouse.engine import raw_connection

        connection = raw_connection("loader", name="clock")
        try:
            return min(now_is, days.last_asked_on(connection, admitted_at) or now_is)
        finally:
            connection.close()
    return now_is


def asked_on(profile: str) -> date:
    """The day on which a source is asked: the synthetic today in the sandbox, else the wall clock's."""
    return today(profile) if profile == "sandbox" else london_day(now())


def audited_on(profile: str, batch_id: int) -> date:
    """The day by which a check tells what lies in the future: never before the file itself was issued."""
    now_is = today(profile)
    if profile != "files":
        return now_is
    from vru.warehouse import days
    from vru.warehouse.engine import raw_connection

    connection = raw_connection("loader", name="clock")
    try:
        return max(now_is, days.stated_day(connection, batch_id) or now_is)
    finally:
        connection.close()


def note(profile: str) -> None:
    """Tell the database what day it is, for those who ask it without us."""
    from vru.warehouse import days
    from vru.warehouse.engine import raw_connection

    day = None if profile == "live" else today(profile)
    connection = raw_connection("loader", name="clock")
    try:
        with connection:
            days.note_today(connection, day)
    finally:
        connection.close()


def _newest_day(admitted_at: datetime | None = None) -> date | None:
    from vru.warehouse import days
    from vru.warehouse.engine import raw_connection

    connection = raw_connection("loader", name="clock")
    try:
        return days.newest_day(connection, admitted_at)
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
