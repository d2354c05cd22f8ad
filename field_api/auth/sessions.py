"""Who sends this request: a terminal by its access token, or a person at the console by his cookie.

Everything is looked up anew for each request, so that a revoked terminal and a disabled officer are stopped
at their very next one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import Request
from sqlalchemy.orm import Session

from field_api.auth import wipes
from field_api.auth.console import COOKIE, SAFE_METHODS, check_csrf, session_digest
from field_api.auth.identity import Identity
from field_api.auth.keys import Keys
from field_api.auth.tables import ConsoleSession, Officer, Terminal, TokenFamily, WipeOrder
from field_api.auth.tokens import TokenClaim, read_token
from field_api.problems import Problem
from field_api.transactions import read, write
from sync.store.prepared import Prepared

_OFFICER = (
    Officer.id.label("officer"),
    Officer.username,
    Officer.name,
    Officer.roles,
    Officer.unit,
    Officer.units,
    Officer.grids,
    Officer.disabled_at,
)
_TERMINAL_QUERY = Prepared(
    lambda _dialect: sa.select(
        *_OFFICER,
        TokenFamily.generation,
        TokenFamily.access_expires_at,
        TokenFamily.next_expires_at,
        TokenFamily.revoked_at.label("family_revoked_at"),
        Terminal.id.label("terminal"),
        Terminal.terminal_no,
        Terminal.app_version,
        Terminal.public_key,
        Terminal.revoked_at.label("terminal_revoked_at"),
        *wipes.COLUMNS,
    )
    .select_from(TokenFamily)
    .join(Officer, Officer.id == TokenFamily.officer)
    .join(Terminal, Terminal.id == TokenFamily.terminal)
    .outerjoin(WipeOrder, wipes.OPEN)
    .where(TokenFamily.id == sa.bindparam("family"))
)
_CONSOLE_QUERY = sa.select(*_OFFICER, ConsoleSession.expires_at).join(
    ConsoleSession, ConsoleSession.officer == Officer.id
)


def identify_terminal(
    session: Session, keys: Keys, token: str, now: datetime, *, receive_revoked: bool = False
) -> Identity:
    """Find whom an access token speaks for: one select, and one write when a new pair is first used.

    receive_revoked: a revoked terminal, known by any token that was ever its own, is returned with
    `revoked` set instead of being refused. Whatever the terminal is refused with tells its orders too.

    Raises:
        Problem: token_revoked, token_expired, terminal_revoked, officer_disabled.
    """
    claim = read_token(keys, "access", token)
    if claim is None:
        raise Problem("token_revoked")
    rows = read(session, lambda: _TERMINAL_QUERY.typed(session, family=claim.family))
    if not rows:
        raise Problem("token_revoked")
    row = rows[0]
    if row.terminal_revoked_at is not None:
        if receive_revoked:
            return _identity(row, session=claim.family, revoked=True)
        raise _refusal("terminal_revoked", row)
    if row.family_revoked_at is not None:
        raise _refusal("token_revoked", row)
    if row.disabled_at is not None:
        raise _refusal("officer_disabled", row)
    _check_generation(session, claim, row, now)
    return _identity(row, session=claim.family)


def _refusal(code: str, row: Any) -> Problem:
    control = wipes.control(row)
    return Problem(code, extra={"control": control} if control else None)


def identify_console(session: Session, keys: Keys, request: Request, now: datetime) -> Identity:
    """Find whom the console's cookie speaks for; a request that changes things must prove it is the page's.

    Raises:
        Problem: token_missing, token_expired, officer_disabled, not_permitted, csrf_failed.
    """
    cookie = request.cookies.get(COOKIE, "")
    if not cookie:
        raise Problem("token_missing")
    digest = session_digest(cookie)
    query = _CONSOLE_QUERY.where(ConsoleSession.token_digest == digest)
    row = read(session, lambda: session.execute(query).first())
    if row is None or row.expires_at <= now:
        raise Problem("token_expired")
    if row.disabled_at is not None:
        raise Problem("officer_disabled")
    if request.method not in SAFE_METHODS:
        check_csrf(keys, request, digest)
    identity = _identity(row, session=digest)
    identity.require_console()
    return identity


def _check_generation(session: Session, claim: TokenClaim, row: Any, now: datetime) -> None:
    """Refuse a token that is no longer the current one; take a new pair's first use as its acceptance."""
    first_use = claim.generation == row.generation + 1 and row.next_expires_at is not None
    expires_at = row.next_expires_at if first_use else row.access_expires_at
    if not (first_use or claim.generation == row.generation) or expires_at <= now:
        raise _refusal("token_expired", row)
    if first_use:
        write(session, lambda: _accept_pair(session, claim))


def _accept_pair(session: Session, claim: TokenClaim) -> None:
    # Only the first of several requests that use the new pair at once finds the row as it was.
    session.execute(
        sa.update(TokenFamily)
        .where(
            TokenFamily.id == claim.family,
            TokenFamily.generation == claim.generation - 1,
            TokenFamily.next_expires_at.is_not(None),
        )
        .values(
            generation=claim.generation,
            access_expires_at=TokenFamily.next_expires_at,
            next_expires_at=None,
        )
    )


def identity_of(session: Session, officer: str) -> Identity:
    """An officer with the rights that he has now, on no terminal; he must exist."""
    query = sa.select(
        Officer.id.label("officer"),
        Officer.username,
        Officer.name,
        Officer.roles,
        Officer.unit,
        Officer.units,
        Officer.grids,
    )
    return _identity(session.execute(query.where(Officer.id == officer)).one(), session="")


def _identity(row: Any, *, session: str, revoked: bool = False) -> Identity:
    return Identity(
        officer=row.officer,
        username=row.username,
        name=row.name,
        roles=frozenset(row.roles),
        unit=row.unit,
        units=frozenset({row.unit, *row.units}),
        grids=frozenset(row.grids),
        terminal=getattr(row, "terminal", None),
        terminal_no=getattr(row, "terminal_no", None),
        session=session,
        revoked=revoked,
        app_version=getattr(row, "app_version", ""),
        public_key=getattr(row, "public_key", ""),
        control=wipes.control(row) if hasattr(row, "wipe") else {},
    )
