"""Batches as terminals send them: bytes with their digest, over the wire."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from typing import Any

import orjson
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from field_api.extensions import db
from field_api.problems import CATALOGUE
from sync.store.ids import new_id
from sync.store.tables import OperationRow, ReceiptRow, RecordRow, StoreRow
from tests.integration.people import Handheld, now

# What an answer must never hold: a stack, a statement, a place on the server's disk, the names of our parts.
LEAKS = re.compile(
    r'Traceback|File "|\.py\b|site-packages|sqlalchemy|psycopg|sqlite3|marshmallow|werkzeug|orjson|set_int_max'
    r"|\b(SELECT|INSERT|UPDATE|DELETE) |\bsync_\w+|/(usr|tmp|home|var|work|root)/",
)
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


def good() -> bytes:
    """A batch that is taken."""
    return orjson.dumps(envelope([incident()]))


def counts(app: Flask) -> dict[str, int]:
    """How much sync keeps of what came from terminals; reference data that the server publishes is none of it."""
    with app.app_context():
        session = db.session()
        counted = {
            "operations": session.scalar(sa.select(sa.func.count()).where(OperationRow.batch.is_not(None))),
            "records": session.scalar(sa.select(sa.func.count(RecordRow.id)).where(RecordRow.type == "incident")),
            "stores": session.scalar(sa.select(sa.func.count(StoreRow.id))),
            "receipts": session.scalar(sa.select(sa.func.count(ReceiptRow.sha256))),
        }
        session.rollback()
        db.session.remove()
    return {name: int(count or 0) for name, count in counted.items()}


def refused(answer: TestResponse, code: str) -> dict[str, Any]:
    """Check that an answer is this problem, as the catalogue has it, and says nothing that it should not."""
    assert answer.mimetype == "application/problem+json", answer.text[:300]
    body: dict[str, Any] = answer.json
    kind = CATALOGUE[code]
    assert (body["code"], answer.status_code, body["status"], body["retry"]) == (
        code, kind.status, kind.status, kind.retry,
    ), body  # fmt: skip
    assert not LEAKS.search(answer.text), answer.text[:500]
    assert len(answer.data) < 20_000
    return body
