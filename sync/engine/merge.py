"""How one operation meets one record: the whole of merging, pure.

Nothing here reads a clock or a database. Order comes from versions; a device's clock decides only `latest`
fields and the order inside lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.engine.checks import check_create, check_item, check_set, is_locked, permitted
from sync.engine.kinds import Kind
from sync.engine.values import (
    ALONE,
    SERVER_STORE,
    Around,
    Conflict,
    Decision,
    Field,
    Flag,
    MergeClass,
    Operation,
    Outcome,
    Problem,
    Record,
    RecordType,
    Stamp,
    Transition,
    stamp_of,
)
from sync.engine.voids import MARK, after_void, discard, void

# Checked when the operation was translated; no role of today's has a say in it.
KEPT_KIND = Kind("kept", lambda _value: None)
APPLIED, UNCHANGED, KEPT, PROPOSED, IGNORED = "applied", "unchanged", "kept_server", "proposed", "ignored"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one field. `lost`: whose value gave way and needs a person, "mine" or "theirs"."""

    word: str
    lost: str | None = None


# Made once: a verdict is given for every field of every operation.
_APPLIED, _UNCHANGED, _KEPT, _IGNORED = (Verdict(word) for word in (APPLIED, UNCHANGED, KEPT, IGNORED))


class WriteOnceChanged(Exception):
    """A field that is written once would change; the operation goes to quarantine whole."""


def merge(
    record_type: RecordType,
    record: Record | None,
    operation: Operation,
    given: Mapping[str, Any] | None = None,
    around: Around = ALONE,
) -> Decision:
    """Judge one operation on the record as it stands (None: there is none yet).

    given: the server's own values for a record that this operation creates.
    """
    if operation.action == "create":
        return _create(record_type, record, operation, given or {})
    if record is None:
        return refuse(None, "unknown_record")
    if record.void is not None and (not operation.author.server or operation.action in ("void", "discard")):
        return after_void(record, operation)
    if operation.action == "void":
        return void(record_type, record, operation, around)
    if operation.action == "discard":
        return discard(record_type, record, operation, around)
    if operation.action == "append":
        return _append(record_type, record, operation)
    if operation.action == "transition":
        return _transition(record_type, record, operation)
    return _patch(record_type, record, operation)


def refuse(record: Record | None, code: str, errors: tuple[Mapping[str, str], ...] = ()) -> Decision:
    """Quarantine: nothing of the operation takes effect."""
    return Decision(Outcome.QUARANTINED, record, problem=Problem(code, errors))


def judge(
    declared: Field, standing: Any, stamp: Stamp | None, value: Any, operation: Operation, locked: bool
) -> Verdict:
    """Decide one field: the table of merge classes.

    Raises:
        WriteOnceChanged: the field stands already, with another value.
    """
    author = operation.author
    if declared.merge is MergeClass.SERVER_OWNED and not author.server:
        return _IGNORED
    if standing == value and type(standing) is type(value):
        return _UNCHANGED
    if declared.merge is MergeClass.WRITE_ONCE and stamp is not None:
        raise WriteOnceChanged(declared.name)
    own = stamp is not None and _is_own(operation, stamp)
    if own and stamp is not None and _is_earlier(operation, stamp):
        return _KEPT  # it waited; what the same hand wrote later stands, and nobody lost anything
    seen = stamp is None or stamp.version <= operation.base or own
    if declared.merge is MergeClass.SUPERVISOR_WINS and not author.server and stamp is not None:
        return _supervised(stamp, operation, seen, locked)
    if seen or author.server:
        return _APPLIED
    if declared.merge is MergeClass.LATEST:
        return _APPLIED if stamp is not None and operation.hlc > stamp.hlc else _KEPT
    if declared.merge is MergeClass.OFFICER_UNTIL_LOCK and locked:
        return Verdict(PROPOSED, lost="mine")
    return Verdict(KEPT, lost="mine")


def _is_own(operation: Operation, stamp: Stamp) -> bool:
    """Say whether the hand that wrote an operation gave the standing value: nobody conflicts with himself."""
    if operation.copied and stamp.operation != operation.rests_on:
        return False
    return stamp.store == operation.author.store


