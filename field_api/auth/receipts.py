"""Receipts checked without a server: their signatures, and that no store's chain has a gap or a fork.

What is read here comes from anybody. It knows neither database nor network.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from field_api.auth.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, decode_base64url

MAX_BYTES = 256 * 1024 * 1024
MAX_RECEIPT_BYTES = 4 * 1024 * 1024
_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "terminal": str,
    "store": str,
    "batch": str,
    "epoch": str,
    "time": str,
    "previous": (str, type(None)),
    "results": list,
}

WORDS = {
    "store_whole": (
        "本地库 {store}：{receipts} 张回执，{operations} 项操作，签名有效，回执链完整",
        "store {store}: {receipts} receipts, {operations} operations, signed, the chain is whole",
    ),
    "store_partly": (
        "本地库 {store}：{receipts} 张回执签名有效，{operations} 项操作，但回执链不完整",
        "store {store}: {receipts} receipts are signed, {operations} operations, but the chain is not whole",
    ),
    "receipt": ("第 {place} 张：", "receipt {place}: "),
    "all_holds": ("全部成立", "all of it holds"),
    "not_all_holds": ("有不成立之处", "not all of it holds"),
    "not_a_receipt": ("不是回执", "is not a receipt"),
    "key_unknown": ("签名所用的密钥不在密钥集中", "is signed by a key that is not among the keys"),
    "signature_wrong": ("签名不成立：内容被改过，或不是这把密钥所签", "its signature does not hold"),
    "previous_missing": ("回执链缺口：前一张回执不在文件中", "the chain has a gap: the receipt before it is not here"),
    "forked": ("回执链分叉：另一张回执接在同一张之后", "the chain forks: another receipt follows the same one"),
    "terminal_changed": ("回执链中途换了终端", "the chain changes its terminal"),
    "nothing": ("文件中没有回执", "there is no receipt in the file"),
}


class Unreadable(ValueError):
    """The file or the key set is not what it is taken for; the message says why, in both languages."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt whose signature holds. `sha256`: what its successor must name."""

    place: int
    sha256: str
    terminal: str
    store: str
    batch: str
    previous: str | None
    operations: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not hold. `place`: the receipt's number in the file, from 1; 0 for the file itself."""

    place: int
    code: str


