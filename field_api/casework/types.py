"""The record types as sync knows them: built from the models, with their lists, steps and audiences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_api.auth.identity import LIAISONS, SUPERVISING_ROLES
from field_api.casework.declare import element, enum, fields_of
from field_api.casework.kinds import PLATE
from field_api.casework.models import Case, Evidence, Incident, Task, VehicleCheck
from field_api.casework.procedure_models import Call, Measure, Proceeding
from field_api.casework.reference_models import CategoryRow, Grid, Holiday, Permit, Violation
from sync.engine.kinds import BOOLEAN, DIGEST, IDENTIFIER, TIME, group, integer, list_of, text, tree
from sync.engine.values import Field, MergeClass, RecordType, Transition
from sync.service.pull import EVERYONE

FIELD = frozenset({"officer", "auxiliary", "liaison"})
DECIDES = frozenset({"officer", "liaison"})
_STEP = element(
    step_required=enum("step"), at_required=TIME, note=text(500), officers=list_of(text(36), 10), audio=BOOLEAN
)
_NOTE = element(text_required=text(2000), at_required=TIME)
_SERVED = group(
    {
        "mode": enum("service_mode"),
        "at": TIME,
        "to": text(100),
        "witness": text(100),
        "refused": BOOLEAN,
        "note": text(500),
        "confirmation": IDENTIFIER,
    }
)
# What was handed over stands in `content` whole; `sha256` is of what was printed on the street, where it was.
# A paper is there when it is made, its service comes later: `served` stands on it, or on a proof (D26) `of` it.
_DOCUMENT = element(
    type_required=enum("document_type"),
    at_required=TIME,
    number=text(64),
    block=IDENTIFIER,
    facts=text(2000),
    served_to=text(100),
    content=tree(300),
    template=text(32),
    copies=integer(0, 9),
    sha256=DIGEST,
    replaces=IDENTIFIER,
    of=IDENTIFIER,
    served=_SERVED,
)
_SIGNATURE = element(
    signer_required=enum("signer"),
    at_required=TIME,
    name=text(100),
    officer=IDENTIFIER,
    document=IDENTIFIER,
    method=enum("sign_method"),
    sha256=DIGEST,
    strokes_sha256=DIGEST,
    note=text(500),
)
_STATEMENT = element(
    kind_required=enum("statement_kind"),
    at_required=TIME,
    facts=text(2000),
    reason=text(500),
    basis=list_of(text(200), 20),
    rights=BOOLEAN,
    amount_fen=integer(0, 10_000_000_00),
    response=text(2000),
    accepted=BOOLEAN,
    signature=IDENTIFIER,
)
_PAYMENT = element(
    mode_required=enum("payment_mode"),
    at_required=TIME,
    amount_fen_required=integer(0, 10_000_000_00),
    ground=enum("collection_ground"),
    receipt_no=text(32),
    receipt_issuer=text(100),
    collected_by=IDENTIFIER,
    document=IDENTIFIER,
    note=text(500),
)
_GOODS = element(
    name_required=text(100),
    quantity_required=integer(0, 1_000_000),
    unit=text(16),
    spec=text(100),
    condition=text(200),
    value_fen=integer(0, 10_000_000_00),
    photo=IDENTIFIER,
)
_CUSTODY = element(act_required=enum("custody_act"), at_required=TIME, place=text(200), by=text(100), note=text(500))
_SIGNOFF = element(side_required=enum("subject"), at_required=TIME, note=text(500))
_APPROVAL = element(
    kind_required=enum("approval_kind"),
    at_required=TIME,
    granted_required=BOOLEAN,
    days=integer(0, 365),
    note=text(500),
)
_HEARING = element(
    act_required=enum("hearing_act"), at_required=TIME, hearing_at=TIME, host=text(100), note=text(500)
)
_LOAD = element(plate_required=PLATE, goods_required=text(100), at_required=TIME, note=text(500))


def _own(body: Mapping[str, Any]) -> frozenset[str]:
    """The audiences that a record's own unit and grid bring to its family."""
    scopes = {f"unit:{body['unit']}"} if body.get("unit") else set()
    if body.get("grid"):
        scopes.add(f"grid:{body['grid']}")
    return frozenset(scopes)


