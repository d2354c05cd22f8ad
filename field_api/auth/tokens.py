"""Token pairs: derived, never stored, and rotated so that a lost answer signs nobody out.

A pair belongs to a family (one sign-in) and a generation. Refreshing with the current generation's token
hands out the next pair, as often as asked, until either token of that pair is used: then it is the current
one, and an older refresh token is a stolen one, which ends the family.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth import challenges, limits, passwords, wipes
from field_api.auth.keys import Keys, encode_base64url
from field_api.auth.signatures import decode_base64url, signature_holds
from field_api.auth.tables import Officer, Terminal, TokenFamily
from field_api.config import Config
from field_api.problems import Problem
from field_api.transactions import write

TokenUse = Literal["access", "refresh"]
_HEAD_BYTES = 16 + 4
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class Proof:
    """That a terminal's key is at hand: a signature over `nonce + "." + subject`."""

    terminal_id: str
    nonce: str
    signature: str


@dataclass(frozen=True, slots=True)
class PasswordGrant:
    """An officer signs in."""

    username: str
    password: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """A terminal asks for the next pair."""

    refresh_token: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class Pair:
    """What a terminal gets; times as the protocol names them."""

    access_token: str
    expires_in: int
    refresh_token: str
    offline_until: datetime
    officer: OfficerBrief


