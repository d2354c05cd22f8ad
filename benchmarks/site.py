"""The installation under load: a real one, in a folder of its own, with terminals that are signed in."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from sqlalchemy.orm import Session

from benchmarks import resident
from benchmarks.cases import Writer
from field_api.app import create_app
from field_api.auth import officers, passwords, terminals, tokens
from field_api.auth.tables import TokenFamily
from field_api.casework import staff
from field_api.config import Config
from field_api.extensions import db, services
from field_api.transactions import write
from launcher.installation import Installation, free_port
from launcher.processes import Supervisor

T = TypeVar("T")
PASSWORD = "bench 演示 2026"
LIFE_S = 86_400


@dataclass(frozen=True, slots=True)
class Client:
    """A signed-in terminal, as the load needs it."""

    port: int
    token: str
    terminal: str
    officer: str
    unit: str
    key: bytes

    def writer(self, seed: int = 1) -> Writer:
        """This terminal as one who writes, with a new store."""
        return Writer(self.terminal, self.officer, self.key, seed)


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation. `database`: "sqlite" or "postgresql"; `cluster`: PostgreSQL's processes, if ours."""

    installation: Installation
    supervisor: Supervisor
    app: Flask
    load_cores: frozenset[int]
    cluster: Callable[[], Sequence[int]]

    @property
    def database(self) -> str:
        return "postgresql" if self.installation.database_url else "sqlite"

    @property
    def port(self) -> int:
        return self.installation.port

    def hold(self, name: str) -> None:
        """Stop a program where it stands."""
        self.supervisor.kill(name, signal.SIGSTOP)

    def let_go(self, name: str) -> None:
        """Let a held program go on."""
        self.supervisor.kill(name, signal.SIGCONT)

    def pids(self, *names: str) -> list[int]:
        """The processes of some programs, or of all."""
        return [pid for name in names or self.supervisor.names() for pid in self.supervisor.pids(name)]

    def cpu_s(self) -> float:
        """What the installation and its database took of the processors so far."""
        return sum(map(resident.cpu_s, [*self.pids(), *self.cluster()]))

    def write(self, work: Callable[[Session], T]) -> T:
        """Run work in one transaction of the application's own."""
        with self.app.app_context():
            session = db.session()
            try:
                return write(session, lambda: work(session))
            finally:
                db.session.remove()

    def unit(self, code: str) -> str:
        """Make a unit."""
        self.write(lambda session: officers.add_unit(session, code, f"演示 {code}"))
        return code

    def sign_in(self, unit: str, count: int, *roles: str) -> list[Client]:
        """Sign in as many new officers of a unit, each on a new terminal; officers where no role is named.

        Through the application's own functions, in one transaction: hashing five hundred passwords is not
        what is measured.
        """
        hashed = _password_hash()
        with self.app.app_context():
            home, keys = services().home, services().keys

        def one(session: Session, index: int) -> Client:
            name = f"{unit}-{index}-{'-'.join(roles)}"
            officer = staff.add(
                session, home, officers.NewOfficer(name, f"演示 {index}", roles or ("officer",), unit), hashed
            )
            key, terminal = _enrolled(session)
            family = _family(terminal, officer.id)
            session.add(family)
            session.flush()
            token = tokens.make_token(keys, "access", family.id, 1)
            return Client(self.port, token, terminal, officer.id, unit, key)

        return self.write(lambda session: [one(session, index) for index in range(count)])


_hashes: list[str] = []


def _password_hash() -> str:
    if not _hashes:
        _hashes.append(passwords.hash_password(PASSWORD))
    return _hashes[0]


def _enrolled(session: Session) -> tuple[bytes, str]:
    key, now = Ed25519PrivateKey.generate(), datetime.now(UTC)
    code = terminals.invite(session, "bench", 3600, now)
    signature = key.sign(b"fieldpost/enrol/1\n" + code.encode())
    enrolment = terminals.Enrolment(
        code, _plain(key.public_key().public_bytes_raw()), "演示手持机", "1.0.0", _plain(signature)
    )
    return key.private_bytes_raw(), terminals.enrol(session, enrolment, now).terminal_id


def _family(terminal: str, officer: str) -> TokenFamily:
    now = datetime.now(UTC)
    until = now + timedelta(seconds=LIFE_S)
    return TokenFamily(
        terminal=terminal, officer=officer, generation=1, created_at=now, access_expires_at=until,
        offline_until=until, expires_at=until,
    )  # fmt: skip


def _plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _nobody() -> Sequence[int]:
    return ()


@contextmanager
def running(
    data: Path, database_url: str | None, cluster: Callable[[], Sequence[int]] = _nobody
) -> Iterator[Site]:
    """Start an installation; stop it at the end.

    With four cores or more the server gets the first half and the load the other; with fewer they share.
    """
    cores = sorted(os.sched_getaffinity(0))
    apart = frozenset(cores[len(cores) // 2 :]) if len(cores) >= 4 else frozenset()
    os.sched_setaffinity(0, set(cores) - apart)
    installation = Installation(data=data, port=free_port(), database_url=database_url)
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, cores)
        lock = stack.enter_context(installation.locked())
        supervisor = stack.enter_context(Supervisor(held=(lock,)))
        supervisor.run(installation.upgrade())
        for process in installation.processes():
            supervisor.start(process)
        yield Site(installation, supervisor, stack.enter_context(_application(installation)), apart, cluster)


@contextmanager
def _application(installation: Installation) -> Iterator[Flask]:
    """The application in this process, for what is set up without the wire."""
    app = create_app(Config.from_env({**os.environ, **installation.environment()}))
    try:
        yield app
    finally:
        with app.app_context():
            held = services()
            db.session.remove()
            db.engine.dispose()
        if held.nudges is not None:
            held.nudges.close()
        held.metrics.close()
