"""The server's own keys: those that sign receipts, one after another, and one secret that every MAC is derived from.

They lie in the data folder, readable by its owner only. Whoever holds them can forge receipts and tokens;
whoever loses them signs everybody out and starts a new chain of trust. The folder is the truth: a process looks
for a successor of its signing key before every use, so that a rotation reaches all of them. ADR 24.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from field_api.auth.sealing import Seal

KEY_BYTES = 32
_log = logging.getLogger("fieldpost.keys")


class KeyFileError(RuntimeError):
    """A key file holds no key; restoring it from the backup is the only remedy."""


@dataclass(frozen=True, slots=True)
class KeyBrief:
    """One signing key, for people."""

    number: int
    kid: str
    made_at: datetime
    signs: bool


class _Signer:
    """One signing key, and its predecessor's word that it is the server's (the first has none)."""

    def __init__(self, seed: bytes, made_at: datetime, endorsement: str | None = None) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.seed = seed
        self.made_at = made_at
        self.endorsement = endorsement
        x = encode_base64url(self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.named = {"crv": "Ed25519", "kty": "OKP", "x": x}
        thumbprint = hashlib.sha256(orjson.dumps(self.named, option=orjson.OPT_SORT_KEYS)).digest()
        self.kid = encode_base64url(thumbprint)
        self._header = encode_base64url(orjson.dumps({"alg": "EdDSA", "kid": self.kid}))

    def jwk(self) -> dict[str, str]:
        endorsed = {"endorsement": self.endorsement} if self.endorsement else {}
        return {**self.named, "kid": self.kid, "alg": "EdDSA", "use": "sig", **endorsed}

    def sign(self, payload: object) -> str:
        body = encode_base64url(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS))
        signed = f"{self._header}.{body}"
        return f"{signed}.{encode_base64url(self._private.sign(signed.encode()))}"


class Keys:
    """The keys of one installation, held in memory and taken up anew where the folder has a newer one."""

    def __init__(
        self, folder: Path, signers: tuple[_Signer, ...], secret: bytes, personal: bytes | None = None
    ) -> None:
        self._folder = folder
        # For the numbers of people; of its own file, so that it can be kept apart from what signs.
        self.personal = Seal(personal or hmac.digest(secret, b"fieldpost/personal/1", "sha256"))
        self._signers = signers
        self._secret = secret

    @classmethod
    def open(cls, folder: Path) -> Keys:
        """Read the keys, making those that are missing; any number of processes may do so at once.

        Raises:
            KeyFileError: a file is there and holds something else.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seed = _read_or_make(folder / "receipts.key")
        made_at = datetime.fromtimestamp((folder / "receipts.key").stat().st_mtime, UTC)
        first = _Signer(seed, made_at)
        secret, personal = _read_or_make(folder / "secret.key"), _read_or_make(folder / "personal.key")
        return cls(folder, _with_successors(folder, (first,)), secret, personal)

    @property
    def kid(self) -> str:
        """The signing key's RFC 7638 thumbprint."""
        return self._present()[-1].kid

    def listed(self) -> list[KeyBrief]:
        """Every signing key, in the order of their making."""
        signers = self._present()
        return [
            KeyBrief(number, one.kid, one.made_at, one is signers[-1]) for number, one in enumerate(signers, 1)
        ]

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set that receipts are checked with (RFC 8037), the oldest key first.

        A key's `endorsement` is a JWS by the key before it over its `{crv, kid, kty, x}`.
        """
        return {"keys": [one.jwk() for one in self._present()]}

    def sign_jws(self, payload: object) -> str:
        """Sign as a compact JWS; the same payload always gives the same text under one key."""
        return self._present()[-1].sign(payload)

    def rotate(self, now: datetime) -> str:
        """Make a new signing key, endorsed by the present one; returns its kid.

        The new key is one file, put in place whole: a kill leaves the old key signing or the new one. Of two
        rotations at once one fails, since a key has one successor.

        Raises:
            FileExistsError: another rotation was first.
        """
        signers = self._present()
        fresh = _Signer(secrets.token_bytes(KEY_BYTES), now)
        content = {
            "endorsement": signers[-1].sign({**fresh.named, "kid": fresh.kid}),
            "made_at": now.isoformat(timespec="seconds"),
            "seed": encode_base64url(fresh.seed),
        }
        path = _successor(self._folder, len(signers) + 1)
        if not _put(path, orjson.dumps(content)):
            raise FileExistsError(f"{path.name} is there already: another rotation was first")
        return self.kid

    def mac(self, purpose: str, data: bytes) -> bytes:
        """Return 32 bytes that only this server can make; no purpose's MAC serves another purpose."""
        key = hmac.digest(self._secret, b"fieldpost/" + purpose.encode() + b"/1", "sha256")
        return hmac.digest(key, data, "sha256")

    def _present(self) -> tuple[_Signer, ...]:
        """The signing keys as the folder has them now; one look for a file where nothing was rotated."""
        held = self._signers
        if not _successor(self._folder, len(held) + 1).exists():
            return held
        try:
            self._signers = _with_successors(self._folder, held)
        except (KeyFileError, OSError) as error:
            # What is signed with the old key is good; to stop receiving for a file's sake would not be.
            _log.error("a new signing key cannot be read: %s", error)
        return self._signers


def encode_base64url(raw: bytes) -> str:
    """Encode as the protocol does: base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _successor(folder: Path, number: int) -> Path:
    return folder / f"receipts-{number}.key"


def _with_successors(folder: Path, signers: tuple[_Signer, ...]) -> tuple[_Signer, ...]:
    found = signers
    while (path := _successor(folder, len(found) + 1)).exists():
        found = (*found, _read_successor(path))
    if found is not signers:
        # Whoever put it there may not have come so far: no receipt may outlive the key that it was signed with.
        _sync_folder(folder)
    return found


def _read_successor(path: Path) -> _Signer:
    try:
        content: dict[str, Any] = orjson.loads(path.read_bytes())
        seed = base64.urlsafe_b64decode(content["seed"] + "=")
        made_at = datetime.fromisoformat(content["made_at"])
        return _Signer(seed, made_at, str(content["endorsement"]))
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"{path.name} holds no key; restore it") from error


def _read_or_make(path: Path) -> bytes:
    if not path.exists():
        _put(path, secrets.token_bytes(KEY_BYTES))
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"{path.name} holds {len(key)} bytes instead of {KEY_BYTES}; restore it")
    return key


def _put(path: Path, content: bytes) -> bool:
    """Put a key at `path`, whole and durable, unless another process was first; say whether it was ours.

    A link fails where a rename would overwrite: two processes that start together must end with one key.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _give_to_owner_of(path.parent, file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return False
        _sync_folder(path.parent)
        return True
    finally:
        draft.unlink()


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    """Have the service read what an administrator made as root."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
