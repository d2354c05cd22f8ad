"""Positions between the systems: known points, there and back, and the mix-up that is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.law import coordinates

INSIDE = st.tuples(st.floats(74, 134), st.floats(4, 53))
MEISHAN = st.tuples(st.floats(102.8, 104.5), st.floats(29.4, 30.3))


@pytest.mark.parametrize(
    ("wgs84", "gcj02", "within"),
    [
        # As published by several map libraries; the second takes the earth a few metres larger.
        ((116.404, 39.915), (116.41024449916938, 39.91640428150164), 1e-11),
        ((116.0, 40.0), (116.006141221789, 40.001213650174), 1e-7),
    ],
)
def test_known_points(wgs84: tuple[float, float], gcj02: tuple[float, float], within: float) -> None:
    """The shift is the one that the maps have."""
    assert coordinates.to_gcj02(*wgs84) == pytest.approx(gcj02, abs=within)


@given(INSIDE)
def test_there_and_back_is_the_same_place(point: tuple[float, float]) -> None:
    """Undoing the shift gives the point again, to a millimetre, anywhere in the country."""
    back = coordinates.to_wgs84(*coordinates.to_gcj02(*point))
    assert coordinates.distance_m(point, back) < 1e-3


@given(MEISHAN)
def test_a_position_in_the_other_system_is_recognised(point: tuple[float, float]) -> None:
    """In this city the two systems lie far enough apart to tell, both ways, and a right one is never doubted."""
    shown = coordinates.to_gcj02(*point)
    assert coordinates.likely_system((*shown, "wgs84"), point) == "gcj02"
    assert coordinates.likely_system((*point, "gcj02"), point) == "wgs84"
    assert coordinates.likely_system((*point, "wgs84"), point) is None
    assert coordinates.likely_system((*shown, "gcj02"), point) is None
    assert coordinates.likely_system((*point, "cgcs2000"), point) is None


def test_a_place_far_off_is_no_mix_up() -> None:
    """Two kilometres away no reading of it makes it the same place."""
    assert coordinates.likely_system((103.87, 30.05, "wgs84"), (103.85, 30.05)) is None


def test_a_degree_of_latitude_is_as_long_as_it_is() -> None:
    """111.2 km on the sphere, and one of longitude on the thirtieth parallel shorter by its cosine."""
    assert coordinates.distance_m((103.0, 30.0), (103.0, 31.0)) == pytest.approx(111_195, abs=1)
    assert coordinates.distance_m((103.0, 30.0), (104.0, 30.0)) == pytest.approx(96_297, abs=5)


def test_the_city_lies_in_the_country_and_its_edges_belong_to_it() -> None:
    """The boxes hold their corners and nothing beyond."""
    city = coordinates.MEISHAN
    for lng, lat in ((city.west, city.south), (city.east, city.north)):
        assert city.holds(lng, lat)
        assert coordinates.CHINA.holds(lng, lat)
    assert not city.holds(city.west - 1e-6, city.south)
    assert not city.holds(city.east, city.north + 1e-6)
    assert not coordinates.CHINA.holds(0.0, 0.0)
