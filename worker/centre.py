"""Deliver cases and their evidence to the digital management centre: the server's only outbound HTTP.

Knows the wire and nothing else: no database, no queue, no case type. Every call ends with a value that says
what to do next, within a time that the caller chose, whatever stands at the other end: the centre, a portal's
page, or a line that drips. Sending twice is safe, since the centre knows keys and digests.
"""

import hashlib
import json
import math
import os
import re
import socket
import ssl
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx

MAX_ANSWER_BYTES = 64 * 1024
MAX_MESSAGE = 2000
MAX_TASK_NUMBER = 64
MAX_RETRY_AFTER_S = 24 * 3600
SLOWEST_UPLOAD_BYTES_PER_S = 16 * 1024
CHUNK = 64 * 1024

SHA256 = re.compile(r"[0-9a-f]{64}")
CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True)
class Delivered:
    """The centre has the case, durably, under this number."""

    task_number: str


@dataclass(frozen=True)
class Refused:
    """The centre will not take this version; its unit must correct the case."""

    code: str
    message: str


@dataclass(frozen=True)
class Stored:
    """The centre has the evidence."""

    sha256: str


@dataclass(frozen=True)
class Later:
    """It is not known that the centre has it; send the same again.

    reason: for a person, Chinese then English. retry_after_s: what the centre asked for, at most a day.
    """

    reason: str
    retry_after_s: int | None = None


@dataclass(frozen=True)
class Answer:
    """Hold what came back; header names in lower case."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class CentreClient:
    """Speak to one centre; safe between threads; each request has a connection of its own."""

    def __init__(
        self, base_url: str, token: str, timeout_s: float = 20.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Prepare to speak to `base_url`; nothing is sent yet.

        timeout_s: for a whole exchange; an upload gets as much more as its size needs on a slow line.
        transport: any of httpx's, for a centre in this process.

        Raises: ValueError when the address or the token could never work.
        """
        try:
            url = httpx.URL(base_url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise ValueError("the centre's address is no URL") from error
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
            raise ValueError("the centre's address must be http(s)://host[:port][/path]")
        if not TOKEN.fullmatch(token):
            raise ValueError("the centre's token must be printable ASCII without spaces")
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            raise ValueError("the time-out must be a positive number of seconds")
        self._base_url = str(url).rstrip("/")
        self._timeout_s = timeout_s
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
            timeout=timeout_s,
            transport=transport,
            follow_redirects=False,
            trust_env=False,  # a .netrc would replace our token, a proxy variable would see the cases
            verify=ssl.create_default_context(),
            # A kept connection may be dead by the next delivery, which would then look like a lost answer.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def has_evidence(self, sha256: str) -> bool:
        """Tell whether the centre has said that it holds this; False when that could not be learnt."""
        if not SHA256.fullmatch(sha256):
            return False
        answer = self._ask("HEAD", f"/evidence/{sha256}", limit_s=self._timeout_s)
        if isinstance(answer, Later) or answer.status != 200:
            return False
        # A portal says 200 to everything; believing it would have the case refused for want of evidence.
        return not answer.headers.get("content-type", "").lower().startswith("text/html")

    def put_evidence(
        self, sha256: str, source: Path | str | BinaryIO, media_type: str, size: int
    ) -> Stored | Later:
        """Stream evidence from disk; bytes that are not those of the digest never arrive whole.

        source: a path, or a binary file open where the evidence begins. size: its bytes.
        """
        if not SHA256.fullmatch(sha256):
            return Later("证据摘要不是 SHA-256 / The evidence digest is not a SHA-256")
        headers = {"Content-Type": media_type, "Content-Length": str(size)}
        limit_s = self._timeout_s + size / SLOWEST_UPLOAD_BYTES_PER_S
        try:
            with Path(source).open("rb") if isinstance(source, Path | str) else nullcontext(source) as file:
                chunks = _checked_chunks(file, sha256, size)
                answer = self._ask("PUT", f"/evidence/{sha256}", headers, chunks, limit_s=limit_s)
        except _SourceError as error:
            return Later(str(error))
        except OSError as error:
            return Later(_cannot_read(error))
        return answer if isinstance(answer, Later) else judge_evidence(answer, sha256, datetime.now(UTC))

    def deliver(self, case: dict[str, Any], key: str) -> Delivered | Refused | Later:
        """Send one version of a case, after its evidence.

        key: `<case id>:<version>`; repeats under one key must carry the same case.
        """
        try:
            body = json.dumps(case, ensure_ascii=False, allow_nan=False, sort_keys=True).encode("utf-8")
        except (TypeError, ValueError, RecursionError) as error:
            return Later(f"案件无法写成 JSON / The case cannot be written as JSON: {type(error).__name__}")
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        answer = self._ask("POST", "/cases", headers, body, limit_s=self._timeout_s)
        return answer if isinstance(answer, Later) else judge_case(answer, datetime.now(UTC))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        content: bytes | Iterator[bytes] | None = None,
        *,
        limit_s: float,
    ) -> Answer | Later:
        deadline = _Deadline(limit_s)
        try:
            with (
                deadline.running(),
                self._client.stream(
                    method,
                    self._base_url + path,
                    headers=headers,
                    content=content,
                    extensions={"trace": deadline.trace},
                ) as response,
            ):
                body = _read_bounded(response)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Later(_line_fault(error, deadline.has_passed, limit_s))
        if deadline.has_passed:
            return Later(_line_fault(TimeoutError(), True, limit_s))
        if body is None:
            return Later(f"中心的回答超过 {MAX_ANSWER_BYTES} 字节 / The centre's answer is too large")
        return Answer(response.status_code, body, dict(response.headers))


