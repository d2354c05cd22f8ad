"""How long an outage of the centre is ridden out before a person is asked."""

from __future__ import annotations

from pathlib import Path

from field_api.config import Config
from worker.pauses import MAX_PAUSE_S, pause_s

DAY_S = 86_400.0


def test_a_day_without_the_centre_needs_nobody() -> None:
    """With the defaults the shortest possible pauses last a day, the longest possible not three."""
    config = Config.from_env({"FIELDPOST_DATA": str(Path("/nowhere"))})
    longest = [min(config.retry_base_s * 2.0**n, MAX_PAUSE_S) for n in range(config.delivery_attempts - 1)]
    assert sum(longest) / 2 >= DAY_S
    assert sum(longest) <= 3 * DAY_S
    for attempt, bound in enumerate(longest, 1):
        assert bound / 2 <= pause_s(config.retry_base_s, attempt) <= bound <= 1800


def test_a_pause_that_was_asked_for_is_the_least() -> None:
    """Nobody comes back before the time that the centre named."""
    assert pause_s(2.0, 1, 600) == 600
    assert pause_s(2.0, 40, 1) >= MAX_PAUSE_S / 2
