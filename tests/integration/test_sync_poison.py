"""What a broken or hostile operation can do to its neighbours: nothing."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from tests.integration.field import CATEGORY, Terminal, instant, new_id, terminal
from tests.integration.people import Bureau

BROKEN: list[dict[str, Any]] = [
    {"action": []},
    {"action": {}},
    {"action": "erase"},
    {"base": {"operation": [1]}},
    {"base": {"operation": {}}},
    {"base": {}},
    {"base": 2**31},
    {"base": 2**52},
    {"base": 2**80},
    {"base": -1},
    {"base": True},
    {"type": {}},
    {"type": "x" * 65},
    {"type": "no_such_type"},
    {"record": 7},
    {"record": "x" * 36},
    {"number": 2**60},
    {"number": -1},
    {"at": 5},
    {"at": "2026-13-40T10:00:00Z"},
    {"at": "2026-11-22T10:00:00"},
    {"hlc": []},
    {"hlc": "tomorrow"},
    {"set": None},
    {"set": []},
    {"set": {"category": CATEGORY, "description": "\0"}},
    {"set": {"category": CATEGORY, "description": "\ud800"}},
    {"set": {"category": CATEGORY, "a\0": 1}},
    {"set": {"category": CATEGORY, "description": "x" * 1_000_000}},
    {"set": {"category": CATEGORY, "amount_fen": 2**70}},
    {"set": {"category": CATEGORY, "amount_fen": 1e308}},
    {"set": {"category": CATEGORY, "incident": "x" * 36}},
    {"set": {"category": CATEGORY, "incident": []}},
    {"set": {"category": CATEGORY, "position": {"lng": 1, "lat": 1, "coord_sys": []}}},
    {"set": {"category": []}},
    {"set": {"category": CATEGORY, "plates": [{}]}},
    {"set": {"category": CATEGORY, "occurred_at": "2026-W47-7T10:00:00+08:00"}},
    {"was": []},
    {"officer": {}},
    {"id": None},
    {"id": 5},
    {"id": "UPPER"},
]


def test_a_broken_operation_is_quarantined_whole_and_its_neighbours_are_applied(bureau: Bureau) -> None:
    """Whatever one operation holds, the answer is 200, it alone is quarantined, and the same answer comes again."""
    own = terminal(bureau, "zhang")
    for broken in BROKEN:
        _check_broken(own, broken)


def _check_broken(own: Terminal, broken: dict[str, Any]) -> None:
    before, after = own.create("case"), own.create("case")
    bad = own.create("case") | broken
    envelope = {"protocol": 1, "schema": 1, "batch": new_id(), "store": own.store, "clock": {"wall": instant()}}
    body = json.dumps({**envelope, "operations": [before, bad, after]}).encode()
    first = own.post_raw(body)
    assert first.status_code == 200, (str(broken)[:80], first.text)
    assert [one["outcome"] for one in first.json["results"]] == ["applied", "quarantined", "applied"], str(broken)[:80]
    assert first.json["results"][1]["problem"]["code"]
    again = own.post_raw(body)
    assert again.json["results"][1] == first.json["results"][1]
    got = {change["record"] for change in own.pull(lanes=["records"])}
    assert got == {before["record"], after["record"]}


def test_what_is_no_operation_at_all_is_kept_and_named(bureau: Bureau) -> None:
    """Something without an id gets a result of its own and spoils nothing."""
    own = terminal(bureau, "zhang")
    results = own.send(None, 5, "x", [], [[]], {}, True, own.create("case"))
    assert [one["outcome"] for one in results] == ["quarantined"] * 7 + ["applied"]
    assert {one["problem"]["code"] for one in results[:7]} == {"invalid_field"}


def test_what_the_database_refuses_suffers_alone(bureau: Bureau) -> None:
    """A constraint that only the database knows quarantines its own operation, in the middle of a batch."""
    own = terminal(bureau, "zhang", "officer", "supervisor")
    bureau.change(lambda session: session.execute(sa.text("CREATE UNIQUE INDEX one_of_a_name ON incident (address)")))
    own.done(own.create("incident", address="taken"))
    incident, case = own.create("incident"), own.create("case")
    wrong = [own.create("incident", address="taken") for _ in range(3)]
    last = own.create("case")
    results = own.send(incident, case, *wrong, last)
    assert [one["outcome"] for one in results] == ["applied"] * 2 + ["quarantined"] * 3 + ["applied"]
    assert {one["problem"]["code"] for one in results[2:5]} == {"invalid_field"}
    own.pull()
    assert {incident["record"], case["record"], last["record"]} <= own.held.keys()
    assert not {one["record"] for one in wrong} & own.held.keys()


def test_the_endpoints_that_are_not_there_yet_say_so(bureau: Bureau) -> None:
    """501 not_implemented, by the promised path and method."""
    own = terminal(bureau, "zhang", "supervisor")
    calls = ["/centre/events"]
    answers = [own.handheld.client.post(f"/api/v1{path}", json={}, headers=own.handheld.bearer) for path in calls]
    answers.append(own.handheld.client.get(f"/api/v1/cases/{new_id()}/bundle", headers=own.handheld.bearer))
    assert {(one.status_code, one.json["code"]) for one in answers} == {(501, "not_implemented")}


def test_what_names_no_unit_or_a_record_of_another_type_is_found_before_the_database_refuses(bureau: Bureau) -> None:
    """Each says what is wrong with it, and its neighbour is applied in the same breath."""
    own = terminal(bureau, "li", "supervisor", "officer")
    case = own.create("case")
    own.done(case)
    task = own.create("task", title="x", for_unit="nowhere")
    under = own.create("case", incident=case["record"])
    results = own.send(task, under, own.create("case"))
    assert [one["outcome"] for one in results] == ["quarantined", "quarantined", "applied"]
    assert results[0]["problem"]["errors"][0]["pointer"] == "/set/for_unit"
    assert results[1]["problem"]["code"] == "invalid_field"
