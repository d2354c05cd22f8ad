"""Groups: operations that are applied together or not at all, in whatever pushes they come."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from field_api.casework import server
from sync.service.received import own_operation
from sync.service.workspace import Workspace
from sync.store.outbox import OutboxRow
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau, now
from tests.integration.test_sync_repair import ask


def grouped(*operations: dict[str, Any], size: int | None = None, group: str | None = None) -> list[dict[str, Any]]:
    """The same operations as members of one group."""
    named = {"id": group or new_id(), "size": size or len(operations)}
    return [operation | {"group": named} for operation in operations]


def incidents(own: Terminal, *descriptions: str) -> list[dict[str, Any]]:
    return [own.create("incident", description=text) for text in descriptions]


def outcomes(results: Sequence[dict[str, Any]]) -> list[str]:
    return [one["outcome"] for one in results]


def test_a_whole_group_is_applied_at_once(bureau: Bureau) -> None:
    """Members that come together are applied, each with its own version, and the same again when repeated."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    members = grouped(
        case,
        own.patch("case", case["record"], {"operation": case["id"]}, description="one"),
        own.step(case["record"], "register", {"operation": case["id"]}),
    )
    results = own.send(*members)
    assert [(one["outcome"], one["version"]) for one in results] == [("applied", 1), ("applied", 2), ("applied", 3)]
    assert own.send(*members) == [one | {"duplicate": True} for one in results]


def test_members_wait_for_the_last(bureau: Bureau) -> None:
    """Until the last has come nothing of a group takes effect; what came before is told as settled."""
    own = terminal(bureau, "zhang")
    first, second, third = grouped(*incidents(own, "1", "2", "3"))
    for one in (third, first):
        [parked] = own.send(one)
        assert (parked["outcome"], parked["waits_for"]) == ("parked", [first["group"]["id"]])
        own.pull()
        assert one["record"] not in own.held
    own.done(second)
    settled = {one["id"]: one["outcome"] for one in own.page()["settled"]}
    assert settled == {first["id"]: "applied", third["id"]: "applied"}
    assert {one["record"] for one in (first, second, third)} <= own.held.keys()


@pytest.mark.parametrize("seed", range(4))
def test_no_split_and_no_order_changes_what_a_group_comes_to(bureau: Bureau, seed: int) -> None:
    """However members are cut into pushes, mixed and repeated, they end the same."""
    own, chance = terminal(bureau, "zhang"), random.Random(seed)
    case = own.create("case")
    chain = [case]
    for count in range(6):
        chain.append(own.patch("case", case["record"], {"operation": chain[-1]["id"]}, description=str(count)))
    members = grouped(*chain)
    chance.shuffle(members)
    pieces = [members[start : start + 3] for start in range(0, len(members), 3)]
    for piece in pieces:
        own.send(*piece, *incidents(own, "neighbour"))
    assert set(outcomes(own.send(*members))) == {"applied"}
    own.pull()
    assert (own.body(case["record"])["description"], own.version(case["record"])) == ("5", 7)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_that_cannot_be_applied_keeps_back_all(bureau: Bureau, place: int, together: bool) -> None:
    """The offender has its own problem, the others name it, and the neighbours do not notice."""
    own = terminal(bureau, "zhang")
    operations = incidents(own, "1", "2", "3")
    operations[place]["set"]["category"] = "9999"
    members = grouped(*operations)
    before, after = incidents(own, "before", "after")
    if together:
        results = own.send(before, *members, after)
        assert outcomes([results[0], results[-1]]) == ["applied", "applied"]
    else:
        for one in members:
            own.send(one)
        own.done(before, after)
    results = own.send(*members)
    codes = [one["problem"]["code"] for one in results]
    assert codes == ["invalid_field" if index == place else "group_incomplete" for index in range(3)]
    for index, result in enumerate(results):
        if index != place:
            [error] = result["problem"]["errors"]
            assert (error["pointer"], error["code"]) == ("/group", "member_refused")
            assert members[place]["id"] in error["message"]
    own.pull()
    assert own.held.keys() & {one["record"] for one in members} == set()


def test_what_is_taken_back_leaves_no_trace(bureau: Bureau) -> None:
    """A record that a failed group had changed stands as it stood, for whatever comes after in the same batch."""
    own = terminal(bureau, "zhang")
    case = own.create("case", description="stands")
    own.done(case)
    new = own.create("case")
    members = grouped(
        new,
        own.patch("case", case["record"], 1, description="taken back"),
        own.patch("case", case["record"], 1, source="nowhere"),
    )
    alone = own.patch("case", case["record"], 1, address="applied")
    results = own.send(*members, alone)
    assert outcomes(results) == ["quarantined"] * 3 + ["applied"]
    assert results[3]["version"] == 2
    own.pull()
    assert (own.body(case["record"])["description"], own.body(case["record"])["address"]) == ("stands", "applied")
    assert new["record"] not in own.held


