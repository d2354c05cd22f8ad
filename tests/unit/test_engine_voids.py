"""Voids as a table: who may, what stands, what a void and an edit do to each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sync.engine.kinds import TIME, text
from sync.engine.merge import merge
from sync.engine.values import ALONE, Around, Author, Decision, Field, MergeClass, Operation, Record, RecordType, Stamp

AUTHOR, COLLEAGUE = "o1", "o2"
WHO = {
    "author": Author(AUTHOR, frozenset({"officer"}), "u1", "store-own"),
    "colleague": Author(COLLEAGUE, frozenset({"officer"}), "u1", "store-other"),
    "supervisor": Author("s1", frozenset({"supervisor"}), "u1", "store-chief", supervisor=True),
    "server": Author("srv", frozenset(), "", "server", server=True),
}
DRAFT = RecordType(
    "draft",
    {
        "title": Field("title", text(20), MergeClass.OFFICER_UNTIL_LOCK),
        "author": Field("author", text(20), MergeClass.WRITE_ONCE),
        "state": Field("state", text(20), MergeClass.STATE),
        "review": Field("review", text(20), MergeClass.SUPERVISOR_WINS),
    },
    {"notes": {"text": Field("text", text(50), MergeClass.WRITE_ONCE), "at": Field("at", TIME, MergeClass.WRITE_ONCE)}},
    (),
    lambda body: frozenset(),
    initial={"state": "draft", "review": "none"},
    state="state",
    lock=("review", "none"),
    creators=frozenset({"officer"}),
    author="author",
)
PUBLISHED = replace(DRAFT, creators=frozenset(), author=None, state=None, lock=None)
N1, N2, N9 = (f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2, 9))
NOTE = {"id": N1, "text": "x", "by": AUTHOR, "hlc": "1"}
VOIDED = {**NOTE, "void": {"reason": "wrong", "by": AUTHOR, "at": "t"}}
LOCKED = {"review": "under_review"}


def stamp(officer: str, store: str, version: int = 1) -> Stamp:
    return Stamp(version, store, "1", False, officer, "t", "op0")


def record(void: str | None = None, **body: Any) -> Record:
    """A record of the author's at version 5, whose title a colleague has changed at version 4."""
    standing = {"title": "t", "author": AUTHOR, "state": "draft", "review": "none", "notes": [NOTE]} | body
    stamps = {"author": stamp(AUTHOR, "store-own"), "title": stamp(COLLEAGUE, "store-other", 4)}
    if void is not None:
        stamps["void"] = stamp(COLLEAGUE, "store-other", 5)
    return Record("r", "draft", 5, standing, stamps, void)


def ask(action: str, who: str = "author", **parts: Any) -> Operation:
    return Operation("op", action, "draft", "r", WHO[who], "t1", hlc="9", base=5, **parts)


def void(who: str = "author", reason: str = "wrong", **parts: Any) -> Operation:
    return ask("void", who, reason=reason, **parts)


def element(who: str = "author", reason: str = "wrong", id_: str = N1) -> Operation:
    return void(who, reason, list="notes", element=id_)


def code(decision: Decision) -> str:
    """The problem, or the outcome where there is none."""
    return decision.problem.code if decision.problem else str(decision.outcome)


@pytest.mark.parametrize(
    ("who", "open_", "closed"),
    [
        ("author", "applied", "not_permitted"),
        ("colleague", "not_permitted", "not_permitted"),
        ("supervisor", "applied", "applied"),
        ("server", "applied", "applied"),
    ],
)
def test_who_may_void_a_record_or_an_element(who: str, open_: str, closed: str) -> None:
    """The author until review of it or above it has begun, a supervisor and the server always."""
    for operation in (void(who), element(who)):
        assert code(merge(DRAFT, record(), operation)) == open_
        assert code(merge(DRAFT, record(**LOCKED), operation)) == closed
        assert code(merge(DRAFT, record(), operation, around=Around(closed=True))) == closed


