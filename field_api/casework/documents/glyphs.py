"""What the two fonts can show, and any text made fit for paper: bounded, visible, nothing that acts on its neighbours.

PDF/A forbids a character without a glyph, and typst then refuses the whole document. So what the fonts lack is
written by its code point, 〔U+20BB7〕, which a clerk can look up; nothing of a person's name is dropped unseen.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pylopdf_fonts_zh_cn import sans_path, serif_path

LONGEST = 4000
CUT = "……（以下从略，全文见案卷）"
BREAK = "\u200b"
_ENDLESS = re.compile(r"[!-~]{20}(?=[!-~]{5})")
# Directions, joiners and variation marks change how their neighbours look and show nothing themselves.
_DROPPED = frozenset({"Cf", "Mn", "Me", "Cs", "Co", "Cn"})
_FONT_TABLES_AT = 12
_SEGMENTED, _GROUPED = 4, 12


class FontUnfit(RuntimeError):
    """A font file is missing, or is none that papers can be set in."""


def font_files() -> tuple[Path, Path]:
    """The body's font and the headings'. Raises: FontUnfit."""
    files = (serif_path(), sans_path())
    for path in files:
        if not path.is_file():
            raise FontUnfit(f"the font {path.name} is not there; install pylopdf-fonts-zh-cn again")
    return files


@cache
def shown() -> frozenset[int]:
    """The code points that both fonts have a glyph for. Raises: FontUnfit."""
    serif, sans = (_covered(path) for path in font_files())
    return serif & sans


def fit(text: str, longest: int = LONGEST) -> str:
    """A text as paper can carry it: at most `longest` characters, each visible, lines kept."""
    lines = text[: longest + 1].replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    cut = len(text) > longest
    return breakable("".join(_fit_one(char) for char in lines[:longest])) + (CUT if cut else "")


def breakable(text: str) -> str:
    """The text with places where a word that no line holds may end one; else it would run off the paper."""
    return _ENDLESS.sub(lambda found: found[0] + BREAK, text)


def _fit_one(char: str) -> str:
    if char == "\n" or char == " " or ("\x20" < char < "\x7f"):
        return char
    if char != "\ufffd" and ord(char) in shown() and unicodedata.category(char) not in _DROPPED:
        # Any other space would be taken for a glyph of its own; wide and plain ones are what papers use.
        return char if char == "\u3000" or not char.isspace() else " "
    kind = unicodedata.category(char)
    if kind in ("Cc", "Cf") or (kind == "Mn" and _is_variation(char)):
        return ""
    return f"〔U+{ord(char):04X}〕"


def _is_variation(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _covered(path: Path) -> frozenset[int]:
    """The code points of an OpenType font's Unicode map. Source: OpenType 1.9, `cmap`."""
    content = path.read_bytes()
    try:
        return frozenset(_mapped(content))
    except (struct.error, IndexError) as error:
        raise FontUnfit(f"the font {path.name} cannot be read") from error


def _mapped(content: bytes) -> Iterator[int]:
    table = _table(content, b"cmap")
    (count,) = struct.unpack_from(">H", content, table + 2)
    for index in range(count):
        _platform, _encoding, offset = struct.unpack_from(">HHI", content, table + 4 + 8 * index)
        (form,) = struct.unpack_from(">H", content, table + offset)
        if form == _GROUPED:
            yield from _groups(content, table + offset)
        elif form == _SEGMENTED:
            yield from _segments(content, table + offset)


def _table(content: bytes, name: bytes) -> int:
    (count,) = struct.unpack_from(">H", content, 4)
    for index in range(count):
        tag, _sum, offset, _length = struct.unpack_from(">4sIII", content, _FONT_TABLES_AT + 16 * index)
        if tag == name:
            return int(offset)
    raise IndexError(name)


def _groups(content: bytes, at: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">I", content, at + 12)
    for first, last, glyph in struct.iter_unpack(">III", content[at + 16 : at + 16 + 12 * count]):
        # Glyph 0 is the one that stands for every missing character.
        yield from range(first + (glyph == 0), last + 1)


def _segments(content: bytes, at: int) -> Iterator[int]:
    (doubled,) = struct.unpack_from(">H", content, at + 6)
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", content, at + 14)
    starts = struct.unpack_from(f">{count}H", content, at + 16 + doubled)
    deltas = struct.unpack_from(f">{count}h", content, at + 16 + 2 * doubled)
    offsets = struct.unpack_from(f">{count}H", content, at + 16 + 3 * doubled)
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if start == 0xFFFF:
            continue
        if offsets[index] == 0:
            yield from (code for code in range(start, end + 1) if (code + deltas[index]) & 0xFFFF)
            continue
        base = at + 16 + 3 * doubled + 2 * index + offsets[index]
        for code in range(start, end + 1):
            (glyph,) = struct.unpack_from(">H", content, base + 2 * (code - start))
            if glyph:
                yield code
