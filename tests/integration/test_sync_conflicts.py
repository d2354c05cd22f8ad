"""Concurrent edits: what merges in silence, what leaves exactly one conflict, and how a person settles it."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

from tests.integration.field import OTHER_CATEGORY, Terminal, new_id, terminal
from tests.integration.people import Bureau


def _get(own: Terminal, state: str = "open") -> list[dict[str, Any]]:
    answer = own.handheld.client.get(f"/api/v1/conflicts?state={state}", headers=own.handheld.bearer)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json
    return found


def _settle(own: Terminal, conflict: str, **body: Any) -> TestResponse:
    body = {"id": new_id(), "reason": "核对现场"} | body
    return own.handheld.client.post(
        f"/api/v1/conflicts/{conflict}/resolution", json=body, headers=own.handheld.bearer
    )


def _pair(bureau: Bureau, **values: Any) -> tuple[Terminal, Terminal, Terminal, str]:
    """Two officers and a supervisor who all hold one case at version 1."""
    crew = terminal(bureau, "zhang"), terminal(bureau, "wang"), terminal(bureau, "li", "supervisor")
    case = crew[0].create("case", **values)
    crew[0].done(case)
    for one in crew:
        one.pull()
    return (*crew, case["record"])


def test_edits_of_different_fields_merge_in_silence(bureau: Bureau) -> None:
    """Both stand, both are applied, nobody is asked."""
    first, second, supervisor, case = _pair(bureau, description="old")
    first.done(first.patch("case", case, 1, description="new"))
    second.done(second.patch("case", case, 1, address="路口"))
    first.pull()
    assert (first.body(case)["description"], first.body(case)["address"]) == ("new", "路口")
    assert _get(supervisor) == []


def test_edits_of_one_field_leave_one_conflict_with_all_three_values(bureau: Bureau) -> None:
    """base, mine and theirs with their authors; the rest of the operation is applied; a repetition adds none."""
    first, second, supervisor, case = _pair(bureau, description="old", shop_name="s")
    first.done(first.patch("case", case, 1, description="theirs"))
    first.done(first.patch("case", case, 2, description="theirs again"))
    lost = second.patch("case", case, 1, description="mine", address="a", shop_name="s")
    [result] = second.send(lost)
    assert result["outcome"] == "merged"
    assert result["fields"] == {"description": "kept_server", "address": "applied", "shop_name": "unchanged"}
    assert result["now"] == {"description": "theirs again"}
    second.send(lost)
    [conflict] = _get(supervisor)
    assert [one["id"] for one in result["conflicts"]] == [conflict["id"]]
    shown = {name: conflict[name] for name in ("type", "record", "field", "class", "base", "mine", "theirs", "kept")}
    assert shown == {
        "type": "case", "record": case, "field": "description", "class": "officer_until_lock",
        "base": "old", "mine": "mine", "theirs": "theirs again", "kept": "server",
    }  # fmt: skip
    assert conflict["by"] == {"mine": second.officer, "theirs": first.officer}


def test_nobody_conflicts_with_himself(bureau: Bureau) -> None:
    """A store's later edits apply whatever their base, by version or by operation, alone or in one batch."""
    own, _, supervisor, case = _pair(bureau)
    one = own.patch("case", case, 1, description="a")
    two = own.patch("case", case, 0, description="b")
    three = own.patch("case", case, {"operation": one["id"]}, description="c", amount_fen=5)
    own.done(one, two, three)
    own.done(own.patch("case", case, 0, description="d", amount_fen=6))
    assert _get(supervisor) == []


def test_a_base_by_operation_has_not_seen_what_came_between(bureau: Bureau) -> None:
    """An edit that rests on one's own earlier edit still meets another's value of the time between."""
    own, other, _, case = _pair(bureau, description="old")
    one = own.patch("case", case, 1, address="a")
    other.done(other.patch("case", case, 1, description="theirs"))
    [_, result] = own.send(one, own.patch("case", case, {"operation": one["id"]}, description="mine"))
    assert result["fields"] == {"description": "kept_server"}


def test_a_supervisor_wins_and_others_may_only_propose(bureau: Bureau) -> None:
    """Once he set it his stands, seen or not; an officer's value that he overtakes is kept as a conflict."""
    own, _, supervisor, case = _pair(bureau)
    own.done(own.patch("case", case, 1, category="0101"))
    [over] = supervisor.send(supervisor.patch("case", case, 1, category=OTHER_CATEGORY))
    assert over["outcome"] == "applied"
    [conflict] = _get(supervisor)
    assert (conflict["kept"], conflict["mine"], conflict["theirs"]) == ("mine", OTHER_CATEGORY, "0101")
    own.pull()
    [late] = own.send(own.patch("case", case, own.version(case), category="0102"))
    assert (late["outcome"], late["now"]) == ("proposed", {"category": OTHER_CATEGORY})
    own.pull()
    assert own.body(case)["category"] == OTHER_CATEGORY


