"""A model terminal: the protocol's client side in its simplest form, which checks every checkpoint it gets."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import rfc8785
import uuid_utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from werkzeug.test import TestResponse

from tests.integration.people import Bureau, Handheld

CATEGORY, OTHER_CATEGORY = "0406", "0401"
SHA = "ab" * 32
PARENTS = {"evidence": "case", "case": "incident", "vehicle_check": "incident"}


def new_id() -> str:
    return str(uuid_utils.uuid7())


def instant() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def term(record_type: str, record: str, version: int) -> int:
    """What a record adds to a sum."""
    return int.from_bytes(hashlib.sha256(f"{record_type}/{record}/{version}".encode()).digest()[:8], "big")


def bucket(record: str) -> int:
    """The repair bucket of a record."""
    return hashlib.sha256(record.encode()).digest()[0]


class Terminal:
    """One officer on one handheld with one store."""

    def __init__(self, handheld: Handheld, officer: str = "", store: str | None = None) -> None:
        self.handheld = handheld
        self.officer = officer
        self.store = store or new_id()
        self.number = 0
        self.cursor: str | None = None
        self.held: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self.order: list[str] = []
        self.clock: dict[str, Any] = {}
        self.voided: dict[str, str] = {}

    # Operations.

    def operation(self, action: str, record_type: str, record: str, **parts: Any) -> dict[str, Any]:
        self.number += 1
        return {
            "id": new_id(), "number": self.number, "action": action, "type": record_type, "record": record,
            "at": instant(), **parts,
        }  # fmt: skip

    def create(self, record_type: str, record: str | None = None, **values: Any) -> dict[str, Any]:
        if record_type == "case":
            values = {"category": CATEGORY} | values
        return self.operation("create", record_type, record or new_id(), set=values)

    def patch(self, record_type: str, record: str, base: Any, **values: Any) -> dict[str, Any]:
        return self.operation("patch", record_type, record, base=base, set=values)

    def step(self, record: str, event: str, base: Any = 0, **values: Any) -> dict[str, Any]:
        return self.operation("transition", "case", record, base=base, event=event, set=values)

    def append(self, record_type: str, record: str, name: str, **parts: Any) -> dict[str, Any]:
        return self.operation(
            "append", record_type, record, list=name, item={"id": new_id(), "at": instant(), **parts}
        )

    def void(self, record_type: str, record: str, base: Any, reason: str = "演示", **parts: Any) -> dict[str, Any]:
        return self.operation("void", record_type, record, base=base, reason=reason, **parts)

    def photo(self, case: str, officer: str, sha256: str = SHA, **changed: Any) -> dict[str, Any]:
        """A piece of evidence, signed as when it was taken."""
        values = {
            "case": case, "role": "far", "sha256": sha256, "size": 1000, "media_type": "image/jpeg",
            "captured_at": "2026-11-22T10:00:00.000+08:00", "terminal": self.handheld.id, "officer": officer,
            "position": {"lng": 104.05, "lat": 30.66, "coord_sys": "gcj02", "accuracy_m": 5},
        } | changed  # fmt: skip
        values["signature"] = self.handheld.sign("evidence", rfc8785.dumps(values))
        return self.create("evidence", **values)

    # The line.

    def post(self, operations: Sequence[Any], **envelope: Any) -> TestResponse:
        body = {
            "protocol": 1, "schema": 1, "app": "1.0.0", "batch": new_id(), "store": self.store,
            "clock": {"wall": instant()} | self.clock, "operations": list(operations),
        } | envelope  # fmt: skip
        return self.post_raw(orjson.dumps(body))

    def post_raw(self, body: bytes) -> TestResponse:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers = {**self.handheld.bearer, "Content-Digest": f"sha-256=:{digest}:"}
        return self.handheld.client.post("/api/v1/sync/push", data=body, headers=headers)

    def push(self, *operations: Any, **envelope: Any) -> dict[str, Any]:
        """Push; the answer must be one."""
        answer = self.post(operations, **envelope)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json
        assert [one["id"] for one in body["results"]] == [
            one["id"] if isinstance(one, dict) and "id" in one else body["results"][index]["id"]
            for index, one in enumerate(operations)
        ]
        return body

    def send(self, *operations: Any, **envelope: Any) -> list[dict[str, Any]]:
        """Push, and return the results."""
        results: list[dict[str, Any]] = self.push(*operations, **envelope)["results"]
        return results

    def done(self, *operations: Any) -> list[dict[str, Any]]:
        """Push what must be applied."""
        results = self.send(*operations)
        assert [one["outcome"] for one in results] == ["applied"] * len(operations), results
        return results

    def ask(self, **body: Any) -> TestResponse:
        return self.handheld.client.post(
            "/api/v1/sync/pull", json={"cursor": self.cursor, **body}, headers=self.handheld.bearer
        )

    def page(self, **body: Any) -> dict[str, Any]:
        """Pull one page and take it in; a checkpoint must match what is held."""
        answer = self.ask(**body)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json
        self.take_in(page, checked="lanes" not in body)
        return page

    def take_in(self, page: Mapping[str, Any], *, checked: bool = True) -> None:
        """Apply a page; a checkpoint must match what is held."""
        for change in page["changes"]:
            self._take(change)
        self.cursor = page["cursor"]
        assert page["more"] == ("checkpoint" not in page)
        if not page["more"] and checked:
            assert page["checkpoint"] == self.checkpoint()

    def _take(self, change: Mapping[str, Any]) -> None:
        record = change["record"]
        self.order.append(record)
        if change["action"] == "evict":
            assert change.keys() == {"action", "type", "record"}
            assert self.held.get(record, (change["type"],))[0] == change["type"]
            self.held.pop(record, None)
            return
        standing = self.held.get(record)
        if change["action"] == "void":
            assert change.keys() == {"action", "type", "record", "version", "reason"}
            self.voided[record] = change["reason"]
        else:
            self._check_parent(change)
        if standing is None or change["version"] > standing[1]:
            body = change.get("body", standing[2] if standing else {})
            self.held[record] = (change["type"], change["version"], body)

    def _check_parent(self, change: Mapping[str, Any]) -> None:
        parent = change["body"].get(PARENTS.get(change["type"], ""))
        assert parent is None or parent in self.held, "a child came before its parent"

    def pull(self, **body: Any) -> list[dict[str, Any]]:
        """Pull to the end; returns the changes."""
        changes: list[dict[str, Any]] = []
        for _ in range(10_000):
            page = self.page(**body)
            changes += page["changes"]
            if not page["more"]:
                return changes
        raise AssertionError("the pull does not come to an end")

    def repair(self, damaged: Sequence[str] = (), **body: Any) -> tuple[set[int], list[dict[str, Any]]]:
        """Repair to the end; records known to be damaged are left out of the sums.

        Returns the replaced buckets and the changes.
        """
        replaced: set[int] = set()
        changes: list[dict[str, Any]] = []
        sums = self.sums(damaged)
        for _ in range(10_000):
            headers = self.handheld.bearer
            asked = {"cursor": self.cursor, "buckets": sums, **body}
            answer = self.handheld.client.post("/api/v1/sync/repair", json=asked, headers=headers)
            assert answer.status_code == 200, answer.text
            page: dict[str, Any] = answer.json
            replaced |= set(page["replaced"])
            for record in [one for one in self.held if bucket(one) in page["replaced"]]:
                del self.held[record]
            self.take_in(page)
            changes += page["changes"]
            if not page["more"]:
                return replaced, changes
        raise AssertionError("the repair does not come to an end")

    def sums(self, damaged: Sequence[str] = ()) -> list[str]:
        """The sum of each bucket, computed from the protocol's words."""
        totals = [0] * 256
        for record, (record_type, version, _) in self.held.items():
            if record not in damaged:
                totals[bucket(record)] += term(record_type, record, version)
        return [f"{total % 2**64:016x}" for total in totals]

    def checkpoint(self) -> dict[str, Any]:
        """Count and sum of what is held, computed from the protocol's words."""
        total = 0
        for record, (record_type, version, _) in self.held.items():
            total += term(record_type, record, version)
        return {"count": len(self.held), "sum": f"{total % 2**64:016x}"}

    def body(self, record: str) -> dict[str, Any]:
        return self.held[record][2]

    def version(self, record: str) -> int:
        return self.held[record][1]


def terminal(bureau: Bureau, username: str, *roles: str, unit: str = "u1", grids: tuple[str, ...] = ()) -> Terminal:
    """A new officer, signed in on a new handheld."""
    officer = bureau.officer(username, *roles, unit=unit, grids=grids)
    handheld = bureau.handheld()
    handheld.sign_in(username)
    return Terminal(handheld, officer)


def read_jws(token: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Verify a compact JWS against a key set; returns its payload."""
    head, body, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    header = orjson.loads(head)
    assert header["alg"] == "EdDSA"
    [key] = [one for one in jwks["keys"] if one["kid"] == header["kid"]]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "=="))
    public.verify(signature, token.rpartition(".")[0].encode())
    payload: dict[str, Any] = orjson.loads(body)
    return payload
