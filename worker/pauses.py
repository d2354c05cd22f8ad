"""How long to wait before trying again."""

from __future__ import annotations

import random

MAX_PAUSE_S = 1800.0
_chance = random.SystemRandom()


def pause_s(base_s: float, attempt: int, asked_s: float | None = None) -> float:
    """Doubling with every attempt and jittered, so that what failed together does not return together.

    asked_s: a Retry-After, which is the least.
    """
    longest = min(base_s * 2.0 ** min(attempt - 1, 32), MAX_PAUSE_S)
    return max(longest * _chance.uniform(0.5, 1.0), asked_s or 0.0)
