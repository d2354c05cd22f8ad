"""The oracle of the simulation: independent of the server, and right about small histories told by hand."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from simulation.oracle import Oracle
from simulation.oracle_values import ANY, AnyOrder, canonical

FILES = sorted((Path(__file__).parents[2] / "simulation").glob("oracle*.py"))
AT = "2026-11-22T10:00:00.000+08:00"
CASE, OTHER = "0192f0a0-0000-7000-8000-000000000001", "0192f0a0-0000-7000-8000-000000000002"


def field(class_: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"class": class_, "kind": kind, "required": False, "writable_by": None, **more}


DECLARED = {
    "schema": 1,
    "enums": {},
    "types": {
        "case": {
            "fields": {
                "category": field("supervisor_wins"), "description": field("officer_until_lock"),
                "address": field("officer_until_lock"), "amount_fen": field("manual", "integer"),
                "source": field("write_once"), "priority_hint": field("latest", "integer"),
                "status": field("state"), "review": field("supervisor_wins", writable_by=["verdict"]),
                "review_reason": field("supervisor_wins", writable_by=["verdict"]),
                "author": field("write_once"), "unit": field("server_owned"), "case_no": field("server_owned"),
                "delivery": field("server_owned"), "position": field("officer_until_lock", "position"),
                "plates": field("officer_until_lock", "list of text"), "shop_name": field("officer_until_lock"),
                "party": field("manual", "group"), "legal_basis": field("manual", "list of text"),
                "occurred_at": field("write_once", "time"),
            },
            "lists": {name: {"text": field("write_once")} for name in ("notes", "timeline", "documents")},
            "transitions": [
                {"event": "register", "from": ["draft"], "to": "registered", "roles": ["officer"]},
                {"event": "close", "from": ["registered"], "to": "closed", "roles": ["officer"]},
            ],
            "creatable_by": ["officer"],
            "parent": None,
        }
    },
}  # fmt: skip


class World:
    """One oracle, and officers who each have one store on one terminal."""

    def __init__(self) -> None:
        self.oracle = Oracle(DECLARED)
        self.count = 0
        for name, role in (("zhang", "officer"), ("wang", "officer"), ("li", "supervisor")):
            self.oracle.person(name, {role}, "u1", {"unit:u1"}, supervisor=role == "supervisor", masked=False)

    def operation(self, action: str, record: str = CASE, **parts: Any) -> dict[str, Any]:
        self.count += 1
        name = f"0192f0a0-0000-7000-8000-{self.count:012x}"
        named = {"id": name, "number": self.count, "action": action, "type": "case", "record": record, "at": AT}
        return {**named, **parts}

    def send(self, officer: str, *operations: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        envelope = {"schema": 1, "store": f"store of {officer}", "clock": {}, "operations": list(operations)}
        return self.oracle.push(officer=officer, terminal=officer, envelope=envelope, now_ms=1_000_000, **more)

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = self.oracle.records()[CASE]["body"]
        return body


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_oracle_knows_nothing_of_the_server(path: Path) -> None:
    """It imports the standard library and its own files, so an error of the server's cannot be its own too."""
    names = {
        name.partition(".")[0] if not name.startswith("simulation") else name
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported(node)
    }
    own = {"simulation", *(f"simulation.{one.stem}" for one in FILES)}
    assert names <= sys.stdlib_module_names | own


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_any_equals_everything_and_only_stands_for_itself() -> None:
    """Inside answers too, on either side; a difference beside it is still seen."""
    assert {"id": ANY, "kept": 1} == {"id": "x", "kept": 1}
    assert {"id": ANY, "kept": 2} != {"id": "x", "kept": 1}


@pytest.mark.parametrize(
    ("other", "same"), [([2, 1, 1], True), ([1, 2, 2], False), ([1, 1], False), ([1, 1, 2, 2], False)]
)
def test_an_order_that_says_nothing_is_not_compared(other: list[int], same: bool) -> None:
    """From either side, and inside answers; every element counts as often as it stands."""
    assert (AnyOrder([1, 1, 2]) == other) is same
    assert ({"it": other} == {"it": AnyOrder([1, 1, 2])}) is same
    assert (other != AnyOrder([1, 1, 2])) is not same


@pytest.mark.parametrize(("left", "right", "same"), [(1, 1.0, True), (1, True, False), ({"a": 1, "b": 2}, None, False)])
def test_payloads_are_compared_as_json(left: Any, right: Any, same: bool) -> None:
    """Numbers by value, and nothing else by it."""
    assert (canonical(left) == canonical(right)) is same


