"""The simulated world as Hypothesis plays it: it chooses the steps, and shrinks what goes wrong to a few of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from simulation import cli, crew, desk, poison
from simulation.checks import CHECKS, Account
from simulation.day import Day
from simulation.faults import Failpoints
from simulation.site import Site, running
from simulation.world import World

EDITS = (crew.work, crew.photograph, crew.finish, crew.together)
LINES = (crew.sync, crew.push, crew.pull, poison.push)
TROUBLES = (crew.set_clock, crew.set_trap, crew.reopen, crew.save, crew.go_back, crew.clone, crew.rot)
OTHERS = (desk.act, desk.reassign, desk.revoke, desk.back_up, desk.restore, desk.let_time_pass)


class Bureau(RuleBasedStateMachine):
    """One world; what Hypothesis does not choose comes from the seed that it chose."""

    site: Site

    @initialize(seed=st.integers(0, 2**16))
    def open(self, seed: int) -> None:
        self.exits = ExitStack()
        self.day = Day(self.exits.enter_context(World(self.site, seed, terminals=3)))

    @rule(action=st.sampled_from(EDITS), who=st.integers(0, 6))
    def edit(self, action: crew.Action, who: int) -> None:
        self._do(action, who)

    @rule(action=st.sampled_from(LINES), who=st.integers(0, 6))
    def talk(self, action: crew.Action, who: int) -> None:
        self._do(action, who)

    @rule(action=st.sampled_from(TROUBLES), who=st.integers(0, 6))
    def suffer(self, action: crew.Action, who: int) -> None:
        self._do(action, who)

    @rule(action=st.sampled_from(OTHERS))
    def decide(self, action: desk.Action) -> None:
        self.day.other(action)

    @rule(weather=st.sampled_from((0.0, 0.1, 0.5)), fault=st.sampled_from((None, *Failpoints.KILLS, "database_busy")))
    def break_things(self, weather: float, fault: str | None) -> None:
        self.day.world.network.weather = weather
        if fault is not None:
            self.day.world.failpoints.arm(fault, 2)

    @rule()
    def deliver(self) -> None:
        self.day.forward()
        self.day.arrive()

    def _do(self, action: crew.Action, who: int) -> None:
        world = self.day.world
        device = world.active[who % len(world.active)]
        world.say(f"{device.name} {action.__name__}: {action(world, device)}")

    def teardown(self) -> None:
        with self.exits:
            self.day.settle()
            account = Account.of(self.day.world, self.day.centre)
            for check in CHECKS.values():
                check(account)
            assert self.day.world.violations + self.day.world.network.broken == [], "\n".join(self.day.world.trace)


@pytest.fixture
def site() -> Iterator[Site]:
    with cli.hushed(), running() as made:
        yield made


def test_whatever_the_steps_all_ends_in_agreement(site: Site) -> None:
    """No sequence of steps that Hypothesis finds leaves an invariant broken."""
    machine = type("BureauHere", (Bureau,), {"site": site})
    few = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=few)