@dataclass(frozen=True, slots=True)
class OfficerBrief:
    """The officer, as his terminal shows him."""

    id: str
    name: str
    roles: tuple[str, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class TokenClaim:
    """What an authentic token says of itself."""

    family: str
    generation: int


def make_token(keys: Keys, use: TokenUse, family: str, generation: int) -> str:
    """Derive a token; the same arguments always give the same one."""
    head = uuid.UUID(family).bytes + generation.to_bytes(4, "big")
    return encode_base64url(head + keys.mac(f"token/{use}", head))


def read_token(keys: Keys, use: TokenUse, token: str) -> TokenClaim | None:
    """Return what the token says; None unless this server made it for this use."""
    raw = decode_base64url(token, _HEAD_BYTES + _MAC_BYTES)
    if raw is None:
        return None
    head = raw[:_HEAD_BYTES]
    if not secrets.compare_digest(raw[_HEAD_BYTES:], keys.mac(f"token/{use}", head)):
        return None
    return TokenClaim(str(uuid.UUID(bytes=head[:16])), int.from_bytes(head[16:], "big"))


def sign_in(session: Session, keys: Keys, config: Config, grant: PasswordGrant, now: datetime) -> Pair:
    """Sign an officer in on an enrolled terminal. Opens its own transactions: hashing happens between two.

    Raises:
        Problem: credentials_wrong, terminal_revoked, officer_disabled, too_many_requests.
    """
    subject = limits.terminal_subject(grant.proof.terminal_id)

    def prove() -> tuple[str | None, str | None]:
        _prove(session, keys, grant.proof, grant.username, now)
        limits.count_attempt(session, subject, limits.PER_TERMINAL, now)
        found = session.execute(
            sa.select(Officer.id, Officer.password_hash).where(Officer.username == grant.username)
        ).one_or_none()
        return (found[0], found[1]) if found else (None, None)

    officer_id, stored = write(session, prove)
    if not passwords.password_matches(stored, grant.password) or officer_id is None:
        raise Problem("credentials_wrong")

    def found_family() -> Pair:
        officer = session.get_one(Officer, officer_id, populate_existing=True)
        if officer.disabled_at is not None:
            raise Problem("officer_disabled")
        if officer.password_hash != stored:
            raise Problem("credentials_wrong")
        limits.forget_attempts(session, subject)
        return _found_family(session, keys, config, grant.proof.terminal_id, officer, now)

    return write(session, found_family)


def refresh(session: Session, keys: Keys, config: Config, grant: RefreshGrant, now: datetime) -> Pair:
    """Hand out the pair after this refresh token's. Opens its own transaction.

    Raises:
        Problem: credentials_wrong, token_expired, token_revoked, terminal_revoked, officer_disabled.
    """

    def work() -> Pair:
        _prove(session, keys, grant.proof, grant.refresh_token, now)
        claim = read_token(keys, "refresh", grant.refresh_token)
        family = claim and session.get(TokenFamily, claim.family, with_for_update=True)
        if not claim or not family or family.terminal != grant.proof.terminal_id or family.revoked_at:
            raise Problem("token_revoked", keeps=True)
        if family.expires_at <= now:
            raise Problem("token_expired", keeps=True)
        officer = session.get_one(Officer, family.officer)
        if officer.disabled_at is not None:
            raise Problem("officer_disabled", keeps=True)
        _advance(session, family, claim.generation, now)
        return _offer(session, keys, config, family, officer, now)

    return write(session, work)


def sign_out(session: Session, family: str, now: datetime) -> None:
    """End a sign-in. Writes: the family."""
    session.execute(
        sa.update(TokenFamily)
        .where(TokenFamily.id == family, TokenFamily.revoked_at.is_(None))
        .values(revoked_at=now, reason="signed_out")
    )


def signed_in_at(session: Session, terminal: str, officer: str, at: datetime) -> bool:
    """Say whether the officer was signed in on the terminal then, offline sessions included."""
    return bool(
        session.scalar(
            sa.select(
                sa.exists().where(
                    TokenFamily.terminal == terminal,
                    TokenFamily.officer == officer,
                    TokenFamily.created_at <= at,
                    TokenFamily.offline_until >= at,
                )
            )
        )
    )


def _prove(session: Session, keys: Keys, proof: Proof, subject: str, now: datetime) -> Terminal:
    """Check a terminal's proof, and spend its nonce whatever comes of the rest.

    Who holds no enrolled key learns nothing: not whether the terminal exists, nor that it was revoked.
    """
    terminal = session.get(Terminal, proof.terminal_id)
    message = f"{proof.nonce}.{subject}".encode()
    if (
        terminal is None
        or not challenges.nonce_holds(keys, terminal.id, proof.nonce, now)
        or not signature_holds(terminal.public_key, "token", message, proof.signature)
        or not challenges.spend(session, proof.nonce, now)
    ):
        raise Problem("credentials_wrong")
    if terminal.revoked_at is not None:
        control = wipes.control_of(session, terminal.id)
        raise Problem("terminal_revoked", keeps=True, extra={"control": control} if control else None)
    terminal.last_seen_at = now
    return terminal


def _found_family(
    session: Session, keys: Keys, config: Config, terminal: str, officer: Officer, now: datetime
) -> Pair:
    family = TokenFamily(
        terminal=terminal,
        officer=officer.id,
        generation=1,
        created_at=now,
        access_expires_at=now + timedelta(seconds=config.access_ttl_s),
        offline_until=now + timedelta(seconds=config.offline_ttl_s),
        expires_at=now + timedelta(seconds=config.refresh_ttl_s),
    )
    session.add(family)
    session.flush()
    return _pair(keys, family, officer, 1, family.access_expires_at, now)


def _advance(session: Session, family: TokenFamily, generation: int, now: datetime) -> None:
    """Take the generation that a refresh token shows as the current one, or end the family."""
    if generation < family.generation:
        family.revoked_at, family.reason = now, "reused"
        session.flush()
        raise Problem("token_revoked", keeps=True)
    if generation > family.generation:
        # More than one ahead happens only where the database was restored from a backup: the MAC says that
        # this server gave the token out, so its holder stays signed in.
        family.generation = generation
        family.access_expires_at = family.next_expires_at or now
        family.next_expires_at = None


def _offer(
    session: Session, keys: Keys, config: Config, family: TokenFamily, officer: Officer, now: datetime
) -> Pair:
    """Hand out the next pair: the same until it is used, its access renewed only once that has run out."""
    if family.next_expires_at is None or family.next_expires_at <= now:
        family.next_expires_at = now + timedelta(seconds=config.access_ttl_s)
        family.offline_until = now + timedelta(seconds=config.offline_ttl_s)
        family.expires_at = now + timedelta(seconds=config.refresh_ttl_s)
        session.flush()
    return _pair(keys, family, officer, family.generation + 1, family.next_expires_at, now)


def _pair(
    keys: Keys, family: TokenFamily, officer: Officer, generation: int, expires_at: datetime, now: datetime
) -> Pair:
    return Pair(
        access_token=make_token(keys, "access", family.id, generation),
        expires_in=int((expires_at - now).total_seconds()),
        refresh_token=make_token(keys, "refresh", family.id, generation),
        offline_until=family.offline_until,
        officer=OfficerBrief(officer.id, officer.name, tuple(officer.roles), officer.unit),
    )
