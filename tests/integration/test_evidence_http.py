"""Photos on their way out: who may look, that it is written down, and the custody receipt."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask

from field_api.auth import officers
from field_api.config import Config
from field_api.extensions import db, services
from media.tables import EvidenceView
from sync.store.ids import new_id
from tests.integration.people import Bureau, problem
from tests.integration.photos import Camera, Photo, found_bureau, metadata, new_camera, pixels, view


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


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def opened(camera: Camera, token: bytes) -> dict[str, Any]:
    """What a JWS says, after its signature held under the key that the server publishes."""
    header, payload, signature = token.decode("ascii").split(".")
    named = json.loads(raw(header))
    assert named["alg"] == "EdDSA"
    keys = camera.client.get("/.well-known/jwks.json").json["keys"]
    [key] = [one for one in keys if one["kid"] == named["kid"]]
    Ed25519PublicKey.from_public_bytes(raw(key["x"])).verify(raw(signature), f"{header}.{payload}".encode())
    said: dict[str, Any] = json.loads(raw(payload))
    return said


def test_a_receipt_is_the_servers_signed_word(camera: Camera, photo: Photo) -> None:
    """Once verified, and not before, the receipt names terminal, photo, digest and size; it never changes."""
    assert problem(camera.view(photo, "receipt")) == (409, "evidence_not_ready")
    camera.upload(photo)
    answer = camera.view(photo, "receipt")
    assert (answer.status_code, answer.mimetype) == (200, "application/jose")
    said = opened(camera, answer.data)
    assert said.pop("time")
    assert said == {
        "terminal": camera.handheld.id,
        "evidence": photo.evidence,
        "sha256": photo.sha256,
        "size": len(photo.content),
    }
    assert camera.view(photo, "receipt").data == answer.data


def looks(app: Flask, photo: Photo) -> list[tuple[str, str]]:
    """Who was shown the photo in which form, in that order."""
    with app.app_context():
        query = sa.select(EvidenceView).where(EvidenceView.evidence == photo.evidence).order_by(EvidenceView.id)
        return [(view.officer, view.kind) for view in db.session.scalars(query)]


def make_copies(app: Flask, photo: Photo) -> None:
    """Do the worker's part."""
    with app.app_context():
        for kind in ("thumbnail", "review"):
            services().blobs.put_derived(photo.sha256, f"{kind}.jpg", kind.encode())


def test_every_look_is_written_down(app: Flask, camera: Camera, photo: Photo, bureau: Bureau) -> None:
    """Original, review size and thumbnail come as they are stored, and the ledger names who saw which."""
    camera.upload(photo)
    make_copies(app, photo)
    answer = camera.view(photo, "original")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, photo.content, "image/jpeg")
    assert answer.headers["ETag"] == f'"{photo.sha256}"'
    assert answer.headers["Content-Length"] == str(len(photo.content))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f"inline; filename={photo.evidence}-original.jpg"
    judge = bureau.console("judge", "supervisor")
    for kind in ("thumbnail", "review"):
        assert view(judge.client, photo, kind).data == kind.encode()
    seen = looks(app, photo)
    assert [kind for _, kind in seen] == ["original", "thumbnail", "review"]
    assert seen[0][0] == camera.officer
    assert seen[1][0] == seen[2][0] != camera.officer


def test_a_copy_that_is_not_made_yet_is_asked_for_again(app: Flask, camera: Camera, photo: Photo) -> None:
    """Until the worker has made it: 503 with Retry-After, and no look is written down."""
    camera.upload(photo)
    answer = camera.view(photo, "thumbnail")
    assert problem(answer) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert looks(app, photo) == []


@pytest.mark.parametrize("kind", ["original", "review", "thumbnail", "receipt"])
def test_photos_out_of_scope_do_not_exist(
    kind: str, app: Flask, camera: Camera, photo: Photo, bureau: Bureau
) -> None:
    """To another unit's officer, on a terminal or at the console, and under a name that is no id: 404."""
    camera.upload(photo)
    make_copies(app, photo)
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    stranger = new_camera(bureau, "san", unit="u2")
    assert problem(stranger.view(photo, kind)) == (404, "not_found")
    nobody = Photo(b"", photo.case, "%00")
    assert problem(camera.view(nobody, kind)) == (404, "not_found")
    assert problem(view(app.test_client(), photo, kind)) == (401, "token_missing")
    assert looks(app, photo) == []


def test_originals_are_for_the_unit_and_those_who_judge(
    app: Flask, camera: Camera, photo: Photo, bureau: Bureau
) -> None:
    """Who sees a case by its grid alone gets the smaller pictures; a supervisor gets the original."""
    grid = "511402001001001"
    [result] = camera.push(
        {"id": new_id(), "action": "patch", "type": "case", "record": photo.case, "base": 1, "set": {"grid": grid}}
    )
    assert result["outcome"] == "applied", result
    camera.upload(photo)
    make_copies(app, photo)
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    neighbour = new_camera(bureau, "san", unit="u2", grids=(grid,))
    assert neighbour.view(photo, "thumbnail").status_code == 200
    assert problem(neighbour.view(photo, "original")) == (403, "not_permitted")
    assert [kind for _, kind in looks(app, photo)] == ["thumbnail"]
    judge = bureau.console("judge", "legal")
    assert view(judge.client, photo, "original").data == photo.content


def test_a_known_picture_is_not_sent_again_but_written_down(app: Flask, camera: Camera, photo: Photo) -> None:
    """A caller that names the entity tag gets 304, and looked all the same."""
    camera.upload(photo)
    headers = camera.handheld.bearer | {"If-None-Match": f'"{photo.sha256}"'}
    answer = view(camera.client, photo, "original", headers=headers)
    assert (answer.status_code, answer.data) == (304, b"")
    assert [kind for _, kind in looks(app, photo)] == ["original"]


def test_a_copy_that_was_made_anew_is_sent_again(app: Flask, camera: Camera, photo: Photo) -> None:
    """The tag of a copy names this making of it."""
    camera.upload(photo)
    make_copies(app, photo)
    first = camera.view(photo, "review")
    headers = camera.handheld.bearer | {"If-None-Match": first.headers["ETag"]}
    assert view(camera.client, photo, "review", headers=headers).status_code == 304
    with app.app_context():
        services().blobs.put_derived(photo.sha256, "review.jpg", b"with a number")
    assert view(camera.client, photo, "review", headers=headers).data == b"with a number"


def test_no_receipt_for_a_photo_that_the_disk_lost(
    camera: Camera, photo: Photo, config: Config
) -> None:
    """Against a receipt an original is deleted, so the row alone is not enough for one."""
    camera.upload(photo)
    (config.data / "blobs" / photo.sha256[:2] / photo.sha256[2:4] / photo.sha256).unlink()
    assert problem(camera.view(photo, "receipt")) == (503, "unavailable")
    assert problem(camera.view(photo, "original")) == (503, "unavailable")


def test_a_file_that_says_it_is_something_else_is_shown_as_its_record_says(
    camera: Camera, photo: Photo
) -> None:
    """The type that an upload named never reaches a browser: the record's, which is a picture's, does."""
    named = metadata(evidence=photo.evidence, sha256=photo.sha256, filetype="text/html")
    path = camera.begin(photo, Upload_Metadata=named)
    assert camera.send(path, photo.content).status_code == 204
    assert camera.view(photo, "original").mimetype == "image/jpeg"
