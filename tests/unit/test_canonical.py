"""Canonical JSON: one spelling, whichever writer makes it."""

from __future__ import annotations

import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from sync.store.operations import canonical

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
@example({"b": 103.8477, "a": [1.0, 1e21, 1e-7, 0.1, 5e-324]})
@example({"\ue000": 1, "\U00010000": 2})
@example({"key": "演示\x7f\u2028\t\"\\/"})
def test_the_fast_writer_spells_as_rfc_8785_does(value: object) -> None:
    """Every value has the bytes that the standard's own writer gives it."""
    assert canonical(value) == rfc8785.dumps(value)
