"""What a field may hold: small values that judge a JSON value and describe themselves to terminals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SHA256 = re.compile(r"[0-9a-f]{64}")
# Compared, not looked up: what was sent may be a list or an object, which no set can look up.
COORD_SYSTEMS = ("wgs84", "gcj02", "cgcs2000")
MAX_INTEGER = 2**53 - 1
TREE_DEPTH = 6
TREE_TEXT = 4000
# fromisoformat alone also takes week dates and forms without separators, which terminals can't read.
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a value cannot stand: a code for programs, a pointer below the field, a message for people."""

    code: str
    message: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A named check. `check` returns None when the value may stand; None itself is judged by the field."""

    name: str
    check: Callable[[Any], Fault | None]
    enum: str | None = None


def text(limit: int, pattern: str | None = None) -> Kind:
    """A string of at most `limit` characters, matching `pattern` whole where one is given."""
    compiled = re.compile(pattern) if pattern else None

    def check(value: Any) -> Fault | None:
        if type(value) is not str:
            return Fault("not_text", "应为文字 · must be a text")
        if len(value) > limit:
            return Fault("too_long", f"最多 {limit} 字 · at most {limit} characters")
        if compiled is not None and not compiled.fullmatch(value):
            return Fault("wrong_form", "格式不对 · does not have the expected form")
        return None

    return Kind("text", check)


def integer(minimum: int = -MAX_INTEGER, maximum: int = MAX_INTEGER) -> Kind:
    def check(value: Any) -> Fault | None:
        if type(value) is not int:
            return Fault("not_integer", "应为整数 · must be an integer")
        if not minimum <= value <= maximum:
            return Fault("out_of_range", f"应在 {minimum} 到 {maximum} 之间 · must lie between them")
        return None

    return Kind("integer", check)


def _boolean(value: Any) -> Fault | None:
    return None if type(value) is bool else Fault("not_boolean", "应为是或否 · must be true or false")


def _time(value: Any) -> Fault | None:
    return None if parse_time(value) else Fault("not_time", "应为带时区的时间 · must be a time with an offset")


def _identifier(value: Any) -> Fault | None:
    if type(value) is str and UUID.fullmatch(value):
        return None
    return Fault("not_identifier", "应为编号 · must be a UUID in lower case")


def _digest(value: Any) -> Fault | None:
    if type(value) is str and SHA256.fullmatch(value):
        return None
    return Fault("not_digest", "应为 SHA-256 摘要 · must be a SHA-256 in lower-case hex")


def _position(value: Any) -> Fault | None:
    if type(value) is not dict or not value.keys() <= {"lng", "lat", "coord_sys", "accuracy_m"}:
        return Fault("not_position", "应为位置 · must be {lng, lat, coord_sys, accuracy_m}")
    for key, bound in (("lng", 180), ("lat", 90)):
        if type(value.get(key)) not in (int, float) or not -bound <= value[key] <= bound:
            return Fault("out_of_range", "经纬度不对 · not on the globe", f"/{key}")
    accuracy = value.get("accuracy_m", 0)
    if type(accuracy) not in (int, float) or not 0 <= accuracy <= 1e7:
        return Fault("out_of_range", "精度不对 · not an accuracy in metres", "/accuracy_m")
    if value.get("coord_sys") not in COORD_SYSTEMS:
        return Fault("not_in_list", "坐标系未知 · unknown coordinate system", "/coord_sys")
    return None


def code(enum: str, values: frozenset[str]) -> Kind:
    """One of the codes of a named enumeration."""

    def check(value: Any) -> Fault | None:
        if type(value) is str and value in values:
            return None
        return Fault("not_in_list", f"不在《{enum}》代码表中 · not a code of {enum}")

    return Kind("code", check, enum)


def list_of(inner: Kind, limit: int) -> Kind:
    """A short list, replaced whole by a patch."""

    def check(value: Any) -> Fault | None:
        if type(value) is not list or len(value) > limit:
            return Fault("not_list", f"应为最多 {limit} 项 · must be a list of at most {limit}")
        for index, entry in enumerate(value):
            fault = inner.check(entry)
            if fault:
                return Fault(fault.code, fault.message, f"/{index}{fault.pointer}")
        return None

    return Kind(f"list of {inner.name}", check, inner.enum)


def group(fields: Mapping[str, Kind]) -> Kind:
    """An object of known parts, each optional, replaced whole by a patch."""

    def check(value: Any) -> Fault | None:
        if type(value) is not dict:
            return Fault("not_object", "应为一组内容 · must be an object")
        for key, part in value.items():
            if key not in fields:
                return Fault("unknown_field", "没有这一项 · unknown part", f"/{key}")
            fault = None if part is None else fields[key].check(part)
            if fault:
                return Fault(fault.code, fault.message, f"/{key}{fault.pointer}")
        return None

    return Kind("group", check)


def tree(limit: int) -> Kind:
    """JSON of a form of its own: at most `limit` values in all, six deep, numbers whole."""

    def check(value: Any) -> Fault | None:
        left = limit
        line: list[tuple[Any, int]] = [(value, 1)]
        while line:
            here, depth = line.pop()
            left -= 1
            if left < 0 or depth > TREE_DEPTH:
                return Fault("too_large", f"内容过多(最多 {limit} 项) · too much, or too deep")
            if type(here) is dict:
                line += [(one, depth + 1) for pair in here.items() for one in pair]
            elif type(here) is list:
                line += [(one, depth + 1) for one in here]
            elif here is not None and not _is_leaf(here):
                return Fault("wrong_form", "应为文字、整数或是否 · must be texts, whole numbers, true or false")
        return None

    return Kind("tree", check)


def _is_leaf(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= TREE_TEXT
    return type(value) is bool or (type(value) is int and abs(value) <= MAX_INTEGER)


def parse_time(value: Any) -> datetime | None:
    """Read an RFC 3339 time with an offset; None when it is none."""
    if type(value) is not str or not _RFC3339.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.upper())
        # A time near year 1 or 9999 overflows when it is moved to UTC.
        return moment if 1900 < moment.year < 9000 else None
    except ValueError:
        return None


BOOLEAN = Kind("boolean", _boolean)
TIME = Kind("time", _time)
IDENTIFIER = Kind("identifier", _identifier)
DIGEST = Kind("digest", _digest)
POSITION = Kind("position", _position)
