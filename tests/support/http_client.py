"""The test client's face on a real line, so that model terminals can speak to a real server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


class HttpAnswer:
    """An answer as the model terminals read it."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status_code = answer.status_code
        self.headers = answer.headers
        self.text = answer.text
        self.mimetype = answer.headers.get("Content-Type", "").partition(";")[0]
        self._answer = answer

    @property
    def json(self) -> Any:
        return self._answer.json()


class HttpClient:
    """Speaks to a server by its URL; one for each thread's terminal."""

    def __init__(self, url: str) -> None:
        self._line = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def post(
        self, path: str, *, json: Any = None, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        body = {"content": data} if data is not None else {"json": json}
        return HttpAnswer(self._line.post(path, headers=headers, **body))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        return HttpAnswer(self._line.get(path, headers=headers))

    def close(self) -> None:
        self._line.close()
