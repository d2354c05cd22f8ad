"""What was written under an earlier schema is read as today's, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.engine.kinds import text
from sync.engine.translate import Moved, Parts, Schemas, codes

SCHEMAS = Schemas(
    (
        {"stall": Moved("booth", Parts(renamed={"title": "name"}), {"log": Parts(renamed={"what": "step"})},
                        {"log": "timeline"}, {"finish": "close"})},
        {"booth": Moved(fields=Parts(converted={"kind": codes({"x": "y"}), "size": int},
                                     split={"name": lambda name: {"name": name, "short": name[:2]}},
                                     dropped={"colour": text(5)}))},
    ),
    oldest=3,
)  # fmt: skip


def test_a_chain_renames_converts_splits_and_keeps() -> None:
    """An operation goes through every step from its own number on, in what it sets and in what its author saw."""
    read = SCHEMAS.read(
        {"type": "stall", "event": "finish", "list": "log", "item": {"what": "a", "at": 1}, "more": 1,
         "set": {"title": "abc", "kind": "x", "size": "7", "colour": "red"}, "was": {"title": "old", "size": "no"}},
        3,
    )  # fmt: skip
    assert read.raw == {
        "type": "booth", "event": "close", "list": "timeline", "item": {"step": "a", "at": 1}, "more": 1,
        "set": {"name": "abc", "short": "ab", "kind": "y", "size": 7}, "was": {"name": "old", "short": "ol"},
    }  # fmt: skip
    assert (read.kept, read.problem) == ({"colour": "red"}, None)


def test_what_is_of_today_is_not_touched() -> None:
    """The current number changes nothing, and neither does a step that says nothing of a type."""
    raw = {"type": "booth", "set": {"title": "abc", "colour": "red"}}
    assert SCHEMAS.read(raw, 5).raw is raw
    other = {"type": "permit", "set": {"title": "abc"}}
    assert SCHEMAS.read(other, 3).raw == other


@pytest.mark.parametrize(("number", "known"), [(2, False), (3, True), (5, True), (6, False), (2**70, False)])
def test_only_the_numbers_of_the_chain_are_known(number: int, known: bool) -> None:
    """A number outside the chain is not tried."""
    assert SCHEMAS.knows(number) is known
    problem = SCHEMAS.read({"type": "stall"}, number).problem
    assert (problem is None) is known


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"size": "seven"}, "/set/size"),
        ({"size": []}, "/set/size"),
        ({"name": 7}, "/set/name"),
        ({"colour": "violet"}, "/set/colour"),
        ({"colour": 7}, "/set/colour"),
    ],
)
def test_what_was_no_value_before_is_none_now(values: dict[str, object], pointer: str) -> None:
    """A value that the step cannot read is a fault of its field; it never passes as it is."""
    read = SCHEMAS.read({"type": "booth", "set": values}, 4)
    assert read.problem is not None
    assert [one["pointer"] for one in read.problem.errors] == [pointer]


def test_two_names_that_become_one_are_refused() -> None:
    """Of two values for one field none is chosen silently."""
    read = SCHEMAS.read({"type": "stall", "set": {"title": "a", "name": "b"}}, 3)
    assert read.problem is not None
    assert read.problem.code == "invalid_field"


def test_an_emptied_field_stays_empty() -> None:
    """null takes a value away under every schema; nobody converts or splits it."""
    read = SCHEMAS.read({"type": "booth", "set": {"size": None, "name": None, "colour": None}}, 4)
    assert (read.raw["set"], read.kept, read.problem) == ({"size": None, "name": None}, {"colour": None}, None)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["title", "name", "kind", "size", "colour", "what", "x"]), inner, max_size=4),
    max_leaves=8,
)


@given(
    raw=ANYTHING
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["stall", "booth"]) | ANYTHING},
        optional=dict.fromkeys(("set", "was", "item", "list", "event", "id"), ANYTHING),
    )
)
def test_nothing_that_is_sent_breaks_the_chain(raw: object) -> None:
    """Any JSON value is read or refused; what has no schema's shape comes out as it went in."""
    read = SCHEMAS.read(raw, 3)
    if not isinstance(raw, dict):
        assert read.raw is raw
    else:
        assert read.raw.keys() == raw.keys()
