"""All of Pillow: what a photo is, its thumbnail, and the watermarked copy that reviewers see.

Originals are never changed. What leaves here is drawn anew from pixels: no EXIF, no embedded thumbnail of
what may have been hidden, no second frame, nothing behind the end. Run it where memory and time are limited.
"""

from __future__ import annotations

import importlib.resources
import io
import mmap
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageCms, ImageDraw, ImageFont, UnidentifiedImageError

from media.errors import FontMissing, ImageUnreadable
from media.exif import PhotoFacts, Tags, orientation, photo_facts, printable

# MPO (a JPEG with a second picture behind it) is opened through JPEG; naming it here is an error in Pillow.
FORMATS = ("JPEG", "PNG", "WEBP")
MEDIA_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
MAX_IMAGE_PIXELS = 80_000_000
# These have no decoding at a smaller scale, so the whole picture lies in memory.
MAX_UNSCALED_PIXELS = 30_000_000
MAX_SIDE = 30_000
MAX_JPEG_SCANS = 64
MAX_EXIF_BYTES = 64 * 1024
MAX_ICC_BYTES = 1024 * 1024
THUMBNAIL_PX, THUMBNAIL_QUALITY = 320, 75
REVIEW_PX, REVIEW_QUALITY = 1920, 85
# Room for a legible watermark, however small the photo.
REVIEW_LEAST = (640, 360)
MAX_LINES, MAX_LINE_CHARS = 8, 200
FONT_PACKAGE, FONT_FILE = "pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
# A marker inside a JPEG's compressed part: neither a stuffed zero, nor a restart, nor a fill byte.
JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Image.MAX_IMAGE_PIXELS = MAX_IMAGE_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)


def inspect(path: Path) -> PhotoFacts:
    """Decode a photo to its last byte and give what it says of itself. Raises: ImageUnreadable."""
    with _opened(path) as picture:
        media_type, size = MEDIA_TYPES[picture.format or ""], picture.size
        main, camera, gps = _tags(picture)
        # The smallest scale: every byte is still read, and a cut file still found.
        picture.draft(None, (1, 1))
        picture.load()
    return photo_facts(media_type, size, main, camera, gps)


def thumbnail(path: Path) -> bytes:
    """Give the photo upright as a JPEG of at most 320 px. Raises: ImageUnreadable."""
    with _opened(path) as picture:
        return _jpeg(_upright(picture, THUMBNAIL_PX), THUMBNAIL_QUALITY)


