"""The server's signed word that a block is a terminal's: it believes it even when it has forgotten the block.

A lease names the terminal's key, not its id: a restored server may have to enrol the terminal anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature

from field_api.auth.keys import Keys
from field_api.auth.receipts import read_keys
from field_api.auth.signatures import SIGNATURE_BYTES, decode_base64url

PURPOSE = "number-block"
MAX_CHARS = 4096
_SAME = ("block", "request", "kind", "prefix", "key", "store")


@dataclass(frozen=True, slots=True)
class Lease:
    """What is leased to whom. key: the terminal's public key."""

    block: str
    request: str
    kind: str
    prefix: str
    first: int
    last: int
    key: str
    store: str | None
    leased_at: datetime
    expires_at: datetime


def sign(lease: Lease, keys: Keys) -> str:
    """The lease as a compact JWS."""
    texts = {"leased_at": lease.leased_at.isoformat(), "expires_at": lease.expires_at.isoformat()}
    named = {name: getattr(lease, name) for name in _SAME}
    return keys.sign_jws({"purpose": PURPOSE, "from": lease.first, "to": lease.last, **named, **texts})


def opened(token: str, keys: Keys) -> Lease | None:
    """What a JWS leases; None where this server never signed it as a lease."""
    payload = _payload(token, keys)
    if payload is None or payload.get("purpose") != PURPOSE:
        return None
    # Signed by us and for this purpose: its shape is the one that `sign` gave it.
    same: dict[str, Any] = {name: payload[name] for name in _SAME}
    same |= {name: datetime.fromisoformat(payload[name]) for name in ("leased_at", "expires_at")}
    return Lease(first=payload["from"], last=payload["to"], **same)


def _payload(token: str, keys: Keys) -> Mapping[str, Any] | None:
    parts = token.split(".")
    if len(token) > MAX_CHARS or len(parts) != 3:
        return None
    header, body = (_json(part) for part in parts[:2])
    kid = header.get("kid") if isinstance(header, dict) and header.get("alg") == "EdDSA" else None
    key = read_keys(keys.public_jwks()).get(kid) if isinstance(kid, str) else None
    signature = decode_base64url(parts[2], SIGNATURE_BYTES)
    if key is None or signature is None or not isinstance(body, dict):
        return None
    try:
        key.verify(signature, f"{parts[0]}.{parts[1]}".encode())
    except InvalidSignature:
        return None
    return body


def _json(part: str) -> Any:
    try:
        return orjson.loads(decode_base64url(part, len(part) * 3 // 4) or b"")
    except ValueError:
        return None
