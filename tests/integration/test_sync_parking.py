"""Operations that wait for what has not arrived: kept without effect, applied the moment they can be."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from field_api.auth import officers
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau


def based_on(operation: dict[str, Any]) -> dict[str, str]:
    return {"operation": operation["id"]}


def test_what_waited_only_within_its_push_is_told_only_there(bureau: Bureau) -> None:
    """An edit before its create is applied in the answer; no later pull says it again."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    early = own.patch("case", case["record"], {"operation": case["id"]}, description="early")
    assert [one["outcome"] for one in own.send(early, case)] == ["applied", "applied"]
    assert own.page()["settled"] == []
    assert own.body(case["record"])["description"] == "early"


def test_a_child_waits_for_its_parent_and_follows_at_once(bureau: Bureau) -> None:
    """A photo whose case has not come is parked, names it, is seen by nobody, and follows its case at once."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    case = own.create("case")
    photo = own.photo(case["record"], own.officer)
    [parked] = own.send(photo)
    assert parked["outcome"] == "parked"
    assert parked["waits_for"] == [case["record"]]
    other.pull()
    assert photo["record"] not in other.held
    own.done(case)
    other.pull()
    assert other.version(photo["record"]) == 1


def test_what_became_final_later_is_told_once_in_the_next_pull(bureau: Bureau) -> None:
    """`settled` names the operation with its result, to its own terminal, until the cursor has passed it."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    case = own.create("case")
    photo = own.photo(case["record"], own.officer)
    own.send(photo)
    own.pull()
    other.pull()
    own.done(case)
    [settled] = own.page()["settled"]
    assert (settled["id"], settled["outcome"], settled["version"]) == (photo["id"], "applied", 1)
    assert own.page()["settled"] == []
    assert other.page()["settled"] == []
    [again] = own.send(photo)
    assert (again["outcome"], again["duplicate"]) == ("applied", True)


def test_a_batch_in_any_order_gives_the_same(bureau: Bureau) -> None:
    """What one batch brings upside down is applied in this very answer."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    chain = [own.patch("case", case["record"], based_on(case), description="0")]
    for count in range(1, 30):
        chain.append(own.patch("case", case["record"], based_on(chain[-1]), description=str(count)))
    operations = [case, *chain, own.photo(case["record"], own.officer)]
    random.Random(7).shuffle(operations)
    results = own.send(*operations)
    assert {one["outcome"] for one in results} == {"applied"}
    own.pull()
    assert own.body(case["record"])["description"] == "29"


def test_one_operation_a_push_backwards_gives_the_same(bureau: Bureau) -> None:
    """A chain that arrives last first, a push each, is applied whole by the first link's arrival."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    first = own.patch("case", case["record"], based_on(case), description="first")
    second = own.patch("case", case["record"], based_on(first), description="second")
    for waiting in (second, first):
        [result] = own.send(waiting)
        assert result["outcome"] == "parked"
    own.done(case)
    own.pull()
    assert (own.body(case["record"])["description"], own.version(case["record"])) == ("second", 3)


def test_after_waits_for_what_it_names(bureau: Bureau) -> None:
    """`after` holds an operation back until every operation that it names has taken effect."""
    own = terminal(bureau, "zhang")
    first, second = own.create("case"), own.create("case")
    third = own.create("case") | {"after": [first["id"], second["id"]]}
    [parked] = own.send(third)
    assert (parked["outcome"], set(parked["waits_for"])) == ("parked", {first["id"], second["id"]})
    own.done(first)
    [still] = own.send(third)
    assert (still["outcome"], still["waits_for"]) == ("parked", [second["id"]])
    own.done(second)
    [settled] = own.page()["settled"]
    assert (settled["id"], settled["outcome"]) == (third["id"], "applied")


def test_what_waits_for_a_quarantined_one_stays_parked(bureau: Bureau) -> None:
    """Nothing is built on an operation that could not be applied, and nothing of it is lost."""
    own = terminal(bureau, "zhang")
    bad = own.create("case", category="nowhere")
    photo = own.photo(bad["record"], own.officer)
    patch = own.patch("case", bad["record"], based_on(bad), description="x")
    outcomes = [one["outcome"] for one in own.send(bad, photo, patch)]
    assert outcomes == ["quarantined", "parked", "parked"]


