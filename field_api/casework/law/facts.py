"""What a rule may read of a case: one frozen shape of plain JSON, the same on the server and on every terminal.

A rule never counts days, never looks at a clock and never asks a database: whoever calls has done that, and what
he does not know is null. The shape is part of the served bundle, so that a terminal can complete its facts in
the same way. Amounts are whole fen, dates are `YYYY-MM-DD`, elapsed days and hours are whole numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# The kinds of a value: bool, int, text, date, codes (a list of texts).
Section = Mapping[str, str]
MAX_ITEMS = 200
MAX_TEXT = 200
MAX_INT = 10**12  # a rule may multiply by a hundred and stay within 64 bits
DATE = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")

SECTIONS: Mapping[str, Section] = {
    # The act itself, and what Art. 33 and 51 ask of it.
    "act": {
        "date": "date",
        "remote_place": "bool",  # remote, on water or hard to reach (Art. 69)
        "minor": "bool",  # 违法行为轻微
        "slight_harm": "bool",  # 危害后果轻微
        "no_harm": "bool",  # 没有造成危害后果
        "corrected": "bool",  # 及时改正
        "no_fault": "bool",  # 证据足以证明没有主观过错
        "life_or_finance": "bool",  # life, health or financial safety, with harm (Art. 36)
    },
    "case": {
        "procedure": "text",  # the code table procedure
        "subject": "text",  # city_bureau | traffic_police
        "facts_clear": "bool",
        "evidence_enough": "bool",
        "contested": "bool",  # the party contests the facts
        "legal_review_matter": "bool",  # Art. 58 names it
        "public": "bool",  # of social impact: to be published
        "archiving": "bool",
        "rules_date": "date",  # the date for which the terminal chose its rules
        "lighter_law": "bool",  # a later law was applied because it is lighter
    },
    "party": {
        "kind": "text",  # citizen | individual_business | org
        "age": "int",
        "incapable": "bool",  # could not recognise or control the act (Art. 31)
        "first_offence": "bool",
    },
    "steps": {
        "ids_shown": "codes",  # officers' ids
        "education": "bool",
        "correction_ordered": "bool",
        "logged": "codes",  # start evidence review decision service execution
    },
    "statement": {
        "noticed": "bool",
        "notice_lacks": "codes",  # of: facts reason basis rights
        "given": "bool",
        "rechecked": "bool",
        "raised_after": "bool",
        "waived": "bool",
        "waiver_signed": "bool",
    },
    "decision": {
        "date": "date",
        "kinds": "codes",  # Art. 9, as in the code table penalty_kind; none: no penalty
        "amount_fen": "int",
        "amount_is_highest": "bool",
        "number": "text",
        "number_leased": "bool",  # of this terminal's own leased block
        "number_reused": "bool",
        "fields_missing": "codes",
        "remedy_review_first": "bool",  # the text says: first 复议, then a suit
        "reason_for_penalty": "bool",  # why a penalty in spite of Art. 33
        "mitigated": "bool",
        "revoked": "bool",
    },
    "signatures": {
        "party": "text",  # signed | refused | absent
        "refusal_noted": "bool",
        "witness": "bool",
        "stroke_missing": "bool",
    },
    "vehicle": {"papers_returned": "bool"},
    "incident": {"other_fines": "int", "other_fine_fen": "int"},
    "proceeding": {
        "hearing_noticed": "bool",
        "hearing_asked_working_days": "int",  # after the notice
        "hearing_held": "bool",
        "hearing_ahead_working_days": "int",  # between its notice and the hearing
        "host_investigated": "bool",
        "legal_reviewed": "bool",
        "legal_review_passed": "bool",
        "days_from_filing": "int",  # calendar days, stayed time taken off
        "extended": "bool",
    },
    "service": {
        "mode": "text",  # the code table service_mode
        "confirmation_signed": "bool",
        "working_days": "int",  # from the decision to the service, or until now
        "review_channel": "bool",  # an electronic way to ask for 复议
    },
    "enforcement": {
        "at_night": "bool",
        "on_holiday": "bool",
        "urgent": "bool",
        "addon_fen": "int",
        "principal_fen": "int",
        "court_application": "bool",
        "demanded": "bool",
        "demand_working_days": "int",  # from the service of the demand (催告) to the application
        "months_after_remedy": "int",  # whole months gone since the remedy period ended
    },
    "recusal": {"assigned_interested": "bool", "open_request": "bool"},
    "query": {"ranks_officers_by_fines": "bool"},
    # What the calendar counted: rules only compare.
    "clock": {
        "whole_years_passed": "int",  # since the act ended; an anniversary itself is still within
        "filing_working_days": "int",  # from the decision to its filing, or until now
        "filed": "bool",
        "paid": "bool",
        "days_late": "int",  # calendar days after the last day to pay, review and suit taken off
        "published": "bool",
        "publication_days": "int",
        "withdrawn": "bool",
        "withdrawal_working_days": "int",
        "skew_minutes": "int",
    },
    # What the bureau must say itself; null is "not configured" and never a default.
    "config": {
        "hearing_citizen_fen": "int",
        "hearing_org_fen": "int",
        "filing_city_working_days": "int",
        "clock_skew_minutes": "int",
        "individual_business_as": "text",  # citizen | org: which limits bind an 个体工商户
    },
}
LISTS: Mapping[str, Section] = {
    "officers": {
        "id": "text",
        "role": "text",  # main | assist
        "subject": "text",
        "qualified": "bool",  # has a certificate
        "cert_valid": "bool",  # on the date of the act
        "auxiliary": "bool",
    },
    "violations": {
        "code": "text",
        "subject": "text",  # the code table subject: who may enforce it
        "kinds": "codes",
        "min_citizen_fen": "int",
        "max_citizen_fen": "int",
        "min_org_fen": "int",
        "max_org_fen": "int",
    },
    "evidence": {
        "id": "text",
        "electronic_monitor": "bool",
        "technical_review": "bool",
        "legal_review": "bool",
        "review_failed": "bool",
        "excluded": "bool",
        "digest_differs": "bool",
    },
    "payments": {
        "mode": "text",  # the code table payment_mode
        "ground": "text",  # the code table collection_ground
        "amount_fen": "int",
        "receipt_no": "text",
        "handed_in": "bool",
        "hand_in_working_days": "int",  # from the collection to the hand-in, or until now
        "banked": "bool",
        "bank_working_days": "int",
    },
    "measures": {
        "kind": "text",  # the code table measure_kind
        "grounds": "codes",
        "by_police": "bool",
        "approved": "bool",
        "urgent": "bool",
        "hours_unreported": "int",  # until reported and approved, or until now
        "hours_undelivered": "int",  # of a vehicle or licence, to the unit
        "settled": "bool",  # decided upon, or lifted
        "working_days": "int",  # since it was taken
        "decision": "bool",
        "record": "bool",  # 现场笔录
        "list_copies": "int",
        "signed_or_witnessed": "bool",
        "days": "int",  # calendar days since it was taken, testing taken off
        "extended": "bool",
        "extended_late": "bool",
        "term_days": "int",
        "lifted": "bool",
        "necessities": "bool",
        "unrelated": "bool",
        "already_seized": "bool",
        "cargo_withheld": "bool",
        "cargo": "bool",
        "cargo_list": "bool",
    },
    "deadlines": {"code": "text", "length": "int", "unit": "text"},  # unit: working_day | calendar_day
}


def shape() -> dict[str, Any]:
    """The shape as the bundle serves it."""
    return {
        "sections": {name: dict(fields) for name, fields in SECTIONS.items()},
        "lists": {name: dict(fields) for name, fields in LISTS.items()},
    }


def complete(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of the shape and nothing else: what is missing, or of another kind, is null; a list is empty."""
    whole: dict[str, Any] = {}
    for name, fields in SECTIONS.items():
        given = facts.get(name)
        whole[name] = _fields(given if isinstance(given, Mapping) else {}, fields)
    for name, fields in LISTS.items():
        given = facts.get(name)
        items = given[:MAX_ITEMS] if isinstance(given, list) else []
        whole[name] = [_fields(item, fields) for item in items if isinstance(item, Mapping)]
    return whole


def _fields(given: Mapping[str, Any], fields: Section) -> dict[str, Any]:
    return {name: _value(given.get(name), kind) for name, kind in fields.items()}


def _value(value: Any, kind: str) -> Any:
    if kind == "codes":
        return [one for one in value[:MAX_ITEMS] if isinstance(one, str)] if isinstance(value, list) else []
    if value is None:
        return None
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind == "int":
        return value if type(value) is int and -MAX_INT <= value <= MAX_INT else None
    if kind == "date":
        return value if isinstance(value, str) and DATE.fullmatch(value) else None
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else None
