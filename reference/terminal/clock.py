"""Tell the time as a terminal can: a wall clock that may lie, a steady one, and a hybrid logical clock.

Knows nothing of stores or servers; `edits` persists the hybrid clock's last stamp.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

MAX_MS = 2**48 - 1
MAX_COUNTER = 2**16 - 1
_STAMP = re.compile(r"([0-9a-f]{12})-([0-9a-f]{4})-([A-Za-z0-9_.-]{1,32})")


class Clock(Protocol):
    """What the library asks of a clock; tests and simulations bring their own."""

    @property
    def boot(self) -> str: ...

    def wall(self) -> datetime: ...

    def monotonic_ms(self) -> int: ...


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self.boot = _boot_id()

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


def _boot_id() -> str:
    """Name this boot; where the system has no name for it, this process stands for it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(uuid4())


@dataclass(frozen=True, order=True)
class Hlc:
    """One reading of the hybrid logical clock, without its node."""

    ms: int
    counter: int

    def stamp(self, node: str) -> str:
        return f"{self.ms:012x}-{self.counter:04x}-{node}"


ZERO = Hlc(0, 0)


def parse(stamp: str) -> Hlc:
    """Read a stamp; ValueError when it is none."""
    match = _STAMP.fullmatch(stamp)
    if match is None:
        raise ValueError("no hybrid clock stamp")
    return Hlc(int(match[1], 16), int(match[2], 16))


def tick(last: Hlc, wall: datetime) -> Hlc:
    """Give the next reading: above every earlier one, and the wall clock's where that is ahead."""
    wall_ms = min(max(int(wall.timestamp() * 1000), 0), MAX_MS)
    if wall_ms > last.ms:
        return Hlc(wall_ms, 0)
    if last.counter < MAX_COUNTER:
        return Hlc(last.ms, last.counter + 1)
    return Hlc(last.ms + 1, 0)


def instant(text: str) -> datetime:
    """Read an RFC 3339 time; ValueError when it has no offset."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time without an offset")
    return value
