"""A batch: what arrived before is answered again, the rest is applied, the receipt signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from sync.engine import hlc, numbers
from sync.engine.kinds import parse_time
from sync.engine.translate import Reading
from sync.engine.values import Author, Flag, Outcome, Problem
from sync.service.attempts import again, apply, reuse_key, set_aside
from sync.service.decode import Sender, decode, not_signed_in, revive
from sync.service.home import Home
from sync.service.received import Past, Received
from sync.store import operations as inbox
from sync.store import sequence, stores, waiting

CLOCK_SUSPECT_S = 5 * 60
Sign = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Batch:
    """A push's envelope. `operations`: raw, in the terminal's order.

    app: the version of the terminal's program. control_done: the orders that it has carried out.
    """

    id: str
    store: str
    operations: Sequence[Any]
    clock: Mapping[str, Any]
    health: Mapping[str, Any] | None
    schema: int
    app: str = ""
    control_done: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Pusher:
    """The signed-in officer, his terminal, and the audiences he may write to."""

    officer: str
    roles: frozenset[str]
    unit: str
    supervisor: bool
    terminal: str
    terminal_no: str
    scope: frozenset[str]
    masked: bool = False
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch, read and checked as far as that needs no database."""

    batch: Batch
    pusher: Pusher
    sender: Sender
    received: list[Received]


def prepare(home: Home, pusher: Pusher, batch: Batch, *, now: datetime) -> Prepared:
    """Decode a batch; before the transaction, since on SQLite that one keeps all other writers waiting."""
    sender = _sender(pusher, batch, now)
    is_known = home.schemas.knows(batch.schema)
    read = partial(home.schemas.read, number=batch.schema) if is_known else Reading
    received = [decode(raw, sender, home.types, read) for raw in batch.operations]
    if not is_known:
        received = [replace(one, problem=Problem("unknown_schema")) for one in received]
    if pusher.revoked:
        received = [replace(one, problem=Problem("terminal_revoked")) for one in received]
    return Prepared(batch, pusher, sender, received)


def push(session: Session, home: Home, prepared: Prepared, *, sign: Sign) -> dict[str, Any]:
    """Take a batch in and answer it; the caller commits before the answer leaves.

    Raises:
        InFlight: another push of this terminal is under way.
        StoreForeign: the batch names a store of another terminal.
    Locks: the store's row, the records, last the sequence. Writes: all of sync's tables.
    """
    batch, pusher, sender = prepared.batch, prepared.pusher, prepared.sender
    now = sender.now
    stores.claim(session, pusher.terminal)
    store = stores.load(session, batch.store, pusher.terminal, now)
    booked = [_booked(session, home, pusher.terminal, one) for one in prepared.received]
    booked = _refused(session, home, booked)
    rows = _known(session, booked)
    received = _flagged(booked, rows, store)
    results = _take(session, home, received, rows, now, hlc.parse(batch.clock.get("hlc")))
    store["numbers"] = numbers.add(
        store["numbers"], [one.operation.number for one in received if one.operation.number is not None]
    )
    return _answer(session, store, batch, sender, received, results, sign)


def _sender(pusher: Pusher, batch: Batch, now: datetime) -> Sender:
    author = Author(
        pusher.officer,
        pusher.roles,
        pusher.unit,
        batch.store,
        pusher.terminal,
        pusher.supervisor,
        masked=pusher.masked,
    )
    monotonic = batch.clock.get("monotonic_ms")
    boot = batch.clock.get("boot")
    wall, now_ms = parse_time(batch.clock.get("wall")), int(now.timestamp() * 1000)
    is_ahead = wall is not None and (wall - now).total_seconds() > CLOCK_SUSPECT_S
    return Sender(
        author,
        batch.id,
        pusher.scope,
        now,
        wall,
        monotonic if type(monotonic) is int else None,
        boot if isinstance(boot, str) else None,
        pusher.terminal_no,
        is_ahead or hlc.is_ahead(hlc.parse(batch.clock.get("hlc")), now_ms),
        # A number that no column holds is as unknown as 0.
        batch.schema if 0 < batch.schema < 2**31 else 0,
    )


def _booked(session: Session, home: Home, terminal: str, received: Received) -> Received:
    """Book an operation that names another author under him, with his rights, if he was signed in then.

    Terminals are handed over with work unsent; each answers for his own.
    """
    if received.officer is None or received.problem is not None:
        return received
    at = parse_time(received.operation.at)
    found = home.colleague(session, terminal, received.officer, at) if at else None
    if found is None:
        return replace(received, problem=not_signed_in())
    author = replace(
        received.operation.author,
        officer=found.officer,
        roles=found.roles,
        unit=found.unit,
        supervisor=found.supervisor,
        masked=found.masked,
    )
    return replace(received, operation=replace(received.operation, author=author), scope=found.scope)


def _refused(session: Session, home: Home, received: list[Received]) -> list[Received]:
    """Mark what the database would refuse, and with it the whole batch."""
    problems = home.refused(session, [one.operation for one in received if one.problem is None])
    if not problems:
        return received
    return [replace(one, problem=problems.get(one.operation.id, one.problem)) for one in received]


def _known(session: Session, received: Sequence[Received]) -> dict[str, Any]:
    """What the inbox has of these operations, and of those that they name."""
    based = {one.base_operation for one in received if one.base_operation}
    based |= {earlier for one in received for earlier in one.after}
    return inbox.known(session, {one.operation.id for one in received} | based)


