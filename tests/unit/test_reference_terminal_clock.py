"""The hybrid clock and the sums that both sides compare."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.terminal import clock as clocks
from reference.terminal.clock import Hlc, SystemClock
from reference.terminal.view import checkpoint
from tests.support.wire_terminal import Bench

WALLS = st.datetimes(datetime(1960, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
READINGS = st.builds(Hlc, st.integers(0, clocks.MAX_MS - 1), st.integers(0, clocks.MAX_COUNTER))


@given(last=READINGS, walls=st.lists(WALLS, max_size=20))
def test_the_hybrid_clock_only_rises(last: Hlc, walls: list[datetime]) -> None:
    """Whatever the wall clock does, each reading is above the one before, as a value and as text."""
    for wall in walls:
        reading = clocks.tick(last, wall)
        assert reading > last
        assert reading.stamp("t1") > last.stamp("t1")
        assert clocks.parse(reading.stamp("t1")) == reading
        last = reading


def test_a_stamp_is_written_as_the_protocol_has_it() -> None:
    """Twelve digits of milliseconds, four of counter, then the terminal."""
    assert clocks.tick(clocks.ZERO, datetime.fromtimestamp(1_731_000_000.5, UTC)).stamp("t7") == (
        f"{1_731_000_000_500:012x}-0000-t7"
    )


@pytest.mark.parametrize("text", ["", "1-2-t7", "01932f0a1b2c-0003", "01932F0A1B2C-0003-t7", "x-0003-t7"])
def test_what_is_no_stamp_is_refused(text: str) -> None:
    """A malformed stamp never moves a clock."""
    with pytest.raises(ValueError, match="stamp"):
        clocks.parse(text)


@given(zone=st.integers(-720, 840))
def test_a_time_zone_moves_nothing(zone: int) -> None:
    """The same instant in any zone gives the same reading."""
    wall = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    there = wall.astimezone(timezone(timedelta(minutes=zone)))
    assert clocks.tick(clocks.ZERO, there) == clocks.tick(clocks.ZERO, wall)


def test_what_is_sent_sorts_after_what_was_received(tmp_path: Path) -> None:
    """After the server's stamp, the terminal's next edit is stamped above it, across a restart."""
    bench = Bench(tmp_path / "t")
    terminal = bench.ready()
    push, ahead = bench.server._push, Hlc(clocks.MAX_MS // 2, 7)

    def stamped(who: str, body: dict) -> object:
        answer = push(who, body)
        answer.document["server_hlc"] = ahead.stamp("s")
        return answer

    bench.server._push = stamped
    case = terminal.create("case", {})
    terminal.push()
    terminal = bench.reopen()
    terminal.patch(case, {"description": "a"})
    terminal.push()
    assert clocks.parse(bench.server.pushes[-1]["operations"][0]["hlc"]) > ahead
    terminal.close()


def test_the_systems_clocks_are_fit_for_use() -> None:
    """The wall clock knows its zone, the steady one does not go back, and the boot has a name."""
    clock = SystemClock()
    first = clock.monotonic_ms()
    assert clock.wall().tzinfo is not None
    assert clock.monotonic_ms() >= first
    assert clock.boot == SystemClock().boot


@given(known=st.dictionaries(st.text(max_size=8), st.tuples(st.text(max_size=4), st.integers(0, 2**40))))
def test_a_checkpoint_does_not_depend_on_order(known: dict[str, tuple[str, int]]) -> None:
    """Count and sum are the same in any order, and each record's part is the protocol's."""
    rows = list(known.items())
    assert checkpoint(rows) == checkpoint(reversed(rows))
    total = 0
    for record, (type_, version) in rows:
        total += int(hashlib.sha256(f"{type_}/{record}/{version}".encode()).hexdigest()[:16], 16)
    assert checkpoint(rows) == (len(rows), f"{total % (1 << 64):016x}")