def test_what_is_published_is_voided_by_the_server_alone() -> None:
    """Nobody creates reference data, so nobody voids it."""
    allowed = [who for who in WHO if code(merge(PUBLISHED, record(), void(who))) == "applied"]
    assert allowed == ["server"]


def test_what_is_never_reviewed_stays_its_authors() -> None:
    """A type without a lock is its author's to void whenever."""
    assert code(merge(replace(DRAFT, lock=None), record(**LOCKED), void())) == "applied"


def test_a_voided_record_keeps_its_body() -> None:
    """One version more, the reason, a stamp that says who; history holds the reason."""
    before = record()
    decision = merge(DRAFT, before, void())
    after = decision.record
    assert after is not None
    assert (after.void, after.version, after.body) == ("wrong", 6, before.body)
    assert (after.stamps["void"].officer, after.stamps["void"].version) == (AUTHOR, 6)
    assert decision.changed == {"void": (None, "wrong")}


def test_a_voided_element_stays_where_it_was() -> None:
    """Only the mark is new; its neighbours are as they were, and history holds both."""
    other = {**NOTE, "id": N2}
    decision = merge(DRAFT, record(notes=[NOTE, other]), element())
    assert decision.record is not None
    marked = NOTE | {"void": {"reason": "wrong", "by": AUTHOR, "at": "t1"}}
    assert decision.record.body["notes"] == [marked, other]
    assert (decision.record.version, decision.record.void) == (6, None)
    assert decision.changed == {f"notes/{N1}": (NOTE, marked)}
    again = ask("append", list="notes", item={"id": N1, "text": "x"})
    assert merge(DRAFT, decision.record, again).outcome == "unchanged"


def test_the_same_void_again_is_unchanged() -> None:
    """Whoever asks, and whatever has begun since."""
    for who in WHO:
        assert merge(DRAFT, record("wrong", **LOCKED), void(who)).outcome == "unchanged"
        assert merge(DRAFT, record(notes=[VOIDED], **LOCKED), element(who)).outcome == "unchanged"
    assert merge(DRAFT, record("discarded", **LOCKED), ask("discard", "colleague")).outcome == "unchanged"


@pytest.mark.parametrize(
    ("standing", "operation", "theirs"),
    [
        (record("first"), void(), "first"),
        (record("first"), element(), "first"),
        (record("first"), ask("discard"), "first"),
        (record(notes=[VOIDED]), element(reason="other"), "wrong"),
        (record("first"), ask("patch", set={"title": "new"}), "first"),
        (record("first"), ask("append", list="notes", item={"id": N2}), "first"),
        (record("first"), ask("transition", "supervisor", event="go", set={"title": "new"}), "first"),
    ],
)
def test_what_meets_a_void_is_proposed(standing: Record, operation: Operation, theirs: str) -> None:
    """Nothing of it is done, and exactly one conflict holds the edit and the reason that stands."""
    decision = merge(DRAFT, standing, operation)
    assert (decision.outcome, decision.record, decision.changed) == ("proposed", standing, {})
    assert decision.fields == dict.fromkeys(operation.set, "proposed")
    [conflict] = decision.conflicts
    assert (conflict.field, conflict.merge, conflict.theirs, conflict.kept) == (
        "void", MergeClass.STATE, theirs, "server",
    )  # fmt: skip
    assert conflict.theirs_stamp == standing.stamps.get("void")
    content = {"set": operation.set, "event": operation.event, "list": operation.list, "item": operation.item}
    content |= {"element": operation.element, "reason": operation.reason, "action": operation.action}
    assert conflict.mine == {name: value for name, value in content.items() if value}


