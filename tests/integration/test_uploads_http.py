"""Uploads over the wire: creation, resumption, refusals; the photo is verified in the end."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.integration.people import Bureau
from tests.integration.photos import UPLOADS, Camera, Photo, checksum, found_bureau, new_camera, pixels


@pytest.fixture
def camera(app: Flask, bureau: Bureau) -> Camera:
    """A terminal on which an officer of the bureau's unit is signed in."""
    found_bureau(app)
    return new_camera(bureau, "yi")


@pytest.fixture
def photo(camera: Camera) -> Photo:
    """A photo whose record has been pushed."""
    taken = Photo(pixels("one"), camera.open_case())
    camera.push_record(taken)
    return taken


def test_the_server_says_what_it_can_do_to_anybody(app: Flask) -> None:
    """OPTIONS needs neither token nor version, and names versions, extensions, checksums and the limit."""
    answer = app.test_client().options(UPLOADS)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "creation-defer-length", "checksum", "expiration", "termination",
    }  # fmt: skip
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert answer.headers["Tus-Max-Size"] == str(64 * 1024 * 1024)


def test_a_photo_sent_in_pieces_is_verified(camera: Camera, photo: Photo) -> None:
    """Offsets grow with each piece, HEAD agrees, and with the last byte the record says verified."""
    path = camera.begin(photo)
    assert camera.offset(path) == 0
    assert camera.bytes_of(photo) == "awaited"
    first = camera.send(path, photo.content[:100_000], Upload_Checksum=checksum(photo.content[:100_000], "sha1"))
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "100000")
    assert first.headers["Upload-Expires"].endswith("GMT")
    assert camera.offset(path) == 100_000
    last = camera.send(path, photo.content[100_000:], 100_000)
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(photo.content)))
    assert "Upload-Expires" not in last.headers
    assert camera.offset(path) == len(photo.content)
    assert camera.bytes_of(photo) == "verified"


def test_bytes_may_come_before_their_record(camera: Camera) -> None:
    """A record that finds its bytes stored is verified as it is created."""
    early = Photo(pixels("early"), camera.open_case())
    camera.upload(early)
    camera.push_record(early)
    assert camera.bytes_of(early) == "verified"
