"""Groups: operations of one store that are applied together or not at all.

Members may come in any order and in several pushes. Until the last has come, those that are here wait for their
group's id; then all are tried, and if one cannot be applied none is. Source: ADR 22.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.orm import Session, SessionTransaction

from sync.engine.kinds import Fault
from sync.engine.merge import refuse
from sync.engine.translate import Schemas
from sync.engine.values import FINAL, Decision, Outcome, Record
from sync.service.decode import MAX_GROUP, revive
from sync.service.received import Past, Received, brought
from sync.store import members as roll
from sync.store import waiting
from sync.store.members import Key

if TYPE_CHECKING:
    from sync.service.workspace import Workspace

T = TypeVar("T")
CODE = "group_incomplete"
_FAULTS = {
    fault.code: fault.message
    for fault in (
        Fault("member_refused", "组内操作{} 未能执行 · a member could not be applied{}"),
        Fault("member_dismissed", "组内操作{} 已被关闭 · a member was dismissed{}"),
        Fault("sizes_differ", "组内操作所报数目不一 · its members name different sizes"),
        Fault("too_many", "组内操作多于所报数目 · more members than its size"),
    )
}


@dataclass(frozen=True, slots=True)
class Mark:
    """How the records of some operations stood before these were tried.

    savepoint: for what a reaction writes at once, such as an order that it takes back.
    """

    records: Mapping[str, Record | None]
    written: frozenset[str]
    rising: Mapping[str, set[str] | None]
    past: Mapping[str, Past | None]
    done: int
    savepoint: SessionTransaction


def restore(values: dict[str, T], name: str, value: T | None) -> None:
    """Have a value stand again, or be absent again."""
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value


@dataclass(slots=True)
class Circle:
    """A group as it stands in this round.

    sizes: what each member says, in the order of arrival. here: members that could take effect now.
    listed: those that this round decides anyway; the others were loaded beside them.
    bad: members in quarantine for a reason of their own. dismissed: one that a person closed.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    here: dict[str, Received] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    bad: list[str] = field(default_factory=list)
    dismissed: str | None = None
    taken: bool = False

    @property
    def differs(self) -> bool:
        return len(set(self.sizes.values())) > 1

    @property
    def is_full(self) -> bool:
        """Whether there are as many members as its first one says; where they differ, as many as there may be."""
        limit = MAX_GROUP if self.differs else next(iter(self.sizes.values()), MAX_GROUP)
        return self.taken or len(self.sizes) >= limit

    @property
    def is_whole(self) -> bool:
        return self.is_full and len(self.here) + len(self.bad) == len(self.sizes)


