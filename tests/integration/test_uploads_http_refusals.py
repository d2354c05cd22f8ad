"""What uploads refuse, and how: every refusal says what to do, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from field_api.casework import uploads as opening
from field_api.config import Config
from tests.integration.people import Bureau, problem, running
from tests.integration.photos import (
    TUS,
    UPLOADS,
    Camera,
    Photo,
    checksum,
    found_bureau,
    metadata,
    new_camera,
    pixels,
)


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


def test_more_than_announced_is_refused_whole(camera: Camera, photo: Photo) -> None:
    """A chunk that goes past the announced length leaves nothing behind; so does too long an upload."""
    path = camera.begin(photo)
    assert problem(camera.send(path, photo.content + b"!")) == (413, "upload_too_long")
    assert camera.offset(path) == 0
    big = Photo(b"", photo.case)
    assert problem(camera.announce(big, Upload_Length=str(10**14))) == (413, "upload_too_long")


def test_a_chunk_with_a_wrong_checksum_is_dropped(camera: Camera, photo: Photo) -> None:
    """460, and the offset stands where it stood; the right chunk is then taken."""
    path = camera.begin(photo)
    camera.send(path, photo.content[:500])
    chunk = photo.content[500:]
    wrong = camera.send(path, chunk, 500, Upload_Checksum=checksum(b"else"))
    assert problem(wrong) == (460, "checksum_mismatch")
    assert wrong.headers["Tus-Resumable"] == "1.0.0"
    assert camera.offset(path) == 500
    assert problem(camera.send(path, chunk, 500, Upload_Checksum="md5 AAAA")) == (400, "malformed_body")
    assert camera.send(path, chunk, 500, Upload_Checksum=checksum(chunk)).status_code == 204
    assert camera.bytes_of(photo) == "verified"


def test_a_wrong_offset_is_answered_with_the_right_one(camera: Camera, photo: Photo) -> None:
    """Also after the last byte, when the answer to it was lost."""
    path = camera.begin(photo)
    camera.send(path, photo.content[:500])
    answer = camera.send(path, photo.content, 0)
    assert problem(answer) == (409, "upload_offset_wrong")
    assert answer.headers["Upload-Offset"] == "500"
    camera.send(path, photo.content[500:], 500)
    answer = camera.send(path, photo.content[500:], 500)
    assert problem(answer) == (409, "upload_offset_wrong")
    assert answer.headers["Upload-Offset"] == str(len(photo.content))
    assert camera.send(path, b"", len(photo.content)).status_code == 204


def test_anothers_upload_does_not_exist(camera: Camera, photo: Photo, bureau: Bureau) -> None:
    """HEAD, PATCH and DELETE of another terminal's upload, or of none, are not_found."""
    path, colleague = camera.begin(photo), new_camera(bureau, "er")
    for where in (path, f"{UPLOADS}/{photo.evidence}", f"{UPLOADS}/%00"):
        assert colleague.ask(where).status_code == 404
        assert problem(colleague.send(where, b"x")) == (404, "not_found")
        assert problem(colleague.end(where)) == (404, "not_found")
    assert camera.offset(path) == 0


def test_an_expired_upload_is_gone_and_its_key_free(config: Config) -> None:
    """After its time an unfinished upload takes no bytes; the same key then opens another."""
    with running(replace(config, upload_ttl_s=0)) as hasty:
        found_bureau(hasty)
        camera = new_camera(Bureau(hasty), "yi")
        photo = Photo(pixels("late"), camera.open_case())
        path = camera.begin(photo, Idempotency_Key="k1")
        assert camera.ask(path).status_code == 410
        assert problem(camera.send(path, photo.content)) == (410, "upload_gone")
        assert camera.begin(photo, Idempotency_Key="k1") != path


def test_an_upload_may_be_ended_but_evidence_not(camera: Camera, photo: Photo, config: Config) -> None:
    """DELETE frees what was sent; a finished upload stays, and so does its photo."""
    path = camera.begin(photo)
    camera.send(path, photo.content[:500])
    assert camera.end(path).status_code == 204
    assert camera.ask(path).status_code == 410
    assert problem(camera.end(path)) == (410, "upload_gone")
    assert not list((config.data / "uploads").glob("*.part"))
    finished = camera.upload(photo)
    assert problem(camera.end(finished)) == (409, "upload_complete")
    assert camera.view(photo, "original").data == photo.content


