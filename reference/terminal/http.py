"""Speak HTTP over a bad line, and say of every answer what the protocol wants done about it.

Knows no store. Nothing here waits: how long to wait is part of the reply.
"""

import base64
import gzip
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import httpx

BASE = "/api/v1"
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
ANSWER_LIMIT = 64 * 1024 * 1024
COMPRESS_FROM = 1024
SYSTEM_CHANCE = secrets.SystemRandom().random
FIRST_WAIT_S, SHORTEST_WAIT_S, LONGEST_WAIT_S = 1.0, 0.2, 300.0
TIMED_OUT, CUT = "timed_out", "cut"
# The line took up the request and did not bring it through: less of it may pass.
_TOO_MUCH_STATUS = (408, 413, 504)


class Verdict(StrEnum):
    """What the terminal does about an answer; all but `ok` are the protocol's `retry` words."""

    OK = "ok"
    FIX = "fix"
    SPLIT = "split"
    LOGIN = "login"
    STOP = "stop"
    RESYNC = "resync"
    LATER = "later"


@dataclass(frozen=True)
class Reply:
    """One answer, judged. status: 0 when none came. wait_s: only with `later`."""

    verdict: Verdict
    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    content: bytes = b""
    document: dict[str, Any] = field(default_factory=dict)
    code: str | None = None
    wait_s: float = 0.0

    @property
    def less_may_pass(self) -> bool:
        """Say whether the request broke on its way, and not for want of any line at all."""
        broke = self.code in (TIMED_OUT, CUT) or self.status in _TOO_MUCH_STATUS
        return self.verdict is Verdict.LATER and broke

    @property
    def control(self) -> dict[str, Any]:
        control = self.document.get("control")
        return control if isinstance(control, dict) else {}


class Line:
    """One server, reached through httpx; `transport` may be any of httpx's, also one that fails."""

    def __init__(
        self,
        base_url: str,
        transport: httpx.BaseTransport | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        chance: Callable[[], float] = SYSTEM_CHANCE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        headers = {"Accept-Encoding": "gzip", "Accept-Language": "zh-CN, en;q=0.5"}
        self._client = httpx.Client(
            base_url=base_url, transport=transport, timeout=timeout, headers=headers, trust_env=False
        )
        self._chance = chance
        self._now = now
        self._failures = 0

    def close(self) -> None:
        self._client.close()

    def send_json(self, method: str, path: str, body: Any, token: str | None = None) -> Reply:
        """Send a JSON object; give the object that came back."""
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return self.send(method, path, raw, {"Content-Type": "application/json"}, token)

    def send_body(self, path: str, raw: bytes, token: str | None = None) -> Reply:
        """Post JSON bytes as they are, compressed where it helps, under a digest of what is sent."""
        headers = {"Content-Type": "application/json"}
        if len(raw) >= COMPRESS_FROM:
            raw = gzip.compress(raw, mtime=0)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(raw).digest()).decode()}:"
        return self.send("POST", path, raw, headers, token)

    def send(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> Reply:
        """Send one request and judge what comes back, if anything does."""
        headers = {"Accept": "application/json, application/problem+json", **(headers or {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            with self._client.stream(method, path, content=content, headers=headers) as answer:
                body = _read(answer)
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            return self.later(code=TIMED_OUT)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            return self.later(code=CUT)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return self.later(code="unreachable")
        return self._judge(answer, body)

    def _judge(self, answer: httpx.Response, body: bytes) -> Reply:
        kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
        document = _object(body) if kind.endswith(("/json", "+json")) else None
        if kind == "application/problem+json" and document is not None:
            return self._obey(answer, document)
        ours = document is not None or "Tus-Resumable" in answer.headers or kind == "application/jose"
        empty = answer.status_code == 204 or (answer.status_code == 304 and "ETag" in answer.headers)
        if empty or (200 <= answer.status_code < 300 and ours):
            self._failures = 0
            return Reply(Verdict.OK, answer.status_code, answer.headers, body, document or {})
        if "Tus-Resumable" in answer.headers and answer.status_code in (404, 409, 410, 460):
            return Reply(Verdict.FIX, answer.status_code, answer.headers, body, code="upload_refused")
        return self.later(answer.status_code, answer.headers, code="not_ours")

    def _obey(self, answer: httpx.Response, document: dict[str, Any]) -> Reply:
        """Follow the problem's `retry`; a word that we don't know means later."""
        code = document.get("code")
        code = code if isinstance(code, str) else None
        retry = document.get("retry")
        if retry not in ("fix", "split", "login", "stop", "resync"):
            return self.later(answer.status_code, answer.headers, document, code)
        return Reply(Verdict(retry), answer.status_code, answer.headers, document=document, code=code)

    def later(
        self,
        status: int = 0,
        headers: httpx.Headers | None = None,
        document: dict[str, Any] | None = None,
        code: str | None = None,
    ) -> Reply:
        """Say how long to wait: what the server asked for and a little more, else anything up to a growing bound.

        The whole of the pause is chance: terminals that lost their line together do not come back together.
        """
        self._failures += 1
        headers = headers if headers is not None else httpx.Headers()
        asked = self._retry_after(headers.get("Retry-After"))
        if asked is None:
            ceiling = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, 16))
            wait_s = max(SHORTEST_WAIT_S, ceiling * self._chance())
        else:
            wait_s = self.at_least(asked)
        return Reply(Verdict.LATER, status, headers, document=document or {}, code=code, wait_s=wait_s)

    def at_least(self, asked_s: float) -> float:
        """Lengthen a pause that was asked for, so that those who were asked together come apart."""
        return asked_s * (1 + self._chance() / 4)

    def _retry_after(self, value: str | None) -> float | None:
        """Read seconds or an HTTP date, never more than a day."""
        if value is None:
            return None
        try:
            seconds = float(value) if value.strip().isdigit() else self._until(value)
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(seconds, 0.0), 86400.0)

    def _until(self, value: str) -> float:
        return (parsedate_to_datetime(value) - self._now()).total_seconds()


def _read(answer: httpx.Response) -> bytes:
    """Read a body whole, but never more than the limit: a portal may stream for ever."""
    parts: list[bytes] = []
    left = ANSWER_LIMIT
    for part in answer.iter_bytes():
        left -= len(part)
        if left < 0:
            raise ValueError("the answer is too long")
        parts.append(part)
    return b"".join(parts)


def _object(body: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None for anything else."""
    try:
        value = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