def _is_earlier(operation: Operation, stamp: Stamp) -> bool:
    """Say whether an operation was written before the one of its own store that gave the standing value."""
    return operation.number is not None and stamp.number is not None and operation.number < stamp.number


def _supervised(stamp: Stamp, operation: Operation, seen: bool, locked: bool) -> Verdict:
    if operation.author.supervisor:
        if seen:
            return _APPLIED
        # Two supervisors: the first stands. An officer's unseen value gives way, and is kept for a person.
        return Verdict(KEPT, lost="mine") if stamp.supervisor else Verdict(APPLIED, lost="theirs")
    if stamp.supervisor:
        # Even one who saw the supervisor's value may only propose another.
        return Verdict(PROPOSED, lost="mine")
    if seen:
        return _APPLIED
    return Verdict(PROPOSED if locked else KEPT, lost="mine")


def _create(
    record_type: RecordType, record: Record | None, operation: Operation, given: Mapping[str, Any]
) -> Decision:
    if record is not None:
        same = record.type == operation.type and all(
            record.body.get(name) == value for name, value in _asked(record_type, operation).items()
        )
        return Decision(Outcome.UNCHANGED, record) if same else refuse(record, "record_exists")
    problem = check_create(record_type, operation)
    if problem:
        return Decision(Outcome.QUARANTINED, None, problem=problem)
    body: dict[str, Any] = dict.fromkeys(record_type.fields) | {name: [] for name in record_type.lists}
    body |= {**record_type.initial, **given}
    # What the server gives counts as written: else its author could be set, or changed by anybody later.
    gave = Stamp(0, SERVER_STORE, "", False, operation.author.officer, operation.at, operation.id)
    empty = Record(operation.record, operation.type, 0, body, dict.fromkeys(given, gave))
    return _patch(record_type, empty, operation)


def _patch(record_type: RecordType, record: Record, operation: Operation) -> Decision:
    standing = record if record.version else None
    problem = check_set(record_type, operation, record.body)
    if problem:
        return Decision(Outcome.QUARANTINED, standing, problem=problem)
    try:
        verdicts = _judge_all(record_type, record, operation)
    except WriteOnceChanged as error:
        return refuse(standing, "write_once_changed", (_at(f"/set/{error}", "write_once_changed"),))
    return _conclude(record_type, record, operation, verdicts, {})


def _at(pointer: str, code: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "message": "此项只能写一次 · written once"}


def _judge_all(record_type: RecordType, record: Record, operation: Operation) -> dict[str, Verdict]:
    locked = is_locked(record_type, record.body)
    return {
        name: judge(
            record_type.fields.get(name) or Field(name, KEPT_KIND, MergeClass.LATEST),
            record.body.get(name),
            record.stamps.get(name),
            value,
            operation,
            locked,
        )
        for name, value in _asked(record_type, operation).items()
    }


def _asked(record_type: RecordType, operation: Operation) -> Mapping[str, Any]:
    """All that an operation sets: what it keeps of an earlier schema too, never in a place of today's."""
    if not operation.kept:
        return operation.set
    taken = record_type.fields.keys() | record_type.lists.keys()
    kept = {name: value for name, value in operation.kept.items() if name not in taken}
    return {**kept, **operation.set}


def _transition(record_type: RecordType, record: Record, operation: Operation) -> Decision:
    step = next((step for step in record_type.transitions if step.event == operation.event), None)
    if step is None or record_type.state is None:
        return refuse(record, "unknown_event")
    if not permitted(step.roles, operation.author):
        return refuse(record, "not_permitted")
    problem = check_set(record_type, operation, record.body)
    if problem:
        return Decision(Outcome.QUARANTINED, record, problem=problem)
    standing = record.body[record_type.state]
    if standing not in step.sources and standing != step.target:
        return _propose_transition(record_type, record, operation, step)
    try:
        verdicts = _judge_all(record_type, record, operation)
    except WriteOnceChanged as error:
        return refuse(record, "write_once_changed", (_at(f"/set/{error}", "write_once_changed"),))
    extra = {} if standing == step.target else {record_type.state: step.target}
    return _conclude(record_type, record, operation, verdicts, extra)


