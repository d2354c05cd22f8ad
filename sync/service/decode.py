"""From one operation as it came over the wire to one that the engine can judge.

Nothing is refused here: what cannot be tried is marked with its problem and kept whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sync.engine import hlc
from sync.engine.kinds import MAX_INTEGER, UUID, parse_time
from sync.engine.translate import Reading, Schemas
from sync.engine.values import Author, Flag, Operation, Problem, RecordType
from sync.service.received import Arrival, Group, Received
from sync.store import operations as inbox

# Tuples: what is asked may be a list or an object, which no set can look up.
ACTIONS = ("create", "patch", "append", "transition", "void", "discard")
MAX_TEXT = 64
MAX_AFTER = 100
SLOW_REQUEST = timedelta(minutes=2)
MAX_GROUP = 100
# What an operation is kept under when its id was used before with another payload.
SET_ASIDE = "reused:"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who pushes, from which store, under which schema, and how its clock stands against the server's.

    ahead: too far to be believed.
    """

    author: Author
    batch: str
    scope: frozenset[str]
    now: datetime
    wall: datetime | None
    monotonic_ms: int | None
    boot: str | None
    node: str
    ahead: bool = False
    schema: int | None = None


def decode(
    sent: Any, sender: Sender, types: Mapping[str, RecordType], read: Callable[[Any], Reading] = Reading
) -> Received:
    """Parse one operation; `problem` is set when it cannot be tried.

    read: gives what was sent as today's schema has it. What is kept and receipted is what was sent.
    """
    plain = inbox.plain(sent)
    payload = plain or _payload(sent)
    reading = read(sent)
    raw = reading.raw
    sha256 = inbox.digest(payload)
    suspect = (Flag.CLOCK_SUSPECT,) if sender.ahead else ()
    if not isinstance(raw, dict) or not _is_id(raw.get("id")):
        operation = Operation(f"unnamed:{sha256[:52]}", "", "", "", sender.author, "")
        nameless = _fault("/id", "not_identifier", "没有编号 · no id")
        return Received(
            operation, payload, sha256, sender.batch, flags=suspect, problem=nameless, schema=sender.schema
        )
    now_ms = int(sender.now.timestamp() * 1000)
    heard = hlc.parse(raw.get("hlc"))
    clock = hlc.bounded(heard, now_ms, sender.node)
    operation = _operation(raw, sender.author, clock, reading.kept)
    problem = (None if plain else _kept_only(sent)) or reading.problem or _problem(raw)
    named = raw.get("officer")
    base = raw.get("base") if _is_base(raw.get("base")) else None
    return Received(
        operation,
        payload,
        sha256,
        sender.batch,
        sender.scope,
        flags=(Flag.CLOCK_SUSPECT,) if hlc.is_ahead(heard, now_ms) else suspect,
        base_operation=base.get("operation") if isinstance(base, dict) else None,
        after=() if problem else tuple(raw.get("after") or ()),
        given={} if problem else _corrected(raw, sender, types),
        problem=problem,
        authored_at=None if problem else _authored_at(raw, sender),
        officer=named if isinstance(named, str) and named != sender.author.officer else None,
        schema=sender.schema,
        group=_group(raw),
    )


def revive(row: Any, schemas: Schemas, repair: Mapping[str, Any] | None = None) -> Received:
    """An operation out of the inbox, to be tried again as its author meant it.

    row: its whole row. repair: {by, at, reason, set} of the person who had it tried again; `set` replaces
    values, and stands beside the payload, which is never changed.
    """
    context = row.context or {}
    repair = repair or context.get("repair")
    # What was corrected and then parked is corrected still when it is woken.
    reading = read_again(json.loads(row.payload), row.schema, schemas, repair["set"] if repair else {})
    raw = reading.raw
    author = Author(
        row.officer,
        frozenset(context.get("roles", ())),
        context.get("unit", ""),
        row.store,
        row.terminal,
        context.get("supervisor", False),
        masked=context.get("masked", False),
    )
    problem = reading.problem or _unreadable(raw, row.officer) or _kept_only(reading.kept)
    operation = _named(row, author)
    if problem is None:
        # Under the name that the inbox knows it by: a reused id must never reach the row of its first bearer.
        operation = _operation(raw, author, context.get("hlc", ""), reading.kept)
        operation = replace(operation, id=row.id, copied=context.get("copied", False))
    base = raw.get("base") if problem is None else None
    scope = context.get("scope")
    return Received(
        operation,
        row.payload.encode(),
        row.payload_sha256,
        row.batch,
        frozenset(scope) if scope is not None else None,
        tuple(context.get("flags", ())),
        base_operation=base.get("operation") if isinstance(base, dict) else None,
        after=() if problem else tuple(raw.get("after") or ()),
        given=context.get("given", {}),
        problem=problem,
        arrived=Arrival(row.received_at, row.outcome),
        authored_at=parse_time(context.get("authored_at")),
        repair=repair,
        schema=row.schema,
        group=_group(raw) if isinstance(raw, dict) and not row.id.startswith(SET_ASIDE) else None,
    )


