"""Where defects are settled: by whom, how often, and what follows."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from field_api.casework.clock_tables import Deadline
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.people import Bureau, Console, problem
from tests.integration.test_judgement import at, defects, own, pair, street, tasks

__all__ = ["own", "pair"]


@pytest.fixture
def legal(bureau: Bureau) -> Console:
    return bureau.console("fazhi", "legal")


@pytest.fixture
def faulty(own: Terminal, pair: tuple[str, str]) -> str:
    """A served case without an order to correct: R34."""
    case = new_id()
    own.push(*street(own, pair, case, frozenset({"order"})))
    return case


def listed(console: Console, state: str = "") -> list[dict[str, Any]]:
    answer = console.client.get("/api/v1/defects" + (f"?state={state}" if state else ""))
    assert answer.status_code == 200, answer.text
    return list(answer.json)


def settle(console: Console, defect: str, **parts: Any) -> TestResponse:
    told = {"id": new_id(), "outcome": "upheld", "reason": "演示：已口头责令改正"} | parts
    return console.post(f"/defects/{defect}/settlement", told)


def test_a_defect_is_listed_and_settled_once(bureau: Bureau, legal: Console, faulty: str) -> None:
    """The reviewer's word closes defect and task; said again it is the same, another one comes too late."""
    [defect] = listed(legal)
    assert (defect["record"], defect["rule"], defect["state"]) == (faulty, "R34", "open")
    word = {"id": new_id(), "outcome": "corrected", "reason": "演示：已补正"}
    for _ in range(2):
        answer = legal.post(f"/defects/{defect['id']}/settlement", word)
        assert (answer.status_code, answer.json["state"], answer.json["outcome"]) == (200, "settled", "corrected")
    assert tasks(bureau, faulty) == [("R34", "closed")]
    assert problem(settle(legal, defect["id"])) == (409, "changed_meanwhile")
    assert listed(legal) == []
    assert [one["id"] for one in listed(legal, "settled")] == [defect["id"]]


def test_what_a_person_settled_is_not_opened_again_by_itself(
    bureau: Bureau, own: Terminal, legal: Console, faulty: str
) -> None:
    """A later look that finds the same leaves his word alone; and one that finds it mended does too."""
    [defect] = listed(legal)
    assert settle(legal, defect["id"]).status_code == 200
    own.push(own.append("case", faulty, "timeline", step="educate", at=at(8)))
    assert defects(bureau, faulty) == {"R34": "settled"}
    own.push(own.append("case", faulty, "timeline", step="correction_ordered", at=at(9)))
    assert defects(bureau, faulty) == {"R34": "settled"}
    assert tasks(bureau, faulty) == [("R34", "closed")]


def test_who_had_a_hand_in_the_case_settles_nothing_of_it(
    bureau: Bureau, own: Terminal, pair: tuple[str, str], faulty: str
) -> None:
    """A supervisor who wrote the case may not; nor may an auditor, or anybody in words that there are not."""
    both = terminal(bureau, "liangshou", "officer", "supervisor")
    case = new_id()
    both.push(*street(both, pair, case, frozenset({"order"})))
    chief, auditor = bureau.console_of("liangshou"), bureau.console("jiancha", "auditor")
    of_case = {one["record"]: one["id"] for one in listed(chief) if one["rule"] == "R34"}
    assert problem(settle(chief, of_case[case])) == (403, "own_case")
    assert problem(settle(auditor, of_case[faulty])) == (403, "not_permitted")
    assert problem(settle(chief, new_id())) == (404, "not_found")
    assert settle(chief, of_case[faulty], outcome="forgotten").status_code == 422
    assert settle(chief, of_case[faulty]).status_code == 200


def test_a_revoked_decision_is_owed_no_more(bureau: Bureau, legal: Console, faulty: str) -> None:
    """The term for payment is met by the revocation."""
    [defect] = listed(legal)
    met = sa.select(Deadline.met_at).where(Deadline.record == faulty, Deadline.clock == "pay")
    assert bureau.change(lambda session: session.scalar(met)) is None
    assert settle(legal, defect["id"], outcome="revoked").status_code == 200
    assert bureau.change(lambda session: session.scalar(met)) is not None


def test_a_void_case_has_no_defects(bureau: Bureau, own: Terminal, legal: Console, faulty: str) -> None:
    """What never was breaks no rule: its defects and their tasks are closed."""
    own.done(own.void("case", faulty, 0))
    assert defects(bureau, faulty) == {"R34": "cleared"}
    assert tasks(bureau, faulty) == [("R34", "closed")]
    assert listed(legal) == []
