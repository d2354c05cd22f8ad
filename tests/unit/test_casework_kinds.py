"""The bureau's kinds: what stands at every door, and the words of what does not."""

from __future__ import annotations

from typing import Any

import pytest

from field_api.casework import kinds, words
from field_api.casework.models import PARTY
from sync.engine.kinds import Kind
from tests.unit.test_law_identifiers import id_card, uscc

GOOD_CARD = id_card("51140219900307123")
PLACE = {"lng": 103.84, "lat": 30.05, "coord_sys": "wgs84"}


@pytest.mark.parametrize(
    ("kind", "good", "bad", "code"),
    [
        (kinds.ID_CARD, GOOD_CARD, GOOD_CARD[:-1] + "Y", "id_card_form"),
        (kinds.USCC, uscc("91511402000000000"), "91511402000000000O", "uscc_form"),
        (kinds.PHONE, "13800000000", "110", "phone_form"),
        (kinds.PLATE, "川Z00000", "川Z0000", "plate_impossible"),
        (kinds.SEEN_PLATE, "川Z0", "川 Z0", "wrong_form"),
        (kinds.PLACE, PLACE, PLACE | {"lng": 0, "lat": 0}, "outside_country"),
        (kinds.PLACE, PLACE, PLACE | {"lng": 30.05, "lat": 103.84}, "out_of_range"),
        (kinds.PLACE, PLACE, {}, "out_of_range"),
        (kinds.PHONE, "13800000000", 13800000000, "not_text"),
        (kinds.PHONE, "13800000000", "1" * 21, "too_long"),
    ],
)
def test_each_kind_takes_what_is_right_and_names_what_is_wrong(kind: Kind, good: Any, bad: Any, code: str) -> None:
    """The good value has no fault, the bad one the code that officers have words for."""
    assert kind.check(good) is None
    fault = kind.check(bad)
    assert fault is not None
    assert fault.code == code


@pytest.mark.parametrize(
    ("party", "pointer"),
    [
        ({"id_no": GOOD_CARD}, None),
        ({"id_no": GOOD_CARD[:17] + "5" if GOOD_CARD[17] != "5" else GOOD_CARD[:17] + "6"}, "/id_no"),
        ({"id_type": "passport", "id_no": "E00000000"}, None),
        ({"id_type": "passport", "id_no": "511402199003071239"}, None),
        ({"id_type": "id_card", "id_no": "E00000000"}, "/id_no"),
        ({"id_no": "E00000000"}, None),
        ({"uscc": "91511402000000000A", "name": "x"}, "/uscc"),
        ({"phone": "1"}, "/phone"),
        ({"id_no": None, "id_type": "id_card"}, None),
    ],
)
def test_a_partys_number_is_judged_as_what_it_says_it_is(party: dict[str, Any], pointer: str | None) -> None:
    """An identity card is one by its type, or by its form where no type is given; other papers have no checksum."""
    fault = PARTY.check(party)
    assert (fault.pointer if fault else None) == pointer


def test_every_fault_has_both_languages_and_words_what_to_do() -> None:
    """The message holds Chinese and English, and the served words know the code."""
    for code, fault in kinds.FAULTS.items():
        zh, _, en = fault.message.partition(" · ") if " · " in fault.message else fault.message.partition("· ")
        assert zh
        assert en
        assert code in words.FAULTS
