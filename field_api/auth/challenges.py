"""Challenges: nonces that prove, signed, that a terminal's key is at hand now.

A nonce carries its own expiry and MAC, so asking for one writes nothing and no stranger can fill a table;
only one that came back with the terminal's own signature is noted, as spent.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from field_api.auth.keys import Keys, encode_base64url
from field_api.auth.signatures import decode_base64url
from field_api.auth.tables import SpentChallenge

TTL = timedelta(seconds=60)
_RANDOM_BYTES = 16
_BYTES = _RANDOM_BYTES + 8 + 32


@dataclass(frozen=True, slots=True)
class Challenge:
    """A nonce to be signed before `expires_at`."""

    nonce: str
    expires_at: datetime


def challenge(keys: Keys, terminal: str, now: datetime) -> Challenge:
    """Make a nonce for a terminal; whether there is such a terminal does not show."""
    expires_ms = int((now + TTL).timestamp() * 1000)
    head = secrets.token_bytes(_RANDOM_BYTES) + expires_ms.to_bytes(8, "big")
    nonce = encode_base64url(head + _mac(keys, terminal, head))
    return Challenge(nonce, datetime.fromtimestamp(expires_ms / 1000, UTC))


def nonce_holds(keys: Keys, terminal: str, nonce: str, now: datetime) -> bool:
    """Say whether the nonce is ours, this terminal's and not too old."""
    raw = decode_base64url(nonce, _BYTES)
    if raw is None:
        return False
    head, mac = raw[: _RANDOM_BYTES + 8], raw[_RANDOM_BYTES + 8 :]
    expires_ms = int.from_bytes(head[_RANDOM_BYTES:], "big")
    return secrets.compare_digest(mac, _mac(keys, terminal, head)) and now.timestamp() * 1000 < expires_ms


def spend(session: Session, nonce: str, now: datetime) -> bool:
    """Note the nonce as used; False when it was used before.

    Writes: the nonce's digest, and drops those that have expired.
    """
    session.execute(sa.delete(SpentChallenge).where(SpentChallenge.expires_at <= now))
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    digest = hashlib.sha256(nonce.encode()).hexdigest()
    statement = (
        insert(SpentChallenge)
        # Kept a little longer than the nonce lives: the clocks of two processes may differ.
        .values(nonce_digest=digest, expires_at=now + 5 * TTL)
        .on_conflict_do_nothing()
        .returning(SpentChallenge.nonce_digest)
    )
    return session.scalar(statement) is not None


def _mac(keys: Keys, terminal: str, head: bytes) -> bytes:
    return keys.mac("nonce", head + terminal.encode())