def test_the_first_committed_stands_and_the_other_is_told() -> None:
    """kept_server with the value that stands, one conflict, and a duplicate when it is sent again."""
    world = World()
    lost = world.operation("patch", base=1, set={"description": "w", "address": "w"})
    world.send("zhang", world.operation("create", set={"description": "o"}))
    world.send("zhang", world.operation("patch", base=1, set={"description": "z"}))
    wanted = {
        "id": lost["id"], "outcome": "merged", "version": 3, "now": {"description": "z"},
        "fields": {"description": "kept_server", "address": "applied"},
        "conflicts": [{"id": ANY, "field": "description", "class": "officer_until_lock", "kept": "server"}],
    }  # fmt: skip
    assert world.send("wang", lost) == [wanted]
    assert world.send("wang", lost) == [wanted | {"duplicate": True}]
    assert world.oracle.open_conflicts() == [(lost["id"], "description")]


def test_what_waits_follows_at_once_and_is_settled() -> None:
    """A patch before its create is parked, takes effect with it, and is told to its own terminal."""
    world = World()
    create = world.operation("create", set={})
    early = world.operation("patch", base={"operation": create["id"]}, set={"address": "e"})
    assert world.send("wang", early) == [
        {"id": early["id"], "outcome": "parked", "waits_for": [create["id"], CASE]},
    ]
    assert [one["outcome"] for one in world.send("zhang", create)] == ["applied"]
    assert world.oracle.settled("wang") == [{"id": early["id"], "outcome": "applied", "version": 2}]
    assert world.body()["address"] == "e"


def test_a_circle_is_quarantined_when_it_closes() -> None:
    """The one that closes it; the other goes on waiting."""
    world = World()
    first, second = world.operation("create"), world.operation("create", OTHER)
    first["after"], second["after"] = [second["id"]], [first["id"]]
    results = world.send("zhang", first, second)
    assert [one["outcome"] for one in results] == ["parked", "quarantined"]
    assert results[1]["problem"]["code"] == "cycle"


def test_the_server_numbers_and_reviews_by_itself() -> None:
    """Registered: a case number, a version later; closed: under review; passed: waiting; changed: reviewed again."""
    world = World()
    create = world.operation("create", set={})
    steps = [world.operation("transition", base=1, event=event) for event in ("register", "close")]
    assert [one["version"] for one in world.send("zhang", create, *steps)] == [1, 2, 3]
    assert (world.oracle.records()[CASE]["version"], world.body()["review"]) == (5, "under_review")
    world.oracle.verdict(CASE, "passed", "li", "")
    assert (world.body()["review"], world.body()["delivery"]) == ("passed", "waiting")
    world.send("zhang", world.operation("patch", base=9, set={"address": "n"}))
    world.send("zhang", world.operation("patch", base=7, set={"address": "n"}))
    assert (world.body()["review"], world.body()["delivery"]) == ("under_review", "none")


def test_numbers_and_gaps_are_counted_for_each_store() -> None:
    """Gaps below the highest; a number under another id is flagged."""
    world = World()
    one, two = world.operation("create", set={}), world.operation("create", OTHER, set={})
    one["number"] = two["number"] = 4
    assert [result.get("flags") for result in world.send("zhang", one, two)] == [None, ["number_reused"]]
    assert world.oracle.numbers("store of zhang") == (4, [[1, 3]])


def test_who_has_no_scope_neither_sees_nor_changes() -> None:
    """Another unit's officer holds nothing of it, and his edit is quarantined."""
    world = World()
    world.oracle.person("chen", {"officer"}, "u2", {"unit:u2"}, supervisor=False, masked=False)
    world.send("zhang", world.operation("create", set={}))
    [refused] = world.send("chen", world.operation("patch", base=1, set={"address": "c"}))
    assert refused["problem"]["code"] == "out_of_scope"
    assert world.oracle.visible({"unit:u1"}) == {CASE: ("case", 1)}
    assert world.oracle.visible({"unit:u2"}) == {}


