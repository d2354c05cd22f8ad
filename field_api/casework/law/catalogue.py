"""The violation catalogue (案由): what may be charged, by whom, with which penalty, and since when.

Pure: values in, values out. Where an item comes from and how it reaches terminals is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from field_api.casework.procedure_enums import PROCEDURE_ENUMS

Words = tuple[str, str]
PARTY_KINDS = tuple(code for code, _, _ in PROCEDURE_ENUMS["party_kind"])
PENALTY_KINDS = tuple(code for code, _, _ in PROCEDURE_ENUMS["penalty_kind"])
MEASURES = tuple(code for code, _, _ in PROCEDURE_ENUMS["measure_kind"])
# code → (Chinese, English); `other` names its authority in the item.
SUBJECTS: Mapping[str, Words] = {
    **{code: (zh, en) for code, zh, en in PROCEDURE_ENUMS["subject"]},
    "other": ("其他部门", "another authority"),
}
READINGS: Mapping[str, Words] = {
    "read": ("已核对法律文本", "the law's text was read"),
    "common": ("通行说法，未核对文本", "common knowledge, text not read"),
    "local": ("本地规定", "local rule"),
}
CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{1,31}")
# A step may hang on what only the local standard knows; it then says so by its name.
LOCAL_FACTOR = re.compile(r"local_[a-z0-9_]{1,26}")
LARGEST_FEN = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Penalty:
    """What one kind of party may be given. min_fen, max_fen: None where nobody has told them yet."""

    kinds: tuple[str, ...]
    min_fen: int | None = None
    max_fen: int | None = None

    @property
    def fines(self) -> bool:
        """Say whether a fine is among the kinds."""
        return "fine" in self.kinds

    @property
    def configured(self) -> bool:
        """Say whether both ends of the fine's range are known."""
        return self.min_fen is not None and self.max_fen is not None


@dataclass(frozen=True, slots=True)
class Step:
    """One grade of the discretion standard (裁量阶次). party: None where it holds for every kind of party."""

    code: str
    zh: str
    en: str
    party: str | None
    min_fen: int | None
    max_fen: int | None
    factors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exempt:
    """A line of the exempt list (免罚清单): with all these conditions there may be no penalty."""

    conditions: tuple[str, ...]
    basis: str


