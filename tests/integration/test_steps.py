"""Acts of the head and of the legal reviewer: by whom, once, when law lets them; releases that both sides sign."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from field_api.alerts import Alert
from field_api.auth.identity import Identity
from field_api.casework import release
from tests.integration.field import Terminal, instant, new_id, terminal
from tests.integration.people import Bureau, Console, now, problem
from tests.integration.test_judgement import PARTY

BOTH = ("city_bureau", "traffic_police")


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer1")


@pytest.fixture
def liaison(bureau: Bureau) -> Terminal:
    return terminal(bureau, "jiaojing", "liaison")


@pytest.fixture
def head(bureau: Bureau) -> Console:
    return bureau.console("fuze", "supervisor")


def act(console: Console, record_type: str, record: str, event: str, **said: Any) -> Any:
    return console.post(f"/{record_type}s/{record}/steps", {"id": new_id(), "event": event, **said})


def opened(own: Terminal) -> str:
    case, proceeding = new_id(), new_id()
    own.done(
        own.create("case", case, party=PARTY, occurred_at=instant()),
        own.create("proceeding", proceeding, case=case, reason="演示", officers=[own.officer]),
    )
    return proceeding


def imposed(own: Terminal, kind: str = "seize", days_ago: int = 1, **values: Any) -> str:
    measure = new_id()
    taken = (now() - timedelta(days=days_ago)).isoformat(timespec="milliseconds")
    own.push(own.create("measure", measure, kind=kind, imposed_at=taken, **values))
    return measure


def body(own: Terminal, record: str) -> dict[str, Any]:
    own.pull()
    return own.body(record)


def identity(username: str, *roles: str) -> Identity:
    return Identity(username, username, username, frozenset(roles), "u1", frozenset({"u1"}), frozenset())


def alerts_of(bureau: Bureau, kind: str) -> list[str]:
    query = sa.select(Alert.subject).where(Alert.kind == kind, Alert.cleared_at.is_(None))
    return bureau.change(lambda session: list(session.scalars(query)))


def test_a_filing_is_approved_with_its_step(own: Terminal, head: Console) -> None:
    """The step and the approval come together, both by the head; the same request again changes nothing."""
    proceeding, said = opened(own), {"id": new_id(), "event": "file", "reason": "演示"}
    first = head.post(f"/proceedings/{proceeding}/steps", said)
    assert (first.status_code, first.json["outcome"]) == (200, "applied")
    assert head.post(f"/proceedings/{proceeding}/steps", said).json == first.json | {"duplicate": True}
    standing = body(own, proceeding)
    [approval] = standing["approvals"]
    assert (standing["status"], approval["kind"], approval["granted"]) == ("filed", "filing", True)
    assert approval["by"] != own.officer
    other = {**said, "event": "drop"}
    assert problem(head.post(f"/proceedings/{proceeding}/steps", other)) == (409, "operation_id_reused")


def test_a_refused_filing_says_so(own: Terminal, head: Console) -> None:
    proceeding = opened(own)
    assert act(head, "proceeding", proceeding, "drop", reason="演示").status_code == 200
    standing = body(own, proceeding)
    assert (standing["status"], standing["approvals"][0]["granted"]) == ("dropped", False)


def test_only_the_step_that_is_next_may_be_taken(own: Terminal, head: Console) -> None:
    """What is out of turn, unknown or seen too long ago is refused, and nothing is written."""
    proceeding = opened(own)
    assert problem(act(head, "proceeding", proceeding, "close")) == (409, "step_not_open")
    assert problem(act(head, "proceeding", proceeding, "fly")) == (422, "invalid_field")
    assert problem(act(head, "proceeding", proceeding, "file", base=0)) == (409, "changed_meanwhile")
    assert problem(act(head, "proceeding", new_id(), "file")) == (404, "not_found")
    assert (body(own, proceeding)["status"], body(own, proceeding)["approvals"]) == ("opened", [])


def test_each_step_has_its_people(bureau: Bureau, own: Terminal, head: Console) -> None:
    """The head does not review, the reviewer does not file, an officer does neither."""
    proceeding, reviewer = opened(own), bureau.console("fazhi", "legal")
    assert problem(act(reviewer, "proceeding", proceeding, "file")) == (403, "not_permitted")
    asked = {"id": new_id(), "event": "file"}
    answer = own.handheld.post(f"/proceedings/{proceeding}/steps", asked, headers=own.handheld.bearer)
    assert problem(answer) == (403, "not_permitted")
    assert act(head, "proceeding", proceeding, "file").status_code == 200
    own.done(
        *(
            own.operation("transition", "proceeding", proceeding, base=0, event=event, set={})
            for event in ("investigate", "submit")
        )
    )
    assert problem(act(head, "proceeding", proceeding, "pass_legal")) == (403, "not_permitted")
    assert act(reviewer, "proceeding", proceeding, "pass_legal").status_code == 200
    assert body(own, proceeding)["status"] == "reviewed"


def test_nobody_decides_on_his_own_case(bureau: Bureau) -> None:
    """Who opened it, imposed it or stood by does not approve it, whatever his other roles."""
    both = terminal(bureau, "liangzhong", "officer", "supervisor")
    console = bureau.console_of("liangzhong")
    assert problem(act(console, "proceeding", opened(both), "file")) == (403, "own_case")
    assert problem(act(console, "measure", imposed(both), "approve")) == (403, "own_case")
    extension = {"id": new_id(), "kind": "extension", "granted": True, "days": 30}
    answer = console.post(f"/proceedings/{opened(both)}/approvals", extension)
    assert problem(answer) == (403, "own_case")


def test_a_longer_term_is_granted_once_for_each_id(own: Terminal, head: Console) -> None:
    """A repeated request adds no second element; another one under its id is refused."""
    proceeding = opened(own)
    asked = {"id": new_id(), "kind": "extension", "granted": True, "days": 30, "note": "演示"}
    first = head.post(f"/proceedings/{proceeding}/approvals", asked)
    assert first.status_code == 200, first.text
    assert head.post(f"/proceedings/{proceeding}/approvals", asked).json["duplicate"] is True
    assert problem(head.post(f"/proceedings/{proceeding}/approvals", asked | {"days": 31})) == (
        409,
        "operation_id_reused",
    )
    [approval] = body(own, proceeding)["approvals"]
    assert (approval["days"], approval["note"]) == (30, "演示")


def test_a_seizure_is_extended_once_in_time_and_by_thirty_days_at_most(own: Terminal, head: Console) -> None:
    """R22: thirty days and thirty more, asked for before the first are over."""
    measure = imposed(own)
    assert problem(act(head, "measure", measure, "extend", days=30)) == (409, "step_not_open")
    assert act(head, "measure", measure, "approve").status_code == 200
    for days in (None, 0, 31):
        assert problem(act(head, "measure", measure, "extend", days=days)) == (422, "invalid_field")
    assert act(head, "measure", measure, "extend", days=30).status_code == 200
    assert problem(act(head, "measure", measure, "extend", days=1)) == (409, "step_not_open")
    standing = body(own, measure)
    assert (standing["status"], standing["extended_days"]) == ("extended", 30)
    assert [one["kind"] for one in standing["approvals"]] == ["measure", "extension"]
    assert standing["approved_at"]


def test_an_extension_after_the_term_is_refused(own: Terminal, head: Console) -> None:
    measure = imposed(own, days_ago=31)
    assert act(head, "measure", measure, "approve").status_code == 200
    assert problem(act(head, "measure", measure, "extend", days=10)) == (409, "term_over")


def test_measures_that_nobody_approved_in_a_day_come_first(bureau: Bureau, own: Terminal, head: Console) -> None:
    """The 24 hours of an urgent measure are seen; what is approved is not listed."""
    fresh, late = imposed(own, days_ago=0, urgent=True), imposed(own, days_ago=2, urgent=True)
    done = imposed(own, urgent=True)
    assert act(head, "measure", done, "approve").status_code == 200
    found = bureau.change(lambda session: release.unapproved(session, identity("x", "supervisor"), now()))
    assert [(one.measure, one.is_late) for one in found] == [(late, True), (fresh, False)]


def test_a_vehicle_is_released_when_both_sides_have_signed(
    bureau: Bureau, own: Terminal, liaison: Terminal, head: Console
) -> None:
    """会签: each side by its own people; the city's officer does not sign for the police."""
    measure = imposed(liaison, "hold_vehicle", ground="V4", subject="traffic_police")
    assert problem(act(head, "measure", measure, "lift")) == (409, "signoffs_missing")
    own.done(*(own.append("measure", measure, "signoffs", side=side) for side in BOTH))
    answer = act(head, "measure", measure, "lift")
    assert [one["code"] for one in answer.json["errors"]] == ["traffic_police"]
    liaison.done(liaison.append("measure", measure, "signoffs", side="traffic_police"))
    assert act(head, "measure", measure, "lift", reason="演示").status_code == 200
    assert body(liaison, measure)["lifted_at"]
    assert alerts_of(bureau, "release_unsigned") == []


