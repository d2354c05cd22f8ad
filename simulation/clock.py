"""Clocks and ids that a seed decides: nothing here reads the machine's."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2090, 1, 1, tzinfo=UTC)


class ServerClock:
    """The server's time, which only the simulation moves; no two readings are alike."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def pass_time(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class DeviceClock:
    """A terminal's clocks: the wall may be set to anything, the steady one starts anew with each boot."""

    def __init__(self, server: ServerClock, name: str) -> None:
        self._server = server
        self._name = name
        self._boots = 1
        self._booted = server.at
        self.offset = timedelta()

    @property
    def boot(self) -> str:
        return f"{self._name}-{self._boots}"

    def wall(self) -> datetime:
        return min(max(self._server() + self.offset, OLDEST), LATEST)

    def monotonic_ms(self) -> int:
        return int((self._server.at - self._booted).total_seconds() * 1000)

    def reboot(self) -> None:
        self._boots += 1
        self._booted = self._server.at


class Ids:
    """Version 7 UUIDs out of a seed: the same run gives the same ids."""

    def __init__(self, seed: str, clock: ServerClock) -> None:
        self._dice = random.Random(seed)
        self._clock = clock

    def __call__(self) -> str:
        ms = int(self._clock.at.timestamp() * 1000)
        raw = (ms << 80) | (7 << 76) | (self._dice.getrandbits(12) << 64) | (2 << 62) | self._dice.getrandbits(62)
        text = f"{raw:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