def test_what_is_voided_takes_no_edit_and_stays() -> None:
    """Its author voids it; the same again is unchanged, an edit is proposed on the field void, even a supervisor's."""
    world = World()
    world.send("zhang", world.operation("create", set={}))
    [void] = world.send("zhang", world.operation("void", base=1, reason="x"))
    assert (void["outcome"], void["version"]) == ("applied", 2)
    assert world.send("zhang", world.operation("void", base=2, reason="x"))[0]["outcome"] == "unchanged"
    for officer in ("wang", "li"):
        [late] = world.send(officer, world.operation("patch", base=2, set={"address": "n"}))
        assert (late["outcome"], late["fields"]) == ("proposed", {"address": "proposed"})
        assert [one["field"] for one in late["conflicts"]] == ["void"]
    assert world.oracle.records()[CASE]["void"] is True
    assert world.body()["address"] is None


def test_who_may_void_and_what_he_has_not_seen() -> None:
    """Not a colleague; the author only as a proposal over what a colleague wrote since, which a person lets stand."""
    world = World()
    world.send("zhang", world.operation("create", set={}))
    [refused] = world.send("wang", world.operation("void", base=1, reason="x"))
    assert refused["problem"]["code"] == "not_permitted"
    world.send("wang", world.operation("patch", base=1, set={"address": "w"}))
    assert world.send("zhang", world.operation("discard", base=2))[0]["problem"]["code"] == "not_permitted"
    unseen = world.operation("void", base=1, reason="x")
    assert world.send("zhang", unseen)[0]["outcome"] == "proposed"
    assert world.oracle.resolve((unseen["id"], "void"), "li", "mine") is True
    assert (world.oracle.records()[CASE]["void"], world.oracle.records()[CASE]["version"]) == (True, 3)


def grouped(world: World, *values: dict[str, Any]) -> list[dict[str, Any]]:
    group = {"id": OTHER, "size": len(values)}
    return [world.operation("patch", base=1, set=one, group=group) for one in values]


def test_a_group_waits_for_its_last_and_is_applied_whole() -> None:
    """The first is parked under the group's id; the last brings both, in the order of their numbers."""
    world = World()
    world.send("zhang", world.operation("create", set={}))
    first, last = grouped(world, {"address": "1"}, {"address": "2"})
    assert world.send("zhang", last) == [{"id": last["id"], "outcome": "parked", "waits_for": [OTHER]}]
    assert [one["version"] for one in world.send("zhang", first, last)] == [2, 3]
    assert world.body()["address"] == "2"


def test_what_waits_within_its_own_push_is_answered_there_alone() -> None:
    """A patch before its create in one batch is applied at once, and nothing is left to be settled."""
    world = World()
    create = world.operation("create", set={})
    early = world.operation("patch", base={"operation": create["id"]}, set={"address": "e"})
    assert [one["outcome"] for one in world.send("wang", early, create)] == ["applied", "applied"]
    assert world.oracle.settled("wang") == []


def test_a_group_with_one_bad_member_leaves_nothing_behind() -> None:
    """Neither value, version nor conflict; once a person has put the bad one right, all of it stands."""
    world = World()
    world.send("zhang", world.operation("create", set={"description": "o"}))
    before = str(world.oracle.records())
    good, bad = grouped(world, {"address": "1", "description": "n"}, {"amount_fen": "much"})
    codes = [one["problem"]["code"] for one in world.send("wang", good, bad)]
    assert codes == ["group_incomplete", "invalid_field"]
    assert (str(world.oracle.records()), world.oracle.open_conflicts()) == (before, [])
    assert world.oracle.replay(good["id"], None, "li")["outcome"] == "quarantined"
    assert world.oracle.replay(bad["id"], {"amount_fen": 5}, "li")["outcome"] == "applied"
    assert (world.body()["address"], world.body()["amount_fen"]) == ("1", 5)


def test_poison_and_a_revoked_terminal_change_nothing() -> None:
    """Both are quarantined and kept; a person can have the first tried again."""
    world = World()
    bad, late = world.operation("create", set={}), world.operation("create", OTHER, set={})
    world.oracle.poison.add(bad["id"])
    assert [one["outcome"] for one in world.send("zhang", bad)] == ["quarantined"]
    [revoked] = world.send("zhang", late, revoked=True)
    assert revoked["problem"]["code"] == "terminal_revoked"
    assert world.oracle.records() == {}
    assert world.oracle.replay(bad["id"], {"address": "a"}, "li")["outcome"] == "applied"
    assert world.oracle.dismiss(late["id"], "li", "x") == {"id": late["id"], "outcome": "dismissed", "reason": "x"}
