"""A small counterpart of the terminal that keeps the wire's promises, for tests of the client alone.

It signs real receipts with a real key and remembers all it was sent. Faults are not in here: they sit on
the line, in `wire_faults`.
"""

import base64
import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from uuid_utils.compat import uuid7

from tests.support.wire_answers import NOW, Answer, problem
from tests.support.wire_identity import Identity
from tests.support.wire_numbers import NumberDesk
from tests.support.wire_uploads import Uploads

FINAL = ("applied", "merged", "proposed", "unchanged", "dismissed")
EVENTS = {"register": ("draft", "registered"), "investigate": ("registered", "investigating")}


class WireServer:
    """One server in memory; `handle` is the whole of it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.key = Ed25519PrivateKey.generate()
        self.kid = "k1"
        self.identity = Identity(self)
        self.epoch = 1
        self.limits = {"operations": 500, "bytes": 8388608}
        self.safe_before: str | None = None
        self.control: dict[str, Any] = {}
        self.control_done: list[str] = []
        self.backoff_ms = 0
        self.records: dict[str, dict[str, Any]] = {}
        self.log: list[tuple[str, str]] = []
        self.inbox: dict[str, dict[str, Any]] = {}
        self.rulings: dict[str, str] = {}
        self.pushes: list[dict[str, Any]] = []
        self.chain: dict[str, str] = {}
        self.uploads = Uploads(self)
        self.numbers = NumberDesk(self)

    def jwks(self) -> dict[str, Any]:
        x = base64.urlsafe_b64encode(self.key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": x}]}

    def sign(self, payload: dict[str, Any]) -> str:
        """Make a compact JWS of this server's."""
        raw = json.dumps(payload).encode()
        return jwt.PyJWS().encode(raw, self.key, algorithm="EdDSA", headers={"kid": self.kid})

    # Records

    def write(self, record: str, type_: str = "case", by: str = "server", **fields: Any) -> int:
        """Commit a change as somebody else would; give the new version."""
        known = self.records.get(record)
        if known is None:
            known = {"type": type_, "version": 0, "body": {}, "changed": {}, "state": "put"}
            self.records[record] = known
        known["version"] += 1
        known["body"].update(fields)
        known["changed"].update(dict.fromkeys(fields, (known["version"], by)))
        self.log.append((record, "put"))
        return int(known["version"])

    def evict(self, record: str) -> None:
        self.records[record]["state"] = "evict"
        self.log.append((record, "evict"))

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to what `backup` gave, under a new epoch."""
        kept = json.loads(json.dumps(snapshot))
        self.records, self.inbox = kept["records"], kept["inbox"]
        self.log = [(record, action) for record, action in kept["log"]]
        self.chain = {}
        self.epoch += 1
        self.numbers.restore(kept["numbers"])

    def backup(self) -> dict[str, Any]:
        return {"records": self.records, "log": self.log, "inbox": self.inbox, "numbers": self.numbers.backup()}

    def scoped(self) -> dict[str, tuple[str, int]]:
        return {
            id_: (known["type"], known["version"])
            for id_, known in self.records.items()
            if known["state"] != "evict"
        }

    def settle(self, operation: str, outcome: str, **more: Any) -> None:
        """Let an operation that waited become final."""
        kept = self.inbox[operation]
        if outcome == "applied":
            more["version"] = self._apply(kept["operation"], kept["store"])["version"]
        kept["result"] = {"id": operation, "outcome": outcome, **more}
        self.log.append((operation, "settled"))

    # Push

    def _push(self, terminal: str, body: dict[str, Any]) -> Answer:
        self.pushes.append(body)
        self.control_done.extend(body["control_done"])
        operations = body["operations"]
        if len(operations) > self.limits["operations"]:
            return problem(413, "batch_too_large", "split")
        if any("envelope" in self._ruling(operation) for operation in operations):
            return problem(400, "envelope_invalid", "fix")
        results, entries = [], []
        for operation in operations:
            result = self._process(operation, body["store"])
            results.append(result)
            digest = hashlib.sha256(rfc8785.dumps(operation)).hexdigest()
            version = result.get("version")
            entries.append([operation["number"], operation["id"], digest, result["outcome"], version])
        own = (kept for kept in self.inbox.values() if kept["store"] == body["store"])
        numbers = [kept["operation"]["number"] for kept in own]
        receipt = self.sign(
            {
                "terminal": terminal,
                "store": body["store"],
                "batch": body["batch"],
                "epoch": self.epoch,
                "time": NOW,
                "previous": self.chain.get(body["store"]),
                "results": entries,
            }
        )
        self.chain[body["store"]] = hashlib.sha256(receipt.encode()).hexdigest()
        answer = {"batch": body["batch"], "results": results, "receipt": receipt, "backoff_ms": self.backoff_ms}
        answer.update({"highest_number": max(numbers, default=0), "missing_numbers": [], "control": {}})
        return Answer(200, answer)

    def _ruling(self, operation: dict[str, Any]) -> str:
        """Read what a test ordered for operations whose description names it."""
        return self.rulings.get(str(operation.get("set", {}).get("description")), "")

    def _process(self, operation: dict[str, Any], store: str) -> dict[str, Any]:
        kept = self.inbox.get(operation["id"])
        if kept is not None and kept["operation"] != operation:
            reused = {"code": "operation_id_reused"}
            return {"id": operation["id"], "outcome": "quarantined", "problem": reused}
        if kept is not None and kept["result"]["outcome"] in FINAL:
            return {**kept["result"], "duplicate": True}
        ruling = self._ruling(operation)
        if ruling == "retry":
            return {"id": operation["id"], "outcome": "retry"}
        if ruling in ("parked", "quarantined", "proposed"):
            result = {"id": operation["id"], "outcome": ruling}
        else:
            result = self._apply(operation, store)
        self.inbox[operation["id"]] = {"operation": operation, "result": result, "store": store}
        return result

    def _apply(self, operation: dict[str, Any], store: str) -> dict[str, Any]:
        result: dict[str, Any] = {"id": operation["id"], "outcome": "applied"}
        known = self.records.get(operation["record"])
        if known is None and operation["action"] != "create":
            return {"id": operation["id"], "outcome": "parked", "waits_for": []}
        fields = dict(operation.get("set", {}))
        if operation["action"] == "append":
            fields = {operation["list"]: [*known["body"].get(operation["list"], []), operation["item"]]}
        if operation["action"] == "transition":
            fields["status"] = EVENTS[operation["event"]][1]
        if operation["action"] == "patch" and isinstance(operation["base"], int):
            lost = [
                name
                for name in fields
                if known["changed"].get(name, (0, store))[0] > operation["base"]
                and known["changed"][name][1] != store
                and known["body"][name] != fields[name]
            ]
            if lost:
                result["outcome"] = "merged"
                result["fields"] = {name: "kept_server" if name in lost else "applied" for name in fields}
                result["now"] = {name: known["body"][name] for name in lost}
                result["conflicts"] = [{"id": str(uuid7()), "field": name, "kept": "server"} for name in lost]
                fields = {name: value for name, value in fields.items() if name not in lost}
        result["version"] = self.write(operation["record"], operation["type"], store, **fields)
        return result

    # Pull

    def _pull(self, body: dict[str, Any]) -> Answer:
        epoch, seq = self.epoch, 0
        if body["cursor"] is not None:
            epoch, seq = (int(part) for part in body["cursor"].split(":"))
        if epoch != self.epoch:
            return problem(410, "cursor_expired", "resync")
        newest = {id_: place for place, (id_, _) in enumerate(self.log)}
        rows = [(place, *row) for place, row in enumerate(self.log) if place >= seq][: body["limit"]]
        changes, settled = [], []
        for place, id_, action in rows:
            if action == "settled":
                settled.append(self.inbox[id_]["result"])
            elif newest[id_] == place and (action != "evict" or body["cursor"] is not None):
                changes.append(self._change(id_, action))
        end = rows[-1][0] + 1 if rows else seq
        page = {"changes": changes, "settled": settled, "cursor": f"{self.epoch}:{end}", "control": {}}
        page["more"] = end < len(self.log)
        if not page["more"]:
            page["checkpoint"] = self.checkpoint()
        return Answer(200, page)

    def _change(self, id_: str, action: str) -> dict[str, Any]:
        known = self.records[id_]
        if action == "evict":
            return {"action": "evict", "type": known["type"], "record": id_}
        body = json.loads(json.dumps(known["body"]))
        change = {"action": "put", "type": known["type"], "record": id_, "version": known["version"]}
        return {**change, "body": body, "masked": []}

    def checkpoint(self) -> dict[str, Any]:
        return {"count": len(self.scoped()), "sum": _sum(self.scoped())}

    def _repair(self, body: dict[str, Any]) -> Answer:
        buckets: list[dict[str, tuple[str, int]]] = [{} for _ in range(256)]
        for id_, named in self.scoped().items():
            buckets[hashlib.sha256(id_.encode()).digest()[0]][id_] = named
        replaced = [number for number, held in enumerate(buckets) if _sum(held) != body["buckets"][number]]
        changes = [self._change(id_, "put") for number in replaced for id_ in buckets[number]]
        page = {"changes": changes, "settled": [], "replaced": replaced, "more": False}
        page.update({"cursor": f"{self.epoch}:{len(self.log)}", "checkpoint": self.checkpoint()})
        return Answer(200, page)

    # The line

    def handle(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> Answer:
        """Answer one request; one at a time, as the database would have it."""
        with self.lock:
            return self._route(method, path, {name.lower(): value for name, value in headers.items()}, raw)

    def _route(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> Answer:
        call = path.removeprefix("/api/v1")
        if path == "/.well-known/jwks.json":
            return Answer(200, self.jwks())
        if call in ("/terminals", "/tokens/challenges", "/tokens"):
            body = json.loads(raw)
            if call == "/terminals":
                return self.identity.enrol(body)
            return self.identity.challenge() if call == "/tokens/challenges" else self.identity.token(body)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        terminal = self.identity.access.get(token)
        if terminal is None:
            return problem(401, "token_expired", "login")
        self.identity.use(token)
        if call.startswith(("/uploads", "/evidence")):
            return self.uploads.handle(method, call, headers, raw, terminal)
        if call.startswith("/number-blocks"):
            return self.numbers.handle(call, json.loads(raw))
        return self._sync(call, headers, raw, terminal)

    def _sync(self, call: str, headers: dict[str, str], raw: bytes, terminal: str) -> Answer:
        if call == "/sync/hello":
            answer = {"protocol": 1, "server_time": NOW, "epoch": self.epoch, "limits": self.limits}
            return Answer(200, {**answer, "safe_before": self.safe_before, "control": self.control})
        if call == "/sync/schema":
            steps = [{"event": e, "from": [f], "to": t, "roles": []} for e, (f, t) in EVENTS.items()]
            types = {"case": {"fields": {"status": {"class": "state"}}, "transitions": steps}}
            return Answer(200, {"schema": 1, "types": types}, {"ETag": '"1"'})
        if call == "/sync/push":
            digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
            if headers.get("content-digest") != f"sha-256=:{digest}:":
                return problem(400, "body_damaged", "later")
            plain = gzip.decompress(raw) if headers.get("content-encoding") == "gzip" else raw
            return self._push(terminal, json.loads(plain))
        if call not in ("/sync/pull", "/sync/repair"):
            return Answer(404, None)
        body = json.loads(raw)
        return self._pull(body) if call == "/sync/pull" else self._repair(body)


def _sum(known: dict[str, tuple[str, int]]) -> str:
    total = 0
    for id_, (type_, version) in known.items():
        total += int.from_bytes(hashlib.sha256(f"{type_}/{id_}/{version}".encode()).digest()[:8])
    return f"{total % 2**64:016x}"


def encoded(answer: Answer) -> tuple[dict[str, str], bytes]:
    """Give an answer's headers and bytes."""
    if answer.document is None:
        return answer.headers, b""
    return {"Content-Type": "application/json", **answer.headers}, json.dumps(answer.document).encode()


class WireTransport(httpx.BaseTransport):
    """The server without a socket, for properties that need many exchanges."""

    def __init__(self, server: WireServer) -> None:
        self.server = server

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = dict(request.headers)
        answer = self.server.handle(request.method, request.url.path, headers, request.read())
        headers, raw = encoded(answer)
        return httpx.Response(answer.status, headers=headers, content=raw, request=request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        wire: WireServer = self.server.wire  # type: ignore[attr-defined]  # set by `listening`
        answer = wire.handle(self.command, self.path, dict(self.headers.items()), raw)
        headers, body = encoded(answer)
        self.send_response(answer.status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_HEAD = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the test's own output is enough."""


def listening(server: WireServer) -> ThreadingHTTPServer:
    """Serve on a free port of loopback; the caller shuts it down."""
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    listener.wire = server  # type: ignore[attr-defined]  # read by the handler
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener
