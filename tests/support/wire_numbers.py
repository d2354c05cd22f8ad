"""Blocks of document numbers on the small server: leased, presented again, returned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from uuid_utils.compat import uuid7

from tests.support.wire_answers import Answer, problem

if TYPE_CHECKING:
    from tests.support.wire_server import WireServer

LIFE = 100_000


class NumberDesk:
    """Counts each kind; a restored desk goes on beyond whatever an earlier life can have given out."""

    def __init__(self, server: WireServer) -> None:
        self.server = server
        self.last: dict[str, int] = {}
        self.blocks: dict[str, dict[str, Any]] = {}
        self.accounts: dict[str, dict[str, Any]] = {}
        self.expires_at = "2026-12-31T16:00:00.000Z"
        # Every block of every life, which no restore takes back.
        self.ever: list[dict[str, Any]] = []

    def backup(self) -> dict[str, Any]:
        return {"last": self.last, "blocks": self.blocks, "accounts": self.accounts}

    def restore(self, kept: dict[str, Any]) -> None:
        held = json.loads(json.dumps(kept))
        self.blocks, self.accounts = held["blocks"], held["accounts"]
        self.last = {}

    def handle(self, call: str, body: dict[str, Any]) -> Answer:
        if call == "/number-blocks":
            return self._present(body) if body.get("lease") else self._lease(body)
        return self._return(call.split("/")[2], body)

    def _lease(self, body: dict[str, Any]) -> Answer:
        for known in self.blocks.values():
            if known["request"] == body["id"]:
                same = (known["count"], known["kind"]) == (body["count"], body["kind"])
                return Answer(200, known["answer"]) if same else problem(409, "operation_id_reused", "fix")
        kind = body["kind"]
        first = max(self.last.get(kind, 0), (self.server.epoch - 1) * LIFE) + 1
        last = self.last[kind] = first + body["count"] - 1
        said = {"block": str(uuid7()), "prefix": f"演示{kind}〔2026〕第", "from": first, "to": last}
        answer = {**said, "expires_at": self.expires_at}
        answer["lease"] = self.server.sign({**answer, "kind": kind, "count": body["count"], "request": body["id"]})
        self.ever.append(answer)
        return Answer(201, self._keep(said["block"], body, answer))

    def _keep(self, block: str, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        self.blocks[block] = {
            "request": body["id"], "count": body["count"], "kind": body["kind"], "answer": answer,
        }  # fmt: skip
        return answer

    def _present(self, body: dict[str, Any]) -> Answer:
        [answer] = [one for one in self.ever if one["lease"] == body["lease"]]
        is_known = answer["block"] in self.blocks
        return Answer(200 if is_known else 201, self._keep(answer["block"], body, answer))

    def _return(self, block: str, body: dict[str, Any]) -> Answer:
        if block not in self.blocks:
            return problem(404, "not_found", "fix")
        if self.accounts.setdefault(block, body) != body:
            return problem(409, "block_closed", "fix")
        return Answer(200, {"block": block})
