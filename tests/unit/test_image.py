"""Photos of every kind, whole and hostile, against the picture module."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from demo.pictures import make_photo
from media import image
from media.errors import FontMissing, ImageUnreadable
from media.image import font_ready, inspect, review_copy, thumbnail

CHINA = timezone(timedelta(hours=8))
TAKEN = datetime(2026, 11, 22, 10, 30, 5, tzinfo=CHINA)


def photo(path: Path, **changes: object) -> bytes:
    options: dict[str, object] = {
        "label": "占道经营",
        "taken_at": TAKEN,
        "lng": 103.8485123,
        "lat": 30.0756,
        "seed": 7,
        "size": (400, 300),
    }
    return make_photo(path, **options | changes)  # type: ignore[arg-type]


def saved(path: Path, picture: Image.Image, kind: str = "JPEG", **options: object) -> Path:
    picture.save(path, kind, **options)
    return path


def striped(size: tuple[int, int] = (300, 200)) -> Image.Image:
    """Give a picture that does not compress to nothing."""
    return Image.effect_noise(size, 60).convert("RGB")


def read(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def test_a_photo_tells_what_its_camera_wrote(tmp_path: Path) -> None:
    """Size, time with offset, place and camera are read as they were written."""
    photo(tmp_path / "p.jpg", orientation=6)
    facts = inspect(tmp_path / "p.jpg")
    assert (facts.media_type, facts.width, facts.height, facts.orientation) == ("image/jpeg", 400, 300, 6)
    assert (facts.taken_at, facts.taken_offset) == ("2026-11-22T10:30:05", "+08:00")
    assert facts.gps_lng == pytest.approx(103.8485123, abs=1e-6)
    assert facts.gps_lat == pytest.approx(30.0756, abs=1e-6)
    assert (facts.gps_datum, facts.make, facts.model) == ("WGS-84", "Fieldpost", "Demo terminal")
    assert facts.as_dict()["software"] == "fieldpost demo"


def test_south_and_west_are_negative(tmp_path: Path) -> None:
    """The reference letters decide the signs."""
    photo(tmp_path / "p.jpg", lng=-70.5, lat=-33.25)
    facts = inspect(tmp_path / "p.jpg")
    assert (facts.gps_lng, facts.gps_lat) == (-70.5, -33.25)


def test_a_photo_without_a_position_has_none(tmp_path: Path) -> None:
    """No GPS tags, no position."""
    photo(tmp_path / "p.jpg", lng=None, lat=None, taken_at=TAKEN.astimezone(UTC))
    facts = inspect(tmp_path / "p.jpg")
    assert (facts.gps_lng, facts.gps_lat, facts.gps_datum) == (None, None, None)
    assert (facts.taken_at, facts.taken_offset) == ("2026-11-22T02:30:05", "+00:00")


def test_drawn_photos_differ_by_seed_and_repeat() -> None:
    """One seed, the same bytes; another seed, others."""
    options = {"label": "远景", "taken_at": TAKEN, "lng": 1.0, "lat": 2.0, "size": (64, 48)}
    assert make_photo(None, seed=1, **options) == make_photo(None, seed=1, **options)  # type: ignore[arg-type]
    assert make_photo(None, seed=1, **options) != make_photo(None, seed=2, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_three_formats_are_pictures(tmp_path: Path, kind: str) -> None:
    """Each is told by its bytes, whatever its name says."""
    facts = inspect(saved(tmp_path / "p.bin", striped(), kind))
    assert (facts.media_type, facts.width, facts.height) == (f"image/{kind.lower()}", 300, 200)


def test_a_second_picture_behind_the_first_stays_behind(tmp_path: Path) -> None:
    """A multi-picture JPEG counts as a JPEG, and its copy holds one picture only."""
    path = tmp_path / "p.jpg"
    striped().save(path, "MPO", save_all=True, append_images=[striped()])
    assert inspect(path).media_type == "image/jpeg"
    assert review_copy(path, []).count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {})]
)
def test_a_cut_file_is_damaged(tmp_path: Path, kind: str, options: dict[str, object], share: float) -> None:
    """Wherever the end is missing, reading says so."""
    path = saved(tmp_path / "p", striped(), kind, **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageUnreadable) as raised:
        inspect(path)
    assert raised.value.code == "image_damaged"


def test_a_jpeg_without_its_end_marker_is_damaged(tmp_path: Path) -> None:
    """Two missing bytes are found."""
    path = saved(tmp_path / "p", striped())
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ImageUnreadable, match="cut"):
        inspect(path)


def as_format(kind: str) -> bytes:
    out = io.BytesIO()
    striped((20, 20)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"<html><script>alert(1)</script>",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(40),
        as_format("GIF"),
        as_format("TIFF"),
        as_format("BMP"),
        bytes(1000),
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_photo_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    """Every other file ends in ImageUnreadable with a stable code, for all three readers."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    for reader in (inspect, thumbnail, lambda path: review_copy(path, ["x"])):
        with pytest.raises(ImageUnreadable) as raised:
            reader(path)
        assert raised.value.code in ("image_unknown", "image_damaged")


