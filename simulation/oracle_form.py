"""Which operations nothing can be made of, whatever stands: parts of a wrong kind, values that nothing can keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from simulation.oracle_values import hlc_ms, is_id, wall_ms

ACTIONS = ("create", "patch", "append", "transition", "void", "discard")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
LARGEST = 2**53
# The lengths that fields take are not served; this is beyond all of them.
LONGEST = 100_000


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _based(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"operation"} and is_id(value["operation"])
    return value is None or (_whole(value) and 0 <= value < 2**31)


def _grouped(value: Any) -> bool:
    named = isinstance(value, dict) and value.keys() == {"id", "size"} and is_id(value["id"])
    return value is None or (named and _whole(value["size"]) and 1 <= value["size"] <= 100)


MUST: dict[str, Callable[[Any], bool]] = {
    "action": lambda value: value in ACTIONS if isinstance(value, str) else False,
    "record": is_id,
    "type": lambda value: isinstance(value, str) and len(value) <= 64,
    "at": lambda value: wall_ms(value) is not None,
}
MAY: dict[str, Callable[[Any], bool]] = {
    "number": lambda value: _whole(value) and 0 < value < LARGEST,
    "base": _based,
    "after": lambda value: value is None or (isinstance(value, list) and len(value) <= 100 and all(map(is_id, value))),
    "hlc": lambda value: value is None or hlc_ms(value) is not None,
    "officer": lambda value: value is None or isinstance(value, str),
    "group": _grouped,
    "set": lambda value: isinstance(value, dict),
    "was": lambda value: isinstance(value, dict),
    "item": lambda value: isinstance(value, dict) or is_id(value),
}


def malformed(payload: Mapping[str, Any]) -> bool:
    """Whether an operation is quarantined for its form alone."""
    good = all(fits(payload.get(name)) for name, fits in MUST.items())
    good = good and all(fits(payload[name]) for name, fits in MAY.items() if name in payload)
    return not good or not _kept(payload)


def _kept(value: Any) -> bool:
    """Whether a database could hold the value."""
    if isinstance(value, str):
        return len(value) <= LONGEST and UNSTORABLE.search(value) is None
    if isinstance(value, dict):
        return all(len(name) <= 64 and _kept(name) and _kept(one) for name, one in value.items())
    if isinstance(value, list):
        return all(map(_kept, value))
    return not _whole(value) or abs(value) <= LARGEST
