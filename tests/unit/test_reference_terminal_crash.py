"""The terminal may be killed between any two statements, and on both sides of any request."""

import contextlib
import functools
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reference.terminal import Terminal, Verdict
from tests.support.wire_faults import Killed
from tests.support.wire_terminal import Bench


class Countdown:
    """Statements left until the process dies; None lets it live."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.spent = 0

    def tick(self) -> None:
        self.spent += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


class MortalConnection(sqlite3.Connection):
    """A database connection that dies before its n-th statement."""

    countdown: Countdown

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        self.countdown.tick()
        return super().execute(*arguments)


def _mortal(countdown: Countdown) -> Callable[..., sqlite3.Connection]:
    kind = type("Mortal", (MortalConnection,), {"countdown": countdown})
    return functools.partial(sqlite3.connect, factory=kind)


class Day:
    """A day's work of one officer, each edit marked so that it can be found on the server."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.kept: set[str] = set()
        self.photos: set[str] = set()
        self.case = "0192f000-0000-7000-8000-00000000c001"

    def steps(self) -> list[Callable[[Terminal], None]]:
        return [
            self.create,
            functools.partial(self.note, "n1"),
            self.sync,
            functools.partial(self.note, "n2"),
            self.photo,
            functools.partial(self.note, "n3"),
            self.sync,
        ]

    def create(self, terminal: Terminal) -> None:
        if terminal.record(self.case) is None:
            terminal.create("case", {"description": "a"}, record=self.case)

    def note(self, mark: str, terminal: Terminal) -> None:
        terminal.append(self.case, "notes", {"id": f"{mark}-{len(self.kept)}", "text": mark})
        self.kept.add(mark)

    def photo(self, terminal: Terminal) -> None:
        self.photos.add(terminal.take_photo(self.case, b"\xff\xd8 photo", "far"))

    def sync(self, terminal: Terminal) -> None:
        terminal.sync()


def _work(bench: Bench, day: Day, countdown: Countdown, kills: list[int]) -> None:
    """Go through the day; each time the process dies it starts again with the step that it was in."""
    terminal = bench.reopen(connect=_mortal(countdown))
    countdown.left = kills.pop(0) if kills else None
    for step in day.steps():
        while True:
            try:
                step(terminal)
                break
            except Killed:
                countdown.left = None
                terminal = bench.reopen(connect=_mortal(countdown))
                countdown.left = kills.pop(0) if kills else None
    countdown.left = None


FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["/sync/push", "/sync/pull", "/uploads", "/sync/hello", "/receipt"]),
        st.sampled_from(["killed_before", "killed_after", "lost_request", "lost_answer", "cut", "503"]),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(kills=st.lists(st.integers(0, 330), max_size=3), faults=FAULTS)
def test_no_edit_is_lost_or_doubled_by_a_crash(kills: list[int], faults: list[tuple[str, str]]) -> None:
    """Wherever the process dies, what was kept reaches the server once, under one id and one number."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "t")
        bench.ready()
        for path, fault in faults:
            bench.line.plan(path, fault)
        day = Day(bench)
        _work(bench, day, Countdown(), list(kills))
        bench.line.faults.clear()
        for _ in range(3):
            report = bench.terminal.sync()
        assert (report.verdict, report.pull.matches) == (Verdict.OK, True)
        assert bench.terminal.queue() == []
        _check(bench, day)
        bench.terminal.close()


def _check(bench: Bench, day: Day) -> None:
    server = bench.server
    marks = [note["text"] for note in server.records[day.case]["body"]["notes"]]
    assert set(marks) == day.kept
    numbers = sorted(kept["operation"]["number"] for kept in server.inbox.values())
    assert numbers == list(range(1, len(numbers) + 1))
    sent: dict[str, Any] = {}
    for push in server.pushes:
        for operation in push["operations"]:
            assert sent.setdefault(operation["id"], operation) == operation
    assert all(kept["result"]["outcome"] == "applied" for kept in server.inbox.values())
    assert sum(known["version"] for known in server.records.values()) == len(server.inbox)
    assert day.photos <= set(server.uploads.stored)


def test_the_kill_range_covers_a_whole_day(tmp_path: Path) -> None:
    """The statements drawn above reach to the end of the day, so no step is left out."""
    bench = Bench(tmp_path / "t")
    bench.ready()
    countdown = Countdown()
    _work(bench, Day(bench), countdown, [])
    bench.terminal.close()
    assert 200 < countdown.spent <= 330


def test_an_edit_killed_before_its_commit_leaves_no_number(tmp_path: Path) -> None:
    """At whichever statement an edit dies, it is there whole or its number is free again."""
    bench = Bench(tmp_path / "t")
    bench.ready()
    countdown = Countdown()
    kept = 0
    for statement in range(40):
        terminal = bench.reopen(connect=_mortal(countdown))
        countdown.left = statement
        with contextlib.suppress(Killed):
            terminal.create("case", {"description": str(statement)})
            kept += 1
        countdown.left = None
        numbers = [queued.number for queued in bench.reopen().queue()]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= kept
    assert kept > 5
    bench.terminal.close()