def read_again(sent: Any, number: int, schemas: Schemas, corrections: Mapping[str, Any]) -> Reading:
    """What was sent, as today's schema has it, with a person's corrections.

    He names a field as today's schema does; one that it has no more, as it was sent: null takes that out.
    """
    reading = schemas.read(sent, number)
    if not corrections or not isinstance(reading.raw, dict):
        return reading
    values = _object(sent, "set")
    gone = corrections.keys() & (values.keys() - _object(reading.raw, "set").keys())
    if gone:
        left = {name: value for name, value in values.items() if name not in gone}
        old = {name: corrections[name] for name in gone if corrections[name] is not None}
        reading = schemas.read({**sent, "set": left | old}, number)
    new = {name: value for name, value in corrections.items() if name not in gone}
    return replace(reading, raw={**reading.raw, "set": _object(reading.raw, "set") | new})


def named_by(row: Any) -> set[str]:
    """The operations that a stored one names: its base, and what it comes after."""
    raw = json.loads(row.payload)
    if not isinstance(raw, dict):
        return set()
    base, after = raw.get("base"), raw.get("after")
    named = {base["operation"]} if isinstance(base, dict) and _is_base(base) else set()
    return named | (set(after or ()) if _is_after(after) else set())


def group_of(row: Any) -> str | None:
    """The id of the group that a stored operation belongs to."""
    raw = json.loads(row.payload)
    group = _group(raw) if isinstance(raw, dict) else None
    return group.id if group else None


def _unreadable(raw: Any, officer: str) -> Problem | None:
    if not isinstance(raw, dict) or not _is_id(raw.get("id")):
        return _fault("/id", "not_identifier", "没有编号 · no id")
    return _kept_only(raw) or _problem(raw) or _of_another(raw, officer)


def _named(row: Any, author: Author) -> Operation:
    """Only what the inbox has columns for, of an operation that cannot be read."""
    return Operation(row.id, row.action, row.type, row.record, author, row.at, number=row.number)


def _payload(raw: Any) -> bytes:
    """The bytes that an operation is known by: canonical where it can be, else plain JSON, always whole."""
    try:
        return inbox.canonical(raw)
    except ValueError:
        return json.dumps(raw, sort_keys=True).encode()


