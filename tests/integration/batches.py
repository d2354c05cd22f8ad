"""Batches as terminals send them: bytes with their digest, over the wire."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

import orjson
from werkzeug.test import TestResponse

from sync.store.ids import new_id
from tests.integration.people import Handheld, now

MOMENT = "2026-11-22T09:58:00+08:00"


def digest_of(raw: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(raw).digest()).decode()}:"


def envelope(operations: list[Any], **changed: Any) -> dict[str, Any]:
    """A whole batch of a store of its own, unless `changed` says whose."""
    clock = {"wall": now().isoformat(), "monotonic_ms": 1_000, "boot": "b1"}
    batch = {"protocol": 1, "schema": 1, "app": "1.0.0", "batch": new_id(), "store": new_id(), "clock": clock}
    return {**batch, "operations": operations, **changed}


def send(
    handheld: Handheld, raw: bytes, path: str = "/sync/push", headers: dict[str, str] | None = None, **options: Any
) -> TestResponse:
    """Post bytes as they are, with a right digest; `headers` replaces or (with "") drops any header."""
    given = {**handheld.bearer, "Content-Type": "application/json", "Content-Digest": digest_of(raw)}
    given = {name: value for name, value in {**given, **(headers or {})}.items() if value}
    return handheld.client.post(f"/api/v1{path}", data=raw, headers=given, **options)


def push(handheld: Handheld, operations: list[Any], **changed: Any) -> TestResponse:
    return send(handheld, orjson.dumps(envelope(operations, **changed)))


def operation(action: str, type_: str, record: str, **parts: Any) -> dict[str, Any]:
    """One operation, whole but for what `parts` gives."""
    return {"id": new_id(), "action": action, "type": type_, "record": record, "at": MOMENT, **parts}


def incident(**values: Any) -> dict[str, Any]:
    """The creation of an incident."""
    return operation("create", "incident", str(uuid.uuid4()), set={"occurred_at": MOMENT, **values})


def results(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return list(answer.json["results"])
