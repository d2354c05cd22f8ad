"""One transaction's work on records: what is loaded, decided and not yet written.

Everything that changes a record comes through here: terminals' operations, a supervisor's, a job's, the
server's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sync.engine.hlc import Hlc
from sync.engine.merge import merge, refuse
from sync.engine.values import FINAL, Decision, Operation, Outcome, Problem, Record
from sync.service.home import Change, Home
from sync.service.received import Past, Received, own_operation
from sync.service.results import Done, conflict_rows, describe, operation_row
from sync.store import operations as inbox
from sync.store import records as shelf
from sync.store import sequence
from sync.store.ids import new_id
from sync.store.records import Held

MAX_ROUNDS = 6


class Workspace:
    """Load, decide, flush. `now` is the server's; `heard` the device's clock of this push."""

    def __init__(
        self,
        session: Session,
        home: Home,
        now: datetime,
        heard: Hlc | None = None,
        past: Mapping[str, Past] | None = None,
    ) -> None:
        self.session = session
        self.home = home
        self.now = now
        self.heard = heard
        self.held: dict[str, Held] = {}
        self.scopes: dict[str, set[str]] = {}
        self._rising: dict[str, set[str]] = {}
        self.past: dict[str, Past] = dict(past or {})
        self._before: dict[str, Record | None] = {}
        self._done: list[Done] = []
        self._given: Mapping[str, Mapping[str, Any]] = {}

    def apply(self, received: Sequence[Received]) -> list[dict[str, Any]]:
        """Apply operations in their order, with all that follows from them, and write the whole.

        Returns the wire results, in the same order. Writes: records, audience, operations, conflicts.
        """
        self._load(received)
        results = [self._decide(one) for one in received]
        for _ in range(MAX_ROUNDS):
            changes = self._flush()
            follow = self.home.react(self.session, changes, self.now) if changes else ()
            if not follow:
                return results
            own = [own_operation(operation) for operation in follow]
            self._load(own)
            for one in own:
                self._decide(one)
        raise RuntimeError("the reactions to a change do not come to an end")

    def look_at(self, record: str) -> Record:
        """Load and lock one record, and give it as it stands."""
        if record not in self.held:
            self._take(shelf.load(self.session, [record]))
        return self.held[record].record

    def _load(self, received: Sequence[Received]) -> None:
        wanted: set[str] = set()
        creates: list[Operation] = []
        for one in received:
            if one.problem is not None:
                continue
            wanted.add(one.operation.record)
            if one.operation.action == "create":
                creates.append(one.operation)
                wanted.update(filter(None, [self._parent(one.operation)]))
        self._take(shelf.load(self.session, wanted - self.held.keys()))
        self._given = self.home.given(self.session, creates, self.now) if creates else {}

    def _take(self, fresh: Mapping[str, Held]) -> None:
        self.held |= fresh
        families = {one.family for one in fresh.values()} - self.scopes.keys()
        loaded = shelf.audiences(self.session, families)
        self.scopes |= {family: loaded.get(family, set()) for family in families}

    def _parent(self, operation: Operation) -> str | None:
        declared = self.home.types.get(operation.type)
        value = operation.set.get(declared.parent) if declared and declared.parent else None
        return value if isinstance(value, str) and len(value) == 36 else None

    def _decide(self, received: Received) -> dict[str, Any]:
        held = self.held.get(received.operation.record)
        record = held.record if held else None
        received, problem = self._based(received, record)
        operation = received.operation
        decision = Decision(Outcome.QUARANTINED, record, problem=problem) if problem else None
        decision = decision or self._authorised(received, held)
        if decision is None:
            given = {**self._given.get(operation.id, {}), **received.given}
            decision = merge(self.home.types[operation.type], record, operation, given)
        done = Done(received, decision, {})
        done.conflict_ids = [new_id() for _ in decision.conflicts]
        done.result = describe(done)
        self._keep(operation, held, decision)
        self._done.append(done)
        version = decision.record.version if decision.record else None
        seen = (version or 0) if operation.action == "create" else operation.base
        self.past[operation.id] = Past(operation.author.store, decision.outcome, seen, version)
        return done.result

    def _based(self, received: Received, record: Record | None) -> tuple[Received, Problem | None]:
        """Resolve the base; what waits for something is not parked yet but set aside with the reason.

        A base that names an operation of the same store means what its author had seen then, not the version
        that it gave: that version may hold others' changes that nobody on the terminal has seen.
        """
        if received.problem is not None:
            return received, received.problem
        operation = received.operation
        for earlier in received.after:
            if earlier not in self.past or self.past[earlier].outcome not in FINAL:
                return received, _waits("/after", "所依赖的操作尚未生效 · what it comes after has not taken effect")
        if received.base_operation is not None:
            past = self.past.get(received.base_operation)
            if past is None or past.outcome not in FINAL:
                return received, _waits("/base", "所依据的操作尚未生效 · what it rests on has not taken effect")
            same = past.store == operation.author.store
            operation = replace(operation, base=past.seen if same else past.version or 0)
        if record is not None and operation.base > record.version:
            return received, _waits("/base", "所依据的版本服务器还没有 · the server does not hold this version yet")
        return replace(received, operation=operation), None

    def _authorised(self, received: Received, held: Held | None) -> Decision | None:
        """Refuse what the author may not touch; None when he may."""
        operation = received.operation
        record = held.record if held else None
        declared = self.home.types.get(operation.type)
        if declared is None:
            return refuse(record, "unknown_type")
        if record is not None and record.type != operation.type:
            return refuse(record, "record_exists" if operation.action == "create" else "unknown_record")
        parent = self._parent(operation) if operation.action == "create" else None
        if parent is not None and held is None:
            above = self.held.get(parent)
            if above is None:
                pointer = f"/set/{declared.parent}"
                problem = _waits(pointer, "上级记录尚未到达 · the record above it has not arrived")
                return Decision(Outcome.QUARANTINED, None, problem=problem)
            if declared.joins:
                return None
            held = above
        if received.scope is None or held is None:
            return None
        audience = self.scopes[held.family] | self._rising.get(held.family, set())
        return None if received.scope & audience else refuse(record, "out_of_scope")

    def _keep(self, operation: Operation, held: Held | None, decision: Decision) -> None:
        after = decision.record
        if after is None or (held is not None and after is held.record):
            return
        self._before.setdefault(after.id, held.record if held else None)
        if held is not None:
            held.record = after
        else:
            parent = self._parent(operation)
            family = self.held[parent].family if parent else after.id
            held = self.held[after.id] = Held(after, family, parent)
            self.scopes.setdefault(family, set())
        # Counts for the rest of the batch at once; it is published when it is written.
        brought = self.home.types[after.type].scopes(after.body)
        self._rising.setdefault(held.family, set()).update(brought)

    def _flush(self) -> list[Change]:
        """Write what is decided; returns what changed since the last flush."""
        changed = [self.held[record] for record in self._before]
        changes = [Change(self._before[one.record.id], one.record) for one in changed]
        joined = self._joined(changed)
        new = {record for record, before in self._before.items() if before is None}
        done, self._done, self._before = self._done, [], {}
        first = 0
        if changed:
            count = len(changed) + len(joined)
            last = sequence.take(self.session, count, int(self.now.timestamp() * 1000), self.heard).value
            first = last - count + 1
        seqs = {one.record.id: first + index for index, one in enumerate(changed)}
        shelf.save(self.session, changed, list(seqs.values()), new)
        self._publish(changed, seqs, joined, first + len(changed))
        inbox.insert(self.session, [operation_row(one, seqs, self.now) for one in done])
        inbox.add_conflicts(self.session, [row for one in done for row in self._conflicts(one)])
        self.home.save(self.session, [one.record for one in changed])
        return changes

    def _conflicts(self, done: Done) -> Iterable[dict[str, Any]]:
        if not done.decision.conflicts:
            return ()
        return conflict_rows(self.session, done, self.held[done.received.operation.record].family, self.now)

    def _joined(self, changed: Sequence[Held]) -> list[tuple[str, str, str]]:
        """What families gain by these changes: (scope, a record that it did not see before, family)."""
        gained: dict[str, set[str]] = {}
        for one in changed:
            brought = self.home.types[one.record.type].scopes(one.record.body)
            gained.setdefault(one.family, set()).update(brought - self.scopes[one.family])
        touched = {one.record.id for one in changed}
        old = shelf.members(self.session, [family for family, scopes in gained.items() if scopes])
        for family, scopes in gained.items():
            self.scopes[family] |= scopes
        return [
            (scope, record, family)
            for family, scopes in gained.items()
            for scope in sorted(scopes)
            for record in sorted(old.get(family, []))
            if record not in touched
        ]

    def _publish(
        self,
        changed: Sequence[Held],
        seqs: Mapping[str, int],
        joined: Sequence[tuple[str, str, str]],
        start: int,
    ) -> None:
        rows = [
            _audience(scope, one.record.id, one.family, seqs[one.record.id])
            for one in changed
            for scope in self.scopes[one.family]
        ]
        rows += [
            _audience(scope, record, family, start + index)
            for index, (scope, record, family) in enumerate(joined)
        ]
        shelf.publish(self.session, rows)

def _waits(pointer: str, message: str) -> Problem:
    """Parking is not there yet: what would wait is quarantined under this name."""
    return Problem("not_implemented", ({"pointer": pointer, "code": "parking", "message": message},))


def _audience(scope: str, record: str, family: str, seq: int) -> dict[str, Any]:
    return {"scope": scope, "record": record, "family": family, "seq": seq, "since": seq}