def test_a_resolution_syncs_down_and_is_answered_again_the_same(bureau: Bureau) -> None:
    """mine: the other value comes to stand everywhere; the same id again changes nothing; another id is late."""
    first, second, supervisor, case = _pair(bureau, description="old")
    first.done(first.patch("case", case, 1, description="theirs"))
    second.send(second.patch("case", case, 1, description="mine"))
    [conflict] = _get(supervisor)
    assert _settle(second, conflict["id"], keep="mine").json["code"] == "not_permitted"
    word = {"id": new_id(), "keep": "mine"}
    settled = _settle(supervisor, conflict["id"], **word)
    assert settled.json["state"] == "resolved"
    assert _settle(supervisor, conflict["id"], **word).json == settled.json
    assert _settle(supervisor, conflict["id"], keep="theirs").json["code"] == "already_resolved"
    for one in (first, second):
        one.pull()
        assert (one.body(case)["description"], one.version(case)) == ("mine", 3)
    assert (_get(supervisor), len(_get(supervisor, "resolved"))) == ([], 1)


def test_a_resolution_id_serves_one_conflict(bureau: Bureau) -> None:
    """The same id on another conflict is refused by name, and that conflict stays open."""
    first, second, supervisor, case = _pair(bureau, description="old", address="old")
    first.done(first.patch("case", case, 1, description="theirs", address="theirs"))
    second.send(second.patch("case", case, 1, description="mine", address="mine"))
    one, two = _get(supervisor)
    word = {"id": new_id(), "keep": "mine"}
    assert _settle(supervisor, one["id"], **word).status_code == 200
    answer = _settle(supervisor, two["id"], **word)
    assert answer.json["code"] == "operation_id_reused"
    assert [left["id"] for left in _get(supervisor)] == [two["id"]]


def test_a_resolution_is_judged_like_any_value(bureau: Bureau) -> None:
    """A value that the field cannot hold is refused and the conflict stays open."""
    first, second, supervisor, case = _pair(bureau, amount_fen=1)
    first.done(first.patch("case", case, 1, amount_fen=2))
    second.send(second.patch("case", case, 1, amount_fen=3))
    [conflict] = _get(supervisor)
    assert _settle(supervisor, conflict["id"], keep="value", value="many").json["code"] == "invalid_field"
    assert _settle(supervisor, conflict["id"], keep="value", value=4).status_code == 200
    first.pull()
    assert first.body(case)["amount_fen"] == 4


def test_a_proposed_step_can_be_let_stand(bureau: Bureau) -> None:
    """An event too early is proposed with one conflict; once it is legal a supervisor can accept it."""
    own, other, supervisor, case = _pair(bureau)
    own.done(own.step(case, "register", 1))
    [result] = other.send(other.step(case, "advise", 1))
    # Version 3: the server gave the registered case its number.
    assert (result["outcome"], result["version"]) == ("proposed", 3)
    [conflict] = _get(supervisor)
    assert (conflict["field"], conflict["mine"], conflict["theirs"]) == ("status", "advised", "registered")
    assert _settle(supervisor, conflict["id"], keep="mine").json["code"] == "invalid_field"
    own.done(own.step(case, "investigate", 2))
    assert _settle(supervisor, conflict["id"], keep="mine").status_code == 200
    own.pull()
    assert own.body(case)["status"] == "advised"


def test_an_accepted_step_brings_along_what_it_carried(bureau: Bureau) -> None:
    """Its values come to stand with the state; one that another changed since stays, as a conflict of its own."""
    own, other, supervisor, case = _pair(bureau, address="old", description="old")
    own.done(own.step(case, "register", 1))
    carried = {"address": "mine", "description": "mine", "shop_name": "演示店"}
    [result] = other.send(other.step(case, "advise", 1, **carried))
    assert (result["outcome"], result["fields"]) == ("proposed", dict.fromkeys(carried, "proposed"))
    own.done(own.step(case, "investigate", 2), own.patch("case", case, 3, description="theirs"))
    [conflict] = _get(supervisor)
    word = {"id": new_id(), "keep": "mine"}
    settled = _settle(supervisor, conflict["id"], **word)
    assert settled.status_code == 200
    assert _settle(supervisor, conflict["id"], **word).json == settled.json
    own.pull()
    body = own.body(case)
    assert [body[name] for name in ("status", *carried)] == ["advised", "mine", "theirs", "演示店"]
    [left] = _get(supervisor)
    assert [left[name] for name in ("field", "mine", "theirs")] == ["description", "mine", "theirs"]


def test_an_accepted_step_that_was_corrected_brings_along_the_correction(bureau: Bureau) -> None:
    """What a person put right when he had it tried again is what comes to stand, not what was sent."""
    own, other, supervisor, case = _pair(bureau)
    own.done(own.step(case, "register", 1))
    early = other.step(case, "advise", 1, shop_name="长" * 200, address="mine")
    [result] = other.send(early)
    assert result["outcome"] == "quarantined"
    replay = {"reason": "演示", "set": {"shop_name": "演示店"}}
    path = f"/api/v1/quarantine/{early['id']}/replay"
    answer = supervisor.handheld.client.post(path, json=replay, headers=supervisor.handheld.bearer)
    assert answer.json["outcome"] == "proposed"
    own.done(own.step(case, "investigate", 2))
    [conflict] = _get(supervisor)
    assert _settle(supervisor, conflict["id"], keep="mine").status_code == 200
    own.pull()
    body = own.body(case)
    assert (body["status"], body["shop_name"], body["address"]) == ("advised", "演示店", "mine")


