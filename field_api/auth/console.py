"""Console sessions: a strict cookie, and a proof from the page for every request that changes something."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Request, Response
from sqlalchemy.orm import Session

from field_api.auth import limits, passwords
from field_api.auth.identity import CONSOLE_ROLES
from field_api.auth.keys import Keys, encode_base64url
from field_api.auth.tables import ConsoleSession, Officer
from field_api.config import Config
from field_api.problems import Problem
from field_api.transactions import write

COOKIE = "fieldpost_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM_LIMIT_BYTES = 1024 * 1024
# What a sealed export and its form may take together; the export itself is bounded as a body is.
_FILE_LIMIT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ConsoleSignIn:
    """A new session: the cookie's value."""

    token: str
    ttl_s: int


def sign_in_console(
    session: Session, config: Config, username: str, password: str, address: str | None, now: datetime
) -> ConsoleSignIn:
    """Sign a supervisor or administrator in. Opens its own transactions: hashing happens between two.

    address: the caller's, to count attempts by.

    Raises:
        Problem: credentials_wrong, officer_disabled, not_permitted, too_many_requests.
    """
    subjects = limits.console_subjects(username, address)

    def count() -> str | None:
        for subject, limit in subjects:
            limits.count_attempt(session, subject, limit, now)
        return session.scalar(sa.select(Officer.password_hash).where(Officer.username == username))

    stored = write(session, count)
    if not passwords.password_matches(stored, password):
        raise Problem("credentials_wrong")
    token = secrets.token_urlsafe(32)

    def found_session() -> None:
        officer = session.scalars(sa.select(Officer).where(Officer.username == username)).one()
        if officer.password_hash != stored:
            raise Problem("credentials_wrong")
        if officer.disabled_at is not None:
            raise Problem("officer_disabled")
        if not CONSOLE_ROLES.intersection(officer.roles):
            raise Problem("not_permitted")
        limits.forget_attempts(session, subjects[0][0])
        session.execute(sa.delete(ConsoleSession).where(ConsoleSession.expires_at <= now))
        expires_at = now + timedelta(seconds=config.session_ttl_s)
        digest = session_digest(token)
        session.add(
            ConsoleSession(token_digest=digest, officer=officer.id, created_at=now, expires_at=expires_at)
        )

    write(session, found_session)
    return ConsoleSignIn(token, config.session_ttl_s)


def sign_out_console(session: Session, digest: str) -> None:
    """End a console session (`Identity.session` is its digest). Writes: drops its row."""
    session.execute(sa.delete(ConsoleSession).where(ConsoleSession.token_digest == digest))


def session_digest(token: str) -> str:
    """The name under which a cookie's session is stored."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def csrf_token(keys: Keys, digest: str) -> str:
    """The proof that this session's pages carry in `csrf_token` or `X-CSRF-Token`."""
    return encode_base64url(keys.mac("csrf", digest.encode()))


def set_cookie(response: Response, sign_in: ConsoleSignIn, *, secure: bool) -> None:
    """Hand the session to the browser. secure: the request came by TLS."""
    response.set_cookie(
        COOKIE, sign_in.token, max_age=sign_in.ttl_s, secure=secure, httponly=True, samesite="Strict"
    )


def drop_cookie(response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict")


def check_csrf(keys: Keys, request: Request, digest: str) -> None:
    """Refuse a changing request that none of this session's own pages made.

    Raises:
        Problem: csrf_failed.
    """
    check_origin(request)
    given = request.headers.get(CSRF_HEADER) or _form_field(request)
    if not secrets.compare_digest(given.encode(errors="replace"), csrf_token(keys, digest).encode()):
        raise Problem("csrf_failed")


def check_origin(request: Request) -> None:
    """Refuse what a browser says another site's page made; the sign-in form has no other proof.

    Raises:
        Problem: csrf_failed.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Problem("csrf_failed")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Problem("csrf_failed")


def _form_field(request: Request) -> str:
    if request.mimetype not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return ""
    # A file is brought to the disk as it comes; its fields stay bounded by werkzeug's own limit.
    is_file = request.mimetype == "multipart/form-data"
    request.max_content_length = _FILE_LIMIT_BYTES if is_file else _FORM_LIMIT_BYTES
    return request.form.get(CSRF_FIELD, "")
