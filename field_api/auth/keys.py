"""The server's own keys: one Ed25519 key that signs receipts, one secret that every MAC is derived from.

They lie in the data folder, readable by its owner only. Whoever holds them can forge receipts and tokens;
whoever loses them signs everybody out and starts a new chain of trust.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BYTES = 32


class KeyFileError(RuntimeError):
    """A key file holds no key; restoring it from the backup is the only remedy."""


class Keys:
    """The keys of one installation, held in memory."""

    def __init__(self, signing_key: bytes, secret: bytes) -> None:
        self._signer = Ed25519PrivateKey.from_private_bytes(signing_key)
        self._secret = secret
        self._jwk = _public_jwk(self._signer)
        header = {"alg": "EdDSA", "kid": self.kid}
        self._header = encode_base64url(orjson.dumps(header))

    @classmethod
    def open(cls, folder: Path) -> Keys:
        """Read the keys, making those that are missing; any number of processes may do so at once.

        Raises:
            KeyFileError: a file is there and holds something else.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(_read_or_make(folder / "receipts.key"), _read_or_make(folder / "secret.key"))

    @property
    def kid(self) -> str:
        """The signing key's RFC 7638 thumbprint."""
        return self._jwk["kid"]

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set that receipts are checked with (RFC 8037)."""
        return {"keys": [dict(self._jwk)]}

    def sign_jws(self, payload: object) -> str:
        """Sign as a compact JWS; the same payload always gives the same text."""
        body = encode_base64url(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS))
        signed = f"{self._header}.{body}"
        return f"{signed}.{encode_base64url(self._signer.sign(signed.encode()))}"

    def mac(self, purpose: str, data: bytes) -> bytes:
        """Return 32 bytes that only this server can make; no purpose's MAC serves another purpose."""
        key = hmac.digest(self._secret, b"fieldpost/" + purpose.encode() + b"/1", "sha256")
        return hmac.digest(key, data, "sha256")


def encode_base64url(raw: bytes) -> str:
    """Encode as the protocol does: base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _public_jwk(signer: Ed25519PrivateKey) -> dict[str, str]:
    x = encode_base64url(signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    required = {"crv": "Ed25519", "kty": "OKP", "x": x}
    thumbprint = hashlib.sha256(orjson.dumps(required, option=orjson.OPT_SORT_KEYS)).digest()
    return {**required, "kid": encode_base64url(thumbprint), "alg": "EdDSA", "use": "sig"}


def _read_or_make(path: Path) -> bytes:
    if not path.exists():
        _make(path)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"{path.name} holds {len(key)} bytes instead of {KEY_BYTES}; restore it")
    return key


def _make(path: Path) -> None:
    """Put a new key at `path`, whole and durable, unless another process was first.

    A link fails where a rename would overwrite: two processes that start together must end with one key.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
        _sync_folder(path.parent)
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