def _propose_transition(record_type: RecordType, record: Record, operation: Operation, step: Transition) -> Decision:
    state = record_type.state or ""
    conflict = Conflict(
        state, MergeClass.STATE, step.target, record.body[state], "server", record.stamps.get(state)
    )
    owned = {name for name in operation.set if record_type.fields[name].merge is MergeClass.SERVER_OWNED}
    fields = {name: IGNORED if name in owned and not operation.author.server else PROPOSED for name in operation.set}
    flags = (Flag.SERVER_OWNED,) if IGNORED in fields.values() else ()
    return Decision(Outcome.PROPOSED, record, fields, (conflict,), flags)


def _append(record_type: RecordType, record: Record, operation: Operation) -> Decision:
    name = operation.list or ""
    problem = check_item(record_type, operation)
    if problem:
        return Decision(Outcome.QUARANTINED, record, problem=problem)
    asked = {**operation.kept, **operation.item}
    element = asked | {"by": operation.author.officer, "hlc": operation.hlc}
    standing = record.body.get(name) or []
    for known in standing:
        if known["id"] == element["id"]:
            given = {key: value for key, value in known.items() if key not in ("by", "hlc", MARK)}
            if given == asked:
                return Decision(Outcome.UNCHANGED, record)
            return refuse(record, "write_once_changed", (_at("/item", "write_once_changed"),))
    elements = sorted([*standing, element], key=lambda one: (one["hlc"], one["id"]))
    return Decision(
        Outcome.APPLIED,
        Record(
            record.id,
            record.type,
            record.version + 1,
            {**record.body, name: elements},
            record.stamps,
            record.void,
        ),
        changed={f"{name}/{element['id']}": (None, element)},
    )


def _conclude(
    record_type: RecordType,
    record: Record,
    operation: Operation,
    verdicts: Mapping[str, Verdict],
    extra: Mapping[str, Any],
) -> Decision:
    """Build what stands from the verdicts; `extra` is the state that a transition gives."""
    asked = _asked(record_type, operation)
    fields = {name: verdict.word for name, verdict in verdicts.items()}
    words = set(fields.values())
    effective = {name: asked[name] for name, word in fields.items() if word == APPLIED}
    effective |= extra
    outcome = _outcome(words, bool(extra) or record.version == 0)
    flags = (Flag.SERVER_OWNED,) if IGNORED in words else ()
    conflicts = tuple(
        _conflict(record_type, record, operation, name, verdict)
        for name, verdict in verdicts.items()
        if verdict.lost
    )
    changed = {name: (record.body.get(name), value) for name, value in effective.items()}
    if effective or record.version == 0:
        record = _advance(record, operation, effective)
    return Decision(outcome, record, fields, conflicts, flags, changed)


def _outcome(words: set[str], stepped: bool) -> Outcome:
    """The outcome of the whole; `stepped`: the operation took effect whatever its fields did."""
    if words <= {APPLIED, UNCHANGED}:
        return Outcome.APPLIED if stepped or APPLIED in words else Outcome.UNCHANGED
    if words == {PROPOSED} and not stepped:
        return Outcome.PROPOSED
    return Outcome.MERGED


def _advance(record: Record, operation: Operation, effective: Mapping[str, Any]) -> Record:
    version = record.version + 1
    stamp = stamp_of(operation, version)
    return Record(
        record.id,
        record.type,
        version,
        {**record.body, **effective},
        {**record.stamps, **dict.fromkeys(effective, stamp)},
        record.void,
    )


def _conflict(
    record_type: RecordType, record: Record, operation: Operation, name: str, verdict: Verdict
) -> Conflict:
    return Conflict(
        name,
        record_type.fields[name].merge,
        operation.set[name],
        record.body.get(name),
        "server" if verdict.lost == "mine" else "mine",
        record.stamps.get(name),
    )
