"""Photos for the demo and the tests: drawn, not taken, and marked so, with a camera's EXIF.

The same arguments give the same bytes; another seed gives another street.
"""

from __future__ import annotations

import io
import random
from datetime import datetime
from pathlib import Path

from PIL import Image, ImageDraw
from PIL.TiffImagePlugin import IFDRational

from media.image import font

EXIF_IFD, GPS_IFD = 0x8769, 0x8825
MARK = "演示数据"


def make_photo(
    path: Path | None,
    *,
    label: str,
    taken_at: datetime,
    lng: float | None,
    lat: float | None,
    seed: int,
    size: tuple[int, int] = (1600, 1200),
    quality: int = 85,
    orientation: int = 1,
) -> bytes:
    """Draw a street, write it to `path` if there is one, and give the JPEG's bytes.

    taken_at: aware; its own offset goes into the EXIF. orientation: the tag only, the pixels stay.
    """
    chance = random.Random(seed)  # noqa: S311 - a drawing, not a secret
    picture = Image.new("RGB", size)
    _draw_street(picture, chance)
    _draw_label(picture, [label, MARK, taken_at.strftime("%Y-%m-%d %H:%M:%S")])
    out = io.BytesIO()
    exif = _camera_exif(taken_at, lng, lat, orientation)
    picture.save(out, "JPEG", quality=quality, exif=exif, comment=f"{MARK} {seed}".encode())
    content = out.getvalue()
    if path is not None:
        path.write_bytes(content)
    return content


def _draw_street(picture: Image.Image, chance: random.Random) -> None:
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    horizon = round(height * chance.uniform(0.45, 0.55))
    haze = chance.randrange(-25, 25)
    for y in range(horizon):  # a sky that pales towards the roofs
        share = y / horizon
        draw.line((0, y, width, y), (120 + haze + round(90 * share), 165 + round(60 * share), 225))
    _draw_houses(draw, chance, width, height, horizon)
    kerb = [(0, height), (width * 0.38, horizon), (width * 0.62, horizon), (width, height)]
    draw.polygon(kerb, (88, 88, 92))
    stripe = (height - horizon) / 12
    for step in range(6):
        top, half = horizon + 2 * stripe * step, 2 + width * 0.004 * step
        draw.rectangle((width / 2 - half, top, width / 2 + half, top + stripe), (235, 235, 220))
    for _ in range(chance.randrange(1, 4)):
        _draw_stall(draw, chance, width, height)
    _add_grain(picture, chance)


def _add_grain(picture: Image.Image, chance: random.Random) -> None:
    """Add a camera's grain, so that a photo has the size of a photo in bytes too."""
    size = (picture.width + 1) // 2, (picture.height + 1) // 2
    grain = Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
    picture.paste(Image.blend(picture, grain.resize(picture.size).convert("RGB"), 0.08))


def _draw_houses(
    draw: ImageDraw.ImageDraw, chance: random.Random, width: int, height: int, horizon: int
) -> None:
    draw.rectangle((0, horizon, width, height), (150, 148, 140))
    left = 0.0
    while left < width:
        right = left + width * chance.uniform(0.08, 0.18)
        roof = horizon - height * chance.uniform(0.1, 0.38)
        wall = tuple(chance.randrange(120, 215) for _ in range(3))
        draw.rectangle((left, roof, right, horizon + height * 0.06), wall)
        pane = (right - left) / 7
        for row in range(4):
            for column in range(3):
                x, y = left + pane * (2 * column + 1), roof + pane * (2 * row + 1)
                if y + pane < horizon:
                    draw.rectangle((x, y, x + pane, y + pane), chance.choice([(60, 75, 95), (240, 220, 150)]))
        left = right


def _draw_stall(draw: ImageDraw.ImageDraw, chance: random.Random, width: int, height: int) -> None:
    x, y = width * chance.uniform(0.05, 0.75), height * chance.uniform(0.58, 0.72)
    wide, high = width * chance.uniform(0.12, 0.2), height * chance.uniform(0.1, 0.16)
    draw.rectangle((x, y, x + wide, y + high), (165, 125, 80))
    cloth = tuple(chance.randrange(60, 250) for _ in range(3))
    draw.polygon([(x - wide * 0.1, y), (x + wide / 2, y - high * 0.8), (x + wide * 1.1, y)], cloth)
    for _ in range(18):
        at_x, at_y, radius = x + wide * chance.random(), y + high * 0.2 * chance.random(), width * 0.006
        draw.ellipse((at_x, at_y, at_x + 2 * radius, at_y + 2 * radius), (220, chance.randrange(60, 200), 40))


def _draw_label(picture: Image.Image, lines: list[str]) -> None:
    draw = ImageDraw.Draw(picture)
    face = font(max(10, picture.height // 28))
    for number, line in enumerate(lines):
        at = (picture.width * 0.03, picture.height * 0.03 + number * face.size * 1.4)
        draw.text(at, line, (255, 255, 255), face, stroke_width=2, stroke_fill=(0, 0, 0))


def _camera_exif(taken_at: datetime, lng: float | None, lat: float | None, orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Fieldpost", "Demo terminal", orientation
    exif[0x0131] = "fieldpost demo"
    moment, offset = taken_at.strftime("%Y:%m:%d %H:%M:%S"), taken_at.strftime("%z")
    exif[0x0132] = moment
    exif.get_ifd(EXIF_IFD).update({0x9003: moment, 0x9004: moment})
    if offset:
        exif.get_ifd(EXIF_IFD)[0x9011] = f"{offset[:3]}:{offset[3:5]}"
    if lng is not None and lat is not None:
        exif.get_ifd(GPS_IFD).update(
            {
                1: "N" if lat >= 0 else "S",
                2: _sexagesimal(abs(lat)),
                3: "E" if lng >= 0 else "W",
                4: _sexagesimal(abs(lng)),
                18: "WGS-84",
            }
        )
    return exif


def _sexagesimal(degrees: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    units = round(degrees * 3600 * 10_000)
    minutes, rest = divmod(units, 60 * 10_000)
    return (
        IFDRational(minutes // 60, 1),
        IFDRational(minutes % 60, 1),
        IFDRational(rest, 10_000),
    )
