"""The line between terminals and the server in this process: it loses, repeats, delays, cuts and bends."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

import httpx

from simulation.faults import Failpoints, ServerKilled
from simulation.site import Site

PUSH = "/api/v1/sync/push"
PULL = "/api/v1/sync/pull"
UPLOADS = "/api/v1/uploads"
PORTAL = b"<!doctype html><title>WiFi</title><form>\xe8\xaf\xb7\xe7\x99\xbb\xe5\xbd\x95</form>"
FAULTS = (
    "request_lost",
    "response_lost",
    "duplicated",
    "delayed",
    "request_cut",
    "response_cut",
    "response_truncated",
    "bit_flipped",
    "portal",
    "too_many_requests",
    "unavailable",
    "too_large",
)
_PROBLEMS = {
    "too_many_requests": (429, "too_many_requests", "later"),
    "unavailable": (503, "unavailable", "later"),
    "too_large": (413, "batch_too_large", "split"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, whether or not it arrives."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class Heard:
    """One push that the server answered with 200: what it got and what it said, seen at its own end."""

    envelope: dict[str, Any]
    answer: dict[str, Any]
    token: str
    at_ms: int


@dataclass(slots=True)
class Late:
    """A request that still travels."""

    request: httpx.Request
    content: bytes
    device: str


class Witness(Protocol):
    """Who is told of all that reaches the server, whether or not an answer arrives."""

    def heard(self, heard: Heard) -> None: ...

    def unheard(self, envelope: dict[str, Any], token: str) -> None: ...

    def uploaded(self) -> None: ...


@dataclass
class Network:
    """All lines; `weather` is the share of requests that something happens to."""

    site: Site
    failpoints: Failpoints
    dice: random.Random
    weather: float = 0.0
    injected: Counter[str] = field(default_factory=Counter)
    late: list[Late] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    pages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    listeners: list[Callable[[Heard], None]] = field(default_factory=list)
    witness: Witness | None = None
    broken: list[str] = field(default_factory=list)
    requests: int = 0

    def serve(self, request: httpx.Request, content: bytes, device: str, announced: int | None = None) -> Answer:
        """Give a request to the server, note what it says. Raises: httpx.ReadError when it was killed."""
        self.requests += 1
        try:
            with self.failpoints.around():
                answer = _call(self.site, request, content, announced)
        except ServerKilled:
            self._notice(request, content, announced)
            raise httpx.ReadError("the server was killed") from None
        if answer.status == 500:
            self.broken.append(f"{request.method} {request.url.path} answered 500")
        if answer.status == 200:
            self._listen(request, content, answer, device)
        if answer.status != 200 or request.url.path != PUSH:
            self._notice(request, content, announced)
        return answer

    def _notice(self, request: httpx.Request, content: bytes, announced: int | None) -> None:
        """Have the witness look what a request did that had no good answer, or that brought bytes."""
        if self.witness is None:
            return
        if request.url.path.startswith(UPLOADS) and request.method in ("POST", "PATCH"):
            self.witness.uploaded()
        if request.url.path == PUSH and announced is None:
            self.witness.unheard(_json(request.headers.multi_items(), content), _token(request))

    def _listen(self, request: httpx.Request, content: bytes, answer: Answer, device: str) -> None:
        if request.url.path == PULL:
            self.pages.append((device, _json(answer.headers, answer.body)))
        if request.url.path != PUSH:
            return
        envelope = _json(request.headers.multi_items(), content)
        at_ms = int(self.site.clock.at.timestamp() * 1000)
        heard = Heard(envelope, _json(answer.headers, answer.body), _token(request), at_ms)
        self.heard.append(heard)
        if self.witness is not None:
            self.witness.heard(heard)
        for listener in self.listeners:
            listener(heard)

    def deliver_late(self) -> str:
        """Let one of the delayed requests arrive; nobody waits for its answer any more."""
        late = self.late.pop(self.dice.randrange(len(self.late)))
        try:
            return f"{late.device} {late.request.url.path} {self.serve(late.request, late.content, late.device).status}"
        except httpx.TransportError:
            return f"{late.device} {late.request.url.path} killed"


class Line(httpx.BaseTransport):
    """One terminal's way to the server."""

    def __init__(self, network: Network, device: str) -> None:
        self._network = network
        self._device = device

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        network, dice, content = self._network, self._network.dice, request.read()
        fault = dice.choice(FAULTS) if dice.random() < network.weather else None
        if fault is not None:
            return self._disturbed(fault, request, content)
        return _response(network.serve(request, content, self._device))

    def _disturbed(self, fault: str, request: httpx.Request, content: bytes) -> httpx.Response:
        network, dice = self._network, self._network.dice
        if fault == "bit_flipped" and not _is_guarded(request):
            fault = "response_lost"
        if fault == "too_large" and request.url.path != PUSH:
            fault = "unavailable"
        network.injected[fault] += 1
        if fault == "portal":
            return httpx.Response(200, headers={"Content-Type": "text/html"}, content=PORTAL)
        if fault in _PROBLEMS:
            return _refusal(fault, dice)
        self._on_the_way_there(fault, request, content)
        if fault == "bit_flipped":
            content = _flipped(content, dice)
        answer = network.serve(request, content, self._device)
        if fault == "duplicated":
            answer = network.serve(request, content, self._device)
        return self._on_the_way_back(fault, answer)

    def _on_the_way_there(self, fault: str, request: httpx.Request, content: bytes) -> None:
        """Raise what the terminal sees of a request that does not arrive, or not whole, or not now."""
        if fault == "request_lost":
            raise httpx.ConnectError("lost")
        if fault == "delayed":
            self._network.late.append(Late(request, content, self._device))
            raise httpx.ReadTimeout("delayed")
        if fault == "request_cut":
            self._cut(request, content)

    def _on_the_way_back(self, fault: str, answer: Answer) -> httpx.Response:
        """Give the answer as it arrives, if it does."""
        if fault == "response_lost":
            raise httpx.ReadError("the answer was lost")
        if fault == "response_cut":
            raise httpx.RemoteProtocolError("the line broke within the answer")
        if fault == "response_truncated":
            kept = answer.body[: self._network.dice.randrange(len(answer.body))] if answer.body else b""
            answer = Answer(answer.status, answer.headers, kept)
        return _response(answer)

    def _cut(self, request: httpx.Request, content: bytes) -> None:
        """The line breaks while the request is sent: the server gets its beginning."""
        if content:
            part = content[: self._network.dice.randrange(len(content))]
            self._network.serve(request, part, self._device, announced=len(content))
        raise httpx.WriteError("the line broke within the request")


