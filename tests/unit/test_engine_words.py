"""What the engine's declarations and bytes are to the letter: words on the wire, defaults, what translators refuse."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from sync.engine.cursor import BUCKETS, Cursor, Move, Refill, pack, unpack
from sync.engine.kinds import Fault, text
from sync.engine.translate import Moved, Parts, Schemas
from sync.engine.values import FINAL, Author, Flag, MergeClass, Operation, Outcome, RecordType


@pytest.mark.parametrize("words", [MergeClass, Outcome, Flag])
def test_a_word_is_on_the_wire_what_it_is_called(words: type[StrEnum]) -> None:
    """Terminals know the protocol's words, which are the names in lower case."""
    assert {one.name.lower() for one in words} == {str(one) for one in words}


def test_all_but_what_waits_for_somebody_is_final() -> None:
    """A terminal may forget an operation whose outcome cannot change any more, and no other."""
    assert set(Outcome) - FINAL == {Outcome.PARKED, Outcome.QUARANTINED, Outcome.RETRY}


def test_what_a_record_type_and_an_operation_leave_out() -> None:
    """A type is of the records' lane and joins nothing; an operation has seen nothing and brings no clock."""
    kind = RecordType("note", {}, {}, (), lambda body: frozenset())
    assert (kind.lane, kind.joins) == ("records", False)
    operation = Operation("op", "patch", "note", "r", Author("o", frozenset(), "u", "s"), "")
    assert (operation.base, operation.hlc) == (0, "")


def test_a_repair_names_any_of_the_256_buckets() -> None:
    """The first and the last too, and what is not done does not come back as a move."""
    assert BUCKETS == 256
    for refill in (Refill(frozenset(range(256))), Refill(frozenset({255}), done=True), Refill(frozenset({0}))):
        back = unpack(pack(Cursor(b"h" * 8, refill=refill)))
        assert (back.move, back.refill) == (None, refill)
    move = Move(b"t" * 8, b"k" * 8, evicting=False)
    back = unpack(pack(Cursor(b"h" * 8, move=move)))
    assert (back.move, back.refill) == (move, None)


def test_without_a_step_there_is_one_schema() -> None:
    """Its number is 1."""
    assert (Schemas().oldest, Schemas().current) == (1, 1)
    assert [Schemas().knows(number) for number in (0, 1, 2)] == [False, True, False]
    problem = Schemas().read({}, 2).problem
    assert problem is not None
    assert (problem.code, problem.errors) == ("unknown_schema", ())


def errors(step: dict[str, Moved], **values: Any) -> list[dict[str, str]]:
    problem = Schemas((step,)).read({"type": "note", "set": values}, 1).problem
    assert problem is not None
    assert problem.code == "invalid_field"
    return [dict(one) for one in problem.errors]


def test_a_translators_refusal_says_what_and_where() -> None:
    """Code, place and words of each: no value of its schema, one field twice, a dropped field's own fault."""
    step = {"note": Moved(fields=Parts({"old": "new"}, {"size": int}, {}, {"colour": text(3)}))}
    message = "不是该数据版本的值 · not a value of its schema"
    assert errors(step, size="seven") == [{"pointer": "/set/size", "code": "not_of_its_schema", "message": message}]
    message = "与另一项是同一项 · the same field twice"
    assert errors(step, new=1, old=2) == [{"pointer": "/set/old", "code": "unknown_field", "message": message}]
    long = text(3).check("long")
    assert isinstance(long, Fault)
    assert errors(step, colour="long") == [{"pointer": "/set/colour", "code": long.code, "message": long.message}]


def test_a_refusal_names_at_most_fifty_faults() -> None:
    """What a hostile terminal sent does not blow up the answer."""
    names = [f"n{index}" for index in range(60)]
    step = {"note": Moved(fields=Parts(converted=dict.fromkeys(names, int)))}
    found = errors(step, **dict.fromkeys(names, "x"))
    assert [one["pointer"] for one in found] == [f"/set/{name}" for name in names[:50]]
