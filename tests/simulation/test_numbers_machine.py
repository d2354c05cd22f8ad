"""Whatever crashes, is copied, put back or lost: no number stands on two documents, and each is explained."""

from __future__ import annotations

import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from reference.terminal import NumbersExhaustedError, Terminal
from tests.support.wire_faults import Killed
from tests.support.wire_terminal import Bench

KIND = "D07.city_bureau"
CASE = "0192f000-0000-7000-8000-00000000c001"
ELEMENT = {"type": "D03", "at": "2026-11-22T10:00:00.000+08:00"}
FAULTS = ("lost_request", "lost_answer", "cut", "503", "killed_before", "killed_after")


class Life:
    """Statements left until the process dies; None lets it live."""

    left: int | None = None


class Mortal(sqlite3.Connection):
    """A connection that dies before its n-th statement."""

    life: Life

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if self.life.left is not None:
            self.life.left -= 1
            if self.life.left < 0:
                raise Killed
        return super().execute(*arguments)


class Handheld:
    """One folder with a terminal that dies and starts again."""

    def __init__(self, folder: Path, bench: Bench | None, server: Any = None) -> None:
        self.life = Life()
        self.folder = folder
        self.bench = bench or Bench(folder, server)
        self.start()

    def start(self) -> Terminal:
        connect = functools.partial(sqlite3.connect, factory=type("Mine", (Mortal,), {"life": self.life}))
        return self.bench.reopen(connect=connect)

    def do(self, action: Callable[[Terminal], Any]) -> Any:
        """What an officer does; None where the program died over it."""
        with suppress(Killed, NumbersExhaustedError):
            return action(self.bench.terminal)
        self.life.left = None
        self.start()
        return None


class Street(RuleBasedStateMachine):
    """Some copies of one terminal before a server that may be put back from its backup."""

    @initialize()
    def open(self) -> None:
        self.room = tempfile.TemporaryDirectory()
        root = Path(self.room.name)
        bench = Bench(root / "t0")
        bench.ready().create("case", {"description": "a"}, record=CASE)
        bench.terminal.numbers.keep(KIND, at_least=3, count=4)
        bench.terminal.sync()
        self.server = bench.server
        self.all = [Handheld(root / "t0", bench)]
        self.shown: list[str] = []
        self.saved: dict[int, Path] = {}
        self.backup: dict[str, Any] | None = None

    def one(self, which: int) -> Handheld:
        return self.all[which % len(self.all)]

    @rule(which=st.integers(0, 3))
    def decide(self, which: int) -> None:
        done = self.one(which).do(lambda terminal: terminal.append_numbered(CASE, KIND, ELEMENT))
        if done is not None:
            self.shown.append(done[1])

    @rule(which=st.integers(0, 3), spoils=st.booleans())
    def take(self, which: int, spoils: bool) -> None:
        """A number is printed; the form is spoilt, or the program ends before anybody says what became of it."""
        number = self.one(which).do(lambda terminal: terminal.numbers.next_number(KIND))
        if number is None:
            return
        self.shown.append(number.text)
        if spoils:
            self.one(which).do(lambda terminal: terminal.numbers.void(number, "写坏"))
        else:
            self.one(which).start()

    @rule(which=st.integers(0, 3), fault=st.sampled_from((None, *FAULTS)))
    def sync(self, which: int, fault: str | None) -> None:
        if fault is not None:
            self.one(which).bench.line.plan("/number-blocks", fault)
        self.one(which).do(lambda terminal: terminal.sync())

    @rule(which=st.integers(0, 3))
    def return_all(self, which: int) -> None:
        self.one(which).do(lambda terminal: terminal.numbers.give_back())
        self.one(which).do(lambda terminal: terminal.numbers.keep(KIND, at_least=3, count=4))

    @rule(which=st.integers(0, 3), statements=st.integers(0, 60))
    def doom(self, which: int, statements: int) -> None:
        self.one(which).life.left = statements

    @rule(which=st.integers(0, 3))
    def save(self, which: int) -> None:
        own = self.one(which)
        own.bench.terminal.close()
        target = self.saved[id(own)] = own.folder.with_name(f"{own.folder.name}-saved")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(own.folder, target)
        own.life.left = None
        own.start()

    @rule(which=st.integers(0, 3))
    def go_back(self, which: int) -> None:
        own = self.one(which)
        if id(own) not in self.saved:
            return
        own.bench.terminal.close()
        shutil.rmtree(own.folder)
        shutil.copytree(self.saved[id(own)], own.folder)
        own.life.left = None
        own.start()

    @rule(which=st.integers(0, 3), whole=st.booleans())
    def clone(self, which: int, whole: bool) -> None:
        """From here on two handhelds share one identity; `whole`: the ledger was copied too."""
        if len(self.all) == 3:
            return
        own = self.one(which)
        own.bench.terminal.close()
        folder = own.folder.with_name(f"t{len(self.all)}")
        shutil.copytree(own.folder, folder)
        ledger = own.folder.with_name(f"{own.folder.name}.numbers")
        if whole and ledger.exists():
            shutil.copyfile(ledger, folder.with_name(f"{folder.name}.numbers"))
        own.life.left = None
        own.start()
        self.all.append(Handheld(folder, None, self.server))
        self.all[-1].do(lambda terminal: terminal.numbers.keep(KIND, at_least=3, count=4))

    @rule()
    def back_up(self) -> None:
        numbers = self.server.numbers.backup()
        kept = self.server.backup() | {"numbers": {name: dict(part) for name, part in numbers.items()}}
        self.backup = {name: part.copy() for name, part in kept.items()}

    @rule()
    def restore(self) -> None:
        if self.backup is not None:
            self.server.restore(self.backup)

    def teardown(self) -> None:
        with self.room:
            self._end()

    def _end(self) -> None:
        for own in self.all:
            own.life.left = None
            own.bench.line.faults.clear()
            own.start()
            for _ in range(3):
                own.bench.terminal.sync()
            own.bench.terminal.numbers.give_back()
        self._check()
        for own in self.all:
            own.bench.terminal.close()

    def _check(self) -> None:
        assert len(self.shown) == len(set(self.shown))
        bearers: dict[str, str] = {}
        for kept in self.server.inbox.values():
            item = kept["operation"].get("item", {})
            if "number" in item:
                assert bearers.setdefault(item["number"], item["id"]) == item["id"]
        desk, told = self.server.numbers, {}
        for own in self.all:
            for block in own.bench.terminal.numbers.accounts():
                if block["state"] == "closed":
                    told[block["id"]] = {name: block[name] for name in ("used", "voided")}
                assert block["state"] in ("closed", "copied")
        # What a terminal closed, the server has the same account of; what it holds besides was never received.
        assert {block: desk.accounts.get(block) for block in told} == told


def test_no_number_is_given_out_twice() -> None:
    """The rules above, in any order that Hypothesis finds."""
    machine = Street.TestCase
    machine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
    machine("runTest").runTest()
