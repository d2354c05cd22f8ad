"""A paper as plain lines for a thermal printer that knows no PDF: 48 columns on 80 mm, two for a Chinese character.

Only characters that GBK printers carry come out, and no control character: nothing in a line can act on the
printer. The words are those that the template told while it was set (house.typ), so no form says more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from field_api.casework.documents.glyphs import BREAK

COLUMNS = 48
_WORD = re.compile(r"￥?[!-~]+|.", re.DOTALL)
_INDENT = "　　"
_LABEL = 10
_INSTEAD = {"¥": "￥"}
# They may not begin a line; what comes before them is taken along.
_CLOSING = frozenset("，。、；：！？）》〕”』」,.;:!?)")


def lines(told: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """The lines to print; none is wider than the roll."""
    made: list[str] = []
    for kind, parts in told:
        made += _piece(kind, [printable(part) for part in parts])
    return made


def width(text: str) -> int:
    """Columns on the roll: one for ASCII, two for all else, whatever Unicode says of its width."""
    return sum(1 if char < "\x80" else 2 for char in text)


def printable(text: str) -> str:
    """The text in characters that a GBK printer has; line ends become spaces."""
    return "".join(_one(_INSTEAD.get(char, char)) for char in text.replace("\n", " ").replace(BREAK, ""))


def _one(char: str) -> str:
    if " " <= char < "\x7f":
        return char
    if char < "\xa0":
        return ""
    try:
        char.encode("gbk")
    except UnicodeEncodeError:
        return f"〔U+{ord(char):04X}〕"
    return char


def _piece(kind: str, parts: Sequence[str]) -> list[str]:
    if kind in ("title", "centre"):
        return [_centred(line) for part in parts for line in wrap(part)]
    if kind == "right":
        return [" " * (COLUMNS - width(line)) + line for part in parts for line in wrap(part)]
    if kind == "field":
        return _field(parts[0], parts[1])
    if kind == "sign":
        return ["", *wrap(f"{parts[0]}：{parts[1]}" if parts[1] else f"{parts[0]}：________________"), ""]
    if kind == "head":
        return ["-" * COLUMNS, *wrap(parts[0])]
    if kind == "para":
        return wrap(_INDENT + parts[0])
    # What a QR code leads to stands beside it as words.
    return [] if kind == "qr" else wrap(parts[0])


def _field(label: str, value: str) -> list[str]:
    """A label with its value beside it, the value's further lines below itself; a struck one stays struck."""
    if not label:
        return wrap(value)
    if width(label) > _LABEL:
        return [*wrap(f"{label}："), *("  " + line for line in wrap(value, COLUMNS - 2))]
    first, *others = wrap(value, COLUMNS - _LABEL - 1) or [""]
    head = label + " " * (_LABEL + 1 - width(label))
    return [head + first, *(" " * (_LABEL + 1) + line for line in others)]


def _centred(line: str) -> str:
    return " " * ((COLUMNS - width(line)) // 2) + line


def wrap(text: str, columns: int = COLUMNS) -> list[str]:
    """The text in lines of at most `columns`: numbers and Latin words whole, no closing mark at a line's start."""
    made: list[str] = []
    line = ""
    for word in _words(text, columns):
        if width(line) + width(word) <= columns:
            line += word
            continue
        carried = line[-1] if word in _CLOSING and len(line) > 1 else ""
        made.append(line[: len(line) - len(carried)])
        line = carried + word
    return [*made, line] if line else made


def _words(text: str, columns: int) -> Iterable[str]:
    """What a line end may not stand within; what no line holds goes piece by piece."""
    for found in _WORD.finditer(text):
        word = found[0]
        if width(word) <= columns:
            yield word
        else:
            yield from word
