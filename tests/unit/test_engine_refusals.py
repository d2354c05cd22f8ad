"""What a void is refused with, to the letter: code, place and words; and the edges of what it may say."""

from __future__ import annotations

from typing import Any

import pytest

from sync.engine.checks import check_void
from sync.engine.kinds import text
from sync.engine.merge import merge
from sync.engine.values import Author, Field, MergeClass, Operation, Record, RecordType, Stamp

NOTE = "00000000-0000-0000-0000-000000000001"
KIND = RecordType(
    "draft",
    {"author": Field("author", text(20), MergeClass.WRITE_ONCE)},
    {"notes": {"text": Field("text", text(50), MergeClass.WRITE_ONCE)}},
    (),
    lambda body: frozenset(),
    creators=frozenset({"officer"}),
    author="author",
)
OFFICER = Author("o1", frozenset({"officer"}), "u1", "own")
STRANGER = Author("o2", frozenset({"officer"}), "u1", "other")


def void(author: Author = OFFICER, **parts: Any) -> Operation:
    return Operation("op", "void", "draft", "r", author, "t", **{"reason": "wrong"} | parts)


def record(voided: str | None = None) -> Record:
    body = {"author": "o1", "notes": [{"id": NOTE, "text": "x", "by": "o1", "hlc": "1"}]}
    return Record("r", "draft", 1, body, {"author": Stamp(1, "own", "1", False, "o1", "t", "first")}, voided)


@pytest.mark.parametrize(
    ("parts", "faults"),
    [
        ({"reason": None}, [("/reason", "required")]),
        ({"reason": " \n"}, [("/reason", "required")]),
        ({"reason": "x" * 501}, [("/reason", "too_long")]),
        ({"list": "x", "element": NOTE}, [("/list", "unknown_field")]),
        ({"list": "notes"}, [("/item", "required")]),
        ({"element": NOTE}, [("/item", "required")]),
        ({"reason": "", "list": "x"}, [("/reason", "required"), ("/list", "unknown_field"), ("/item", "required")]),
    ],
)
def test_a_void_that_lacks_something_is_told_what(parts: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    """Each fault has its own code at its own place; nothing is void."""
    decision = merge(KIND, record(), void(**parts))
    assert decision.problem is not None
    assert (decision.problem.code, decision.record) == ("invalid_field", record())
    assert [(one["pointer"], one["code"]) for one in decision.problem.errors] == faults


def test_the_longest_reason_is_good() -> None:
    """Five hundred characters, and with them a list and its element."""
    assert check_void(KIND, void(reason="x" * 500)) is None
    assert check_void(KIND, void(reason="x" * 500, list="notes", element=NOTE)) is None


def test_who_may_not_void_is_told_so() -> None:
    """Whether a record or an element: one problem, at the action, in both languages."""
    error = {"pointer": "/action", "code": "not_permitted", "message": "无权作废 · not his to void"}
    for operation in (void(STRANGER), void(STRANGER, list="notes", element=NOTE)):
        problem = merge(KIND, record(), operation).problem
        assert problem is not None
        assert problem.wire() == {"code": "not_permitted", "errors": [error]}


def test_an_element_that_is_not_there_is_named() -> None:
    """A void of what its list does not hold is refused, in both languages."""
    problem = merge(KIND, record(), void(list="notes", element="other")).problem
    error = {"pointer": "/item", "code": "unknown_element", "message": "清单中没有此项 · not in the list"}
    assert problem is not None
    assert problem.wire() == {"code": "invalid_field", "errors": [error]}


def test_an_elements_void_is_not_its_records() -> None:
    """On a voided record an element's void is proposed, though both give one reason."""
    voided = record("wrong")
    assert merge(KIND, voided, void()).outcome == "unchanged"
    assert merge(KIND, voided, void(list="notes", element=NOTE)).outcome == "proposed"
