"""The additive sum by which a terminal and the server find that they hold the same. Source: protocol, pull."""

from __future__ import annotations

import hashlib

_MODULUS = 1 << 64


def term(record_type: str, record: str, version: int) -> int:
    """What one record adds."""
    digest = hashlib.sha256(f"{record_type}/{record}/{version}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def shift(total: int, *, plus: int = 0, minus: int = 0) -> int:
    """Add and take away, modulo 2^64."""
    return (total + plus - minus) % _MODULUS
