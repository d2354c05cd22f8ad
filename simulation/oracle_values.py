"""What a value may be, as the served schema says, and how two payloads are compared."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
DIGEST = re.compile(r"[0-9a-f]{64}")
COORDINATES = ("wgs84", "gcj02", "cgcs2000")


class Unknown:
    """Stands for what only the server knows; equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]  # equal to everything, so no hash could be right

    def __repr__(self) -> str:
        return "ANY"

    def __deepcopy__(self, memo: object) -> Unknown:
        return self


ANY: Any = Unknown()


class AnyOrder(list[Any]):
    """A list whose order says nothing: the server names conflicts and waits as it finds them."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list) or len(other) != len(self):
            return False
        left = list(other)
        for one in self:
            if one not in left:
                return False
            left.remove(one)
        return True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


def canonical(value: Any) -> str:
    """One text for one payload: 1 and 1.0 are the same number, 1 and true are not the same value."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def is_id(value: Any) -> bool:
    return isinstance(value, str) and UUID.fullmatch(value) is not None


def fits(value: Any, field: Mapping[str, Any], enums: Mapping[str, Any]) -> bool:
    """Whether a field of this kind can hold the value; sizes and ranges are not served, so not judged."""
    if value is None:
        return not field["required"]
    kind = field["kind"]
    if kind == "code":
        return isinstance(value, str) and value in {one["code"] for one in enums[field["enum"]]}
    if kind == "list of text":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if kind == "position":
        return _position(value)
    if kind in FORMS:
        return isinstance(value, str) and FORMS[kind].fullmatch(value) is not None
    return isinstance(value, TYPES[kind]) and (kind != "integer" or not isinstance(value, bool))


FORMS = {"identifier": UUID, "time": TIME, "digest": DIGEST}
TYPES = {"text": str, "integer": int, "boolean": bool, "group": dict}


def _position(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("coord_sys") not in COORDINATES:
        return False
    numbers = (value.get("lng"), value.get("lat"))
    return all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in numbers)


def clock_of(hlc: Any, now_ms: int, terminal_no: Any) -> str:
    """The clock that orders: at most five minutes ahead of the server's, the beginning of time where none was sent."""
    if hlc_ms(hlc) is None:
        return f"{0:012x}-{0:04x}-{terminal_no}"
    ahead = now_ms + 300_000
    moment, _, rest = hlc.partition("-")
    return f"{min(int(moment, 16), ahead):012x}-{rest}"


def hlc_ms(hlc: Any) -> int | None:
    """The milliseconds in a clock, or None where it is none."""
    form = re.fullmatch(r"([0-9a-f]{12})-[0-9a-f]{4}-.*", hlc) if isinstance(hlc, str) else None
    return int(form[1], 16) if form else None


def wall_ms(text: Any) -> float | None:
    """Milliseconds of an RFC 3339 time, or None where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp() * 1000
    except (TypeError, ValueError):
        return None


def authored_ms(payload: Mapping[str, Any], clock: Mapping[str, Any], now_ms: float) -> float | None:
    """When it was written, by the server's clock: the time since by the steady clock, or else by the wall's error.

    What differs by less than two minutes from what the device says is as it says.
    """
    at, wall = wall_ms(payload.get("at")), wall_ms(clock.get("wall"))
    if at is None:
        return None
    moment = at + (now_ms - wall if wall is not None else 0.0)
    steady: list[Any] = [clock.get("monotonic_ms"), payload.get("monotonic_ms")]
    if all(isinstance(one, int) and not isinstance(one, bool) for one in steady):
        ago = steady[0] - steady[1]
        if payload.get("boot") == clock.get("boot") and 0 <= ago < 366 * 86_400_000:
            moment = now_ms - ago
    return at if abs(moment - at) < 120_000 else moment
