"""Plates of every kind, and the ones that no authority ever gave out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.law import plates

GOOD = [
    ("川Z12345", "02", "blue"), ("川Z12345", "01", "yellow"), ("川A1B2C3", "02", "蓝"), ("川Z12345", "13", "黄"),
    ("川ZD12345", "52", "渐变绿"), ("川ZFA1234", "52", "green"), ("川AK12345", "52", None),
    ("川Z12345D", "51", "黄绿双拼"), ("川Z12345F", "51", "yellow_green"), ("川Z1234挂", "15", "yellow"),
    ("川Z1234学", "16", "yellow"), ("川Z1234警", "23", "white"), ("川O1234警", "23", "white"),
    ("川X1234应急", None, None), ("使224578", "03", "black"), ("224578使", "03", "黑"), ("川A1234领", "04", "black"),
    ("粤ZA123港", "05", "black"), ("粤ZA123澳", "05", "black"), ("WJ川1234X", "31", "white"), ("WJ12345", "31", None),
    ("VA12345", "32", "white"), ("川14A1234", "14", "green"), ("川Z12345临", "22", "paper"), ("临川Z12345", "22", None),
    ("川Z临12345", "22", "纸质"), ("川A12345", "06", "black"),
]  # fmt: skip
IMPOSSIBLE = [
    "", "川", "12345", "川Z1234", "川Z123456", "川Z1234I", "川Z1234O", "川I12345", "川N12345", "川P1234挂", "四Z12345",
    "川ZZ12345", "川ZL12345", "川ZI12345", "川Z12345I", "川z12345", "川Z1234挂挂", "川Z１2345", "WJ川123", "粤A1234港",
    "川Z12345 ", "川Z·12345", "无牌", "川1A12345",
]  # fmt: skip


@pytest.mark.parametrize(("plate", "kind", "colour"), GOOD)
def test_a_plate_of_every_kind_stands_with_its_kind_and_colour(
    plate: str, kind: str | None, colour: str | None
) -> None:
    """What the standard has, in code or in words."""
    assert plates.plate_fault(plate, kind, colour, "normal") is None


@pytest.mark.parametrize("plate", IMPOSSIBLE)
def test_an_impossible_plate_is_named_so_whatever_its_kind(plate: str) -> None:
    """No kind makes it possible, and without a state a plate is taken for a whole one."""
    assert plates.plate_fault(plate) == "plate_impossible"
    assert plates.plate_fault(plate, "02", "blue", "normal") == "plate_impossible"


@pytest.mark.parametrize("state", [one for one in plates.STATES if one != "normal"])
def test_nothing_is_demanded_of_a_plate_that_cannot_be_read(state: str) -> None:
    """Covered, dirty, forged or none: what was read of it stands, and so does nothing."""
    assert plates.plate_fault(None, None, None, state) is None
    assert plates.plate_fault("川Z12", "02", "blue", state) is None


@pytest.mark.parametrize(
    ("plate", "kind", "colour", "fault"),
    [
        ("川Z12345", "15", None, "plate_kind_differs"),
        ("川Z1234挂", "01", None, "plate_kind_differs"),
        ("川ZD12345", "02", None, "plate_kind_differs"),
        ("川Z12345D", "52", None, "plate_kind_differs"),
        ("川Z12345", "02", "yellow", "plate_colour_differs"),
        ("川ZD12345", None, "蓝", "plate_colour_differs"),
        ("川Z12345", "99", "紫", None),
        ("川Z12345", "02", "淡紫", None),
    ],
)
def test_kind_and_colour_must_belong_to_the_plate(
    plate: str, kind: str, colour: str | None, fault: str | None
) -> None:
    """What the table knows must agree; what it does not know is not judged."""
    assert plates.plate_fault(plate, kind, colour) == fault


def test_no_plate_fits_two_forms_whose_kinds_differ_without_saying_so() -> None:
    """The order of the forms decides nothing for the plates of this list: at most one form fits each."""
    for plate, _, _ in GOOD:
        assert sum(shape.pattern.fullmatch(plate) is not None for shape in plates.SHAPES) == 1, plate


@given(st.text(max_size=20))
def test_any_text_is_judged_without_failing(text: str) -> None:
    """What is compacted once is compact, and judging never raises."""
    assert plates.compact(plates.compact(text)) == plates.compact(text)
    assert plates.plate_fault(text) in (None, "plate_impossible")


def test_the_citys_own_letter() -> None:
    """川Z is Meishan's, both 川A and 川G are Chengdu's."""
    assert plates.city_of("川Z12345") == plates.city_of(plates.HOME_PREFIX + "1234挂") == "眉山"
    assert plates.city_of("川G12345") == plates.city_of("川A12345") == "成都"
    assert plates.city_of("渝A12345") is None
    assert plates.compact(" 川z·123 45") == "川Z12345"
