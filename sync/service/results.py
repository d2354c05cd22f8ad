"""What became of an operation: as the wire tells it, and as the inbox keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sync.engine.values import FINAL, Decision, Outcome
from sync.service.home import Effect, Home
from sync.service.received import Received, context_of
from sync.store import operations as inbox

TOOK_EFFECT = (Outcome.APPLIED, Outcome.MERGED)


@dataclass(slots=True)
class Done:
    """An operation with its decision, on its way to the inbox."""

    received: Received
    decision: Decision
    result: dict[str, Any]
    conflict_ids: list[str] = field(default_factory=list)


def describe(done: Done) -> dict[str, Any]:
    """The wire result of an operation. Source: protocol, push."""
    decision, operation = done.decision, done.received.operation
    result: dict[str, Any] = {"id": operation.id, "outcome": str(decision.outcome)}
    flags = [*decision.flags, *done.received.flags]
    if decision.outcome is Outcome.QUARANTINED:
        result["problem"] = decision.problem.wire() if decision.problem else {}
    elif decision.outcome is Outcome.PARKED:
        result["waits_for"] = list(decision.waits_for)
    elif decision.record is not None:
        result["version"] = decision.record.version
    if decision.outcome in (Outcome.MERGED, Outcome.PROPOSED):
        result["fields"] = dict(decision.fields)
        lost = [name for name, word in decision.fields.items() if word in ("kept_server", "proposed", "ignored")]
        body = decision.record.body if decision.record else {}
        result["now"] = {name: body.get(name) for name in lost}
        result["conflicts"] = [
            {"id": conflict_id, "field": one.field, "class": str(one.merge), "kept": one.kept}
            for conflict_id, one in zip(done.conflict_ids, decision.conflicts, strict=True)
        ]
    if flags:
        result["flags"] = flags
    return result


def flag(session: Session, home: Home, done: Sequence[Done], now: datetime) -> None:
    """Mark the results of what took effect with what the application says of it."""
    by_id = {one.received.operation.id: one for one in done if one.decision.outcome in TOOK_EFFECT}
    effects = [Effect(one.received.operation, one.decision.record) for one in by_id.values() if one.decision.record]
    for id_, flags in home.flags(session, effects, now).items() if effects else ():
        by_id[id_].result["flags"] = [*by_id[id_].result.get("flags", ()), *flags]


def operation_row(done: Done, seqs: Mapping[str, int], now: datetime) -> dict[str, Any]:
    """An operation's row in the inbox; `seqs` by record, of what this transaction changed."""
    received, decision, operation = done.received, done.decision, done.received.operation
    # A create that sets nothing makes a record all the same; without its sequence no sum could tell.
    created = operation.action == "create" and decision.outcome in (Outcome.APPLIED, Outcome.MERGED)
    effective = created or bool(decision.changed)
    return {
        "id": operation.id,
        "store": operation.author.store,
        "number": operation.number,
        "officer": operation.author.officer,
        "terminal": operation.author.terminal,
        "batch": received.batch,
        "record": operation.record,
        "type": operation.type,
        "action": operation.action,
        "payload": received.payload.decode(),
        "payload_sha256": received.sha256,
        "schema": received.schema,
        "seen": operation.base,
        "outcome": decision.outcome,
        "version": decision.record.version if decision.record else None,
        "seq": seqs.get(operation.record) if effective else None,
        "result": inbox.dump(done.result),
        "changed": dict(decision.changed) if effective and operation.action != "create" else None,
        "at": operation.at[:64],
        "received_at": received.arrived.at if received.arrived else now,
        "context": _context(done),
        "problem": decision.problem.code if decision.problem else None,
    }


def _context(done: Done) -> dict[str, Any] | None:
    kept = None if done.decision.outcome in FINAL else context_of(done.received)
    return (kept or {}) | {"repair": dict(done.received.repair)} if done.received.repair else kept


def conflict_rows(session: Session, done: Done, family: str, now: datetime) -> Iterable[dict[str, Any]]:
    """The rows of an operation's conflicts, with the value that its author started from."""
    operation = done.received.operation
    for conflict_id, one in zip(done.conflict_ids, done.decision.conflicts, strict=True):
        found, base = inbox.value_at(session, operation.record, one.field, operation.base)
        theirs = one.theirs_stamp
        yield {
            "id": conflict_id,
            "operation": operation.id,
            "record": operation.record,
            "family": family,
            "type": operation.type,
            "field": one.field,
            "merge": one.merge,
            "base": base if found else operation.was.get(one.field),
            "mine": one.mine,
            "theirs": one.theirs,
            "kept": one.kept,
            "by_mine": operation.author.officer,
            "by_theirs": theirs.officer if theirs else None,
            "at_mine": operation.at[:64],
            "at_theirs": theirs.at if theirs else None,
            "created_at": now,
            "state": "open",
            "resolution": None,
        }