class Groups:
    """The groups that one round of a workspace meets."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._circles: dict[Key, Circle] = {}
        self._joined: list[Received] = []

    def load(self, received: Sequence[Received]) -> list[Any]:
        """Begin a round; returns the rows of the waiting members that these may set free.

        received: operations in groups. Only groups that this round may judge have their members loaded.
        """
        coming: dict[Key, dict[str, int]] = {}
        for one in received:
            coming.setdefault(key_of(one), {})[one.operation.id] = size_of(one)
        known = roll.known(self._space.session, coming)
        ids: set[str] = set()
        for key, new in coming.items():
            circle = self._circles[key] = _circle(known[key], new.keys())
            sizes = circle.sizes | new
            if circle.dismissed or len(set(sizes.values())) > 1 or len(sizes) >= min(new.values()):
                loaded = {row.operation for row in known[key] if row.outcome not in FINAL}
                ids |= loaded - new.keys() - set(circle.bad)
        return waiting.rows(self._space.session, ids) if ids else []

    def admit(self, siblings: Iterable[Received]) -> None:
        """Take loaded members in, beside those that the round brings."""
        for one in siblings:
            self._circles[key_of(one)].here[one.operation.id] = one

    def meet(self, received: Received) -> None:
        """Let one operation take its place in its group, and judge the group if that makes it whole."""
        circle, id_ = self._circles[key_of(received)], received.operation.id
        if id_ not in circle.sizes:
            if circle.is_full:
                self._refuse([received], "too_many")
                return
            circle.sizes[id_] = size_of(received)
            self._joined.append(received)
        circle.listed.add(id_)
        if received.problem is None:
            circle.here[id_] = received
        else:
            circle.bad.append(id_)
            self._refuse([received])
        members = list(circle.here.values())
        if circle.dismissed or circle.differs:
            circle.here.clear()
            self._refuse(members, "member_dismissed" if circle.dismissed else "sizes_differ", circle.dismissed)
        elif circle.is_whole:
            circle.here.clear()
            self._judge(circle, members)

    def close(self) -> list[dict[str, Any]]:
        """End a round: what came and is not whole waits for its group. Returns the rows of those who joined."""
        for (_, group), circle in self._circles.items():
            for one in circle.here.values():
                if one.operation.id in circle.listed:
                    self._park([one], (group,))
        self._circles = {}
        joined, self._joined = self._joined, []
        return [_row(one) for one in joined]

    def _judge(self, circle: Circle, members: Sequence[Received]) -> None:
        if circle.bad:
            self._refuse(members, "member_refused", circle.bad[0])
            return
        space, left = self._space, sorted(members, key=_by_number)
        mark = space.mark(members)
        # In number order, but for a member that rests on a later one.
        while ready := next((one for one in left if not space.needs(one)), None):
            left.remove(ready)
            decision = space.decide(ready)
            if decision.outcome is Outcome.QUARANTINED:
                space.go_back(mark)
                self._blame(members, ready, decision)
                return
        if left:
            self._wait(members, left, mark)
        else:
            mark.savepoint.commit()

    def _wait(self, members: Sequence[Received], left: Sequence[Received], mark: Mark) -> None:
        """What one member waits for, all wait for; a member that waits for its own group goes round in circles."""
        space = self._space
        own = {one.operation.id for one in members} | {one.operation.record for one in left if _creates(one)}
        outside = {one.operation.id: set(space.needs(one)) - own for one in left}
        space.go_back(mark)
        needs = set().union(*outside.values())
        if not needs:
            self._blame(members, left[0], refuse(None, "cycle"))
        elif self._reaches(needs, members):
            first = next(one for one in left if self._reaches(outside[one.operation.id], members))
            self._blame(members, first, refuse(None, "cycle"))
        else:
            self._park(members, tuple(sorted(needs)))

    def _reaches(self, needs: Iterable[str], members: Iterable[Received]) -> bool:
        ids = set().union(*(brought(one.operation) for one in members))
        return waiting.reaches(self._space.session, needs, ids, self._space.waits)

    def _blame(self, members: Iterable[Received], offender: Received, decision: Decision) -> None:
        # Not the record of the trial, which is taken back.
        self._space.note(offender, Decision(decision.outcome, None, problem=decision.problem))
        self._refuse([one for one in members if one is not offender], "member_refused", offender.operation.id)

    def _refuse(self, members: Iterable[Received], code: str = "", other: str | None = None) -> None:
        """Quarantine members, each for its own problem if it has one."""
        for one in members:
            if one.problem is not None:
                decision = Decision(Outcome.QUARANTINED, None, problem=one.problem)
            else:
                words = _FAULTS[code].format(f" {other}", f": {other}")
                decision = refuse(None, CODE, ({"pointer": "/group", "code": code, "message": words},))
            self._space.note(one, decision)

    def _park(self, members: Iterable[Received], needs: tuple[str, ...]) -> None:
        for one in members:
            self._space.note(one, Decision(Outcome.PARKED, None, waits_for=needs))


def key_of(received: Received) -> Key:
    """The store and the id by which a group is known."""
    assert received.group is not None
    return received.operation.author.store, received.group.id


def size_of(received: Received) -> int:
    """How many members an operation says that its group has."""
    assert received.group is not None
    return received.group.size


def in_turn(session: Session, schemas: Schemas, unit: Sequence[Received]) -> list[Received]:
    """A group's members, those that wait in the inbox too, in the order of their numbers."""
    known = roll.known(session, [key_of(unit[0])])[key_of(unit[0])]
    ids = {row.operation for row in known if row.outcome not in FINAL} - {one.operation.id for one in unit}
    every = [*unit, *(revive(row, schemas) for row in (waiting.rows(session, ids) if ids else ()))]
    return sorted(every, key=_by_number)


def _circle(rows: Sequence[Any], coming: Set[str]) -> Circle:
    circle = Circle({row.operation: row.size for row in rows})
    for row in rows:
        if row.outcome == Outcome.DISMISSED:
            circle.dismissed = row.operation
        elif row.outcome in FINAL:
            circle.taken = True
        elif row.problem not in (None, CODE) and row.operation not in coming:
            circle.bad.append(row.operation)
    return circle


def _creates(received: Received) -> bool:
    return received.operation.action == "create"


def _by_number(received: Received) -> tuple[bool, int, str]:
    number = received.operation.number
    return number is None, number or 0, received.operation.id


def _row(received: Received) -> dict[str, Any]:
    store, group = key_of(received)
    return {"store": store, "group_id": group, "operation": received.operation.id, "size": size_of(received)}
