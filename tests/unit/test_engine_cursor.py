"""A cursor's bytes: what goes in comes out, and nothing under way costs nothing."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.engine.cursor import BUCKETS, LANES, Cursor, Lane, Move, Refill, bucket, digest_of, pack, unpack

DIGEST = st.binary(min_size=8, max_size=8)
SEQ = st.integers(0, 2**48 - 1)
# No record's id is all zeros: ids are UUIDs of version 7.
RECORD = st.just("") | st.uuids(version=4).map(str)
LANE = st.builds(Lane, SEQ, SEQ, st.integers(0, 2**40 - 1), st.integers(0, 2**64 - 1))
MOVE = st.builds(Move, DIGEST, DIGEST, st.booleans(), RECORD, SEQ)
REFILL = st.builds(Refill, st.frozensets(st.integers(0, BUCKETS - 1)), RECORD, st.booleans())
CURSOR = st.builds(
    Cursor, DIGEST, st.tuples(LANE, LANE).map(lambda two: dict(zip(LANES, two, strict=True))), SEQ,
    st.none() | MOVE, st.none() | REFILL,
)  # fmt: skip


@given(CURSOR)
def test_a_cursor_comes_back_as_it_went(cursor: Cursor) -> None:
    """Every part, whatever is under way; at the edges of each number too."""
    assert unpack(pack(cursor)) == cursor


@pytest.mark.parametrize(
    ("move", "refill", "size"),
    [
        (None, None, 64), (Move(b"t" * 8, b"k" * 8), None, 103), (None, Refill(frozenset({0, 255})), 113),
        (Move(b"t" * 8, b"k" * 8), Refill(frozenset()), 151),
    ],
)  # fmt: skip
def test_only_what_is_under_way_costs_bytes(move: Move | None, refill: Refill | None, size: int) -> None:
    """An idle answer is mostly its cursor; its length is a promise to slow lines."""
    assert len(pack(Cursor(b"h" * 8, move=move, refill=refill))) == size


def test_the_bytes_are_those_of_cursors_that_terminals_hold() -> None:
    """A cursor given out before an upgrade is read after it: the form is fixed, flag for flag."""
    record = "01932f0a-1b2c-7000-8000-000000000001"
    raw = record.replace("-", "")
    lanes = {"reference": Lane(1, 2, 3, 4), "records": Lane(5, 6, 7, 8)}
    head = "00000000000100000000000200000000030000000000000004"
    head += "00000000000500000000000600000000070000000000000008000000000009" + "68" * 8
    cursor = Cursor(b"h" * 8, lanes, 9)
    assert pack(cursor).hex() == head
    cursor.move = Move(b"t" * 8, b"k" * 8, True, record, 10)
    moving = "74" * 8 + "6b" * 8 + raw + "00000000000a"
    assert pack(cursor).hex() == head + "03" + moving
    cursor.move.evicting = False
    cursor.refill = Refill(frozenset({0, 9}), "", False)
    filling = f"{(1 << 0) + (1 << 9):064x}" + "00" * 16
    assert pack(cursor).hex() == head + "05" + moving + filling
    cursor.move, cursor.refill.done = None, True
    assert pack(cursor).hex() == head + "0c" + filling


def test_scopes_are_named_whatever_their_order() -> None:
    """A set has one name; another set has another."""
    assert digest_of(["b", "a"]) == digest_of(["a", "b"]) == hashlib.sha256(b"a\nb").digest()[:8]
    assert digest_of(["ab"]) != digest_of(["a", "b"])


def test_a_bucket_is_the_digests_first_byte() -> None:
    """As the protocol says."""
    assert bucket("x") == hashlib.sha256(b"x").digest()[0]
    assert {bucket(str(index)) for index in range(5_000)} == set(range(256))


def test_a_new_cursor_has_read_nothing_and_a_recounted_lane_only_its_position() -> None:
    """What a fresh pull starts from."""
    fresh = Cursor(b"h" * 8)
    assert fresh.lanes == {"reference": Lane(0, 0, 0, 0), "records": Lane(0, 0, 0, 0)}
    assert (fresh.heard, fresh.move, fresh.refill) == (0, None, None)
    lane = Lane(5, 6, 7, 8)
    lane.recount()
    assert lane == Lane(5, 0, 0, 0)
    move, refill = Move(b"", b""), Refill(frozenset())
    assert (move.evicting, move.after, move.behind, refill.after, refill.done) == (True, "", 0, "", False)
