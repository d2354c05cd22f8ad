"""Uploads over the wire: creation, resumption, refusals; the photo is verified in the end."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from threading import Barrier

import pytest
import sqlalchemy as sa
from flask import Flask

from field_api.auth import officers
from field_api.auth.tables import Officer
from field_api.extensions import db, services
from tests.integration.people import Bureau, problem
from tests.integration.photos import (
    TUS,
    UPLOADS,
    Camera,
    Photo,
    checksum,
    found_bureau,
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


def test_a_key_gives_the_same_upload_again(camera: Camera, photo: Photo, bureau: Bureau) -> None:
    """A creation whose answer was lost makes no second upload; bytes sent in between count."""
    path = camera.begin(photo, Idempotency_Key="k1")
    camera.send(path, photo.content[:1000])
    again = camera.announce(photo, Idempotency_Key='"k1"')
    assert (again.status_code, again.headers["Location"]) == (201, path)
    assert again.headers["Upload-Offset"] == "1000"
    other = Photo(pixels("other"), photo.case)
    assert problem(camera.announce(other, Idempotency_Key="k1")) == (422, "key_reused")
    stranger = new_camera(bureau, "er")
    assert stranger.begin(other, Idempotency_Key="k1") != path


def test_no_photo_is_sent_twice(camera: Camera, photo: Photo) -> None:
    """A second record of the same bytes finds them complete, is verified, and has a receipt of its own."""
    camera.upload(photo)
    twin = Photo(photo.content, camera.open_case())
    camera.push_record(twin)
    answer = camera.announce(twin)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(photo.content)))
    assert "Upload-Expires" not in answer.headers
    assert camera.offset(answer.headers["Location"]) == len(photo.content)
    assert camera.bytes_of(twin) == "verified"
    assert camera.view(twin, "receipt").status_code == 200


def test_a_stored_digest_is_not_told_to_strangers(camera: Camera, photo: Photo, bureau: Bureau) -> None:
    """Whoever has no record of a photo in his scope must send it, though it is stored."""
    camera.upload(photo)
    stranger = away(bureau)
    same = Photo(photo.content, stranger.open_case())
    assert stranger.announce(same).headers["Upload-Offset"] == "0"


def away(bureau: Bureau) -> Camera:
    """A terminal of another unit."""
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    return new_camera(bureau, "san", unit="u2")


def test_bytes_stored_before_a_kill_are_found_by_the_next_creation(
    app: Flask, camera: Camera, photo: Photo
) -> None:
    """A photo in the blob store that no row knows becomes known, and its record verified."""
    path = camera.begin(photo)
    with app.app_context():
        uploads = services().uploads
        upload = uploads.state(db.session(), path.rpartition("/")[2], camera.handheld.id)
        length = len(photo.content)
        uploads.append(upload, 0, io.BytesIO(photo.content), length=length)
        uploads.complete(upload)
    assert camera.bytes_of(photo) == "awaited"
    twin = Photo(photo.content, photo.case)
    assert camera.announce(twin).headers["Upload-Offset"] == str(length)
    assert camera.bytes_of(photo) == "verified"


@pytest.mark.parametrize("round_no", range(4))
def test_record_and_last_byte_in_one_moment_end_verified(round_no: int, camera: Camera) -> None:
    """Neither of the two misses the other, however they fall together."""
    photo = Photo(pixels(f"race {round_no}"), camera.open_case())
    path = camera.begin(photo)
    camera.send(path, photo.content[:-1])
    start, handheld = Barrier(2), copy(camera.handheld)
    handheld.client = camera.client.application.test_client()
    beside = Camera(handheld, camera.officer)

    def send() -> int:
        start.wait()
        return beside.send(path, photo.content[-1:], len(photo.content) - 1).status_code

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        start.wait()
        camera.push_record(photo)
        assert sent.result() == 204
    assert camera.bytes_of(photo) == "verified"


def test_what_is_not_the_announced_photo_is_set_aside_and_sent_again(camera: Camera, photo: Photo) -> None:
    """Wrong bytes make the record mismatched and free the key; the right ones make it verified."""
    path = camera.begin(photo, Idempotency_Key="k1")
    wrong = photo.content[:-1] + bytes([photo.content[-1] ^ 1])
    assert problem(camera.send(path, wrong)) == (409, "digest_mismatch")
    assert camera.bytes_of(photo) == "mismatched"
    assert camera.ask(path).status_code == 410
    assert problem(camera.view(photo, "receipt")) == (409, "evidence_not_ready")
    again = camera.begin(photo, Idempotency_Key="k1")
    assert again != path
    assert camera.send(again, photo.content).status_code == 204
    assert camera.bytes_of(photo) == "verified"


def test_nobody_spoils_anothers_photo(camera: Camera, photo: Photo, bureau: Bureau) -> None:
    """Wrong bytes from another terminal leave the record as it is."""
    colleague = new_camera(bureau, "er")
    path = colleague.begin(photo)
    assert problem(colleague.send(path, pixels("junk"))) == (409, "digest_mismatch")
    assert camera.bytes_of(photo) == "awaited"


def test_an_upload_that_contradicts_its_record_is_refused(camera: Camera, photo: Photo) -> None:
    """Bytes under another digest or of another length can never verify the record."""
    other = Photo(pixels("another"), photo.case, photo.evidence)
    assert problem(camera.announce(other)) == (409, "write_once_changed")
    assert problem(camera.announce(photo, Upload_Length="5")) == (409, "write_once_changed")


def test_a_record_is_not_verified_by_another_photos_bytes(camera: Camera) -> None:
    """Bytes that came first under the record's id, but are not what it names, do not count for it."""
    case = camera.open_case()
    early = Photo(pixels("early"), case)
    camera.upload(early)
    said = Photo(pixels("said"), case, early.evidence)
    camera.push_record(said)
    assert camera.bytes_of(said) == "awaited"
    camera.upload(said)
    assert camera.bytes_of(said) == "verified"