BOMB_SIZES = [(20_000, 20_000), (6000, 6000), (1_000_000, 1), (2**31 - 1, 2**31 - 1)]


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        named = name + content
        return struct.pack(">I", len(content)) + named + struct.pack(">I", zlib.crc32(named))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunk(*each) for each in chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), BOMB_SIZES)
def test_a_pixel_bomb_is_refused_before_decoding(tmp_path: Path, width: int, height: int) -> None:
    """A few bytes that stand for gigapixels cost nothing."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png(width, height, (b"IDAT", zlib.compress(bytes(1000)))))
    with pytest.raises(ImageUnreadable) as raised:
        inspect(path)
    assert raised.value.code == "image_too_large"


def test_a_huge_jpeg_header_is_refused_before_decoding(tmp_path: Path) -> None:
    """The size in the frame header is judged, not the bytes behind it."""
    path = saved(tmp_path / "p", striped((64, 64)))
    content = path.read_bytes()
    at = content.index(b"\xff\xc0") + 5
    path.write_bytes(content[:at] + struct.pack(">HH", 65_500, 65_500) + content[at + 4 :])
    with pytest.raises(ImageUnreadable) as raised:
        inspect(path)
    assert raised.value.code == "image_too_large"


def test_a_text_bomb_is_refused(tmp_path: Path) -> None:
    """Compressed text that unfolds to megabytes ends in an error, not in memory."""
    path = tmp_path / "p.png"
    bomb = b"Comment\0\0" + zlib.compress(bytes(50_000_000))
    path.write_bytes(png(10, 10, (b"zTXt", bomb), (b"IDAT", zlib.compress(bytes(310)))))
    with pytest.raises(ImageUnreadable) as raised:
        inspect(path)
    assert raised.value.code == "image_damaged"


def test_a_scan_bomb_is_refused(tmp_path: Path) -> None:
    """A progressive JPEG that repeats a scan a thousand times is not decoded."""
    path = saved(tmp_path / "p", striped(), progressive=True)
    content = path.read_bytes()
    last = content.rindex(b"\xff\xda")
    path.write_bytes(content[:last] + content[last:-2] * 1000 + content[-2:])
    with pytest.raises(ImageUnreadable) as raised:
        inspect(path)
    assert raised.value.code == "image_too_complex"


def test_a_tag_bomb_is_refused(tmp_path: Path) -> None:
    """EXIF spread over many segments is not put together."""
    path = saved(tmp_path / "p", striped())
    content = path.read_bytes()
    segment = b"\xff\xe1" + struct.pack(">H", 60_002) + b"Exif\0\0" + bytes(59_994)
    path.write_bytes(content[:2] + segment * 20 + content[2:])
    with pytest.raises(ImageUnreadable) as raised:
        inspect(path)
    assert raised.value.code == "image_too_complex"


def test_a_long_table_in_a_png_is_not_read(tmp_path: Path) -> None:
    """Where EXIF may be of any length, a long one is as if it were not there."""
    exif = Image.Exif()
    exif[0x010F] = "x" * 200_000
    facts = inspect(saved(tmp_path / "p.png", striped(), "PNG", exif=exif))
    assert (facts.make, facts.media_type) == (None, "image/png")


@pytest.mark.parametrize("reader", [inspect, thumbnail])
def test_a_missing_file_is_no_damaged_picture(tmp_path: Path, reader: object) -> None:
    """A lost file is the store's trouble, and must not be taken for a bad photo."""
    with pytest.raises(FileNotFoundError):
        reader(tmp_path / "absent")  # type: ignore[operator]


