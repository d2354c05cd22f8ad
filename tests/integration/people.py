"""People and handhelds for the tests: each with real keys, each speaking only through the wire."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from field_api.app import create_app
from field_api.auth import console, officers, passwords, terminals
from field_api.auth.assignments import Assignment
from field_api.casework import founding, staff
from field_api.config import Config
from field_api.extensions import db
from field_api.transactions import write
from sync.store.base import Base

T = TypeVar("T")
PASSWORD = "correct horse 2026"
_PASSWORD_HASH = passwords.hash_password(PASSWORD)
UNIT = "u1"


@contextmanager
def running(config: Config, *, create: bool = True) -> Iterator[Flask]:
    """An application whose tables exist, with its connections closed at the end."""
    app = create_app(config)
    if create:
        with app.app_context():
            Base.metadata.create_all(db.engine)
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        held = app.extensions["fieldpost"]
        if held.nudges is not None:
            held.nudges.close()
        held.metrics.close()


def now() -> datetime:
    return datetime.now(UTC)


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def problem(answer: TestResponse) -> tuple[int, str]:
    """The status and code of an answer that must be a problem."""
    assert answer.mimetype == "application/problem+json", answer.text
    return answer.status_code, answer.json["code"]


class Handheld:
    """One terminal: its key, its names, its tokens, and a client to speak with."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.key = Ed25519PrivateKey.generate()
        self.public_key = base64url(self.key.public_key().public_bytes_raw())
        self.id = ""
        self.terminal_no = ""
        self.access = ""
        self.refresh_token = ""

    def sign(self, purpose: str, message: str | bytes) -> str:
        raw = message.encode() if isinstance(message, str) else message
        return base64url(self.key.sign(f"fieldpost/{purpose}/1\n".encode() + raw))

    def post(self, path: str, body: Any, **options: Any) -> TestResponse:
        return self.client.post(f"/api/v1{path}", json=body, **options)

    def enrol(self, code: str) -> TestResponse:
        answer = self.post(
            "/terminals",
            {
                "enrolment_code": code,
                "public_key": self.public_key,
                "model": "演示机",
                "app_version": "1.0.0",
                "signature": self.sign("enrol", code),
            },
        )
        if answer.status_code == 201:
            self.id, self.terminal_no = answer.json["terminal_id"], answer.json["terminal_no"]
        return answer

    def nonce(self) -> str:
        answer = self.post("/tokens/challenges", {"terminal_id": self.id})
        assert answer.status_code == 200, answer.text
        return answer.json["nonce"]

    def ask_password(self, username: str, password: str = PASSWORD, **changed: Any) -> TestResponse:
        """Ask for tokens; `changed` replaces fields of the request after signing."""
        nonce = changed.pop("nonce", None) or self.nonce()
        body = {"grant": "password", "username": username, "password": password}
        body |= {"terminal_id": self.id, "nonce": nonce}
        body |= {"signature": self.sign("token", f"{nonce}.{username}")}
        return self.post("/tokens", body | changed)

    def ask_refresh(self, refresh_token: str | None = None, **changed: Any) -> TestResponse:
        token = refresh_token or self.refresh_token
        nonce = changed.pop("nonce", None) or self.nonce()
        body = {"grant": "refresh", "refresh_token": token, "terminal_id": self.id, "nonce": nonce}
        body |= {"signature": self.sign("token", f"{nonce}.{token}")}
        return self.post("/tokens", body | changed)

    def keep(self, answer: TestResponse) -> TestResponse:
        """Take the pair of an answer as one's own."""
        assert answer.status_code == 200, answer.text
        self.access, self.refresh_token = answer.json["access_token"], answer.json["refresh_token"]
        return answer

    def sign_in(self, username: str) -> TestResponse:
        return self.keep(self.ask_password(username))

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


class Console:
    """A person at the console: a session cookie and the page's CSRF token."""

    def __init__(self, app: Flask, token: str, csrf: str) -> None:
        self.client = app.test_client()
        self.client.set_cookie(console.COOKIE, token)
        self.csrf = {console.CSRF_HEADER: csrf}

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        return self.client.post(f"/api/v1{path}", json=body, **({"headers": self.csrf} | options))


class Bureau:
    """The people of one installation."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.home = app.extensions["fieldpost"].home
        self.change(lambda session: founding.found(session, self.home, now()))
        self.change(lambda session: officers.add_unit(session, UNIT, "演示一中队"))

    def change(self, work: Callable[[Session], T]) -> T:
        """Run `work(session)` in one committed transaction."""
        with self.app.app_context():
            session = db.session()
            return write(session, lambda: work(session))

    def officer(self, username: str, *roles: str, unit: str = UNIT, grids: tuple[str, ...] = ()) -> str:
        """Add an officer with `PASSWORD`; returns his id."""
        new = officers.NewOfficer(username, f"演示 {username}", roles or ("officer",), unit, grids=grids)
        return self.change(lambda session: staff.add(session, self.home, new, _PASSWORD_HASH).id)

    def assign(self, officer: str, unit: str = UNIT, units: tuple[str, ...] = (), grids: tuple[str, ...] = ()) -> None:
        """Give an officer other units and grids."""
        new = Assignment(unit, units, grids)
        self.change(lambda session: staff.assign(session, self.home, officer, new, now()))

    def code(self, ttl_s: int = 3600) -> str:
        return self.change(lambda session: terminals.invite(session, "admin", ttl_s, now()))

    def handheld(self) -> Handheld:
        """An enrolled terminal on which nobody is signed in."""
        handheld = Handheld(self.app.test_client())
        assert handheld.enrol(self.code()).status_code == 201
        return handheld

    def signed_in(self, username: str, *roles: str) -> Handheld:
        """A new officer, signed in on a new terminal."""
        self.officer(username, *roles)
        handheld = self.handheld()
        handheld.sign_in(username)
        return handheld

    def console(self, username: str, *roles: str) -> Console:
        """A new officer, signed in at the console."""
        self.officer(username, *(roles or ("admin",)))
        return self.console_of(username)

    def console_of(self, username: str) -> Console:
        """Somebody who is known already, signed in at the console."""
        with self.app.app_context():
            held = self.app.extensions["fieldpost"]
            made = console.sign_in_console(db.session(), held.config, username, PASSWORD, "127.0.0.1", now())
            csrf = console.csrf_token(held.keys, console.session_digest(made.token))
        return Console(self.app, made.token, csrf)
