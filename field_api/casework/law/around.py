"""What stands around a case's own records when it is read: values that whoever asks has looked up and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from field_api.casework.law.audit import File
from field_api.casework.law.calendar import Calendar, shanghai_day
from field_api.casework.law.catalogue import Item
from sync.engine.kinds import parse_time

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Paid:
    """When cash that was taken on the spot was handed in, and when it was banked."""

    handed_in: datetime | None = None
    banked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What a case's own records do not say.

    officers: reference bodies by id. items: the catalogue's versions for the day of the act, by code. others: bodies
    of the incident's other cases. first_offence: None where nobody looked. leased, reused: of the decision's number.
    filing_working_days, days_late: as the clocks count them. cash: by payment. lighter: a later law was chosen as
    the lighter one. skew_minutes: of the clock of the store that speaks.
    """

    now: datetime
    calendar: Calendar
    officers: Mapping[str, Body] = field(default_factory=dict)
    items: Mapping[str, Item] = field(default_factory=dict)
    others: Sequence[Body] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    first_offence: bool | None = None
    leased: bool | None = None
    reused: bool | None = None
    filing_working_days: int | None = None
    days_late: int | None = None
    cash: Mapping[str, Paid] = field(default_factory=dict)
    lighter: bool | None = None
    skew_minutes: int | None = None


def papers_of(file: File, *types: str) -> list[Body]:
    """The documents of some types, without those that were voided."""
    return [one for one in file.elements("documents") if one["type"] in types]


def day_of(value: Any) -> date | None:
    """The day in China of a time as records write it."""
    moment = parse_time(value)
    return shanghai_day(moment) if moment else None