SMALL = make_photo(None, label="", taken_at=TAKEN, lng=103.8, lat=30.1, seed=1, size=(16, 16))


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(start=st.integers(0, 400), garbage=st.binary(min_size=1, max_size=60))
def test_garbage_in_the_tags_never_raises(tmp_path: Path, start: int, garbage: bytes) -> None:
    """Whatever stands in EXIF, the photo is read, and no text is longer than its bound."""
    content = SMALL
    tags = content.index(b"Exif\0\0")
    end = tags - 2 + int.from_bytes(content[tags - 2 : tags], "big")
    start = tags + 6 + start % (end - tags - 6)
    stop = min(end, start + len(garbage))
    (tmp_path / "p.jpg").write_bytes(content[:start] + garbage[: stop - start] + content[stop:])
    facts = inspect(tmp_path / "p.jpg")
    texts = [value for value in facts.as_dict().values() if isinstance(value, str)]
    assert all(len(text) <= 64 and text.isprintable() for text in texts)
    assert 1 <= facts.orientation <= 8


def rotated(path: Path, orientation: int) -> Path:
    """Write a picture whose top left quarter is red when it is upright."""
    upright = Image.new("RGB", (80, 40), (0, 0, 255))
    upright.paste((255, 0, 0), (0, 0, 40, 20))
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(path, upright if back is None else upright.transpose(back), exif=exif, quality=95)


@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 60_000])
def test_derived_pictures_are_upright(tmp_path: Path, orientation: int) -> None:
    """All eight ways of holding a camera end upright; an impossible one is as it lies."""
    path = rotated(tmp_path / "p.jpg", orientation)
    assert inspect(path).orientation == (orientation if 1 <= orientation <= 8 else 1)
    small = read(thumbnail(path))
    assert small.size == (80, 40)
    red, blue = small.getpixel((20, 10)), small.getpixel((60, 30))
    assert red[0] > 200 > 60 > red[2]
    assert blue[2] > 200 > 60 > blue[0]


def test_nothing_of_the_original_but_pixels_is_in_a_copy(tmp_path: Path) -> None:
    """No EXIF, no embedded thumbnail, no comment, no profile and nothing behind the end gets through."""
    exif = Image.Exif()
    exif[0x010F] = "SECRET"
    hidden = io.BytesIO()
    striped((40, 40)).save(hidden, "JPEG")
    path = tmp_path / "p.jpg"
    plain = Image.Exif()
    plain[0x010F] = "SECRET"
    striped().save(path, exif=plain.tobytes() + hidden.getvalue(), comment=b"SECRET", icc_profile=b"SECRET")
    path.write_bytes(path.read_bytes() + b"SECRET" + hidden.getvalue())
    for copy in (thumbnail(path), review_copy(path, ["演示"])):
        assert b"SECRET" not in copy
        assert copy.count(b"\xff\xd8\xff") == 1
        assert copy.endswith(b"\xff\xd9")
        assert not {"exif", "comment", "icc_profile", "xmp"} & read(copy).info.keys()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_mode_becomes_a_jpeg(tmp_path: Path, mode: str) -> None:
    """Grey, palette, transparent, 16-bit and CMYK pictures all have copies in RGB."""
    path = saved(tmp_path / "p", Image.new(mode, (50, 40)), "JPEG" if mode == "CMYK" else "PNG")
    for copy in (thumbnail(path), review_copy(path, ["演示"])):
        assert (read(copy).format, read(copy).mode) == ("JPEG", "RGB")


