"""The cash of fines: entered by payments, moved in whole receipts, taken back only by entries of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from field_api.alerts import Alert
from field_api.auth.officers import add_unit
from field_api.auth.sessions import identity_of
from field_api.casework import cashier as cash
from field_api.casework import clock_tables, clock_words, ledger, ledger_tables
from field_api.casework.law.clocks import Duty
from field_api.casework.law.deadlines import Light
from field_api.casework.ledger_tables import CashReceipt, LedgerAccount, LedgerEntry, LedgerTransaction
from tests.integration.field import Terminal, new_id, terminal
from tests.integration.lawful import at, clocks, decided, payment
from tests.integration.people import Bureau, Console, problem

HANDED_IN, BANKED = at("10:00", "2026-05-06"), at("10:00", "2026-05-08")


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer1")


@pytest.fixture
def cashier(bureau: Bureau) -> Console:
    return bureau.console("shenhe", "supervisor")


def fined(own: Terminal, amount_fen: int = 10_000, **parts: Any) -> tuple[str, dict[str, Any]]:
    """A case whose fine was taken on the spot: its id and the payment's operation."""
    case, operations = decided(own, amount_fen=amount_fen)
    paid = payment(own, case, amount_fen, **parts)
    own.done(*operations, paid)
    return case, paid


def rows(bureau: Bureau, table: Any, *which: Any) -> list[Any]:
    columns = table.__table__.columns
    return list(bureau.change(lambda session: session.execute(sa.select(*columns).where(*which)).all()))


def balances(bureau: Bureau) -> dict[str, int]:
    """What stands on each account that something stands on; the books must balance, in each transaction and in all."""
    entries = rows(bureau, LedgerEntry)
    sums: dict[str, int] = {}
    for one in entries:
        sums[one.account] = sums.get(one.account, 0) + one.amount_fen
    each: dict[str, int] = {}
    for one in entries:
        each[one.transaction] = each.get(one.transaction, 0) + one.amount_fen
    assert set(each.values()) <= {0}
    accounts = {one.id: one.balance_fen for one in rows(bureau, LedgerAccount)}
    assert accounts == sums
    assert sum(accounts.values()) == 0
    return {name: fen for name, fen in accounts.items() if fen}


def hand_in(cashier: Console, own: Terminal, receipts: list[str], amount_fen: int, **changed: Any) -> TestResponse:
    body = {"id": new_id(), "officer": own.officer, "receipts": receipts, "amount_fen": amount_fen, "at": HANDED_IN}
    return cashier.post("/ledger/hand-ins", body | changed)


def bank(cashier: Console, hand_ins: list[str], amount_fen: int, **changed: Any) -> TestResponse:
    body = {"id": new_id(), "hand_ins": hand_ins, "amount_fen": amount_fen, "at": BANKED, "slip_no": "演示-1"}
    return cashier.post("/ledger/bankings", body | changed)


def reverse(cashier: Console, transaction: str, **changed: Any) -> TestResponse:
    return cashier.post("/ledger/reversals", {"id": new_id(), "transaction": transaction, "reason": "演示"} | changed)


def void(own: Terminal, case: str, paid: dict[str, Any]) -> None:
    own.done(own.operation(
        "void", "case", case, base=0, list="payments", item=paid["item"]["id"], reason="演示"
    ))  # fmt: skip


def test_cash_goes_from_hand_to_agency_to_bank(bureau: Bureau, own: Terminal, cashier: Console) -> None:
    """Each step moves the whole amount, and meets the clock that waited for it, by its own time."""
    case, _ = fined(own)
    [receipt] = rows(bureau, CashReceipt)
    assert balances(bureau) == {ledger.account_of(own.officer): 10_000, "fines": -10_000}
    assert receipt.collected_at == datetime(2026, 4, 30, 1, 40, tzinfo=UTC)
    done = hand_in(cashier, own, [receipt.id], 10_000)
    assert done.status_code == 200, done.text
    assert balances(bureau) == {"agency": 10_000, "fines": -10_000}
    assert clocks(bureau, case)["hand_in"].state == "met"
    waits = clocks(bureau, case)["bank_in"]
    assert waits.due_at == datetime(2026, 5, 8, 15, 59, 59, 999_000, tzinfo=UTC)
    banked = bank(cashier, [done.json["id"]], 10_000)
    assert banked.status_code == 200, banked.text
    assert balances(bureau) == {"bank": 10_000, "fines": -10_000}
    assert clocks(bureau, case)["bank_in"].state == "met"


