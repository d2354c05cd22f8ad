"""What officers do on their terminals; every action gives the words for the trace."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from reference.terminal import EditRefusedError, Record
from simulation.cast import GRIDS
from simulation.device import Device
from simulation.world import World
from sync.store import ids

Action = Callable[[World, Device], str]
EVENTS = (
    "register", "investigate", "advise", "no_penalty", "notify", "decide", "serve", "pay", "file", "close",
    "archive", "convert", "transfer",
)  # fmt: skip
USUAL = {
    "draft": "register",
    "registered": "investigate",
    "investigating": "advise",
    "advised": "close",
    "no_penalty": "close",
    "notified": "decide",
    "decided": "serve",
    "served": "file",
    "paid": "file",
    "filed": "close",
}
RARE = ("void", "discard", "server_owned", "verdict", "invalid", "void_element")
CATEGORIES = ("0401", "0402", "0406")
TYPES = ("case", "case", "case", "incident", "vehicle_check", "task")
TEXTS = ("description", "address", "shop_name")
LISTS = {
    "case": ("timeline", "notes", "documents"),
    "incident": ("notes",),
    "vehicle_check": ("notes",),
    "task": ("notes",),
}


def work(world: World, device: Device) -> str:
    """Write some operations without a line."""
    said = [device.guard(lambda: _one(world, device)) for _ in range(world.dice.randrange(1, 4))]
    return ", ".join(said)


def sync(world: World, device: Device) -> str:
    """A whole sync, whatever becomes of it."""

    def run() -> str:
        report = device.sync()
        outcomes = report.push.outcomes if report.push is not None else {}
        for outcome in outcomes.values():
            world.outcomes[outcome] += 1
        told = " ".join(f"{world.short(id_)}={outcome}" for id_, outcome in outcomes.items())
        if report.verdict == "login":
            told += f" signs in: {world.sign_in(device)}"
        return f"{report.verdict} {report.code or ''} {told}".rstrip()

    return device.guard(run)


def push(_world: World, device: Device) -> str:
    return device.guard(lambda: str(device.terminal.push().verdict))


def pull(_world: World, device: Device) -> str:
    return device.guard(lambda: str(device.terminal.pull().verdict))


def photograph(world: World, device: Device) -> str:
    """Take a photo for a case; some of its bytes are those of another one."""
    cases = _records(device, "case")
    if not cases:
        return "no case to photograph"
    case = world.dice.choice(cases)
    size = world.dice.randrange(1, 20_000)
    content = b"\xff\xd8" + hashlib.shake_256(str(world.dice.randrange(40)).encode()).digest(size)
    role = world.dice.choice(("near", "far"))
    return device.guard(lambda: f"photo {world.short(device.terminal.take_photo(case.id, content, role))}")


def finish(world: World, device: Device) -> str:
    """Bring a case to its end in one go, as most of them are."""
    cases = [one for one in _records(device, "case") if one.body.get("status") == "draft"]
    if not cases:
        return "no draft"
    case = world.dice.choice(cases)

    def run() -> str:
        for event in ("register", "investigate", "advise", "close"):
            device.terminal.transition(case.id, event)
        return f"case {world.short(case.id)} closed"

    return device.guard(run)


def together(world: World, device: Device) -> str:
    """Two operations that hold together or not at all; now and then a third never comes."""
    records = _records(device, "case") + _records(device, "incident")
    if not records:
        return "nothing held"
    group = {"id": ids.new_id(), "size": 2 + (world.dice.random() < 0.2)}

    def run() -> str:
        said = []
        for record in (world.dice.choice(records), world.dice.choice(records)):
            fields = {"description": f"together {world.dice.randrange(9)}"}
            said.append(world.short(device.terminal.patch(record.id, fields, group=group)))
        return " ".join(said)

    return device.guard(run)


def rot(world: World, device: Device) -> str:
    """The handheld's flash loses something: a body is no longer what was stored, or a record is gone."""
    held = device.terminal.store.all("SELECT id FROM record WHERE evicted = 0 ORDER BY id")
    chosen = world.dice.sample(held, min(3, len(held)))
    hurts = ("DELETE FROM record WHERE id = ?", "UPDATE record SET body = replace(body, 'a', 'e') WHERE id = ?")

    def run() -> str:
        for row in chosen:
            device.terminal.store.execute(world.dice.choice(hurts), row["id"])
        return "rotted"

    world.counts["terminal_rotted"] += 1
    return device.guard(run)


