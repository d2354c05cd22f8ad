"""A terminal that takes photos: it pushes their records and sends their bytes, only through the wire."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import rfc8785
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from field_api.casework.founding import found
from field_api.extensions import db, services
from field_api.transactions import write
from sync.store.ids import new_id
from tests.integration.people import Bureau, Handheld, now

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = {**TUS, "Content-Type": "application/offset+octet-stream"}
UPLOADS = "/api/v1/uploads"


def found_bureau(app: Flask) -> None:
    """Write what a new database needs before its first push."""
    with app.app_context():
        session = db.session()
        write(session, lambda: found(session, services().home, now()))


def pixels(seed: str, size: int = 300_001) -> bytes:
    """Bytes that stand for a photo; no two seeds give the same."""
    return hashlib.shake_256(seed.encode()).digest(size)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checksum(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def view(client: FlaskClient, photo: Photo, kind: str, **options: Any) -> TestResponse:
    """Ask for a picture or the receipt, and take all of it."""
    answer = client.get(f"/api/v1/evidence/{photo.evidence}/{kind}", **options)
    answer.get_data()
    answer.close()
    return answer


@dataclass
class Photo:
    """A photo on its terminal, with the ids of its record and its case."""

    content: bytes
    case: str
    evidence: str = field(default_factory=new_id)

    @property
    def sha256(self) -> str:
        return digest(self.content)


class Camera:
    """What a signed-in terminal does with photos."""

    def __init__(self, handheld: Handheld, officer: str) -> None:
        self.handheld = handheld
        self.client = handheld.client
        self.officer = officer
        self.store = str(uuid4())
        self.number = 0

    def push(self, *operations: dict[str, Any]) -> list[dict[str, Any]]:
        """Send operations; gives their results."""
        for operation in operations:
            self.number += 1
            operation |= {"number": self.number, "at": now().isoformat()}
        body = {"protocol": 1, "schema": 1, "app": "1.0.0", "batch": new_id(), "store": self.store}
        body |= {"clock": {"wall": now().isoformat()}, "operations": operations}
        raw = json.dumps(body).encode()
        sent = base64.b64encode(hashlib.sha256(raw).digest()).decode()
        headers = {**self.handheld.bearer, "Content-Digest": f"sha-256=:{sent}:"}
        answer = self.client.post("/api/v1/sync/push", data=raw, headers=headers, content_type="application/json")
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json["results"]
        return results

    def open_case(self) -> str:
        """Create a case and give its id."""
        case = new_id()
        operation = {"id": new_id(), "action": "create", "type": "case", "record": case}
        [result] = self.push(operation | {"set": {"category": "0406", "description": "演示"}})
        assert result["outcome"] == "applied", result
        return case

    def record(self, photo: Photo, **changes: Any) -> dict[str, Any]:
        """The operation that creates a photo's record, signed when it was taken."""
        values: dict[str, Any] = {
            "case": photo.case,
            "role": "near",
            "sha256": photo.sha256,
            "size": len(photo.content),
            "media_type": "image/jpeg",
            "captured_at": "2026-11-22T10:00:00.000+08:00",
            "position": None,
            "terminal": self.handheld.id,
            "officer": self.officer,
        } | changes
        values["signature"] = self.handheld.sign("evidence", rfc8785.dumps(values))
        return {"id": new_id(), "action": "create", "type": "evidence", "record": photo.evidence, "set": values}

    def push_record(self, photo: Photo, **changes: Any) -> None:
        [result] = self.push(self.record(photo, **changes))
        assert result["outcome"] == "applied", result

    def announce(self, photo: Photo, content: bytes = b"", **headers: str | None) -> TestResponse:
        """Create an upload; a header given as None is left out."""
        named = {"evidence": photo.evidence, "sha256": photo.sha256, "filetype": "image/jpeg"}
        told: dict[str, str | None] = {
            **TUS,
            **self.handheld.bearer,
            "Upload-Length": str(len(photo.content)),
            "Upload-Metadata": metadata(**named),
        }
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in told.items() if value is not None}
        return self.client.post(UPLOADS, data=content, headers=kept)

    def begin(self, photo: Photo, **headers: str | None) -> str:
        """Create an upload and give its path."""
        answer = self.announce(photo, **headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def ask(self, path: str) -> TestResponse:
        return self.client.head(path, headers={**TUS, **self.handheld.bearer})

    def offset(self, path: str) -> int:
        answer = self.ask(path)
        assert answer.status_code == 200, answer.status
        return int(answer.headers["Upload-Offset"])

    def send(self, path: str, content: bytes, offset: int = 0, **headers: str) -> TestResponse:
        told = {**CHUNK, **self.handheld.bearer, "Upload-Offset": str(offset)}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.patch(path, data=content, headers=told)

    def end(self, path: str) -> TestResponse:
        return self.client.delete(path, headers={**TUS, **self.handheld.bearer})

    def upload(self, photo: Photo) -> str:
        """Send a photo whole and give the upload's path."""
        path = self.begin(photo)
        answer = self.send(path, photo.content)
        assert answer.status_code == 204, answer.text
        return path

    def view(self, photo: Photo, kind: str) -> TestResponse:
        """Ask for a picture or the receipt, and take all of it."""
        return view(self.client, photo, kind, headers=self.handheld.bearer)

    def bytes_of(self, photo: Photo) -> str:
        """What a pull says of a photo's bytes."""
        body = {"cursor": None, "limit": 1000, "lanes": ["records"]}
        answer = self.handheld.post("/sync/pull", body, headers=self.handheld.bearer)
        assert answer.status_code == 200, answer.text
        [said] = [one["body"]["bytes"] for one in answer.json["changes"] if one["record"] == photo.evidence]
        return str(said)


def new_camera(bureau: Bureau, username: str, **options: Any) -> Camera:
    """A new officer, signed in on a new terminal."""
    officer = bureau.officer(username, **options)
    handheld = bureau.handheld()
    handheld.sign_in(username)
    return Camera(handheld, officer)
