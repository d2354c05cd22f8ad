"""Voiding: what is wrong or unwanted gets a mark with a reason; nothing is ever deleted.

Who may: an author his own record, or his own element of a list, until review has begun; a supervisor and the
server always. Reference data is the server's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sync.engine.checks import check_void, is_locked
from sync.engine.values import (
    Around,
    Author,
    Conflict,
    Decision,
    MergeClass,
    Operation,
    Outcome,
    Problem,
    Record,
    RecordType,
    Stamp,
    stamp_of,
)

# The name under which stamps, history, conflicts and elements know a void.
MARK = "void"
DISCARDED = "discarded"
_CONTENT = ("event", "set", "list", "item", "element", "reason")


def void(record_type: RecordType, record: Record, operation: Operation, around: Around) -> Decision:
    """Mark a record, or an element of one of its lists; judged like a step of a state."""
    problem = check_void(record_type, operation)
    if problem:
        return Decision(Outcome.QUARANTINED, record, problem=problem)
    if operation.list is not None:
        return _void_element(record_type, record, operation, around)
    if not _decides(record_type, operation.author) and not _is_own(record_type, record, operation, around):
        return _not_permitted(record)
    if around.unseen and not _decides(record_type, operation.author):
        # Others have worked on it meanwhile: what they did is not marked as void unseen.
        return give_way(record, operation, stamp=_newest(record, operation))
    return _marked(record, operation, operation.reason or "")


def discard(record_type: RecordType, record: Record, operation: Operation, around: Around) -> Decision:
    """Void an author's own draft that he has not submitted and that nobody else has touched."""
    state = record_type.state
    is_draft = state is not None and record.body.get(state) == record_type.initial.get(state)
    if not is_draft or around.shared or not _is_own(record_type, record, operation, around):
        return _not_permitted(record)
    return _marked(record, operation, DISCARDED)


def after_void(record: Record, operation: Operation) -> Decision:
    """Meet an edit of a voided record: the same void again changes nothing, all else is proposed, whoever asks."""
    asked = {"void": operation.reason, "discard": DISCARDED}.get(operation.action)
    if asked == record.void and operation.list is None:
        return Decision(Outcome.UNCHANGED, record)
    return give_way(record, operation)


def give_way(record: Record, operation: Operation, standing: str | None = None, stamp: Stamp | None = None) -> Decision:
    """Propose an edit that meets a void, or a void that meets others' edits: nothing applied, one conflict.

    standing: the reason of the void that stands, where it is not the record's.
    """
    asked = {"action": operation.action} | {name: getattr(operation, name) for name in _CONTENT}
    conflict = Conflict(
        MARK,
        MergeClass.STATE,
        {name: value for name, value in asked.items() if value},
        standing or record.void,
        "server",
        stamp or record.stamps.get(MARK),
    )
    return Decision(Outcome.PROPOSED, record, dict.fromkeys(operation.set, "proposed"), (conflict,))


def _void_element(record_type: RecordType, record: Record, operation: Operation, around: Around) -> Decision:
    name, author = operation.list or "", operation.author
    elements: list[Mapping[str, Any]] = record.body.get(name) or []
    found = next((element for element in elements if element["id"] == operation.element), None)
    if found is None:
        error = {"pointer": "/item", "code": "unknown_element", "message": "清单中没有此项 · not in the list"}
        return Decision(Outcome.QUARANTINED, record, problem=Problem("invalid_field", (error,)))
    mark = found.get(MARK)
    if mark is not None and mark["reason"] == operation.reason:
        return Decision(Outcome.UNCHANGED, record)
    own = found.get("by") == author.officer and not _is_closed(record_type, record, around)
    if not own and not _decides(record_type, author):
        return _not_permitted(record)
    if mark is not None:
        return give_way(record, operation, mark["reason"])
    marked = {**found, MARK: {"reason": operation.reason, "by": author.officer, "at": operation.at}}
    body = {**record.body, name: [marked if element is found else element for element in elements]}
    return Decision(
        Outcome.APPLIED,
        replace(record, version=record.version + 1, body=body),
        changed={f"{name}/{operation.element}": (found, marked)},
    )


def _marked(record: Record, operation: Operation, reason: str) -> Decision:
    """The record keeps its body and takes the reason."""
    version = record.version + 1
    stamps = {**record.stamps, MARK: stamp_of(operation, version)}
    return Decision(
        Outcome.APPLIED,
        replace(record, version=version, stamps=stamps, void=reason),
        changed={MARK: (None, reason)},
    )


def _decides(record_type: RecordType, author: Author) -> bool:
    """Say whether an author may void what is not his, whenever; what nobody may create is the server's."""
    return author.server or (author.supervisor and bool(record_type.creators))


def _is_own(record_type: RecordType, record: Record, operation: Operation, around: Around) -> bool:
    made = record.stamps.get(record_type.author or "")
    is_author = made is not None and made.officer == operation.author.officer
    return is_author and not _is_closed(record_type, record, around)


def _is_closed(record_type: RecordType, record: Record, around: Around) -> bool:
    return around.closed or is_locked(record_type, record.body)


def _newest(record: Record, operation: Operation) -> Stamp | None:
    others = (stamp for stamp in record.stamps.values() if stamp.store != operation.author.store)
    return max(others, key=lambda stamp: stamp.version, default=None)


def _not_permitted(record: Record) -> Decision:
    error = {"pointer": "/action", "code": "not_permitted", "message": "无权作废 · not his to void"}
    return Decision(Outcome.QUARANTINED, record, problem=Problem("not_permitted", (error,)))
