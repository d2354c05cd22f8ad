"""The record types as sync knows them: built from the models, with their lists, steps and audiences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_api.auth.identity import SUPERVISING_ROLES
from field_api.casework.declare import element, enum, fields_of
from field_api.casework.models import Case, Evidence, Incident, Task, VehicleCheck
from field_api.casework.reference_models import CategoryRow, Grid, Permit
from sync.engine.kinds import BOOLEAN, TIME, list_of, text
from sync.engine.values import Field, MergeClass, RecordType, Transition
from sync.service.pull import EVERYONE

CITY = frozenset({"officer", "auxiliary"})
FIELD = frozenset({"officer", "auxiliary", "liaison"})
DECIDES = frozenset({"officer", "liaison"})
_STEP = element(
    step_required=enum("step"), at_required=TIME, note=text(500), officers=list_of(text(36), 10), audio=BOOLEAN
)
_NOTE = element(text_required=text(2000), at_required=TIME)
_DOCUMENT = element(
    type_required=enum("document_type"), at_required=TIME, number=text(64), facts=text(2000), served_to=text(100)
)


def _own(body: Mapping[str, Any]) -> frozenset[str]:
    """The audiences that a record's own unit and grid bring to its family."""
    scopes = {f"unit:{body['unit']}"} if body.get("unit") else set()
    if body.get("grid"):
        scopes.add(f"grid:{body['grid']}")
    return frozenset(scopes)


def _assigned(body: Mapping[str, Any]) -> frozenset[str]:
    return _own(body) | frozenset({f"unit:{body['for_unit']}"})


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
TASK_STEPS = (
    _step("accept", "open", "accepted", FIELD),
    _step("answer", "accepted", "answered", FIELD),
    _step("close", "answered", "closed", frozenset(SUPERVISING_ROLES)),
)


def _reference(name: str, fields: Mapping[str, Field]) -> RecordType:
    return RecordType(name, fields, {}, (), _everyone, lane="reference")


def _officer_fields() -> dict[str, Field]:
    """What the others may know of an officer: never his user name or password."""
    shown = {"name": 100, "badge_no": 32, "unit": 32, "status": 16}
    fields = {name: Field(name, text(limit), MergeClass.SERVER_OWNED) for name, limit in shown.items()}
    return fields | {"roles": Field("roles", list_of(text(16), 8), MergeClass.SERVER_OWNED)}


TYPES: Mapping[str, RecordType] = {
    declared.name: declared
    for declared in (
        _reference("category", fields_of(CategoryRow)),
        _reference("officer", _officer_fields()),
        _reference("grid", fields_of(Grid)),
        _reference("permit", fields_of(Permit)),
        RecordType("incident", fields_of(Incident), {"notes": _NOTE}, (), _own, creators=FIELD, author="author"),
        RecordType(
            "case",
            fields_of(Case),
            {"timeline": _STEP, "notes": _NOTE, "documents": _DOCUMENT},
            CASE_STEPS,
            _own,
            initial={"status": "draft", "review": "none", "delivery": "none"},
            state="status",
            parent="incident",
            lock=("review", "none"),
            creators=CITY,
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
            {"notes": _NOTE},
            (),
            _own,
            parent="incident",
            creators=frozenset({"liaison"}),
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
    "permit": Permit,
    "incident": Incident,
    "case": Case,
    "evidence": Evidence,
    "vehicle_check": VehicleCheck,
    "task": Task,
}
