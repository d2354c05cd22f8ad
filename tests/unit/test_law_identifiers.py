"""Numbers of people and firms: good ones stand, and one wrong sign is always found."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.law import identifiers

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


def id_card(head: str) -> str:
    """Seventeen digits and their check sign, by the formula of B.4 rather than the library's."""
    total = sum(int(digit) * weight for digit, weight in zip(head, WEIGHTS, strict=True))
    return head + "10X98765432"[total % 11]


def uscc(head: str) -> str:
    total = sum(SIGNS.index(sign) * weight for sign, weight in zip(head, USCC_WEIGHTS, strict=True))
    return head + SIGNS[(31 - total % 31) % 31]


def test_the_standards_own_examples_are_valid() -> None:
    """GB 11643 prints 11010519491231002X, GB 32100's published codes end as their checksum says."""
    assert identifiers.id_card_fault("11010519491231002X") is None
    assert identifiers.id_card_fault("11010519491231002x") is None
    assert identifiers.uscc_fault("91350100M000100Y43") is None


@given(st.dates(date(1900, 1, 1), date(2026, 11, 22)), st.integers(0, 999), st.sampled_from(["511402", "810000"]))
def test_a_number_with_its_right_check_sign_tells_birth_and_region(born: date, order: int, region: str) -> None:
    """Whatever day and order, the formula's sign is accepted and the parts come back out."""
    number = id_card(f"{region}{born:%Y%m%d}{order:03d}")
    assert identifiers.id_card_fault(number, on=date(2026, 11, 22)) is None
    card = identifiers.read_id_card(number)
    assert card is not None
    assert (card.birth, card.region, card.is_male) == (born, region, order % 2 == 1)


@given(st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(place: int, step: int) -> None:
    """ISO 7064 finds every single wrong digit, in whatever place."""
    good = id_card("51140219900307123")
    wrong = good[:place] + str((int(good[place]) + step) % 10) + good[place + 1 :]
    assert identifiers.id_card_fault(wrong) is not None


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("", "id_card_form"),
        ("5114021990030712", "id_card_form"),
        ("５1140219900307123X", "id_card_form"),
        (id_card("99940219900307123"), None),
        (id_card("00140219900307123"), "id_card_region"),
        (id_card("51140219900231123"), "id_card_birth"),
        (id_card("51140218991231123"), "id_card_birth"),
        (id_card("51140219900307123")[:-1] + "Y", "id_card_form"),
    ],
)
def test_what_is_wrong_with_a_number_is_said(number: str, fault: str | None) -> None:
    """Form, region and birth date each have a fault of their own; a foreigner's card opens with 9."""
    assert identifiers.id_card_fault(number) == fault


def test_nobody_is_born_after_the_day_in_question() -> None:
    """The birth date may be the day itself and not the next one."""
    number = id_card("51140220261122123")
    assert identifiers.id_card_fault(number, on=date(2026, 11, 22)) is None
    assert identifiers.id_card_fault(number, on=date(2026, 11, 21)) == "id_card_birth"
    assert identifiers.id_card_fault(number) is None


@given(st.text(SIGNS, min_size=9, max_size=9), st.integers(0, 16), st.integers(1, 30))
def test_one_wrong_sign_of_a_credit_code_is_always_found(body: str, place: int, step: int) -> None:
    """31 is prime, so that no weight hides a difference."""
    good = uscc(f"91511402{body}")
    assert identifiers.uscc_fault(good) is None
    wrong = good[:place] + SIGNS[(SIGNS.index(good[place]) + step) % 31] + good[place + 1 :]
    assert identifiers.uscc_fault(wrong) is not None


@pytest.mark.parametrize(("text", "fault"), [("91511402", "uscc_form"), ("9151140200000000OX", "uscc_form"),
                                             (uscc("N2511402MF1234567"), None), ("", "uscc_form")])  # fmt: skip
def test_a_village_collective_has_a_code_too(text: str, fault: str | None) -> None:
    """A code may open with a letter; I, O, S, V and Z stand in none."""
    assert identifiers.uscc_fault(text) == fault


@pytest.mark.parametrize("text", ["13800000000", "+8619912345678", "86 13912345678", "028-38166110", "02838166110",
                                  "400-820-8820", "95598", "0833-2345678-801"])  # fmt: skip
def test_telephone_numbers_that_ring(text: str) -> None:
    """Mobiles, fixed lines of the area, and service numbers."""
    assert identifiers.phone_fault(text) is None


@pytest.mark.parametrize("text", ["12800000000", "1380000000", "138000000000", "000-0000", "", "abc", "１3800000000"])
def test_telephone_numbers_that_do_not(text: str) -> None:
    """Too short, too long, of no network, of no digits."""
    assert identifiers.phone_fault(text) == "phone_form"


def test_a_full_year_begins_the_day_after_the_birthday() -> None:
    """On his fourteenth birthday somebody is not fourteen yet in the law's sense."""
    born = date(2012, 11, 22)
    assert identifiers.full_years(born, date(2026, 11, 22)) == 13
    assert identifiers.full_years(born, date(2026, 11, 23)) == 14
    assert identifiers.full_years(date(2012, 2, 29), date(2026, 3, 1)) == 14
