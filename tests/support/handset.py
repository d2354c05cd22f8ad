"""The reference terminal on the real server: the wire between them is WSGI, with a fault plan on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from flask import Flask

from reference.terminal import Terminal, Verdict
from tests.integration.people import PASSWORD, Bureau
from tests.support.wire_faults import FaultyLine


class Wire(httpx.BaseTransport):
    """The application, answered whole: a plan may then lose or cut what it said."""

    def __init__(self, app: Flask) -> None:
        self._inner = httpx.WSGITransport(app=app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        raw = b"".join(answer.stream)  # type: ignore[arg-type]  # WSGI's answers are read as plain bytes
        # As sent: what is compressed stays so for the client to undo.
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-length"]
        return httpx.Response(answer.status_code, headers=headers, stream=httpx.ByteStream(raw), request=request)


class Handset:
    """One reference terminal in a folder of its own, enrolled; killed and opened again at will."""

    def __init__(self, bureau: Bureau, folder: Path) -> None:
        self.line = FaultyLine(Wire(bureau.app))
        self.folder = folder
        self.terminal = self.open()
        assert self.terminal.enrol(bureau.code(), "演示机").verdict is Verdict.OK

    def open(self, **more: Any) -> Terminal:
        self.terminal = Terminal(self.folder, "http://wire", transport=self.line, chance=lambda: 0.5, **more)
        return self.terminal

    def sign_in(self, username: str) -> Terminal:
        assert self.terminal.sign_in(username, PASSWORD).verdict is Verdict.OK
        return self.terminal

    @property
    def id(self) -> str:
        return self.terminal.session.terminal_id

    @property
    def number(self) -> str:
        return str(self.terminal.store.get("terminal_no"))
