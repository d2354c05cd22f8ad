"""Bad lines: transports that lose, cut or replace what passes, on a plan."""

from collections.abc import Callable

import httpx

PORTAL = b"<html><body>Sign in to this network</body></html>"


class Killed(BaseException):
    """The process died here. No handler of ours may catch it."""


class FaultyLine(httpx.BaseTransport):
    """A line with a fault plan: `wire_faults` holds (matches, fault) pairs, each used once, in order."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.faults: list[tuple[Callable[[httpx.Request], bool], str]] = []
        self.seen: list[tuple[str, str, bytes]] = []

    def plan(self, path: str, fault: str, times: int = 1, method: str | None = None) -> None:
        """Order a fault for the next requests to a path."""

        def matches(request: httpx.Request) -> bool:
            return path in request.url.path and method in (None, request.method)

        self.faults.extend([(matches, fault)] * times)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((request.method, request.url.path, request.read()))
        for place, (matches, fault) in enumerate(self.faults):
            if matches(request):
                del self.faults[place]
                return self._fail(fault, request)
        return self.inner.handle_request(request)

    def _fail(self, fault: str, request: httpx.Request) -> httpx.Response:
        if fault == "lost_request":
            raise httpx.ConnectError("no line", request=request)
        if fault == "portal":
            return httpx.Response(200, headers={"Content-Type": "text/html"}, content=PORTAL, request=request)
        if fault == "killed_before":
            raise Killed
        if fault.isdigit():
            return _problem(int(fault), request)
        answer = self.inner.handle_request(request)
        if fault == "killed_after":
            raise Killed
        if fault == "cut":
            half = answer.content[: len(answer.content) // 2]
            return httpx.Response(answer.status_code, headers=answer.headers, stream=_Cut(half))
        if fault == "forged":
            return _forged(answer)
        raise httpx.ReadError("answer lost", request=request)


class _Cut(httpx.SyncByteStream):
    def __init__(self, half: bytes) -> None:
        self.half = half

    def __iter__(self):
        yield self.half
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def _problem(status: int, request: httpx.Request) -> httpx.Response:
    retry = {413: "split", 429: "later", 503: "later", 410: "resync", 403: "stop", 401: "login"}[status]
    headers = {"Content-Type": "application/problem+json", "Retry-After": "7"}
    document = {"code": f"planned_{status}", "retry": retry, "status": status}
    return httpx.Response(status, headers=headers, json=document, request=request)


def _forged(answer: httpx.Response) -> httpx.Response:
    """Change the last signature character but one of the receipt inside."""
    document = answer.json()
    token = document["receipt"]
    other = "A" if token[-4] != "A" else "B"
    document["receipt"] = token[:-4] + other + token[-3:]
    return httpx.Response(answer.status_code, json=document)
