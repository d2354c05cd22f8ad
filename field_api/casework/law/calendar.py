"""Working days, calendar days, work hours and continuous hours: when a period that began at a fact ends.

Pure: which days are rest days comes in as a `Calendar`. Days are those of Asia/Shanghai, which has had no summer
time since 1991. All units are counted by one walk over the stretches of time that count (`_counted`).

Source: 行政处罚法 85, 行政强制法 69 (short periods in days are working days), 民法典 201 (the day of the fact does not
count); time units of digital city management (urgent_hour, work_hour, work_day, natural_day).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from fractions import Fraction

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
DAY = timedelta(days=1)
# The last moment of a day, as finely as times travel.
TICK = timedelta(milliseconds=1)
# 08:00-12:00, 14:00-18:00, in minutes of the day.
OFFICE_HOURS = ((480, 720), (840, 1080))
# No period of law is as long; a calendar of nothing but rest days must not be walked for ever.
WALK_LIMIT = 4_000
FIRST, LAST = date(1992, 1, 1), date(2200, 1, 1)


class Unit(StrEnum):
    """What a period is counted in."""

    URGENT_HOUR = "urgent_hour"
    WORK_HOUR = "work_hour"
    WORK_DAY = "work_day"
    NATURAL_DAY = "natural_day"
    MONTH = "month"


HOURS = frozenset({Unit.URGENT_HOUR, Unit.WORK_HOUR})
_BY_KIND = frozenset({Unit.WORK_HOUR, Unit.WORK_DAY})
# From, to; no end where a stay lasts.
Stretch = tuple[datetime, datetime | None]


class CalendarError(ValueError):
    """A period that no calendar can count: outside 1992-2199, or of rest days only."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are worked. years: whose holidays are published; makeup: weekends worked in exchange.

    overrides: what somebody decided later, day by day (True: worked); they count before all else.
    hours: the worked stretches of a work day, in minutes of the day, in order and apart.
    """

    years: frozenset[int] = frozenset()
    holidays: frozenset[date] = frozenset()
    makeup: frozenset[date] = frozenset()
    overrides: Mapping[date, bool] = field(default_factory=dict)
    hours: tuple[tuple[int, int], ...] = OFFICE_HOURS

    def is_workday(self, day: date) -> bool:
        """Say whether a day is worked; in an unpublished year the weekday decides."""
        if day in self.overrides:
            return self.overrides[day]
        if day in self.makeup:
            return True
        return day.weekday() < 5 and day not in self.holidays

    def is_known(self, day: date) -> bool:
        """Say whether somebody has said what kind of day it is."""
        return day.year in self.years or day in self.overrides


@dataclass(frozen=True, slots=True)
class Stay:
    """A stretch of time that does not count. until: None while it lasts.

    Of periods in days it takes whole days: the one on which it begins, not the one on which it ends.
    """

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class End:
    """When a period ends. at: the last moment that is in time. provisional: a day of it may yet turn out otherwise."""

    at: datetime
    provisional: bool = False

    @property
    def day(self) -> date:
        """The last day, in Shanghai."""
        return shanghai_day(self.at)


def shanghai_day(at: datetime) -> date:
    """The day of a moment, in Shanghai."""
    return at.astimezone(SHANGHAI).date()


def day_begins(day: date) -> datetime:
    """The first moment of a day, in UTC."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def end_of_day(day: date) -> datetime:
    """The last moment of a day, in UTC."""
    return day_begins(day + DAY) - TICK


def end(
    start: datetime,
    unit: Unit,
    length: int | Fraction,
    calendar: Calendar,
    *,
    rolls: bool = False,
    stays: Sequence[Stay] = (),
) -> End | None:
    """When a period of `length` units from the fact at `start` ends; None while a stay that lasts keeps it from ending.

    rolls: a last day that is a rest day gives way to the next work day.

    Raises:
        CalendarError: the period leaves what a calendar can count.
    """
    if unit is Unit.MONTH:
        first = _safe(shanghai_day(start))
        unit, length = Unit.NATURAL_DAY, (add_months(first, int(length)) - first).days
    reached = after(start, unit, _amount(unit, length), calendar, stays)
    if reached is None or unit in HOURS:
        return reached
    last = End(reached.at - TICK, reached.provisional)
    return _rolled(last, calendar) if rolls else last