def test_a_payment_is_entered_once(bureau: Bureau, own: Terminal) -> None:
    """A push that comes twice, another edit of the case, other kinds of payment: no fen more."""
    case, paid = fined(own)
    own.push(paid)
    own.done(own.append("case", case, "payments", mode="bank15", amount_fen=5_000))
    own.done(own.append("case", case, "notes", text="演示"))
    assert balances(bureau) == {ledger.account_of(own.officer): 10_000, "fines": -10_000}


def test_a_voided_payment_is_taken_back(bureau: Bureau, own: Terminal, cashier: Console) -> None:
    """Before it is handed in the officer holds it no more; after, it is owed to the party; the entries stay."""
    first, one = fined(own)
    void(own, first, one)
    assert balances(bureau) == {}
    second, two = fined(own, 5_000)
    [receipt] = rows(bureau, CashReceipt, CashReceipt.record == second)
    assert hand_in(cashier, own, [receipt.id], 5_000).status_code == 200
    void(own, second, two)
    assert balances(bureau) == {"agency": 5_000, "refunds": -5_000}
    kinds = sorted(row.kind for row in rows(bureau, LedgerTransaction))
    assert kinds == ["collection", "collection", "hand_in", "reversal", "reversal"]


def test_what_is_taken_back_is_as_before(bureau: Bureau, own: Terminal, cashier: Console) -> None:
    """A banking first, then the hand-in; each once, and the clocks run again."""
    case, _ = fined(own)
    [receipt] = rows(bureau, CashReceipt)
    handed = hand_in(cashier, own, [receipt.id], 10_000).json["id"]
    banked = bank(cashier, [handed], 10_000).json["id"]
    assert problem(reverse(cashier, handed)) == (409, "cash_moved")
    undone = reverse(cashier, banked, id=(name := new_id()))
    assert undone.status_code == 200, undone.text
    assert reverse(cashier, banked, id=name).json == undone.json
    assert problem(reverse(cashier, banked)) == (409, "cash_moved")
    assert reverse(cashier, handed).status_code == 200
    assert balances(bureau) == {ledger.account_of(own.officer): 10_000, "fines": -10_000}
    assert clocks(bureau, case)["hand_in"].state == "missed"
    assert "bank_in" not in clocks(bureau, case)
    assert hand_in(cashier, own, [receipt.id], 10_000).status_code == 200


def test_the_same_call_twice_moves_once(bureau: Bureau, own: Terminal, cashier: Console) -> None:
    """By its id; the id with another content is refused."""
    fined(own)
    [receipt] = rows(bureau, CashReceipt)
    name = new_id()
    first = hand_in(cashier, own, [receipt.id], 10_000, id=name)
    assert hand_in(cashier, own, [receipt.id], 10_000, id=name).json == first.json
    assert problem(hand_in(cashier, own, [receipt.id], 9_999, id=name)) == (409, "operation_id_reused")
    assert balances(bureau) == {"agency": 10_000, "fines": -10_000}


