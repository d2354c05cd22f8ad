"""Who may hold what was changed: the rows that show records to scopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from sync.engine.values import Record
from sync.store import records as shelf
from sync.store.records import Held

Joined = tuple[str, str, str]


def joined(
    session: Session,
    scopes: Mapping[str, set[str]],
    rising: Mapping[str, set[str]],
    changed: Sequence[Held],
    before: Mapping[str, Record | None],
) -> list[Joined]:
    """What families gain by these changes: (scope, a record that it did not see before, family).

    scopes: by family; those that are gained are added. rising: what each change brought, though the next one
    took it away; else it would depend on how a batch is split. before: the changed records as they stood.
    """
    gained = {one.family: rising[one.family] - scopes[one.family] for one in changed}
    touched = {one.record.id for one in changed}
    # A family whose root is new has no other members.
    grown = [family for family, new in gained.items() if new and before.get(family, family) is not None]
    old = shelf.members(session, grown)
    for family, new in gained.items():
        scopes[family].update(new)
    return [
        (scope, record, family)
        for family, new in gained.items()
        for scope in sorted(new)
        for record in sorted(old.get(family, []))
        if record not in touched
    ]


def rows(
    scopes: Mapping[str, set[str]],
    changed: Sequence[Held],
    seqs: Mapping[str, int],
    gained: Sequence[Joined],
    start: int,
) -> list[dict[str, Any]]:
    """The audience of what was changed and of what was gained; `start`: the sequence of the first gained."""
    shown = [
        _row(scope, one.record.id, one.family, seqs[one.record.id]) for one in changed for scope in scopes[one.family]
    ]
    return shown + [
        _row(scope, record, family, start + index) for index, (scope, record, family) in enumerate(gained)
    ]


def _row(scope: str, record: str, family: str, seq: int) -> dict[str, Any]:
    return {"scope": scope, "record": record, "family": family, "seq": seq, "since": seq}
