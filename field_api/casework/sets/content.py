"""What an entry of a look-up set is: sixteen bytes that say something only to who asks for the same subject.

Twelve of a keyed digest, two of a code's number, two of a day. The key is the set's own and is told to terminals: who
holds set and key can ask for one plate after another, as an officer does, but reads no list of plates off a lost
terminal. Wire form; terminals compute the same.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import date, timedelta

DIGEST_BYTES = 12
WIDTH = 16
DAY_ZERO = date(2000, 1, 1)
# Two bytes; 0 is no day.
LAST_DAY = 0xFFFF


def digest(key: bytes, kind: str, value: str) -> bytes:
    """A subject as it stands in a set; kind: `plate`, `id` or `uscc`, the value as its number is written."""
    return hmac.digest(key, f"{kind}:{value}".encode(), "sha256")[:DIGEST_BYTES]


def pack(subject: bytes, number: int, day: date | None = None) -> bytes:
    """An entry; number: of a code, from 1. A day beyond what fits is the last that does."""
    days = 0 if day is None else min(max((day - DAY_ZERO).days, 1), LAST_DAY)
    return subject + number.to_bytes(2, "big") + days.to_bytes(2, "big")


def unpack(entry: bytes) -> tuple[int, date | None]:
    """A code's number and a day."""
    days = int.from_bytes(entry[14:], "big")
    return int.from_bytes(entry[DIGEST_BYTES:14], "big"), DAY_ZERO + timedelta(days=days) if days else None


def total(entries: Iterable[bytes]) -> int:
    """What entries add to a set's sum: the first eight bytes of each one's SHA-256, modulo 2^64."""
    return sum(int.from_bytes(hashlib.sha256(one).digest()[:8], "big") for one in entries) % 2**64