def test_a_step_whose_state_was_reached_meanwhile_still_brings_what_it_carried(bureau: Bureau) -> None:
    """Accepting it changes no state, and loses no value; what was put aside is not applied."""
    own, other, supervisor, case = _pair(bureau)
    own.done(own.step(case, "register", 1))
    for shop in ("甲店", "乙店"):
        other.send(other.step(case, "advise", 1, shop_name=shop))
    own.done(own.step(case, "investigate", 2), own.step(case, "advise", 2))
    first, second = _get(supervisor)
    assert _settle(supervisor, first["id"], keep="mine").status_code == 200
    assert _settle(supervisor, second["id"], keep="theirs").status_code == 200
    own.pull()
    body = own.body(case)
    assert (body["status"], body["shop_name"]) == ("advised", "甲店")


def test_after_review_has_begun_an_unseen_edit_is_proposed(bureau: Bureau) -> None:
    """The lock turns kept_server into proposed."""
    first, second, supervisor, case = _pair(bureau, description="old")
    first.done(first.patch("case", case, 1, description="theirs"))
    verdict = {"id": new_id(), "verdict": "returned", "reason": "x"}
    client, bearer = supervisor.handheld.client, supervisor.handheld.bearer
    assert client.post(f"/api/v1/cases/{case}/reviews", json=verdict, headers=bearer).status_code == 200
    [result] = second.send(second.patch("case", case, 1, description="mine"))
    assert (result["outcome"], result["fields"]) == ("proposed", {"description": "proposed"})


def test_who_lets_stand_what_stood_lets_stand_what_came_of_it(bureau: Bureau) -> None:
    """Keeping theirs takes nothing back that a third wrote since; keeping mine still writes mine."""
    first, second, supervisor, _ = _pair(bureau)
    for keep, stands in (("theirs", "third"), ("mine", "mine")):
        made = first.create("case", description="old")
        case = made["record"]
        first.done(made)
        second.pull()
        first.done(first.patch("case", case, 1, description="theirs"))
        second.send(second.patch("case", case, 1, description="mine"))
        second.pull()
        second.done(second.patch("case", case, second.version(case), description="third"))
        [conflict] = _get(supervisor)
        answer = _settle(supervisor, conflict["id"], keep=keep)
        assert (answer.status_code, answer.json["resolution"]["value"]) == (200, stands)
        first.pull()
        assert first.body(case)["description"] == stands


def test_two_copies_of_a_terminal_do_not_overwrite_each_other(bureau: Bureau) -> None:
    """From the first number that came twice on, unseen words leave a conflict; what rests on an own edit does not."""
    own = terminal(bureau, "zhang")
    made = own.create("case", description="old")
    case = made["record"]
    own.done(made)
    copy = Terminal(own.handheld, own.officer, own.store)
    copy.number = own.number
    own.done(own.patch("case", case, 1, description="one"), own.patch("case", case, 1, address="one"))
    first = copy.patch("case", case, 1, description="two")
    second = copy.patch("case", case, {"operation": first["id"]}, description="two again", shop_name="s")
    third = copy.patch("case", case, {"operation": second["id"]}, shop_name="t")
    results = copy.send(first, second, third)
    assert [one.get("flags") for one in results] == [["number_reused"], ["number_reused"], None]
    assert [one["outcome"] for one in results] == ["merged", "merged", "applied"]
    assert [one["fields"]["description"] for one in results[:2]] == ["kept_server", "kept_server"]
    own.pull()
    assert (own.body(case)["description"], own.body(case)["shop_name"]) == ("one", "t")


def test_an_edit_that_waited_gives_way_to_the_same_hands_later_one(bureau: Bureau) -> None:
    """Parked for a case that came late: the later words of the same store stand, and nobody is asked."""
    own, supervisor = terminal(bureau, "zhang"), terminal(bureau, "li", "supervisor")
    made, waited_for = own.create("case", description="old"), own.create("case")
    early = own.patch("case", made["record"], 1, description="early") | {"after": [waited_for["id"]]}
    late = own.patch("case", made["record"], 1, description="late")
    assert [one["outcome"] for one in own.send(made, early, late)] == ["applied", "parked", "applied"]
    own.done(waited_for)
    own.pull()
    assert own.body(made["record"])["description"] == "late"
    assert _get(supervisor) == []


def test_what_the_server_owns_is_ignored_in_a_proposed_step_too(bureau: Bureau) -> None:
    """The step is a person's to judge, what it set of the server's own is nobody's."""
    _first, second, _, case = _pair(bureau)
    [result] = second.send(second.step(case, "notify", 1, case_no="1", amount_fen=5))
    assert (result["outcome"], result["fields"]) == ("proposed", {"case_no": "ignored", "amount_fen": "proposed"})
    assert result["flags"] == ["server_owned"]
