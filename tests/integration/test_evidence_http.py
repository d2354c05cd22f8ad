"""Photos on their way out: who may look, that it is written down, and the custody receipt."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask

from tests.integration.people import Bureau, problem
from tests.integration.photos import Camera, Photo, found_bureau, new_camera, pixels


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
