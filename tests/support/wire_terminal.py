"""A terminal wired to the small server, with a clock that only moves when told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reference.terminal import Terminal, Verdict
from tests.support.wire_faults import FaultyLine
from tests.support.wire_server import WireServer, WireTransport


class HandClock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.boot = "b1"
        self.now = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
        self.steady_ms = 1000

    def wall(self) -> datetime:
        return self.now

    def monotonic_ms(self) -> int:
        return self.steady_ms

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.steady_ms += int(seconds * 1000)


class Bench:
    """One server, one line, one folder; the terminal on it may be killed and opened again."""

    def __init__(self, folder: Path, server: WireServer | None = None) -> None:
        self.server = server or WireServer()
        self.line = FaultyLine(WireTransport(self.server))
        self.clock = HandClock()
        self.folder = folder
        self.terminal = self.open()

    def open(self, **more: Any) -> Terminal:
        """Open the folder as a process that has just started would."""
        self.terminal = Terminal(
            self.folder, "http://wire", self.clock, self.line, chance=lambda: 0.5, **more
        )
        return self.terminal

    def reopen(self, **more: Any) -> Terminal:
        self.terminal.close()
        return self.open(**more)

    def ready(self) -> Terminal:
        """Enrol and sign in."""
        assert self.terminal.enrol("code-1", "H1").verdict is Verdict.OK
        assert self.terminal.sign_in("demo", "right").verdict is Verdict.OK
        return self.terminal
