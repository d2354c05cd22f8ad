"""How often one may try a password, or ask for a repair: counted before the work, kept in the database, bounded.

Whom an attempt is counted against decides who can be locked out: on terminals the terminal (its signature is
checked first, so no stranger can use up its attempts), at the console the user name together with the source.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from field_api.auth.tables import SignInAttempts
from field_api.problems import Problem

WINDOW = timedelta(minutes=15)
PER_TERMINAL = 20
PER_NAME_AND_SOURCE = 8
PER_SOURCE = 100
REPAIRS = 20


def terminal_subject(terminal: str) -> str:
    """Whom a terminal's sign-ins are counted against."""
    return _digest("terminal", terminal)


def repair_subject(terminal: str) -> str:
    """Whom a terminal's repairs are counted against."""
    return _digest("repair", terminal)


def console_subjects(username: str, address: str | None) -> tuple[tuple[str, int], ...]:
    """Whom a console sign-in is counted against, each with its limit."""
    source = _source(address)
    return (
        (_digest("console", username.casefold(), source), PER_NAME_AND_SOURCE),
        (_digest("source", source), PER_SOURCE),
    )


def count_attempt(session: Session, subject: str, limit: int, now: datetime) -> None:
    """Count one more attempt of the subject.

    Writes: its row, and drops the rows whose window is over.

    Raises:
        Problem: too_many_requests, with the seconds until the window ends; it keeps what was counted.
    """
    session.execute(sa.delete(SignInAttempts).where(SignInAttempts.window_ends_at <= now))
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # One statement, so that attempts made at the same moment are all counted.
    statement = (
        insert(SignInAttempts)
        .values(subject=subject, count=1, window_ends_at=now + WINDOW)
        .on_conflict_do_update(index_elements=["subject"], set_={"count": SignInAttempts.count + 1})
        .returning(SignInAttempts.count, SignInAttempts.window_ends_at)
    )
    count, window_ends_at = session.execute(statement).one()
    if count > limit:
        wait_s = max(1, math.ceil((window_ends_at - now).total_seconds()))
        raise Problem("too_many_requests", retry_after_s=wait_s, keeps=True)


def forget_attempts(session: Session, subject: str) -> None:
    """Start the subject's count anew, after a sign-in that succeeded."""
    session.execute(sa.delete(SignInAttempts).where(SignInAttempts.subject == subject))


def _source(address: str | None) -> str:
    """The network an address is counted as: one subscriber holds a whole IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