def test_what_is_taken_back_stops_no_delivery(bureau: Bureau) -> None:
    """A change that would call a case back from its way to the centre does not, when its group fails."""
    own = terminal(bureau, "zhang")
    case = own.create("case", description="stands")
    own.done(case)
    done = own_operation(server.patch("case", case["record"], {"status": "closed", "review": "passed"}, now()))
    bureau.change(lambda session: Workspace(session, bureau.home, now()).apply([done]))
    own.pull()
    version = own.version(case["record"])
    timeline = own.append("case", case["record"], "timeline", step="persuade")
    members = grouped(timeline, own.patch("case", case["record"], version, source="nowhere"))
    assert outcomes(own.send(*members)) == ["quarantined"] * 2
    assert bureau.change(lambda session: session.scalar(sa.select(OutboxRow.state))) == "waiting"
    own.done(own.append("case", case["record"], "timeline", step="persuade"))
    assert bureau.change(lambda session: session.scalar(sa.select(OutboxRow.state))) == "cancelled"


def test_what_one_member_waits_for_all_wait_for(bureau: Bureau) -> None:
    """A whole group waits for what one of its members needs, and goes the moment that comes."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    case = other.create("case")
    members = grouped(*incidents(own, "1"), own.photo(case["record"], own.officer))
    results = own.send(*members)
    assert [one["waits_for"] for one in results] == [[case["record"]]] * 2
    other.done(case)
    assert {one["outcome"] for one in own.page()["settled"]} == {"applied"}
    assert outcomes(own.send(*members)) == ["applied", "applied"]


def test_a_circle_through_a_group_is_quarantined(bureau: Bureau) -> None:
    """A member that waits for what waits for its own group is named, however the three of them arrive."""
    for order in itertools.permutations(range(3)):
        own = terminal(bureau, f"zhang{order}".translate(str.maketrans("", "", "(), ")))
        outside, first, second = incidents(own, "outside", "1", "2")
        outside["after"] = [second["id"]]
        first, second = grouped(first | {"after": [outside["id"]]}, second)
        sent = [outside, first, second]
        for index in order:
            own.send(sent[index])
        results = own.send(*sent)
        codes = [(one["problem"]["code"] if "problem" in one else one["outcome"]) for one in results]
        # Whoever closes the circle is refused.
        closed_outside = ["cycle", "parked", "parked"]
        assert codes == (closed_outside if order[-1] == 0 else ["parked", "cycle", "group_incomplete"]), order


def test_members_may_rest_on_each_other_in_any_order(bureau: Bureau) -> None:
    """One that rests on a member with a higher number goes after it; two that rest on each other never go."""
    own = terminal(bureau, "zhang")
    early, late = incidents(own, "1", "2")
    assert outcomes(own.send(*grouped(early | {"after": [late["id"]]}, late))) == ["applied", "applied"]
    one, two = incidents(own, "1", "2")
    results = own.send(*grouped(one | {"after": [two["id"]]}, two | {"after": [one["id"]]}))
    assert [result["problem"]["code"] for result in results] == ["cycle", "group_incomplete"]


def test_a_group_that_contradicts_itself_goes_nowhere(bureau: Bureau) -> None:
    """Members that name different sizes are quarantined together; one too many alone."""
    own, group = terminal(bureau, "zhang"), new_id()
    one, two, three = incidents(own, "1", "2", "3")
    own.send(*grouped(one, size=2, group=group))
    [second] = own.send(*grouped(two, size=3, group=group))
    assert second["problem"]["errors"][0]["code"] == "sizes_differ"
    [first] = own.send(*grouped(one, size=2, group=group))
    [third] = own.send(*grouped(three, size=2, group=group))
    assert first["problem"] == second["problem"] == third["problem"]
    members = grouped(*incidents(own, "1", "2"))
    own.done(*members)
    [extra] = own.send(own.create("incident") | {"group": members[0]["group"]})
    assert (extra["problem"]["code"], extra["problem"]["errors"][0]["code"]) == ("group_incomplete", "too_many")
    assert outcomes(own.send(*members)) == ["applied", "applied"]


@pytest.mark.parametrize("group", [{"id": "x", "size": 2}, {"id": new_id(), "size": 0}, {"id": new_id(), "size": 101},
                                   {"id": new_id(), "size": True}, {"id": new_id()}, [], "x", 7])  # fmt: skip
def test_no_group_is_an_invalid_field(bureau: Bureau, group: Any) -> None:
    """What could never be whole is quarantined alone, for its field."""
    own = terminal(bureau, "zhang")
    [result] = own.send(own.create("incident") | {"group": group})
    assert (result["problem"]["code"], result["problem"]["errors"][0]["pointer"]) == ("invalid_field", "/group")


def test_a_replayed_offender_lets_the_whole_group_go(bureau: Bureau) -> None:
    """Once its offender is corrected the group is applied, and its terminal hears of every member."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    good, bad, other = incidents(own, "1", "2", "3")
    bad["set"]["category"] = "9999"
    members = grouped(good, bad, other)
    own.send(*members)
    assert ask(chief, good["id"], "replay").json["problem"]["code"] == "group_incomplete"
    answer = ask(chief, bad["id"], "replay", set={"category": "0406"})
    assert answer.json["outcome"] == "applied"
    assert {one["id"] for one in own.page()["settled"]} == {one["id"] for one in members}
    assert own.body(bad["record"])["category"] == "0406"
    assert {one["outcome"] for one in own.send(*members)} == {"applied"}