@dataclass(slots=True)
class Report:
    """What holds and what does not. `chains`: each store's receipts, in the order of its chain."""

    chains: dict[str, list[Receipt]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.findings

    def lines(self, language: str) -> list[str]:
        """The report for a person, in `zh` or `en`: each store, then each fault, then the whole."""
        index = 0 if language == "zh" else 1
        faulty = {finding.place for finding in self.findings}
        lines = []
        for store, chain in sorted(self.chains.items()):
            operations = sum(one.operations for one in chain)
            word = "store_partly" if faulty & {one.place for one in chain} else "store_whole"
            lines.append(WORDS[word][index].format(store=store, receipts=len(chain), operations=operations))
        for finding in sorted(self.findings, key=lambda one: (one.place, one.code)):
            where = WORDS["receipt"][index].format(place=finding.place) if finding.place else ""
            lines.append(where + WORDS[finding.code][index])
        return [*lines, WORDS["all_holds" if self.holds else "not_all_holds"][index]]


def read_receipts(raw: bytes) -> list[str]:
    """Split a file into compact JWS: a JSON list of texts, or one on each line.

    Raises:
        Unreadable: it is neither.
    """
    if len(raw) > MAX_BYTES:
        raise Unreadable("文件过大 · the file is too large")
    try:
        text = raw.decode("utf-8-sig")
        if not text.lstrip().startswith("["):
            return [line.strip() for line in text.splitlines() if line.strip()]
        found = orjson.loads(text)
    except ValueError:
        raise Unreadable("文件不是回执列表 · the file is no list of receipts") from None
    if not all(isinstance(one, str) for one in found):
        raise Unreadable("列表中有不是文字的内容 · the list holds something that is no text")
    return list(found)


def read_keys(jwks: Any) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JSON Web Key Set, by `kid`; keys of other kinds are passed over.

    Raises:
        Unreadable: it is no key set, or has no key that could have signed a receipt.
    """
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    keys = {}
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, dict) or (one.get("kty"), one.get("crv")) != ("OKP", "Ed25519"):
            continue
        kid, x = one.get("kid"), one.get("x")
        public = decode_base64url(x, PUBLIC_KEY_BYTES) if isinstance(x, str) else None
        if isinstance(kid, str) and public is not None:
            keys[kid] = Ed25519PublicKey.from_public_bytes(public)
    if not keys:
        raise Unreadable("密钥集中没有可用的密钥 · there is no usable key in the key set")
    return keys


def verify(receipts: Sequence[str], keys: Mapping[str, Ed25519PublicKey]) -> Report:
    """Check every signature, and each store's chain from its first receipt on; the order does not matter.

    The same receipt twice is one receipt: an answer may have been lost and asked for again.
    """
    report = Report()
    good: dict[str, Receipt] = {}
    for place, text in enumerate(receipts, 1):
        found = _check(place, text, keys)
        if isinstance(found, Receipt):
            good.setdefault(found.sha256, found)
        else:
            report.findings.append(found)
    stores: dict[str, list[Receipt]] = {}
    for one in good.values():
        stores.setdefault(one.store, []).append(one)
    for store, members in stores.items():
        report.chains[store] = _chain(members, report.findings)
    if not receipts:
        report.findings.append(Finding(0, "nothing"))
    return report


def _check(place: int, text: str, keys: Mapping[str, Ed25519PublicKey]) -> Receipt | Finding:
    parts = text.split(".")
    if len(parts) != 3 or len(text) > MAX_RECEIPT_BYTES:
        return Finding(place, "not_a_receipt")
    header, payload = _json(parts[0]), _json(parts[1])
    if not isinstance(header, dict) or header.get("alg") != "EdDSA" or not _is_payload(payload):
        return Finding(place, "not_a_receipt")
    kid = header.get("kid")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        return Finding(place, "key_unknown")
    signature = decode_base64url(parts[2], SIGNATURE_BYTES)
    try:
        key.verify(signature or b"", f"{parts[0]}.{parts[1]}".encode())
    except InvalidSignature:
        return Finding(place, "signature_wrong")
    names = {name: payload[name] for name in ("terminal", "store", "batch", "previous")}
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Receipt(place, sha256, operations=len(payload["results"]), **names)


def _json(part: str) -> Any:
    try:
        return orjson.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None


def _is_payload(payload: Any) -> bool:
    return isinstance(payload, dict) and all(isinstance(payload.get(name), kind) for name, kind in _FIELDS.items())


def _chain(members: Sequence[Receipt], findings: list[Finding]) -> list[Receipt]:
    """Put a store's receipts in order; what begins nowhere, or beside another, is a finding."""
    by_digest = {one.sha256: one for one in members}
    followers: dict[str | None, list[Receipt]] = {}
    for one in members:
        followers.setdefault(one.previous, []).append(one)
        if one.previous is not None and one.previous not in by_digest:
            findings.append(Finding(one.place, "previous_missing"))
        elif one.previous is not None and by_digest[one.previous].terminal != one.terminal:
            findings.append(Finding(one.place, "terminal_changed"))
    for rivals in followers.values():
        findings += [Finding(one.place, "forked") for one in rivals[1:]]
    starts = [one for one in members if one.previous is None or one.previous not in by_digest]
    ordered: list[Receipt] = []
    # A digest names its predecessor, so the chains are trees: every member is reached exactly once.
    waiting = list(reversed(starts))
    while waiting:
        one = waiting.pop()
        ordered.append(one)
        waiting += reversed(followers.get(one.sha256, []))
    return ordered
