"""The tus half of the wire server: creation, offsets, checksums, receipts."""

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from uuid_utils.compat import uuid7

from tests.support.wire_answers import NOW, Answer, problem

if TYPE_CHECKING:
    from tests.support.wire_server import WireServer


class Uploads:
    """Bytes under way, and the photos that arrived whole."""

    def __init__(self, server: "WireServer") -> None:
        self.server = server
        self.parts: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.stored: dict[str, tuple[str, int]] = {}
        self.received_bytes = 0

    def handle(self, method: str, call: str, headers: dict[str, str], raw: bytes, terminal: str) -> Answer:
        if call.startswith("/evidence/"):
            return self._receipt(call.split("/")[2], terminal)
        tus = {"Tus-Resumable": "1.0.0"}
        if method == "POST":
            return self._create(headers, tus)
        part = self.parts.get(call.split("/")[-1])
        if part is None:
            return problem(404, "not_found", "fix")
        if method == "HEAD":
            return Answer(200, None, {**tus, "Upload-Offset": str(len(part["bytes"]))})
        if int(headers["upload-offset"]) != len(part["bytes"]):
            return Answer(409, None, tus)
        digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
        if headers["upload-checksum"] != f"sha256 {digest}":
            return Answer(460, None, tus)
        part["bytes"] += raw
        self.received_bytes += len(raw)
        if len(part["bytes"]) == part["length"]:
            sha256 = hashlib.sha256(part["bytes"]).hexdigest()
            if sha256 == part["sha256"]:
                self.stored[part["evidence"]] = (sha256, part["length"])
        return Answer(204, None, {**tus, "Upload-Offset": str(len(part["bytes"]))})

    def _create(self, headers: dict[str, str], tus: dict[str, str]) -> Answer:
        key = headers["idempotency-key"]
        if key not in self.keys:
            pairs = (pair.split(" ") for pair in headers["upload-metadata"].split(","))
            named = {name: base64.b64decode(value).decode() for name, value in pairs}
            self.keys[key] = str(uuid7())
            self.parts[self.keys[key]] = {"bytes": b"", "length": int(headers["upload-length"]), **named}
        location = f"/api/v1/uploads/{self.keys[key]}"
        return Answer(201, None, {**tus, "Location": location})

    def _receipt(self, evidence: str, terminal: str) -> Answer:
        if evidence not in self.stored:
            return problem(404, "not_found", "fix")
        sha256, size = self.stored[evidence]
        payload = {"terminal": terminal, "evidence": evidence, "sha256": sha256, "size": size, "time": NOW}
        return Answer(200, {"receipt": self.server.sign(payload)})