def _assigned(body: Mapping[str, Any]) -> frozenset[str]:
    return _own(body) | frozenset({f"unit:{body['for_unit']}"})


def _called(body: Mapping[str, Any]) -> frozenset[str]:
    """A call goes to the caller's unit and to every police liaison, wherever he is stationed."""
    return _own(body) | frozenset({LIAISONS})


def _everyone(_body: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(EVERYONE)


def _nobody_more(_body: Mapping[str, Any]) -> frozenset[str]:
    return frozenset()


def _step(event: str, sources: str, target: str, roles: frozenset[str] = DECIDES) -> Transition:
    return Transition(event, frozenset(sources.split()), target, roles)


_BEFORE_SERVED = "registered investigating advised no_penalty notified decided"
# Source: protocol, appendix: status by event. Auxiliary staff record, they never decide (R45).
CASE_STEPS = (
    _step("register", "draft", "registered", FIELD),
    _step("investigate", "registered", "investigating", FIELD),
    _step("advise", "investigating", "advised"),
    _step("no_penalty", "investigating", "no_penalty"),
    _step("notify", "investigating", "notified"),
    _step("decide", "notified", "decided"),
    _step("serve", "decided", "served"),
    _step("pay", "served", "paid"),
    _step("file", "served paid", "filed"),
    _step("close", "advised no_penalty filed", "closed"),
    _step("archive", "closed", "archived", frozenset(SUPERVISING_ROLES)),
    _step("convert", _BEFORE_SERVED, "converted"),
    _step("transfer", _BEFORE_SERVED, "transferred"),
)
# Source: data dictionary B.2, general procedure; 行政处罚法 54–62. The head's acts are supervisors' here.
_HEAD = frozenset({"supervisor"})
_LEGAL = frozenset({"legal"})
PROCEEDING_STEPS = (
    _step("file", "opened", "filed", _HEAD),
    _step("drop", "opened", "dropped", _HEAD),
    _step("investigate", "filed", "investigating"),
    _step("submit", "investigating", "legal_review"),
    _step("pass_legal", "legal_review", "reviewed", _LEGAL),
    _step("return_legal", "legal_review", "investigating", _LEGAL),
    _step("notify", "reviewed", "noticed"),
    _step("hear", "noticed", "hearing", frozenset(SUPERVISING_ROLES)),
    _step("decide", "noticed hearing", "decided", _HEAD),
    _step("serve", "decided", "served"),
    _step("enforce", "served", "enforcing"),
    _step("perform", "served enforcing", "performed"),
    _step("close", "performed no_penalty", "closed", _HEAD),
    _step("no_penalty", "filed investigating reviewed noticed hearing", "no_penalty", _HEAD),
    _step("transfer", "opened filed investigating", "transferred", _HEAD),
)
_HELD = "imposed approved extended"
MEASURE_STEPS = (
    _step("approve", "imposed", "approved", frozenset(SUPERVISING_ROLES)),
    _step("extend", "approved", "extended", frozenset(SUPERVISING_ROLES)),
    _step("lift", _HELD, "lifted", DECIDES | SUPERVISING_ROLES),
    _step("lapse", _HELD, "lapsed", frozenset()),
    _step("confiscate", "approved extended", "confiscated", _HEAD),
    _step("return", "lifted lapsed", "returned", DECIDES | SUPERVISING_ROLES),
)
CALL_STEPS = (
    _step("answer", "open", "answered", FIELD | SUPERVISING_ROLES),
    _step("close", "open answered", "closed", FIELD | SUPERVISING_ROLES),
)
TASK_STEPS = (
    _step("accept", "open", "accepted", FIELD),
    _step("answer", "accepted", "answered", FIELD),
    _step("close", "answered", "closed", frozenset(SUPERVISING_ROLES)),
    # The server alone: what a correction was asked for is no longer found, or was settled by the reviewer.
    _step("clear", "open accepted answered", "closed", frozenset()),
)


def _reference(name: str, fields: Mapping[str, Field]) -> RecordType:
    return RecordType(name, fields, {}, (), _everyone, lane="reference")


def _officer_fields() -> dict[str, Field]:
    """What the others may know of an officer: never his user name or password."""
    shown = {"name": 100, "badge_no": 32, "unit": 32, "status": 16, "cert_no": 32, "cert_from": 10, "cert_to": 10}
    fields = {name: Field(name, text(limit), MergeClass.SERVER_OWNED) for name, limit in shown.items()}
    return fields | {"roles": Field("roles", list_of(text(16), 8), MergeClass.SERVER_OWNED)}


TYPES: Mapping[str, RecordType] = {
    declared.name: declared
    for declared in (
        _reference("category", fields_of(CategoryRow)),
        _reference("officer", _officer_fields()),
        _reference("grid", fields_of(Grid)),
        _reference("holiday", fields_of(Holiday)),
        _reference("permit", fields_of(Permit)),
        _reference("violation", fields_of(Violation)),
        RecordType("incident", fields_of(Incident), {"notes": _NOTE}, (), _own, creators=FIELD, author="author"),
        RecordType(
            "case",
            fields_of(Case),
            {
                "timeline": _STEP,
                "notes": _NOTE,
                "documents": _DOCUMENT,
                "statements": _STATEMENT,
                "signatures": _SIGNATURE,
                "payments": _PAYMENT,
            },
            CASE_STEPS,
            _own,
            initial={"status": "draft", "review": "none", "delivery": "none"},
            state="status",
            parent="incident",
            lock=("review", "none"),
            creators=FIELD,
            masked=("party.id_no", "party.phone"),
            joins=True,
            author="author",
        ),
        RecordType(
            "evidence",
            fields_of(Evidence),
            {},
            (),
            _nobody_more,
            initial={"bytes": "awaited", "review": "pending"},
            parent="case",
            creators=FIELD,
            corrected=("captured_at", "captured_at_corrected"),
            author="officer",
        ),
        RecordType(
            "vehicle_check",
            fields_of(VehicleCheck),
            {"notes": _NOTE, "loads": _LOAD},
            (),
            _own,
            parent="incident",
            creators=frozenset({"liaison"}),
            joins=True,
            author="author",
        ),
        RecordType(
            "measure",
            fields_of(Measure),
            {
                "goods": _GOODS,
                "custody": _CUSTODY,
                "signoffs": _SIGNOFF,
                "approvals": _APPROVAL,
                "signatures": _SIGNATURE,
                "documents": _DOCUMENT,
                "notes": _NOTE,
            },
            MEASURE_STEPS,
            _own,
            initial={"status": "imposed"},
            state="status",
            parent="incident",
            creators=DECIDES,
            joins=True,
            author="author",
        ),
        RecordType(
            "proceeding",
            fields_of(Proceeding),
            {
                "timeline": _STEP,
                "documents": _DOCUMENT,
                "statements": _STATEMENT,
                "signatures": _SIGNATURE,
                "payments": _PAYMENT,
                "approvals": _APPROVAL,
                "hearings": _HEARING,
                "notes": _NOTE,
            },
            PROCEEDING_STEPS,
            _own,
            initial={"status": "opened"},
            state="status",
            parent="case",
            creators=DECIDES | SUPERVISING_ROLES,
            author="author",
        ),
        RecordType(
            "call",
            fields_of(Call),
            {"notes": _NOTE},
            CALL_STEPS,
            _called,
            initial={"status": "open"},
            state="status",
            parent="incident",
            creators=FIELD,
            joins=True,
            author="author",
        ),
        RecordType(
            "task",
            fields_of(Task),
            {"notes": _NOTE},
            TASK_STEPS,
            _assigned,
            initial={"status": "open"},
            state="status",
            creators=frozenset({"dispatcher", "supervisor"}),
            author="author",
        ),
    )
}
MODELS = {
    "category": CategoryRow,
    "grid": Grid,
    "holiday": Holiday,
    "permit": Permit,
    "violation": Violation,
    "incident": Incident,
    "case": Case,
    "evidence": Evidence,
    "vehicle_check": VehicleCheck,
    "measure": Measure,
    "proceeding": Proceeding,
    "call": Call,
    "task": Task,
}