def test_goods_need_no_joint_release(own: Terminal, head: Console) -> None:
    assert act(head, "measure", imposed(own), "lift").status_code == 200


def test_a_release_on_the_street_without_both_is_marked_and_told(bureau: Bureau, liaison: Terminal) -> None:
    """What left the yard is not called back: it stands, flagged, and supervisors have an alert."""
    measure = imposed(liaison, "hold_vehicle", ground="V4", subject="traffic_police")
    liaison.done(liaison.append("measure", measure, "signoffs", side="traffic_police"))
    [result] = liaison.done(liaison.operation("transition", "measure", measure, base=0, event="lift", set={}))
    assert result["flags"] == ["procedure_defect:joint"]
    assert alerts_of(bureau, "release_unsigned") == [measure]


def test_a_hand_over_is_listed_until_it_is_taken(bureau: Bureau, own: Terminal, liaison: Terminal) -> None:
    """Each receipt answers one hand-over; what is in nobody's hands stays listed."""
    measure = imposed(liaison, "hold_vehicle", ground="V4", subject="traffic_police", plate="川Z12345")
    [given] = liaison.done(liaison.append("measure", measure, "custody", act="handed_over", place="演示停车场"))
    supervisor = identity("x", "supervisor")

    def listed() -> list[tuple[str, str | None, str]]:
        found = bureau.change(lambda session: release.handed_over(session, supervisor))
        return [(one.measure, one.plate, one.by) for one in found]

    assert given["outcome"] == "applied"
    assert listed() == [(measure, "川Z12345", liaison.officer)]
    own.done(own.append("measure", measure, "custody", act="taken_over"))
    assert listed() == []
    own.done(own.append("measure", measure, "custody", act="taken_over"))
    own.done(own.append("measure", measure, "custody", act="handed_over"))
    assert listed() == [(measure, "川Z12345", own.officer)]
