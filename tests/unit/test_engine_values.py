"""The engine's small parts: kinds, clocks, number ranges, sums, and the order of a page."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.engine import hlc, kinds, numbers
from sync.engine.checkpoint import shift, term
from sync.engine.hlc import MAX_AHEAD_MS, Hlc
from sync.engine.pages import parents_first

PLACE = {"lng": 104.05, "lat": 30.6, "coord_sys": "gcj02"}
GOOD: list[tuple[kinds.Kind, list[Any]]] = [
    (kinds.text(3), ["", "abc", "执法通"]),
    (kinds.text(3, "[0-9]+"), ["1", "123"]),
    (kinds.integer(0, 5), [0, 5]),
    (kinds.BOOLEAN, [True, False]),
    (kinds.TIME, ["2026-11-22T10:00:00Z", "2026-11-22T10:00:00.120+08:00"]),
    (kinds.IDENTIFIER, ["0192aaaa-bbbb-7ccc-8ddd-0123456789ab"]),
    (kinds.DIGEST, ["ab" * 32]),
    (kinds.POSITION, [PLACE, PLACE | {"accuracy_m": 0}, PLACE | {"lng": -180, "lat": 90}]),
    (kinds.list_of(kinds.text(2), 2), [[], ["a", "bc"]]),
    (kinds.group({"name": kinds.text(2)}), [{}, {"name": None}, {"name": "a"}]),
    (kinds.code("x", frozenset({"a"})), ["a"]),
    (kinds.tree(5), [None, "a", True, 2**53 - 1, [], {"a": None}, [1, [2, 3]], "x" * 4000]),
    (kinds.tree(9), [[[[[[1]]]]]]),
]
BAD: list[tuple[kinds.Kind, list[Any]]] = [
    (kinds.tree(5), [1.5, 2**53, -(2**53), "x" * 4001, [1, 2, 3, 4, 5], {"a": 1, "b": 2, "c": 3}, [[1.5]]]),
    (kinds.tree(9), [[[[[[[1]]]]]]]),
    (kinds.text(3), ["abcd", 5, None, [], True]),
    (kinds.text(3, "[0-9]+"), ["", "1a", "1\n", "٣"]),
    (kinds.integer(0, 5), [-1, 6, 1.0, True, "1", None]),
    (kinds.BOOLEAN, [0, 1, "true", None]),
    (kinds.TIME, [
        "2026-11-22T10:00:00", "2026-11-22", "20261122T100000+0800", "2026-W47-7T10:00:00+08:00", 5, "", "x" * 25,
        "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2026-11-22T25:00:00Z", "２026-11-22T10:00:00Z",
    ]),
    (kinds.IDENTIFIER, ["0192AAAA-BBBB-7CCC-8DDD-0123456789AB", "0192", 5, "0192aaaa-bbbb-7ccc-8ddd-0123456789ab\n"]),
    (kinds.DIGEST, ["AB" * 32, "ab" * 31, "ab" * 32 + "\n", 5]),
    (kinds.POSITION, [
        {}, [], PLACE | {"lng": 180.1}, PLACE | {"lat": "30"}, PLACE | {"lat": True}, PLACE | {"coord_sys": "bd09"},
        PLACE | {"accuracy_m": -1}, PLACE | {"altitude": 1}, PLACE | {"coord_sys": ["wgs84"]},
    ]),
    (kinds.list_of(kinds.text(2), 2), ["ab", ["a", "b", "c"], ["abc"], [None], {}]),
    (kinds.group({"name": kinds.text(2)}), [[], {"other": 1}, {"name": "abc"}]),
    (kinds.code("x", frozenset({"a"})), ["b", [], None, {}]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values"), GOOD, ids=lambda one: getattr(one, "name", ""))
def test_a_kind_takes_its_values(kind: kinds.Kind, values: list[Any]) -> None:
    """Every value of its form may stand."""
    assert [kind.check(value) for value in values] == [None] * len(values)


@pytest.mark.parametrize(("kind", "values"), BAD, ids=lambda one: getattr(one, "name", ""))
def test_a_kind_refuses_all_else(kind: kinds.Kind, values: list[Any]) -> None:
    """Wrong types, forms, sizes and ranges are faults, never exceptions."""
    assert [value for value in values if kind.check(value) is None] == []


CLOCKS = st.builds(Hlc, st.integers(0, 2**47), st.integers(0, 0xFFFF), st.sampled_from(["s", "t1", "t10"]))


@given(CLOCKS, st.integers(0, 2**47), st.none() | CLOCKS)
def test_a_clock_only_goes_forward_and_is_not_dragged_far(own: Hlc, now_ms: int, heard: Hlc | None) -> None:
    """Above its own last value and all it believes; a device more than five minutes ahead does not move it."""
    after = hlc.advance(own, now_ms, heard)
    assert (after.ms, after.counter) > (own.ms, own.counter)
    assert after.counter <= 0xFFFF
    believed = heard is not None and heard.ms <= now_ms + MAX_AHEAD_MS
    if heard is not None and believed:
        assert (after.ms, after.counter) > (heard.ms, heard.counter)
    assert after.ms <= max(own.ms, now_ms + MAX_AHEAD_MS) + 1
    assert hlc.parse(str(after)) == after


@given(CLOCKS, CLOCKS)
def test_clocks_compare_as_their_texts(one: Hlc, other: Hlc) -> None:
    """The text's order is the clock's order."""
    assert (one < other) == (str(one) < str(other))


@given(st.text(max_size=40) | CLOCKS.map(str), st.integers(0, 2**47))
def test_a_devices_clock_is_bounded(text: str, now_ms: int) -> None:
    """Whatever was sent, what is used is a clock, at most five minutes ahead."""
    used = hlc.parse(hlc.bounded(hlc.parse(text), now_ms, "t7"))
    assert used is not None
    assert used.ms <= now_ms + MAX_AHEAD_MS


@given(st.lists(st.sets(st.integers(1, 60)), max_size=6))
def test_number_ranges_hold_exactly_what_arrived(batches: list[set[int]]) -> None:
    """The union of all batches, joined and sorted; the gaps are exactly what is missing below the highest."""
    ranges: numbers.Ranges = []
    for batch in batches:
        ranges = numbers.add(ranges, batch)
    arrived = set().union(*batches)
    assert {number for low, high in ranges for number in range(low, high + 1)} == arrived
    assert all(one[1] + 1 < two[0] for one, two in pairwise(ranges))
    gaps = {number for low, high in numbers.missing(ranges) for number in range(low, high + 1)}
    assert gaps == set(range(1, max(arrived, default=0))) - arrived
    assert all(numbers.holds(ranges, number) == (number in arrived) for number in range(62))


def test_at_most_a_hundred_gaps_are_named() -> None:
    """The lowest ones."""
    gaps = numbers.missing(numbers.add([], range(2, 1_000, 2)))
    assert (len(gaps), gaps[0], gaps[-1]) == (100, [1, 1], [199, 199])


def test_a_term_is_what_the_protocol_says() -> None:
    """The first eight bytes, big-endian, of SHA-256 of type/record/version; the digest was made by sha256sum."""
    assert term("case", "r", 1) == 0x0a2cef5f1dccf805


@given(st.lists(st.integers(0, 2**64 - 1)), st.data())
def test_sums_add_and_take_away_in_any_order(terms: list[int], data: st.DataObject) -> None:
    """Adding all and taking some away equals adding the rest."""
    gone = [one for one in terms if data.draw(st.booleans())]
    left = list(terms)
    for one in gone:
        left.remove(one)
    assert shift(shift(0, plus=sum(terms)), minus=sum(gone)) == shift(0, plus=sum(left))


@given(st.permutations(range(12)))
def test_a_page_holds_each_record_once_with_its_ancestors_before_it(order: list[int]) -> None:
    """Whatever the sequence: every record given is placed, none twice, no child before its parent."""
    parent_of = {str(one): str(one // 3) if one else None for one in range(12)}
    placed = parents_first([str(one) for one in order[:6]], parent_of)
    assert len(set(placed)) == len(placed)
    assert {str(one) for one in order[:6]} <= set(placed)
    for index, one in enumerate(placed):
        parent = parent_of[one]
        assert parent is None or parent in placed[:index]


def test_parents_that_go_round_come_to_an_end() -> None:
    """A circle of parents, which nothing should make, is placed all the same."""
    assert set(parents_first(["a", "b"], {"a": "b", "b": "a"})) == {"a", "b"}
