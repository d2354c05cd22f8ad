"""The reviewer (审核人员) at the console: a browser's session, over real HTTP."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
from uuid_utils import uuid7

PATIENCE_S = 90.0
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class ReviewerFailed(RuntimeError):
    """The console refused what the reviewer did."""


class Reviewer:
    """Signs in as a browser does, then decides by the API with the same cookie."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=15, trust_env=False, follow_redirects=False)
        self._csrf = ""
        answer = self._send("POST", "/console/login", data={"username": username, "password": password})
        if answer.status_code not in (302, 303):
            raise ReviewerFailed(f"login: {answer.status_code}")
        match = _CSRF.search(self.page("/console/"))
        if match is None:
            raise ReviewerFailed("the console's page carries no token")
        self._csrf = match[1]

    def page(self, path: str) -> str:
        """A page of the console."""
        answer = self._send("GET", path)
        if answer.status_code != 200:
            raise ReviewerFailed(f"{path}: {answer.status_code}")
        return answer.text

    def document(self, case: str, element: str) -> bytes:
        """A paper of a case, as the server prints it."""
        path = f"/api/v1/cases/{case}/documents/{element}"
        answer = self._send("GET", path)
        if answer.status_code != 200:
            raise ReviewerFailed(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.content

    def conflicts(self, record: str) -> list[dict[str, Any]]:
        """Open conflicts of a record."""
        found: list[dict[str, Any]] = self._json("GET", "/api/v1/conflicts?state=open")
        return [one for one in found if one["record"] == record]

    def settle(self, conflict: str, keep: str, reason: str) -> dict[str, Any]:
        body = {"id": str(uuid7()), "keep": keep, "reason": reason}
        settled: dict[str, Any] = self._json("POST", f"/api/v1/conflicts/{conflict}/resolution", body)
        return settled

    def review(self, resource: str, record: str, verdict: str, reason: str = "") -> dict[str, Any]:
        """resource: `evidence` or `cases`."""
        body = {"id": str(uuid7()), "verdict": verdict} | ({"reason": reason} if reason else {})
        made: dict[str, Any] = self._json("POST", f"/api/v1/{resource}/{record}/reviews", body)
        return made

    def close(self) -> None:
        self._client.close()

    def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._send(method, path, json=body, headers={"X-CSRF-Token": self._csrf})
        if answer.status_code != 200:
            raise ReviewerFailed(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send, again while the server is away; every decision bears its own id, so repeating is harmless."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self._client.request(method, path, **options)
            except httpx.TransportError:
                if time.monotonic() > until:
                    raise
            else:
                if answer.status_code not in (500, 502, 503) or time.monotonic() > until:
                    return answer
            time.sleep(0.3)