def test_a_circle_is_quarantined(bureau: Bureau) -> None:
    """Operations that wait for each other are not parked for ever; also when they come one by one."""
    own = terminal(bureau, "zhang")
    first, second = own.create("case"), own.create("case")
    first["after"], second["after"] = [second["id"]], [first["id"]]
    outcomes = {one["id"]: one for one in own.send(first, second)}
    assert outcomes[second["id"]]["problem"]["code"] == "cycle"
    own_tail = own.create("case")
    own_tail["after"] = [own_tail["id"]]
    [itself] = own.send(own_tail)
    assert itself["problem"]["code"] == "cycle"


def test_a_base_above_the_version_waits_for_it(bureau: Bureau) -> None:
    """A server that was restored waits for the version that an officer saw, and then judges."""
    own = terminal(bureau, "zhang")
    case = own.create("case")
    own.done(case)
    [parked] = own.send(own.patch("case", case["record"], 2, description="seen at two"))
    assert (parked["outcome"], parked["waits_for"]) == ("parked", [case["record"]])
    own.done(own.patch("case", case["record"], 1, address="one"))
    own.pull()
    assert own.body(case["record"])["description"] == "seen at two"


def test_scope_is_judged_as_of_arrival(bureau: Bureau) -> None:
    """An edit that waited is refused like one that did not: another unit's case stays out of reach."""
    own, stranger = terminal(bureau, "zhang"), terminal(bureau, "li", unit=second_unit(bureau))
    case = own.create("case")
    [parked] = stranger.send(stranger.patch("case", case["record"], 0, description="not yours"))
    assert parked["outcome"] == "parked"
    own.done(case)
    [settled] = stranger.page()["settled"] or [{}]
    assert settled == {}
    own.pull()
    assert own.body(case["record"])["description"] is None


def second_unit(bureau: Bureau) -> str:
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    return "u2"


@pytest.mark.parametrize("times", [2, 5])
def test_a_parked_operation_sent_again_has_one_effect(bureau: Bureau, times: int) -> None:
    """However often it is sent while it waits, it takes effect once."""
    own: Terminal = terminal(bureau, "zhang")
    case = own.create("case")
    step = own.append("case", case["record"], "notes", text="once")
    for _ in range(times):
        assert own.send(step)[0]["outcome"] == "parked"
    own.done(case)
    own.pull()
    assert [note["text"] for note in own.body(case["record"])["notes"]] == ["once"]
    assert own.version(case["record"]) == 2


def test_an_unknown_need_is_kept_whole(bureau: Bureau) -> None:
    """What waits for something that never comes stays parked with its payload; its receipt calls it parked."""
    own = terminal(bureau, "zhang")
    lonely = own.patch("case", new_id(), {"operation": new_id()}, description="x")
    for _ in range(2):
        [result] = own.send(lonely)
        assert result["outcome"] == "parked"
        assert "duplicate" not in result


def test_a_correction_is_kept_while_the_operation_waits(bureau: Bureau) -> None:
    """What a person corrected and what was then parked is applied as corrected when its case comes."""
    own, other = terminal(bureau, "zhang"), terminal(bureau, "wang")
    case = other.create("case")
    patch = own.patch("case", case["record"], 0, amount_fen=2**60)
    assert own.send(patch)[0]["outcome"] == "quarantined"
    order = {"reason": "按票据改正", "set": {"amount_fen": 500}}
    replayed = bureau.console("shenhe", "supervisor").post(f"/quarantine/{patch['id']}/replay", order)
    assert replayed.json["outcome"] == "parked"
    other.done(case)
    own.pull()
    assert own.body(case["record"])["amount_fen"] == 500


def test_a_circle_through_a_records_creation_is_found(bureau: Bureau) -> None:
    """One waits for the record that the other is to create, the other for the one: whichever closes it is told."""
    own = terminal(bureau, "zhang")
    for is_child_first in (False, True):
        incident, case = new_id(), own.create("case")
        parent = own.create("incident", incident) | {"after": [case["id"]]}
        case["set"]["incident"] = incident
        batch = [case, parent] if is_child_first else [parent, case]
        for results in (own.send(*batch), [own.send(one)[0] for one in _renamed(own, batch)]):
            assert [one["outcome"] for one in results] == ["parked", "quarantined"]
            assert results[1]["problem"]["code"] == "cycle"


def _renamed(own: Terminal, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same once more, under other ids."""
    names = {one[key]: new_id() for one in batch for key in ("id", "record")}
    text = orjson.dumps(batch).decode()
    for old, new in names.items():
        text = text.replace(old, new)
    return [one | {"number": own.number + index} for index, one in enumerate(orjson.loads(text), start=1)]
