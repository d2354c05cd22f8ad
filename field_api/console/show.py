"""Values as a person reads them: times, money, places, sizes, and what differs between two texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from difflib import SequenceMatcher
from typing import Any

from sync.engine.kinds import POSITION, parse_time

# The bureau's wall clock; China keeps one zone and no summer time.
CHINA = timezone(timedelta(hours=8))
_WORD = re.compile(r"[A-Za-z0-9]+|\s+|.", re.DOTALL)
_ILLEGIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
# Beyond this the comparison costs more than it shows; the whole is marked as different.
LONGEST_COMPARED = 4000
COORDINATES = {"wgs84": "WGS-84", "gcj02": "GCJ-02", "cgcs2000": "CGCS2000"}


def when(moment: datetime | str | None, *, seconds: bool = False) -> str:
    """A time on the bureau's clock; what is no time is shown as it came."""
    known = parse_time(moment) if isinstance(moment, str) else moment
    if known is None:
        return str(moment or "—")
    return known.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def yuan(fen: int) -> str:
    """Whole fen as yuan, without a float's roundings."""
    whole, part = divmod(abs(fen), 100)
    return f"{'−' if fen < 0 else ''}¥{whole:,}.{part:02}"


def size(number: int) -> str:
    """A size in bytes, KB, MB or GB."""
    if number < 1000:
        return f"{number} B"
    if number < 1_000_000:
        return f"{number / 1000:.0f} KB"
    return f"{number / 1_000_000:.1f} MB" if number < 1_000_000_000 else f"{number / 1_000_000_000:.1f} GB"


def offset(milliseconds: int) -> str:
    """How far a clock is ahead (+) or behind (−), as hours, minutes and seconds."""
    minutes, seconds = divmod(abs(milliseconds) // 1000, 60)
    sign = "−" if milliseconds < 0 else "+"
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def legible(text: str, longest: int = 500) -> str:
    """Any text as far as a page can hold it: what no page can carry is marked, what is too long is cut."""
    kept = _ILLEGIBLE.sub("\ufffd", text)
    return kept if len(kept) <= longest else f"{kept[:longest]}…"


def steps(pointer: str) -> list[str]:
    """The names along a JSON pointer into an operation, without the `set` or `item` that holds its content."""
    names = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return names[1:] if len(names) > 1 and names[0] in ("set", "item") else names


def place(position: Mapping[str, Any] | None) -> str:
    """Coordinates with their system, which is never assumed, and their accuracy."""
    if not position:
        return "—"
    if POSITION.check(position) is not None:  # what a terminal says it saw before is shown, whatever it is
        return ", ".join(f"{key} {part}" for key, part in position.items())
    text = f"{position['lng']:.5f}, {position['lat']:.5f} · {COORDINATES[position['coord_sys']]}"
    return f"{text} · ±{position['accuracy_m']:.0f} m" if position.get("accuracy_m") is not None else text


def lines(field: str, value: Any, names: Mapping[str, str]) -> str:
    """Any field's value as text, one part a line; `names`: part → word."""
    if value is None or value == "":
        return ""
    if field == "amount_fen" and isinstance(value, int):
        return yuan(value)
    if field == "position" and isinstance(value, Mapping):
        return place(value)
    if isinstance(value, Mapping):
        return "\n".join(f"{names.get(key, key)}：{part}" for key, part in value.items() if part is not None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(str(part) for part in value)
    return str(value)


def words(
    label: Callable[[str, str], str], enums: Mapping[str, Any], field: str, value: Any, names: Mapping[str, str]
) -> str:
    """Any field's value as text; codes by their label."""
    if field in enums and isinstance(value, str):
        return label(field, value)
    return lines(field, value, names)


def marked(text: str, other: str) -> list[tuple[str, bool]]:
    """The text in pieces: (piece, whether it differs from the other text), by words and Chinese characters."""
    if len(text) > LONGEST_COMPARED or len(other) > LONGEST_COMPARED:
        return [(text, text != other)]
    ours, theirs = _WORD.findall(text), _WORD.findall(other)
    matcher = SequenceMatcher(None, theirs, ours, autojunk=False)
    pieces = [
        ("".join(ours[start:end]), tag != "equal") for tag, _, _, start, end in matcher.get_opcodes() if end > start
    ]
    return pieces or [("", False)]


def pixels(facts: Mapping[str, Any]) -> str:
    return f"{facts['width']} × {facts['height']}"


def camera(facts: Mapping[str, Any]) -> str:
    return " ".join(part for part in (facts.get("make"), facts.get("model")) if part) or "—"


def camera_time(facts: Mapping[str, Any]) -> str:
    """The camera's own wall clock, with its zone where it names one."""
    taken = facts.get("taken_at")
    return f"{taken.replace('T', ' ')} {facts.get('taken_offset') or ''}".strip() if taken else "—"


def camera_place(facts: Mapping[str, Any]) -> str:
    if facts.get("gps_lng") is None:
        return "—"
    return f"{facts['gps_lng']:.5f}, {facts['gps_lat']:.5f} · {facts.get('gps_datum') or '?'}"
