"""Passwords: Argon2id with OWASP's parameters. Takes tens of milliseconds: never inside a transaction."""

from __future__ import annotations

import functools

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 8
MAX_LENGTH = 256

# Source: OWASP Password Storage Cheat Sheet, Argon2id: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """Return the encoded Argon2id hash."""
    return _HASHER.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Say whether the password is the stored one; with None it works as long and says no.

    Without that work the time of an answer would tell which user names exist.
    """
    try:
        matches = _HASHER.verify(stored or _nobodys_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored is not None


@functools.cache
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody's password")
