"""Reviews and suits: noted once, ended once, and no late fee accrues while one is open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from field_api.casework import remedies
from field_api.casework.remedies import LateFee
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.lawful import at, clocks, decided
from tests.integration.people import Bureau, Console, problem

# Served on 30 April: fifteen days end on Friday 15 May; day one of the fee is the 16th.
OPENED, CLOSED = at("09:00", "2026-05-20"), at("09:00", "2026-05-29")


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer1")


@pytest.fixture
def legal(bureau: Bureau) -> Console:
    return bureau.console("fazhi", "legal")


def served(own: Terminal) -> str:
    case, operations = decided(own)
    own.done(*operations)
    return case


def tell(legal: Console, case: str, **parts: Any) -> TestResponse:
    return legal.post(f"/cases/{case}/remedies", {"id": new_id(), "kind": "review", "opened_at": OPENED} | parts)


def fee(bureau: Bureau, own: Terminal, case: str, day: str) -> LateFee | None:
    own.pull()
    moment = datetime.fromisoformat(f"{day}T12:00:00+08:00")
    return bureau.change(lambda session: remedies.late_fee_of(session, case, own.body(case), moment))


def test_the_late_fee_stands_still_while_a_review_is_open(bureau: Bureau, own: Terminal, legal: Console) -> None:
    """Four days before it, none of the ten while it is open, and on from the day after its end."""
    case = served(own)
    assert fee(bureau, own, case, "2026-05-15") == LateFee(10_000, 0, 0)
    assert fee(bureau, own, case, "2026-05-20") == LateFee(10_000, 5, 1_500)
    name = new_id()
    assert tell(legal, case, id=name).status_code == 200
    assert fee(bureau, own, case, "2026-05-28") == LateFee(10_000, 4, 1_200)
    assert tell(legal, case, id=name, closed_at=CLOSED, result="upheld").status_code == 200
    assert fee(bureau, own, case, "2026-05-30") == LateFee(10_000, 5, 1_500)
    assert fee(bureau, own, case, "2026-12-31") == LateFee(10_000, 220, 10_000)


def test_without_a_term_for_payment_there_is_no_fee(bureau: Bureau, own: Terminal) -> None:
    """Before service, or for a mere slip."""
    created = own.create("case")
    own.done(created)
    assert fee(bureau, own, created["record"], "2026-12-31") is None


def test_a_review_meets_its_clock_and_its_end_starts_the_next(bureau: Bureau, own: Terminal, legal: Console) -> None:
    """Sixty days to ask, fifteen to sue after the answer."""
    case, name = served(own), new_id()
    assert tell(legal, case, id=name).status_code == 200
    assert clocks(bureau, case)["review"].state == "met"
    assert "suit_after_review" not in clocks(bureau, case)
    tell(legal, case, id=name, closed_at=CLOSED, result="upheld")
    row = clocks(bureau, case)["suit_after_review"]
    assert (row.state, row.due_at) == ("lapsed", datetime(2026, 6, 15, 15, 59, 59, 999_000, tzinfo=UTC))
    assert tell(legal, case, kind="suit", opened_at=at("09:00", "2026-06-10")).status_code == 200
    assert clocks(bureau, case)["suit_after_review"].state == "met"


def test_what_ended_stays(bureau: Bureau, own: Terminal, legal: Console) -> None:
    """The same word again changes nothing; another end, kind, beginning or case is refused."""
    case, other, name = served(own), served(own), new_id()
    ended = tell(legal, case, id=name, closed_at=CLOSED, result="upheld")
    assert tell(legal, case, id=name, closed_at=CLOSED, result="upheld").json == ended.json
    assert problem(tell(legal, case, id=name, closed_at=CLOSED, result="revoked")) == (409, "changed_meanwhile")
    assert problem(tell(legal, case, id=name)) == (409, "changed_meanwhile")
    assert problem(tell(legal, case, id=name, kind="suit")) == (409, "operation_id_reused")
    assert problem(tell(legal, other, id=name)) == (409, "operation_id_reused")


@pytest.mark.parametrize(
    "wrong",
    [
        {"closed_at": CLOSED},
        {"result": "upheld"},
        {"closed_at": at("09:00", "2026-05-19"), "result": "upheld"},
        {"opened_at": at("09:00", "2190-05-19")},
        {"closed_at": at("09:00", "2190-05-19"), "result": "upheld"},
    ],
)
def test_times_out_of_order_are_refused(bureau: Bureau, own: Terminal, legal: Console, wrong: dict[str, Any]) -> None:
    """An end without a result, a result without an end, before its beginning, or yet to come."""
    assert problem(tell(legal, served(own), **wrong)) == (422, "invalid_field")


def test_only_the_units_reviewers_may_note_one(bureau: Bureau, own: Terminal, legal: Console) -> None:
    """Not an officer, and not of a case that one cannot see."""
    case = served(own)
    body = {"id": new_id(), "kind": "review", "opened_at": OPENED}
    path = f"/api/v1/cases/{case}/remedies"
    assert problem(own.handheld.client.post(path, json=body, headers=own.handheld.bearer)) == (403, "not_permitted")
    assert problem(tell(legal, new_id())) == (404, "not_found")
