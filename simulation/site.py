"""One installation and its crew, made once in a process and put back to its beginning for every seed."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy.orm import Session

from field_api.app import create_app
from field_api.auth import console, officers, terminals
from field_api.auth.assignments import Assignment
from field_api.casework import founding, reference, staff
from field_api.config import Config
from field_api.extensions import db, services
from field_api.transactions import write
from reference.terminal import Terminal
from simulation.cast import CREW, DESK, GRIDS, PASSWORD, UNITS, Player
from simulation.clock import DeviceClock, Ids, ServerClock
from simulation.database import Database, PostgresDatabase, SqliteDatabase
from sync.store import ids
from sync.store.base import Base
from sync.store.tables import Sequence

T = TypeVar("T")
BASE_URL = "http://simulation.invalid"
YEAR_S = 365 * 86_400
# The hash says how it was made: a cheap one is checked cheaply, and a seed may sign in as often as it likes.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Site:
    """The server in this process, with its database, files, keys and people."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.clock = ServerClock()
        self.data = folder / "server"
        self.config = Config(
            data=self.data,
            database_url=database.url,
            centre_url="http://centre.invalid",
            centre_token="simulated",
            access_ttl_s=6 * 3600,
            refresh_ttl_s=YEAR_S,
            session_ttl_s=YEAR_S,
            retry_base_s=60.0,
            batch_limit=50,
        )
        _write_keys(self.data / "keys")
        self.app: Flask = create_app(self.config, nudges=False, now=self.clock)
        self.officers: dict[str, str] = {}
        self.cookies: dict[str, tuple[str, str]] = {}

    def change(self, work: Callable[[Session], T]) -> T:
        """Run `work(session)` in one committed transaction."""
        with self.app.app_context():
            session = db.session()
            return write(session, lambda: work(session))

    def look(self, work: Callable[[Session], T]) -> T:
        """Run `work(session)` and leave nothing behind."""
        with self.app.app_context():
            try:
                return work(db.session())
            finally:
                db.session.rollback()

    @property
    def engine(self) -> sa.Engine:
        with self.app.app_context():
            return db.engine

    def save(self, name: str) -> None:
        """Keep database and photos as they stand."""
        self.let_go()
        self.database.save(name)
        kept = self.folder / f"{name}.blobs"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.data / "blobs", kept)

    def load(self, name: str) -> None:
        """Put back what was kept; uploads under way are lost."""
        self.let_go()
        self.database.load(name)
        for part, source in (("uploads", None), ("blobs", self.folder / f"{name}.blobs")):
            shutil.rmtree(self.data / part, ignore_errors=True)
            if source is not None:
                shutil.copytree(source, self.data / part)
            else:
                (self.data / part).mkdir()

    def let_go(self) -> None:
        """Close every connection to the database."""
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def close(self) -> None:
        self.let_go()
        self.app.extensions["fieldpost"].metrics.close()

    def renew_epoch(self) -> None:
        """What follows a restore: terminals are to notice."""
        self.change(lambda session: session.execute(sa.update(Sequence).values(epoch=ids.new_id())))


@contextmanager
def running(database_url: str | None = None, mark: str = "0") -> Iterator[Site]:
    """Found an installation with its crew enrolled and signed in; nothing of it stays at the end.

    mark: tells the processes of one run apart. It shows in the names of PostgreSQL databases only.
    """
    shared = Path("/dev/shm")
    place = str(shared) if shared.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fieldpost-simulation-", dir=place) as name:
        folder = Path(name)
        database: Database
        database = PostgresDatabase(database_url, mark) if database_url else SqliteDatabase(folder)
        site = Site(folder, database)
        try:
            with ids.drawn_from(Ids("template", site.clock)):
                _found(site)
            site.save("template")
            yield site
        finally:
            site.close()
            database.drop()


def _write_keys(folder: Path) -> None:
    """The same keys in every process, so that every byte of an answer comes from the seed."""
    folder.mkdir(parents=True)
    for name in ("receipts.key", "secret.key"):
        (folder / name).write_bytes(hashlib.sha256(f"simulation/{name}".encode()).digest())


def _found(site: Site) -> None:
    with site.app.app_context():
        Base.metadata.create_all(db.engine)
    hashed = _HASHER.hash(PASSWORD)
    home = site.app.extensions["fieldpost"].home

    def people(session: Session) -> None:
        founding.found(session, home, site.clock())
        for code, name in UNITS.items():
            officers.add_unit(session, code, name)
        for grid in GRIDS:
            reference.publish_grid(session, home, {"code": grid, "name": "演示网格", "unit": "u1"}, site.clock())
        for player in (*CREW, *DESK):
            new = officers.NewOfficer(
                player.username, f"演示 {player.username}", player.roles, player.unit, player.units, player.grids
            )
            site.officers[player.username] = staff.add(session, home, new, hashed, site.clock()).id

    site.change(people)
    for player in DESK:
        site.cookies[player.username] = _sign_in_console(site, player)
    for player in CREW:
        terminal = enrol(site, player, site.folder / "crew" / player.username)
        if player is CREW[0]:
            _open_cases(terminal)
        terminal.close()


def _open_cases(terminal: Terminal) -> None:
    """What the day begins with, so that there is something to quarrel over."""
    incident = terminal.create("incident", {"description": "from the day before"})
    for _ in range(3):
        terminal.create("case", {"category": "0406", "incident": incident, "description": "from the day before"})
    terminal.sync()


def enrol(
    site: Site, player: Player, folder: Path, transport: httpx.BaseTransport | None = None, **parts: Any
) -> Terminal:
    """A terminal whose officer has signed in and pulled what there is."""
    folder.mkdir(parents=True)
    key = hashlib.sha256(f"{player.username}/{folder.name}".encode()).digest()
    (folder / "terminal.key").write_bytes(key)
    code = site.change(lambda session: terminals.invite(session, "keeper", 3600, site.clock()))
    options: dict[str, Any] = {"clock": DeviceClock(site.clock, player.username), "new_id": ids.new_id}
    terminal = Terminal(
        folder, BASE_URL, transport=transport or httpx.WSGITransport(app=site.app), **(options | parts)
    )
    terminal.store.set("store", ids.new_id())
    for reply in (terminal.enrol(code, "演示手持机"), terminal.sign_in(player.username, PASSWORD)):
        if reply.verdict != "ok":
            raise RuntimeError(f"{player.username}: {reply.code}")
    terminal.sync()
    return terminal


def _sign_in_console(site: Site, player: Player) -> tuple[str, str]:
    """A session's cookie and the proof that its pages carry."""
    with site.app.app_context():
        held = services()
        made = console.sign_in_console(
            db.session(), held.config, player.username, PASSWORD, "127.0.0.1", site.clock()
        )
        return made.token, console.csrf_token(held.keys, console.session_digest(made.token))


def assign(site: Site, player: Player, units: tuple[str, ...], grids: tuple[str, ...]) -> None:
    """Give an officer other units and grids, as an administrator does."""
    home = site.app.extensions["fieldpost"].home
    new = Assignment(player.unit, units, grids)
    site.change(lambda session: staff.assign(session, home, site.officers[player.username], new, site.clock()))