def set_clock(world: World, device: Device) -> str:
    """The wall clock is set to something else: a second, a zone, a day, ten years."""
    far = world.dice.choice((1, 60, 3600, 8 * 3600, 86_400, 30 * 86_400, 3650 * 86_400))
    device.clock.offset = timedelta(seconds=world.dice.choice((-1, 1)) * far)
    world.counts["clock_jumped"] += 1
    return f"clock {device.clock.offset.total_seconds():+.0f} s"


def set_trap(world: World, device: Device) -> str:
    """Crash the terminal before or after one of its next commits."""
    device.trap.set(world.dice.randrange(1, 8), after=world.dice.random() < 0.5)
    return "trap set"


def reopen(_world: World, device: Device) -> str:
    return device.guard(device.reopen)


def save(world: World, device: Device) -> str:
    return device.guard(lambda: device.save(_copy_of(world, device)))


def go_back(world: World, device: Device) -> str:
    """The handheld is put back from its own old backup."""
    if not _copy_of(world, device).exists():
        return "nothing saved"
    world.counts["terminal_restored"] += 1
    return device.guard(lambda: device.load(_copy_of(world, device)))


def clone(world: World, device: Device) -> str:
    """From here on two handhelds share one identity."""
    if any(other.name.endswith("~") for other in world.devices) or device.revoked:
        return "one clone is enough"
    folder = world.folder / f"{device.name}~"
    device.guard(lambda: device.save(folder))
    world.devices.append(world.device(f"{device.name}~", device.player, folder))
    world.counts["terminal_cloned"] += 1
    return "cloned"


def _copy_of(world: World, device: Device) -> Any:
    return world.folder / f"{device.name}.backup"


def _records(device: Device, type_: str) -> list[Record]:
    """What he may work on: nothing void, and no task that law made, of which the oracle knows nothing."""
    return [one for one in device.terminal.records(type_) if not one.void and not one.body.get("rule")]


def _one(world: World, device: Device) -> str:
    """One operation; what the library itself refuses leaves no trace."""
    dice, terminal = world.dice, device.terminal
    try:
        if dice.random() < 0.2:
            type_, values = _new(world, device)
            return f"create {type_} {world.short(terminal.create(type_, values))}"
        held = _records(device, dice.choice(TYPES))
        if not held:
            type_, values = _new(world, device)
            return f"create {type_} {world.short(terminal.create(type_, values))}"
        record = dice.choice(held)
        action = dice.choice((_patch, _patch, _patch, _append, _transition, _transition, _rare))
        return f"{action.__name__[1:]} {record.type} {world.short(record.id)} {action(world, device, record)}"
    except EditRefusedError as error:
        return f"refused: {error}"


def _new(world: World, device: Device) -> tuple[str, dict[str, Any]]:
    dice = world.dice
    if "liaison" in device.player.roles:
        type_ = dice.choice(("incident", "vehicle_check"))
    elif "supervisor" in device.player.roles:
        type_ = dice.choice(("task", "case"))
    else:
        type_ = dice.choice(("case", "case", "case", "incident"))
    incidents = [one.id for one in _records(device, "incident")] if type_ in ("case", "vehicle_check") else []
    values: dict[str, Any] = {}
    if incidents and dice.random() < 0.5:
        values["incident"] = dice.choice(incidents)
    if type_ == "task":
        return type_, {"title": "演示任务", "for_unit": dice.choice(("u1", "u2")), "kind": "check"}
    if type_ == "vehicle_check":
        return type_, {**values, "plate": f"川A{dice.randrange(10_000, 99_999)}"}
    values |= {"description": f"new {dice.randrange(1000)}"}
    if type_ == "case" or dice.random() < 0.5:
        values["category"] = dice.choice(CATEGORIES)
    if dice.random() < 0.3:
        values["grid"] = dice.choice(GRIDS)
    return type_, values


