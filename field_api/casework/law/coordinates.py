"""Positions: between the systems that maps use, and whether one can be where it says.

WGS-84 is what receivers give; CGCS2000, the state's own, differs by centimetres and is treated alike. GCJ-02 is what
the country's maps show: shifted by some hundred metres, by a formula of which only the forward way is closed. A
position is kept as it was given; what is computed here is for comparing only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Krasovsky 1940, on which the shift is defined.
_AXIS_M = 6_378_245.0
_ECCENTRICITY_SQUARED = 0.006_693_421_622_965_943
EARTH_RADIUS_M = 6_371_008.8
SYSTEMS = ("wgs84", "gcj02", "cgcs2000")


@dataclass(frozen=True, slots=True)
class Box:
    """An area between two meridians and two parallels, in degrees."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, lng: float, lat: float) -> bool:
        """Say whether a point lies in it, edges included."""
        return self.west <= lng <= self.east and self.south <= lat <= self.north


# Source: domain facts B.4. An installation may have another (`FIELDPOST_CITY_BOX`).
MEISHAN = Box(102.8, 29.4, 104.5, 30.3)
CHINA = Box(73.0, 3.0, 136.0, 54.0)


def to_gcj02(lng: float, lat: float) -> tuple[float, float]:
    """A WGS-84 point as the country's maps show it."""
    east, north = _shift(lng, lat)
    return lng + east, lat + north


def to_wgs84(lng: float, lat: float) -> tuple[float, float]:
    """A GCJ-02 point as a receiver would have given it, to less than a millimetre: the shift, undone step by step."""
    guess = (lng, lat)
    for _ in range(8):
        east, north = _shift(*guess)
        guess = (lng - east, lat - north)
    return guess


def in_wgs84(lng: float, lat: float, system: str) -> tuple[float, float]:
    """A point of any of `SYSTEMS` for comparing with others."""
    return to_wgs84(lng, lat) if system == "gcj02" else (lng, lat)


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres between two WGS-84 points, along the sphere."""
    lng1, lat1, lng2, lat2 = map(math.radians, (*one, *other))
    chord = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lng2 - lng1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def likely_system(
    position: tuple[float, float, str], reference: tuple[float, float], near_m: float = 60.0
) -> str | None:
    """The system that a position seems to be in where it is not the one named; None where nothing seems wrong.

    position: (lng, lat, system); reference: a WGS-84 point known to be at the same place. Said only where the
    position as named lies away from it by what the shift is, and read otherwise lies within `near_m`.
    """
    lng, lat, named = position
    if distance_m(in_wgs84(lng, lat, named), reference) <= 3 * near_m:
        return None
    other = "wgs84" if named == "gcj02" else "gcj02"
    return other if distance_m(in_wgs84(lng, lat, other), reference) <= near_m else None


def _shift(lng: float, lat: float) -> tuple[float, float]:
    """How far, in degrees east and north, the maps move a WGS-84 point."""
    x, y = lng - 105.0, lat - 35.0
    ripple = 20.0 * math.sin(6.0 * math.pi * x) + 20.0 * math.sin(2.0 * math.pi * x)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += (ripple + _waves(y, (20.0, 1.0), (40.0, 1 / 3), (160.0, 1 / 12), (320.0, 1 / 30))) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += (ripple + _waves(x, (20.0, 1.0), (40.0, 1 / 3), (150.0, 1 / 12), (300.0, 1 / 30))) * 2.0 / 3.0
    angle = math.radians(lat)
    root = 1.0 - _ECCENTRICITY_SQUARED * math.sin(angle) ** 2
    meridian_m = _AXIS_M * (1.0 - _ECCENTRICITY_SQUARED) / (root * math.sqrt(root))
    parallel_m = _AXIS_M / math.sqrt(root) * math.cos(angle)
    return math.degrees(east / parallel_m), math.degrees(north / meridian_m)


def _waves(value: float, *waves: tuple[float, float]) -> float:
    return sum(height * math.sin(value * math.pi * pace) for height, pace in waves)
