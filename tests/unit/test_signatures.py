"""Terminals' signatures and the wire's binary spelling."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from field_api.auth.keys import encode_base64url
from field_api.auth.signatures import decode_base64url, signature_holds

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = encode_base64url(KEY.public_key().public_bytes_raw())


@given(st.binary(max_size=80))
def test_what_is_encoded_is_decoded(raw: bytes) -> None:
    """Decoding undoes encoding, for the right size only."""
    assert decode_base64url(encode_base64url(raw), len(raw)) == raw
    assert decode_base64url(encode_base64url(raw), len(raw) + 1) is None


@given(st.text(max_size=60), st.integers(0, 45))
def test_only_the_canonical_spelling_passes(text: str, size: int) -> None:
    """Whatever is decoded encodes to the very same text."""
    raw = decode_base64url(text, size)
    assert raw is None or encode_base64url(raw) == text


def test_a_signature_holds_for_its_key_purpose_and_message_only() -> None:
    """Changing any of the four breaks it."""
    signature = encode_base64url(KEY.sign(b"fieldpost/enrol/1\nCODE"))
    other = encode_base64url(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw())
    assert signature_holds(PUBLIC, "enrol", b"CODE", signature)
    assert not signature_holds(PUBLIC, "token", b"CODE", signature)
    assert not signature_holds(PUBLIC, "enrol", b"CODf", signature)
    assert not signature_holds(other, "enrol", b"CODE", signature)
    assert not signature_holds(PUBLIC, "enrol", b"CODE", encode_base64url(bytes(64)))
    assert not signature_holds("not a key", "enrol", b"CODE", signature)