def judge_case(answer: Answer, now: datetime) -> Delivered | Refused | Later:
    """Say what an answer to `POST /cases` means; now: to reckon a Retry-After date from."""
    document = _object(answer.body)
    if answer.status in (200, 201, 409):
        number = document.get("task_number")
        if isinstance(number, str) and 0 < len(number) <= MAX_TASK_NUMBER and number.isprintable():
            return Delivered(number)
        return Later(
            f"中心回答 {answer.status} 但没有任务号，可能是网络登录页 / "
            f"The answer {answer.status} has no task number; it may be a portal's page"
        )
    code, message = document.get("code"), document.get("message")
    if answer.status == 422 and (isinstance(code, str) or isinstance(message, str)):
        is_code = isinstance(code, str) and CODE.fullmatch(code)
        return Refused(str(code) if is_code else "refused", _plain(message, MAX_MESSAGE))
    return _later(answer, now)


def judge_evidence(answer: Answer, sha256: str, now: datetime) -> Stored | Later:
    """Say what an answer to `PUT /evidence` means; no unit can correct a photo, so nothing is refused."""
    is_page = answer.headers.get("content-type", "").lower().startswith("text/html")
    if answer.status in (200, 201, 204) and not is_page:
        return Stored(sha256)
    return _later(answer, now)


