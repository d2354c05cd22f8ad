"""The tags of a picture, one hostile value after another."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.TiffImagePlugin import IFDRational

from media.exif import photo_facts, printable

SIZE = (4000, 3000)
LNG, LAT = (103, 50, 54.5), (30, 4, 32.25)
GPS: dict[int, object] = {1: "N", 2: LAT, 3: "E", 4: LNG, 18: "WGS-84"}
TAGS = [1, 2, 3, 4, 18, 0x010F, 0x0110, 0x0112, 0x0131, 0x0132, 0x9003, 0x9011]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.fractions()
anything = scalars | st.tuples(scalars, scalars, scalars) | st.lists(scalars, max_size=4)


def position(**changes: object) -> tuple[float | None, float | None]:
    gps = GPS | {int(tag.removeprefix("t")): value for tag, value in changes.items()}
    facts = photo_facts("image/jpeg", SIZE, {}, {}, gps)
    return facts.gps_lng, facts.gps_lat


def taken(value: object, offset: object = None) -> tuple[str | None, str | None]:
    facts = photo_facts("image/jpeg", SIZE, {}, {0x9003: value, 0x9011: offset}, {})
    return facts.taken_at, facts.taken_offset


def make(value: object) -> str | None:
    return photo_facts("image/jpeg", SIZE, {0x010F: value}, {}, {}).make


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(TAGS), anything, max_size=8))
def test_no_tag_raises_and_all_facts_are_bounded(tags: dict[int, object]) -> None:
    """Any values in any table give facts that can be stored."""
    facts = photo_facts("image/jpeg", SIZE, tags, tags, tags)
    assert all(len(v) <= 64 and v.isprintable() for v in facts.as_dict().values() if isinstance(v, str))
    assert all(math.isfinite(v) for v in facts.as_dict().values() if isinstance(v, float))
    assert (facts.gps_lng is None) == (facts.gps_lat is None)


def test_degrees_minutes_seconds_become_degrees() -> None:
    """The three parts are summed in their scales."""
    assert position() == (103.8484722, 30.0756250)
    assert position(t2=(IFDRational(30), IFDRational(9, 2), Fraction(0))) == (103.8484722, 30.075)


@pytest.mark.parametrize(
    "changes",
    [
        {"t2": (IFDRational(1, 0), 0, 0)},
        {"t2": (math.nan, 0, 0)},
        {"t2": (math.inf, 0, 0)},
        {"t2": (91, 0, 0)},
        {"t4": (180, 0, 1)},
        {"t4": (-5, 0, 0)},
        {"t2": (1, 2)},
        {"t2": "30"},
        {"t2": None},
        {"t2": (None, None, None)},
        {"t1": None},
        {"t1": "Q"},
        {"t1": ""},
        {"t3": "EW"},
        {"t2": (10**400, 0, 0)},
    ],
)
def test_half_a_position_is_none(changes: dict[str, object]) -> None:
    """A part that is no finite number in range takes the whole position with it."""
    assert position(**changes) == (None, None)


@pytest.mark.parametrize(
    "value",
    [
        "2026:13:01 10:00:00",
        "2026:02:30 10:00:00",
        "0000:00:00 00:00:00",
        "now",
        "",
        None,
        5,
        b"\xff",
        "2026:11:22",
        "２０２６:11:22 10:00:00",
        "2026:11:22 10:00:00" + "9" * 1000,
    ],
)
def test_a_time_that_cannot_be_is_none(value: object) -> None:
    """Only a real wall clock time is taken."""
    assert taken(value) == (None, None)


def test_a_time_may_have_an_offset() -> None:
    """A malformed offset is dropped, the time stays; bytes and trailing zeros are read too."""
    assert taken("2026:11:22 10:00:00", "+08:00") == ("2026-11-22T10:00:00", "+08:00")
    assert taken("2026:11:22 10:00:00", "+99:00") == ("2026-11-22T10:00:00", None)
    assert taken(b"2026:11:22 10:00:00\0") == ("2026-11-22T10:00:00", None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Canon\0junk", "Canon"),
        ("  a \n\t b  ", "a b"),
        ("华为".encode().decode("latin-1"), "华为"),
        ("华为".encode(), "华为"),
        ("caf\xe9", "caf\xe9"),
        ("x" * 100_000, "x" * 64),
        ("\x00", None),
        ("", None),
        (7, None),
        ("a\u202eb", "a b"),
    ],
)
def test_names_are_one_short_line(value: object, expected: str | None) -> None:
    """Zeros end a text, controls become spaces, UTF-8 is read as meant, length is bounded."""
    assert make(value) == expected


@given(st.text(max_size=500), st.integers(1, 50))
def test_printable_text_can_be_stored_and_shown(text: str, limit: int) -> None:
    """The result is within its limit, printable, encodable, and its own result."""
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert shown.encode() is not None
    assert printable(shown, limit) == shown