def _patch(world: World, device: Device, record: Record) -> str:
    dice = world.dice
    some = VALUES[record.type](dice)
    names = dice.sample(sorted(some), dice.randrange(1, min(3, len(some)) + 1))
    operation = device.terminal.patch(record.id, {name: some[name] for name in names})
    return f"{','.join(names)} {world.short(operation)}"


def _case_values(dice: Any) -> dict[str, Any]:
    return {
        **{name: f"{name} {dice.randrange(6)}" for name in TEXTS},
        "category": dice.choice(CATEGORIES),
        "amount_fen": dice.randrange(0, 100_000, 5000),
        "party": {"kind": "person", "name": f"演示 {dice.randrange(4)}", "id_no": "511402199001010005"},
        "legal_basis": [f"第{dice.randrange(1, 4)}条"],
        "priority_hint": dice.randrange(10),
        "plates": [f"川A{dice.randrange(10_000, 10_004)}"],
        "position": {"lng": 103.8, "lat": 29.5 + dice.randrange(9) / 10, "coord_sys": "wgs84", "accuracy_m": 5},
    }


def _incident_values(dice: Any) -> dict[str, Any]:
    return {
        "description": f"d {dice.randrange(6)}",
        "address": f"a {dice.randrange(6)}",
        "category": dice.choice(CATEGORIES),
        "grid": dice.choice(GRIDS),
    }


def _check_values(dice: Any) -> dict[str, Any]:
    return {
        "plate": f"川A{dice.randrange(10_000, 10_009)}",
        "cargo": f"cargo {dice.randrange(4)}",
        "sealed": dice.random() < 0.5,
        "address": f"a {dice.randrange(6)}",
    }


def _task_values(dice: Any) -> dict[str, Any]:
    return {"answer": f"answer {dice.randrange(5)}"}


VALUES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "case": _case_values,
    "incident": _incident_values,
    "vehicle_check": _check_values,
    "task": _task_values,
}


def _append(world: World, device: Device, record: Record) -> str:
    name = world.dice.choice(LISTS[record.type])
    at = device.clock.wall().isoformat(timespec="milliseconds")
    element: dict[str, Any] = {"at": at}
    element |= {"timeline": {"step": "persuade"}, "notes": {"text": f"n {world.dice.randrange(99)}"}}.get(
        name, {"type": "D05"}
    )
    return f"{name} {world.short(device.terminal.append(record.id, name, element))}"


def _transition(world: World, device: Device, record: Record) -> str:
    if record.type == "task":
        event = world.dice.choice(("accept", "answer", "close"))
    elif record.type == "case":
        usual = USUAL.get(str(record.body.get("status", "draft")))
        event = usual if usual and world.dice.random() < 0.7 else world.dice.choice(EVENTS)
    else:
        return _patch(world, device, record)
    return f"{event} {world.short(device.terminal.transition(record.id, event))}"


def _rare(world: World, device: Device, record: Record) -> str:
    """What is seldom asked, or must not be: voids, discards, values that nobody may write."""
    kind = world.dice.randrange(6)
    terminal = device.terminal
    elements = [one for name in LISTS[record.type] for one in record.body.get(name) or ()]
    if kind == 5 and elements:
        name = next(name for name in LISTS[record.type] if record.body.get(name))
        operation = terminal.void(record.id, "演示", name, record.body[name][0]["id"])
    elif kind == 0:
        operation = terminal.void(record.id, "演示")
    elif kind == 1:
        operation = terminal.discard(record.id)
    elif kind == 2:
        owned = {"unit": "u2", "case_no": "X"} if record.type == "case" else {"unit": "u2"}
        operation = terminal.patch(record.id, owned)
    elif kind == 3:
        operation = terminal.patch(record.id, {"review": "passed"} if record.type == "case" else {"author": "me"})
    else:
        operation = terminal.patch(record.id, {"description": 7, "address": ["no"]})
    return f"{RARE[kind]} {world.short(operation)}"