def parse_retry_after(value: str, now: datetime) -> int | None:
    """Read a Retry-After in seconds or as an HTTP date; None when it is neither; 0 to a day."""
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,100}", text):
        return min(int(text), MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(text)
        pause_s = math.ceil(((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0, min(pause_s, MAX_RETRY_AFTER_S))


def _later(answer: Answer, now: datetime) -> Later:
    retry_after_s = None
    if answer.status in (429, 503):
        retry_after_s = parse_retry_after(answer.headers.get("retry-after", ""), now)
    said = _plain(_object(answer.body).get("message"), 300)
    return Later(_status_reason(answer.status) + (f": {said}" if said else ""), retry_after_s)


def _status_reason(status: int) -> str:
    if status in (401, 403):
        return f"中心不认我们的令牌（{status}），请管理员核对 / It refuses our token ({status}); check it"
    if status in (429, 503):
        return f"中心正忙（{status}） / The centre is busy ({status})"
    if 200 <= status < 400:
        return f"不像是中心的回答（{status}），可能是网络登录页 / Not the centre ({status}); a portal?"
    if status == 404:
        return "中心没有这个地址（404），请管理员核对 / The centre has no such address (404); check it"
    if status >= 500:
        return f"中心出错（{status}） / The centre failed ({status})"
    return f"中心回答 {status}，请管理员查看 / The centre answered {status}; a person should look"


def _line_fault(error: Exception, is_late: bool, limit_s: float) -> str:
    if is_late or isinstance(error, httpx.TimeoutException):
        return f"中心未在 {limit_s:g} 秒内答复 / The centre did not answer within {limit_s:g} s"
    if isinstance(error, httpx.ConnectError):
        return "连不上中心 / The centre cannot be reached"
    if isinstance(error, httpx.LocalProtocolError | httpx.InvalidURL | ValueError):
        kind = type(error).__name__
        return f"请求无法发出，请管理员查看 / The request could not be sent; a person should look: {kind}"
    return "与中心的连接中断，不知是否送达 / The line to the centre broke; whether it arrived is not known"


def _cannot_read(error: OSError) -> str:
    kind = type(error).__name__
    return f"本地证据读不出，请管理员查看 / The evidence cannot be read; a person should look: {kind}"


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _plain(text: object, most: int) -> str:
    """Make a stranger's text safe to store and show: no controls (NUL), no lone surrogates, bounded."""
    if not isinstance(text, str):
        return ""
    return "".join(each if _is_storable(each) else " " for each in text[:most]).strip()


def _is_storable(character: str) -> bool:
    return character == "\n" or unicodedata.category(character) not in ("Cc", "Cs")


def _read_bounded(response: httpx.Response) -> bytes | None:
    """Read a body as sent, undecoded so that it can't unfold; None when it is too large."""
    body = b""
    for chunk in response.iter_raw(CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return None
    return body


class _SourceError(Exception):
    """Our own evidence is not what it should be; the text is for a person."""


def _checked_chunks(file: BinaryIO, sha256: str, size: int) -> Iterator[bytes]:
    """Give the file's bytes, the last ones only after the whole was found right.

    Raises: _SourceError when it can't be read, or its size or digest is another.
    """
    digest, left = hashlib.sha256(), size
    held = b""
    while chunk := _read_source(file):
        digest.update(chunk)
        left -= len(chunk)
        if left < 0:
            break
        if held:
            yield held
        held = chunk
    if left != 0 or digest.hexdigest() != sha256:
        raise _SourceError("本地证据与摘要不符，请管理员查看 / The evidence on our disk is damaged")
    if held:
        yield held


def _read_source(file: BinaryIO) -> bytes:
    try:
        return file.read(CHUNK)
    except (OSError, ValueError) as error:
        raise _SourceError(_cannot_read(OSError(str(error)))) from error


class _Deadline:
    """End one exchange when its whole time is over.

    A client's time-out starts anew with every byte; a line that drips would hold a worker for hours. So the
    connection is shut down from outside, through a duplicate of its descriptor: TLS may replace the object.
    """

    def __init__(self, limit_s: float) -> None:
        self.has_passed = False
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._line: socket.socket | None = None

    def trace(self, event: str, details: dict[str, Any]) -> None:
        """Learn of the connection (called by the HTTP client)."""
        if event != "connection.connect_tcp.complete":
            return
        connected = details["return_value"].get_extra_info("socket")
        with self._lock:
            self._line = socket.socket(fileno=os.dup(connected.fileno()))
            if self.has_passed:
                _shut(self._line)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the time while the body runs."""
        timer = threading.Timer(self._limit_s, self._pass)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                if self._line is not None:
                    self._line.close()
                    self._line = None

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            if self._line is not None:
                _shut(self._line)


def _shut(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other end was quicker
