"""Every clock of the law as data: what starts it, what meets it, how long it runs, whose duty it is.

Counted from the fact itself, never from when the server heard of it. What a clock is counted in, and which days
those are, is `calendar`'s; which facts there are of a case, a payment or a measure, the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from field_api.casework.law.calendar import HOURS, Calendar, CalendarError, End, Stay, Unit, after, end
from field_api.casework.law.clocks import CLOCKS, Clock, Duty

# Where the light turns yellow; red is where the limit ends.
WARNING = Fraction(4, 5)


class Light(StrEnum):
    """How much of a limit is used: up to 80 %, up to all of it, more."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


LIGHT_CODES: Mapping[Light, int] = {Light.GREEN: 2, Light.YELLOW: 1, Light.RED: 0}


@dataclass(frozen=True, slots=True)
class Terms:
    """What an installation may set: lengths of clocks whose text nobody has read, and who gets the roll-over.

    Whether a period that ends on a rest day goes on to the next work day is not said in 行政处罚法; 民事诉讼法 says so
    for those who come before a court. For the citizen it is the milder reading, for the agency the stricter one is.
    """

    lengths: Mapping[str, int] = field(default_factory=dict)
    citizen_rolls: bool = True
    agency_rolls: bool = False

    def length(self, clock: Clock) -> int | Fraction:
        """How many of its units a clock runs here."""
        return self.lengths.get(clock.id, clock.length) if clock.is_configurable else clock.length

    def rolls(self, clock: Clock) -> bool:
        """Say whether a clock's last day gives way to the next work day."""
        if clock.unit in HOURS or clock.unit is Unit.WORK_DAY:
            return False
        return self.citizen_rolls if clock.duty is Duty.CITIZEN else self.agency_rolls


@dataclass(frozen=True, slots=True)
class Due:
    """When a running clock turns yellow and when its limit ends; `at` is the last moment in time."""

    started_at: datetime
    warn_at: datetime
    at: datetime
    provisional: bool

    def light(self, now: datetime) -> Light:
        """The traffic light at a moment."""
        if now > self.at:
            return Light.RED
        return Light.YELLOW if now > self.warn_at else Light.GREEN


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one thing that clocks run on. on: case, payment, measure, notice, task.

    at: when each fact was; tags: what it is (summary, city, urgent ...); stays: time that does not count, by reason;
    lengths, extensions: what was decided in this case, by clock, never more than the law's.
    """

    on: str
    at: Mapping[str, datetime]
    tags: frozenset[str] = frozenset()
    stays: Mapping[str, Sequence[Stay]] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    extensions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """One clock on one thing. due: None while a stay holds it; met_at: when what was asked was done."""

    clock: Clock
    started_at: datetime
    due: Due | None
    met_at: datetime | None

    @property
    def is_late(self) -> bool:
        """Say whether what was asked was done, but too late."""
        return self.met_at is not None and self.due is not None and self.met_at > self.due.at


def due(
    clock: Clock,
    start: datetime,
    calendar: Calendar,
    terms: Terms | None = None,
    *,
    stays: Sequence[Stay] = (),
    decided: int | None = None,
    extension: int = 0,
) -> Due | None:
    """When a clock that started then is due; None while a stay that lasts holds it.

    decided: a shorter length, decided for this once; extension: by how much it was lengthened, as far as may be.

    Raises:
        CalendarError: the time is outside what a calendar can count.
    """
    terms = terms or Terms()
    length = terms.length(clock) + min(max(extension, 0), clock.extension)
    if decided is not None and decided > 0:
        length = min(length, decided + min(max(extension, 0), clock.extension))
    last = end(start, clock.unit, length, calendar, rolls=terms.rolls(clock), stays=stays)
    if last is None:
        return None
    return Due(start, _warning(clock, start, length, calendar, stays, last), last.at, last.provisional)


def _warning(
    clock: Clock,
    start: datetime,
    length: int | Fraction,
    calendar: Calendar,
    stays: Sequence[Stay],
    last: End,
) -> datetime:
    """When four fifths of a limit are used, in the limit's own unit."""
    if clock.unit is Unit.MONTH:
        return start + (last.at - start) * 4 / 5
    hours = Fraction(length) * (1 if clock.unit in HOURS else 24) * WARNING
    warned = after(start, clock.unit, timedelta(minutes=int(hours * 60)), calendar, stays)
    return min(warned.at, last.at) if warned is not None else last.at


def running(facts: Facts, calendar: Calendar, terms: Terms | None = None) -> list[Running]:
    """The clocks that the facts have started, with what met them; in the order of `CLOCKS`.

    A fact in a year that no calendar can count, a slip of a device's clock, starts none.
    """
    found = []
    for clock in CLOCKS.values():
        if clock.on == facts.on and clock.starts in facts.at and _runs(clock, facts.tags):
            with suppress(CalendarError):
                found.append(_run(clock, facts, calendar, terms))
    return found


def _runs(clock: Clock, tags: frozenset[str]) -> bool:
    return not clock.not_before and clock.when <= tags and not clock.unless & tags


def _run(clock: Clock, facts: Facts, calendar: Calendar, terms: Terms | None) -> Running:
    start = facts.at[clock.starts]
    stays = [stay for reason in clock.stays for stay in facts.stays.get(reason, ())]
    reached = due(
        clock,
        start,
        calendar,
        terms,
        stays=stays,
        decided=facts.lengths.get(clock.id),
        extension=facts.extensions.get(clock.id, 0),
    )
    met = [facts.at[name] for name in clock.meets if name in facts.at]
    return Running(clock, start, reached, min(met) if met else None)


def earliest(clock: Clock, start: datetime, calendar: Calendar, terms: Terms | None = None) -> datetime | None:
    """The first moment at which what must not come before a clock's end may come."""
    reached = due(clock, start, calendar, terms)
    return reached.at + timedelta(milliseconds=1) if reached is not None else None
