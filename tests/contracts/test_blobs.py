"""What every blob store must do; a new one is added to `STORES` and passes or is none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from media.blobs import Blobs, FileBlobs
from media.errors import BlobMissing

STORES: dict[str, Callable[[Path], Blobs]] = {"file": lambda folder: FileBlobs(folder / "blobs")}
CONTENT = bytes(range(256)) * 40
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=STORES)
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return STORES[request.param](tmp_path)


def source(folder: Path, content: bytes = CONTENT, name: str = "source") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_put_blob_is_read_back_whole(blobs: Blobs, tmp_path: Path) -> None:
    """What was put is what open and path give, with its size."""
    blobs.put(source(tmp_path), DIGEST, len(CONTENT))
    with blobs.open(DIGEST) as file:
        assert file.read() == CONTENT
    assert blobs.path(DIGEST).read_bytes() == CONTENT
    assert blobs.size(DIGEST) == len(CONTENT)
    assert blobs.exists(DIGEST)


def test_put_takes_the_source_over(blobs: Blobs, tmp_path: Path) -> None:
    """After put the source is gone, so that no second name can change the original."""
    path = source(tmp_path)
    blobs.put(path, DIGEST, len(CONTENT))
    assert not path.exists()


def test_putting_the_same_digest_again_keeps_the_first_blob(blobs: Blobs, tmp_path: Path) -> None:
    """A second put of a digest does not touch the stored original, and takes its source too."""
    blobs.put(source(tmp_path), DIGEST, len(CONTENT))
    before = blobs.path(DIGEST).stat()
    again = source(tmp_path, name="again")
    blobs.put(again, DIGEST, len(CONTENT))
    after = blobs.path(DIGEST).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert not again.exists()


def test_concurrent_puts_of_one_digest_leave_one_blob(blobs: Blobs, tmp_path: Path) -> None:
    """Eight writers of one digest all succeed and the blob is whole."""
    paths = [source(tmp_path, name=f"source{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: blobs.put(path, DIGEST, len(CONTENT)), paths))
    assert blobs.path(DIGEST).read_bytes() == CONTENT
    assert not any(path.exists() for path in paths)


def test_what_is_not_stored_is_missing(blobs: Blobs) -> None:
    """Every reading of an unknown digest says BlobMissing, and exists says no."""
    assert not blobs.exists(DIGEST)
    for read in (blobs.open, blobs.path, blobs.size, lambda digest: blobs.open_derived(digest, "review.jpg")):
        with pytest.raises(BlobMissing):
            read(DIGEST)


@pytest.mark.parametrize("digest", ["", "a" * 63, "A" * 64, "../" + "a" * 61, "g" * 64, "a" * 64 + "\n"])
def test_only_a_digest_names_a_blob(blobs: Blobs, tmp_path: Path, digest: str) -> None:
    """Nothing that could be a path gets as far as the file system."""
    with pytest.raises(ValueError, match="digest"):
        blobs.exists(digest)
    with pytest.raises(ValueError, match="digest"):
        blobs.put(source(tmp_path), digest, len(CONTENT))


def test_a_derived_picture_is_replaced_whole(blobs: Blobs) -> None:
    """The last put_derived wins, and a reader that had the old one open still reads all of it."""
    blobs.put_derived(DIGEST, "thumbnail.jpg", b"first" * 1000)
    with blobs.open_derived(DIGEST, "thumbnail.jpg") as old:
        blobs.put_derived(DIGEST, "thumbnail.jpg", b"second")
        assert old.read() == b"first" * 1000
    with blobs.open_derived(DIGEST, "thumbnail.jpg") as new:
        assert new.read() == b"second"


@pytest.mark.parametrize("name", ["", "../x", "/etc/x", "a/b", ".hidden", "x" * 90, "a\x00b", "review.jpg\n"])
def test_only_a_plain_name_names_a_derived_picture(blobs: Blobs, name: str) -> None:
    """No path comes in by a derived picture's name."""
    with pytest.raises(ValueError, match="plain file name"):
        blobs.put_derived(DIGEST, name, b"x")


def test_derived_and_original_are_apart(blobs: Blobs, tmp_path: Path) -> None:
    """A derived picture does not make its original exist, nor change it."""
    blobs.put_derived(DIGEST, "review.jpg", b"derived")
    assert not blobs.exists(DIGEST)
    blobs.put(source(tmp_path), DIGEST, len(CONTENT))
    assert blobs.path(DIGEST).read_bytes() == CONTENT


class TestFileBlobs:
    """What only files have."""

    def test_an_original_is_read_only(self, tmp_path: Path) -> None:
        """Nobody has a write bit on an original."""
        blobs = FileBlobs(tmp_path / "blobs")
        blobs.put(source(tmp_path), DIGEST, len(CONTENT))
        assert blobs.path(DIGEST).stat().st_mode & 0o222 == 0

    def test_a_put_that_was_killed_before_its_last_step_can_run_again(self, tmp_path: Path) -> None:
        """With both names linked, as a kill leaves them, put ends with the one."""
        blobs = FileBlobs(tmp_path / "blobs")
        blobs.put(source(tmp_path), DIGEST, len(CONTENT))
        left = tmp_path / "left"
        left.hardlink_to(blobs.path(DIGEST))
        blobs.put(left, DIGEST, len(CONTENT))
        assert not left.exists()
        assert blobs.path(DIGEST).stat().st_nlink == 1
        assert blobs.path(DIGEST).read_bytes() == CONTENT

    def test_a_blob_cut_short_by_the_disk_is_healed_by_the_next_put(self, tmp_path: Path) -> None:
        """A stored file of the wrong size gives way to one that was just checked."""
        blobs = FileBlobs(tmp_path / "blobs")
        blobs.put(source(tmp_path), DIGEST, len(CONTENT))
        damaged = blobs.path(DIGEST)
        damaged.chmod(0o600)
        damaged.write_bytes(CONTENT[:100])
        blobs.put(source(tmp_path), DIGEST, len(CONTENT))
        assert blobs.path(DIGEST).read_bytes() == CONTENT

    def test_nothing_is_left_beside_a_derived_picture(self, tmp_path: Path) -> None:
        """No temporary file outlives put_derived."""
        blobs = FileBlobs(tmp_path / "blobs")
        blobs.put_derived(DIGEST, "review.jpg", b"x")
        assert [path.name for path in (tmp_path / "blobs" / "derived" / DIGEST).iterdir()] == ["review.jpg"]
