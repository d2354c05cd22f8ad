"""The installation under load: a real one, in a folder of its own, with terminals that are signed in."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.load import Client
from demo.stage import CITY, UNITS
from field_api.app import create_app
from field_api.auth import officers, passwords, terminals
from field_api.casework import staff
from field_api.config import Config
from field_api.extensions import db, services
from field_api.transactions import write
from launcher.installation import Installation, free_port
from launcher.processes import Supervisor
from reference.terminal.terminal import Terminal

PASSWORD = "bench 演示 2026"


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation and its terminals."""

    installation: Installation
    supervisor: Supervisor
    clients: tuple[Client, ...]
    load_cores: frozenset[int]

    def hold(self, name: str) -> None:
        """Stop a program where it stands."""
        self.supervisor.kill(name, signal.SIGSTOP)

    def let_go(self, name: str) -> None:
        """Let a held program go on."""
        self.supervisor.kill(name, signal.SIGCONT)

    def resident_mib(self) -> dict[str, float]:
        """Resident memory of each program with all its processes, in MiB."""
        return {
            name: round(sum(_rss_mib(pid) for pid in self.supervisor.pids(name)), 1)
            for name in self.supervisor.names()
        }

    def peak_mib(self, name: str) -> float:
        """The highest resident memory that any process of a program has had, in MiB."""
        return max((_status_mib(pid, "VmHWM") for pid in self.supervisor.pids(name)), default=0.0)


@contextmanager
def running(data: Path, database_url: str | None, terminals_wanted: int) -> Iterator[Site]:
    """Start an installation with its terminals signed in; stop it at the end.

    With four cores or more the server gets the first half and the load the other; with fewer they share.
    """
    cores = sorted(os.sched_getaffinity(0))
    apart = frozenset(cores[len(cores) // 2 :]) if len(cores) >= 4 else frozenset()
    os.sched_setaffinity(0, set(cores) - apart)
    installation = Installation(data=data, port=free_port(), database_url=database_url)
    with ExitStack() as stack:
        lock = stack.enter_context(installation.locked())
        supervisor = stack.enter_context(Supervisor(held=(lock,)))
        supervisor.run(installation.upgrade())
        for process in installation.processes():
            supervisor.start(process)
        codes = _people(installation, terminals_wanted)
        clients = tuple(
            _client(data / f"terminal-{index}", installation.port, code, f"bench{index}")
            for index, code in enumerate(codes)
        )
        yield Site(installation, supervisor, clients, apart)


def _people(installation: Installation, count: int) -> list[str]:
    app = create_app(Config.from_env({**os.environ, **installation.environment()}))
    hashed = passwords.hash_password(PASSWORD)
    with app.app_context():
        session = db.session()

        def work() -> list[str]:
            for code, name in UNITS:
                officers.add_unit(session, code, name)
            for index in range(count):
                new = officers.NewOfficer(f"bench{index}", f"演示 {index}", ("officer",), CITY)
                staff.add(session, services().home, new, hashed)
            return [terminals.invite(session, "bench", 3600, datetime.now(UTC)) for _ in range(count)]

        try:
            return write(session, work)
        finally:
            db.session.remove()
            db.engine.dispose()


def _client(folder: Path, port: int, code: str, username: str) -> Client:
    with Terminal(folder, f"http://127.0.0.1:{port}") as terminal:
        for reply in (terminal.enrol(code, "演示手持机"), terminal.sign_in(username, PASSWORD)):
            if reply.verdict != "ok":
                raise RuntimeError(f"{username}: {reply.code}")
        tokens, officer = terminal.store.get("tokens"), terminal.store.get("officer")
        return Client(port, tokens["access"], terminal.session.terminal_id, officer["id"])


def _rss_mib(pid: int) -> float:
    return _status_mib(pid, "VmRSS")


def _status_mib(pid: int, name: str) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0