def after(
    start: datetime, unit: Unit, amount: timedelta, calendar: Calendar, stays: Sequence[Stay] = ()
) -> End | None:
    """The moment when `amount` of time that counts has passed since `start`; of a day unit, a day counts 24 hours.

    Raises:
        CalendarError: the period leaves what a calendar can count.
    """
    left, provisional = amount, False
    start = start.astimezone(UTC)
    if left <= timedelta():
        return End(start)
    for day in _days(start, unit):
        # What the continuous units count does not depend on what kind of day it is.
        provisional |= unit in _BY_KIND and not calendar.is_known(day)
        for begins, ends in _counted(day, start, unit, calendar, stays):
            if ends is None:
                return None
            if ends - begins >= left:
                return End(begins + left, provisional)
            left -= ends - begins
    raise CalendarError("no end within reach")


def add_months(day: date, months: int) -> date:
    """The same day some months on; the last of a month that is too short for it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - DAY).day))


def work_days_between(first: date, last: date, calendar: Calendar) -> int:
    """How many work days come after `first`, up to and with `last`."""
    days = (last - first).days
    if days > WALK_LIMIT:
        raise CalendarError("too far apart")
    return sum(calendar.is_workday(first + n * DAY) for n in range(1, days + 1))


def work_days_known(first: date | None, last: date | None, calendar: Calendar) -> int | None:
    """The same; None where there is nothing to count, or a wild clock's day lies beyond any calendar."""
    if first is None or last is None or last < first:
        return None
    try:
        return work_days_between(first, last, calendar)
    except CalendarError:
        return None


def _amount(unit: Unit, length: int | Fraction) -> timedelta:
    minutes = Fraction(length) * (60 if unit in HOURS else 1440)
    return timedelta(minutes=int(minutes))


def _rolled(last: End, calendar: Calendar) -> End:
    day, provisional = last.day, last.provisional
    for _ in range(WALK_LIMIT):
        provisional |= not calendar.is_known(day)
        if calendar.is_workday(day):
            return End(end_of_day(day), provisional)
        day = _safe(day + DAY)
    raise CalendarError("no work day within reach")


def _days(start: datetime, unit: Unit) -> Iterator[date]:
    """The days from a fact on; of periods in days, the day of the fact does not count."""
    day = _safe(shanghai_day(start))
    for n in range(0 if unit in HOURS else 1, WALK_LIMIT):
        yield _safe(day + n * DAY)


def _counted(day: date, start: datetime, unit: Unit, calendar: Calendar, stays: Sequence[Stay]) -> list[Stretch]:
    """The stretches of one day that a unit counts, in order; one without an end: from there on a stay lasts."""
    if unit in _BY_KIND and not calendar.is_workday(day):
        return []
    midnight = day_begins(day)
    if unit not in HOURS:
        return _whole_day(day, midnight, stays)
    minutes = calendar.hours if unit is Unit.WORK_HOUR else ((0, 1440),)
    pieces: list[Stretch] = []
    for first, last in minutes:
        begins, ends = midnight + timedelta(minutes=first), midnight + timedelta(minutes=last)
        pieces += _without(max(begins, start), ends, stays)
    return pieces


def _whole_day(day: date, midnight: datetime, stays: Sequence[Stay]) -> list[Stretch]:
    """A whole day, or nothing where a stay takes it."""
    for stay in stays:
        if shanghai_day(stay.since) <= day:
            if stay.until is None:
                return [(midnight, None)]
            if day < shanghai_day(stay.until):
                return []
    return [(midnight, midnight + DAY)]


def _without(begins: datetime, ends: datetime, stays: Sequence[Stay]) -> list[Stretch]:
    """What is left of a stretch when the stays are cut out of it."""
    pieces: list[Stretch] = []
    for stay in sorted(stays, key=lambda one: one.since):
        if stay.since >= ends or begins >= ends:
            break
        if stay.since > begins:
            pieces.append((begins, stay.since))
        if stay.until is None:
            return [*pieces, (max(begins, stay.since), None)]
        begins = max(begins, stay.until)
    return [*pieces, (begins, ends)] if begins < ends else pieces


def _safe(day: date) -> date:
    if not FIRST <= day < LAST:
        raise CalendarError("outside 1992-2199")
    return day
