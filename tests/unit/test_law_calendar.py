"""Periods: the vectors of the field, then every unit against a counter that walks day by day or minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.law.calendar import (
    DAY,
    SHANGHAI,
    Calendar,
    CalendarError,
    End,
    Stay,
    Unit,
    add_months,
    after,
    end,
    end_of_day,
    shanghai_day,
    work_days_between,
)

YEAR = Calendar(
    frozenset({2026}),
    frozenset(date(2026, 5, n) for n in range(1, 6)) | {date(2026, 1, 1), date(2026, 1, 2)},
    frozenset({date(2026, 5, 9)}),
)
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "unit", "length", "last"),
    [
        ("2026-04-30 10:00", Unit.WORK_DAY, 2, "2026-05-07"),
        ("2026-04-29 10:00", Unit.WORK_DAY, 7, "2026-05-12"),
        ("2026-03-01 09:00", Unit.NATURAL_DAY, 30, "2026-03-31"),
        ("2026-03-01 09:00", Unit.NATURAL_DAY, 60, "2026-04-30"),
        ("2026-01-12 16:00", Unit.NATURAL_DAY, 15, "2026-01-27"),
        ("2026-03-02 00:00", Unit.NATURAL_DAY, 90, "2026-05-31"),
        ("2026-08-31 12:00", Unit.MONTH, 6, "2027-02-28"),
        ("2026-04-30 23:59:59.999", Unit.WORK_DAY, 1, "2026-05-06"),
        ("2026-05-01 00:00", Unit.WORK_DAY, 1, "2026-05-06"),
    ],
)
def test_periods_in_days_end_with_their_last_day(start: str, unit: Unit, length: int, last: str) -> None:
    """The day of the fact does not count, and the last one counts to its end."""
    reached = end(at(start), unit, length, YEAR)
    assert reached is not None
    assert (reached.day.isoformat(), reached.at) == (last, end_of_day(date.fromisoformat(last)))
    assert shanghai_day(reached.at + timedelta(milliseconds=1)) == reached.day + DAY


@pytest.mark.parametrize(
    ("start", "unit", "hours", "due"),
    [
        ("2026-05-02 22:30", Unit.URGENT_HOUR, 24, "2026-05-03 22:30"),
        ("2026-05-15 17:30", Unit.URGENT_HOUR, 2, "2026-05-15 19:30"),
        ("2026-05-15 17:30", Unit.WORK_HOUR, 4, "2026-05-18 11:30"),
        ("2026-05-15 11:00", Unit.WORK_HOUR, 1, "2026-05-15 12:00"),
        ("2026-05-15 11:00", Unit.WORK_HOUR, Fraction(5, 4), "2026-05-15 14:15"),
        ("2026-05-08 18:00", Unit.WORK_HOUR, 1, "2026-05-09 09:00"),
        ("2026-05-15 07:00", Unit.URGENT_HOUR, Fraction(1, 4), "2026-05-15 07:15"),
    ],
)
def test_periods_in_hours_end_at_the_minute(start: str, unit: Unit, hours: int | Fraction, due: str) -> None:
    """Continuous hours know no night and no holiday; work hours know nothing else."""
    assert end(at(start), unit, hours, YEAR) == End(at(due))


def test_a_period_that_ends_on_a_rest_day_rolls_only_where_it_may() -> None:
    """A Sunday, the first of a holiday: the next work day; a make-up Saturday is one."""
    for start, kept, rolled in (
        ("2026-05-02", "2026-05-17", "2026-05-18"),
        ("2026-04-16", "2026-05-01", "2026-05-06"),
        ("2026-04-24", "2026-05-09", "2026-05-09"),
    ):
        one = end(at(start), Unit.NATURAL_DAY, 15, YEAR)
        other = end(at(start), Unit.NATURAL_DAY, 15, YEAR, rolls=True)
        assert one is not None
        assert other is not None
        assert (one.day.isoformat(), other.day.isoformat()) == (kept, rolled)


def test_an_unpublished_year_makes_a_period_provisional() -> None:
    """Only where what kind of day it is matters; a decision about the days in question settles it."""
    start = at("2026-12-30")
    two = end(start, Unit.WORK_DAY, 2, YEAR)
    assert two == End(end_of_day(date(2027, 1, 1)), provisional=True)
    assert end(start, Unit.WORK_DAY, 1, YEAR) == End(end_of_day(date(2026, 12, 31)))
    assert end(start, Unit.NATURAL_DAY, 15, YEAR) == End(end_of_day(date(2027, 1, 14)))
    assert end(start, Unit.NATURAL_DAY, 15, YEAR, rolls=True) == End(end_of_day(date(2027, 1, 14)), provisional=True)
    assert end(at("2026-12-31 17:00"), Unit.WORK_HOUR, 2, YEAR) == End(at("2027-01-01 09:00"), provisional=True)
    decided = Calendar(YEAR.years, overrides={date(2027, 1, 1): False, date(2027, 1, 2): True})
    assert end(start, Unit.WORK_DAY, 2, decided) == End(end_of_day(date(2027, 1, 2)))


def test_a_rest_day_of_an_unpublished_year_that_is_passed_over_counts_as_unsettled() -> None:
    """It might be a make-up day: a weekend between two years that are known."""
    calendar = Calendar(frozenset({2026, 2028}))
    reached = end(at("2026-12-31 17:00"), Unit.WORK_HOUR, 400, calendar)
    assert reached is not None
    assert reached.provisional
    weekend = Calendar(frozenset({2027}), overrides={date(2027, 1, 1): False})
    assert end(at("2026-12-31 18:30"), Unit.WORK_HOUR, 1, weekend) == End(at("2027-01-04 09:00"), provisional=True)


def test_overrides_come_before_the_published_calendar() -> None:
    """In both directions: a holiday worked, a work day off."""
    calendar = Calendar(YEAR.years, YEAR.holidays, YEAR.makeup, {date(2026, 5, 1): True, date(2026, 5, 9): False})
    assert calendar.is_workday(date(2026, 5, 1))
    assert not calendar.is_workday(date(2026, 5, 9))
    assert YEAR.is_workday(date(2026, 5, 9))
    assert not YEAR.is_workday(date(2026, 5, 4))


def test_a_stay_that_lasts_has_no_end() -> None:
    """Unless the period was over before it began."""
    start = at("2026-03-02 10:00")
    assert end(start, Unit.NATURAL_DAY, 90, YEAR, stays=[Stay(at("2026-05-31 08:00"))]) is None
    whole = end(start, Unit.NATURAL_DAY, 90, YEAR, stays=[Stay(at("2026-06-01 08:00"))])
    assert whole == End(end_of_day(date(2026, 5, 31)))
    assert end(at("2026-05-15 11:00"), Unit.URGENT_HOUR, 2, YEAR, stays=[Stay(at("2026-05-15 12:59"))]) is None
    assert end(at("2026-05-15 11:00"), Unit.URGENT_HOUR, 2, YEAR, stays=[Stay(at("2026-05-15 13:00"))]) is not None


def test_what_no_calendar_can_count_is_said() -> None:
    """Ages ago, ages on, nothing but rest days: an error, not a loop."""
    for year in (1901, 2500, 8999):
        with pytest.raises(CalendarError):
            end(datetime(year, 1, 1, tzinfo=UTC), Unit.WORK_DAY, 2, YEAR)
    idle = Calendar(overrides={date(2026, 1, 1) + n * DAY: False for n in range(5_000)})
    with pytest.raises(CalendarError):
        end(at("2026-01-01"), Unit.WORK_DAY, 1, idle)
    with pytest.raises(CalendarError):
        end(at("2026-01-01"), Unit.NATURAL_DAY, 3, idle, rolls=True)
    with pytest.raises(CalendarError):
        end(at("2026-01-01"), Unit.MONTH, 6_000, idle)


DAYS = st.dates(date(2025, 12, 1), date(2026, 12, 1))
MOMENTS = st.integers(0, 365 * 1440).map(lambda minutes: datetime(2025, 12, 1, tzinfo=SHANGHAI) + minutes * MINUTE)
CALENDARS = st.builds(
    Calendar,
    years=st.just(frozenset({2025, 2026})),
    holidays=st.frozensets(DAYS, max_size=20),
    makeup=st.frozensets(DAYS, max_size=20),
    overrides=st.dictionaries(DAYS, st.booleans(), max_size=10),
)


@st.composite
def _stays(draw: st.DrawFn) -> list[Stay]:
    stays = []
    for _ in range(draw(st.integers(0, 3))):
        since = draw(MOMENTS)
        stays.append(Stay(since, since + timedelta(minutes=draw(st.integers(0, 30_000)))))
    return stays


@given(MOMENTS, st.integers(1, 40), CALENDARS, st.booleans(), _stays(), st.booleans())
def test_days_are_what_a_slow_counter_finds(
    start: datetime, length: int, calendar: Calendar, works: bool, stays: list[Stay], rolls: bool
) -> None:
    """One day after another is looked at, whether it counts, until enough have counted."""
    day, left = start.date(), length
    while left:
        day += DAY
        is_stayed = any(s.since.date() <= day < s.until.date() for s in stays if s.until is not None)
        if not is_stayed and (calendar.is_workday(day) or not works):
            left -= 1
    while rolls and not calendar.is_workday(day):
        day += DAY
    unit = Unit.WORK_DAY if works else Unit.NATURAL_DAY
    found = end(start, unit, length, calendar, rolls=rolls, stays=stays)
    assert found is not None
    assert found.at == end_of_day(day)


@given(MOMENTS, st.integers(1, 900), CALENDARS, st.booleans(), _stays())
def test_hours_are_what_a_slow_counter_finds(
    start: datetime, minutes: int, calendar: Calendar, works: bool, stays: list[Stay]
) -> None:
    """One minute after another is looked at, whether it counts, until enough have counted."""
    moment, left = start, minutes
    while left:
        clock = moment.hour * 60 + moment.minute
        counts = not works or (
            calendar.is_workday(moment.date()) and (480 <= clock < 720 or 840 <= clock < 1080)
        )
        if counts and not any(s.until is not None and s.since <= moment < s.until for s in stays):
            left -= 1
        moment += MINUTE
    unit = Unit.WORK_HOUR if works else Unit.URGENT_HOUR
    assert end(start, unit, Fraction(minutes, 60), calendar, stays=stays) == End(moment)


@given(MOMENTS, st.sampled_from([Unit.URGENT_HOUR, Unit.WORK_HOUR, Unit.WORK_DAY, Unit.NATURAL_DAY]), CALENDARS,
       st.integers(1, 5_000), st.integers(0, 5_000))  # fmt: skip
def test_more_time_never_ends_earlier(start: datetime, unit: Unit, calendar: Calendar, one: int, more: int) -> None:
    """The light turns yellow before it turns red."""
    first, second = (after(start, unit, timedelta(minutes=n), calendar) for n in (one, one + more))
    assert first is not None
    assert second is not None
    assert start < first.at <= second.at


@given(st.dates(date(1993, 1, 1), date(2150, 1, 1)), st.integers(0, 60))
def test_months_end_on_the_same_day_or_the_last(day: date, months: int) -> None:
    """Never a day that is not there, never another month."""
    reached = add_months(day, months)
    assert (reached.year * 12 + reached.month) - (day.year * 12 + day.month) == months
    assert reached.day == day.day or (reached.day < day.day and (reached + DAY).day == 1)


@given(MOMENTS, st.integers(1, 15), CALENDARS)
def test_work_days_between_a_fact_and_its_end_are_its_length(start: datetime, length: int, calendar: Calendar) -> None:
    """Counting back what was counted forth."""
    reached = end(start, Unit.WORK_DAY, length, calendar)
    assert reached is not None
    assert work_days_between(start.date(), reached.day, calendar) == length
