"""Hybrid logical clocks: `<48-bit ms, hex>-<16-bit counter, hex>-<node>`.

They order `latest` fields and the elements of lists, nothing else. Source: Kulkarni et al., Logical Physical
Clocks (2014); the five-minute bound is the protocol's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_AHEAD_MS = 5 * 60 * 1000
_ORIGIN = "000000000000-0000-"
_FORM = re.compile(r"([0-9a-f]{12})-([0-9a-f]{4})-([A-Za-z0-9]{1,16})")


@dataclass(frozen=True, slots=True, order=True)
class Hlc:
    """A moment; compares by time, then counter, then node, as its text does."""

    ms: int
    counter: int
    node: str

    def __str__(self) -> str:
        return f"{self.ms:012x}-{self.counter:04x}-{self.node}"


def parse(text: object) -> Hlc | None:
    """Read a clock value; None when it is none."""
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    return Hlc(int(match[1], 16), int(match[2], 16), match[3]) if match else None


def advance(own: Hlc, now_ms: int, heard: Hlc | None = None) -> Hlc:
    """Give the next moment of `own`, above all it has seen.

    A heard clock more than `MAX_AHEAD_MS` ahead of `now_ms` does not move it.
    """
    if is_ahead(heard, now_ms):
        heard = None
    ms = max(own.ms, now_ms, heard.ms if heard else 0)
    counters = [clock.counter for clock in (own, heard) if clock is not None and clock.ms == ms]
    counter = max(counters) + 1 if counters else 0
    return Hlc(ms + 1, 0, own.node) if counter > 0xFFFF else Hlc(ms, counter, own.node)


def is_ahead(heard: Hlc | None, now_ms: int) -> bool:
    """Say whether a clock runs so far ahead that it is not believed."""
    return heard is not None and heard.ms > now_ms + MAX_AHEAD_MS


def bounded(heard: Hlc | None, now_ms: int, node: str) -> str:
    """A device's clock value as it may be used for ordering: never more than five minutes ahead."""
    if heard is None:
        return f"{_ORIGIN}{node}"
    return str(Hlc(min(heard.ms, now_ms + MAX_AHEAD_MS), heard.counter, heard.node))
