"""How hard this process is pressed by those who want to write, and what it asks of callers for that.

A request whose answer would come after its caller has hung up is work for nobody: it is better refused at once,
with word of when to come again. Threads are the process's, so there is one measure in each.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from field_api.problems import Problem

HALF_LIFE_S = 10.0
# Below this nobody is asked to wait; above it for this many times the wait.
UNNOTICED_S = 0.5
BACKOFF_FACTOR = 4
LONGEST_BACKOFF_MS = 30_000
# With every place taken, a caller is refused where he would wait longer than this.
PATIENT_S = 5.0
LONGEST_RETRY_AFTER_S = 30


class Place:
    """One write on its way: since when, and when its turn came."""

    def __init__(self, since_s: float, clock: Callable[[], float]) -> None:
        self.since_s = since_s
        self.turn_s: float | None = None
        self._clock = clock

    def has_turn(self) -> None:
        """Note that the waiting is over."""
        if self.turn_s is None:
            self.turn_s = self._clock()


class Pressure:
    """The writes of one process: those under way, and a mean of how long the latest had to wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._names = count()
        self._inside: dict[int, Place] = {}
        self._mean_s = 0.0
        self._mean_at_s = clock()

    @contextmanager
    def place(self, at_most: int | None = None) -> Iterator[Place]:
        """Take a place for one write.

        at_most: how many of this process may be under way once they are slow; None for who is not a caller.

        Raises:
            Problem: unavailable, with the seconds after which it is worth trying again.
        """
        with self._lock:
            wait_s = self._expected_s()
            if at_most is not None and len(self._inside) >= at_most and wait_s > PATIENT_S:
                raise Problem("unavailable", retry_after_s=min(math.ceil(wait_s), LONGEST_RETRY_AFTER_S))
            name = next(self._names)
            taken = self._inside[name] = Place(self._clock(), self._clock)
        try:
            yield taken
        finally:
            with self._lock:
                self._learn(taken)
                del self._inside[name]

    def expected_s(self) -> float:
        """How long the next write must expect to wait."""
        with self._lock:
            return self._expected_s()

    def backoff_ms(self) -> int:
        """What terminals are asked to wait between syncs, for the sake of the others; 0 where it is quiet."""
        wait_s = self.expected_s()
        return min(int(wait_s * 1000 * BACKOFF_FACTOR), LONGEST_BACKOFF_MS) if wait_s > UNNOTICED_S else 0

    def _expected_s(self) -> float:
        now_s = self._clock()
        waiting = [now_s - one.since_s for one in self._inside.values() if one.turn_s is None]
        return max([self._decayed_s(now_s), *waiting])

    def _decayed_s(self, now_s: float) -> float:
        return float(self._mean_s * 0.5 ** ((now_s - self._mean_at_s) / HALF_LIFE_S))

    def _learn(self, ended: Place) -> None:
        """Take in how long one write waited.

        Its turn is what it waited for on SQLite. PostgreSQL has many write at once: of what each took, the share of
        the others is counted as waiting for them.
        """
        now_s = self._clock()
        turn_s = (now_s if ended.turn_s is None else ended.turn_s) - ended.since_s
        shared_s = (now_s - ended.since_s) * (1 - 1 / len(self._inside))
        self._mean_s = (self._decayed_s(now_s) * 3 + max(turn_s, shared_s)) / 4
        self._mean_at_s = now_s


WRITERS = Pressure()
