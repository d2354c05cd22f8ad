"""What a picture says of itself, read from tags that anyone may have written. Pure; no Pillow.

Every tag is hostile: a value of the wrong kind, size or range is as if it were not there, and nothing raises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

Tags = Mapping[int, object]

TEXT_CHARS = 64
MAKE, MODEL, ORIENTATION, SOFTWARE = 0x010F, 0x0110, 0x0112, 0x0131
TAKEN_AT = ((0x9003, 0x9011), (0x9004, 0x9012))  # original, digitized: each with its offset
LAT_REF, LAT, LNG_REF, LNG, DATUM = 1, 2, 3, 4, 18
LOCAL_TIME = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What is known of a photo from its bytes alone; a claim of the camera, not proof.

    width, height: as stored, before `orientation` (1 to 8) is applied. taken_at: local and naive,
    `2026-11-22T10:00:00`; taken_offset: `+08:00`. gps_*: degrees as written; gps_datum: mostly `WGS-84`.
    """

    media_type: str
    width: int
    height: int
    orientation: int = 1
    taken_at: str | None = None
    taken_offset: str | None = None
    gps_lng: float | None = None
    gps_lat: float | None = None
    gps_datum: str | None = None
    make: str | None = None
    model: str | None = None
    software: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give the facts as a JSON object."""
        return asdict(self)


def photo_facts(media_type: str, size: tuple[int, int], main: Tags, camera: Tags, gps: Tags) -> PhotoFacts:
    """Read the three tag tables of a picture."""
    taken_at, taken_offset = _taken(main, camera)
    lng, lat = _position(gps)
    return PhotoFacts(
        media_type=media_type,
        width=size[0],
        height=size[1],
        orientation=orientation(main),
        taken_at=taken_at,
        taken_offset=taken_offset,
        gps_lng=lng,
        gps_lat=lat,
        gps_datum=_text(gps.get(DATUM)) if lng is not None else None,
        make=_text(main.get(MAKE)),
        model=_text(main.get(MODEL)),
        software=_text(main.get(SOFTWARE)),
    )


def orientation(main: Tags) -> int:
    """Give the orientation, 1 where it is missing or none of the eight."""
    value = main.get(ORIENTATION)
    return value if type(value) is int and 1 <= value <= 8 else 1


def printable(text: str, limit: int) -> str:
    """Give the text's first characters on one line, without any that could not be stored or shown."""
    kept = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    return " ".join(kept.split())[:limit].rstrip()


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value[: 4 * TEXT_CHARS].decode("latin-1")
    if not isinstance(value, str):
        return None
    value = value[: 4 * TEXT_CHARS].split("\0", 1)[0]
    # Cameras write UTF-8 where the standard says ASCII; what reads as UTF-8 is meant so.
    with suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    return printable(value, TEXT_CHARS) or None


def _taken(main: Tags, camera: Tags) -> tuple[str | None, str | None]:
    for time_tag, offset_tag in TAKEN_AT:
        moment = _local_time(camera.get(time_tag))
        if moment is not None:
            offset = _text(camera.get(offset_tag)) or ""
            return moment, offset if OFFSET.fullmatch(offset) else None
    return _local_time(main.get(0x0132)), None


def _local_time(value: object) -> str | None:
    match = LOCAL_TIME.fullmatch(_text(value) or "")
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        # A camera's own wall clock: the zone, if any, is another tag.
        moment = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - naive by its meaning
    except ValueError:
        return None
    return moment.isoformat()


def _position(gps: Tags) -> tuple[float | None, float | None]:
    lat = _degrees(gps.get(LAT), _text(gps.get(LAT_REF)), "NS", 90.0)
    lng = _degrees(gps.get(LNG), _text(gps.get(LNG_REF)), "EW", 180.0)
    # Half a position is none.
    return (None, None) if lat is None or lng is None else (lng, lat)


def _degrees(value: object, reference: str | None, letters: str, limit: float) -> float | None:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != 3:
        return None
    if reference is None or reference.upper() not in tuple(letters):
        return None
    parts = [_number(part) for part in value]
    if any(part is None or part < 0 for part in parts):
        return None
    degrees = sum((part or 0.0) / scale for part, scale in zip(parts, (1, 60, 3600), strict=True))
    if degrees > limit:
        return None
    return round(-degrees if reference.upper() == letters[1] else degrees, 7)


def _number(value: object) -> float | None:
    """Give a rational as a finite number; a denominator of zero makes none."""
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever it is: that is the question
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None