def test_two_offenders_are_corrected_one_after_the_other(bureau: Bureau) -> None:
    """A correction stands while the group waits for the next one; only the last sets all free."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    first, second = incidents(own, "1", "2")
    first["set"]["category"] = second["set"]["category"] = "9999"
    own.send(*grouped(first, second))
    answer = ask(chief, first["id"], "replay", set={"category": "0406"})
    assert answer.json["problem"]["code"] == "group_incomplete"
    assert ask(chief, second["id"], "replay", set={"category": "0401"}).json["outcome"] == "applied"
    own.pull()
    assert [own.body(one["record"])["category"] for one in (first, second)] == ["0406", "0401"]


def test_a_dismissed_member_ends_its_group(bureau: Bureau) -> None:
    """When a person closes one member, those that waited are quarantined and name it; so are later ones."""
    own, chief = terminal(bureau, "zhang"), terminal(bureau, "shen", "supervisor")
    first, second, third = grouped(*incidents(own, "1", "2", "3"))
    own.send(first, second)
    assert ask(chief, first["id"], "dismissal").json["outcome"] == "dismissed"
    for one in own.send(second, third):
        [error] = one["problem"]["errors"]
        assert (one["problem"]["code"], error["code"]) == ("group_incomplete", "member_dismissed")
        assert first["id"] in error["message"]


def test_what_the_database_refuses_names_its_member(bureau: Bureau) -> None:
    """A member that only the database objects to is found, though it waited in the inbox; none is applied."""
    chief = terminal(bureau, "shen", "supervisor")
    bureau.change(lambda session: session.execute(sa.text("CREATE UNIQUE INDEX one_of_a_title ON task (title)")))
    chief.done(chief.create("task", title="taken", for_unit="u1"))
    bad, good, late, neighbour = (chief.create("task", title=title, for_unit="u1") for title in ("taken", *"abc"))
    members = grouped(good, bad, late)
    assert outcomes(chief.send(*members[:2])) == ["parked", "parked"]
    last, alone = chief.send(members[2], neighbour)
    assert (last["problem"]["code"], alone["outcome"]) == ("group_incomplete", "applied")
    results = chief.send(*members)
    assert [one["problem"]["code"] for one in results] == ["group_incomplete", "invalid_field", "group_incomplete"]
    assert bad["id"] in results[0]["problem"]["errors"][0]["message"]
    assert ask(chief, bad["id"], "replay", set={"title": "free"}).json["outcome"] == "applied"
    assert {one["id"] for one in chief.page()["settled"]} == {one["id"] for one in members}


def test_groups_of_two_stores_are_two_groups(bureau: Bureau) -> None:
    """One id in two stores names two groups, each of which waits for its own."""
    own, other, group = terminal(bureau, "zhang"), terminal(bureau, "wang"), new_id()
    for one in (own, other):
        assert outcomes(one.send(*grouped(one.create("incident"), size=2, group=group))) == ["parked"]
    own.done(*grouped(own.create("incident"), size=2, group=group))
    assert outcomes(other.send(*grouped(other.create("incident"), size=3, group=group))) == ["quarantined"]
