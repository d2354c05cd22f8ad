"""Sealed numbers: open with their key and purpose only, and are found without being opened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.auth.sealing import Seal, SealBroken

SEAL, OTHER = Seal(b"a" * 32), Seal(b"b" * 32)


@given(st.text(max_size=50))
def test_what_is_sealed_opens_again_and_never_looks_the_same(text: str) -> None:
    """Two seals of one text differ, both open."""
    one, two = SEAL.seal("id", text), SEAL.seal("id", text)
    assert one != two
    assert SEAL.open("id", one) == SEAL.open("id", two) == text


@pytest.mark.parametrize("sealed", ["", "AAAA", "not base64!", "A" * 200])
def test_what_was_not_sealed_does_not_open(sealed: str) -> None:
    """Nonsense is refused by name."""
    with pytest.raises(SealBroken):
        SEAL.open("id", sealed)


def test_a_seal_is_bound_to_key_purpose_and_content() -> None:
    """Another key, another field, one changed sign: it does not open."""
    sealed = SEAL.seal("id", "511402199003071235")
    changed = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    for seal, purpose, text in ((OTHER, "id", sealed), (SEAL, "phone", sealed), (SEAL, "id", changed)):
        with pytest.raises(SealBroken):
            seal.open(purpose, text)


def test_equal_values_are_found_and_nothing_else_is() -> None:
    """The index of a value is always the same, under its kind and key only."""
    assert SEAL.index("id", "1") == SEAL.index("id", "1")
    assert len({SEAL.index("id", "1"), SEAL.index("id", "2"), SEAL.index("uscc", "1"), OTHER.index("id", "1")}) == 4
