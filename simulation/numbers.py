"""Days on which officers give out document numbers, while everything breaks that could have two of them be one.

Days of their own, not steps of the others: whatever a step draws or sends moves all that follows it, and the days
whose seeds found something once must stay as they were.
"""

from __future__ import annotations

from reference.terminal import EditRefusedError, NumbersExhaustedError, NumbersExpiredError
from simulation import crew, desk
from simulation.checks import CHECKS, Account
from simulation.day import STEPS, Day, Result, result_of, table
from simulation.device import Device
from simulation.site import Site
from simulation.world import World
from sync.store import ids

KIND = "D03.city_bureau"
AT_LEAST, COUNT = 2, 3
ROUNDS = 8
DECIDING = {"officer", "supervisor"}


def hold(_world: World, device: Device) -> str:
    """Lease numbers, and hold so many from now on."""
    if not DECIDING.intersection(device.player.roles):
        return "no decider"
    return device.guard(lambda: f"holds {device.terminal.numbers.keep(KIND, AT_LEAST, COUNT).verdict}")


def decide(world: World, device: Device) -> str:
    """Write some documents with the next numbers; a crash may come before, between or after."""
    return ", ".join(_decide(world, device) for _ in range(world.dice.randrange(1, 4)))


def _decide(world: World, device: Device) -> str:
    cases = [one for one in device.terminal.records("case") if not one.void]
    if not cases:
        return "no case to decide"
    case, document = world.dice.choice(cases), ids.new_id()
    element = {"id": document, "type": "D03", "at": device.clock.wall().isoformat(timespec="milliseconds")}

    def run() -> str:
        try:
            operation, text = device.terminal.append_numbered(case.id, KIND, element)
        except (NumbersExhaustedError, NumbersExpiredError, EditRefusedError) as error:
            return type(error).__name__
        world.papers.append((text, document))
        return f"{text} {world.short(operation)}"

    return device.guard(run)


def spoil(world: World, device: Device) -> str:
    """Print a number and spoil the form; half the time nobody says so before the program ends."""

    def run() -> str:
        try:
            number = device.terminal.numbers.next_number(KIND)
        except (NumbersExhaustedError, NumbersExpiredError) as error:
            return type(error).__name__
        world.papers.append((number.text, f"paper {len(world.papers)}"))
        if world.dice.random() < 0.5:
            return f"{number.text} {device.reopen()}"
        device.terminal.numbers.void(number, "演示")
        return f"{number.text} spoilt"

    return device.guard(run)


def give_back(_world: World, device: Device) -> str:
    """Return every block, as if the terminal went out of service."""
    if not device.terminal.numbers.is_begun:
        return "holds none"
    return device.guard(lambda: f"returns {device.terminal.numbers.give_back().verdict}")


OFFICERS: tuple[tuple[crew.Action, float], ...] = (
    (decide, 45),
    (spoil, 8),
    (hold, 14),
    (give_back, 2),
    (crew.sync, 18),
    (crew.push, 5),
    (crew.work, 3),
    (crew.set_trap, 9),
    (crew.set_clock, 1),
    (crew.reopen, 2),
    (crew.save, 4),
    (crew.go_back, 4),
    (crew.clone, 1.5),
)
OTHERS: tuple[tuple[desk.Action, float], ...] = (
    (desk.act, 2),
    (desk.revoke, 0.4),
    (desk.back_up, 7),
    (desk.restore, 9),
    (desk.let_time_pass, 6),
)


class NumbersDay(Day):
    """A day that begins with numbers in every decider's hands and ends with all of them accounted for."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._actions, self._weights = table(OFFICERS, OTHERS)
        for device in world.devices:
            world.say(f"{device.name} {hold(world, device)}")

    def settle(self, wait_s: float = 4000) -> None:
        """All agree, then every terminal returns its numbers, and all agree again."""
        super().settle(wait_s)
        for device in self.world.devices:
            if device.terminal.numbers.is_begun:
                self._return_all(device)
        super().settle(wait_s)

    def _return_all(self, device: Device) -> None:
        device.reopen()
        for _ in range(ROUNDS):
            crew.sync(self.world, device)
            reply = device.terminal.numbers.give_back()
            # A revoked terminal is heard no more; whether it was revoked, only the server knows after a kill.
            if reply.verdict == "ok" or (device.revoked and reply.verdict == "stop"):
                self.world.say(f"{device.name} has returned all: {reply.verdict}")
                return
            self.world.site.clock.pass_time(reply.wait_s + 100)
        self.world.require(False, f"{device.name} cannot return its numbers: {reply.code}")


def play(site: Site, seed: int, steps: int = STEPS, terminals: int | None = None) -> Result:
    """Run one seed of such a day and check everything; never raises for what it finds."""
    with World(site, seed, terminals) as world:
        day = NumbersDay(world)
        day.run(steps)
        account = Account.of(world, day.centre)
        world.counts["numbers_seen"] += len(world.papers)
        return result_of(account, steps, {name: check(account) for name, check in CHECKS.items()})