def test_a_terminal_cannot_hoard_uploads(
    camera: Camera, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit of open uploads a new one must wait; a known key is answered all the same."""
    monkeypatch.setattr(opening, "MAX_OPEN", 2)
    camera.begin(photo)
    path = camera.begin(photo, Idempotency_Key="k1")
    answer = camera.announce(photo)
    assert problem(answer) == (429, "too_many_requests")
    assert int(answer.headers["Retry-After"]) > 0
    assert camera.begin(photo, Idempotency_Key="k1") == path
    camera.end(path)
    camera.begin(photo)


def test_every_request_names_the_protocol_version(camera: Camera, photo: Photo) -> None:
    """Without Tus-Resumable, or with another, 412 and the version; and every answer bears ours."""
    path = camera.begin(photo)
    for method, where in (("POST", UPLOADS), ("HEAD", path), ("PATCH", path), ("DELETE", path)):
        for named in ({}, {"Tus-Resumable": "0.2.2"}):
            answer = camera.client.open(where, method=method, headers=named | camera.handheld.bearer)
            assert answer.status_code == 412
            assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    for answer in (camera.client.post(UPLOADS, headers=TUS), camera.client.put(path), camera.client.get(f"{path}/x")):
        assert answer.status_code in (401, 404, 405)
        assert answer.headers["Tus-Resumable"] == "1.0.0"


GOOD = {"evidence": "0192f0a1-0000-7000-8000-000000000001", "sha256": "a" * 64, "filetype": "image/jpeg"}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Upload_Metadata": None}, "invalid_field"),
        ({"Upload_Metadata": "evidence ?"}, "malformed_body"),
        ({"Upload_Metadata": "a,a"}, "malformed_body"),
        ({"Upload_Metadata": "x" * 5000}, "malformed_body"),
        ({"Upload_Metadata": metadata(**GOOD | {"sha256": "A" * 64})}, "invalid_field"),
        ({"Upload_Metadata": metadata(**GOOD | {"evidence": "x"})}, "invalid_field"),
        ({"Upload_Metadata": metadata(**GOOD | {"filetype": "image"})}, "invalid_field"),
        ({"Upload_Metadata": metadata(**GOOD | {"filetype": "a/" + "x" * 80})}, "invalid_field"),
        ({"Upload_Length": None}, "malformed_body"),
        ({"Upload_Length": "-1"}, "malformed_body"),
        ({"Upload_Length": "1e3"}, "malformed_body"),
        ({"Upload_Length": "9" * 40}, "malformed_body"),
        ({"Upload_Defer_Length": "1"}, "malformed_body"),
        ({"Upload_Length": None, "Upload_Defer_Length": "2"}, "malformed_body"),
        ({"Idempotency_Key": "k" * 200}, "malformed_body"),
        ({"Idempotency_Key": '""'}, "malformed_body"),
    ],
)
def test_a_creation_that_cannot_be_read_is_refused(
    headers: dict[str, str | None], code: str, camera: Camera, photo: Photo
) -> None:
    """Whatever the headers hold, the answer is a problem that says so, and nothing is opened."""
    answer = camera.announce(photo, **headers)
    assert problem(answer) == (422 if code == "invalid_field" else 400, code)
    assert answer.json["retry"] == "fix"


def test_a_chunk_that_cannot_be_read_is_refused(camera: Camera, photo: Photo) -> None:
    """A chunk of another type, or without a place, is refused; so is a creation with a strange body."""
    path = camera.begin(photo)
    assert problem(camera.send(path, b"x", Content_Type="image/jpeg")) == (415, "unsupported_media")
    assert problem(camera.send(path, b"x", Upload_Offset="x")) == (400, "malformed_body")
    assert problem(camera.send(path, b"x", Upload_Checksum="sha1 ?")) == (400, "malformed_body")
    headers = {**TUS, **camera.handheld.bearer, "Content-Type": "application/offset+octet-stream"}
    assert problem(camera.client.patch(path, data=b"x", headers=headers)) == (400, "malformed_body")
    assert problem(camera.announce(photo, b"x", Content_Type="image/jpeg")) == (415, "unsupported_media")
    assert camera.offset(path) == 0