def test_sixteen_bits_of_grey_keep_their_shades(tmp_path: Path) -> None:
    """A middle grey stays one, instead of being cut to white."""
    path = saved(tmp_path / "p", Image.new("I;16", (50, 40), 0x8000), "PNG")
    assert read(thumbnail(path)).getpixel((25, 20))[0] == pytest.approx(128, abs=4)


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    """A transparent picture is shown on paper."""
    path = saved(tmp_path / "p", Image.new("RGBA", (50, 40), (255, 0, 0, 0)), "PNG")
    assert min(read(thumbnail(path)).getpixel((25, 20))) > 250


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (319, 200), (2500, 1900), (1900, 2500)])
def test_copies_have_their_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    """No thumbnail is above 320 px, no review copy above 1920 px or too small for its words."""
    path = saved(tmp_path / "p.jpg", Image.new("RGB", size, (90, 90, 90)))
    assert max(read(thumbnail(path)).size) <= 320
    copy = read(review_copy(path, ["案件 演示"])).size
    assert max(copy) <= 1920
    assert copy[0] >= 640
    assert copy[1] >= 360


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 255, 0)])
def test_the_watermark_is_legible_on_any_ground(tmp_path: Path, ground: tuple[int, int, int]) -> None:
    """Letters are near white and what surrounds them is dark, whatever lies under them."""
    path = saved(tmp_path / "p.jpg", Image.new("RGB", (1000, 800), ground))
    band = read(review_copy(path, ["城市管理执法证据 演示 2026"])).crop((0, 750, 400, 800)).convert("L")
    darkest, brightest = band.getextrema()
    assert brightest > 220
    assert darkest < 60
    assert sorted(band.tobytes())[len(band.tobytes()) // 2] < 130


def test_the_watermark_says_what_it_was_given(tmp_path: Path) -> None:
    """Two texts of equal length give two pictures, one text the same picture, none an unmarked one."""
    path = saved(tmp_path / "p.jpg", Image.new("RGB", (800, 600), (90, 90, 90)))
    assert review_copy(path, ["执法证据"]) == review_copy(path, ["执法证据"])
    assert review_copy(path, ["执法证据"]) != review_copy(path, ["城市管理"])
    foot = read(review_copy(path, ["城"])).crop((0, 500, 800, 600)).convert("L")
    assert foot.getextrema()[1] > 220


@pytest.mark.parametrize(
    "lines", [["x" * 5000] * 50, ["\0\n\r\u202e\ud800"], ["很" * 900], ["", " "], ["😀🚓"], ["<script>"]]
)
def test_any_lines_can_be_written(tmp_path: Path, lines: list[str]) -> None:
    """Overlong, empty, unprintable and unknown characters neither raise nor leave the picture."""
    path = saved(tmp_path / "p.jpg", Image.new("RGB", (640, 480), (90, 90, 90)))
    assert read(review_copy(path, lines)).size == (640, 480)


def test_a_picture_with_a_broken_profile_is_shown_without_it(tmp_path: Path) -> None:
    """Colours may be off, the photo is still seen."""
    path = saved(tmp_path / "p.jpg", Image.new("RGB", (50, 40), (10, 200, 10)), icc_profile=b"garbage" * 100)
    assert read(thumbnail(path)).getpixel((25, 20))[1] > 180


def test_the_font_draws_chinese() -> None:
    """The installed font has Chinese glyphs, and the check would tell."""
    assert font_ready()


def test_without_the_font_nothing_is_drawn_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing font is an error at the start and at each copy, never a row of boxes."""
    monkeypatch.setattr(image, "FONT_FILE", "absent.otf")
    assert not font_ready()
    path = saved(tmp_path / "p.jpg", striped())
    with pytest.raises(FontMissing):
        review_copy(path, ["演示"])


def test_a_font_without_chinese_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A font that draws every hanzi as the same box is refused."""
    boxes = image.ImageFont.load_default(24)
    monkeypatch.setattr(image, "font", lambda size_px: boxes)
    assert not font_ready()
