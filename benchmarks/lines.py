"""One keep-alive connection over a bare socket, and the requests that go over it, made beforehand.

A client library would take more of the shared cores than the answers that are measured.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import zstandard

HOST = "127.0.0.1"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_ENCODING = re.compile(rb"\r\ncontent-encoding: *(\w+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)
_CURSOR = re.compile(rb'"cursor":"([^"]+)"')


class LineCut(OSError):
    """The server closed in the middle of an answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `sent`, the bytes of its body as they crossed the line."""

    status: int
    headers: bytes
    sent: bytes

    @property
    def body(self) -> bytes:
        """The body as it was before it was compressed."""
        found = _ENCODING.search(self.headers)
        if found is None:
            return self.sent
        return gzip.decompress(self.sent) if found[1] == b"gzip" else zstandard.decompress(self.sent)

    @property
    def retry_after_s(self) -> int | None:
        found = _RETRY_AFTER.search(self.headers)
        return int(found[1]) if found else None

    def cursor(self) -> str:
        """The cursor at the end of a pull's answer, without parsing the rest."""
        found: list[bytes] = _CURSOR.findall(self.body[-2_000:])
        return found[-1].decode()

    def has_more(self) -> bool:
        """Whether a pull's answer says that it is not the last page."""
        return b'"more":true' in self.body[-2_000:]


class Line:
    """A connection that is opened at its first request, and again when the server closed it."""

    def __init__(self, port: int, timeout_s: float = 120.0) -> None:
        self._port = port
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._left = b""

    def send(self, request: bytes) -> Reply:
        """Send a whole request, and give the whole answer."""
        if self._socket is None:
            self._open()
        assert self._socket is not None
        self._socket.sendall(request)
        head = self._until(b"\r\n\r\n")
        status = int(head[9:12])
        body = self._chunks() if _CHUNKED.search(head) else self._exactly(_length(head, status))
        if _CLOSES.search(head):
            self.close()
        return Reply(status, head, body)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._left = None, b""

    def _open(self) -> None:
        self._socket = socket.create_connection((HOST, self._port), self._timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _read(self) -> bytes:
        assert self._socket is not None
        piece = self._socket.recv(1 << 18)
        if not piece:
            self.close()
            raise LineCut("the server hung up")
        return piece

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._left:
            self._left += self._read()
        head, _, self._left = self._left.partition(mark)
        return head

    def _exactly(self, size: int) -> bytes:
        pieces, have = [self._left], len(self._left)
        while have < size:
            pieces.append(self._read())
            have += len(pieces[-1])
        whole = b"".join(pieces)
        self._left = whole[size:]
        return whole[:size]

    def _chunks(self) -> bytes:
        pieces: list[bytes] = []
        while size := int(self._until(b"\r\n").partition(b";")[0], 16):
            pieces.append(self._exactly(size))
            self._exactly(2)
        self._until(b"\r\n")
        return b"".join(pieces)


def _length(head: bytes, status: int) -> int:
    found = _LENGTH.search(head)
    if found:
        return int(found[1])
    if status in (204, 304):
        return 0
    raise LineCut("an answer without a length")


def request(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def push_request(token: str, body: bytes) -> bytes:
    """A push of a prepared body."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return request("POST", "/api/v1/sync/push", body, {**_by(token), "Content-Digest": f"sha-256=:{digest}:"})


def pull_request(
    token: str, cursor: str | None, *, limit: int = 1_000, lanes: tuple[str, ...] = ("reference", "records"),
    packed: str = "",
) -> bytes:
    """A pull from a cursor. packed: the encodings to accept."""
    ask: dict[str, Any] = {"cursor": cursor, "limit": limit, "lanes": lanes}
    headers = {**_by(token), **({"Accept-Encoding": packed} if packed else {})}
    return request("POST", "/api/v1/sync/pull", json.dumps(ask).encode(), headers)


def _by(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def wait_until(moment_s: float) -> None:
    """Sleep until a moment of the monotonic clock."""
    time.sleep(max(0.0, moment_s - time.monotonic()))
