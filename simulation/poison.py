"""Pushes that no client of ours would make: what a broken or hostile one may send."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from simulation.device import Device
from simulation.world import World
from sync.store import ids

PARTS = ("id", "number", "action", "type", "record", "at", "set", "base", "after", "officer", "hlc")
PUSH = "/api/v1/sync/push"


def push(world: World, device: Device) -> str:
    """Send one poisonous batch, with a sound operation in its midst that must not suffer."""
    name = world.dice.choice(sorted(KINDS))
    operations = [_sound(device, 1), *KINDS[name](world, device), _sound(device, 9)]
    envelope = {
        "protocol": 1, "schema": 99 if name == "schema" else 1, "app": "poison", "batch": ids.new_id(),
        "store": ids.new_id(), "clock": {"wall": device.clock.wall().isoformat()}, "operations": operations,
    }  # fmt: skip
    raw = json.dumps(envelope).encode()
    for mark, text in RAW.items():
        raw = raw.replace(f'"{mark}"'.encode(), text)
    reply = device.guard(lambda: _send(world, device, raw))
    world.counts[f"poison_{name}"] += 1
    return f"{name}: {reply}"


def _send(world: World, device: Device, raw: bytes) -> str:
    reply = device.terminal.session.send_body(PUSH, raw)
    results = reply.document.get("results", []) if reply.verdict == "ok" else []
    if results and results[0]["outcome"] != "quarantined":
        world.require(results[0]["outcome"] == "applied", f"poison beside it: {results[0]}")
        world.require(results[-1]["outcome"] == "applied", f"poison before it: {results[-1]}")
    return f"{reply.verdict} {reply.code or ''} {' '.join(one['outcome'] for one in results)}".rstrip()


def _operation(device: Device, number: int, action: str, type_: str, **parts: Any) -> dict[str, Any]:
    record = parts.pop("record", None) or ids.new_id()
    return {
        "id": ids.new_id(), "number": number, "action": action, "type": type_, "record": record,
        "at": device.clock.wall().isoformat(timespec="milliseconds"), **parts,
    }  # fmt: skip


def _sound(device: Device, number: int) -> dict[str, Any]:
    """What this officer may do for certain."""
    type_ = "task" if "supervisor" in device.player.roles else "incident"
    values = {"title": "sound", "for_unit": "u1"} if type_ == "task" else {"description": "sound"}
    return _operation(device, number, "create", type_, set=values)


def _text(value: Any) -> Callable[[World, Device], list[dict[str, Any]]]:
    return lambda _world, device: [_operation(device, 2, "create", "incident", set={"description": value})]


def _cycle(_world: World, device: Device) -> list[dict[str, Any]]:
    one, two = (_operation(device, number, "create", "incident", set={}) for number in (2, 3))
    one["after"], two["after"] = [two["id"]], [one["id"]]
    return [one, two]


def _nested(_world: World, device: Device) -> list[dict[str, Any]]:
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]
    return [_operation(device, 2, "create", "incident", set={"description": deep})]


def _wrong_types(world: World, device: Device) -> list[dict[str, Any]]:
    bad: Any = world.dice.choice(([], None, 7, True, {"a": 1}, "x"))
    name = world.dice.choice(PARTS)
    return [_operation(device, 2, "patch", "case", set={"description": "x"}, base=1) | {name: bad}]


def _another(world: World, device: Device) -> list[dict[str, Any]]:
    """Somebody else's record, by its id alone."""
    known = [row for row in world.network.heard if row.envelope["operations"]]
    if not known:
        return [_operation(device, 2, "patch", "case", base=0, set={"description": "stolen"})]
    one = world.dice.choice(world.dice.choice(known).envelope["operations"])
    record = one.get("record") if isinstance(one, dict) else None
    return [_operation(device, 2, "patch", "case", base=0, record=record, set={"review": "passed", "unit": "u2"})]


def _reused_id(world: World, device: Device) -> list[dict[str, Any]]:
    """The id of an operation that arrived before, with another payload."""
    known = [one for heard in world.network.heard for one in heard.envelope["operations"] if isinstance(one, dict)]
    made = _operation(device, 2, "create", "incident", set={"description": "reused"})
    if known and isinstance(taken := world.dice.choice(known).get("id"), str):
        made["id"] = taken
    return [made]


def _no_object(_world: World, _device: Device) -> list[Any]:
    return ["x", 7, None, []]


KINDS: dict[str, Callable[[World, Device], list[Any]]] = {
    "nul": _text("a\0b"),
    "surrogate": _text("@surrogate@"),
    "huge_number": _text("@huge@"),
    "nan": _text("@nan@"),
    "megabyte": _text("x" * 1_000_000),
    "unknown_enum": lambda _world, device: [_operation(device, 2, "create", "case", set={"category": "9999"})],
    "unknown_type": lambda _world, device: [_operation(device, 2, "create", "spaceship", set={"a": 1})],
    "cycle": _cycle,
    "deep": _nested,
    "wrong_types": _wrong_types,
    "another": _another,
    "reused_id": _reused_id,
    "no_object": _no_object,
    "schema": _text("of the future"),
    "waits_for_ever": lambda _world, device: [
        _operation(device, 2, "create", "incident", set={}, after=[ids.new_id()]),
        _operation(device, 3, "patch", "case", base={"operation": ids.new_id()}, set={"description": "x"}),
    ],
}
RAW = {"@surrogate@": b'"\\ud800"', "@huge@": b"1e308", "@nan@": b"NaN"}