@dataclass(frozen=True, slots=True)
class Item:
    """One version of a violation. valid_to: its last day, None while it has none. authority: who, if `other`."""

    code: str
    zh: str
    en: str
    breaks: tuple[str, ...]
    applies: tuple[str, ...]
    subject: str
    authority: str
    categories: tuple[str, ...]
    penalties: Mapping[str, Penalty]
    steps: tuple[Step, ...]
    exempt: Exempt | None
    measures: tuple[str, ...]
    valid_from: date
    valid_to: date | None
    source: str
    read: str
    demo: bool = False

    def holds(self, day: date) -> bool:
        """Say whether this version was in force on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Choice:
    """The version to apply, and why. by: "act" | "lighter_later" | "no_longer_punished"."""

    item: Item
    by: str


def choose(
    items: Iterable[Item], code: str, act: date, decided: date | None = None, party_kind: str | None = None
) -> Choice | None:
    """Find the version in force on the day of the act; a later, lighter one where the day of deciding is given.

    Source: 行政处罚法 Art. 37. party_kind: whose penalty is compared; None asks that it be lighter for all.
    """
    versions = [one for one in items if one.code == code]
    then = newest(versions, act)
    if then is None or decided is None or decided <= act:
        return Choice(then, "act") if then else None
    today = newest(versions, decided)
    if today is None:
        return Choice(then, "no_longer_punished")
    if today is not then and is_lighter(today, then, party_kind):
        return Choice(today, "lighter_later")
    return Choice(then, "act")


def newest(versions: Iterable[Item], day: date) -> Item | None:
    """Find the version in force on a day: of several, the one that began last."""
    return max((one for one in versions if one.holds(day)), key=lambda one: one.valid_from, default=None)


def is_lighter(one: Item, other: Item, party_kind: str | None = None) -> bool:
    """Say whether a version is lighter than another in something and heavier in nothing; unknown amounts: no."""
    kinds = [party_kind] if party_kind else list(other.penalties)
    pairs = [(one.penalties.get(kind), other.penalties.get(kind)) for kind in kinds]
    weights = [_compare(left, right) for left, right in pairs]
    return all(weight is not None and weight <= 0 for weight in weights) and any(weight == -1 for weight in weights)


def _compare(one: Penalty | None, other: Penalty | None) -> int | None:
    """-1 lighter, 0 the same, 1 heavier, None where that cannot be told."""
    if one is None or other is None:
        return 0 if one is other else (-1 if one is None else 1)
    if not set(one.kinds) <= set(other.kinds):
        return 1
    ends = [(one.min_fen, other.min_fen), (one.max_fen, other.max_fen)] if one.fines else []
    if any((left is None) != (right is None) for left, right in ends):
        return None
    known = [(left, right) for left, right in ends if left is not None and right is not None]
    if any(left > right for left, right in known):
        return 1
    return -1 if set(one.kinds) < set(other.kinds) or any(left < right for left, right in known) else 0


def item_of(values: Mapping[str, Any]) -> Item:
    """Make an item of a record's fields. Raises: KeyError, ValueError where they are not an item's."""
    exempt = values.get("exempt")
    ends = values.get("valid_to")
    return Item(
        code=values["code"],
        zh=values["zh"],
        en=values["en"],
        breaks=tuple(values["breaks"]),
        applies=tuple(values["applies"]),
        subject=values["subject"],
        authority=values.get("authority") or "",
        categories=tuple(values["categories"]),
        penalties={
            one["party"]: Penalty(tuple(one["kinds"]), one.get("min_fen"), one.get("max_fen"))
            for one in values["penalties"]
        },
        steps=tuple(_step_of(one) for one in values.get("steps") or ()),
        exempt=Exempt(tuple(exempt["conditions"]), exempt["basis"]) if exempt else None,
        measures=tuple(values.get("measures") or ()),
        valid_from=date.fromisoformat(values["valid_from"]),
        valid_to=date.fromisoformat(ends) if ends else None,
        source=values["source"],
        read=values["read"],
        demo=bool(values.get("demo")),
    )


def _step_of(one: Mapping[str, Any]) -> Step:
    ends = one.get("min_fen"), one.get("max_fen")
    return Step(one["code"], one["zh"], one["en"], one.get("party"), *ends, tuple(one.get("factors") or ()))


def values_of(item: Item) -> dict[str, Any]:
    """An item as a record holds it and a file writes it: the opposite of `item_of`."""
    return {
        "code": item.code,
        "zh": item.zh,
        "en": item.en,
        "breaks": list(item.breaks),
        "applies": list(item.applies),
        "subject": item.subject,
        "authority": item.authority or None,
        "categories": list(item.categories),
        "penalties": [
            {"party": party, "kinds": list(one.kinds), "min_fen": one.min_fen, "max_fen": one.max_fen}
            for party, one in item.penalties.items()
        ],
        "steps": [
            {"code": one.code, "zh": one.zh, "en": one.en, "party": one.party, "min_fen": one.min_fen,
             "max_fen": one.max_fen, "factors": list(one.factors)}
            for one in item.steps
        ],
        "exempt": {"conditions": list(item.exempt.conditions), "basis": item.exempt.basis} if item.exempt else None,
        "measures": list(item.measures),
        "valid_from": item.valid_from.isoformat(),
        "valid_to": item.valid_to.isoformat() if item.valid_to else None,
        "source": item.source,
        "read": item.read,
        "demo": item.demo,
    }  # fmt: skip


def contradictions(item: Item) -> Iterator[tuple[str, str]]:
    """What in an item cannot be, as (code, field); nothing where it may stand."""
    if item.valid_to is not None and item.valid_to < item.valid_from:
        yield "ends_before_it_begins", "valid_to"
    if item.subject == "other" and not item.authority:
        yield "authority_missing", "authority"
    if not item.penalties:
        yield "no_penalty_at_all", "penalties"
    for party, one in item.penalties.items():
        if not one.fines and (one.min_fen is not None or one.max_fen is not None):
            yield "amount_without_fine", party
        if one.min_fen is not None and one.max_fen is not None and one.min_fen > one.max_fen:
            yield "range_upside_down", party
    codes = [one.code for one in item.steps]
    if len(set(codes)) < len(codes):
        yield "step_twice", "steps"
    for step in item.steps:
        yield from ((code, "steps") for code in _of_step(item, step))


def _of_step(item: Item, step: Step) -> Iterator[str]:
    if step.min_fen is not None and step.max_fen is not None and step.min_fen > step.max_fen:
        yield "range_upside_down"
    parties = [step.party] if step.party else [party for party, one in item.penalties.items() if one.fines]
    for party in parties:
        one = item.penalties.get(party)
        if one is None or not one.fines:
            yield "step_without_fine"
        elif _outside(step, one):
            yield "step_out_of_range"


def _outside(step: Step, penalty: Penalty) -> bool:
    low, high = penalty.min_fen, penalty.max_fen
    ends = [one for one in (step.min_fen, step.max_fen) if one is not None]
    return any((low is not None and one < low) or (high is not None and one > high) for one in ends)
