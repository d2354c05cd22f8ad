"""What exactly is told of a value that cannot stand: its code, its place, and the edge at which it begins."""

from __future__ import annotations

from typing import Any

import pytest

from sync.engine import kinds
from sync.engine.checks import check_create, check_item, check_set, permitted
from sync.engine.values import Author, Decision, Field, MergeClass, Operation, Outcome, Problem, Record, RecordType

PLACE = {"lng": 104.05, "lat": 30.6, "coord_sys": "gcj02"}
UUID = "0192aaaa-bbbb-7ccc-8ddd-0123456789ab"
FAULTS: list[tuple[kinds.Kind, Any, str, str]] = [
    (kinds.text(3), 5, "not_text", ""),
    (kinds.text(3), "abcd", "too_long", ""),
    (kinds.text(3, "[0-9]+"), "a", "wrong_form", ""),
    (kinds.integer(0, 5), "5", "not_integer", ""),
    (kinds.integer(0, 5), 6, "out_of_range", ""),
    (kinds.integer(), kinds.MAX_INTEGER + 1, "out_of_range", ""),
    (kinds.integer(), -kinds.MAX_INTEGER - 1, "out_of_range", ""),
    (kinds.BOOLEAN, 1, "not_boolean", ""),
    (kinds.TIME, "now", "not_time", ""),
    (kinds.IDENTIFIER, "x", "not_identifier", ""),
    (kinds.DIGEST, "x", "not_digest", ""),
    (kinds.POSITION, [], "not_position", ""),
    (kinds.POSITION, PLACE | {"altitude": 1}, "not_position", ""),
    (kinds.POSITION, PLACE | {"lng": 180.5}, "out_of_range", "/lng"),
    (kinds.POSITION, PLACE | {"lat": 90.5}, "out_of_range", "/lat"),
    (kinds.POSITION, PLACE | {"lat": -90.5}, "out_of_range", "/lat"),
    (kinds.POSITION, PLACE | {"accuracy_m": -0.5}, "out_of_range", "/accuracy_m"),
    (kinds.POSITION, PLACE | {"accuracy_m": 1e7 + 0.5}, "out_of_range", "/accuracy_m"),
    (kinds.POSITION, PLACE | {"accuracy_m": True}, "out_of_range", "/accuracy_m"),
    (kinds.POSITION, PLACE | {"coord_sys": "bd09"}, "not_in_list", "/coord_sys"),
    (kinds.code("colours", frozenset({"a"})), "b", "not_in_list", ""),
    (kinds.list_of(kinds.text(2), 2), {}, "not_list", ""),
    (kinds.list_of(kinds.text(2), 2), ["a", "abc"], "too_long", "/1"),
    (kinds.list_of(kinds.POSITION, 2), [PLACE | {"lat": 91}], "out_of_range", "/0/lat"),
    (kinds.group({"name": kinds.text(2)}), [], "not_object", ""),
    (kinds.tree(2), [1, 2], "too_large", ""),
    (kinds.tree(2), [1.5], "wrong_form", ""),
    (kinds.group({"name": kinds.text(2)}), {"other": 1}, "unknown_field", "/other"),
    (kinds.group({"at": kinds.POSITION}), {"at": PLACE | {"lng": 181}}, "out_of_range", "/at/lng"),
]


@pytest.mark.parametrize(("kind", "value", "code", "pointer"), FAULTS)
def test_a_fault_says_what_and_where(kind: kinds.Kind, value: Any, code: str, pointer: str) -> None:
    """The code is one that has words, the pointer leads to the very part, and there is a message in both languages."""
    fault = kind.check(value)
    assert fault is not None
    assert (fault.code, fault.pointer) == (code, pointer)
    zh, _, en = fault.message.partition(" · ")
    assert zh
    assert en


def test_messages_name_the_limits_that_they_speak_of() -> None:
    """What a person needs to correct it stands in the message."""
    said = [kinds.text(3).check("abcd"), kinds.integer(2, 7).check(1), kinds.list_of(kinds.TIME, 4).check({}),
            kinds.code("colours", frozenset()).check("x")]  # fmt: skip
    messages = [fault.message for fault in said if fault]
    assert messages[0] == "最多 3 字 · at most 3 characters"
    assert all(word in message for word, message in zip(("3", "2", "4", "colours"), messages, strict=True))
    assert "7" in messages[1]