def test_what_does_not_add_up_is_refused(bureau: Bureau, own: Terminal, cashier: Console) -> None:
    """Another amount, another's receipts, twice the same, of tomorrow, of nothing: no fen moves."""
    fined(own)
    [receipt] = rows(bureau, CashReceipt)
    assert problem(hand_in(cashier, own, [receipt.id], 9_000)) == (409, "amount_differs")
    assert problem(hand_in(cashier, own, [new_id()], 10_000)) == (404, "not_found")
    assert problem(hand_in(cashier, own, [], 10_000)) == (422, "envelope_invalid")
    assert problem(hand_in(cashier, own, [receipt.id], 10_000, at="2199-01-01T00:00:00Z")) == (422, "invalid_field")
    assert problem(hand_in(cashier, own, [receipt.id], 10_000, at="昨天")) == (422, "envelope_invalid")
    assert problem(hand_in(cashier, own, [receipt.id], 10_000, officer=new_id())) == (404, "not_found")
    assert problem(bank(cashier, [new_id()], 10_000)) == (404, "not_found")
    handed = hand_in(cashier, own, [receipt.id], 10_000).json["id"]
    assert problem(hand_in(cashier, own, [receipt.id], 10_000)) == (409, "cash_moved")
    assert problem(bank(cashier, [handed], 1)) == (409, "amount_differs")
    assert problem(reverse(cashier, receipt.id)) == (404, "not_found")
    assert balances(bureau) == {"agency": 10_000, "fines": -10_000}


def test_only_cashiers_move_cash_and_only_their_units(bureau: Bureau, own: Terminal) -> None:
    """Nobody takes in his own; an auditor looks; another unit's supervisor sees nothing."""
    fined(own)
    [receipt] = rows(bureau, CashReceipt)
    officers = {
        name: bureau.console(name, role) for name, role in (("dispatch", "dispatcher"), ("audit", "auditor"))
    }
    for one in officers.values():
        assert problem(hand_in(one, own, [receipt.id], 10_000)) == (403, "not_permitted")
    mine = own.handheld.client.get(f"/api/v1/ledger/officers/{own.officer}", headers=own.handheld.bearer)
    assert (mine.json["balance_fen"], [one["id"] for one in mine.json["receipts"]]) == (10_000, [receipt.id])
    seen = officers["audit"].client.get(f"/api/v1/ledger/officers/{own.officer}")
    assert seen.json["balance_fen"] == 10_000
    assert seen.json["transactions"][0]["kind"] == "collection"
    unseen = officers["dispatch"].client.get(f"/api/v1/ledger/officers/{own.officer}")
    assert problem(unseen) == (403, "not_permitted")
    bureau.change(lambda session: add_unit(session, "u2", "演示二中队"))
    bureau.officer("bieren", "supervisor", unit="u2")
    stranger = bureau.console_of("bieren")
    assert problem(hand_in(stranger, own, [receipt.id], 10_000)) == (404, "not_found")


def test_a_receipts_number_that_comes_twice_is_told(bureau: Bureau, own: Terminal) -> None:
    """Both amounts are kept, since both were taken; the second is contested, and an alert names the number."""
    fined(own, receipt_no="演示票0001")
    second, _ = fined(own, receipt_no="演示票0001")
    fined(own)
    fined(own)
    found = {one.record: one.contested for one in rows(bureau, CashReceipt)}
    assert [record for record, contested in found.items() if contested] == [second]
    [alert] = rows(bureau, Alert, Alert.kind == "receipt_reused")
    assert (alert.subject, alert.detail["names"]) == (second, ["演示票0001"])
    assert balances(bureau)["fines"] == -40_000


def test_who_took_it_holds_it(bureau: Bureau, own: Terminal) -> None:
    """Whom the payment names; an unknown name falls back on who wrote it down."""
    other = bureau.officer("officer2")
    fined(own, collected_by=other)
    fined(own, 3_000, collected_by=new_id())
    found = balances(bureau)
    assert (found[ledger.account_of(other)], found[ledger.account_of(own.officer)]) == (10_000, 3_000)


def test_the_database_lets_no_cash_go_below_nothing(bureau: Bureau, own: Terminal) -> None:
    """Whatever the program does: a movement of what is not there fails as a whole."""
    fined(own)
    moves = {ledger.account_of(own.officer): -10_001, "agency": 10_001}
    moment = datetime(2026, 5, 6, tzinfo=UTC)
    with pytest.raises(sa.exc.IntegrityError):
        bureau.change(
            lambda session: ledger.post(
                session, new_id(), "hand_in", moves, own.officer, own.officer, moment, moment
            )
        )
    with pytest.raises(ValueError, match="balance"):
        bureau.change(
            lambda session: ledger.post(session, new_id(), "hand_in", {"agency": 1}, None, "x", moment, moment)
        )
    assert balances(bureau) == {ledger.account_of(own.officer): 10_000, "fines": -10_000}


