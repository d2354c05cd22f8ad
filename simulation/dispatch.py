"""The forwarder in this process: the worker's own delivery, to a centre that forgets, refuses and is away."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from functools import cached_property
from typing import Any

import httpx
import sqlalchemy as sa

from field_api.extensions import db, services
from field_api.transactions import read
from simulation.faults import ServerKilled
from simulation.world import World
from sync.store import outbox
from worker.centre import CentreClient
from worker.parcels import Carrier

FAULTS = ("away", "busy", "portal", "silent", "refuses")


class Centre(httpx.BaseTransport):
    """A centre that keeps every case by its key, checks evidence by digest, and often fails."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.calm = False
        self.evidence: set[str] = set()
        self.cases: dict[str, tuple[bytes, str]] = {}
        self.order: list[tuple[str, int]] = []
        self.wrong: list[str] = []
        self.faults: Counter[str] = Counter()

    @cached_property
    def client(self) -> CentreClient:
        """The worker's own client of this centre; making one reads every root certificate of the machine."""
        return CentreClient("http://centre.invalid", "simulated", transport=self)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        fault = None if self.calm else self._dice.choice((None, None, None, *FAULTS))
        if fault is not None:
            self.faults[f"centre_{fault}"] += 1
        if fault == "away":
            raise httpx.ConnectError("away")
        if fault == "busy":
            return _say(503, retry_after="30")
        if fault == "portal":
            return _say(200, content_type="text/html")
        answer = self._answer(request, refuses=fault == "refuses")
        if fault == "silent":
            raise httpx.ReadError("the answer was lost")
        return answer

    def _answer(self, request: httpx.Request, *, refuses: bool) -> httpx.Response:
        body = request.read()
        name = request.url.path.rsplit("/", 1)[-1]
        if request.method == "HEAD":
            return _say(200 if name in self.evidence else 404)
        if request.method == "PUT":
            if hashlib.sha256(body).hexdigest() != name:
                self.wrong.append(f"evidence {name} with other bytes")
            self.evidence.add(name)
            return _say(201)
        return self._case(request.headers["Idempotency-Key"], body, refuses=refuses)

    def _case(self, key: str, body: bytes, *, refuses: bool) -> httpx.Response:
        if key in self.cases:
            if self.cases[key][0] != body:
                self.wrong.append(f"another case under the key {key}")
            return _say(409, {"task_number": self.cases[key][1]})
        document = json.loads(body)
        missing = [one["sha256"] for one in document.get("evidence", ()) if one["sha256"] not in self.evidence]
        if missing:
            return _say(422, {"code": "evidence_missing", "message": ", ".join(missing)})
        if refuses:
            return _say(422, {"code": "address_unclear", "message": "地址不清"})
        case, _, version = key.rpartition(":")
        self.order.append((case, int(version)))
        self.cases[key] = (body, f"T{len(self.cases) + 1}")
        return _say(201, {"task_number": self.cases[key][1]})


def _say(status: int, document: Any = None, **headers: str) -> httpx.Response:
    """An answer that is streamed, as one from a wire is."""
    body = b"" if document is None else json.dumps(document).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, stream=httpx.ByteStream(body))


def forward(world: World, centre: Centre) -> str:
    """Carry every row that is due, as the relay would wake the worker to."""
    held = world.site.app.extensions["fieldpost"]
    if world.twin is not None:
        world.twin.mark()
    with world.site.app.app_context():
        session = db.session()
        rows = read(session, lambda: outbox.due(session, held.now(), ("deliver",)))
        said = []
        for row in rows:
            carrier = Carrier(session, held.home, held.config, services().blobs, centre.client, held.now, _pause)
            try:
                with world.failpoints.around():
                    carrier.carry(row.id)
            except ServerKilled:
                said.append("killed")
            except sa.exc.OperationalError:
                said.append("busy")
            finally:
                db.session.remove()
    if world.twin is not None:
        world.twin.carried()
    return f"{len(rows)} to the centre {' '.join(said)}".rstrip()


def _pause(base_s: float, attempt: int, asked_s: float | None) -> float:
    return max(base_s * min(attempt, 10), asked_s or 0.0)
