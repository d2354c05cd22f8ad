"""How long writes of a process wait is measured, told, and bounded."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from field_api.pressure import HALF_LIFE_S, LONGEST_BACKOFF_MS, LONGEST_RETRY_AFTER_S, Pressure
from field_api.problems import Problem


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def pressure(clock: Hand) -> Pressure:
    return Pressure(clock)


def write(pressure: Pressure, clock: Hand, *, wait_s: float = 0.0, work_s: float = 0.0) -> None:
    """One write alone, that waits for its turn and then works."""
    with pressure.place() as place:
        clock.now_s += wait_s
        place.has_turn()
        clock.now_s += work_s


def test_who_writes_alone_presses_nobody(pressure: Pressure, clock: Hand) -> None:
    """However long a batch takes, without others there is nothing to wait for."""
    for _ in range(5):
        write(pressure, clock, work_s=3.0)
    assert (pressure.expected_s(), pressure.backoff_ms()) == (0.0, 0)


def test_waiting_is_told_and_fades(pressure: Pressure, clock: Hand) -> None:
    """Turns that are long in coming ask for a pause; in quiet it is asked for no more."""
    for _ in range(20):
        write(pressure, clock, wait_s=2.0)
    told = pressure.backoff_ms()
    assert 4_000 < told <= 8_000
    clock.now_s += HALF_LIFE_S
    assert pressure.backoff_ms() == pytest.approx(told / 2, abs=1)
    clock.now_s += 10 * HALF_LIFE_S
    assert pressure.backoff_ms() == 0


def test_those_who_write_at_once_wait_for_each_other(pressure: Pressure, clock: Hand) -> None:
    """On a database that has all begin at once, what each takes is the others' doing in their share."""
    for _ in range(8):
        with ExitStack() as stack:
            for _ in range(4):
                stack.enter_context(pressure.place()).has_turn()
            clock.now_s += 4.0
    assert 0.5 < pressure.expected_s() <= 3.0


def test_who_still_waits_counts_already(pressure: Pressure, clock: Hand) -> None:
    """A lock that hangs is noticed before the first has given up."""
    with pressure.place():
        clock.now_s += 5.0
        assert pressure.expected_s() == 5.0


def test_a_full_process_refuses_at_once_and_says_when_to_come_again(pressure: Pressure, clock: Hand) -> None:
    """Only where every place is taken, and only where the wait is long; whoever asks for no answer is let in."""
    with pressure.place(at_most=1):
        with pressure.place(at_most=1):
            pass
        clock.now_s += 7.5
        with pytest.raises(Problem) as refused, pressure.place(at_most=1):
            raise AssertionError("let in")
        assert (refused.value.kind.code, refused.value.retry_after_s) == ("unavailable", 8)
        with pressure.place(at_most=2), pressure.place():
            pass
    clock.now_s += 20 * HALF_LIFE_S
    with pressure.place(at_most=1):
        pass


def test_what_is_asked_has_bounds(pressure: Pressure, clock: Hand) -> None:
    """However bad it is, nobody is sent away for good."""
    with pressure.place():
        clock.now_s += 10_000.0
        assert pressure.backoff_ms() == LONGEST_BACKOFF_MS
        with pytest.raises(Problem) as refused, pressure.place(at_most=1):
            raise AssertionError("let in")
        assert refused.value.retry_after_s == LONGEST_RETRY_AFTER_S


def test_a_refused_write_leaves_no_place_taken(pressure: Pressure, clock: Hand) -> None:
    """What fails inside gives its place back like what succeeds."""
    for _ in range(3):
        with pytest.raises(ValueError, match="inside"), pressure.place():
            raise ValueError("inside")
    with pressure.place(at_most=1):
        pass
    assert pressure.expected_s() == 0.0
