"""Operations applied all at once; where the database objects, one by one, so that only the cause suffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.engine import hlc
from sync.engine.values import FINAL, Problem
from sync.service.decode import SET_ASIDE
from sync.service.groups import in_turn, key_of
from sync.service.home import Home
from sync.service.received import Past, Received
from sync.service.workspace import Workspace
from sync.store import operations as inbox

# What the database itself objects to; anything else is the server's own fault.
REFUSALS = (sa.exc.IntegrityError, sa.exc.DataError)


def reuse_key(sha256: str) -> str:
    """The name that an operation is kept under when its id was used before with another payload."""
    return f"{SET_ASIDE}{sha256[:56]}"


def set_aside(received: Received) -> Received:
    """An operation whose id was used before with another payload, as it is kept."""
    operation = replace(received.operation, id=reuse_key(received.sha256))
    return replace(received, operation=operation, problem=Problem("operation_id_reused"), group=None)


def again(result: dict[str, Any] | None, row: Any) -> dict[str, Any]:
    """The same answer once more."""
    answer: dict[str, Any] = dict(result) if result is not None else orjson.loads(row.result)
    if answer["outcome"] in FINAL:
        answer["duplicate"] = True
    return answer


def apply(
    session: Session,
    home: Home,
    received: Sequence[Received],
    now: datetime,
    heard: hlc.Hlc | None,
    past: dict[str, Past],
) -> dict[str, dict[str, Any]]:
    """Apply new operations, all at once; when the database objects, so that only its cause suffers."""
    if not received:
        return {}
    try:
        with session.begin_nested():
            results = Workspace(session, home, now, heard, past).apply(received)
        return {one.operation.id: result for one, result in zip(received, results, strict=True)}
    except REFUSALS as error:
        return _apart(session, home, _units(received), now, heard, past, error)


def _apart(
    session: Session,
    home: Home,
    units: Sequence[list[Received]],
    now: datetime,
    heard: hlc.Hlc | None,
    past: dict[str, Past],
    error: sa.exc.DBAPIError,
) -> dict[str, dict[str, Any]]:
    """Apply each half of what was refused, and so on: one by one, a cause among five hundred costs them all."""
    if len(units) == 1:
        return _alone(session, home, units[0], now, heard, past, error)
    results: dict[str, dict[str, Any]] = {}
    middle = len(units) // 2
    for half in (units[:middle], units[middle:]):
        received = [one for unit in half for one in unit]
        space = Workspace(session, home, now, heard, past)
        try:
            with session.begin_nested():
                answers = space.apply(received)
        except REFUSALS as refusal:
            results |= _apart(session, home, half, now, heard, past, refusal)
        else:
            results |= {one.operation.id: answer for one, answer in zip(received, answers, strict=True)}
            past |= space.past
    return results


def _alone(
    session: Session,
    home: Home,
    unit: Sequence[Received],
    now: datetime,
    heard: hlc.Hlc | None,
    past: dict[str, Past],
    error: sa.exc.DBAPIError,
) -> dict[str, dict[str, Any]]:
    """Answer what the database refused by itself: as another push answered it meanwhile, else in quarantine."""
    meanwhile = {one.operation.id: _meanwhile(session, home, one, now) for one in unit}
    results = {id_: answer for id_, answer in meanwhile.items() if answer is not None}
    left = [one for one in unit if meanwhile[one.operation.id] is None]
    tried = blamed(session, home, left, now, error, past)
    space = Workspace(session, home, now, heard, past)
    with session.begin_nested():
        answers = space.apply(tried)
    results |= {one.operation.id: answer for one, answer in zip(tried, answers, strict=True)}
    past |= space.past
    return results


def _units(received: Sequence[Received]) -> list[list[Received]]:
    """What must be applied together: each operation alone, or a group where its last member stands."""
    units: dict[Any, list[Received]] = {}
    for one in received:
        name = one.operation.id if one.group is None else key_of(one)
        units[name] = [*units.pop(name, ()), one]
    return list(units.values())


def blamed(
    session: Session,
    home: Home,
    unit: Sequence[Received],
    now: datetime,
    error: sa.exc.DBAPIError,
    past: Mapping[str, Past],
) -> list[Received]:
    """The operations of a unit that the database refused, the cause marked with its problem.

    Members of a group are tried one after the other to find it, and all taken back; it may be one that waits in
    the inbox, which is added at the end.
    """
    if not unit:
        return []
    cause, every = unit[-1].operation.id, list(unit)
    if unit[0].group is not None:
        members, own = in_turn(session, home.schemas, unit), {one.operation.id for one in unit}
        every += [one for one in members if one.operation.id not in own]
        cause, error = _first_refused(session, home, members, now, past) or (cause, error)
    refused = {"pointer": "", "code": "constraint", "message": "数据库拒绝 · the database refused it"}
    problem = Problem("invalid_field", (refused,))
    marked = [replace(one, problem=problem) if one.operation.id == cause else one for one in every]
    return [one for index, one in enumerate(marked) if index < len(unit) or one.operation.id == cause]


def _first_refused(
    session: Session, home: Home, members: Sequence[Received], now: datetime, past: Mapping[str, Past]
) -> tuple[str, sa.exc.DBAPIError] | None:
    """The member that the database refuses when they are applied singly, with what it says; all are taken back."""
    trial = session.begin_nested()
    seen = dict(past)
    try:
        for one in members:
            space = Workspace(session, home, now, past=seen)
            with session.begin_nested():
                space.apply([replace(one, group=None)])
            seen |= space.past
    except REFUSALS as error:
        return one.operation.id, error
    finally:
        trial.rollback()
    return None


def _meanwhile(session: Session, home: Home, one: Received, now: datetime) -> dict[str, Any] | None:
    """The answer where another push brought an operation under this id after ours had looked."""
    known = inbox.known(session, {one.operation.id, reuse_key(one.sha256)})
    row = known.get(one.operation.id)
    if row is None:
        return None
    if row.payload_sha256 == one.sha256:
        return again(None, row)
    if reuse_key(one.sha256) in known:
        return again(None, known[reuse_key(one.sha256)])
    with session.begin_nested():
        [result] = Workspace(session, home, now).apply([set_aside(one)])
    return {**result, "id": one.operation.id}