def test_photos_of_others_scope_are_refused_but_ones_own_are_taken(
    camera: Camera, photo: Photo, bureau: Bureau
) -> None:
    """Another unit may not send for a record out of its sight; who lost the scope still sends his own."""
    assert problem(away(bureau).announce(photo)) == (403, "out_of_scope")
    bureau.change(
        lambda session: session.execute(
            sa.update(Officer).where(Officer.username == "yi").values(unit="u2", units=[])
        )
    )
    camera.upload(photo)
    assert camera.view(photo, "receipt").status_code == 200
    assert problem(camera.view(photo, "original")) == (404, "not_found")


def test_the_length_may_come_later(camera: Camera, photo: Photo) -> None:
    """An upload of deferred length ends when a chunk has declared it; another length is then refused."""
    path = camera.begin(photo, Upload_Length=None, Upload_Defer_Length="1")
    assert camera.ask(path).headers["Upload-Defer-Length"] == "1"
    camera.send(path, photo.content[:500])
    assert camera.bytes_of(photo) == "awaited"
    length = str(len(photo.content))
    assert camera.send(path, photo.content[500:], 500, Upload_Length=length).status_code == 204
    assert camera.ask(path).headers["Upload-Length"] == length
    assert camera.bytes_of(photo) == "verified"
    path = camera.begin(Photo(pixels("next"), photo.case))
    assert problem(camera.send(path, b"x", Upload_Length="7")) == (400, "malformed_body")


def test_a_creation_may_bring_the_bytes(camera: Camera, photo: Photo) -> None:
    """One request is enough; under a wrong checksum it leaves an empty upload that its key finds."""
    kind = "application/offset+octet-stream"
    wrong = checksum(b"else")
    answer = camera.announce(
        photo, photo.content, Content_Type=kind, Upload_Checksum=wrong, Idempotency_Key="k1"
    )
    assert problem(answer) == (460, "checksum_mismatch")
    assert camera.announce(photo, Idempotency_Key="k1").headers["Upload-Offset"] == "0"
    answer = camera.announce(photo, photo.content, Content_Type=kind, Idempotency_Key="k1")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(photo.content)))
    assert camera.bytes_of(photo) == "verified"


def test_a_line_that_lets_only_post_pass_is_enough(camera: Camera, photo: Photo) -> None:
    """X-HTTP-Method-Override stands for the method; without it a POST to an upload is refused."""
    path = camera.begin(photo)
    headers = {**TUS, **camera.handheld.bearer, "Upload-Offset": "0"}
    headers |= {"Content-Type": "application/offset+octet-stream"}
    assert problem(camera.client.post(path, data=b"", headers=headers)) == (405, "method_not_allowed")
    over = headers | {"X-HTTP-Method-Override": "PATCH"}
    assert camera.client.post(path, data=photo.content, headers=over).status_code == 204
    assert camera.bytes_of(photo) == "verified"
