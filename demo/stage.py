"""The demo's installation: every program of a real one, a centre beside it, and a bad line in front."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy.orm import Session

from demo.line import Line
from field_api.app import create_app
from field_api.auth import officers, passwords, terminals
from field_api.auth.tables import Officer
from field_api.casework import reference, staff, violations
from field_api.config import Config
from field_api.extensions import db, services
from field_api.transactions import write
from launcher.installation import Installation, answers_http, free_port
from launcher.processes import Process, Supervisor
from launcher.serve import ended_by_signals
from reference.centre.process import CentreProcess

T = TypeVar("T")
CITY, POLICE = "demo-city", "demo-police"
UNITS = ((CITY, "演示城管一中队"), (POLICE, "演示城管警察大队"))
GRID = "511402001001001"
TUNING = {"FIELDPOST_RETRY_BASE_S": "0.5", "FIELDPOST_LEASE_S": "15", "FIELDPOST_RELAY_INTERVAL_S": "0.5"}
# Words of papers, as a bureau configures them; these are nobody's.
WORDS = {"FIELDPOST_NUMBER_WORDS": "D07.city_bureau=演示罚字"}
AUTHORITY = """\
[city]
name = "演示市城市管理行政执法局"
review = "演示市人民政府"
court = "演示区人民法院"
bank = "演示银行演示支行"
"""


@dataclass(frozen=True, slots=True)
class Account:
    """One of the demo's people; they are roles, not persons."""

    username: str
    name: str
    role: str
    unit: str


ACCOUNTS = (
    Account("officer1", "演示队员一", "officer", CITY),
    Account("officer2", "演示队员二", "officer", CITY),
    Account("officer3", "演示队员三", "officer", CITY),
    Account("officer4", "演示队员四", "officer", CITY),
    Account("liaison", "演示民警", "liaison", POLICE),
    Account("reviewer", "演示审核员", "supervisor", CITY),
    Account("admin", "演示管理员", "admin", CITY),
)


class Stage:
    """A running demo installation. `line`: what the handhelds have for a network."""

    def __init__(
        self, installation: Installation, supervisor: Supervisor, line: Line, centre: CentreProcess, app: Flask
    ) -> None:
        self.installation = installation
        self.supervisor = supervisor
        self.line = line
        self.centre = centre
        self.passwords = _passwords(installation.data)
        self._app = app

    @property
    def folder(self) -> Path:
        return self.installation.data

    @staticmethod
    def name_of(username: str) -> str:
        """What stands on an account's certificate."""
        return next(one.name for one in ACCOUNTS if one.username == username)

    def read(self, work: Callable[[Session], T]) -> T:
        """Look into the server's own database."""
        with self._app.app_context():
            try:
                return work(db.session())
            finally:
                db.session.remove()

    def invite(self) -> str:
        """An enrolment code, as an administrator gives one."""
        ttl_s = 24 * 3600
        return self._write(lambda session: terminals.invite(session, "demo", ttl_s, datetime.now(UTC)))

    def set_up(self) -> None:
        """Bring units, accounts, the grid and the permit register to the installation, once."""

        (self.folder / "authorities.toml").write_text(AUTHORITY, encoding="utf-8")

        def publish(session: Session) -> None:
            for account in ACCOUNTS:
                _ensure(session, account, self.passwords)
            home = services().home
            reference.publish_grid(session, home, {"code": GRID, "name": "演示网格", "unit": CITY})
            reference.publish_violations(session, home, violations.demonstration(), datetime.now(UTC))
            for values in _permits():
                reference.publish_permit(session, home, values)

        self._write(publish)

    def _write(self, work: Callable[[Session], T]) -> T:
        with self._app.app_context():
            try:
                session = db.session()
                return write(session, lambda: work(session))
            finally:
                db.session.remove()


@contextmanager
def running(
    data: Path, port: int | None, database_url: str | None, say: Callable[[str], None]
) -> Iterator[Stage]:
    """Start everything on loopback, on free ports; stop all of it at the end."""
    os.environ.update(TUNING | WORDS)
    centre_port, token = free_port(), _token(data)
    installation = Installation(
        data=data,
        port=port or free_port(),
        database_url=database_url,
        centre_url=f"http://127.0.0.1:{centre_port}",
        centre_token=token,
    )
    with ExitStack() as stack:
        lock = stack.enter_context(installation.locked())
        supervisor = Supervisor(held=(lock,))
        stack.enter_context(ended_by_signals(supervisor))
        stack.enter_context(supervisor)
        say("数据库 · database")
        supervisor.run(installation.upgrade())
        for process in [_centre(installation, centre_port, token), *installation.processes()]:
            say(process.name)
            supervisor.start(process)
        line = stack.enter_context(Line(installation.port))
        os.environ.update(installation.environment())
        app = create_app(Config.from_env(os.environ))
        yield Stage(installation, supervisor, line, CentreProcess(data / "centre", token, centre_port), app)


def reset(data: Path) -> None:
    """Forget an earlier demo."""
    shutil.rmtree(data, ignore_errors=True)


def _centre(installation: Installation, port: int, token: str) -> Process:
    folder = installation.data / "centre"
    process = installation.process(
        "centre", sys.executable, "-m", "reference.centre", "--port", str(port), "--data", str(folder)
    )
    environment = {**process.env, "CENTRE_TOKEN": token}
    return Process(
        "centre", process.argv, environment, process.cwd, process.log_path, lambda: answers_http(port, "/healthz")
    )


def _ensure(session: Session, account: Account, known: dict[str, str]) -> None:
    for code, name in UNITS:
        officers.add_unit(session, code, name)
    if session.query(Officer).filter_by(username=account.username).first() is not None:
        return
    new = officers.NewOfficer(account.username, account.name, (account.role,), account.unit, badge_no="演示")
    home, now = services().home, datetime.now(UTC)
    added = staff.add(session, home, new, passwords.hash_password(known[account.username]))
    if account.role == "officer":
        first, last = date(now.year - 1, 1, 1), date(now.year + 1, 12, 31)
        staff.certify(session, home, added.id, f"演示证-{account.username}", first, last, now)


def _permits() -> list[dict[str, Any]]:
    """The register of permitted stalls (四定); none of them stands where the demo's stall does."""
    common = {"size": "2 m × 1 m", "hours": "06:00–09:00", "status": "valid", "valid_from": "2026-01-01T00:00:00+08:00"}
    return [
        common | {"permit_no": "演示-001", "holder": "演示摊主一", "address": "演示路 8 号", "goods": "早餐"},
        common | {"permit_no": "演示-002", "holder": "演示摊主二", "address": "演示巷 3 号", "goods": "水果"},
    ]


def _passwords(data: Path) -> dict[str, str]:
    """Passwords made at the first start and kept for the next, for the owner of the folder only."""
    return _kept(data / "demo-accounts.json", lambda: {one.username: secrets.token_urlsafe(9) for one in ACCOUNTS})


def _token(data: Path) -> str:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return _kept(data / "demo-centre.json", lambda: {"token": secrets.token_urlsafe(24)})["token"]


def _kept(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    if not path.exists():
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(make(), file)
        fresh.replace(path)
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept
