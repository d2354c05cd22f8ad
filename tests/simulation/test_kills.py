"""A real server process, killed from outside in the midst of a day: afterwards everything is as it must be."""

from __future__ import annotations

import pytest

from simulation import kills
from simulation.site import running


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_process_loses_nothing(seed: int) -> None:
    """Whatever moment the kernel ended it at, every invariant holds, and it was ended at least once."""
    with running() as site:
        result = kills.play(site, seed, steps=40)
    assert result.violations == []
    assert result.faults["process_killed"] >= 1
