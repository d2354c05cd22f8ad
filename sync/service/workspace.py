"""One transaction's work on records: what is loaded, decided and not yet written.

Everything that changes a record comes through here: terminals' operations, a supervisor's, a job's, the
server's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from sync.engine.checks import is_locked
from sync.engine.hlc import Hlc
from sync.engine.kinds import UUID
from sync.engine.merge import merge, refuse
from sync.engine.values import ALONE, FINAL, Around, Decision, Operation, Outcome, Problem, Record
from sync.service import audience
from sync.service.decode import named_by, revive
from sync.service.groups import Groups, Mark, restore
from sync.service.home import Change, Home
from sync.service.received import Past, Received, brought, own_operation
from sync.service.results import Done, conflict_rows, describe, flag, operation_row
from sync.store import members, sequence, waiting
from sync.store import operations as inbox
from sync.store import records as shelf
from sync.store.ids import new_id
from sync.store.records import Held

# Judged by the record above, too.
VOIDING = ("void", "discard")
# Each round wakes what waited for the last: a chain of parked operations may be long, a loop may not.
MAX_ROUNDS = 1_000

_OF_ANOTHER_TYPE = {"pointer": "/set", "code": "not_identifier", "message": "不是这类记录的编号 · no such record's id"}
_OF_ANOTHER_RECORD = Problem(
    "invalid_field",
    ({"pointer": "/base", "code": "of_another_record", "message": "依据的操作属于另一条记录 · of another record"},),
)


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
        self._results: dict[str, dict[str, Any]] = {}
        self.waits: dict[str, tuple[str, ...]] = {}
        self._came: set[str] = set()
        self._blind: set[str] = set()
        self._answered: set[str] = set()
        self._groups = Groups(self)
        self._enlisted: list[dict[str, Any]] = []

    def apply(self, received: Sequence[Received]) -> list[dict[str, Any]]:
        """Apply operations in their order, with all that follows from them, and write the whole.

        Returns the wire results, in the same order: what waited and could be applied after all is final.
        Writes: records, audience, operations, conflicts, what waits and what is settled.
        """
        self._answered = {one.operation.id for one in received if one.arrived is None}
        self._decide_all(received)
        for _ in range(MAX_ROUNDS):
            changes = self._flush()
            follow = [own_operation(one) for one in self.home.react(self.session, changes, self.now)] if changes else []
            follow += self._woken(changes)
            if not follow:
                return [self._results[one.operation.id] for one in received]
            self._decide_all(follow)
        raise RuntimeError("what follows from a change does not come to an end")

    def _decide_all(self, received: Sequence[Received]) -> None:
        grouped = [one for one in received if one.group is not None]
        self._load([*received, *self._siblings(grouped)] if grouped else received)
        for one in received:
            if one.group is None:
                self.decide(one)
            else:
                self._groups.meet(one)
        self._enlisted = self._groups.close() if grouped else []

    def _siblings(self, grouped: Sequence[Received]) -> list[Received]:
        """Waiting members of these operations' groups, where those may be judged now."""
        rows = self._groups.load(grouped)
        self._recall(rows)
        siblings = [revive(row, self.home.schemas) for row in rows]
        self._groups.admit(siblings)
        return siblings

    def _woken(self, changes: Sequence[Change]) -> list[Received]:
        """Parked operations that waited for something that was just written."""
        came, self._came = self._came | {change.after.id for change in changes}, set()
        rows = waiting.woken(self.session, came)
        self._recall(rows)
        return [revive(row, self.home.schemas) for row in rows]

    def _recall(self, rows: Sequence[Any]) -> None:
        """Load what came of the operations that these name."""
        if not rows:
            return
        named = {name for row in rows for name in named_by(row)} - self.past.keys()
        for row in inbox.known(self.session, named).values():
            self.past[row.id] = Past(row.record, row.store, row.outcome, row.seen, row.version)

    def close(self, received: Received, decision: Decision, reason: str) -> dict[str, Any]:
        """Write down that a person closed an operation, with what its author had seen, and let go what waited."""
        self.note(self._resolved(received, None)[0], decision)
        self._results[received.operation.id]["reason"] = reason
        if received.group is not None:
            self._came.add(received.group.id)
        self.apply(())
        return self._results[received.operation.id]

    def look_at(self, record: str) -> Record:
        """Load and lock one record, and give it as it stands."""
        if record not in self.held:
            self._take(shelf.load(self.session, [record]))
        return self.held[record].record

    def _load(self, received: Sequence[Received]) -> None:
        wanted: set[str] = set()
        creates: list[Operation] = []
        marked: set[str] = set()
        for one in received:
            if one.problem is not None:
                continue
            wanted.add(one.operation.record)
            if one.operation.action in VOIDING:
                marked.add(one.operation.record)
            if one.operation.action == "create":
                creates.append(one.operation)
                wanted.update(filter(None, [self._parent(one.operation)]))
        self._take(shelf.load(self.session, wanted - self.held.keys()))
        if marked:
            above = {held.parent for record in marked if (held := self.held.get(record)) and held.parent}
            self._take(shelf.load(self.session, above - self.held.keys()))
        self._given = self.home.given(self.session, creates, self.now) if creates else {}

    def _take(self, fresh: Mapping[str, Held]) -> None:
        self.held |= fresh
        families = {one.family for one in fresh.values()} - self.scopes.keys()
        loaded = shelf.audiences(self.session, families)
        self.scopes |= {family: loaded.get(family, set()) for family in families}

    def _parent(self, operation: Operation) -> str | None:
        declared = self.home.types.get(operation.type)
        value = operation.set.get(declared.parent) if declared and declared.parent else None
        return value if isinstance(value, str) and UUID.fullmatch(value) else None

    def decide(self, received: Received) -> Decision:
        """Judge one operation on what stands in hand, and note what it comes to, with all that it entails."""
        if received.schema is None:
            received = replace(received, schema=self.home.schemas.current)
        held = self.held.get(received.operation.record)
        record = held.record if held else None
        received, needs = self._resolved(received, record)
        operation = received.operation
        if received.problem is not None:
            decision = Decision(Outcome.QUARANTINED, record, problem=received.problem)
        elif needs and waiting.reaches(self.session, needs, brought(operation), self.waits):
            decision = refuse(record, "cycle")
        elif needs:
            decision = Decision(Outcome.PARKED, record, waits_for=needs)
        else:
            decision = self._authorised(received, held) or merge(
                self.home.types[operation.type],
                record,
                operation,
                {**self._given.get(operation.id, {}), **received.given},
                self._around(operation, held),
            )
        self.note(received, decision)
        after = decision.record
        if after is not None and after is not record:
            for one in self.home.follow(self.session, Change(record, after), self.now):
                self.decide(own_operation(one))
        return decision

    def _around(self, operation: Operation, held: Held | None) -> Around:
        """What a void or a discard depends on beside its record; nobody else's hot path pays for it."""
        author = operation.author
        if operation.action not in VOIDING or held is None or author.supervisor or author.server:
            return ALONE
        above = self.held[held.parent].record if held.parent else None
        changed = partial(inbox.others_wrote, self.session, operation.record)
        return Around(
            above is not None and is_locked(self.home.types[above.type], above.body),
            changed(after=operation.base, column="store", own=author.store),
            changed(after=0, column="officer", own=author.officer),
        )

    def needs(self, received: Received) -> tuple[str, ...]:
        """What an operation would have to wait for as things stand."""
        held = self.held.get(received.operation.record)
        return self._resolved(received, held.record if held else None)[1]

    def mark(self, received: Sequence[Received]) -> Mark:
        """Remember how the records of these operations stand, so that all of them can be taken back."""
        records = {one.operation.record for one in received}
        near = records | set(filter(None, (self._parent(one.operation) for one in received)))
        families = records | {self.held[record].family for record in near if record in self.held}
        return Mark(
            {record: self.held[record].record if record in self.held else None for record in records},
            frozenset(records & self._before.keys()),
            {family: set(self._rising[family]) if family in self._rising else None for family in families},
            {one.operation.id: self.past.get(one.operation.id) for one in received},
            len(self._done),
            self.session.begin_nested(),
        )

    def go_back(self, mark: Mark) -> None:
        """Take back whatever was decided since."""
        mark.savepoint.rollback()
        for record, standing in mark.records.items():
            if standing is not None:
                self.held[record].record = standing
            elif self.held.pop(record, None) is not None:
                self.scopes.pop(record, None)
            if record not in mark.written:
                self._before.pop(record, None)
        for family, rising in mark.rising.items():
            restore(self._rising, family, rising)
        for operation, past in mark.past.items():
            restore(self.past, operation, past)
            self._came.discard(operation)
        del self._done[mark.done :]

    def note(self, received: Received, decision: Decision) -> None:
        """Note what an operation comes to; it is written with the rest."""
        operation = received.operation
        done = Done(received, decision, {}, [new_id() for _ in decision.conflicts])
        done.result = self._results[operation.id] = describe(done)
        if operation.id in self._blind:
            done.result.pop("now", None)
        self._keep(operation, self.held.get(operation.record), decision)
        self._done.append(done)
        self.waits |= dict.fromkeys(brought(operation), decision.waits_for)
        if decision.outcome in FINAL:
            self._came.add(operation.id)
        version = decision.record.version if decision.record else None
        seen = (version or 0) if operation.action == "create" else operation.base
        self.past[operation.id] = Past(operation.record, operation.author.store, decision.outcome, seen, version)

    def _resolved(self, received: Received, record: Record | None) -> tuple[Received, tuple[str, ...]]:
        """Resolve the base, and name what the operation must wait for.

        A base that names an operation of the same store means what its author had seen then, not the version
        that it gave: that version may hold others' changes that nobody on the terminal has seen.
        """
        operation = received.operation
        if received.problem is not None or operation.type not in self.home.types:
            return received, ()
        named = [*received.after, *filter(None, [received.base_operation])]
        needs = [one for one in named if one not in self.past or self.past[one].outcome not in FINAL]
        if received.base_operation is not None and received.base_operation not in needs:
            past = self.past[received.base_operation]
            if past.record != operation.record:
                return replace(received, problem=_OF_ANOTHER_RECORD), ()
            base = past.seen if past.store == operation.author.store else past.version or 0
            if operation.copied or operation.base != base:
                operation = replace(operation, base=base, rests_on=received.base_operation)
        if record is None and operation.action != "create":
            needs.append(operation.record)
        elif record is not None and operation.base > record.version:
            # The server was restored: the version is to come again.
            needs.append(operation.record)
        parent = self._parent(operation) if operation.action == "create" else None
        if parent is not None and parent not in self.held:
            needs.append(parent)
        if operation is not received.operation:
            received = replace(received, operation=operation)
        return received, tuple(dict.fromkeys(needs))

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
            if (above := self.held.get(parent)) is None:
                return refuse(None, "unknown_record")
            if above.record.type != declared.parent:
                return refuse(None, "invalid_field", (_OF_ANOTHER_TYPE,))
            if declared.joins:
                return None
            held = above
        if received.scope is None or held is None:
            return None
        seen_by = self.scopes[held.family] | self._rising.get(held.family, set())
        if received.scope & seen_by:
            return None
        return None if self._held_then(received, seen_by) else refuse(record, "out_of_scope")

    def _held_then(self, received: Received, seen_by: set[str]) -> bool:
        """Say whether its author held a scope on it when he wrote it; what he lost since is not shown to him."""
        if received.authored_at is None:
            return False
        arrived = received.arrived.at if received.arrived else self.now
        author = received.operation.author.officer
        then = self.home.scopes_then(self.session, author, received.authored_at, arrived)
        if not then & seen_by:
            return False
        self._blind.add(received.operation.id)
        return True

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
        for one in self.home.complete(self.session, self._changes(), self.now):
            self.decide(own_operation(one))
        changes = self._changes()
        changed = [self.held[record] for record in self._before]
        joined = audience.joined(self.session, self.scopes, self._rising, changed, self._before)
        new = {record for record, before in self._before.items() if before is None}
        done, self._done, self._before = self._done, [], {}
        # What waited only within its own push is told there.
        late = [one for one in done if one.received.arrived and one.received.operation.id not in self._answered]
        settled = [one for one in late if one.decision.outcome in FINAL]
        first, count = 0, len(changed) + len(joined) + len(settled)
        if count:
            last = sequence.take(self.session, count, int(self.now.timestamp() * 1000), self.heard).value
            first = last - count + 1
        seqs = {one.record.id: first + index for index, one in enumerate(changed)}
        shelf.save(self.session, changed, list(seqs.values()), new)
        shelf.publish(self.session, audience.rows(self.scopes, changed, seqs, joined, first + len(changed)))
        self.home.save(self.session, [one.record for one in changed])
        flag(self.session, self.home, done, self.now)
        fresh = [one for one in done if one.received.arrived is None]
        inbox.insert(self.session, [operation_row(one, seqs, self.now) for one in fresh])
        members.add(self.session, self._enlisted)
        self._enlisted = []
        inbox.revise(self.session, [operation_row(one, seqs, self.now) for one in done if one.received.arrived])
        self._write_waiting(done, settled, first + len(changed) + len(joined))
        inbox.add_conflicts(self.session, [row for one in done for row in self._conflicts(one)])
        return changes

    def _changes(self) -> list[Change]:
        """What was decided and is not written yet."""
        return [Change(before, self.held[record].record) for record, before in self._before.items()]

    def _write_waiting(self, done: Sequence[Done], settled: Sequence[Done], first: int) -> None:
        for one in done:
            if one.decision.waits_for or one.received.arrived:
                waiting.wait(self.session, one.received.operation.id, one.decision.waits_for)
        entries = [
            {"terminal": terminal, "seq": first + index, "operation": one.received.operation.id}
            for index, one in enumerate(settled)
            if (terminal := one.received.operation.author.terminal)
        ]
        waiting.settle(self.session, entries)

    def _conflicts(self, done: Done) -> Iterable[dict[str, Any]]:
        if not done.decision.conflicts:
            return ()
        return conflict_rows(self.session, done, self.held[done.received.operation.record].family, self.now)