def test_the_edges_of_what_may_stand() -> None:
    """The last good value of each range is good."""
    assert kinds.MAX_INTEGER == 9_007_199_254_740_991
    assert kinds.integer().check(kinds.MAX_INTEGER) is None
    assert kinds.integer().check(-kinds.MAX_INTEGER) is None
    for more in ({"lng": 180, "lat": -90}, {"lng": -180, "lat": 90}, {"accuracy_m": 0}, {"accuracy_m": 1e7}):
        assert kinds.POSITION.check(PLACE | more) is None
    for system in ("wgs84", "gcj02", "cgcs2000"):
        assert kinds.POSITION.check(PLACE | {"coord_sys": system}) is None


def test_a_tree_is_six_deep() -> None:
    """Objects and lists count alike, and so do an object's names."""
    deep: Any = 1
    for _ in range(5):
        deep = {"a": deep}
    assert kinds.tree(99).check(deep) is None
    for deeper in ({"a": deep}, [deep]):
        fault = kinds.tree(99).check(deeper)
        assert fault is not None
        assert fault.code == "too_large"


@pytest.mark.parametrize(("year", "good"), [(1900, False), (1901, True), (8999, True), (9000, False)])
def test_the_years_that_can_be_moved_to_utc(year: int, good: bool) -> None:
    """A time near the ends of the calendar overflows when its offset is taken away."""
    assert (kinds.parse_time(f"{year}-06-01T00:00:00+08:00") is not None) is good


def test_kinds_are_called_as_terminals_know_them() -> None:
    """The schema that terminals fetch names the kinds; a name that changes breaks their forms."""
    plain = (kinds.text(1), kinds.integer(), kinds.BOOLEAN, kinds.TIME, kinds.IDENTIFIER, kinds.DIGEST, kinds.POSITION)
    named = (*plain, kinds.code("x", frozenset()), kinds.list_of(kinds.text(1), 1), kinds.group({}),
             kinds.tree(1))  # fmt: skip
    assert [one.name for one in named] == [
        "text", "integer", "boolean", "time", "identifier", "digest", "position", "code", "list of text", "group",
        "tree",
    ]  # fmt: skip
    assert kinds.list_of(kinds.code("x", frozenset()), 1).enum == "x"


OFFICER = Author("o1", frozenset({"officer"}), "u1", "s")
HELPER = Author("o2", frozenset({"officer", "auxiliary"}), "u1", "s", masked=True)
SERVER = Author("", frozenset(), "", "server", server=True)
_PERSON = kinds.group({"name": kinds.text(9), "id_no": kinds.text(9)})
KIND = RecordType(
    "case",
    {
        "title": Field("title", kinds.text(9), MergeClass.MANUAL, required=True),
        "party": Field("party", _PERSON, MergeClass.MANUAL),
        "note": Field("note", kinds.text(9), MergeClass.MANUAL),
        "state": Field("state", kinds.text(9), MergeClass.STATE),
        "number": Field("number", kinds.integer(), MergeClass.SERVER_OWNED),
        "verdict": Field("verdict", kinds.text(9), MergeClass.MANUAL, writable_by=frozenset({"supervisor"})),
        "above": Field("above", kinds.text(9), MergeClass.WRITE_ONCE),
    },
    {"notes": {"text": Field("text", kinds.text(9), MergeClass.WRITE_ONCE, required=True)}},
    (),
    lambda body: frozenset(),
    parent="above",
    creators=frozenset({"officer"}),
    masked=("party.id_no",),
)


def _asks(action: str = "patch", author: Author = OFFICER, **values: Any) -> Operation:
    return Operation("op", action, "case", "r", author, "", set=values)


def _told(problem: Problem | None) -> tuple[str, list[tuple[str, str]]]:
    assert problem is not None
    assert all(one.keys() == {"pointer", "code", "message"} for one in problem.errors)
    return problem.code, [(one["pointer"], one["code"]) for one in problem.errors]


@pytest.mark.parametrize(
    ("operation", "code", "errors"),
    [
        (_asks(none=1), "invalid_field", [("/set/none", "unknown_field")]),
        (_asks(title=None), "invalid_field", [("/set/title", "required")]),
        (_asks(state="x"), "invalid_field", [("/set/state", "state")]),
        (_asks(state=5), "invalid_field", [("/set/state", "state")]),
        (_asks(verdict="x"), "not_permitted", [("/set/verdict", "not_permitted")]),
        (_asks(above="x"), "invalid_field", [("/set/above", "at_creation_only")]),
        (_asks(party={"name": 5}), "invalid_field", [("/set/party/name", "not_text")]),
        (_asks(none=1, title=5, note="x"), "invalid_field",
         [("/set/none", "unknown_field"), ("/set/title", "not_text")]),
        (_asks(author=HELPER, party={"name": "x"}), "not_permitted", [("/set/party", "not_permitted")]),
        (_asks(author=HELPER, party=None), "not_permitted", [("/set/party", "not_permitted")]),
        (_asks("create", HELPER, party={"id_no": "1"}), "not_permitted", [("/set/party", "not_permitted")]),
        (_asks("create", HELPER, party="x"), "not_permitted", [("/set/party", "not_permitted")]),
    ],
)  # fmt: skip
def test_what_may_not_be_set_is_told_by_its_place(
    operation: Operation, code: str, errors: list[tuple[str, str]]
) -> None:
    """Each fault of a `set` has its own code at its own pointer."""
    assert _told(check_set(KIND, operation, {})) == (code, errors)


