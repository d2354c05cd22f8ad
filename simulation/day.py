"""One seed's day: actions by weight, every fault among them, then calm, agreement and the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from simulation import crew, desk, poison
from simulation.checks import CHECKS, Account
from simulation.device import Device
from simulation.dispatch import Centre, forward
from simulation.faults import Failpoints
from simulation.site import Site
from simulation.world import World
from sync.store.tables import Sequence, SettledRow

STEPS = 70
ROUNDS = 12
WEATHER = (0.0, 0.05, 0.15, 0.4)
OFFICERS = (
    (crew.work, 30),
    (crew.sync, 26),
    (crew.push, 3),
    (crew.pull, 4),
    (crew.photograph, 4),
    (crew.finish, 9),
    (crew.together, 2),
    (crew.rot, 1),
    (crew.set_clock, 2),
    (crew.set_trap, 4),
    (crew.reopen, 1),
    (crew.save, 1),
    (crew.go_back, 1),
    (crew.clone, 0.3),
    (poison.push, 3),
)
OTHERS = (
    (desk.act, 16),
    (desk.reassign, 1.5),
    (desk.revoke, 0.3),
    (desk.back_up, 1),
    (desk.restore, 0.6),
    (desk.let_time_pass, 8),
)


@dataclass
class Result:
    """What a seed came to."""

    seed: int
    steps: int
    trace_hash: str
    trace: list[str]
    violations: list[str]
    faults: dict[str, int]
    outcomes: dict[str, int]
    checks: dict[str, int]
    operations: int
    requests: int
    reasons: dict[str, int]
    oracle: dict[str, int]


class Day:
    """Runs one world from its first step to its account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.centre = Centre(world.dice)
        self._actions, self._weights = table(OFFICERS, OTHERS)

    def run(self, steps: int) -> None:
        for self.world.step in range(1, steps + 1):
            self.one()
        self.settle()

    def one(self) -> None:
        """One step: the weather, perhaps a failpoint, one action."""
        world = self.world
        if world.dice.random() < 0.15:
            world.network.weather = world.dice.choice(WEATHER)
        if world.dice.random() < 0.12:
            self._arm()
        [action] = world.dice.choices(self._actions, self._weights)
        action(self)

    def _arm(self) -> None:
        name = self.world.dice.choice((*Failpoints.KILLS, "database_busy"))
        self.world.failpoints.arm(name, self.world.dice.randrange(1, 7) if name == "database_busy" else 1)

    def officer(self, action: Callable[..., str]) -> None:
        device = self.world.dice.choice(self.world.active)
        self.world.say(f"{device.name} {action.__name__}: {action(self.world, device)}")

    def other(self, action: Callable[..., str]) -> None:
        self.world.say(f"desk {action.__name__}: {action(self.world)}")

    def forward(self) -> None:
        self.world.say(f"forward: {forward(self.world, self.centre)}")

    def arrive(self) -> None:
        if self.world.network.late:
            self.world.say(f"arrives late: {self.world.network.deliver_late()}")

    def settle(self, wait_s: float = 4000) -> None:
        """Faults stop; everybody syncs until nothing moves, in a bounded number of rounds."""
        world = self.world
        world.step += 1
        world.network.weather = 0.0
        world.failpoints.disarm()
        self.centre.calm = True
        while world.network.late:
            self.arrive()
        for device in world.devices:
            device.trap.left = 0
            for queued in device.terminal.queue():
                device.terminal.requeue(queued.id)
        for _ in range(ROUNDS):
            world.site.clock.pass_time(wait_s)
            restless = [device for device in world.devices if not self._rests(device)]
            for device in restless:
                self._last_sync(device)
            self.forward()
            if not restless:
                return
        world.require(False, f"no rest after {ROUNDS} rounds")

    def _last_sync(self, device: Device) -> None:
        """Sync once more, and note whether that changed anything at all."""
        before = self._standing()
        said = crew.sync(self.world, device)
        self.world.say(f"{device.name} settles: {said}")
        # A photo whose record is in quarantine has no receipt, and asks for it each time.
        ended = device.revoked or said.startswith(("ok", "later not_found"))
        device.rested_at = before if ended and self._standing() == before else None

    def _rests(self, device: Device) -> bool:
        return device.rested_at is not None and device.rested_at == self._standing()

    def _standing(self) -> Any:
        """Moves with everything that a sync could bring or send."""
        columns = (sa.func.max(Sequence.value), sa.func.max(Sequence.epoch))
        counted = sa.select(*columns, sa.select(sa.func.count()).select_from(SettledRow).scalar_subquery())
        return self.world.site.look(lambda session: tuple(session.execute(counted).one()))


def table(
    officers: Iterable[tuple[crew.Action, float]], others: Iterable[tuple[desk.Action, float]]
) -> tuple[list[Callable[[Day], None]], list[float]]:
    """The steps of a day and their weights."""
    actions: list[tuple[Callable[[Day], None], float]] = []
    for action, weight in officers:
        actions.append((lambda day, action=action: day.officer(action), weight))  # type: ignore[misc]
    for other, weight in others:
        actions.append((lambda day, action=other: day.other(action), weight))  # type: ignore[misc]
    actions += [(Day.forward, 5), (Day.arrive, 3)]
    return [one for one, _ in actions], [weight for _, weight in actions]


def play(site: Site, seed: int, steps: int = STEPS, terminals: int | None = None) -> Result:
    """Run one seed and check everything; never raises for what it finds."""
    with World(site, seed, terminals) as world:
        day = Day(world)
        day.run(steps)
        account = Account.of(world, day.centre)
        return result_of(account, steps, {name: check(account) for name, check in CHECKS.items()})


def result_of(account: Account, steps: int, checks: dict[str, int]) -> Result:
    """Sum a run up, once it was judged."""
    world = account.world
    return Result(
        world.seed,
        steps,
        world.trace_hash,
        world.trace,
        world.violations + world.network.broken,
        dict(world.injected + account.centre.faults),
        dict(world.outcomes),
        checks,
        len(account.operations),
        world.network.requests,
        dict(Counter(account.reasons())),
        dict(world.twin.counts) if world.twin is not None else {},
    )
