"""Hold the terminal's Ed25519 key, sign with it, and check what the server signed.

The key file lives beside the store, not in it: a reinstalled store keeps its terminal's identity.
"""

import base64
import binascii
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jwt
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reference.terminal.errors import EditRefusedError, ReceiptRefusedError

JWS_LIMIT = 4 * 1024 * 1024


def b64url(raw: bytes) -> str:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sha256_hex(raw: bytes) -> str:
    """Give the lower-case hex SHA-256."""
    return hashlib.sha256(raw).hexdigest()


def canonical(value: Any) -> bytes:
    """Write a value as RFC 8785 JSON; EditRefusedError when it cannot be written so."""
    try:
        raw: bytes = rfc8785.dumps(value)
        raw.decode()
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise EditRefusedError(f"not storable as JSON: {error}") from error
    return raw


def write_durably(path: Path, raw: bytes, mode: int = 0o600) -> None:
    """Put a file in place whole or not at all, and on the disk before returning."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a renamed file is lost with its name otherwise."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class TerminalKey:
    """The private key of one terminal."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def load(cls, path: Path) -> "TerminalKey":
        """Read the key, or make it on first use; it is on disk before anything is signed with it."""
        if not path.exists():
            write_durably(path, Ed25519PrivateKey.generate().private_bytes_raw())
        return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))

    @property
    def public(self) -> str:
        return b64url(self._private.public_key().public_bytes_raw())

    def sign(self, purpose: str, message: bytes) -> str:
        """Sign under a purpose, so that no signature serves two."""
        return b64url(self._private.sign(f"fieldpost/{purpose}/1\n".encode() + message))

    def sign_jws(self, payload: bytes, kid: str, type_: str) -> str:
        """Sign as a compact JWS, whose header names the purpose; its bytes never begin as `sign`'s do."""
        headers = {"kid": kid, "typ": type_}
        return jwt.PyJWS().encode(payload, self._private, algorithm="EdDSA", headers=headers)


class ServerKeys:
    """The server's public keys that this terminal trusts, by `kid`."""

    def __init__(self, known: list[dict[str, Any]]) -> None:
        self._known = {key["kid"]: key for key in known if _is_ed25519(key)}

    def listed(self) -> list[dict[str, Any]]:
        return [self._known[kid] for kid in sorted(self._known)]

    def knows(self, token: str) -> bool:
        """Say whether the token names a key held here."""
        return _kid(token) in self._known

    def open(self, token: str) -> dict[str, Any]:
        """Give the payload of a JWS signed by a known key; ReceiptRefusedError otherwise."""
        key = self._known.get(_kid(token))
        if key is None:
            raise ReceiptRefusedError("signed by an unknown key")
        try:
            raw = jwt.PyJWS().decode(token, key=jwt.PyJWK(key, "EdDSA").key, algorithms=["EdDSA"])
            payload = json.loads(raw)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise ReceiptRefusedError("the signature does not hold") from error
        if not isinstance(payload, dict):
            raise ReceiptRefusedError("no object inside")
        return payload

    def learn(self, jwks: Any) -> bool:
        """Take in new keys that a known one endorses; with none known yet, trust the first set.

        A key's `endorsement` is a JWS by a known key over the new key's `{crv, kid, kty, x}`.
        """
        offered = [key for key in _keys_of(jwks) if key["kid"] not in self._known]
        if not self._known:
            self._known.update({key["kid"]: key for key in offered})
            return bool(offered)
        before = len(self._known)
        while endorsed := [key for key in offered if key["kid"] not in self._known and self._endorsed(key)]:
            # Rotated more than once since: each new key may endorse the next.
            self._known.update({key["kid"]: key for key in endorsed})
        return len(self._known) > before

    def _endorsed(self, key: dict[str, Any]) -> bool:
        endorsement = key.get("endorsement")
        if not isinstance(endorsement, str):
            return False
        try:
            named = self.open(endorsement)
        except ReceiptRefusedError:
            return False
        return all(named.get(part) == key.get(part) for part in ("crv", "kid", "kty", "x"))


def _keys_of(jwks: Any) -> list[dict[str, Any]]:
    """Read a JWKS, or a bare list of keys, and leave out what is no Ed25519 key."""
    listed = jwks.get("keys") if isinstance(jwks, dict) else jwks
    return [key for key in listed if _is_ed25519(key)] if isinstance(listed, list) else []


def _is_ed25519(key: Any) -> bool:
    return (
        isinstance(key, dict)
        and (key.get("kty"), key.get("crv")) == ("OKP", "Ed25519")
        and isinstance(key.get("kid"), str)
        and isinstance(key.get("x"), str)
    )


def _kid(token: str) -> str:
    """Read the key's name from a token's header; ReceiptRefusedError when there is none."""
    if not isinstance(token, str) or len(token) > JWS_LIMIT:
        raise ReceiptRefusedError("no token")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError, binascii.Error, RecursionError) as error:
        raise ReceiptRefusedError("no compact JWS") from error
    if not isinstance(kid, str):
        raise ReceiptRefusedError("the token names no key")
    return kid