@pytest.mark.parametrize(
    "operation",
    [
        _asks(title="x", note=None),
        _asks(author=SERVER, state="x", number=5, verdict="x"),
        _asks(number="anything, it is ignored"),
        _asks("create", above="x"),
        _asks(above=None),
        _asks("create", HELPER, party={"name": "x"}),
        _asks(author=HELPER, note="x"),
        _asks(party={"id_no": "1"}),
    ],
)
def test_what_may_be_set_is_not_refused(operation: Operation) -> None:
    """The server's own, what is ignored anyway, a parent at birth, and what a helper sees whole."""
    assert check_set(KIND, operation, {}) is None


def test_the_server_is_held_to_kinds_too() -> None:
    """It may write everything, but nothing that no terminal could read."""
    assert _told(check_set(KIND, _asks(author=SERVER, number="x"), {}))[1] == [("/set/number", "not_integer")]


def test_a_parent_that_is_named_again_is_not_new() -> None:
    """Only what was empty cannot be filled later; another value is for the field's class to judge."""
    assert check_set(KIND, _asks(above="x"), {"above": "x"}) is None
    assert check_set(KIND, _asks(note="x"), {"above": None}) is None


def test_faults_are_counted_up_to_fifty() -> None:
    """A hostile operation gets a bounded answer, exactly as long as agreed."""
    many = {f"x{index}": 1 for index in range(60)}
    for problem in (
        check_set(KIND, _asks(**many), {}),
        check_item(KIND, Operation("op", "append", "case", "r", OFFICER, "", list="notes", item=many)),
    ):
        assert problem is not None
        assert len(problem.errors) == 50


def test_creating_needs_the_right_and_what_is_required() -> None:
    """The server may create anything; an officer only with a title; another role not at all."""
    assert _told(check_create(KIND, _asks("create"))) == ("invalid_field", [("/set/title", "required")])
    assert check_create(KIND, _asks("create", title="x")) is None
    assert check_create(KIND, _asks("create", SERVER, title="x")) is None
    stranger = Author("o3", frozenset({"auditor"}), "u1", "s")
    assert _told(check_create(KIND, _asks("create", stranger, title="x"))) == ("not_permitted", [])
    assert (permitted(None, stranger), permitted(frozenset(), stranger), permitted(frozenset(), SERVER)) == (
        True, False, True,
    )  # fmt: skip


def _appends(**parts: Any) -> tuple[str, list[tuple[str, str]]]:
    return _told(check_item(KIND, Operation("op", "append", "case", "r", OFFICER, "", **parts)))


def test_an_element_that_may_not_be_added_is_told_by_its_place() -> None:
    """An unknown list, and of an element its id, its parts and what it lacks."""
    unknown = ("invalid_field", [("/list", "unknown_field")])
    assert _appends(list="title", item={}) == unknown
    assert _appends(item={}) == unknown
    assert _appends(list="notes", item={"id": "x", "text": "x"}) == ("invalid_field", [("/item/id", "not_identifier")])
    assert _appends(list="notes", item={"id": UUID}) == ("invalid_field", [("/item/text", "required")])
    assert _appends(list="notes", item={"id": UUID, "text": "x", "by": "o9"})[1] == [("/item/by", "unknown_field")]


def test_a_problem_goes_over_the_wire_whole() -> None:
    """Code and errors, and nothing that could be changed from outside."""
    problem = Problem("invalid_field", ({"pointer": "/set/x", "code": "required", "message": "m"},))
    expected = [{"pointer": "/set/x", "code": "required", "message": "m"}]
    assert problem.wire() == {"code": "invalid_field", "errors": expected}
    assert Decision(Outcome.QUARANTINED, None, problem=problem).record is None
    assert Record("r", "case", 1, {}, {}).void is None