def test_the_server_may_write_on_what_was_voided() -> None:
    """What it learns later is true all the same, and the record stays void."""
    for operation in (
        ask("patch", "server", set={"title": "new"}),
        ask("append", "server", list="notes", item={"id": N2}),
    ):
        decision = merge(DRAFT, record("wrong"), operation)
        assert (decision.outcome, decision.record and decision.record.void) == ("applied", "wrong")


@pytest.mark.parametrize(("who", "outcome"), [("author", "proposed"), ("supervisor", "applied"), ("server", "applied")])
def test_a_void_over_unseen_work(who: str, outcome: str) -> None:
    """An officer's is proposed, with the last of the others named; those who decide void all the same."""
    decision = merge(DRAFT, record(), void(who), around=Around(unseen=True))
    assert decision.outcome == outcome
    if outcome == "proposed":
        [conflict] = decision.conflicts
        assert (conflict.theirs, conflict.mine["reason"]) == (None, "wrong")
        assert conflict.theirs_stamp == stamp(COLLEAGUE, "store-other", 4)
    alone = replace(record(), stamps={"author": stamp(AUTHOR, "store-own")})
    [conflict, *_] = merge(DRAFT, alone, void(), around=Around(unseen=True)).conflicts
    assert conflict.theirs_stamp is None


@pytest.mark.parametrize(
    ("standing", "who", "around", "expected"),
    [
        (record(), "author", ALONE, "applied"),
        (record(), "colleague", ALONE, "not_permitted"),
        (record(), "supervisor", ALONE, "not_permitted"),
        (record(state="open"), "author", ALONE, "not_permitted"),
        (record(**LOCKED), "author", ALONE, "not_permitted"),
        (record(), "author", Around(shared=True), "not_permitted"),
        (record(), "author", Around(closed=True), "not_permitted"),
    ],
)
def test_only_an_own_untouched_draft_is_discarded(standing: Record, who: str, around: Around, expected: str) -> None:
    """Its author's, in the initial state, before review, and nobody else's hand on it."""
    decision = merge(DRAFT, standing, ask("discard", who), around=around)
    assert code(decision) == expected
    assert decision.record is not None
    assert decision.record.void == ("discarded" if expected == "applied" else None)


def test_what_has_no_state_has_no_draft() -> None:
    """A type without states is never discarded, nor one whose author nobody knows."""
    assert code(merge(replace(DRAFT, state=None), record(), ask("discard"))) == "not_permitted"
    assert code(merge(replace(DRAFT, author=None), record(), ask("discard"))) == "not_permitted"


@pytest.mark.parametrize(
    ("operation", "pointers"),
    [
        (void(reason=""), ["/reason"]),
        (void(reason=" \n"), ["/reason"]),
        (void(reason="x" * 501), ["/reason"]),
        (ask("void"), ["/reason"]),
        (void(list="notes"), ["/item"]),
        (void(element=N1), ["/item"]),
        (void(list="title", element=N1), ["/list"]),
        (void(list="title", reason=""), ["/reason", "/list", "/item"]),
        (element(id_=N9), ["/item"]),
    ],
)
def test_a_void_says_why_and_what(operation: Operation, pointers: list[str]) -> None:
    """Each thing that is missing or unknown is pointed at."""
    decision = merge(DRAFT, record(), operation)
    assert decision.problem is not None
    assert (decision.problem.code, [one["pointer"] for one in decision.problem.errors]) == ("invalid_field", pointers)


def test_there_is_nothing_to_void_in_an_empty_list() -> None:
    """A list that was never written holds no element."""
    assert code(merge(DRAFT, record(notes=None), element())) == "invalid_field"


def test_a_voided_record_is_beyond_everybodys_reach() -> None:
    """A void with another reason, a discard, or an element's void: proposed, even by one who might not have asked."""
    for who in WHO:
        for operation in (void(who, reason="another"), replace(void(who), action="discard", reason=None)):
            decision = merge(DRAFT, record("wrong"), operation)
            assert (decision.outcome, len(decision.conflicts)) == ("proposed", 1)
