"""The same people before a real server process, which is killed from outside at moments that nobody chose.

The seed decides who does what, not when the kernel ends the process: such a day has no trace to compare. What must
hold afterwards is the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from launcher.installation import Installation, free_port
from launcher.processes import Supervisor
from simulation import crew, desk
from simulation.checks import CHECKS, Account
from simulation.day import Day, Result, result_of
from simulation.network import Answer, Network
from simulation.site import Site
from simulation.world import World

STEPS = 60
KILL_CHANCE = 0.04
LATEST_S = 0.04
WEB = "web"
ACTIONS: tuple[Callable[..., str], ...] = (
    crew.work, crew.work, crew.work, crew.sync, crew.sync, crew.push, crew.pull, crew.photograph, crew.finish,
)  # fmt: skip


@dataclass
class Wire(Network):
    """Lines that lead to the port of a process."""

    port: int = 0
    supervisor: Supervisor = field(default_factory=Supervisor)
    kills: int = 0
    calm: bool = False

    def serve(self, request: httpx.Request, content: bytes, device: str, announced: int | None = None) -> Answer:
        """Send a request to the process; now and then the process dies meanwhile."""
        self.requests += 1
        killer = self._killer() if not self.calm and self.dice.random() < KILL_CHANCE else None
        try:
            answer = self._send(request, content)
        except httpx.TransportError as error:
            raise httpx.ReadError("the server is gone") from error
        finally:
            if killer is not None:
                killer.join()
                self.supervisor.wait_ready(WEB)
        if answer.status == 500:
            self.broken.append(f"{request.method} {request.url.path} answered 500")
        if answer.status == 200:
            self._listen(request, content, answer, device)
        return answer

    def _killer(self) -> threading.Timer:
        self.kills += 1
        killer = threading.Timer(self.dice.random() * LATEST_S, self.supervisor.kill, (WEB,))
        killer.start()
        return killer

    def _send(self, request: httpx.Request, content: bytes) -> Answer:
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self.port)
        headers = [(name, value) for name, value in request.headers.multi_items() if name != "host"]
        with httpx.Client(trust_env=False, timeout=20.0) as client:
            sent = httpx.Request(request.method, url, headers=headers, content=content)
            answer = client.send(sent, stream=True)
            try:
                body = b"".join(answer.iter_raw())
            finally:
                answer.close()
        return Answer(answer.status_code, answer.headers.multi_items(), body)


def play(site: Site, seed: int, steps: int = STEPS) -> Result:
    """Run one day before a process of its own, and check everything."""
    with World(site, seed, network=Wire) as world, Supervisor() as supervisor:
        wire = world.network
        assert isinstance(wire, Wire)
        site.clock.at = datetime.now(UTC)
        installation = Installation(data=site.data, port=free_port(), database_url=site.database.url)
        supervisor.start(installation.web())
        wire.supervisor, wire.port = supervisor, installation.port
        day = Day(world)
        for world.step in range(1, steps + 1):
            site.clock.at = datetime.now(UTC)
            _act(day)
        wire.calm = True
        day.settle(wait_s=1)
        account = Account.of(world, day.centre)
        done = {name: check(account) for name, check in CHECKS.items()}
        world.counts["process_killed"] = wire.kills
        return result_of(account, steps, done)


def _act(day: Day) -> None:
    if day.world.dice.random() < 0.1:
        day.other(desk.act)
    else:
        day.officer(day.world.dice.choice(ACTIONS))
