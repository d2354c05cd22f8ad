"""Deadlines as a person reads them: the clock's name, its article, and a traffic light as word and colour. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from field_api.casework.clock_tables import Deadline
from field_api.casework.clock_words import DUTIES, LIGHTS, PROVISIONAL, STATES
from field_api.casework.law.clocks import CLOCKS
from field_api.casework.law.deadlines import Light

TONES: Mapping[str, str] = {"green": "good", "yellow": "ask", "red": "bad"}


@dataclass(frozen=True, slots=True)
class Lit:
    """A deadline with its light at a moment."""

    row: Deadline
    light: str

    @property
    def tone(self) -> str:
        return TONES[self.light]

    def name(self, language: str) -> str:
        clock = CLOCKS.get(self.row.clock)
        return self.row.clock if clock is None else _in(language, (clock.zh, clock.en))

    @property
    def article(self) -> str:
        clock = CLOCKS.get(self.row.clock)
        return clock.article if clock else ""

    def duty(self, language: str) -> str:
        clock = CLOCKS.get(self.row.clock)
        return _in(language, DUTIES[clock.duty]) if clock else ""

    def said(self, language: str) -> str:
        """The light in words; what is over says how it ended."""
        over = self.row.state != "open" and (self.row.state != "missed" or self.row.met_at is not None)
        return _in(language, STATES[self.row.state] if over else LIGHTS[self.light])

    def provisional(self, language: str) -> str:
        return _in(language, PROVISIONAL) if self.row.provisional else ""


def lit(row: Deadline, now: datetime) -> Lit:
    """Give a deadline its light: red once it is over or was missed, yellow from four fifths on."""
    if row.state == "met":
        return Lit(row, Light.GREEN)
    if row.state in ("missed", "lapsed") or (row.due_at is not None and row.due_at < now):
        return Lit(row, Light.RED)
    return Lit(row, Light.YELLOW if row.warn_at is not None and row.warn_at < now else Light.GREEN)


def _in(language: str, words: tuple[str, str]) -> str:
    return words[0] if language == "zh" else words[1]
