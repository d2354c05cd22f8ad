"""The cash of fines at the desk: who holds what, taken in, banked, taken back."""

from __future__ import annotations

import re
from datetime import datetime

from flask import Blueprint, request

from field_api.casework import cashier
from field_api.casework.cashier import Banking, HandIn, Reversal
from field_api.casework.clock_words import TRANSACTIONS
from field_api.casework.terms import terms_of
from field_api.console import ledger_queries
from field_api.console.desk_queries import badges
from field_api.console.page import form_id, form_text, page, render, return_to, see
from field_api.console.show import CHINA
from field_api.endpoint import Answer, Context
from field_api.problems import Problem
from sync.engine.kinds import UUID

blueprint = Blueprint("console_ledger", __name__, url_prefix="/console/ledger")
HERE = "/console/ledger"
MOST = 200
_YUAN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    context.identity.require(*cashier.READERS)
    return render(
        context,
        "ledger.html",
        badges=badges(context.session, context.identity),
        found=ledger_queries.books(context.session, context.identity, context.now),
        may_move=bool(context.identity.roles.intersection(cashier.CASHIERS)),
        kinds=TRANSACTIONS,
    )


@blueprint.post("/hand-ins")
@page(mode="write")
def hand_in(context: Context) -> Answer:
    return_to(HERE)
    asked = HandIn(
        form_id(), _id("officer"), _ids("receipt"), _fen(), _at(context), form_text("slip_no", 64) or None
    )
    cashier.hand_in(context.session, context.identity, asked, context.now, terms_of(context.config))
    return see(HERE, done="handed_in")


@blueprint.post("/bankings")
@page(mode="write")
def bank(context: Context) -> Answer:
    return_to(HERE)
    asked = Banking(form_id(), _ids("hand_in"), _fen(), _at(context), form_text("slip_no", 64) or None)
    cashier.bank(context.session, context.identity, asked, context.now, terms_of(context.config))
    return see(HERE, done="banked")


@blueprint.post("/reversals")
@page(mode="write")
def reverse(context: Context) -> Answer:
    return_to(HERE)
    reason = form_text("reason", 500)
    if not reason:
        raise _wrong("reason")
    asked = Reversal(form_id(), _id("transaction"), reason)
    cashier.reverse(context.session, context.identity, asked, context.now, terms_of(context.config))
    return see(HERE, done="reversed")


def _wrong(name: str) -> Problem:
    return Problem("invalid_field", errors=[{"pointer": f"/{name}", "code": "required", "message": name}])


def _id(name: str) -> str:
    text = form_text(name, 36)
    if not UUID.fullmatch(text):
        raise _wrong(name)
    return text


def _ids(name: str) -> list[str]:
    """The boxes that were ticked."""
    found = request.form.getlist(name)
    if not found or len(found) > MOST or not all(UUID.fullmatch(one) for one in found):
        raise _wrong(name)
    return sorted(set(found))


def _fen() -> int:
    """What was counted, in yuan as a person types it."""
    text = form_text("amount", 16)
    if not _YUAN.fullmatch(text):
        raise _wrong("amount")
    whole, _, part = text.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _at(context: Context) -> datetime:
    """When it was, on the bureau's clock; now, where nothing was typed."""
    text = form_text("at", 16)
    if not text:
        return context.now
    if not _LOCAL.fullmatch(text):
        raise _wrong("at")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=CHINA)
    except ValueError:
        raise _wrong("at") from None
