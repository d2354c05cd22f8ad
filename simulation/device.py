"""One handheld: the real client library in a folder, over a line of its own, that crashes and comes back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reference.terminal import SyncReport, Terminal
from simulation.cast import Player
from simulation.clock import DeviceClock
from simulation.faults import TerminalCrashed, Trap, trapped
from simulation.network import Line, Network
from simulation.site import BASE_URL
from sync.store import ids


@dataclass
class Device:
    """A terminal and the officer who carries it. lost: it is gone, or revoked; nobody syncs it any more."""

    name: str
    player: Player
    folder: Path
    clock: DeviceClock
    network: Network
    chance: Callable[[], float]
    trap: Trap = field(default_factory=Trap)
    lost: bool = False
    revoked: bool = False
    rested_at: object = None

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Open the folder, as after a crash."""
        self.terminal = Terminal(
            self.folder,
            BASE_URL,
            clock=self.clock,
            transport=Line(self.network, self.name),
            new_id=ids.new_id,
            chance=self.chance,
            connect=trapped(self.trap),
        )

    def close(self) -> None:
        self.terminal.close()

    def reopen(self) -> str:
        self.terminal.close()
        self.open()
        return "restarted"

    def guard(self, action: Callable[[], str]) -> str:
        """Do something that a crash may end; then the program starts again."""
        try:
            return action()
        except TerminalCrashed:
            self.trap.left = 0
            self.clock.reboot()
            self.reopen()
            return "crashed"

    def sync(self) -> SyncReport:
        return self.terminal.sync()

    def save(self, target: Path) -> str:
        """Copy the folder, as a backup of the handheld or a clone would."""
        self.close()
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder, target)
        self.open()
        return "copied"

    def load(self, source: Path) -> str:
        """Put an older copy in the folder's place."""
        self.close()
        shutil.rmtree(self.folder)
        shutil.copytree(source, self.folder)
        self.open()
        return "put back"
