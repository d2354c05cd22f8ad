"""What weighs on a penalty: the circumstances of 行政处罚法 Art. 30–34, each with its effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Factor:
    """effect: "excuses" (no penalty) | "lighter" (must) | "heavier" | "leads" (counts with others, or by a step)."""

    zh: str
    en: str
    article: str
    effect: str


FACTORS: Mapping[str, Factor] = {
    "under_14": Factor("不满十四周岁", "under 14", "30", "excuses"),
    "aged_14_17": Factor("已满十四周岁不满十八周岁", "14 or older, under 18", "30", "lighter"),
    "incapable": Factor("不能辨认或者控制自己行为", "unable to recognise or control the act", "31", "excuses"),
    "remedied": Factor("主动消除或者减轻危害后果", "removed or eased the harm of his own accord", "32", "lighter"),
    "coerced": Factor("受他人胁迫或者诱骗", "forced or lured by others", "32", "lighter"),
    "confessed": Factor("主动供述尚未掌握的违法行为", "told of an act not yet known", "32", "lighter"),
    "merit": Factor("配合查处有立功表现", "helped to uncover others", "32", "lighter"),
    "minor": Factor("违法行为轻微", "the act is minor", "33", "leads"),
    "corrected": Factor("及时改正", "corrected in time", "33", "leads"),
    "no_harm": Factor("没有造成危害后果", "no harm was done", "33", "leads"),
    "minor_harm": Factor("危害后果轻微", "the harm is minor", "33", "leads"),
    "first_offence": Factor("初次违法", "first offence", "33", "leads"),
    "no_fault": Factor("有证据足以证明没有主观过错", "proven to be without fault", "33", "excuses"),
    # Grades of the discretion standards (裁量基准), which Art. 34 leaves to them.
    "repeated": Factor("再次违法", "repeated", "34", "heavier"),
    "refused_to_correct": Factor("拒不改正", "refused to correct", "34", "heavier"),
    "serious_harm": Factor("危害后果严重", "the harm is serious", "34", "heavier"),
}
CONTRADICTIONS = (
    frozenset({"under_14", "aged_14_17"}),
    frozenset({"first_offence", "repeated"}),
    frozenset({"corrected", "refused_to_correct"}),
    frozenset({"remedied", "refused_to_correct"}),
    frozenset({"no_harm", "minor_harm"}),
    frozenset({"no_harm", "serious_harm"}),
    frozenset({"minor_harm", "serious_harm"}),
    frozenset({"minor", "serious_harm"}),
)
# Nobody but a person has an age or a mind.
OF_PERSONS = frozenset({"under_14", "aged_14_17", "incapable"})
# 33(1), first sentence: no penalty. Second sentence: there may be none.
_MUST = frozenset({"minor", "corrected", "no_harm"})
_MAY = (frozenset({"first_offence", "corrected", "minor_harm"}), frozenset({"first_offence", "corrected", "no_harm"}))


def excused_by(given: frozenset[str]) -> str | None:
    """Name the article that forbids a penalty; None where none does."""
    excuse = min((FACTORS[one].article for one in given if one in FACTORS and FACTORS[one].effect == "excuses"),
                 default=None)  # fmt: skip
    return excuse or ("33" if given >= _MUST else None)


def may_be_spared(given: frozenset[str]) -> bool:
    """Say whether Art. 33 lets the agency refrain (首违不罚)."""
    return any(given >= one for one in _MAY)


def has(given: frozenset[str], effect: str) -> bool:
    """Say whether any of the factors has an effect."""
    return any(one in FACTORS and FACTORS[one].effect == effect for one in given)
