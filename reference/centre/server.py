"""Speak the centre's side of the wire over HTTP/1.1; every request is bounded in bytes and in time."""

import hmac
import json
import logging
import re
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reference.centre.cases import check, parse
from reference.centre.faults import Fault, Faults
from reference.centre.refusals import Refusal
from reference.centre.store import Store

MAX_CASE_BYTES = 2 * 1024 * 1024
MAX_FAULT_BYTES = 64 * 1024
MAX_EVIDENCE_BYTES = 64 * 1024 * 1024
MAX_CONNECTIONS = 64
BODY_TIMEOUT_S = 120.0
CHUNK = 64 * 1024
EVIDENCE = re.compile(r"/evidence/([0-9a-f]{64})")
PORTAL = b"<!doctype html><title>portal</title><p>Please sign in to the network."

log = logging.getLogger("reference.centre")


class Server(ThreadingHTTPServer):
    """Listen for deliveries; one thread for each connection, at most MAX_CONNECTIONS."""

    daemon_threads = True
    block_on_close = False  # a request that is delayed on purpose must not hold up the end

    def __init__(self, address: tuple[str, int], folder: Path, token: str) -> None:
        self.store = Store(folder)
        self.faults = Faults()
        self.stopping = threading.Event()
        self._token = token.encode()
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, Handler)

    def knows(self, authorization: str) -> bool:
        """Tell whether a request bears the token."""
        return hmac.compare_digest(authorization.encode(), b"Bearer " + self._token)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve in a thread of its own, or hang up when all places are taken."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def server_close(self) -> None:
        """Stop listening, wake what is delayed, close the file."""
        self.stopping.set()
        super().server_close()
        self.store.close()


class Handler(BaseHTTPRequestHandler):
    """Answer the requests of one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "centre"
    sys_version = ""
    timeout = 30
    disable_nagle_algorithm = True
    _unread = 0

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        log.info(format, *args)

    def send_error(
        self,
        code: int,
        message: str | None = None,
        explain: str | None = None,
    ) -> None:
        """Answer what http.server itself refuses in the centre's shape, without an echo of the request."""
        self.close_connection = True
        self._answer(code, {"code": "bad_request", "message": "请求无法理解 (request not understood)"})

    def _serve(self) -> None:
        self._unread = 0
        try:
            self._unread = self._body_length()
            self._route()
        except Refusal as refusal:
            self._answer(refusal.status, {"code": refusal.code, "message": refusal.message})
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the line is gone; there is nobody to answer
        except (sqlite3.Error, OSError):
            log.exception("storage failed")
            self._answer(500, {"code": "storage", "message": "存储失败 (storage failed)"})

    def _route(self) -> None:
        path = urlsplit(self.path).path
        if (self.command, path) == ("GET", "/healthz"):
            self._answer(200, {"status": "ok"})
            return
        if not self.server.knows(self.headers.get("Authorization", "")):
            raise Refusal(401, "token_wrong", "令牌不对 (the token is wrong)")
        evidence = EVIDENCE.fullmatch(path)
        if evidence and self.command in ("HEAD", "PUT"):
            self._serve_evidence(evidence[1])
        elif (self.command, path) == ("POST", "/cases"):
            self._receive_case()
        elif (self.command, path) == ("GET", "/received"):
            self._answer(200, self.server.store.received())
        elif path == "/faults" and self.command in ("GET", "POST", "DELETE"):
            self._serve_faults()
        else:
            raise Refusal(404, "not_found", "没有这个地址 (no such address)")

    def _receive_case(self) -> None:
        document = parse(self._read(MAX_CASE_BYTES))
        case = document.get("case")
        fault = self.server.faults.take("cases", "POST", case if isinstance(case, str) else None)
        if self._fails(fault):
            return
        checked = check(document, self.headers.get("Idempotency-Key", ""), self.server.store.evidence_size)
        status, task_number = self.server.store.accept(checked)
        self._answer_unless_lost(fault, status, {"task_number": task_number})

    def _serve_evidence(self, sha256: str) -> None:
        fault = self.server.faults.take("evidence", self.command)
        if self._fails(fault):
            return
        if self.command == "HEAD":
            is_held = self.server.store.evidence_size(sha256) is not None
            self._answer_unless_lost(fault, 200 if is_held else 404, {})
            return
        self._require_length(MAX_EVIDENCE_BYTES)
        media_type = self.headers.get("Content-Type", "application/octet-stream")[:100]
        is_new = self.server.store.keep_evidence(sha256, self._chunks(), media_type)
        self._answer_unless_lost(fault, 201 if is_new else 200, {"sha256": sha256})

    def _serve_faults(self) -> None:
        if self.command == "POST":
            self.server.faults.add(parse(self._read(MAX_FAULT_BYTES)))
        elif self.command == "DELETE":
            self.server.faults.clear()
        self._answer(200, {"faults": self.server.faults.waiting()})

    def _fails(self, fault: Fault) -> bool:
        """Do what a fault demands before the work; True when the request is answered by that."""
        if fault.delay_s:
            self.server.stopping.wait(fault.delay_s)
        if fault.refuse is not None:
            raise Refusal(422, fault.refuse["code"], fault.refuse["message"])
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        if fault.html:
            self._send(fault.status or 200, PORTAL, {**headers, "Content-Type": "text/html"})
        elif fault.status is not None:
            body = {"code": "told_to_fail", "message": "按吩咐失败 (told to fail)"}
            self._answer(fault.status, body, headers)
        return fault.html or fault.status is not None

    def _answer_unless_lost(self, fault: Fault, status: int, body: dict[str, Any]) -> None:
        if not fault.lose_answer:
            self._answer(status, body)
            return
        self.close_connection = True
        # A zero linger makes the close a reset: the sender learns nothing but that the line broke.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _body_length(self) -> int:
        lengths = self.headers.get_all("Content-Length", [])
        if self.headers.get("Transfer-Encoding") is not None:
            self.close_connection = True
            raise Refusal(411, "length_required", "须给出长度 (send a Content-Length)")
        if not lengths:
            return 0
        if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,15}", lengths[0]):
            self.close_connection = True
            raise Refusal(400, "bad_request", "长度不合格 (the length is not well-formed)")
        return int(lengths[0])

    def _require_length(self, most: int) -> None:
        if self.headers.get("Content-Length") is None:
            raise Refusal(411, "length_required", "须给出长度 (send a Content-Length)")
        if self._unread > most:
            raise Refusal(413, "too_large", f"超过 {most} 字节 (more than {most} bytes)")

    def _read(self, most: int) -> bytes:
        self._require_length(most)
        return b"".join(self._chunks())

    def _chunks(self) -> Iterator[bytes]:
        """Give the rest of the body piece by piece.

        Raises: ConnectionError when it ends early, TimeoutError when it takes too long.
        """
        ends_at = time.monotonic() + BODY_TIMEOUT_S
        while self._unread:
            if time.monotonic() > ends_at:
                raise TimeoutError
            chunk = self.rfile.read1(min(CHUNK, self._unread))
            if not chunk:
                raise ConnectionAbortedError
            self._unread -= len(chunk)
            yield chunk

    def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        encoded = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        self._send(status, encoded, {**(headers or {}), "Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            self._discard_body()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _discard_body(self) -> None:
        """Read what was not wanted: closing on it would reset the line and lose the answer."""
        if self._unread > MAX_EVIDENCE_BYTES:
            self._unread, self.close_connection = 0, True
        for _ in self._chunks():
            pass
