"""A terminal's Ed25519 signatures, as the wire spells them."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from field_api.auth.keys import encode_base64url

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
_LONGEST_KEY = 64


def decode_base64url(text: str, size: int) -> bytes | None:
    """Decode exactly `size` bytes of unpadded base64url; None for anything else.

    Only the one canonical spelling passes, so that equal keys are equal texts.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size and encode_base64url(raw) == text else None


def signature_holds(public_key: str, purpose: str, message: bytes, signature: str) -> bool:
    """Say whether `signature` is this key's over `fieldpost/<purpose>/1\\n` and the message."""
    key = _read_key(public_key) if len(public_key) <= _LONGEST_KEY else None
    raw = decode_base64url(signature, SIGNATURE_BYTES)
    if key is None or raw is None:
        return False
    try:
        key.verify(raw, f"fieldpost/{purpose}/1\n".encode() + message)
    except (InvalidSignature, ValueError):
        return False
    return True


# A terminal signs every photo and every refresh with the one key that it has.
@lru_cache(maxsize=1024)
def _read_key(text: str) -> Ed25519PublicKey | None:
    raw = decode_base64url(text, PUBLIC_KEY_BYTES)
    try:
        return None if raw is None else Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        return None
