"""What the bureau's own fields may hold: forms and checksums, with words for the officer who typed them.

What can be judged from the value alone stands here, and holds at every door; what needs a second field or a time is
in `field_checks`. The name of each kind stays the wire's (`text`, `group`, `position`): how a field looks to a
terminal does not change with how it is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from field_api.casework.law import coordinates, identifiers, plates
from sync.engine import kinds
from sync.engine.kinds import Fault, Kind, group, text

FAULTS: Mapping[str, Fault] = {
    one.code: one
    for one in (
        Fault("id_card_form", "身份证号应为 18 位，末位可为 X · an identity number has 18 digits, the last may be X"),
        Fault("id_card_region", "身份证号前两位不是省份代码 · the identity number opens with no province's code"),
        Fault("id_card_birth", "身份证号中的出生日期不对 · the birth date in the identity number cannot be"),
        Fault("id_card_checksum", "身份证号校验位不符（B.4）· the identity number's check digit does not fit (B.4)"),
        Fault("uscc_form", "信用代码应为 18 位，无 I O S V Z · a credit code has 18 signs, none of I O S V Z"),
        Fault("uscc_checksum", "信用代码校验位不符（B.4）· the credit code's check sign does not fit (B.4)"),
        Fault("phone_form", "电话号码不对，手机为 11 位 · not a telephone number; a mobile has 11 digits"),
        Fault("plate_impossible", "没有这样的号牌（GA 36）· there is no such plate (GA 36)"),
        Fault("outside_country", "位置在国境之外 · the position lies outside the country"),
        Fault("before_the_law", "早于处罚法施行日 2021-07-15（R33）· before the law was in force, 2021-07-15 (R33)"),
        Fault("in_the_future", "晚于填写的时间 · later than the time at which it was written down"),
        Fault("party_under_14", "当事人不满 14 周岁，不予处罚（R29）· under 14: there is no penalty (R29)"),
    )
}


def judged(limit: int, judge: Callable[[str], str | None]) -> Kind:
    """A text of at most `limit` characters that a pure check finds nothing wrong with."""
    bounded = text(limit)

    def check(value: Any) -> Fault | None:
        fault = bounded.check(value)
        if fault is None and (code := judge(value)):
            return FAULTS[code]
        return fault

    return Kind("text", check)


def _position(value: Any) -> Fault | None:
    fault = kinds.POSITION.check(value)
    if fault is None and not coordinates.CHINA.holds(value["lng"], value["lat"]):
        return FAULTS["outside_country"]
    return fault


ID_CARD = judged(18, identifiers.id_card_fault)
USCC = judged(18, identifiers.uscc_fault)
PHONE = judged(20, identifiers.phone_fault)
# A whole plate; where a plate's state stands beside it, `field_checks` judges the two together.
PLATE = judged(12, plates.plate_fault)
# What could be read of one: signs of plates, in any number.
SEEN_PLATE = text(12, r"[\u4e00-\u9fa5A-Z0-9]{1,12}")
# Where something is. A photo's own position is not held to it: it is signed, and nobody could mend it.
PLACE = Kind("position", _position)


def party(parts: Mapping[str, Kind]) -> Kind:
    """A party: its parts, and its number judged as what its `id_type` says, or its form where that is not said."""
    whole = group(parts)

    def check(value: Any) -> Fault | None:
        return whole.check(value) or _number_fault(value)

    return Kind("group", check)


def _number_fault(value: Mapping[str, Any]) -> Fault | None:
    number, named = value.get("id_no"), value.get("id_type")
    if number is None or named not in (None, "id_card"):
        return None
    fault = ID_CARD.check(number) if named or identifiers.looks_like_id_card(number) else None
    return Fault(fault.code, fault.message, "/id_no") if fault else None
