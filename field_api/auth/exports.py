"""Sealed exports: what a terminal with a dead radio wrote for somebody else to carry, proved by its own key.

What is read here comes from anybody. Nothing of it counts before the signature of an enrolled terminal holds.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, NoReturn

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from field_api.auth.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, decode_base64url
from field_api.auth.tables import Terminal, TokenFamily
from field_api.body import parse_json
from field_api.problems import Problem

TYPE = "fieldpost-export"
# What libraries write of themselves where no type is given.
_PLAIN_TYPES = (None, "JOSE", "JWT")
_MAX_HEADER = 4096


@dataclass(frozen=True, slots=True)
class Sealed:
    """An export whose signature holds. payload: the envelope of a push, and who made it when."""

    terminal: str
    terminal_no: str
    revoked: bool
    payload: dict[str, Any]


def open_export(session: Session, token: str) -> Sealed:
    """Read a compact JWS and check it against the key of the terminal that it names.

    The header's `kid` names the terminal; where it does not, the payload's `terminal` does.

    Raises:
        Problem: export_invalid.
    """
    parts = token.strip().split(".")
    if len(parts) != 3 or len(parts[0]) > _MAX_HEADER:
        _refuse("/", "not_jws", "不是密封文件 · not a sealed export")
    header, payload = _object(parts[0], "header"), _object(parts[1], "payload")
    if header.get("alg") != "EdDSA" or "crit" in header or header.get("typ") not in (TYPE, *_PLAIN_TYPES):
        _refuse("/header", "not_an_export", "不是密封的离线包 · not a sealed export")
    terminal = _named(session, header.get("kid")) or _named(session, payload.get("terminal"))
    if terminal is None or payload.get("terminal") not in (None, terminal.id):
        _refuse("/header/kid", "terminal_unknown", "不是本局登记的终端 · not a terminal of ours")
    if not _holds(terminal.public_key, f"{parts[0]}.{parts[1]}", parts[2]):
        _refuse("/signature", "signature_wrong", "签名不符，文件可能被改动 · its signature does not hold")
    return Sealed(terminal.id, terminal.terminal_no, terminal.revoked_at is not None, payload)


def last_signed_in(session: Session, terminal: str) -> str | None:
    """The officer who signed in last on a terminal."""
    query = sa.select(TokenFamily.officer).where(TokenFamily.terminal == terminal)
    return session.scalar(query.order_by(TokenFamily.created_at.desc(), TokenFamily.id.desc()).limit(1))


def _named(session: Session, terminal: Any) -> Terminal | None:
    plain = isinstance(terminal, str) and len(terminal) <= 64 and terminal.isprintable()
    return session.get(Terminal, terminal) if plain else None


def _object(part: str, place: str) -> dict[str, Any]:
    try:
        value = parse_json(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, Problem):
        _refuse(f"/{place}", "not_json", "内容无法读懂 · cannot be read")
    if not isinstance(value, dict):
        _refuse(f"/{place}", "not_json", "内容无法读懂 · cannot be read")
    return value


def _holds(public_key: str, signed: str, signature: str) -> bool:
    key, raw = decode_base64url(public_key, PUBLIC_KEY_BYTES), decode_base64url(signature, SIGNATURE_BYTES)
    try:
        Ed25519PublicKey.from_public_bytes(key or b"").verify(raw or b"", signed.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _refuse(pointer: str, code: str, message: str) -> NoReturn:
    raise Problem("export_invalid", errors=[{"pointer": pointer, "code": code, "message": message}])
