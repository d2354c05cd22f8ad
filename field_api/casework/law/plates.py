"""Number plates of every kind: what an impossible one is, and which kinds and colours belong together.

Source: GA 36, domain facts 5.1. A tractor and its trailer bear different plates; each is judged by itself. A plate
that is covered, dirty or not there is not demanded, and what was read of it is let stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

STATES = ("normal", "none", "covered", "dirty", "forged")
COLOURS: Mapping[str, tuple[str, ...]] = {
    "blue": ("蓝", "蓝色", "蓝牌"),
    "yellow": ("黄", "黄色", "黄牌"),
    "white": ("白", "白色", "白牌"),
    "black": ("黑", "黑色", "黑牌"),
    "green": ("绿", "绿色", "绿牌", "渐变绿", "农机绿"),
    "yellow_green": ("黄绿", "黄绿双拼", "黄绿双拼色"),
    "paper": ("纸", "纸质", "临牌"),
}
SICHUAN: Mapping[str, str] = {
    "A": "成都", "B": "绵阳", "C": "自贡", "D": "攀枝花", "E": "泸州", "F": "德阳", "G": "成都", "H": "广元",
    "J": "遂宁", "K": "内江", "L": "乐山", "M": "资阳", "Q": "宜宾", "R": "南充", "S": "达州", "T": "雅安",
    "U": "阿坝", "V": "甘孜", "W": "凉山", "X": "广安", "Y": "巴中", "Z": "眉山",
}  # fmt: skip
HOME_PREFIX = "川Z"
_PROVINCE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
_SIGN = "[A-HJ-NP-Z0-9]"
_HEAD = f"{_PROVINCE}[A-HJ-NP-Z]"


@dataclass(frozen=True, slots=True)
class Shape:
    """One form of plate. kinds: the 号牌种类 that bear it; each with the colours that it may have."""

    name: str
    pattern: re.Pattern[str]
    kinds: Mapping[str, tuple[str, ...]]


def _shape(name: str, pattern: str, **kinds: str) -> Shape:
    """Kinds come as `k01="yellow"`; several colours are parted by a space."""
    return Shape(name, re.compile(pattern), {kind[1:]: tuple(colours.split()) for kind, colours in kinds.items()})


# In this order: the first that fits says what a plate is, and no two fit one text except where said.
SHAPES = (
    _shape("new_energy_small", f"{_HEAD}[A-HJK]{_SIGN}[0-9]{{4}}", k52="green"),
    _shape("new_energy_large", f"{_HEAD}[0-9]{{5}}[A-HJK]", k51="yellow_green"),
    # The tail is what tells these; the number before it is one shorter than an ordinary one.
    _shape("trailer", f"{_HEAD}{_SIGN}{{4}}挂", k15="yellow"),
    _shape("training", f"{_HEAD}{_SIGN}{{4}}学", k16="yellow", k17="yellow"),
    _shape("police", f"{_PROVINCE}[A-HJ-Z]{_SIGN}{{4}}警", k23="white", k24="white"),
    _shape("emergency", f"{_HEAD}{_SIGN}{{4}}应急", k01="white", k02="white"),
    _shape("embassy", "使[0-9]{6}|[0-9]{6}使", k03="black", k09="black"),
    _shape("consulate", f"{_HEAD}{_SIGN}{{4}}领|{_PROVINCE}[0-9]{{5}}领|领[0-9]{{6}}", k04="black", k10="black"),
    _shape("border", f"粤Z{_SIGN}{{4}}[港澳]", k05="black", k11="black", k26="black", k27="black"),
    _shape("temporary", f"临{_HEAD}{_SIGN}{{4,6}}|{_HEAD}临{_SIGN}{{4,6}}|{_HEAD}{_SIGN}{{4,6}}临|临{_SIGN}{{5,6}}",
           k20="paper", k21="paper", k22="paper blue"),
    # WJ, the force's province, four digits and a digit or the branch's letter.
    _shape("armed_police", f"WJ{_PROVINCE}?[0-9]{{4}}[0-9A-Z]", k31="white"),
    _shape("army", f"(?!WJ)[A-HJ-NP-Z][A-Z]{_SIGN}[0-9]{{4}}", k32="white"),
    # The farm machinery authority's own: province, city in two digits, five signs.
    _shape("farm", f"{_PROVINCE}[0-9]{{2}}{_SIGN}{{5}}", k14="green", k25="green"),
    _shape("ordinary", f"{_HEAD}{_SIGN}{{5}}", k01="yellow", k02="blue", k06="black", k07="yellow", k08="blue",
           k12="black", k13="yellow", k22="paper blue"),
)  # fmt: skip


def compact(text: str) -> str:
    """A plate without the dots, dashes and spaces that people write into it, in capitals."""
    return re.sub(r"[\s·•.\-—]", "", text).upper()


def shape_of(plate: str) -> Shape | None:
    """The form of a plate as it is written in full; None where there is no such plate."""
    found = next((shape for shape in SHAPES if shape.pattern.fullmatch(plate)), None)
    return None if found is None or _is_unissued(plate) else found


def plate_fault(
    plate: str | None, kind: str | None = None, colour: str | None = None, state: str | None = None
) -> str | None:
    """What is wrong with a plate, its kind (号牌种类) and its colour; None where they may stand.

    state: one of `STATES`, or None; where it is not normal, whatever could be read of the plate may stand. Kinds
    and colours that this table does not know are not judged.
    """
    if plate is None or state not in (None, "normal"):
        return None
    shape = shape_of(plate)
    if shape is None:
        return "plate_impossible"
    if kind is None or kind not in _KNOWN_KINDS:
        return _colour_fault({one for colours in shape.kinds.values() for one in colours}, colour)
    if kind not in shape.kinds:
        return "plate_kind_differs"
    return _colour_fault(set(shape.kinds[kind]), colour)


def city_of(plate: str) -> str | None:
    """The city of Sichuan where a plate was given out."""
    return SICHUAN.get(plate[1:2]) if plate.startswith("川") else None


def colour_code(text: str) -> str | None:
    """A colour's code from the code itself or from the words for it."""
    if text in COLOURS:
        return text
    return next((code for code, words in COLOURS.items() if text in words), None)


_KNOWN_KINDS = frozenset(kind for shape in SHAPES for kind in shape.kinds)


def _colour_fault(allowed: set[str], colour: str | None) -> str | None:
    known = colour_code(colour) if colour else None
    return "plate_colour_differs" if known is not None and allowed and known not in allowed else None


def _is_unissued(plate: str) -> bool:
    """Say whether a plate of this province has a letter that no city has; police had O before."""
    letter = plate[1:2]
    return plate[0] == "川" and letter.isascii() and letter.isalpha() and letter not in SICHUAN and letter != "O"