STEPS = st.lists(
    st.tuples(st.sampled_from(["pay", "hand_in", "bank", "reverse", "void"]), st.integers(0, 7)), max_size=14
)


@given(STEPS)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_balances(bureau: Bureau, own_once: Terminal, cashier_once: Console, steps: Any) -> None:
    """Payments, hand-ins, bankings, reversals and voids in any order: zero in all, cash nowhere below nothing."""
    own, cashier = own_once, cashier_once
    paid: list[tuple[str, dict[str, Any]]] = []
    moved: list[str] = []
    for act, number in steps:
        held = rows(bureau, CashReceipt)
        if act == "pay":
            paid.append(fined(own, 1_000 + number))
        elif act == "void" and paid:
            void(own, *paid.pop(number % len(paid)))
        elif act == "hand_in" and held:
            some = held[: number + 1]
            answer = hand_in(cashier, own, [one.id for one in some], sum(one.amount_fen for one in some))
            moved += [answer.json["id"]] if answer.status_code == 200 else []
        elif act == "bank" and moved:
            chosen = moved[number % len(moved)]
            amount = sum(one.amount_fen for one in held if one.hand_in == chosen)
            answer = bank(cashier, [chosen], amount or 1)
            moved += [answer.json["id"]] if answer.status_code == 200 else []
        elif act == "reverse" and moved:
            reverse(cashier, moved[number % len(moved)])
        standing = balances(bureau)
        assert all(fen > 0 for name, fen in standing.items() if name not in ("fines", "refunds"))
        held_fen = sum(
            one.amount_fen for one in rows(bureau, CashReceipt) if one.hand_in is None and one.reversal is None
        )
        assert standing.get(ledger.account_of(own.officer), 0) == held_fen


@pytest.fixture
def own_once(bureau: Bureau) -> Terminal:
    return terminal(bureau, "officer9")


@pytest.fixture
def cashier_once(bureau: Bureau) -> Console:
    return bureau.console("shenhe9", "supervisor")


def test_what_waits_for_the_bank_is_listed(bureau: Bureau, own: Terminal, cashier: Console) -> None:
    """Each hand-in once, with its sum, until it is banked; nothing of other units."""
    first, second = fined(own), fined(own, 5_000)
    assert first != second
    receipts = rows(bureau, CashReceipt)
    handed = hand_in(cashier, own, [one.id for one in receipts], 15_000).json["id"]
    bureau.change(lambda session: add_unit(session, "u2", "演示二中队"))
    mine, other = bureau.officer("keeper", "supervisor"), bureau.officer("stranger", "supervisor", unit="u2")

    def waiting(officer: str) -> list[Any]:
        return list(bureau.change(lambda session: cash.to_bank(session, identity_of(session, officer))))

    assert [(row.hand_in, row.officer, row.amount_fen) for row in waiting(mine)] == [(handed, own.officer, 15_000)]
    assert waiting(other) == []
    assert bank(cashier, [handed], 15_000).status_code == 200
    assert waiting(mine) == []


def test_everything_has_its_words() -> None:
    """Each state, kind and result can be said in both languages."""
    assert set(clock_words.STATES) == set(clock_tables.STATES)
    assert set(clock_words.REMEDIES) == set(clock_tables.REMEDY_KINDS)
    assert set(clock_words.RESULTS) == set(clock_tables.RESULTS)
    assert set(clock_words.ACCOUNTS) == set(ledger_tables.ACCOUNT_KINDS)
    assert set(clock_words.TRANSACTIONS) == set(ledger_tables.TRANSACTION_KINDS)
    assert set(clock_words.LIGHTS) == set(Light)
    assert set(clock_words.DUTIES) == set(Duty)
