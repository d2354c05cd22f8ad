"""`/ledger/…`: where the cash of fines is; `/cases/{id}/remedies`: reviews and suits, which stop a late fee."""

from __future__ import annotations

from flask import Blueprint

from field_api.casework import cashier, remedies
from field_api.casework.cashier import Banking, HandIn, Reversal
from field_api.casework.remedies import Noted
from field_api.casework.terms import terms_of
from field_api.endpoint import Answer, Context, endpoint
from field_api.schemas.ledger import (
    BankingLoad,
    HandInLoad,
    HoldingDump,
    RemedyDump,
    RemedyLoad,
    ReversalLoad,
    TransactionDump,
)

blueprint = Blueprint("ledger", __name__, url_prefix="/api/v1")
_PROBLEMS = ("not_permitted", "not_found", "invalid_field", "cash_moved", "operation_id_reused")


@blueprint.post("/ledger/hand-ins")
@endpoint(
    "Take in the cash that an officer collected",
    caller="either",
    mode="write",
    load=HandInLoad,
    dump=TransactionDump,
    tag="ledger",
    problems=(*_PROBLEMS, "amount_differs"),
)
def hand_in(context: Context, asked: HandIn) -> Answer:
    done = cashier.hand_in(context.session, context.identity, asked, context.now, terms_of(context.config))
    return Answer(TransactionDump().dump(done))


@blueprint.post("/ledger/bankings")
@endpoint(
    "Note that cash was paid into the bank",
    caller="either",
    mode="write",
    load=BankingLoad,
    dump=TransactionDump,
    tag="ledger",
    problems=(*_PROBLEMS, "amount_differs"),
)
def bank(context: Context, asked: Banking) -> Answer:
    done = cashier.bank(context.session, context.identity, asked, context.now, terms_of(context.config))
    return Answer(TransactionDump().dump(done))


@blueprint.post("/ledger/reversals")
@endpoint(
    "Take a hand-in or banking back",
    caller="either",
    mode="write",
    load=ReversalLoad,
    dump=TransactionDump,
    tag="ledger",
    problems=_PROBLEMS,
)
def reverse(context: Context, asked: Reversal) -> Answer:
    done = cashier.reverse(context.session, context.identity, asked, context.now, terms_of(context.config))
    return Answer(TransactionDump().dump(done))


@blueprint.get("/ledger/officers/<uuid:officer>")
@endpoint(
    "Say what cash an officer holds",
    caller="either",
    dump=HoldingDump,
    tag="ledger",
    problems=("not_permitted", "not_found"),
)
def holding(context: Context, officer: str) -> Answer:
    return Answer(HoldingDump().dump(cashier.holding(context.session, context.identity, str(officer))))


@blueprint.post("/cases/<case>/remedies")
@endpoint(
    "Note a review or suit, or how it ended",
    caller="either",
    mode="write",
    load=RemedyLoad,
    dump=RemedyDump,
    tag="ledger",
    problems=("not_permitted", "not_found", "invalid_field", "operation_id_reused", "changed_meanwhile"),
)
def note_remedy(context: Context, told: Noted, case: str) -> Answer:
    row = remedies.note(context.session, case, told, context.identity, context.now, terms_of(context.config))
    return Answer(RemedyDump().dump(row))