def _flagged(received: Sequence[Received], rows: Mapping[str, Any], store: dict[str, Any]) -> list[Received]:
    """Mark what a number that another id used before (also in this batch) makes doubtful.

    Its store exists twice then, and says so from now on: what one half wrote, the other has not seen.
    """
    used: dict[int, str] = {}
    flagged: list[Received] = []
    for one in received:
        number, id_ = one.operation.number, one.operation.id
        is_first = number is None or used.setdefault(number, id_) == id_
        if number is not None and id_ not in rows and (not is_first or numbers.holds(store["numbers"], number)):
            store["copied"] = True
            one = replace(one, flags=(*one.flags, Flag.NUMBER_REUSED))  # noqa: PLW2901 - the same one, marked
        flagged.append(replace(one, operation=replace(one.operation, copied=True)) if store["copied"] else one)
    return flagged


def _take(
    session: Session,
    home: Home,
    received: list[Received],
    rows: Mapping[str, Any],
    now: datetime,
    heard: hlc.Hlc | None,
) -> list[dict[str, Any]]:
    """Give each operation its result: from the inbox what is known, from the engine what is new."""
    past = {row.id: Past(row.record, row.store, row.outcome, row.seen, row.version) for row in rows.values()}
    fresh: dict[str, Received] = {}
    for one in received:
        row = rows.get(one.operation.id)
        if row is None:
            fresh.setdefault(one.operation.id, one)
    reused, kept = _reused(session, received, rows, fresh)
    parked = _parked_again(session, home, received, rows)
    results = apply(session, home, [*fresh.values(), *reused.values(), *parked], now, heard, past)
    return [_answer_one(one, fresh, results, rows, kept) for one in received]


def _parked_again(
    session: Session, home: Home, received: Sequence[Received], rows: Mapping[str, Any]
) -> list[Received]:
    """Parked operations that come again are looked at again: what they waited for may have come unseen.

    Two pushes at once may each commit without seeing the other's half.
    """
    parked = {
        one.operation.id
        for one in received
        if (row := rows.get(one.operation.id)) is not None
        and row.outcome == Outcome.PARKED
        and row.payload_sha256 == one.sha256
    }
    return [revive(row, home.schemas) for row in waiting.rows(session, parked)] if parked else []


def _answer_one(
    one: Received,
    fresh: Mapping[str, Received],
    results: Mapping[str, dict[str, Any]],
    rows: Mapping[str, Any],
    kept: Mapping[str, Any],
) -> dict[str, Any]:
    """The result of one operation; an original and another payload under its id are answered apart."""
    own, key = one.operation.id, reuse_key(one.sha256)
    row = rows.get(own)
    if fresh.get(own) is one or (row is not None and own in results and row.payload_sha256 == one.sha256):
        return results[own]
    if key in kept:
        answer = again(None, kept[key])
    elif key in results:
        answer = results[key]
    else:
        answer = again(results.get(own), rows.get(own))
    return {**answer, "id": own}


def _reused(
    session: Session, received: list[Received], rows: Mapping[str, Any], fresh: Mapping[str, Received]
) -> tuple[dict[str, Received], dict[str, Any]]:
    """Operations that come under an id whose payload was another: new ones, and rows of those known as such."""
    reused: dict[str, Received] = {}
    for one in received:
        row = rows.get(one.operation.id)
        known = row.payload_sha256 if row is not None else fresh[one.operation.id].sha256
        if known != one.sha256:
            reused[reuse_key(one.sha256)] = set_aside(one)
    kept = inbox.known(session, reused.keys())
    for key in kept:
        del reused[key]
    return reused, kept


def _answer(
    session: Session,
    store: dict[str, Any],
    batch: Batch,
    sender: Sender,
    received: Sequence[Received],
    results: Sequence[dict[str, Any]],
    sign: Sign,
) -> dict[str, Any]:
    """Chain and sign the receipt, note the store's health, and build the answer."""
    position = sequence.position(session)
    receipt = sign(
        {
            "terminal": store["terminal"],
            "store": batch.store,
            "batch": batch.id,
            "epoch": position.epoch,
            "time": sender.now.isoformat(timespec="milliseconds"),
            "previous": store["last_receipt_sha256"],
            "results": [
                [one.operation.number, result["id"], one.sha256, result["outcome"], result.get("version")]
                for one, result in zip(received, results, strict=True)
            ],
        }
    )
    store["last_receipt_sha256"] = hashlib.sha256(receipt.encode()).hexdigest()
    store["last_seen_at"] = sender.now
    store["health"] = dict(batch.health) if batch.health else store["health"]
    if sender.wall is not None:
        store["clock_offset_ms"] = int((sender.wall - sender.now).total_seconds() * 1000)
    stores.save(session, store)
    stores.add_receipt(
        session,
        {
            "sha256": store["last_receipt_sha256"],
            "store": batch.store,
            "batch": batch.id,
            "jws": receipt,
            "created_at": sender.now,
        },
    )
    ranges: numbers.Ranges = store["numbers"]
    return {
        "batch": batch.id,
        "server_hlc": str(position.hlc),
        "highest_number": ranges[-1][1] if ranges else 0,
        "missing_numbers": numbers.missing(ranges),
        "backoff_ms": 0,
        "receipt": receipt,
        "control": {},
        "results": list(results),
    }
