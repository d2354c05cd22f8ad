"""Merging to the last part: what stands in conflicts, stamps and errors, and the turns that a table does not show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sync.engine.kinds import integer, text
from sync.engine.merge import is_locked, merge
from sync.engine.values import Author, Conflict, Field, MergeClass, Operation, Record, RecordType, Stamp, Transition

NOTE = "00000000-0000-0000-0000-000000000001"
OFFICER = Author("o1", frozenset({"officer"}), "u1", "own")
SUPERVISOR = Author("s1", frozenset({"supervisor"}), "u1", "desk", supervisor=True)
OTHERS = Stamp(6, "other", "5", False, "o2", "then", "earlier")
CASE = RecordType(
    "case",
    {
        "title": Field("title", text(20), MergeClass.OFFICER_UNTIL_LOCK),
        "amount": Field("amount", integer(0, 100), MergeClass.MANUAL),
        "category": Field("category", text(20), MergeClass.SUPERVISOR_WINS),
        "born": Field("born", text(20), MergeClass.WRITE_ONCE),
        "number": Field("number", text(20), MergeClass.SERVER_OWNED),
        "state": Field("state", text(20), MergeClass.STATE),
        "review": Field("review", text(20), MergeClass.SUPERVISOR_WINS),
    },
    {"notes": {"text": Field("text", text(50), MergeClass.WRITE_ONCE)}},
    (Transition("open", frozenset({"draft"}), "open", frozenset({"officer"})),),
    lambda body: frozenset(),
    initial={"state": "draft", "review": "none"},
    state="state",
    lock=("review", "none"),
    creators=frozenset({"officer"}),
)
BODY: dict[str, Any] = {**dict.fromkeys(CASE.fields), "notes": [], "state": "draft", "review": "none"}


def _record(stamps: dict[str, Stamp] | None = None, **body: Any) -> Record:
    return Record("r", "case", 9, BODY | body, stamps or {})


def _operation(action: str = "patch", author: Author = OFFICER, **parts: Any) -> Operation:
    return Operation("op", action, "case", "r", author, "now", hlc="7", base=parts.pop("base", 5), **parts)


def test_a_conflict_holds_both_values_and_whose_stands() -> None:
    """The lost value, the standing one, its stamp and its class; `kept` names who stands."""
    lost = merge(CASE, _record({"amount": OTHERS}, amount=1), _operation(set={"amount": 2}))
    assert lost.conflicts == (Conflict("amount", MergeClass.MANUAL, 2, 1, "server", OTHERS),)
    won = merge(CASE, _record({"category": OTHERS}, category="a"), _operation(author=SUPERVISOR, set={"category": "b"}))
    assert won.conflicts == (Conflict("category", MergeClass.SUPERVISOR_WINS, "b", "a", "mine", OTHERS),)
    stepped = merge(CASE, _record({"state": OTHERS}, state="closed"), _operation("transition", event="open"))
    assert stepped.conflicts == (Conflict("state", MergeClass.STATE, "open", "closed", "server", OTHERS),)


def test_a_step_that_does_not_fit_says_what_of_its_set_was_proposed() -> None:
    """Every field that came with it is proposed; none is applied."""
    decision = merge(CASE, _record(state="closed"), _operation("transition", event="open", set={"title": "x"}))
    assert (decision.outcome, decision.fields, decision.changed) == ("proposed", {"title": "proposed"}, {})


def test_a_step_with_a_bad_set_is_not_taken() -> None:
    """An invalid field, and one that is written once, hold the step back; the state stays."""
    record = _record({"born": OTHERS}, born="a")
    bad = merge(CASE, record, _operation("transition", event="open", set={"amount": 101}))
    assert bad.problem is not None
    assert (bad.outcome, bad.record, bad.problem.code) == ("quarantined", record, "invalid_field")
    once = merge(CASE, record, _operation("transition", event="open", set={"born": "b"}))
    assert once.problem is not None
    assert (once.outcome, once.record, once.problem.code) == ("quarantined", record, "write_once_changed")
    assert [(one["pointer"], one["code"]) for one in once.problem.errors] == [("/set/born", "write_once_changed")]


def test_what_is_written_once_says_where() -> None:
    """An edit and an element: pointer, code and words in both languages."""
    edited = merge(CASE, _record({"born": OTHERS}, born="a"), _operation(set={"born": "b"}))
    noted = _record(notes=[{"id": NOTE, "text": "a", "by": "o1", "hlc": "1"}])
    added = merge(CASE, noted, _operation("append", list="notes", item={"id": NOTE, "text": "b"}))
    for decision, pointer in ((edited, "/set/born"), (added, "/item")):
        assert decision.problem is not None
        [error] = decision.problem.errors
        assert (error["pointer"], error["code"]) == (pointer, "write_once_changed")
        assert all(error["message"].partition(" · "))


def test_an_edit_after_a_void_is_proposed() -> None:
    """Nothing of it takes effect; every field says so."""
    void = replace(_record(), void="by mistake")
    decision = merge(CASE, void, _operation(set={"title": "x", "amount": 5}))
    assert (decision.outcome, decision.record, decision.changed) == ("proposed", void, {})
    assert decision.fields == {"title": "proposed", "amount": "proposed"}


def test_numbers_and_booleans_that_python_calls_equal_are_two_values() -> None:
    """True is not 1: JSON tells them apart, and so does a terminal."""
    anything = replace(CASE, fields={**CASE.fields, "flag": Field("flag", replace(integer(), check=lambda _: None),
                                                                  MergeClass.MANUAL)})  # fmt: skip
    decision = merge(anything, _record(flag=1), _operation(set={"flag": True}))
    assert decision.outcome == "applied"


def test_a_record_of_another_type_is_not_the_same() -> None:
    """A create under an id that another type has is refused, though all it asks stood there."""
    record = replace(_record(title="x"), type="incident")
    decision = merge(CASE, record, _operation("create", set={"title": "x"}))
    assert decision.problem is not None
    assert decision.problem.code == "record_exists"


def test_what_the_server_gave_bears_its_stamp() -> None:
    """Version 0, so that everybody has seen it; by the server's own store, no supervisor's, under the operation."""
    made = merge(CASE, None, _operation("create", set={"title": "x"}), {"number": "7"}).record
    assert made is not None
    assert made.stamps["number"] == Stamp(0, "server", "", False, "o1", "now", "op")
    assert made.stamps["title"] == Stamp(1, "own", "7", False, "o1", "now", "op")
    assert (made.version, made.body["number"], made.body["title"], made.body["state"]) == (1, "7", "x", "draft")


def test_an_empty_create_makes_a_record() -> None:
    """What has nothing to set is there all the same, in its first version."""
    decision = merge(CASE, None, _operation("create"))
    assert decision.record is not None
    assert (decision.outcome, decision.record.version, decision.changed) == ("applied", 1, {})


def test_a_create_whose_only_field_is_the_systems_is_a_create() -> None:
    """It is ignored there and flagged; the record is made."""
    decision = merge(CASE, None, _operation("create", set={"number": "x"}))
    assert decision.record is not None
    assert (decision.outcome, decision.flags, decision.record.version) == ("merged", ("server_owned",), 1)


def test_a_step_whose_values_are_all_proposed_is_taken() -> None:
    """After review began the step may be legal and its values not: merged, the state moved, the values kept."""
    record = _record({"title": OTHERS}, title="a", review="under_review")
    decision = merge(CASE, record, _operation("transition", event="open", set={"title": "b"}))
    assert decision.record is not None
    assert (decision.outcome, decision.record.body["state"]) == ("merged", "open")
    assert decision.fields == {"title": "proposed"}


@pytest.mark.parametrize(("review", "locked"), [(None, False), ("none", False), ("passed", True)])
def test_the_lock_is_closed_by_review(review: str | None, locked: bool) -> None:
    """Open while nothing or the open value stands; a type without a lock is never locked."""
    assert is_locked(CASE, {"review": review}) is locked
    assert is_locked(replace(CASE, lock=None), {"review": review}) is False


def test_a_type_without_a_state_knows_no_step() -> None:
    """Even a declared step leads nowhere there."""
    decision = merge(replace(CASE, state=None), _record(), _operation("transition", event="open"))
    assert decision.problem is not None
    assert decision.problem.code == "unknown_event"


def test_an_element_is_added_to_a_list_that_was_never_begun() -> None:
    """A record from before the list existed has none; the first element begins it, with its author and clock."""
    decision = merge(CASE, _record(notes=None), _operation("append", list="notes", item={"id": NOTE, "text": "a"}))
    element = {"id": NOTE, "text": "a", "by": "o1", "hlc": "7"}
    assert decision.record is not None
    assert (decision.record.version, decision.record.body["notes"]) == (10, [element])
    assert decision.changed == {f"notes/{NOTE}": (None, element)}
    unknown = merge(CASE, _record(), _operation("append", item={"id": NOTE}))
    assert unknown.outcome == "quarantined"


def test_what_stands_already_is_unchanged() -> None:
    """Nothing is written and no version made; each field says so."""
    record = _record({"title": OTHERS}, title="x")
    decision = merge(CASE, record, _operation(set={"title": "x"}))
    assert (decision.outcome, decision.fields, decision.record) == ("unchanged", {"title": "unchanged"}, record)


@pytest.mark.parametrize(
    ("store", "standing", "number", "word"),
    [
        ("own", 7, 6, "kept_server"),
        ("own", 7, 7, "applied"),  # another payload under one number, which a person let stand
        ("own", 7, 8, "applied"),
        ("own", None, 6, "applied"),
        ("own", 7, None, "applied"),
        ("other", 7, 6, "applied"),
    ],
)
def test_numbers_tell_earlier_from_later_within_one_store(
    store: str, standing: int | None, number: int | None, word: str
) -> None:
    """A value gives way by its number only to one of the same store; without both numbers nothing is earlier."""
    stamp = Stamp(4, store, "5", False, "o1", "then", "first", standing)
    decision = merge(CASE, _record({"amount": stamp}, amount=1), _operation(set={"amount": 2}, number=number))
    assert (decision.fields, decision.conflicts) == ({"amount": word}, ())


def test_a_proposed_step_is_flagged_only_for_what_is_the_systems() -> None:
    """What the server owns is ignored and flagged, the rest proposed without a flag."""
    record = _record(state="closed")
    plain = merge(CASE, record, _operation("transition", event="open", set={"title": "x"}))
    assert (plain.fields, plain.flags) == ({"title": "proposed"}, ())
    owned = merge(CASE, record, _operation("transition", event="open", set={"title": "x", "number": "1"}))
    assert (owned.fields, owned.flags) == ({"title": "proposed", "number": "ignored"}, ("server_owned",))
    bare = merge(CASE, record, _operation("transition", event="open"))
    assert (bare.fields, bare.flags) == ({}, ())
    own = Author("", frozenset(), "", "server", server=True)
    its = merge(CASE, record, _operation("transition", own, event="open", set={"number": "1"}))
    assert (its.fields, its.flags) == ({"number": "proposed"}, ())