def review_copy(path: Path, lines: Sequence[str]) -> bytes:
    """Give the photo upright as a JPEG of at most 1920 px with the lines written into it.

    A photo smaller than 640 × 360 px stands in the middle of a grey field of that size.
    Raises: ImageUnreadable, FontMissing.
    """
    with _opened(path) as picture:
        copy = _upright(picture, REVIEW_PX)
        size = max(copy.width, REVIEW_LEAST[0]), max(copy.height, REVIEW_LEAST[1])
        field = Image.new("RGB", size, (128, 128, 128))
        field.paste(copy, ((field.width - copy.width) // 2, (field.height - copy.height) // 2))
        _watermark(field, lines)
        return _jpeg(field, REVIEW_QUALITY)


def font(size_px: int) -> ImageFont.FreeTypeFont:
    """Open the Chinese font; each thread its own, FreeType's faces are not shared. Raises: FontMissing."""
    try:
        path = importlib.resources.files(FONT_PACKAGE).joinpath(FONT_FILE)
        return ImageFont.truetype(str(path), size_px, layout_engine=ImageFont.Layout.BASIC)
    except (ImportError, OSError) as error:
        raise FontMissing("the font with Chinese glyphs cannot be opened") from error


def font_ready() -> bool:
    """Say whether Chinese is drawn as Chinese: without the glyphs every character is the same empty box."""
    try:
        face = font(24)
    except FontMissing:
        return False
    shapes = [bytes(face.getmask(character)) for character in "执法证据\U0010fffe"]
    return all(any(shape) for shape in shapes[:4]) and len(set(shapes)) == len(shapes)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open one of our formats within the limits; every failure inside is ImageUnreadable."""
    try:
        _check_jpeg(path)
        with Image.open(path, formats=FORMATS) as picture:
            _check_pixels(picture)
            yield picture
    except (ImageUnreadable, FontMissing, FileNotFoundError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise ImageUnreadable("image_too_large", "the picture has too many pixels") from error
    except UnidentifiedImageError as error:
        raise ImageUnreadable("image_unknown", "the file is no JPEG, PNG or WebP picture") from error
    except Exception as error:
        # Decoders raise SyntaxError, KeyError, struct.error and more on hostile bytes.
        raise ImageUnreadable("image_damaged", "the picture is damaged or cut") from error


def _check_pixels(picture: Image.Image) -> None:
    scales = MEDIA_TYPES[picture.format or ""] == "image/jpeg"
    limit = MAX_IMAGE_PIXELS if scales else MAX_UNSCALED_PIXELS
    if picture.width * picture.height > limit or max(picture.size) > MAX_SIDE:
        raise ImageUnreadable("image_too_large", "the picture has too many pixels")


def _check_jpeg(path: Path) -> None:
    """Refuse a JPEG whose work is out of proportion to its pixels; Pillow sets no limit to either.

    Each scan is a pass over all pixels. EXIF segments are joined and read at opening, and their tags may
    point to the same bytes many times over.
    """
    with path.open("rb") as file:
        if file.read(2) != b"\xff\xd8":
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            scans = exif_bytes = 0
            for marker, segment in _jpeg_segments(content):
                scans += marker == 0xDA
                exif_bytes += len(segment) if marker == 0xE1 and segment.startswith(b"Exif") else 0
                if scans > MAX_JPEG_SCANS or exif_bytes > MAX_EXIF_BYTES:
                    raise ImageUnreadable("image_too_complex", "the picture has too many scans or tags")


def _jpeg_segments(content: mmap.mmap) -> Iterator[tuple[int, bytes]]:
    """Give the markers of the first picture in the file, each with its segment."""
    position = 2
    while found := JPEG_MARKER.search(content, position):
        marker, position = found.group(1)[0], found.end()
        if marker == 0xD9:  # the end
            return
        if marker in (0x01, 0xD8):  # these alone have no length
            continue
        length = int.from_bytes(content[position : position + 2], "big")
        yield marker, content[position + 2 : position + length]
        position += length


def _tags(picture: Image.Image) -> tuple[Tags, Tags, Tags]:
    """Read the EXIF tables; one that cannot be read is empty."""
    raw = picture.info.get("exif")
    # Tags may point to the same bytes many times over, so a large table is a bomb.
    if not isinstance(raw, bytes) or len(raw) > MAX_EXIF_BYTES:
        return {}, {}, {}
    exif = Image.Exif()
    try:
        exif.load(raw)
        main = dict(exif)
    except Exception:  # noqa: BLE001 - hostile bytes raise anything; a photo without tags is still a photo
        return {}, {}, {}
    return main, _table(exif, EXIF_IFD), _table(exif, GPS_IFD)


def _table(exif: Image.Exif, tag: int) -> Tags:
    try:
        return dict(exif.get_ifd(tag))
    except Exception:  # noqa: BLE001 - as above
        return {}


def _upright(picture: Image.Image, longest_px: int) -> Image.Image:
    """Decode at a fitting scale, make it plain sRGB, shrink, and turn as the camera was held."""
    turn = TURNS.get(orientation(_tags(picture)[0]))
    picture.draft(None, (longest_px, longest_px))
    picture.load()
    plain = _plain(picture)
    plain.thumbnail((longest_px, longest_px), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return plain if turn is None else plain.transpose(turn)


def _plain(picture: Image.Image) -> Image.Image:
    """Give the picture in RGB, on white where it is transparent, its colours taken to sRGB."""
    if picture.mode.startswith(("I", "F")):  # 16 bits of grey
        picture = picture.convert("I").point(lambda level: level / 256).convert("L")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        plain = Image.new("RGB", layer.size, (255, 255, 255))
        plain.paste(layer, mask=layer.getchannel("A"))
        return plain
    return _in_srgb(picture) or picture.convert("RGB")


def _in_srgb(picture: Image.Image) -> Image.Image | None:
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) > MAX_ICC_BYTES or picture.mode not in ("RGB", "CMYK"):
        return None
    try:
        camera = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(picture, camera, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _watermark(picture: Image.Image, lines: Sequence[str]) -> None:
    """Write the lines into a darkened band at the foot: white on dark is legible over anything."""
    short = min(picture.size)
    face = font(max(16, short // 40))
    leading, margin = round(face.size * 1.45), round(face.size * 0.7)
    wrapped = [part for line in lines[:MAX_LINES] for part in _wrap(line, face, picture.width - 2 * margin)]
    wrapped = wrapped[: max(1, (picture.height - 2 * margin) // leading)]
    height = leading * len(wrapped) + 2 * margin
    band = (0, picture.height - height, picture.width, picture.height)
    dark = Image.new("RGB", (picture.width, height))
    picture.paste(Image.blend(picture.crop(band), dark, 0.6), band)
    draw, edge = ImageDraw.Draw(picture), max(1, round(face.size / 12))
    for number, line in enumerate(wrapped):
        at = (margin, band[1] + margin + number * leading)
        draw.text(at, line, (255, 255, 255), face, stroke_width=edge, stroke_fill=(0, 0, 0))


def _wrap(line: str, face: ImageFont.FreeTypeFont, width: int) -> Iterator[str]:
    """Break a line where it reaches the width; Chinese has no spaces to break at."""
    rest = printable(line, MAX_LINE_CHARS)
    while rest:
        fits = len(rest)
        while fits > 1 and face.getlength(rest[:fits]) > width:
            fits = min(fits - 1, int(fits * width / face.getlength(rest[:fits])) + 1)
        yield rest[:fits]
        rest = rest[fits:].lstrip()


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    # A fresh picture: what Pillow remembers of the file (EXIF, comment, profile) must not be written again.
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)
    clean.save(out, "JPEG", quality=quality, optimize=True, progressive=False)
    return out.getvalue()
