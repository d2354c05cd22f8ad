"""What was written under an earlier schema, read as today's: a chain of steps from each number to the next.

The application declares the steps. What was sent is never changed; only what is judged is translated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sync.engine.kinds import Fault, Kind
from sync.engine.values import Problem

Convert = Callable[[Any], Any]
Split = Callable[[Any], Mapping[str, Any]]
# What a converter meets is what a terminal sent: its failures say that it is no value of its schema.
_NOT_OF_ITS_SCHEMA = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a step did to the fields of a record type, or to the parts of one of its lists; by their old names.

    converted: how a value is written now; it raises ValueError for what was no value before. None stays None.
    split: one field into several. renamed: after its conversion. dropped: no longer known; the value is kept
    as it was sent, if it is one of this kind.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    converted: Mapping[str, Convert] = field(default_factory=dict)
    split: Mapping[str, Split] = field(default_factory=dict)
    dropped: Mapping[str, Kind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a step did to one record type. name: its new one; lists: the parts of each, by its old name."""

    name: str | None = None
    fields: Parts = field(default_factory=Parts)
    lists: Mapping[str, Parts] = field(default_factory=dict)
    renamed_lists: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)


Step = Mapping[str, Moved]


@dataclass(frozen=True, slots=True)
class Reading:
    """An operation as today's schema has it; what it does not know any more is `kept`, under its own names."""

    raw: Any
    kept: Mapping[str, Any] = field(default_factory=dict)
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schema numbers that are understood: `oldest` to `current`, with the step that leads on from each.

    steps: in their order; the first leads on from `oldest`, the last to `current`.
    """

    steps: tuple[Step, ...] = ()
    oldest: int = 1

    @property
    def current(self) -> int:
        return self.oldest + len(self.steps)

    def knows(self, number: int) -> bool:
        return self.oldest <= number <= self.current

    def read(self, raw: Any, number: int) -> Reading:
        """Read an operation that was written under `number`; one that is not known is not tried."""
        if not self.knows(number):
            return Reading(raw, problem=Problem("unknown_schema"))
        reading = Reading(raw)
        for step in self.steps[number - self.oldest :]:
            if not isinstance(reading.raw, dict) or reading.problem is not None:
                break
            reading = _advance(reading, step)
        return reading


def codes(renamed: Mapping[str, str]) -> Convert:
    """Codes of an enumeration under their new names; the others stay what they are."""

    def convert(value: Any) -> Any:
        return renamed.get(value, value) if isinstance(value, str) else value

    return convert


def _advance(reading: Reading, step: Step) -> Reading:
    raw = reading.raw
    name = raw.get("type")
    moved = step.get(name) if isinstance(name, str) else None
    if moved is None:
        return reading
    listed = raw.get("list")
    element = moved.lists.get(listed, Parts()) if isinstance(listed, str) else Parts()
    new, kept, errors = dict(raw), dict(reading.kept), []
    for place, parts in (("set", moved.fields), ("item", element), ("was", moved.fields)):
        if isinstance(raw.get(place), dict):
            values = _Values(f"/{place}")
            values.take(raw[place], parts)
            new[place] = values.new
            if place != "was":
                # What the author saw only helps a person to compare; it quarantines nothing.
                kept |= values.kept
                errors += values.errors
    new |= {"type": moved.name or name}
    new |= _renamed(raw, "list", moved.renamed_lists) | _renamed(raw, "event", moved.events)
    problem = Problem("invalid_field", tuple(errors[:50])) if errors else None
    return replace(reading, raw=new, kept=kept, problem=problem)


def _renamed(raw: Mapping[str, Any], place: str, names: Mapping[str, str]) -> dict[str, str]:
    name = raw.get(place)
    return {place: names[name]} if isinstance(name, str) and name in names else {}


class _Values:
    """The values of one object on their way: what they are now, what is kept, what was no value."""

    def __init__(self, pointer: str) -> None:
        self.pointer = pointer
        self.new: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}
        self.errors: list[dict[str, str]] = []

    def take(self, values: Mapping[str, Any], parts: Parts) -> None:
        for name, value in values.items():
            try:
                self._take_one(name, value, parts)
            except _NOT_OF_ITS_SCHEMA:
                self._refuse(name, Fault("not_of_its_schema", "不是该数据版本的值 · not a value of its schema"))

    def _take_one(self, name: str, value: Any, parts: Parts) -> None:
        if name in parts.dropped:
            fault = None if value is None else parts.dropped[name].check(value)
            if fault:
                self._refuse(name, fault)
            else:
                self.kept[name] = value
        elif name in parts.split and value is not None:
            for part, piece in parts.split[name](value).items():
                self._put(name, part, piece)
        else:
            convert = parts.converted.get(name)
            value = value if convert is None or value is None else convert(value)
            self._put(name, parts.renamed.get(name, name), value)

    def _put(self, old: str, new: str, value: Any) -> None:
        """Two names of a sender must not become one: which of them he meant nobody knows."""
        if new in self.new:
            self._refuse(old, Fault("unknown_field", "与另一项是同一项 · the same field twice"))
        else:
            self.new[new] = value

    def _refuse(self, name: str, fault: Fault) -> None:
        pointer = f"{self.pointer}/{name}{fault.pointer}"
        self.errors.append({"pointer": pointer, "code": fault.code, "message": fault.message})
