"""Numbers of people at rest: sealed so that a stolen database says nothing, and found again by a keyed digest.

AES-256-GCM with a nonce of its own for each value, bound to what it is; a blind index by HMAC-SHA256. Both keys come
of one file beside the server's others; without it what was sealed is lost, so it belongs in every backup of the keys.
"""

from __future__ import annotations

import base64
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class SealBroken(Exception):
    """A sealed value does not open: another key, another purpose, or it was changed."""


class Seal:
    """Seals and finds; `key` is 32 bytes that nothing else is made of."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(key, b"fieldpost/seal/1", "sha256"))
        self._index = hmac.digest(key, b"fieldpost/index/1", "sha256")

    def seal(self, purpose: str, text: str) -> str:
        """Seal a text; the same text gives another value each time."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), purpose.encode())).decode()

    def open(self, purpose: str, sealed: str) -> str:
        """The text that was sealed for this purpose.

        Raises:
            SealBroken: it does not open.
        """
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken(purpose) from error

    def index(self, kind: str, value: str) -> str:
        """A digest by which equal values are found, and of which nothing can be read: 64 hex digits."""
        return hmac.digest(self._index, f"{kind}:{value}".encode(), "sha256").hex()
