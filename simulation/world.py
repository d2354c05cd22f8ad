"""One seed's world: the server put back to its beginning, some terminals, a desk, a line, and the dice."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from field_api.auth import terminals
from simulation.cast import CREW, PASSWORD, Player
from simulation.clock import DeviceClock, Ids, ServerClock
from simulation.device import Device
from simulation.faults import Failpoints
from simulation.network import Line, Network
from simulation.site import Site, enrol
from simulation.twin import Twin
from sync.store import ids

PATIENCE = 10


class World:
    """Everything that a seed decides. Not for two at once: they would share the site."""

    def __init__(
        self, site: Site, seed: int, terminals: int | None = None, network: type[Network] = Network
    ) -> None:
        self.site = site
        self.seed = seed
        self.dice = random.Random(seed)
        self.folder = site.folder / "world"
        self.trace: list[str] = []
        self.counts: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.violations: list[str] = []
        self.step = 0
        self.backup_mark: int | None = None
        # Each document number that anybody saw, and the document that it is on.
        self.papers: list[tuple[str, str]] = []
        self._names: dict[str, str] = {}
        self._exits = ExitStack()
        self._network = network
        self._terminals = terminals or self.dice.randrange(2, 7)

    def __enter__(self) -> Self:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.site.load("template")
        self.site.clock.at = ServerClock().at
        self.site.clock.pass_time(3600)
        self._exits.enter_context(ids.drawn_from(Ids(f"seed {self.seed}", self.site.clock)))
        self.failpoints = failpoints_of(self.site)
        self.failpoints.disarm()
        self.failpoints.fired.clear()
        self.network = self._network(self.site, self.failpoints, self.dice)
        # Before a process of its own the order of what it commits is not seen.
        self.twin = Twin(self.site, lambda what: self.require(False, what)) if self._network is Network else None
        self.network.witness = self.twin
        players = self.dice.sample(CREW, self._terminals)
        self.devices = [self.bring(player) for player in players]
        self.scopes = {player.username: (player.units, player.grids) for player in CREW}
        return self

    def __exit__(self, *_exception: object) -> None:
        for device in self.devices:
            device.close()
        self._exits.close()

    def bring(self, player: Player) -> Device:
        """Hand an officer the terminal that was signed in for him."""
        folder = self.folder / player.username
        shutil.copytree(self.site.folder / "crew" / player.username, folder)
        return self.device(player.username, player, folder)

    def device(self, name: str, player: Player, folder: Path) -> Device:
        return Device(name, player, folder, DeviceClock(self.site.clock, name), self.network, self.dice.random)

    def replace(self, device: Device) -> Device:
        """Enrol a new terminal for the officer of one that is gone."""
        name = f"{device.player.username}+{len(self.devices)}"
        folder = self.folder / name
        clock = DeviceClock(self.site.clock, name)
        calm, self.network.weather = self.network.weather, 0.0
        enrol(self.site, device.player, folder, Line(self.network, name), clock=clock, chance=self.dice.random).close()
        self.network.weather = calm
        new = self.device(name, device.player, folder)
        self.devices.append(new)
        return new

    def enrol_again(self, device: Device) -> None:
        """A restored server does not know a terminal that was enrolled later: it gets a new code, in calm."""
        device.trap.left = 0
        self.failpoints.disarm()
        calm, self.network.weather = self.network.weather, 0.0
        code = self.site.change(lambda session: terminals.invite(session, "keeper", 3600, self.site.clock()))
        # A fault may still lie in wait on this line; whoever enrols a terminal tries until it is.
        for step in (lambda: device.terminal.enrol(code, "演示手持机").verdict, lambda: self.sign_in(device)):
            for _ in range(PATIENCE):
                if device.guard(step) == "ok":
                    break
        self.network.weather = calm

    def sign_in(self, device: Device) -> str:
        """The officer types his password."""
        return device.terminal.sign_in(device.player.username, PASSWORD).verdict

    @property
    def active(self) -> list[Device]:
        return [device for device in self.devices if not device.lost]

    def short(self, id_: Any) -> str:
        """An id by order of appearance."""
        return self._names.setdefault(str(id_), f"#{len(self._names) + 1}")

    def say(self, text: str) -> None:
        self.trace.append(f"{self.step:3} {_plain(text)}")

    def require(self, condition: bool, what: str) -> None:
        """Note a violation; the run goes on, so that all of them are seen."""
        if not condition:
            self.violations.append(f"step {self.step}: {_plain(what)}")

    @property
    def trace_hash(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()[:16]

    @property
    def injected(self) -> Counter[str]:
        """Faults by kind, as they happened."""
        total = self.counts + self.network.injected + self.failpoints.fired
        for device in self.devices:
            total += device.trap.fired
        return total


def _plain(text: str) -> str:
    """Poison is quoted, but must not poison what quotes it."""
    return text.encode("utf-8", "backslashreplace").decode()[:600]


def failpoints_of(site: Site) -> Failpoints:
    """The site's failpoints, listening from the first world on."""
    held: Failpoints | None = site.app.extensions.get("simulation")
    if held is None:
        held = site.app.extensions["simulation"] = Failpoints(site)
    return held
