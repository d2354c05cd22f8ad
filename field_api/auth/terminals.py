"""Terminals: invited by an administrator, enrolled with a key of their own, revoked when lost."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.signatures import signature_holds
from field_api.auth.tables import Invitation, Terminal
from field_api.problems import Problem

# Without 0, O, 1, I, L: the code is read from one screen and typed on another.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE_LENGTH = 16
_COUNTER_LOCK = 0x46_50_54_4E


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a terminal sends to be enrolled."""

    enrolment_code: str
    public_key: str
    model: str
    app_version: str
    signature: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A terminal's names."""

    terminal_id: str
    terminal_no: str


def invite(session: Session, by: str, ttl_s: int, now: datetime) -> str:
    """Make an enrolment code; only its digest is kept.

    by: the administrator's user name. Writes: the invitation.
    """
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
    expires_at = now + timedelta(seconds=ttl_s)
    session.add(Invitation(code_digest=_digest(code), created_by=by, expires_at=expires_at))
    session.flush()
    return "-".join(code[start : start + 4] for start in range(0, _CODE_LENGTH, 4))


def enrol(session: Session, enrolment: Enrolment, now: datetime) -> Enrolled:
    """Enrol the holder of a code; the same code and key again give the same answer, even after it expired.

    Locks: the invitation. Writes: the terminal, the invitation.

    Raises:
        Problem: enrolment_invalid, terminal_revoked.
    """
    message = enrolment.enrolment_code.encode()
    if not signature_holds(enrolment.public_key, "enrol", message, enrolment.signature):
        raise Problem("enrolment_invalid")
    digest = _digest(enrolment.enrolment_code)
    invitation = session.scalar(
        sa.select(Invitation).where(Invitation.code_digest == digest).with_for_update()
    )
    if invitation is None or invitation.public_key not in (None, enrolment.public_key):
        raise Problem("enrolment_invalid")
    if invitation.public_key is None and invitation.expires_at <= now:
        raise Problem("enrolment_invalid")
    terminal = _terminal_of(session, enrolment, now)
    if terminal.revoked_at is not None:
        raise Problem("terminal_revoked")
    invitation.public_key = enrolment.public_key
    invitation.terminal = terminal.id
    session.flush()
    return Enrolled(terminal.id, terminal.terminal_no)


def revoke(session: Session, terminal: str, now: datetime) -> None:
    """Revoke a terminal from its next request on; its token families stay, so that it is still recognised.

    Writes: the terminal.

    Raises:
        Problem: not_found.
    """
    row = session.get(Terminal, terminal, with_for_update=True)
    if row is None:
        raise Problem("not_found")
    row.revoked_at = row.revoked_at or now
    session.flush()


def note_version(session: Session, terminal: str, app_version: str) -> None:
    """Note which version of its program a terminal runs now. Writes: the terminal."""
    session.execute(sa.update(Terminal).where(Terminal.id == terminal).values(app_version=app_version))


def find_terminal(session: Session, terminal_no: str) -> str:
    """Return the id of the terminal with this short name.

    Raises:
        Problem: not_found.
    """
    found = session.scalar(sa.select(Terminal.id).where(Terminal.terminal_no == terminal_no))
    if found is None:
        raise Problem("not_found")
    return found


def _terminal_of(session: Session, enrolment: Enrolment, now: datetime) -> Terminal:
    """The terminal that holds this key: known already, or new."""
    # Numbers are given out one at a time, and a key that is enrolled twice at once finds itself.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_COUNTER_LOCK)))
    known = session.scalar(sa.select(Terminal).where(Terminal.public_key == enrolment.public_key))
    if known is not None:
        return known
    number = (session.scalar(sa.select(sa.func.max(Terminal.number))) or 0) + 1
    terminal = Terminal(
        number=number,
        terminal_no=f"t{number}",
        public_key=enrolment.public_key,
        model=enrolment.model,
        app_version=enrolment.app_version,
        enrolled_at=now,
    )
    session.add(terminal)
    session.flush()
    return terminal


def _digest(code: str) -> str:
    plain = code.replace("-", "").replace(" ", "").upper()
    return hashlib.sha256(f"enrolment/{plain}".encode()).hexdigest()