def _token(request: httpx.Request) -> str:
    return request.headers["Authorization"].removeprefix("Bearer ")


def _is_guarded(request: httpx.Request) -> bool:
    """Say whether a flipped bit can be noticed: where the protocol sends a digest along."""
    return "Content-Digest" in request.headers or "Upload-Checksum" in request.headers


def _flipped(content: bytes, dice: random.Random) -> bytes:
    if not content:
        return content
    changed = bytearray(content)
    changed[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _refusal(fault: str, dice: random.Random) -> httpx.Response:
    status, code, retry = _PROBLEMS[fault]
    headers = {"Retry-After": str(dice.randrange(1, 120))} if dice.random() < 0.5 else {}
    if dice.random() < 0.5:
        return httpx.Response(status, headers=headers | {"Content-Type": "text/html"}, content=PORTAL)
    document = {"type": f"/problems/{code}", "status": status, "code": code, "retry": retry}
    return httpx.Response(
        status, headers=headers | {"Content-Type": "application/problem+json"}, content=json.dumps(document).encode()
    )


def _response(answer: Answer) -> httpx.Response:
    return httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body))


def _json(headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """Read a body as whoever gets it does."""
    document: dict[str, Any] = httpx.Response(200, headers=headers, content=body).json()
    return document


def _call(site: Site, request: httpx.Request, content: bytes, announced: int | None) -> Answer:
    """Run the WSGI application. announced: the length told where the body breaks off before."""
    said: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], *_error: Any) -> Callable[[bytes], object]:
        said["status"], said["headers"] = int(status.split(" ", 1)[0]), headers
        return lambda _data: None

    pieces = site.app.wsgi_app(_environ(request, content, announced), start)
    try:
        body = b"".join(pieces)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
    return Answer(said["status"], said["headers"], body)


def _environ(request: httpx.Request, content: bytes, announced: int | None) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.url.path),
        "QUERY_STRING": request.url.query.decode("ascii"),
        "SERVER_NAME": request.url.host,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.multi_items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    environ["CONTENT_LENGTH"] = str(len(content) if announced is None else announced)
    return environ