def _unstorable(value: Any, pointer: str = "") -> Iterator[tuple[str, str, str]]:
    """Everything inside an operation that can not be kept as a value: (problem's code, pointer, fault's code).

    No database holds NUL as text and no UTF-8 a lone surrogate; an integer beyond 2^53 is another number to
    whoever reads JSON as doubles; a name's length bounds the answer that points at it.
    """
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            yield "text_not_storable", pointer, "text_not_storable"
    elif type(value) is int:
        if abs(value) > MAX_INTEGER:
            yield "invalid_field", pointer, "out_of_range"
    elif isinstance(value, Mapping):
        for key, child in value.items():
            if _UNSTORABLE.search(key):
                yield "text_not_storable", pointer, "text_not_storable"
            elif len(key) > MAX_TEXT:
                yield "invalid_field", f"{pointer}/{key[:MAX_TEXT]}", "unknown_field"
            else:
                yield from _unstorable(child, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _unstorable(child, f"{pointer}/{index}")


def _operation(raw: dict[str, Any], author: Author, clock: str, kept: Mapping[str, Any]) -> Operation:
    """Take every part that has the right type; `_problem` names those that do not."""
    base = raw.get("base")
    return Operation(
        id=raw["id"],
        action=_text(raw, "action"),
        type=_text(raw, "type"),
        record=_text(raw, "record"),
        author=author,
        at=_text(raw, "at"),
        hlc=clock,
        number=_number(raw),
        base=base if type(base) is int and _is_base(base) else 0,
        set=_object(raw, "set"),
        was=_object(raw, "was"),
        list=raw["list"] if isinstance(raw.get("list"), str) else None,
        item=_object(raw, "item"),
        event=raw["event"] if isinstance(raw.get("event"), str) else None,
        kept=kept,
        element=raw["item"] if _names_element(raw) else None,
        reason=raw["reason"] if isinstance(raw.get("reason"), str) else None,
    )


def _kept_only(raw: Mapping[str, Any]) -> Problem | None:
    """The problem of an operation that can be kept, as bytes, but never be a value."""
    found = next(_unstorable(raw), None)
    if found is None:
        return None
    problem, pointer, fault = found
    return Problem(problem, (_error(pointer, fault, "无法保存 · cannot be stored"),))


def _problem(raw: dict[str, Any]) -> Problem | None:
    checks = (
        ("action", _text(raw, "action") in ACTIONS),
        ("record", _is_id(raw.get("record"))),
        ("type", isinstance(raw.get("type"), str) and len(raw["type"]) <= MAX_TEXT),
        ("at", parse_time(raw.get("at")) is not None),
        ("number", "number" not in raw or _number(raw) is not None),
        ("base", _is_base(raw.get("base"))),
        ("after", _is_after(raw.get("after"))),
        ("hlc", raw.get("hlc") is None or hlc.parse(raw["hlc"]) is not None),
        ("officer", raw.get("officer") is None or isinstance(raw["officer"], str)),
        ("group", raw.get("group") is None or _group(raw) is not None),
        ("item", isinstance(raw.get("item", {}), dict) or _names_element(raw)),
        *((name, isinstance(raw.get(name, {}), dict)) for name in ("set", "was")),
    )
    errors = tuple(_error(f"/{name}", "wrong_type", "类型不对 · wrong type") for name, good in checks if not good)
    return Problem("invalid_field", errors) if errors else None


def _group(raw: dict[str, Any]) -> Group | None:
    """The group that an operation belongs to; None where it names none, or none that could ever be whole."""
    group = raw.get("group")
    if not isinstance(group, dict) or group.keys() != {"id", "size"} or not _is_id(group["id"]):
        return None
    size = group["size"]
    return Group(group["id"], size) if type(size) is int and 1 <= size <= MAX_GROUP else None


def _names_element(raw: dict[str, Any]) -> bool:
    """Say whether `item` is an element's id: of one that is to be voided."""
    return raw.get("action") == "void" and _is_id(raw.get("item"))


def _is_after(after: Any) -> bool:
    return after is None or (isinstance(after, list) and len(after) <= MAX_AFTER and all(map(_is_id, after)))


def not_signed_in() -> Problem:
    """The author that an operation names was not signed in on this terminal then."""
    message = "该人员当时未在本终端登录 · he was not signed in on this terminal then"
    return Problem("not_permitted", (_error("/officer", "not_signed_in", message),))


def _of_another(raw: dict[str, Any], officer: str) -> Problem | None:
    """What was kept under one name because another's could not be vouched for is not tried under it."""
    if raw.get("officer") in (None, officer):
        return None
    return not_signed_in()


def _is_base(base: Any) -> bool:
    if isinstance(base, dict):
        return base.keys() == {"operation"} and _is_id(base["operation"])
    return base is None or (type(base) is int and 0 <= base < 2**31)


def _corrected(raw: dict[str, Any], sender: Sender, types: Mapping[str, RecordType]) -> dict[str, str]:
    """The capture time by the monotonic clock, where the device has not been restarted since."""
    declared = types.get(raw["type"])
    if raw["action"] != "create" or declared is None or declared.corrected is None:
        return {}
    moment = _by_monotonic(raw, sender)
    return {declared.corrected[1]: moment.isoformat(timespec="milliseconds")} if moment else {}


def _by_monotonic(raw: dict[str, Any], sender: Sender) -> datetime | None:
    """When it was by the server's clock: the device's may be years off; how long ago something was is not."""
    own = raw.get("monotonic_ms")
    if type(own) is not int or sender.monotonic_ms is None or raw.get("boot") != sender.boot:
        return None
    ago_ms = sender.monotonic_ms - own
    return sender.now - timedelta(milliseconds=ago_ms) if 0 <= ago_ms < 366 * 86_400_000 else None


def _authored_at(raw: dict[str, Any], sender: Sender) -> datetime | None:
    """When it was written, by the server's clock: as above, or by how far the device's wall clock is off now.

    What differs by less than a slow request takes is the request's time, not the clock's fault.
    """
    at = parse_time(raw.get("at"))
    if at is None:
        return None
    try:
        off = sender.now - sender.wall if sender.wall is not None else timedelta()
        moment = _by_monotonic(raw, sender) or at + off
    except OverflowError:
        return None
    return at if abs(moment - at) < SLOW_REQUEST else moment


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if isinstance(value, str) and len(value) <= MAX_TEXT and value.isascii() and "\0" not in value:
        return value
    return value[:MAX_TEXT].replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _number(raw: dict[str, Any]) -> int | None:
    value = raw.get("number")
    return value if type(value) is int and 0 < value < 2**53 else None


def _object(raw: dict[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _error(pointer: str, code: str, message: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "message": message}


def _fault(pointer: str, code: str, message: str) -> Problem:
    return Problem("invalid_field", (_error(pointer, code, message),))
